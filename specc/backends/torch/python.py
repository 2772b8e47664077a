"""Python text: expressions with holes, and statements laid out as `ruff format --line-length 100` lays them out.

Equal expressions in a row, and those whose numbers go up in equal steps, become loops (`runs`).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import sub

WIDTH = 100
"""PyTorch users' code is mostly 88 to 120 wide; 100 keeps a layer with its options on one line."""

_WHOLE = re.compile(r"-?\d+")
_LEAST_STEPS = 3
"""Any two numbers are in equal steps."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in an expression that is filled in before it is laid out, with what its ``kind`` is the name of."""

    kind: str
    index: int
    detail: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class PythonCall:
    """``head(item, item)``, with ``behind`` behind it: ``[0]``; without a head: ``(item)``."""

    head: str | Hole
    items: tuple[Expr, ...]
    behind: str = ""


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
class Generator:
    """``[item for clause]``, or ``*(item for clause)`` among the items of a call."""

    item: Expr
    clause: str
    brackets: str = "[]"


@dataclass(frozen=True, slots=True)
class Offset:
    """``base + number * unit``: an argument and what is added to it. Without a unit, the number itself is added."""

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


Expr = str | Hole | PythonCall | Keyword | Listing | NumberRow | Infix | Generator | Offset


def flat(expr: Expr) -> str:
    """The expression on one line."""
    match expr:
        case PythonCall(head, items, behind):
            return f"{head}({', '.join(map(flat, items))}){behind}"
        case Listing(items, brackets):
            single = "," if brackets == "()" and len(items) == 1 else ""
            return f"{brackets[:1]}{', '.join(map(flat, items))}{single}{brackets[1:]}"
        case NumberRow(numbers):
            return f"[{', '.join(numbers)}]"
        case Infix(operator, operands):
            return f" {operator} ".join(map(flat, operands))
        case Keyword(name, value):
            return f"{name}={flat(value)}"
        case Generator(item, clause, brackets):
            return f"{brackets[:-1]}{flat(item)} for {clause}{brackets[-1]}"
        case Hole():
            raise TypeError(f"{expr} has not been filled in")
    return str(expr)


def walk(expr: Expr) -> list[Expr]:
    """The expression and those in it, from left to right; a comprehension is finished text, and not entered."""
    found, waiting = list[Expr](), [expr]
    while waiting:
        part = waiting.pop()
        found.append(part)
        if isinstance(part, str):  # most are; a match asks each class in turn, and took an eighth of a large network
            continue
        if isinstance(part, PythonCall):
            waiting += (*reversed(part.items), part.head)
        elif isinstance(part, Keyword):
            waiting.append(part.value)
        elif isinstance(part, Listing):
            waiting += reversed(part.items)
        elif isinstance(part, Infix):
            waiting += reversed(part.operands)
    return found


def holes(expr: Expr) -> list[Hole]:
    """Its holes, from left to right."""
    return [part for part in walk(expr) if isinstance(part, Hole)]


def filled(expr: Expr, fill: Callable[[Hole], Iterable[Expr]]) -> Expr:
    """The expression with what ``fill`` gives in place of each hole: any number of items in a call, one elsewhere."""
    return _substituted(expr, lambda leaf: fill(leaf) if isinstance(leaf, Hole) else (leaf,))


def _substituted(expr: Expr, change: Callable[[Expr], Iterable[Expr]]) -> Expr:
    """The expression with what ``change`` gives in place of each part that has no parts itself."""

    def inside(part: Expr) -> Iterable[Expr]:
        has_parts = isinstance(part, (PythonCall, Keyword, Listing, Infix))
        return (_substituted(part, change),) if has_parts else change(part)

    def each(parts: tuple[Expr, ...]) -> tuple[Expr, ...]:
        return tuple(new for part in parts for new in inside(part))

    match expr:
        case PythonCall(head, items, behind):
            (called,) = inside(head)
            return PythonCall(called if isinstance(called, (str, Hole)) else flat(called), each(items), behind)
        case Keyword(name, value):
            (new,) = inside(value)
            return Keyword(name, new)
        case Listing(items, brackets):
            return Listing(each(items), brackets)
        case Infix(operator, operands):
            return Infix(operator, each(operands))
    (new,) = change(expr)
    return new


def statement(expr: Expr, indent: int, before: str = "", after: str = "") -> list[str]:
    """The lines of ``before`` + expression + ``after``, broken only where they pass `WIDTH`.

    A trailing comment belongs to ``after``: ruff counts it in the width too.
    """
    margin = " " * indent
    line, behind = margin + before + flat(expr) + after, ""
    match expr:
        case Keyword(name, value):
            return statement(value, indent, f"{before}{name}=", after)
        case PythonCall(head, _, behind):
            ends = f"{head}()"
        case Listing(_, brackets):
            ends = brackets or "()"
        case Generator(_, _, brackets):
            ends = brackets
        case NumberRow():
            ends = "[]"
        case Infix():
            ends = "()"
        case _:
            return [line]
    if len(line) <= WIDTH:
        return [line]
    match expr:
        case Infix(operator, (PythonCall("", (Infix() as inner,)) as first, last)):
            # A sum in brackets: ruff adds none around the whole, and opens those of the last operand or of both.
            if isinstance(last, PythonCall) and len(f"{margin}{before}{flat(first)} {operator} {last.head}(") <= WIDTH:
                return statement(last, indent, f"{before}{flat(first)} {operator} ", after)
            opened = [f"{margin}{before}(", *_body(inner, indent + 4)]
            return [*opened, *statement(last, indent, f") {operator} ", after)]
    opening = margin + before + ends[:-1]
    # ruff puts a call into parentheses of its own where even its name does not fit behind what it is assigned to.
    if len(ends) > 2 and before and len(opening) > WIDTH:
        return [f"{margin}{before}(", *statement(expr, indent + 4), f"{margin}){after}"]
    return [opening, *_body(expr, indent + 4), margin + ends[-1] + behind + after]


def _body(expr: PythonCall | Listing | NumberRow | Infix | Generator, indent: int) -> list[str]:
    """The lines between the brackets of a broken expression."""
    margin = " " * indent
    match expr:
        case NumberRow(numbers):
            text = f"{', '.join(numbers)},"
            return textwrap.wrap(text, WIDTH, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False)
        case Generator(item, clause):
            return [*statement(item, indent), f"{margin}for {clause}"]
        case Listing(items):
            return [line for item in items for line in statement(item, indent, after=",")]
        case Infix(operator, operands):
            one_line = margin + flat(expr)
            signs = ["", *[f"{operator} "] * (len(operands) - 1)]
            broken = [
                line for sign, part in zip(signs, operands, strict=True) for line in statement(part, indent, sign)
            ]
        case PythonCall(_, items):
            one_line = margin + ", ".join(map(flat, items))
            # ruff gives a single argument no comma unless it has a name.
            comma = "," if len(items) != 1 or isinstance(items[0], Keyword) else ""
            broken = [line for item in items for line in statement(item, indent, after=comma)]
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

    @property
    def argument(self) -> Expr:
        """The run among the items of a call."""
        if self.count == 1:
            return self.item
        return Generator(self.item, f"{'i' if self.counts else '_'} in {self.range}", "*()")


def runs(items: list[Expr], first: int | None = None) -> Iterator[EqualRun]:
    """The items in order.

    Args:
        first: the number that ``i`` is for the first item; without it, ``i`` starts from 0 in every run.
    """
    offsets = [part for item in items for part in walk(item) if isinstance(part, Offset)]
    if units := {offset.base: offset.unit for offset in offsets if offset.unit}:

        def in_units(leaf: Expr) -> tuple[Expr]:
            """An argument to which nothing is added, as one to which 0 units are: it begins a row."""
            match leaf:
                case Offset(base, "0"):
                    return (Offset(base, "0", units.get(base, "")),)
            return (leaf,)

        items = [_substituted(item, in_units) for item in items]
    skeletons = [_skeleton(item) for item in items]
    # From each item to the next: how much each number goes up, or None where they differ in more than numbers.
    steps = [
        tuple(map(sub, after, before)) if rest == other else None
        for (rest, before), (other, after) in pairwise(skeletons)
    ]
    steps.append(None)
    place = 0
    while place < len(items):
        step, count, start = steps[place], 1, 0 if first is None else first + place
        while step is not None and steps[place + count - 1] == step:
            count += 1
        item, counts = items[place], step is not None and any(step)
        if step is not None and counts and count >= _LEAST_STEPS:
            each = iter(step)
            item = _with_numbers(item, lambda number: _linear(number, next(each), start))  # noqa: B023  # called here
        elif counts:
            count, counts = 1, False
        yield EqualRun(item, start, count, counts)
        place += count


def _skeleton(expr: Expr) -> tuple[Expr, tuple[int, ...]]:
    """An expression with 0 for each whole number in it, and the numbers."""
    numbers: list[int] = []

    def take(number: int) -> str:
        numbers.append(number)
        return "0"

    return _with_numbers(expr, take), tuple(numbers)


def _with_numbers(expr: Expr, change: Callable[[int], str]) -> Expr:
    """The expression with ``change`` made to each whole number in it, from left to right."""

    def changed(leaf: Expr) -> tuple[Expr]:
        match leaf:
            case Offset(base, number, unit):
                return (Offset(base, change(int(number)), unit),)
            case str() if _WHOLE.fullmatch(leaf):
                return (change(int(leaf)),)
        return (leaf,)

    return _substituted(expr, changed)


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
