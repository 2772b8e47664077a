"""Expressions, arguments and shapes on one line, with no more parentheses than the same tree needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeGuard

from specc.syntax import ast
from specc.syntax.format.page import WIDTH

LOOSEST, DISJUNCTION, CONJUNCTION, NEGATION, COMPARISON, SUM, PRODUCT, SIGNED, POSTFIX = range(9)
"""How tightly each level of the grammar binds."""

_TIMES = frozenset({"*", "/", "//", "%"})
_BINDING = {"or": DISJUNCTION, "and": CONJUNCTION, "+": SUM, "-": SUM} | dict.fromkeys(_TIMES, PRODUCT)
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})


def binding(expr: ast.Expr) -> int:
    """The level of the grammar that the expression belongs to."""
    match expr:
        case ast.Conditional():
            return LOOSEST
        case ast.Binary(operator=operator):
            return _BINDING.get(operator, COMPARISON)
        case ast.Unary(operator="not"):
            return NEGATION
        case ast.Unary():
            return SIGNED
    return POSTFIX


def right_of(operator: str) -> int:
    """The loosest level that may stand unparenthesised on the right of a binary operator; operators lean left."""
    return _BINDING.get(operator, COMPARISON) + 1


def left_of(operator: str) -> int:
    """The same for the left; comparisons cannot be chained."""
    level = _BINDING.get(operator, COMPARISON)
    return level + (level == COMPARISON)


def around(operator: str, *, tight: bool) -> str:
    """The operator with its blanks; in a shape (``tight``) products are written without: ``2*H + 1``."""
    return operator if tight and operator in _TIMES else f" {operator} "


def text(expr: ast.Expr, level: int = LOOSEST, *, tight: bool = False) -> str:
    """The expression where the grammar wants one of at least ``level``."""
    written = _text(expr, tight)
    return f"({written})" if binding(expr) < level else written


def _text(expr: ast.Expr, tight: bool) -> str:
    match expr:
        case ast.Number():
            return expr.span.text
        case ast.Text():
            return string(expr.value)
        case ast.Name():
            return expr.name
        case ast.Sequence():
            return sequence(expr, tight=tight)
        case ast.Unary(operator="not"):
            return f"not {text(expr.operand, NEGATION, tight=tight)}"
        case ast.Unary():
            return f"-{text(expr.operand, SIGNED, tight=tight)}"
        case ast.Binary(operator=operator):
            left = text(expr.left, left_of(operator), tight=tight)
            return left + around(operator, tight=tight) + text(expr.right, right_of(operator), tight=tight)
        case ast.Conditional():
            value, test = (text(part, DISJUNCTION, tight=tight) for part in (expr.value, expr.test))
            return f"{value} if {test} else {text(expr.other, tight=tight)}"
        case ast.Attribute():
            return f"{text(expr.value, POSTFIX, tight=tight)}.{expr.name}"
        case ast.Index():
            return f"{text(expr.value, POSTFIX, tight=tight)}[{text(expr.place, tight=tight)}]"
        case ast.Apply():
            return text(expr.function, POSTFIX, tight=tight) + arguments(expr.arguments, tight=tight)


def is_long(tree: ast.Expr | ast.Argument | ast.Param | ast.Port) -> bool:
    """Whether its names, numbers, signs and brackets alone are longer than a line.

    To write it all on each level, only to see that it does not fit, takes long where much is in each other.
    """
    waiting: list[object] = [tree]
    length = 0
    while waiting and length <= WIDTH:
        part = waiting.pop()
        if isinstance(part, str):
            length += len(part)
        elif isinstance(part, ast.Number):
            length += part.span.end - part.span.start
        elif isinstance(part, tuple):
            length += len("[]") if isinstance(part, (ast.Sequence, ast.Index, ast.Apply)) else 0
            waiting += part
    return length > WIDTH


def string(value: str) -> str:
    return f'"{value.translate(_ESCAPES)}"'


def sequence(expr: ast.Sequence, *, tight: bool = False, rows: bool = False) -> str:
    """``[a, b]``; the entries of a table that a loop takes apart (``rows``) are tuples."""
    entries = (row(item) if rows else text(item, tight=tight) for item in expr.items)
    return f"[{', '.join(entries)}]"


def row(entry: ast.Expr) -> str:
    return f"({', '.join(map(text, entry.items))})" if is_row(entry) else text(entry)


def is_row(entry: ast.Expr) -> TypeGuard[ast.Sequence]:
    """A tuple of one would need a comma, which nobody expects."""
    return isinstance(entry, ast.Sequence) and len(entry.items) > 1


def has_rows(loop: ast.For) -> bool:
    return len(loop.names) > 1 and isinstance(loop.table, ast.Sequence)


def table(loop: ast.For) -> str:
    if isinstance(loop.table, ast.Sequence):
        return sequence(loop.table, rows=has_rows(loop))
    return text(loop.table)


def argument(given: ast.Argument, *, equals: str = "=", tight: bool = False) -> str:
    value = text(given.value, tight=tight)
    return f"{given.name}{equals}{value}" if given.name else value


def arguments(given: Iterable[ast.Argument], *, equals: str = "=", tight: bool = False) -> str:
    return f"({', '.join(argument(each, equals=equals, tight=tight) for each in given)})"


def param(given: ast.Param) -> str:
    return f"{given.name} = {text(given.default)}" if given.default else given.name


def params(given: tuple[ast.Param, ...]) -> str:
    return f"({', '.join(map(param, given))})" if given else ""


def shape(given: ast.Shape) -> str:
    return f"[{', '.join(text(dim, tight=True) for dim in given.dims)}]"


def port(given: ast.Port) -> str:
    return f"{given.name}: {shape(given.shape)}" if given.name else shape(given.shape)


def ports(given: tuple[ast.Port, ...]) -> str:
    listed = ", ".join(map(port, given))
    return f"({listed})" if given[0].name else listed
