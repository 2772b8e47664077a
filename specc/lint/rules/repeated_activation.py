"""S0504: an activation applied to an activation, with nothing in between."""

from __future__ import annotations

from specc.diagnostics import Code, Label
from specc.ir.graph import Node
from specc.lint.kinds import CURVES, SOFTMAXES
from specc.lint.network import Network
from specc.lint.spot import Rule, Spot
from specc.ops.activation import OverAxis

_NOTES = {
    "sigmoid": "sigmoid of a sigmoid lies between 0.5 and 0.731",
    "tanh": "tanh of a tanh lies between -0.762 and 0.762",
    "softmax": "softmax of probabilities is nearly even: no class gets more than e = 2.718 times another's share",
}


def _look(node: Node, network: Network) -> Spot | None:
    before = network.before(node)
    if before is None:
        return None
    first, second = before.op.kind, node.op.kind
    if first == second:
        return _twice(node, before)
    if first in SOFTMAXES and second in SOFTMAXES:
        return _two_softmaxes(node, before)
    if first in _CUT_OFF and second in ("relu", "relu6") and _is_cut_off(before) and network.uses[before.name] == 1:
        return _in_vain(before, node)
    return None


def _twice(node: Node, before: Node) -> Spot | None:
    kind = node.op.kind
    if isinstance(node.op, OverAxis) and _axis(node) != _axis(before):
        return None  # first along rows, then along columns
    if kind == "hardtanh" and node.op != before.op:
        return None  # cut off in two places
    nothing_more = kind in ("relu", "relu6", "hardtanh")
    curve = "without weights in between, two activations are but one other curve"
    note = f"{kind} of {kind} is {kind}" if nothing_more else _NOTES.get(kind, curve)
    return Spot(
        node,
        f"{kind} is applied twice in a row",
        "again here",
        (Label(before.span, "first here"),),
        (note,),
        ("leave one of the two out",),
        removable=nothing_more,
    )


def _two_softmaxes(node: Node, before: Node) -> Spot | None:
    if _axis(node) != _axis(before):
        return None
    return Spot(
        node,
        f"{node.op.kind} is applied to a {before.op.kind}, which normalises already",
        "again here",
        (Label(before.span, "first here"),),
        ("logsoftmax is the logarithm of softmax, computed as one",),
        ("leave one of the two out",),
    )


def _axis(node: Node) -> int:
    assert isinstance(node.op, OverAxis), "asked of softmaxes alone"
    return node.op.dim % node.type.rank


_CUT_OFF = ("relu", "celu", "leakyrelu", "elu")


def _is_cut_off(node: Node) -> bool:
    """Whether an activation only changes numbers below 0, to other numbers below 0, which a relu makes 0 anyway."""
    match node.op.kind:
        case "leakyrelu":
            return bool(node.op.negative_slope >= 0)  # type: ignore[attr-defined]
        case "elu":
            return bool(node.op.alpha >= 0)  # type: ignore[attr-defined]
    return node.op.kind in ("relu", "celu")


def _in_vain(first: Node, second: Node) -> Spot:
    return Spot(
        first,
        f"{first.op.kind} changes nothing in front of a {second.op.kind}",
        "what it does below 0",
        (Label(second.span, "is made 0 here"),),
        helps=("leave one of the two out",),
        removable=True,
    )


RULES = (Rule(Code.REPEATED_ACTIVATION, (*CURVES, *SOFTMAXES), _look, everywhere=True),)
