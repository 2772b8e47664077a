"""The operators, one file per family. A family is loaded when one of its names is first looked up (`find`)."""

from specc.ops.registry import find, names, operators

__all__ = ["find", "names", "operators"]
