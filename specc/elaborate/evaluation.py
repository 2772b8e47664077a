"""Expressions: total, bounded, free of side effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from specc.diagnostics import Code
from specc.elaborate.arithmetic import arithmetic, bounded, compare, negative, refuse
from specc.elaborate.errors import ambiguous, invalid, short, suggestion
from specc.elaborate.functions import FUNCTIONS, Misuse, listed
from specc.elaborate.hints import of_function, of_size
from specc.elaborate.scope import ABSENT, UNKNOWN, Scope, Unknown
from specc.elaborate.values import CONSTANTS, Absent, Evaluated, Metric, Partial, Signal, Value, kind_of, ready
from specc.ops import find, names
from specc.source import Span
from specc.syntax import ast

_OTHERWISE = {
    **dict.fromkeys(("no", "off"), ("write false",)),
    **dict.fromkeys(("yes", "on"), ("write true",)),
    **dict.fromkeys(("in", "_"), ("a model of several inputs begins with one of them",)),
}
_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))


def evaluate(expression: ast.Expr | Evaluated, scope: Scope) -> Value:
    """The value of ``expression``.

    Raises:
        Invalid: it has none: an unknown name, a wrong type, a division by zero, a number out of bounds.
        Unknown: it depends on something that an earlier error already concerns.
    """
    return _EVALUATORS[type(expression)](expression, scope)


def truth(expression: ast.Expr, scope: Scope) -> bool:
    """The value of a condition; refuses anything but true and false."""
    value = plain(expression, scope)
    if isinstance(value, bool):
        return value
    raise invalid(
        Code.BAD_VALUE,
        f"a condition must be true or false, and {expression.span.text} is {kind_of(value)}",
        expression.span,
    )


def plain(expression: ast.Expr, scope: Scope) -> Value:
    """The value as an operand: a metric counts as its number."""
    value = evaluate(expression, scope)
    if not isinstance(value, Metric):
        return value
    if value.needs:
        sizes = ", ".join(f"{name}=…" for name in value.needs)
        refuse(expression.span, f"{value.name} depends on {' and '.join(value.needs)}: ask for {value.name}({sizes})")
    return present(value.value, expression.span)


def present(value: Value, span: Span) -> Value:
    """``value``; refuses where there is none."""
    if isinstance(value, Absent):
        raise invalid(Code.BAD_VALUE, value.message, span, secondary=(value.cause,) if value.cause else ())
    return value


def prepared(name: str, scope: Scope) -> Partial | None:
    """The operator, block or shared steps called ``name``; None where the name stands for none."""
    value = scope.get(name)
    if isinstance(value, Signal):  # a label: what it hides can be called still
        value = scope.behind(name)
    return value if isinstance(value, Partial) else layer(name)


_layers: dict[str, Partial] = {}


def layer(name: str) -> Partial | None:
    """The operator of that name or alias, without arguments: always the same object."""
    known = _layers.get(name)
    if known is None and (kind := find(name)) is not None:
        known = _layers[name] = Partial(name, kind)
    return known


def _name(expression: ast.Name, scope: Scope) -> Value:
    name = expression.name
    if name in CONSTANTS:
        return CONSTANTS[name]
    value = scope.get(name)
    if value is UNKNOWN:
        raise Unknown
    if scope.root.is_ambiguous and (labels := scope.ambiguity(name)):
        raise ambiguous(name, expression.span, labels)
    if value is not ABSENT:
        return value
    if (step := layer(name)) is not None:
        return step
    if name in FUNCTIONS:
        refuse(expression.span, f"{name} is a function: {name}(…)")
    helps = _OTHERWISE.get(name.lower()) or of_size(name, scope)
    raise invalid(
        Code.UNKNOWN_NAME,
        f"nothing is called {short(name)} here",
        expression.span,
        helps=helps,
        suggestion=None if helps else suggestion(name, {*names(), *scope.known(), *CONSTANTS}, "value"),
    )


def _written(expression: ast.Number | ast.Text | Evaluated, scope: Scope) -> Value:
    return expression.value


def _sequence(expression: ast.Sequence, scope: Scope) -> Value:
    return scope.spend(tuple([plain(item, scope) for item in expression.items]), expression.span)


def _unary(expression: ast.Unary, scope: Scope) -> Value:
    if expression.operator == "not":
        return not truth(expression.operand, scope)
    return negative(plain(expression.operand, scope), expression)


def _binary(expression: ast.Binary, scope: Scope) -> Value:
    if expression.operator in ("and", "or"):
        return _logic(expression, scope)
    left, right = plain(expression.left, scope), plain(expression.right, scope)
    return (compare if expression.operator in _COMPARISONS else arithmetic)(expression, left, right)


def _logic(expression: ast.Binary, scope: Scope) -> bool:
    left = truth(expression.left, scope)
    if left == (expression.operator == "or"):
        return left
    return truth(expression.right, scope)


def _conditional(expression: ast.Conditional, scope: Scope) -> Value:
    return evaluate(expression.value if truth(expression.test, scope) else expression.other, scope)


def _attribute(expression: ast.Attribute, scope: Scope) -> Value:
    value = scope.get(expression.value.name) if isinstance(expression.value, ast.Name) else ABSENT
    if not isinstance(value, Signal):  # whatever else may be called so: only a value has sizes
        value = plain(expression.value, scope)
    if not isinstance(value, Signal):
        owner = expression.value.span.text
        refuse(expression.span, f"{owner} is {kind_of(value)} and has no attribute {expression.name}")
    try:
        return value.attribute(expression.name)
    except KeyError:
        known = {"channels", "features", "length", "depth", "height", "width", "shape", "rank", "batch"}
        shape = f"{short(expression.value.span.text)} is {value.type} and has no {short(expression.name)}"
        near = None if expression.name in known else suggestion(expression.name, known, "attribute")
        raise invalid(Code.UNKNOWN_NAME, shape, expression.span, suggestion=near) from None


def _index(expression: ast.Index, scope: Scope) -> Value:
    value, index = plain(expression.value, scope), plain(expression.place, scope)
    if not isinstance(value, tuple):
        refuse(expression.value.span, f"{expression.value.span.text} is {kind_of(value)}, and only a list has entries")
    if isinstance(index, bool) or not isinstance(index, int):
        refuse(expression.place.span, f"an entry is asked for by a whole number, not by {kind_of(index)}")
    if not -len(value) <= index < len(value):
        refuse(expression.place.span, f"{expression.value.span.text} has {len(value)} entries and no entry {index}")
    return value[index]


def _apply(expression: ast.Apply, scope: Scope) -> Value:
    if not isinstance(expression.function, ast.Name):
        helps: tuple[str, ...] = ()
        if isinstance(expression.function, ast.Attribute) and isinstance(expression.function.value, ast.Name):
            helps = of_function(expression, expression.function.name)
        refuse(expression.function.span, f"{expression.function.span.text} is not a function", helps=helps)
    name = expression.function.name
    value = scope.get(name)
    if isinstance(value, Metric):
        return _metric_at(value, expression, scope)
    if (step := prepared(name, scope)) is not None:
        return _with_arguments(step, expression, scope)
    if name not in FUNCTIONS:
        raise invalid(
            Code.UNKNOWN_NAME,
            f"no function is called {name}",
            expression.function.span,
            helps=(helps := of_function(expression, name)),
            suggestion=None if helps else suggestion(name, {*FUNCTIONS, *names(), *scope.known()}, "value"),
        )
    for argument in expression.arguments:
        if argument.name:
            refuse(argument.span, f"{name} takes no argument called {argument.name}")
    values = [plain(argument.value, scope) for argument in expression.arguments]
    scope.require_budget()
    try:
        result = FUNCTIONS[name](*values)
    except (TypeError, ValueError, OverflowError) as error:
        reason = str(error) if isinstance(error, Misuse) else f"{name} does not take {listed(values)}"
        refuse(expression.span, reason)
    return scope.spend(bounded(result, expression.span), expression.span)


def _with_arguments(step: Partial, expression: ast.Apply, scope: Scope) -> Partial:
    """A step with some of its arguments given already: ``leakyrelu(0.1)`` handed to a block as ``act``."""
    given = tuple(ready(argument, plain(argument.value, scope)) for argument in expression.arguments)
    made = Partial(step.name, step.target, (*step.arguments, *given))
    scope.spend(made, expression.span)
    return made


def _metric_at(metric: Metric, expression: ast.Apply, scope: Scope) -> Value:
    if metric.at is None:
        refuse(expression.span, f"{metric.name} does not depend on any symbolic size: write {metric.name}")
    sizes: dict[str, int] = {}
    for argument in expression.arguments:
        value = plain(argument.value, scope)
        if argument.name is None or isinstance(value, bool) or not isinstance(value, int) or value < 1:
            refuse(argument.span, f"{metric.name} is asked at sizes, as in {metric.name}(N=8)")
        sizes[argument.name] = value
    try:
        return bounded(present(metric.at(sizes), expression.span), expression.span)
    except ValueError as error:
        refuse(expression.span, f"{metric.name} cannot be asked here: {error}")


_EVALUATORS: Mapping[type, Callable[[Any, Scope], Value]] = {
    ast.Number: _written,
    ast.Text: _written,
    Evaluated: _written,
    ast.Name: _name,
    ast.Sequence: _sequence,
    ast.Unary: _unary,
    ast.Binary: _binary,
    ast.Conditional: _conditional,
    ast.Attribute: _attribute,
    ast.Index: _index,
    ast.Apply: _apply,
}
