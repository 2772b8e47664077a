"""Arithmetic and comparison of numbers, and of sizes that are known only as formulas."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import NoReturn

from specc.diagnostics import Code
from specc.diagnostics.finding import Condition
from specc.elaborate.errors import invalid
from specc.elaborate.values import LARGEST_INTEGER, Partial, PerAxis, Value, kind_of
from specc.ir.conditions import (
    always_at_least,
    assigned,
    points,
    where_at_least,
    where_equal,
)
from specc.ir.size import Dim, Size
from specc.ir.terms import Unwieldy
from specc.ir.types import at
from specc.source import Span
from specc.syntax import ast

COMPARISONS: Mapping[str, Callable[[Value, Value], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_UNBOUNDED = ("/", "//", "%", "**")
"""The operators that may divide by zero, or take long to come to more than a file could hold."""
_HIGHEST_POWER = 16
"""Of a symbolic size."""


def refuse(span: Span, message: str, *notes: str, helps: tuple[str, ...] = ()) -> NoReturn:
    raise invalid(Code.BAD_VALUE, message, span, notes=notes, helps=helps)


def bounded(value: Value, span: Span) -> Value:
    """``value``, unless it is a number that no file could hold."""
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise invalid(Code.LIMIT, f"{span.text} is beyond 2^63 - 1, the largest whole number", span)
    if isinstance(value, float) and not math.isfinite(value):
        raise invalid(Code.LIMIT, f"{span.text} is beyond the largest real number", span)
    return value


def number(value: Value, expression: ast.Expr) -> int | float | Size:
    """``value``, which an operator takes; refuses what is no number."""
    if isinstance(value, (int, float, Size)) and not isinstance(value, bool):
        return value
    refuse(expression.span, f"{expression.span.text} is {kind_of(value)}, and a number is needed here")


def arithmetic(expression: ast.Binary, left: Value, right: Value) -> Value:
    """``left`` + - * / // % ** ``right``."""
    if type(left) is int and type(right) is int and expression.operator not in _UNBOUNDED:
        return bounded(_of_numbers(expression.operator, left, right), expression.span)
    left, right = number(left, expression.left), number(right, expression.right)
    if isinstance(left, Size) or isinstance(right, Size):
        try:
            return bounded(_of_sizes(expression, left, right), expression.span)
        except Unwieldy as error:
            raise invalid(Code.LIMIT, str(error), expression.span) from None
    try:
        value = _of_numbers(expression.operator, left, right)
    except ValueError:
        refuse(expression.span, f"{expression.span.text} is no real number: {left} is negative")
    except ZeroDivisionError:
        divisor = (expression.left if expression.operator == "**" else expression.right).span.text
        refuse(expression.span, f"{expression.span.text} divides by zero", *[f"{divisor} = 0"][: divisor != "0"])
    except OverflowError:
        value = math.inf
    return bounded(value, expression.span)


def compare(expression: ast.Binary, left: Value, right: Value) -> bool:
    """``left`` == != < <= > >= ``right``; a symbolic size where it is the same for every value it may have."""
    sign = expression.operator
    if type(left) is int and type(right) is int:
        return COMPARISONS[sign](left, right)
    if isinstance(left, PerAxis) != isinstance(right, PerAxis):
        axes, other = (left, right) if isinstance(left, PerAxis) else (right, left)
        if isinstance(other, (int, float)) and not isinstance(other, bool):
            same = COMPARISONS["==" if sign == "!=" else sign]
            every = all(same(a, other) if axes is left else same(other, a) for a in axes)
            return not every if sign == "!=" else every
    for side, value in ((expression.left, left), (expression.right, right)):
        if isinstance(value, Partial) and value.arguments:
            refuse(side.span, f"{side.span.text} is a step with arguments, and only those without can be compared")
    if Size in (kinds := {type(left), type(right)}) and kinds <= {Size, int}:
        return _decided(expression, left, right)
    if sign in ("==", "!="):
        same_kind = isinstance(left, bool) == isinstance(right, bool)
        return COMPARISONS[sign](left, right) if same_kind else sign == "!="
    for side, value in ((expression.left, left), (expression.right, right)):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            refuse(side.span, f"{sign} compares numbers, and {side.span.text} is {kind_of(value)}")
    return COMPARISONS[sign](left, right)


def _of_numbers(sign: str, left: int | float, right: int | float) -> int | float:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "//":
            return left // right
        case "%":
            return left % right
        case "**":
            return _power(left, right)
    # A quotient of whole numbers that comes out even stays whole: 64 / 4 may count channels.
    if isinstance(left, int) and isinstance(right, int) and right and left % right == 0:
        return left // right
    return left / right


def _power(base: int | float, exponent: int | float) -> int | float:
    """``base ** exponent``; 2^63 where it is beyond that. Raises ValueError where it is no real number."""
    if isinstance(base, int) and isinstance(exponent, int):
        if exponent < 0:
            return _of_numbers("/", 1, _power(base, -exponent))
        return base**exponent if abs(base) < 2 or exponent < LARGEST_INTEGER.bit_length() else LARGEST_INTEGER + 1
    value: int | float | complex = base**exponent
    if isinstance(value, complex):
        raise ValueError("no real number")
    return value


def _of_sizes(expression: ast.Binary, left: Dim | float, right: Dim | float) -> Dim:
    """Whole numbers stay whole: a symbolic size meets no real number, and is divided by numbers only."""
    for side, value in ((expression.left, left), (expression.right, right)):
        if isinstance(value, float):
            refuse(side.span, f"{side.span.text} is no whole number, and a symbolic size meets only those")
    assert not isinstance(left, float), "refused above"
    assert not isinstance(right, float), "refused above"
    match expression.operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    if expression.operator == "**":
        return _power_of_size(expression, left, right)
    if not isinstance(right, int) or right < 1:
        text = expression.right.span.text
        refuse(expression.right.span, f"a symbolic size is divided by whole numbers of at least 1, and not by {text}")
    if expression.operator == "%":
        return left % right
    if expression.operator == "/" and left % right != 0:
        example = _example("!=", left % right, 0)
        raise invalid(
            Code.UNPROVEN,
            f"{left} is not {'' if example else 'proven to be '}a multiple of {right} for every size",
            expression.span,
            notes=(f"it is none at {example}",) if example else (),
            helps=("// rounds down",),
            where=where_equal(left % right, 0),
        )
    return left // right


def _power_of_size(expression: ast.Binary, base: Dim, exponent: Dim) -> Dim:
    if not isinstance(exponent, int) or not 0 <= exponent <= _HIGHEST_POWER:
        message = f"with a symbolic size, powers go from 0 to {_HIGHEST_POWER}, and not to {expression.right.span.text}"
        refuse(expression.right.span, message)
    return math.prod([base] * exponent, start=1)


def _decided(expression: ast.Binary, left: Dim, right: Dim) -> bool:
    """Whether the comparison holds for every size; refuses where it holds for some and not for others."""
    sign = expression.operator
    if left == right:
        return sign in ("==", "<=", ">=")
    lower, higher = always_at_least(right - left, 1), always_at_least(left - right, 1)
    if lower or higher:
        return {"==": False, "!=": True, "<": lower, "<=": lower, ">": higher, ">=": higher}[sign]
    if (sign == "<=" and always_at_least(right - left, 0)) or (sign == ">=" and always_at_least(left - right, 0)):
        return True
    if (sign == "<" and always_at_least(left - right, 0)) or (sign == ">" and always_at_least(right - left, 0)):
        return False
    true, false = _example(sign, left, right), _example(_NEGATED[sign], left, right)
    message, notes = "is not proven to be the same for every size", (f"{left} {sign} {right}",)
    if true and false:
        message, notes = "holds for some sizes and not for others", (f"{notes[0]}: true at {true}; false at {false}",)
    where = _clause(sign, left, right)
    helps: tuple[str, ...] = ()
    names = [str(size) for size in (left, right) if isinstance(size, Size) and str(size) == size.symbols[0].name]
    if not where and len(names) == 2:
        bounds = apart(names[0], sign, names[1])
        helps = (f"it is decided once, for all sizes together: bounds in the contract can do that, {bounds}",)
    text = expression.span.text
    raise invalid(Code.UNPROVEN, f"{text} {message}", expression.span, notes=notes, helps=helps, where=where)


def apart(one: str, sign: str, other: str) -> str:
    """Bounds that decide whether one of two sizes is the larger: ``H >= 256, W <= 255``."""
    larger, smaller = (one, other) if sign in (">", ">=") else (other, one)
    return f"{larger} >= 256, {smaller} <= {256 if '=' in sign else 255}"


def _example(sign: str, left: Dim, right: Dim) -> str:
    """``H = 33``: sizes at which the comparison holds; empty where no tried ones do."""
    holds = COMPARISONS[sign]
    example = next((sizes for sizes in points((left, right)) if holds(at(left, sizes), at(right, sizes))), None)
    if example is None and sign != "!=" and (condition := _clause(sign, left, right)):
        more = points((left, right), condition)
        example = next((sizes for sizes in more if holds(at(left, sizes), at(right, sizes))), None)
    return assigned(example) if example else ""


def _clause(sign: str, left: Dim, right: Dim) -> Condition | None:
    """The ``where`` under which the comparison is the same at every size, if there is one."""
    match sign:
        case "==" | "!=":
            return where_equal(left, right)
        case ">" | ">=":
            return where_at_least(left - right, int(sign == ">"))
        case "<" | "<=":
            return where_at_least(right - left, int(sign == "<"))
    return None
