"""Between which two numbers a value lies, whatever the weights and the input are: as far as its steps tell."""

from __future__ import annotations

from math import inf

from specc.ir.graph import Node
from specc.lint.kinds import AVERAGES, SELECTS
from specc.lint.network import FARTHEST, Network
from specc.ops.activation import Hardtanh
from specc.ops.pad import Pad
from specc.ops.pool import MaxPool
from specc.ops.resample import Upsample

Range = tuple[float, float]

ANY: Range = (-inf, inf)
_OF_CURVES: dict[str, Range] = {
    "relu": (0, inf),
    "relu6": (0, 6),
    "sigmoid": (0, 1),
    "hardsigmoid": (0, 1),
    "softmax": (0, 1),
    "logsoftmax": (-inf, 0),
    "softplus": (0, inf),
    "tanh": (-1, 1),
    "softsign": (-1, 1),
}
"""Rounding to float32 keeps these: the curves grow, and their ends are numbers of float32."""


_MERGES = ("add", "mul", "concat", "maximum")
_TOLD = frozenset((*_OF_CURVES, *SELECTS, *AVERAGES, *_MERGES, "hardtanh", "pad"))
"""Of what others give nothing is known, and most steps are others."""


def taken(node: Node, network: Network, depth: int = 0) -> Range:
    """The range of the (first) value that ``node`` takes."""
    return given(node.inputs[0], network, depth)


def given(name: str, network: Network, depth: int = 0) -> Range:
    """The range of the value called ``name``, of a step or an input."""
    node = network.nodes.get(name)
    if node is None or node.op.kind not in _TOLD or depth > FARTHEST:
        return ANY
    known = network.ranges.get(name)
    if known is None:
        known = network.ranges[name] = _range(node, network, depth)
    return known


def _range(node: Node, network: Network, depth: int) -> Range:
    kind = node.op.kind
    if kind in _OF_CURVES:
        return _OF_CURVES[kind]
    if isinstance(node.op, Hardtanh):
        return node.op.min_val, node.op.max_val
    if kind in SELECTS and not _sees_padding_alone(node):
        return taken(node, network, depth + 1)
    if kind in AVERAGES and not (isinstance(node.op, Upsample) and node.op.mode == "bicubic"):
        return _not_below_zero(taken(node, network, depth + 1))
    if isinstance(node.op, Pad) and node.op.value >= 0:
        return _not_below_zero(taken(node, network, depth + 1))
    if kind in _MERGES:
        arms = [given(name, network, depth + 1) for name in node.inputs]
        return _not_below_zero((min(least for least, _ in arms), inf))
    return ANY


def _not_below_zero(range_: Range) -> Range:
    """What sums, products and fillings of numbers of at least 0 are: their greatest may be off by a rounding."""
    return (0, inf) if range_[0] >= 0 else ANY


def _sees_padding_alone(node: Node) -> bool:
    """Whether a window of a pool may see nothing but padding, which counts as -inf: only where it steps over it."""
    return isinstance(node.op, MaxPool) and node.op.dilation != 1 and node.op.padding != 0
