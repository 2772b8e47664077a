"""S0510: a batch norm that has one value a channel to normalise by, at every input."""

from __future__ import annotations

from math import prod

from specc.diagnostics import Code
from specc.ir.graph import Node
from specc.lint.network import Network
from specc.lint.spot import Rule, Spot


def _look(norm: Node, network: Network) -> Spot | None:
    """Only where the batch is fixed at 1.

    With a batch of any size, a norm over 1 x 1 maps or flat features fails for a last batch of 1 alone. That is so of
    every classifier with BatchNorm1d and of DeepLab's pooled branch, and whoever trains them drops that batch: nothing
    is said. Of symbolic places neither: sizes at which only one is left are no more than allowed.
    """
    (x,) = norm.input_types
    if x.batch != 1 or prod(x.spatial) != 1:
        return None
    return Spot(
        norm,
        f"batchnorm has one value a channel to normalise by, and cannot be trained: its input is {x}",
        "the variance of a single value is 0",
        notes=("PyTorch refuses it in training: Expected more than 1 value per channel when training",),
        helps=("let the batch be any size, [N, ...], and train with more than 1 sample at once",),
    )


RULES = (Rule(Code.SINGLE_VALUE_NORM, ("batchnorm",), _look, everywhere=False),)
