"""Python expressions with holes, and statements laid out as `ruff format --line-length 100` lays them out.

Equal expressions in a row, and those whose numbers go up in equal steps, become loops (`runs`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

WIDTH = 100
"""PyTorch users' code is mostly 88 to 120 wide; 100 keeps a layer with its options on one line."""


_WHOLE = re.compile(r"-?\d+")
_LEAST_STEPS = 3
"""Any two numbers are in equal steps."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in an expression that is filled in before it is laid out; ``kind`` says with what."""

    kind: str
    index: int
    detail: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class PythonCall:
    """``head(item, item)``; without a head: ``(item)``."""

    head: str | Hole
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Keyword:
    """``name=value`` among the items of a call."""

    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Listing:
    """``(item, item)`` or ``[item, item]``; without brackets a bare tuple of two or more, as after ``return``."""

    items: tuple[Expr, ...]
    brackets: str = "()"


@dataclass(frozen=True, slots=True)
class NumberRow:
    """``[number, number]``, filled line by line where it is long: the one thing ruff lays out otherwise."""

    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Infix:
    """``operand + operand``."""

    operator: str
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Repeated:
    """``*(item for clause)``."""

    item: Expr
    clause: str


@dataclass(frozen=True, slots=True)
class Comprehension:
    """``[item for clause]``."""

    item: Expr
    clause: str


@dataclass(frozen=True, slots=True)
class Offset:
    """``base + number * unit``: what an argument has grown to. A number of 0 leaves the base; no unit, the number."""

    base: str
    number: str
    unit: str = ""

    def __str__(self) -> str:
        if self.number == "0":
            return self.base
        sign, number = ("-", self.number[1:]) if self.number.startswith("-") else ("+", self.number)
        if not self.unit:
            return f"{self.base} {sign} {number}"
        if number == "1":
            return f"{self.base} {sign} {self.unit}"
        times = f"({number})" if " + " in number or " - " in number else number
        return f"{self.base} {sign} {times} * {self.unit}"


Expr = str | Hole | PythonCall | Keyword | Listing | NumberRow | Infix | Repeated | Comprehension | Offset
_Broken = PythonCall | Listing | NumberRow | Infix | Repeated | Comprehension


def flat(expr: Expr) -> str:
    """The expression on one line."""
    match expr:
        case PythonCall(head, items):
            return f"{head}({', '.join(map(flat, items))})"
        case Listing(items, brackets):
            single = "," if brackets == "()" and len(items) == 1 else ""
            return f"{brackets[:1]}{', '.join(map(flat, items))}{single}{brackets[1:]}"
        case NumberRow(numbers):
            return f"[{', '.join(numbers)}]"
        case Infix(operator, operands):
            return f" {operator} ".join(map(flat, operands))
        case Keyword(name, value):
            return f"{name}={flat(value)}"
        case Repeated(item, clause):
            return f"*({flat(item)} for {clause})"
        case Comprehension(item, clause):
            return f"[{flat(item)} for {clause}]"
        case Hole():
            raise TypeError(f"{expr} has not been filled in")
    return str(expr)


def filled(expr: Expr, fill: Callable[[Hole], Iterable[Expr]]) -> Expr:
    """The expression with what ``fill`` gives in place of each hole: any number of items in a call, one elsewhere."""
    match expr:
        case Hole():
            (only,) = fill(expr)
            return only
        case PythonCall(head, items):
            called = filled(head, fill)
            called = called if isinstance(called, (str, Hole)) else flat(called)
            parts = (fill(item) if isinstance(item, Hole) else (filled(item, fill),) for item in items)
            return PythonCall(called, tuple(part for several in parts for part in several))
        case Keyword(name, value):
            return Keyword(name, filled(value, fill))
        case Listing(items, brackets):
            return Listing(tuple(filled(item, fill) for item in items), brackets)
        case Infix(operator, operands):
            return Infix(operator, tuple(filled(operand, fill) for operand in operands))
    return expr


def holes(expr: Expr) -> Iterator[Hole]:
    """Its holes, from left to right."""
    match expr:
        case Hole():
            yield expr
        case PythonCall(head, items):
            yield from holes(head)
            yield from (hole for item in items for hole in holes(item))
        case Keyword(_, value):
            yield from holes(value)
        case Listing(items) | Infix(_, items):
            yield from (hole for item in items for hole in holes(item))


def heads(expr: Expr) -> Iterator[str]:
    """What is called in it."""
    match expr:
        case PythonCall(head, items):
            yield from [head] if isinstance(head, str) else []
            yield from (inner for item in items for inner in heads(item))
        case Keyword(_, value):
            yield from heads(value)
        case Listing(items) | Infix(_, items):
            yield from (inner for item in items for inner in heads(item))


def statement(expr: Expr, indent: int, before: str = "", after: str = "") -> list[str]:
    """The lines of ``before`` + expression + ``after``, broken only where they pass `WIDTH`.

    A trailing comment belongs to ``after``: ruff counts it in the width too.
    """
    if isinstance(expr, Keyword):
        return statement(expr.value, indent, f"{before}{expr.name}=", after)
    margin = " " * indent
    line = margin + before + flat(expr) + after
    if len(line) <= WIDTH or isinstance(expr, (str, Hole, Offset)):
        return [line]
    head, brackets = _opening(expr)
    opening = margin + before + head + brackets[0]
    if head and before and len(opening) > WIDTH:
        return [f"{margin}{before}(", *statement(expr, indent + 4), f"{margin}){after}"]
    return [opening, *_body(expr, indent + 4), margin + brackets[1] + after]


def _opening(expr: _Broken) -> tuple[str, str]:
    match expr:
        case PythonCall(head, _):
            return str(head), "()"
        case Listing(_, brackets):
            return "", brackets or "()"
        case NumberRow() | Comprehension():
            return "", "[]"
        case Infix():
            return "", "()"
        case Repeated():
            return "*", "()"


def _body(expr: _Broken, indent: int) -> list[str]:
    """What stands between the brackets of a broken expression."""
    margin = " " * indent
    match expr:
        case NumberRow(numbers):
            lines = [f"{margin}{numbers[0]},"]
            for number in numbers[1:]:
                if len(lines[-1]) + len(number) + 2 <= WIDTH:
                    lines[-1] += f" {number},"
                else:
                    lines.append(f"{margin}{number},")
            return lines
        case Repeated(item, clause) | Comprehension(item, clause):
            return [*statement(item, indent), f"{margin}for {clause}"]
        case Infix(operator, operands):
            one_line = margin + flat(expr)
            first, *rest = operands
            broken = statement(first, indent) + [
                line for operand in rest for line in statement(operand, indent, f"{operator} ")
            ]
        case PythonCall(_, items):
            one_line = margin + ", ".join(map(flat, items))
            if len(items) == 1 and not isinstance(items[0], Keyword):
                broken = statement(items[0], indent)
            else:
                broken = [line for item in items for line in statement(item, indent, after=",")]
        case Listing(items):
            return [line for item in items for line in statement(item, indent, after=",")]
    return [one_line] if len(one_line) <= WIDTH else broken


@dataclass(frozen=True, slots=True)
class EqualRun:
    """``item`` for each ``i`` from ``start`` on, ``count`` times; it speaks of ``i`` where ``counts``."""

    item: Expr
    start: int
    count: int
    counts: bool

    @property
    def range(self) -> str:
        return f"range({self.start}, {self.start + self.count})" if self.start else f"range({self.count})"


def runs(items: list[Expr], first: int | None = None) -> Iterator[EqualRun]:
    """The items in order.

    Args:
        first: the number that ``i`` is for the first item; without it, ``i`` starts from 0 in every run.
    """
    units = {offset.base: offset.unit for item in items for offset in _offsets(item) if offset.unit}
    items = [_in_units(item, units) for item in items] if units else items
    skeletons = [_Skeleton.of(item) for item in items]
    place = 0
    while place < len(items):
        equal = 1
        while place + equal < len(items) and items[place + equal] == items[place]:
            equal += 1
        count = max(equal, _steps(skeletons, place))
        start = 0 if first is None else first + place
        item = items[place] if count == equal else _counted(items[place], skeletons, place, start)
        yield EqualRun(item, start, count, count != equal)
        place += count


def repeated(run: EqualRun) -> Expr:
    """The run among the items of a call."""
    if run.count == 1:
        return run.item
    return Repeated(run.item, f"{'i' if run.counts else '_'} in {run.range}")


@dataclass(frozen=True, slots=True)
class _Skeleton:
    """An expression with 0 for each whole number in it, and the numbers."""

    rest: Expr
    numbers: tuple[int, ...]

    @staticmethod
    def of(expr: Expr) -> _Skeleton:
        numbers: list[int] = []

        def take(number: str) -> str:
            numbers.append(int(number))
            return "0"

        return _Skeleton(_mapped(expr, take), tuple(numbers))


def _mapped(expr: Expr, change: Callable[[str], str]) -> Expr:
    """The expression with ``change`` made to each whole number in it, from left to right."""
    match expr:
        case PythonCall(head, items):
            return PythonCall(head, tuple(_mapped(item, change) for item in items))
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
        case PythonCall(_, items) | Listing(items):
            yield from (offset for item in items for offset in _offsets(item))
        case Keyword(_, value):
            yield from _offsets(value)


def _in_units(expr: Expr, units: Mapping[str, str]) -> Expr:
    """What has not grown yet, in the units that the others have grown by."""
    match expr:
        case Offset(base, "0"):
            return Offset(base, "0", units.get(base, ""))
        case PythonCall(head, items):
            return PythonCall(head, tuple(_in_units(item, units) for item in items))
        case Listing(items, brackets):
            return Listing(tuple(_in_units(item, units) for item in items), brackets)
        case Keyword(name, value):
            return Keyword(name, _in_units(value, units))
    return expr


def _steps(skeletons: list[_Skeleton], place: int) -> int:
    """How many items from ``place`` on differ only in numbers that go up in equal steps; 1 if too few."""
    end = place + 1
    while end < len(skeletons) and skeletons[end].rest == skeletons[place].rest:
        if _step(skeletons, end - 1) != _step(skeletons, place):
            break
        end += 1
    return end - place if end - place >= _LEAST_STEPS else 1


def _step(skeletons: list[_Skeleton], place: int) -> tuple[int, ...]:
    pairs = zip(skeletons[place].numbers, skeletons[place + 1].numbers, strict=True)
    return tuple(after - before for before, after in pairs)


def _counted(item: Expr, skeletons: list[_Skeleton], place: int, start: int) -> Expr:
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
