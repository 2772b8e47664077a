"""S0501, S0504, S0514: steps that give what they take, activations of activations, and weights behind one that is 0."""

from __future__ import annotations

from math import inf

from specc.analyses.dataflow import claims_range
from specc.diagnostics import Code, Label
from specc.ir.graph import Node
from specc.ir.rounding import SoftmaxOver
from specc.ir.size import Size
from specc.ir.traits import ANY, Range, hull
from specc.ir.types import times
from specc.lint.lints import Lint, Match, Network

_HELP = "leave it out"


def _identity(node: Node, network: Network) -> Match | None:
    """A number of the step is a knob where it has a name; without numbers the step is what it is.

    With the sizes of another value it is there for where these differ, and numbers in a contract may become others: it
    does nothing where it takes that very value, or where all is alike at every size that is left open.
    """
    why, op = node.op.identity(*node.input_types), node.op
    if why is None:
        return None
    notes: tuple[str, ...] = ()
    if op.measured and node.inputs[0] != node.inputs[-1]:
        sizes = node.type.spatial
        if not any(isinstance(size, Size) for size in sizes):
            return None
        notes = (f"both are {times(sizes)}, at every size that the contract allows",)
    headline = f"{op.kind} has no effect here"
    return Match(node, headline, why, (), notes, (_HELP,), literal=bool(op.model_fields_set), removable=True)


def _nothing_to_change(node: Node, network: Network) -> Match | None:
    """Activations that leave numbers of a certain range as they are, behind steps that give no others, or on bytes."""
    before, fixed = network.before(node), node.op.fixed_points()
    if fixed is None or not (claims_range(type(before.op)) if before else node.inputs[0] in network.bytes):
        return None
    x = network.ranges[node.inputs[0]]
    if x == ANY or not x.lies_in(fixed):
        return None
    if node.op.identity(*node.input_types) is not None:
        return None  # a finding of `_identity`, whatever it takes
    if before is not None and before.op.kind == node.op.kind and _twice(node, before) is not None:
        return None  # a finding of S0504
    what = f"from {x.least:g} to {x.most:g}" if x.most < inf else f"at least {x.least:g}"
    itself = f"from {fixed.least:g} to {fixed.most:g}" if fixed.most < inf else f"at least {fixed.least:g}"
    return Match(
        node,
        f"{node.op.kind} has no effect here",
        f"what it takes is {what} already",
        (Label(before.span, "gives no other numbers"),) if before else (),
        (f"{node.op.kind} gives x itself where x is {itself}",),
        (_HELP,),
        removable=not node.parameters,
    )


def _repeated(node: Node, network: Network) -> Match | None:
    before = network.before(node)
    if before is None or not before.op.activation or not node.op.activation:
        return None
    if before.op.kind == node.op.kind:
        return _twice(node, before)
    axis, earlier = _softmax_axis(node), _softmax_axis(before)
    if axis is not None and earlier is not None:
        if axis != earlier:
            return None
        return Match(
            node,
            f"{node.op.kind} is applied to a {before.op.kind}, which normalises already",
            "again here",
            (Label(before.span, "first here"),),
            ("logsoftmax is the logarithm of softmax, computed as one",),
            ("leave one of the two out",),
        )
    # Of two steps that each do nothing beside the other, only one may be left out: the finding is the second's then.
    if network.uses[before.name] > 1 or _nothing_to_change(node, network) is not None:
        return None
    return _in_vain(before, node)


def _twice(node: Node, before: Node) -> Match | None:
    op, fixed = node.op, node.op.fixed_points()
    if _softmax_axis(node) != _softmax_axis(before):
        return None  # first along rows, then along columns
    nothing_more = fixed is not None and op.bounds((ANY,), *node.input_types).lies_in(fixed)
    if nothing_more and op != before.op:
        return None  # cut off in two places
    return Match(
        node,
        f"{op.kind} is applied twice in a row",
        "again here",
        (Label(before.span, "first here"),),
        (f"{op.kind} of {op.kind} is {op.kind}" if nothing_more else op.repeated,),
        ("leave one of the two out",),
        removable=nothing_more,
    )


def _softmax_axis(node: Node) -> int | None:
    rounding = node.op.rounding(*node.input_types)
    return rounding.axis if isinstance(rounding, SoftmaxOver) else None


def _in_vain(first: Node, second: Node) -> Match | None:
    """Where the first only changes numbers that the second makes one and the same, changed or not.

    A leakyrelu makes other numbers below 0 of numbers below 0, and a relu behind it makes 0 of them all.
    """
    fixed = first.op.fixed_points()
    if fixed is None or fixed == ANY:
        return None
    changed, results = [], []
    for outside, where in (
        (Range(-inf, fixed.least), f"below {fixed.least:g}"),
        (Range(fixed.most, inf), f"above {fixed.most:g}"),
    ):
        if outside.least == outside.most:
            continue
        both = hull((outside, first.op.bounds((outside,), *first.input_types)))
        least, most = second.op.bounds((both,), *second.input_types)
        if least != most:
            return None
        changed.append(where)
        results.append(f"{least:g}")
    return Match(
        first,
        f"{first.op.kind} changes nothing in front of a {second.op.kind}",
        f"what it does {' and '.join(changed)}",
        (Label(second.span, f"is made {' and '.join(results)} here"),),
        helps=("leave one of the two out",),
        removable=True,
    )


def _stuck(node: Node, network: Network) -> Match | None:
    why = node.op.stuck()
    if why is None:
        return None
    return Match(
        node,
        f"the weights of {node.op.kind} stay as they start: no gradient reaches them",
        why,
        notes=("however long the network is trained; those of a file may be others",),
        helps=("without init, all start as 1",),
    )


LINTS = (
    Lint(Code.NO_EFFECT, "identity", _identity, everywhere=True),
    Lint(Code.NO_EFFECT, "fixed_points", _nothing_to_change, everywhere=True),
    Lint(Code.REPEATED_ACTIVATION, "activation", _repeated, everywhere=True),
    Lint(Code.STUCK_START, "stuck", _stuck, everywhere=False),
)
