"""Values of a block's inside: what of it is seen from outside, and what ``body.c3`` and ``down[0].skip`` mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from specc.diagnostics import Code, Label
from specc.diagnostics.words import listed, plural
from specc.elaborate.errors import Invalid, invalid, short, suggestion
from specc.elaborate.scopes import Scope
from specc.elaborate.values import Signal, Value, display, is_whole
from specc.source import Span
from specc.syntax import ast

_MOST_NAMES = 8
"""Names in a message."""


@dataclass(slots=True, eq=False)
class Inside:
    """The values of one block by their labels, those of a loop's rounds by their numbers.

    Attributes:
        title: what the block is called where it is defined; the label, or the number, of all else.
        header: its place.
        rounds: how many rounds of unlabelled loops have been numbered.
        outputs: where the block states its outputs, their names and places: only these are seen from outside.
        around: the block that it is in.
    """

    title: str
    header: Span
    values: dict[str, Signal] = field(default_factory=dict)
    rounds: int = 0
    outputs: dict[str, Span] | None = None
    around: Inside | None = None

    @property
    def seen(self) -> list[str]:
        """The names that are seen from outside."""
        return list(self.values if self.outputs is None else self.outputs)


@dataclass(slots=True, eq=False)
class BlockValue(Signal):
    """The value of a block, and the way to those inside of it."""

    inside: Inside


def member(value: BlockValue, expression: ast.Attribute, attributes: Iterable[str]) -> Signal:
    """The value behind a point: ``body.c3``.

    Args:
        attributes: what may be meant besides labels.

    Raises:
        Invalid: no such value is seen from outside.
    """
    if (found := _seen(value.inside, expression.name)) is not None:
        return found
    raise _unseen(value.inside, expression.value.span.text, expression.name, expression.span, attributes)


def entry(value: Signal, expression: ast.Index, place: Value) -> Signal:
    """The value in brackets: ``down[0]`` of a round, ``downsample[0]`` of a label that is a number, ``body["in"]``.

    Raises Invalid.
    """
    owner = expression.value.span.text
    if not isinstance(value, BlockValue):
        message = f"{short(owner)} is one value, {value.type}, and only loops and blocks have values in them"
        raise invalid(Code.BAD_VALUE, message, expression.span, secondary=(Label(value.span, "it is made here"),))
    inside, span = value.inside, expression.place.span
    if isinstance(place, str):
        if (found := _seen(inside, place)) is not None:
            return found
        raise _unseen(inside, owner, place, span)
    if not is_whole(place):
        message = f"a value of {short(owner)} is asked for by the whole number of its round, not by {display(place)}"
        raise invalid(Code.BAD_VALUE, message, span)
    number = place + inside.rounds if place < 0 else place
    if (found := _seen(inside, str(number))) is not None:
        return found
    raise _no_round(inside, owner, place, span)


def head_of(expression: ast.Expr) -> ast.Name:
    """The name that ``body.c3`` or ``down[0].skip`` begins with."""
    while isinstance(expression, (ast.Attribute, ast.Index)):
        expression = expression.value
    assert isinstance(expression, ast.Name), "the grammar has nothing else there"
    return expression


def owners(name: str, scope: Scope) -> tuple[str, ...]:
    """How values that are labelled ``name`` inside of others are written here: ``body.c3``, ``down[0].skip``."""
    found: list[str] = []
    for owner in scope.known() - {"_", "in"}:
        value = scope.get(owner)
        if isinstance(value, BlockValue) and (path := _path(value.inside, owner, name)):
            found.append(path)
    return tuple(sorted(found))


def _path(inside: Inside, owner: str, name: str) -> str | None:
    if _seen(inside, name) is not None:
        return f"{owner}.{name}"
    rounds = _rounds_with(inside, name)
    return f"{owner}[{rounds[0][0]}].{name}" if rounds else None


def _seen(inside: Inside, name: str) -> Signal | None:
    is_seen = inside.outputs is None or name in inside.outputs
    return inside.values.get(name) if is_seen else None


def _unseen(inside: Inside, owner: str, name: str, span: Span, attributes: Iterable[str] = ()) -> Invalid:
    """Where no value of that name is seen from outside."""
    owner, name, seen = short(owner), short(name), inside.seen
    if inside.outputs is not None:
        message = f"{owner} gives {listed(seen)}, and no {name}"
        helps: tuple[str, ...] = ()
        if name in inside.values:
            message = f"{name} is a value inside of {inside.title}, which gives {listed(seen)} only"
            helps = (f"add it to the outputs: `-> ({', '.join([*seen, name])})`",)
        places = [Label(next(iter(inside.outputs.values())), "its outputs")]
        if name in inside.values:
            places.append(Label(inside.values[name].span, f"{name} is made here"))
        near = None if helps else suggestion(name, [*seen, *attributes], "value")
        return invalid(Code.UNKNOWN_NAME, message, span, secondary=tuple(places), helps=helps, suggestion=near)
    if (loop := inside.around) and (others := _rounds_with(loop, name)):
        numbers = listed([number for number, _ in others])
        rounds = f"round{'s' if len(others) > 1 else ''} {numbers} {'have' if len(others) > 1 else 'has'}"
        message = f"round {inside.title} has nothing labelled {name}, and {rounds}"
        label = Label(others[0][1].span, f"{name} of round {others[0][0]}")
        return invalid(Code.UNKNOWN_NAME, message, span, secondary=(label,))
    names = [name for name in seen if not name.isdigit()]
    if names:
        has = f"it has {listed(names[:_MOST_NAMES])}{' …' if len(names) > _MOST_NAMES else ''}"
    elif others := _rounds_with(inside, name):
        has = f"its rounds have it: {owner}[{others[-1][0]}].{name}"
    elif inside.rounds:
        has = f"it has {plural(inside.rounds, 'round')}: {owner}[0]" + (" …" if inside.rounds > 1 else "")
    else:
        has = "nothing in it has a label"
    near = suggestion(name, [*names, *attributes], "value")
    message = f"nothing in {owner} is labelled {name}"
    place = Label(inside.header, f"{owner} is made here")
    return invalid(Code.UNKNOWN_NAME, message, span, secondary=(place,), helps=() if near else (has,), suggestion=near)


def _rounds_with(loop: Inside, name: str) -> list[tuple[str, Signal]]:
    """The rounds in which something has that label, by number, each with the value."""
    rounds = ((number, loop.values.get(number)) for number in map(str, range(loop.rounds)))
    seen = ((number, _seen(value.inside, name)) for number, value in rounds if isinstance(value, BlockValue))
    return [(number, value) for number, value in seen if value is not None][:_MOST_NAMES]


def _no_round(inside: Inside, owner: str, place: int, span: Span) -> Invalid:
    owner, label = short(owner), Label(inside.header)
    if inside.rounds:
        last = inside.rounds - 1
        message = f"{owner} has {plural(inside.rounds, 'round')}, and no round {place}"
        numbers = f"0 to {last}, or from the end -1 to -{last + 1}" if last else "0, or from the end -1"
        return invalid(Code.BAD_VALUE, message, span, secondary=(label,), helps=(f"they are numbered {numbers}",))
    names = inside.seen[:_MOST_NAMES]
    helps = (f"it has {listed(names)}: `{owner}.{names[0]}`",) if names else ()
    return invalid(Code.BAD_VALUE, f"{owner} has no numbered rounds", span, secondary=(label,), helps=helps)
