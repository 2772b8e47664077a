"""One step: its operator, the type of its result, or why it has none, shown at the places that explain it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from math import prod
from typing import NamedTuple

from specc.diagnostics import Code, Label
from specc.elaborate import hints
from specc.elaborate.contracts import MOST_ELEMENTS, within_limit
from specc.elaborate.drafts import DraftNode
from specc.elaborate.errors import Invalid, Unknown, invalid
from specc.elaborate.evaluation import SPATIAL, evaluate
from specc.elaborate.scopes import Scope
from specc.elaborate.values import Signal, Value
from specc.ir.op import Op, Parameter, Refusal
from specc.ir.size import Dim, Size
from specc.ir.terms import Unwieldy
from specc.ir.types import TensorType, times
from specc.source import Span
from specc.syntax import ast

SIMPLE = frozenset((int, float, bool, str, type(None)))
"""The types of plain values that are no list."""

_MOST_OPERATORS = 4096
_operators: dict[tuple[object, ...], Op] = {}
"""Operators by their attributes, emptied when it is full. A validation costs more than all else that a step takes:
without this, elaborating examples/zoo takes 25 % longer."""

_OF_AXES = (Code.RANK, Code.BAD_ARGUMENT, Code.CONTRADICTION)
"""The codes of refusals for another number of axes."""

Inferred = tuple[TensorType, tuple[Parameter, ...]]
"""The type of a result, and the tensors of the step."""

_MOST_KNOWN = 16384
_known: dict[tuple[int, tuple[TensorType, ...]], tuple[Inferred, Op]] = {}
"""What operators inferred, by their identity and the types of their inputs. Each entry holds the operator, for Python
gives the identity of an object that is gone to another. Emptied when it is full. Networks repeat their blocks: without
this, elaborating examples/zoo takes 15 % longer."""


class BoundOperator(NamedTuple):
    """An operator, the places and arguments of its attributes, and those of them that are values (`Op.measures`)."""

    op: Op
    places: Mapping[str, Span]
    arguments: Mapping[str, ast.Argument]
    values: tuple[Signal, ...] = ()


def operator(kind: type[Op], values: dict[str, Value]) -> Op:
    """The operator with these attributes, the same object where it has been made before.

    Raises:
        ValidationError: a value is not allowed.
    """
    arguments = tuple(values.values())
    types: tuple[object, ...] = tuple(map(type, arguments))
    if not SIMPLE.issuperset(types):
        # Of a short list those of its entries, for 1 is no true, though the two are equal; a long one is not worth it.
        if any(isinstance(v, tuple) and (len(v) > 8 or any(isinstance(e, tuple) for e in v)) for v in arguments):
            return kind(**values)
        types = tuple([tuple(map(type, v)) if isinstance(v, tuple) else type(v) for v in arguments])
    key = kind, tuple(values), arguments, types
    op = _operators.get(key)
    if op is None:
        if len(_operators) >= _MOST_OPERATORS:
            _operators.clear()
        # Defaults need no validation, and a layer written without arguments no validator built for it.
        op = _operators[key] = kind(**values) if values else kind.model_construct()
    return op


def inferred(op: Op, types: tuple[TensorType, ...], span: Span) -> Inferred:
    """The type of the step's result, and its tensors.

    Raises:
        Refusal: the operator does not take these inputs.
        Invalid: they are beyond all limits.
    """
    least, most = op.arity
    if len(types) < least:
        raise Refusal(Code.RANK, f"{op.kind} joins at least {least} values, and has one arm")
    if most is not None and len(types) > most > 1:
        count = most if least == most else f"up to {most}"
        raise Refusal(Code.RANK, f"{op.kind} joins {count} values, and has {len(types)} arms")
    key = id(op), types
    known = _known.get(key)
    if known is not None:
        return known[0]
    try:
        result = op.infer(*types)
        if result is not types[0]:  # which is within its limits
            within_limit(result, span)
    except Unwieldy as error:
        raise Refusal(Code.LIMIT, str(error)) from None
    parameters = op.parameters(*types)
    if getattr(op, "frozen", False) and all(parameter.buffer for parameter in parameters):
        raise Refusal(
            Code.CONTRADICTION,
            f"{op.kind} has no parameters here, and frozen=true would freeze nothing",
            argument="frozen",
            label="leave it out",
        )
    for parameter in parameters:
        if prod(parameter.shape) > MOST_ELEMENTS:
            raise Refusal(
                Code.LIMIT,
                f"{parameter.name} of {op.kind} would be {times(parameter.shape)} = "
                f"{prod(parameter.shape):,} numbers, and the most is 2^40",
            )
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[key] = (result, parameters), op
    return result, parameters


def refused(
    refusal: Refusal,
    step: ast.Call | ast.Merge,
    bound: BoundOperator,
    inputs: tuple[Signal, ...],
    nodes: list[DraftNode],
    scope: Scope,
) -> Invalid:
    """What an operator refuses, at the argument at fault and at the step that made the input at fault."""
    whole = step.name_span.to(step.span)
    primary, words = bound.places.get(refusal.argument or "", whole), refusal.label
    secondary: tuple[Label, ...] = ()
    same_sizes: tuple[str, ...] = ()
    if isinstance(step, ast.Merge) and refusal.argument not in bound.places:
        if refusal.cause is not None:  # the arm at fault, and the first one, which it was compared with
            primary = step.arms[refusal.cause].span
            secondary = (Label(step.arms[0].span, f"gives {inputs[0].type}"),)
            same_sizes = hints.same_sizes(step, inputs, refusal.cause, scope)
    elif refusal.cause is not None:
        secondary = (_cause(inputs[refusal.cause], nodes, shrinking=refusal.code == Code.KERNEL_TOO_LARGE),)
    if refusal.against is not None and (other := bound.places.get(refusal.against)) is not None:
        stated = f"{refusal.against} is stated here"
        if not whole.covers(primary) and whole.covers(other):  # of a default and a call, the call is what is at fault
            primary, words, other, stated = other, stated, primary, words
        secondary = (*secondary, Label(other, stated))
    at_fault = [argument.value for name, argument in bound.arguments.items() if name == refusal.argument]
    like = filter(None, (_like(refusal, bound, inputs[0]),))
    from specc.elaborate.image_axes import missing_axis, of_input  # a spec without mistakes needs none of it

    fix, source = None, _source(inputs[0], nodes)
    axes: tuple[str, ...] = ()
    if refusal.code in _OF_AXES:
        axes = of_input(source) or missing_axis(bound.op, tuple(value.type for value in inputs if value.type), source)
    elif refusal.code in (Code.KERNEL_TOO_LARGE, Code.SHAPE, Code.UNPROVEN):
        axes = of_input(source)
    if refusal.code == Code.NOT_FLAT and isinstance(step, ast.Call):
        fix = hints.flattened(step, inputs[0].type)
    return invalid(
        Code(refusal.code),
        refusal.message,
        primary,
        words,
        secondary=secondary,
        notes=refusal.notes,
        helps=(*axes, *refusal.helps, *same_sizes, *like, *hints.input_for_current(at_fault, scope)),
        where=refusal.where,
        fix=fix,
    )


def _source(value: Signal, nodes: list[DraftNode]) -> Signal | None:
    """The model's input that a value is made of, by way of first inputs; None where an error lies between."""
    while isinstance(value.producer, int):
        value = nodes[value.producer].inputs[0]
    return value if isinstance(value.producer, str) else None


def sized_by_value(
    step: ast.Call | ast.Merge, bound: BoundOperator, types: tuple[TensorType, ...], scope: Scope
) -> BoundOperator | None:
    """The operator with the sizes of a value for formulas that are just these; None where nothing has such sizes.

    The value is the first of those that its arguments name, or else any that is seen here: all have these sizes.
    """
    if len(types) > 1 or type(bound.op).sized_by is Op.sized_by:
        return None
    named = [value for _, value in measured_values(step, scope)]
    seen = (scope.get(name) for name in ("in", *sorted(scope.known() - {"in", "_"})))
    for value in dict.fromkeys((*named, *(value for value in seen if isinstance(value, Signal)))):
        with suppress(Unwieldy, Refusal):
            if value.type is not None and (op := bound.op.sized_by(types[0], value.type)):
                return bound._replace(op=op, values=(value,))
    return None


def measured_values(step: ast.Call | ast.Merge, scope: Scope) -> list[tuple[str, Signal]]:
    """The values whose sizes a step's arguments read, ``down[0].skip`` in ``down[0].skip.height``, by their text."""
    found: dict[str, Signal] = {}
    for part in ast.parts(step.arguments):
        if isinstance(part, ast.Attribute) and part.name in (*SPATIAL, "shape"):
            with suppress(Invalid, Unknown):
                if isinstance(value := evaluate(part.value, scope), Signal):
                    found.setdefault(part.value.span.text, value)
    return [(text, value) for text, value in found.items() if text != "_"][::-1]  # `parts` begins at the end


def _like(refusal: Refusal, bound: BoundOperator, x: Signal) -> str:
    """How the sizes of a value are asked for, as a help where formulas are refused; empty where the step says it.

    No value is named: one that is seen here and has the sizes that the formulas say would have been taken.
    """
    stated = getattr(bound.op, refusal.argument or "", None)
    is_open = any(isinstance(size, Size) for size in (stated if isinstance(stated, tuple) else (stated,)))
    if not is_open or type(bound.op).sized_by is Op.sized_by or x.type is None or not x.type.spatial:
        return ""
    if "like" not in type(bound.op).model_fields or bound.op.kind == "reshape":
        return ""
    offset = "" if bound.op.kind == "upsample" else ", offset=0"
    return f"{bound.op.kind}(like=…{offset}) takes the sizes of another value, whatever they are"


def _cause(value: Signal, nodes: list[DraftNode], *, shrinking: bool) -> Label:
    """Where the input at fault was made, and how its spatial sizes came to be where they have shrunk."""
    assert value.type is not None, "an unknown type is never refused"
    sizes: list[tuple[Dim, ...]] = []
    source = value
    while shrinking and source.type is not None:
        if not sizes or times(sizes[-1]) != times(source.type.spatial):
            sizes.append(source.type.spatial)
        if not isinstance(source.producer, int):
            break
        source = nodes[source.producer].inputs[0]
    if len(sizes) > 1:
        # Of equal axes one is enough: 32 for 32 x 32.
        texts = [times(size[:1] if len(set(map(str, size))) == 1 else size) for size in reversed(sizes)]
        return Label(value.span, f"the size has shrunk to {times(sizes[0])} here: {' > '.join(texts)}")
    verb = "gives" if isinstance(value.producer, int) else "the input is"
    return Label(value.span, f"{verb} {times(value.type.sample)} here")
