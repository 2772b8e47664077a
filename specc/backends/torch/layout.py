"""Python statements laid out as `ruff format --line-length 100` lays them out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

WIDTH = 100
"""PyTorch users' code is mostly 88 to 120 wide; 100 keeps a layer with its options on one line."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in an expression that is filled in before it is laid out; ``kind`` says with what."""

    kind: str
    index: int
    detail: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
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
class Row:
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


Expr = str | Hole | Call | Keyword | Listing | Row | Infix | Repeated | Comprehension | Offset
_Broken = Call | Listing | Row | Infix | Repeated | Comprehension


def flat(expr: Expr) -> str:
    """The expression on one line."""
    match expr:
        case Call(head, items):
            return f"{head}({', '.join(map(flat, items))})"
        case Listing(items, brackets):
            single = "," if brackets == "()" and len(items) == 1 else ""
            return f"{brackets[:1]}{', '.join(map(flat, items))}{single}{brackets[1:]}"
        case Row(numbers):
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
        case Call(head, items):
            called = filled(head, fill)
            called = called if isinstance(called, (str, Hole)) else flat(called)
            return Call(called, tuple(part for item in items for part in _parts(item, fill)))
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
        case Call(head, items):
            yield from holes(head)
            yield from (hole for item in items for hole in holes(item))
        case Keyword(_, value):
            yield from holes(value)
        case Listing(items) | Infix(_, items):
            yield from (hole for item in items for hole in holes(item))


def heads(expr: Expr) -> Iterator[str]:
    """What is called in it."""
    match expr:
        case Call(head, items):
            yield from [head] if isinstance(head, str) else []
            yield from (inner for item in items for inner in heads(item))
        case Keyword(_, value):
            yield from heads(value)
        case Listing(items) | Infix(_, items):
            yield from (inner for item in items for inner in heads(item))


def _parts(item: Expr, fill: Callable[[Hole], Iterable[Expr]]) -> Iterable[Expr]:
    return fill(item) if isinstance(item, Hole) else (filled(item, fill),)


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
        case Call(head, _):
            return str(head), "()"
        case Listing(_, brackets):
            return "", brackets or "()"
        case Row() | Comprehension():
            return "", "[]"
        case Infix():
            return "", "()"
        case Repeated():
            return "*", "()"


def _body(expr: _Broken, indent: int) -> list[str]:
    """What stands between the brackets of a broken expression."""
    margin = " " * indent
    match expr:
        case Row(numbers):
            return _fill(numbers, margin)
        case Repeated(item, clause) | Comprehension(item, clause):
            return [*statement(item, indent), f"{margin}for {clause}"]
        case Infix(operator, operands):
            one_line = margin + flat(expr)
            first, *rest = operands
            broken = statement(first, indent) + [
                line for operand in rest for line in statement(operand, indent, f"{operator} ")
            ]
        case Call(_, items):
            one_line = margin + ", ".join(map(flat, items))
            alone = len(items) == 1 and not isinstance(items[0], Keyword)
            broken = statement(items[0], indent) if alone else _one_each(items, indent)
        case Listing(items):
            return _one_each(items, indent)
    return [one_line] if len(one_line) <= WIDTH else broken


def _one_each(items: tuple[Expr, ...], indent: int) -> list[str]:
    return [line for item in items for line in statement(item, indent, after=",")]


def _fill(numbers: tuple[str, ...], margin: str) -> list[str]:
    lines = [margin + numbers[0] + ","]
    for number in numbers[1:]:
        if len(lines[-1]) + len(number) + 2 <= WIDTH:
            lines[-1] += f" {number},"
        else:
            lines.append(f"{margin}{number},")
    return lines
