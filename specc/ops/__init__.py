"""The operators, one file per family. Importing this package registers all of them."""

from specc.ops import (  # noqa: F401  (registering is their effect)
    activation,
    adaptive,
    affine,
    conv,
    dropout,
    elementary,
    glu,
    linear,
    merge,
    norm,
    pad,
    pool,
    reduce,
    reshape,
    shrink,
    shuffle,
    upsample,
)
from specc.ops.registry import find, names, operators

__all__ = ["find", "names", "operators"]
