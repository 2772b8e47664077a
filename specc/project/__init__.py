"""Many specs of one project: settings, discovery, one check of all of them, fixes, baselines and budgets."""
