"""The operators, one file per family. Importing this package registers all of them."""

from specc.ops import activation, conv, linear  # noqa: F401  (registering is their effect)
from specc.ops.registry import find, names, operators

__all__ = ["find", "names", "operators"]
