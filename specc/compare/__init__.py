"""Two versions of a network: what changed for whoever uses it."""

from specc.compare.difference import SECTIONS, Difference, compare

__all__ = ["SECTIONS", "Difference", "compare"]
