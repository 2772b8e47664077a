"""From the checked graph to files that others run."""
