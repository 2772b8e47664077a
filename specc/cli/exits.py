"""Exit codes. 0 is fine."""

FINDINGS = 1
"""The spec has mistakes, a proof failed, something is broken."""

USAGE = 2
"""Wrong usage, something missing, an output that cannot be written, our own mistake."""

NOTHING = 3
"""Nothing to check."""
