"""Bodies of one shape become one, with slots where their arguments differ (anti-unification).

Two bodies have one shape where they have the same statements, under the same labels, on the same values of their own.
One may lack statements that the other has: those are there under a condition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TypeAlias

from specc.importing.network import Argument, Expression, ValueOf
from specc.importing.structure.body import (
    REQUIRED,
    Block,
    BlockCall,
    EarlierValue,
    LabelledGroup,
    Required,
    SharedDeclaration,
    Statement,
    When,
    WrittenStep,
    all_statements,
)
from specc.ops import find
from specc.syntax.tokens import is_plain_number

Key = tuple[object, ...]


class Missing:
    """In a column: this body has no such step."""


MISSING = Missing()
Entry: TypeAlias = "Argument | Required | Missing"


@dataclass(slots=True)
class Column:
    """Arguments that differ from body to body.

    Attributes:
        name: of the argument; of a call's without the number that tells it from others.
        values: for each body; `MISSING` where it lacks the step.
        default: what is meant where nothing is said; `REQUIRED` where something must be.
        expression: what stands for it in the one body, until it has a text.
        constant: the value of all that have the step, where it is one, and others lack it; else `MISSING`.
    """

    name: str
    values: tuple[Entry, ...]
    default: Entry
    expression: Expression
    constant: Argument | Missing = MISSING


@dataclass(slots=True)
class Option:
    """Statements that not every body has.

    Attributes:
        present: which bodies have them.
        statement: they, under a condition that has no text yet.
    """

    present: tuple[bool, ...]
    statement: When


@dataclass(slots=True)
class Unified:
    """One body for several.

    Attributes:
        captured: values from outside, by the name of that of the first body: the values of all.
        layers: for each layer of ``body`` those of the bodies, or None.
    """

    body: list[Statement] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    captured: dict[str, tuple[str, ...]] = field(default_factory=dict)
    layers: list[tuple[WrittenStep, list[WrittenStep | None]]] = field(default_factory=list)


class NoCommonShape(Exception):
    """Bodies have no one shape."""


# ---- shapes ---------------------------------------------------------------------------------------------------------


class Shapes:
    """The shapes of the statements of one body: equal for those that differ in arguments alone."""

    def __init__(self, body: list[Statement], start: str | None) -> None:
        self._start = start
        self._places: dict[str, int] = {}
        for place, statement in enumerate(all_statements(body)):
            if isinstance(statement, WrittenStep):
                self._places[statement.value] = place
        self._known: dict[int, Key] = {}

    def of_body(self, body: list[Statement]) -> Key:
        return tuple([self.of(statement) for statement in body])

    def of(self, statement: Statement) -> Key:
        key = self._known.get(id(statement))
        if key is None:
            key = self._known[id(statement)] = self._of(statement)
        return key

    def _of(self, statement: Statement) -> Key:
        match statement:
            case EarlierValue():
                return "value", self.place(statement.value)
            case SharedDeclaration():
                return "shared", statement.name, self.of_body(statement.body)
            case WrittenStep(shared=str()):
                return "applied", statement.shared
            case WrittenStep():
                label = statement.label if statement.step.tensors and not statement.is_automatic else None
                arms = tuple([self.of_body(arm) for arm in statement.arms]) if statement.arms is not None else None
                names = tuple(sorted(statement.step.tensors))
                return statement.step.operator, label, arms, names, tuple(map(self.place, statement.measured))
            case LabelledGroup(goes_on=True):
                return "part", id(statement)
            case LabelledGroup():
                call = statement.call.block if statement.call else self.of_body(statement.body)
                return "group", statement.label, call
        return "other", id(statement)

    def place(self, value: str) -> object:
        """Where a value comes from: the body's start, a statement in it, or from outside."""
        return "start" if value == self._start else self._places.get(value, "outside")


def is_variant(one: Key, other: Key) -> bool:
    """Whether two bodies have one shape but for statements that one of them lacks at some places."""
    if one == other:
        return True
    if len(one) == len(other):
        return all(a == b or _statements_vary(a, b) for a, b in zip(one, other, strict=True))
    short, long = sorted((one, other), key=len)
    begin = _gap(short, long)
    return begin is not None and not _are_rounds(long[max(begin - 1, 0) : begin + len(long) - len(short)])


def _statements_vary(one: object, other: object) -> bool:
    if not isinstance(one, tuple) or not isinstance(other, tuple) or one[:2] != other[:2] or len(one) != len(other):
        return False
    if one[0] == "group":
        return isinstance(one[2], tuple) and isinstance(other[2], tuple) and is_variant(one[2], other[2])
    if len(one) != 5 or one[3:] != other[3:] or one[2] is None or other[2] is None or len(one[2]) != len(other[2]):
        return False
    return all(is_variant(a, b) for a, b in zip(one[2], other[2], strict=True))


def _gap(short: Key, long: Key) -> int | None:
    """Where statements of the longer body are missing in the shorter one; None where that is not all."""
    before = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(short, long, strict=False))))
    behind = len(short) - before
    return before if short[before:] == (long[len(long) - behind :] if behind else ()) else None


def _are_rounds(row: Key) -> bool:
    """Whether these are numbered groups of one body: two and three of them are two loops, and no condition."""
    bodies: set[object] = set()
    for key in row:
        match key:
            case ("group", str(label), body) if is_plain_number(label):
                bodies.add(body)
            case _:
                return False
    return len(row) > 1 and len(bodies) == 1


# ---- one body for all -----------------------------------------------------------------------------------------------


def unified(bodies: Sequence[list[Statement]], starts: Sequence[str | None], blocks: Mapping[str, Block]) -> Unified:
    """One body for all of these.

    Raises:
        Unlike: they have not one shape.
    """
    unifier = _Unifier([Shapes(body, start) for body, start in zip(bodies, starts, strict=True)], blocks)
    unifier.result.body = unifier.bodies(list(bodies))
    return unifier.result


class _Unifier:
    def __init__(self, shapes: list[Shapes], blocks: Mapping[str, Block]) -> None:
        self._shapes = shapes
        self._blocks = blocks
        self.result = Unified()

    def bodies(self, bodies: list[list[Statement] | None]) -> list[Statement]:
        """One list of statements; of a body that is None there is nothing to say."""
        keys = [None if b is None else s.of_body(b) for b, s in zip(bodies, self._shapes, strict=True)]
        lengths = sorted({len(key) for key in keys if key is not None})
        if len(lengths) == 1:
            return [self._statement([None if b is None else b[i] for b in bodies]) for i in range(lengths[0])]
        if len(lengths) != 2:
            raise NoCommonShape
        short = next(key for key in keys if key is not None and len(key) == lengths[0])
        long = next(key for key in keys if key is not None and len(key) == lengths[1])
        begin = _gap(short, long)
        if begin is None:
            raise NoCommonShape
        end = begin + lengths[1] - lengths[0]
        full = [b if b is not None and len(b) == lengths[1] else None for b in bodies]
        behind = [None if b is None else b[end:] if len(b) == lengths[1] else b[begin:] for b in bodies]
        head = [self._statement([None if b is None else b[i] for b in bodies]) for i in range(begin)]
        optional = [self._statement([None if b is None else b[i] for b in full]) for i in range(begin, end)]
        if any(isinstance(statement, EarlierValue) for statement in optional):
            raise NoCommonShape
        when = When(Expression(""), optional)
        self.result.options.append(Option(tuple(b is not None for b in full), when))
        tail = [self._statement([None if b is None else b[i] for b in behind]) for i in range(lengths[1] - end)]
        return [*head, when, *tail]

    def _statement(self, items: list[Statement | None]) -> Statement:
        first = next(item for item in items if item is not None)
        if any(item is not None and type(item) is not type(first) for item in items):
            raise NoCommonShape
        if isinstance(first, EarlierValue):
            self._value([item.value if isinstance(item, EarlierValue) else None for item in items])
            return EarlierValue(first.value)
        if isinstance(first, WrittenStep):
            return self._layer(first, [item if isinstance(item, WrittenStep) else None for item in items])
        if isinstance(first, SharedDeclaration):
            if any(isinstance(item, SharedDeclaration) and item.name != first.name for item in items):
                raise NoCommonShape
            return SharedDeclaration(
                first.name, self.bodies([item.body if isinstance(item, SharedDeclaration) else None for item in items])
            )
        if isinstance(first, LabelledGroup):
            return self._group(first, [item if isinstance(item, LabelledGroup) else None for item in items])
        raise NoCommonShape

    def _value(self, values: list[str | None]) -> None:
        places = [v and s.place(v) for v, s in zip(values, self._shapes, strict=True)]
        first = next(place for place in places if place is not None)
        if any(place is not None and place != first for place in places):
            raise NoCommonShape
        if first == "outside":
            if None in values:
                raise NoCommonShape
            known = tuple([value for value in values if value is not None])
            if self.result.captured.setdefault(known[0], known) != known:
                raise NoCommonShape

    def _layer(self, first: WrittenStep, layers: list[WrittenStep | None]) -> WrittenStep:
        present = [layer for layer in layers if layer is not None]
        if first.shared and all(layer.shared == first.shared for layer in present):
            applied = WrittenStep(
                first.step, next((layer.label for layer in present if layer.label), None), None, first.shared
            )
            self.result.layers.append((applied, layers))
            return applied
        op = find(first.step.operator)
        if op is None or any(
            layer.shared != first.shared
            or layer.step.operator != first.step.operator
            or set(layer.step.tensors) != set(first.step.tensors)
            or layer.is_automatic != first.is_automatic
            or (first.step.tensors and not first.is_automatic and layer.label != first.label)
            or (layer.arms is None) != (first.arms is None)
            or len(layer.arms or ()) != len(first.arms or ())
            for layer in present
        ):
            raise NoCommonShape
        given = {name for layer in present for name in layer.step.arguments}
        arguments: dict[str, Argument] = {}
        for name in (name for name in op.model_fields if name in given):
            info = op.model_fields[name]
            default = REQUIRED if info.is_required() else info.default
            values = [MISSING if layer is None else layer.step.arguments.get(name, default) for layer in layers]
            arguments[name] = self._argument(name, values, default)
        labels = [layer.label for layer in present if layer.label]
        merged = WrittenStep(
            replace(first.step, arguments=arguments),
            labels[0] if labels else None,
            shared=first.shared,
            is_automatic=first.is_automatic,
        )
        self.result.layers.append((merged, layers))
        if first.arms is not None:
            merged.arms = [
                self.bodies([layer.arms[i] if layer and layer.arms is not None else None for layer in layers])
                for i in range(len(first.arms))
            ]
        return merged

    def _argument(self, name: str, values: Sequence[Entry], default: Entry) -> Argument:
        """The argument, or what stands for it where it is not the same everywhere."""
        present = [value for value in values if not isinstance(value, (Missing, Required))]
        if not present or any(isinstance(value, Required) for value in values):
            raise NoCommonShape
        first = present[0]
        if any(isinstance(value, ValueOf) for value in present):
            if not all(isinstance(value, ValueOf) for value in present):
                raise NoCommonShape
            self._value([value.name if isinstance(value, ValueOf) else None for value in values])
            return first
        is_constant = all(same(value, present[0]) for value in present)
        if is_constant and (len(present) == len(values) or same(present[0], default)):
            return first
        expression = Expression(f"slot {len(self.result.columns)}")
        constant = first if is_constant else MISSING
        self.result.columns.append(Column(name, tuple(values), default, expression, constant))
        return expression

    def _group(self, first: LabelledGroup, groups: list[LabelledGroup | None]) -> LabelledGroup:
        present = [group for group in groups if group is not None]
        if any(group.label != first.label or group.goes_on for group in present):
            raise NoCommonShape
        merged = LabelledGroup(first.label, [], first.value, first.start, is_automatic=first.is_automatic)
        if first.call is None:
            if any(group.call is not None for group in present):
                raise NoCommonShape
            merged.body = self.bodies([None if group is None else group.body for group in groups])
            return merged
        if any(group.call is None or group.call.block != first.call.block for group in present):
            raise NoCommonShape
        arguments: dict[str, Argument] = {}
        for name, default in self._blocks[first.call.block].parameters:
            values = [g.call.arguments.get(name, default) if g and g.call else MISSING for g in groups]
            argument = self._argument(name.rstrip("0123456789"), values, default)
            if default is REQUIRED or not same(argument, default):
                arguments[name] = argument
        merged.body = first.body
        merged.call = BlockCall(first.call.block, arguments)
        return merged


def same(one: object, other: object) -> bool:
    """Whether two arguments are one: 1, 1.0 and true are three."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other
