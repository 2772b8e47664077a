"""One step: its type, or why there is none, shown at the places that explain it."""

from __future__ import annotations

from math import prod

from specc.diagnostics import Code, Label
from specc.elaborate import hints
from specc.elaborate.arguments import BoundOperator
from specc.elaborate.contracts import MOST_ELEMENTS, within_limit
from specc.elaborate.drafts import DraftNode
from specc.elaborate.errors import Invalid, invalid
from specc.elaborate.scopes import Scope
from specc.elaborate.values import Signal
from specc.ir.op import Op, Parameter, Refusal
from specc.ir.size import Dim, Unwieldy
from specc.ir.types import TensorType, times
from specc.source import Span
from specc.syntax import ast

__all__ = ["BoundOperator", "inferred", "refused"]

Inferred = tuple[TensorType, tuple[Parameter, ...]]
"""The type of a result, and the tensors of the step."""


def inferred(op: Op, types: tuple[TensorType, ...], span: Span) -> Inferred:
    """The type of the step's result, and its tensors.

    Raises:
        Refusal: the operator does not take these inputs.
        Invalid: they are beyond all limits.
    """
    least, _ = op.arity
    if len(types) < least:
        raise Refusal(Code.RANK, f"{op.kind} joins at least {least} values, and has one arm")
    key = id(op), types
    known = _known.get(key)
    if known is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        known = _known[key] = _told(op, types, span), op
    return known[0]


_MOST_KNOWN = 16384
_known: dict[tuple[int, tuple[TensorType, ...]], tuple[Inferred, Op]] = {}
"""What operators said of types before, each with the operator itself: its identity stays its own."""


def _told(op: Op, types: tuple[TensorType, ...], span: Span) -> Inferred:
    try:
        result = op.infer(*types)
        if result is not types[0]:  # which has been looked at
            result = _one(within_limit(result, span))
    except Unwieldy as error:
        raise Refusal(Code.LIMIT, str(error)) from None
    parameters = op.parameters(*types)
    for parameter in parameters:
        if prod(parameter.shape) > MOST_ELEMENTS:
            raise Refusal(
                Code.LIMIT,
                f"{parameter.name} of {op.kind} would be {times(parameter.shape)} = "
                f"{prod(parameter.shape):,} numbers, and the most is 2^40",
            )
    return result, parameters


_types: dict[TensorType, TensorType] = {}


def _one(known: TensorType) -> TensorType:
    """The same object for types of the same numbers and formulas: equal ones may be written in other ways."""
    if len(_types) >= _MOST_KNOWN:
        _types.clear()
    one = _types.setdefault(known, known)
    if one is known or all(map(_identical, one.sample, known.sample)):
        return one
    return known


def _identical(one: Dim, other: Dim) -> bool:
    return one is other or isinstance(one, int)


def refused(
    refusal: Refusal,
    step: ast.Call | ast.Merge,
    bound: BoundOperator,
    inputs: tuple[Signal, ...],
    drafts: list[DraftNode],
    scope: Scope,
) -> Invalid:
    """What an operator says, at the argument it speaks of and at the step that made the input it speaks of."""
    primary = bound.places.get(refusal.argument or "", step.name_span.to(step.span))
    secondary: tuple[Label, ...] = ()
    if isinstance(step, ast.Merge) and refusal.argument not in bound.places:
        primary, secondary = _arms(refusal, step, inputs, primary)
    elif refusal.cause is not None:
        secondary = (_cause(inputs[refusal.cause], drafts, shrinking=refusal.code == Code.KERNEL_TOO_LARGE),)
    at_fault = [argument.value for name, argument in bound.arguments.items() if name == refusal.argument]
    # What is said of a kernel that is a number of filters, such as a padding for it, helps nobody.
    channels = hints.channels_first(step, bound.op, inputs[0].type) if inputs[0].type else ()
    return invalid(
        Code(refusal.code),
        refusal.message,
        primary,
        refusal.label,
        secondary=secondary,
        notes=refusal.notes,
        helps=channels or (*refusal.helps, *hints.input_for_current(at_fault, scope)),
        where=refusal.where,
        fix=hints.flattened(step, inputs[0].type)
        if refusal.code == Code.NOT_FLAT and isinstance(step, ast.Call)
        else None,
    )


def _arms(
    refusal: Refusal, merge: ast.Merge, inputs: tuple[Signal, ...], default: Span
) -> tuple[Span, tuple[Label, ...]]:
    """The arm at fault, and the first one, which it was compared with."""
    if refusal.cause is None:
        return default, ()
    first = Label(merge.arms[0].span, f"gives {inputs[0].type}")
    return merge.arms[refusal.cause].span, (first,)


def _cause(given: Signal, drafts: list[DraftNode], *, shrinking: bool) -> Label:
    assert given.type is not None, "an unknown type is never refused"
    sizes = _history(given, drafts)
    if shrinking and len(sizes) > 1:
        return Label(given.span, f"the size has shrunk to {sizes[-1]} here: {' > '.join(map(_short, sizes))}")
    verb = "gives" if isinstance(given.producer, int) else "the input is"
    return Label(given.span, f"{verb} {times(given.type.sample)} here")


def _history(given: Signal, drafts: list[DraftNode]) -> list[str]:
    """The spatial sizes on the way to ``given``, without repetitions."""
    sizes: list[str] = []
    while given.type is not None:
        size = times(given.type.spatial)
        if not sizes or sizes[-1] != size:
            sizes.append(size)
        if not isinstance(given.producer, int):
            break
        given = drafts[given.producer].inputs[0]
    return sizes[::-1]


def _short(sizes: str) -> str:
    """``32`` for ``32 x 32``."""
    parts = sizes.split(" x ")
    return parts[0] if len(set(parts)) == 1 else sizes
