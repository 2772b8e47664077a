"""Expressions: total, bounded, free of side effects."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import NoReturn

from specc.diagnostics import Code
from specc.elaborate.trouble import Trouble, did_you_mean, short, trouble
from specc.elaborate.values import CONSTANTS, LARGEST_INTEGER, Metric, PerAxis, Tensor, Value, kind_of, written
from specc.source import Span
from specc.syntax import ast

MOST_ENTRIES = 1_000_000
"""Entries of all lists of a file together, those of lists inside lists counted wherever they stand."""

Lookup = Callable[[str], Value]
"""Gives the value of a name; raises KeyError."""

_OTHERWISE = dict.fromkeys(("no", "off"), ("write false",)) | dict.fromkeys(("yes", "on"), ("write true",))
_COMPARISONS: Mapping[str, Callable[[Value, Value], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Scope:
    """Names and their values, innermost first. ``_`` and ``in`` are ordinary names of it."""

    def __init__(self, names: Mapping[str, Value], outer: Scope | None = None) -> None:
        self._names = dict(names)
        self._outer = outer
        self._spent = 0

    def spend(self, value: Value, span: Span) -> Value:
        """``value``, its entries charged to the file's budget: no short text may stand for endless lists."""
        if not isinstance(value, tuple):
            return value
        if self._outer is not None:
            return self._outer.spend(value, span)
        if self._spent > MOST_ENTRIES:
            raise Unknown  # it has been said
        self._spent += _entries(value, MOST_ENTRIES - self._spent)
        if self._spent > MOST_ENTRIES:
            raise trouble(Code.LIMIT, f"the lists of this file have more than {MOST_ENTRIES:,} entries together", span)
        return value

    def define(self, name: str, value: Value) -> None:
        self._names[name] = value

    def holds(self, name: str) -> bool:
        """Whether this very scope, not an outer one, defines ``name``."""
        return name in self._names

    def find(self, name: str) -> Value:
        """Raises KeyError."""
        if name in self._names:
            return self._names[name]
        if self._outer is None:
            raise KeyError(name)
        return self._outer.find(name)

    def known(self) -> set[str]:
        return set(self._names) | (self._outer.known() if self._outer else set())


def _entries(value: Value, most: int) -> int:
    """How many entries a list has, at any depth; counting stops beyond ``most``."""
    count, waiting = 0, [value]
    while waiting and count <= most:
        part = waiting.pop()
        if isinstance(part, tuple):
            count += len(part)
            waiting += part
    return count


class Unknown(Exception):
    """The expression asks about a value whose shape an earlier error left unknown: nothing more to say."""


UNKNOWN = object()
"""Stands in a scope for a value that an earlier error left unknown."""


def evaluate(expression: ast.Expr, scope: Scope) -> Value:
    """The value of ``expression``.

    Raises:
        Trouble: it has none: an unknown name, a wrong type, a division by zero, a number out of bounds.
        Unknown: it depends on something that an earlier error already concerns.
    """
    match expression:
        case ast.Number(_, value) | ast.Text(_, value):
            return value
        case ast.Name():
            return _name(expression, scope)
        case ast.Sequence(_, items):
            return scope.spend(tuple(evaluate(item, scope) for item in items), expression.span)
        case ast.Unary():
            return _unary(expression, scope)
        case ast.Binary(_, "and" | "or"):
            return _logic(expression, scope)
        case ast.Binary():
            return _binary(expression, scope)
        case ast.Conditional(_, value, test, other):
            return evaluate(value if truth(test, scope) else other, scope)
        case ast.Attribute():
            return _attribute(expression, scope)
        case ast.Index():
            return _index(expression, scope)
        case ast.Apply():
            return _apply(expression, scope)


def truth(expression: ast.Expr, scope: Scope) -> bool:
    """The value of a condition; refuses anything but true and false."""
    value = evaluate(expression, scope)
    if isinstance(value, bool):
        return value
    raise trouble(
        Code.BAD_VALUE,
        f"a condition must be true or false, and {expression.span.text} is {kind_of(value)}",
        expression.span,
    )


def _name(expression: ast.Name, scope: Scope) -> Value:
    name = expression.name
    if name in CONSTANTS:
        return CONSTANTS[name]
    try:
        value = scope.find(name)
    except KeyError:
        if name in FUNCTIONS:
            _refuse(expression.span, f"{name} is a function: {name}(…)")
        raise trouble(
            Code.UNKNOWN_NAME,
            f"nothing is called {short(name)} here",
            expression.span,
            helps=_OTHERWISE.get(name.lower()) or did_you_mean(name, scope.known() | set(CONSTANTS)),
        ) from None
    if value is UNKNOWN:
        raise Unknown
    return value


def _refuse(span: Span, message: str, *notes: str) -> NoReturn:
    raise trouble(Code.BAD_VALUE, message, span, notes=notes)


def _plain(expression: ast.Expr, scope: Scope) -> Value:
    """The value as an operand: a metric counts as its number."""
    value = evaluate(expression, scope)
    return value.value if isinstance(value, Metric) else value


def _number(expression: ast.Expr, scope: Scope) -> int | float:
    value = _plain(expression, scope)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    _refuse(expression.span, f"{expression.span.text} is {kind_of(value)}, and a number is needed here")


def bounded(value: Value, span: Span) -> Value:
    """``value``, unless it is a number that no file could hold."""
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise trouble(Code.LIMIT, f"{span.text} is beyond 2^63 - 1, the largest whole number", span)
    if isinstance(value, float) and not math.isfinite(value):
        raise trouble(Code.LIMIT, f"{span.text} is beyond the largest real number", span)
    return value


def _unary(expression: ast.Unary, scope: Scope) -> Value:
    if expression.operator == "not":
        return not truth(expression.operand, scope)
    return -_number(expression.operand, scope)


def _logic(expression: ast.Binary, scope: Scope) -> bool:
    left = truth(expression.left, scope)
    if left == (expression.operator == "or"):
        return left
    return truth(expression.right, scope)


def _binary(expression: ast.Binary, scope: Scope) -> Value:
    if expression.operator in _COMPARISONS:
        return _compare(expression, scope)
    left, right = _number(expression.left, scope), _number(expression.right, scope)
    try:
        value = _arithmetic(expression.operator, left, right)
    except ZeroDivisionError:
        divisor = expression.right.span.text
        _refuse(expression.span, f"{expression.span.text} divides by zero", *[f"{divisor} = 0"][: divisor != "0"])
    except OverflowError:
        value = math.inf
    return bounded(value, expression.span)


def _arithmetic(sign: str, left: int | float, right: int | float) -> int | float:
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
    # A quotient of whole numbers that comes out even stays whole: 64 / 4 may count channels.
    if isinstance(left, int) and isinstance(right, int) and right and left % right == 0:
        return left // right
    return left / right


def _compare(expression: ast.Binary, scope: Scope) -> bool:
    left, right = _plain(expression.left, scope), _plain(expression.right, scope)
    sign = expression.operator
    if isinstance(left, PerAxis) != isinstance(right, PerAxis):
        axes, other = (left, right) if isinstance(left, PerAxis) else (right, left)
        if isinstance(other, (int, float)) and not isinstance(other, bool):
            same = _COMPARISONS["==" if sign == "!=" else sign]
            every = all(same(a, other) if axes is left else same(other, a) for a in axes)
            return not every if sign == "!=" else every
    if sign in ("==", "!="):
        same_kind = isinstance(left, bool) == isinstance(right, bool)
        return _COMPARISONS[sign](left, right) if same_kind else sign == "!="
    for side, value in ((expression.left, left), (expression.right, right)):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            _refuse(side.span, f"{sign} compares numbers, and {side.span.text} is {kind_of(value)}")
    return _COMPARISONS[sign](left, right)


def _attribute(expression: ast.Attribute, scope: Scope) -> Value:
    value = evaluate(expression.value, scope)
    owner = expression.value.span.text
    if not isinstance(value, Tensor):
        _refuse(expression.span, f"{owner} is {kind_of(value)} and has no attribute {expression.name}")
    try:
        return value.attribute(expression.name)
    except KeyError:
        known = {"channels", "features", "length", "depth", "height", "width", "shape", "rank", "batch"}
        shape = f"{short(owner)} is {value.type} and has no {short(expression.name)}"
        helps = () if expression.name in known else did_you_mean(expression.name, known)
        raise trouble(Code.UNKNOWN_NAME, shape, expression.span, helps=helps) from None


def _index(expression: ast.Index, scope: Scope) -> Value:
    value, index = _plain(expression.value, scope), evaluate(expression.place, scope)
    if not isinstance(value, tuple):
        _refuse(expression.value.span, f"{expression.value.span.text} is {kind_of(value)}, and only a list has entries")
    if isinstance(index, bool) or not isinstance(index, int):
        _refuse(expression.place.span, f"an entry is asked for by a whole number, not by {kind_of(index)}")
    if not -len(value) <= index < len(value):
        _refuse(expression.place.span, f"{expression.value.span.text} has {len(value)} entries and no entry {index}")
    return value[index]


def _apply(expression: ast.Apply, scope: Scope) -> Value:
    if not isinstance(expression.function, ast.Name):
        _refuse(expression.function.span, f"{expression.function.span.text} is not a function")
    name = expression.function.name
    try:
        value = scope.find(name)
    except KeyError:
        value = None
    if isinstance(value, Metric):
        return _metric_at(value, expression, scope)
    if name not in FUNCTIONS:
        raise trouble(
            Code.UNKNOWN_NAME,
            f"no function is called {name}",
            expression.function.span,
            helps=did_you_mean(name, FUNCTIONS),
        )
    for argument in expression.arguments:
        if argument.name:
            _refuse(argument.span, f"{name} takes no argument called {argument.name}")
    values = [_plain(argument.value, scope) for argument in expression.arguments]
    try:
        result = FUNCTIONS[name](*values)
    except (TypeError, ValueError, OverflowError) as error:
        reason = str(error) if isinstance(error, _Misuse) else f"{name} does not take {_list(values)}"
        _refuse(expression.span, reason)
    return scope.spend(bounded(result, expression.span), expression.span)


def _list(values: list[Value]) -> str:
    return ", ".join(map(written, values)) or "no arguments"


def _metric_at(metric: Metric, expression: ast.Apply, scope: Scope) -> Value:
    if metric.at is None:
        _refuse(expression.span, f"{metric.name} does not depend on any symbolic size: write {metric.name}")
    sizes: dict[str, int] = {}
    for argument in expression.arguments:
        value = evaluate(argument.value, scope)
        if argument.name is None or isinstance(value, bool) or not isinstance(value, int) or value < 1:
            _refuse(argument.span, f"{metric.name} is asked at sizes, as in {metric.name}(N=8)")
        sizes[argument.name] = value
    try:
        return bounded(metric.at(sizes), expression.span)
    except KeyError as error:
        raise trouble(
            Code.UNKNOWN_NAME, f"the contract has no symbolic size {error.args[0]}", expression.span
        ) from None


class _Misuse(ValueError):
    """A function's own words for what is wrong with its arguments."""


def _numbers(name: str, values: tuple[Value, ...]) -> tuple[int | float, ...]:
    given = values[0] if len(values) == 1 and isinstance(values[0], tuple) else values
    if not given or any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in given):
        raise _Misuse(f"{name} takes numbers, not {_list(list(values))}")
    return tuple(given)


def _one_number(name: str, function: Callable[[Value], Value]) -> Callable[[Value], Value]:
    def checked(value: Value) -> Value:
        if isinstance(value, tuple):
            raise _Misuse(f"{name} takes one number, not {kind_of(value)}")
        return function(_numbers(name, (value,))[0])

    return checked


def _length(value: Value) -> int:
    if not isinstance(value, (tuple, str)):
        raise _Misuse(f"len takes a list, not {kind_of(value)}")
    return len(value)


def _range(*bounds: Value) -> tuple[int, ...]:
    if any(isinstance(b, bool) or not isinstance(b, int) for b in bounds):
        raise _Misuse("range takes whole numbers")
    numbers = range(*bounds)
    if len(numbers) > MOST_ENTRIES:
        raise _Misuse(f"range would give {len(numbers):,} numbers, and a file may hold {MOST_ENTRIES:,}")
    return tuple(numbers)


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "min": lambda *values: min(_numbers("min", values)),
    "max": lambda *values: max(_numbers("max", values)),
    "abs": _one_number("abs", abs),
    "ceil": _one_number("ceil", math.ceil),
    "floor": _one_number("floor", math.floor),
    "round": _one_number("round", round),
    "len": _length,
    "range": _range,
}

__all__ = ["UNKNOWN", "Scope", "Trouble", "Unknown", "evaluate", "truth"]
