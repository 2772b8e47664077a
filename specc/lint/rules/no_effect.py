"""S0501: a step that gives what it takes."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from specc.diagnostics import Code, Label
from specc.ir.graph import Node
from specc.lint.network import Network
from specc.lint.ranges import ANY, taken
from specc.lint.spot import Rule, Spot
from specc.ops.activation import Hardtanh

# Adaptive and global pools, and upsample to a size, are left out: they say which size comes out whatever comes in,
# and that holds where the two happen to be equal too (torchvision's VGG pools 7 x 7 to 7 x 7).


def _is_one(value: object) -> bool:
    """Whether a number, or every entry of a list, is 1."""
    return all(entry == 1 for entry in value) if isinstance(value, tuple) else value == 1


def _slides_by_one(op: object) -> bool:
    stride = getattr(op, "stride", None)
    return _is_one(op.kernel) and (stride is None or _is_one(stride))  # type: ignore[attr-defined]


def _shuffles_nothing(node: Node) -> bool:
    return node.op.groups in (1, node.input_types[0].channels)  # type: ignore[attr-defined]


def _keeps_order(node: Node) -> bool:
    rank = node.type.rank
    return [dim % rank for dim in node.op.dims] == list(range(rank))  # type: ignore[attr-defined]


_BY_ITS_NUMBERS: dict[str, tuple[Callable[[Node], bool], str]] = {
    "dropout": (lambda n: n.op.p == 0, "p = 0 drops nothing"),  # type: ignore[attr-defined]
    "alphadropout": (lambda n: n.op.p == 0, "p = 0 drops nothing"),  # type: ignore[attr-defined]
    "stochasticdepth": (lambda n: n.op.p == 0, "p = 0 drops nothing"),  # type: ignore[attr-defined]
    "maxpool": (lambda n: _slides_by_one(n.op), "the largest of a single element is that element"),
    "avgpool": (
        lambda n: _slides_by_one(n.op) and n.op.divisor_override in (None, 1),  # type: ignore[attr-defined]
        "the mean of a single element is that element",
    ),
    "upsample": (
        lambda n: n.op.scale_factor is not None and _is_one(n.op.scale_factor) and n.op.mode != "bicubic",  # type: ignore[attr-defined]
        "as many places as before",
    ),
    "pad": (lambda n: n.type == n.input_types[0], "no side gets any place"),
    "permute": (_keeps_order, "the axes are in this order already"),
    "slice": (lambda n: n.type == n.input_types[0], "it takes the whole axis"),
    "reshape": (lambda n: n.type == n.input_types[0], "this is the shape already"),
    "affine": (lambda n: n.op.factor == 1 and n.op.offset == 0, "x * 1 + 0 is x"),  # type: ignore[attr-defined]
    "pixelshuffle": (lambda n: n.op.upscale_factor == 1, "there is nothing to move by a factor of 1"),  # type: ignore[attr-defined]
    "pixelunshuffle": (lambda n: n.op.downscale_factor == 1, "there is nothing to move by a factor of 1"),  # type: ignore[attr-defined]
    "channelshuffle": (_shuffles_nothing, "groups of one channel, or one group of all, stay in order"),
}
"""Operators that do nothing with some arguments: when, and why."""

_KEEPS_AT_LEAST_ZERO = ("relu", "leakyrelu", "prelu", "elu", "celu")
"""Give x where x is at least 0."""


def _look(node: Node, network: Network) -> Spot | None:
    does_nothing, why = _BY_ITS_NUMBERS[node.op.kind]
    if not does_nothing(node):
        return None
    return Spot(node, _headline(node), why, helps=(_HELP,), literal=True, removable=True)


def _look_at_identity(node: Node, network: Network) -> Spot | None:
    return Spot(node, _headline(node), "gives what it takes", helps=(_HELP,), removable=True)


def _look_at_flatten(node: Node, network: Network) -> Spot | None:
    if node.type != node.input_types[0]:
        return None
    label = f"its input is flat already: {node.type}" if len(node.type.sample) == 1 else "joins a single axis"
    return Spot(node, _headline(node), label, helps=(_HELP,), removable=True)


def _look_at_curve(node: Node, network: Network) -> Spot | None:
    """Activations that leave numbers of a certain range as they are, behind steps that give no others."""
    before = network.before(node)
    if before is None or before.op.kind == node.op.kind:
        return None  # applied twice in a row: S0504
    lowest, highest = taken(node, network)
    if (lowest, highest) == ANY:
        return None
    least, most = _unchanged(node)
    if lowest < least or highest > most:
        return None
    what = f"from {lowest:g} to {highest:g}" if highest < inf else f"at least {lowest:g}"
    return Spot(
        node,
        _headline(node),
        f"what it takes is {what} already",
        (Label(before.span, "gives no other numbers"),),
        (f"{node.op.kind} gives x itself where x is {_range_text(least, most)}",),
        (_HELP,),
        removable=not node.parameters,
    )


def _unchanged(node: Node) -> tuple[float, float]:
    """The numbers that an activation gives back as they are."""
    if isinstance(node.op, Hardtanh):
        return node.op.min_val, node.op.max_val
    return (0, 6) if node.op.kind == "relu6" else (0, inf)


def _range_text(least: float, most: float) -> str:
    return f"from {least:g} to {most:g}" if most < inf else f"at least {least:g}"


def _headline(node: Node) -> str:
    return f"{node.op.kind} has no effect here"


_HELP = "leave it out"

RULES = (
    Rule(Code.NO_EFFECT, tuple(_BY_ITS_NUMBERS), _look, everywhere=True),
    Rule(Code.NO_EFFECT, ("identity",), _look_at_identity, everywhere=True),
    Rule(Code.NO_EFFECT, ("flatten",), _look_at_flatten, everywhere=True),
    Rule(Code.NO_EFFECT, (*_KEEPS_AT_LEAST_ZERO, "relu6", "hardtanh"), _look_at_curve, everywhere=True),
)
