"""How things are shown."""

from specc.report.diagnostics import render

__all__ = ["render"]
