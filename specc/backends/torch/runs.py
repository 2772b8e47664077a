"""Runs of equal things, and of things whose numbers go up in equal steps, as loops."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from specc.backends.torch.layout import Call, Expr, Keyword, Listing, Offset, Repeated

_WHOLE = re.compile(r"-?\d+")
_LEAST_STEPS = 3
"""Any two numbers are in equal steps."""


@dataclass(frozen=True, slots=True)
class Run:
    """``item`` for each ``i`` from ``start`` on, ``count`` times; it speaks of ``i`` where ``counts``."""

    item: Expr
    start: int
    count: int
    counts: bool

    @property
    def range(self) -> str:
        return f"range({self.start}, {self.start + self.count})" if self.start else f"range({self.count})"


def runs(items: list[Expr], first: int | None = None) -> Iterator[Run]:
    """The items in order.

    Args:
        first: the number that ``i`` is for the first item; without it, ``i`` starts from 0 in every run.
    """
    units = {offset.base: offset.unit for item in items for offset in _offsets(item) if offset.unit}
    items = [_in_units(item, units) for item in items] if units else items
    skeletons = [_Numbers.of(item) for item in items]
    place = 0
    while place < len(items):
        equal = _equal(items, place)
        steps = _steps(skeletons, place)
        count = equal if equal >= steps else steps
        start = 0 if first is None else first + place
        item = items[place] if count == equal else _counted(items[place], skeletons, place, start)
        yield Run(item, start, count, count != equal)
        place += count


def repeated(run: Run) -> Expr:
    """The run among the items of a call."""
    if run.count == 1:
        return run.item
    return Repeated(run.item, f"{'i' if run.counts else '_'} in {run.range}")


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The whole numbers of an expression, and the rest of it."""

    rest: Expr
    numbers: tuple[int, ...]

    @staticmethod
    def of(expr: Expr) -> _Numbers:
        found: list[int] = []

        def take(number: str) -> str:
            found.append(int(number))
            return "0"

        rest = _mapped(expr, take)
        return _Numbers(rest, tuple(found))


def _mapped(expr: Expr, change: Callable[[str], str]) -> Expr:
    """The expression with ``change`` made to each whole number in it, from left to right."""
    match expr:
        case Call(head, items):
            return Call(head, tuple(_mapped(item, change) for item in items))
        case Keyword(name, value):
            return Keyword(name, _mapped(value, change))
        case Listing(items, brackets):
            return Listing(tuple(_mapped(item, change) for item in items), brackets)
        case Offset(base, number, unit):
            return Offset(base, change(number), unit)
        case str() if _WHOLE.fullmatch(expr):
            return change(expr)
    return expr


def _offsets(expr: Expr) -> Iterator[Offset]:
    match expr:
        case Offset():
            yield expr
        case Call(_, items) | Listing(items):
            yield from (offset for item in items for offset in _offsets(item))
        case Keyword(_, value):
            yield from _offsets(value)


def _in_units(expr: Expr, units: Mapping[str, str]) -> Expr:
    """What has not grown yet, in the units that the others have grown by."""
    match expr:
        case Offset(base, "0"):
            return Offset(base, "0", units.get(base, ""))
        case Call(head, items):
            return Call(head, tuple(_in_units(item, units) for item in items))
        case Listing(items, brackets):
            return Listing(tuple(_in_units(item, units) for item in items), brackets)
        case Keyword(name, value):
            return Keyword(name, _in_units(value, units))
    return expr


def _equal(items: list[Expr], place: int) -> int:
    """How many items from ``place`` on are the same."""
    end = place + 1
    while end < len(items) and items[end] == items[place]:
        end += 1
    return end - place


def _steps(skeletons: list[_Numbers], place: int) -> int:
    """How many items from ``place`` on differ only in numbers that go up in equal steps; 1 if too few."""
    end = place + 1
    while end < len(skeletons) and skeletons[end].rest == skeletons[place].rest:
        if _step(skeletons, end - 1) != _step(skeletons, place):
            break
        end += 1
    return end - place if end - place >= _LEAST_STEPS else 1


def _step(skeletons: list[_Numbers], place: int) -> tuple[int, ...]:
    pairs = zip(skeletons[place].numbers, skeletons[place + 1].numbers, strict=True)
    return tuple(after - before for before, after in pairs)


def _counted(item: Expr, skeletons: list[_Numbers], place: int, start: int) -> Expr:
    """The first item of a run in terms of ``i``."""
    steps = iter(_step(skeletons, place))
    return _mapped(item, lambda number: _linear(int(number), next(steps), start))


def _linear(first: int, step: int, start: int) -> str:
    """The number that is ``first`` where i = start and goes up by ``step``."""
    if step == 0:
        return str(first)
    base, times = first - step * start, "i" if abs(step) == 1 else f"{abs(step)} * i"
    if base == 0:
        return times if step > 0 else f"-{times}"
    if base < 0 < step:
        return f"{times} - {-base}"
    return f"{base} {'+' if step > 0 else '-'} {times}"
