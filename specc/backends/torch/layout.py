"""Python statements laid out as `ruff format --line-length 100` lays them out."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 100
"""PyTorch users' code is mostly 88 to 120 wide; 100 keeps a layer with its options on one line."""


@dataclass(frozen=True, slots=True)
class Call:
    """``head(item, item)``."""

    head: str
    items: tuple[Expr, ...]


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


Expr = str | Call | Listing | Row | Infix


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
    return expr


def statement(expr: Expr, indent: int, before: str = "", after: str = "") -> list[str]:
    """The lines of ``before`` + expression + ``after``, broken only where they pass `WIDTH`.

    A trailing comment belongs to ``after``: ruff counts it in the width too.
    """
    margin = " " * indent
    line = margin + before + flat(expr) + after
    if len(line) <= WIDTH or isinstance(expr, str):
        return [line]
    head, brackets = _opening(expr)
    opening = margin + before + head + brackets[0]
    if head and before and len(opening) > WIDTH:
        return [f"{margin}{before}(", *statement(expr, indent + 4), f"{margin}){after}"]
    return [opening, *_body(expr, indent + 4), margin + brackets[1] + after]


def _opening(expr: Call | Listing | Row | Infix) -> tuple[str, str]:
    match expr:
        case Call(head, _):
            return head, "()"
        case Listing(_, brackets):
            return "", brackets or "()"
        case Row():
            return "", "[]"
        case Infix():
            return "", "()"


def _body(expr: Call | Listing | Row | Infix, indent: int) -> list[str]:
    """What stands between the brackets of a broken expression."""
    margin = " " * indent
    match expr:
        case Row(numbers):
            return _fill(numbers, margin)
        case Infix(operator, operands):
            one_line = margin + flat(expr)
            first, *rest = operands
            broken = statement(first, indent) + [
                line for operand in rest for line in statement(operand, indent, f"{operator} ")
            ]
        case Call(_, items):
            one_line = margin + ", ".join(map(flat, items))
            broken = statement(items[0], indent) if len(items) == 1 else _one_each(items, indent)
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
