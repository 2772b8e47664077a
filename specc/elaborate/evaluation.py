"""Expressions: total, bounded, free of side effects; and the functions of the language."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from specc.diagnostics import Code, Label
from specc.elaborate.arithmetic import COMPARISONS, arithmetic, bounded, compare, number, refuse
from specc.elaborate.errors import Unknown, ambiguous, invalid, short, suggestion
from specc.elaborate.inside import BlockValue, entry, member, owners
from specc.elaborate.scopes import ABSENT, MOST_ENTRIES, Scope, require_name
from specc.elaborate.values import (
    CONSTANTS,
    UNKNOWN,
    Absent,
    Evaluated,
    Metric,
    Partial,
    Signal,
    Value,
    display,
    evaluated,
    is_whole,
    kind_of,
)
from specc.ir.size import Size
from specc.ops import find, names
from specc.source import Span
from specc.syntax import ast

SPATIAL = ("length", "depth", "height", "width")
AXES = ("batch", "channels", "features", *SPATIAL)
"""The attributes of a value that are one of its sizes."""

ATTRIBUTES = (*AXES, "shape", "rank")
"""What a value has behind a point, besides the values of its inside."""

_OTHERWISE = {
    **dict.fromkeys(("no", "off"), ("write false",)),
    **dict.fromkeys(("yes", "on"), ("write true",)),
    **dict.fromkeys(("in", "_"), ("a model of several inputs begins with one of them",)),
}
"""What to write for names that other languages have."""


Row = tuple[Value, ...]
"""What the names of a loop stand for in one round."""


def evaluate(expression: ast.Expr | Evaluated, scope: Scope) -> Value:
    """The value of ``expression``.

    Raises:
        Invalid: it has none: an unknown name, a wrong type, a division by zero, a number out of bounds.
        Unknown: it depends on something that an earlier error already concerns.
    """
    return _EVALUATORS[type(expression)](expression, scope)


def rows(loop: ast.For | ast.Comprehension, scope: Scope) -> list[Row]:
    """The rounds of ``for``: what its names stand for in each. Raises Invalid, Unknown."""
    table = evaluate(loop.table, scope)
    if not isinstance(table, tuple):
        message = f"for goes through a list, and {loop.table.span.text} is {kind_of(table)}"
        rounds = is_whole(table) and table >= 0
        helps = (f"range({short(loop.table.span.text)}) is the list of the numbers from 0 on",) if rounds else ()
        raise invalid(Code.BAD_VALUE, message, loop.table.span, helps=helps)
    for label in loop.names:
        require_name(label.name, loop.names[0].span)
    if len(loop.names) == 1:
        return [(entry,) for entry in table]
    for place, row in enumerate(table, 1):
        if not isinstance(row, tuple) or len(row) != len(loop.names):
            what = f"has {len(row)} values" if isinstance(row, tuple) else f"is {kind_of(row)}"
            names = ", ".join(label.name for label in loop.names)
            raise invalid(
                Code.BAD_VALUE,
                f"row {place} of the table {what}, and {names} take {len(loop.names)}",
                loop.table.span,
                f"row {place} is {display(row)}",
            )
    return list(table)


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


_layers: dict[str, Partial] = {}
"""Operators as what can be called, each made once: nearly every step asks for one."""


def layer(name: str) -> Partial | None:
    """The operator of that name or alias, without arguments."""
    known = _layers.get(name)
    if known is None and (kind := find(name)) is not None:
        known = _layers[name] = Partial(name, kind)
    return known


def attribute_of(value: Signal, name: str) -> Value:
    """An attribute; None where the value has none of that name, or is unknown."""
    try:
        return value.attribute(name) if value.type is not None else None
    except KeyError:
        return None


# ---- each kind of expression ----------------------------------------------------------------------------------------


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
    helps: tuple[str, ...] = _OTHERWISE.get(name.lower(), ())
    entry = scope.get("in")
    if paths := owners(name, scope):
        helps = tuple(f"there is {path}" for path in paths[:3])
    elif isinstance(entry, Signal) and not helps:
        # A block does not see the sizes of the model's contract; by their formulas, one of its input's may be meant.
        sizes = {str(size): axis for axis in reversed(AXES) if isinstance(size := attribute_of(entry, axis), Size)}
        if axis := sizes.get(name):
            text = f"{name} is a size of the model's contract, which a block does not see: in.{axis} is the one here"
            helps = (text,)
    raise invalid(
        Code.UNKNOWN_NAME,
        f"nothing is called {short(name)} here",
        expression.span,
        helps=helps,
        suggestion=None if helps else suggestion(name, {*names(), *scope.known(), *CONSTANTS}, "value"),
    )


def _sequence(expression: ast.Sequence, scope: Scope) -> Value:
    return scope.budget.charge(tuple([plain(item, scope) for item in expression.items]), expression.span)


def _comprehension(expression: ast.Comprehension, scope: Scope) -> Value:
    names = [label.name for label in expression.names]
    entries = []
    for row in rows(expression, scope):
        scope.budget.charge(row, expression.table.span)  # where the test leaves all out, too, it takes its time
        inner = Scope(dict(zip(names, row, strict=True)), scope)
        if expression.test is None or truth(expression.test, inner):
            entries.append(plain(expression.item, inner))
    return scope.budget.charge(tuple(entries), expression.span)


def _unary(expression: ast.Unary, scope: Scope) -> Value:
    if expression.operator == "not":
        return not truth(expression.operand, scope)
    return -number(plain(expression.operand, scope), expression.operand)


def _binary(expression: ast.Binary, scope: Scope) -> Value:
    if expression.operator in ("and", "or"):
        left = truth(expression.left, scope)
        return left if left == (expression.operator == "or") else truth(expression.right, scope)
    left, right = plain(expression.left, scope), plain(expression.right, scope)
    if expression.operator in COMPARISONS:
        return compare(expression, left, right)
    if type(left) is tuple or type(right) is tuple:
        return scope.budget.charge(_of_lists(expression, left, right), expression.span)
    return arithmetic(expression, left, right)


def _of_lists(expression: ast.Binary, left: Value, right: Value) -> Value:
    """``[1, 2] + [3]`` and ``[64] * 3``, as in Python."""
    if expression.operator == "+" and type(left) is tuple and type(right) is tuple:
        return left + right
    entries, rounds = (left, right) if type(left) is tuple else (right, left)
    if expression.operator == "*" and is_whole(rounds):
        if len(entries) * rounds > MOST_ENTRIES:
            raise invalid(Code.LIMIT, f"{expression.span.text} has more than {MOST_ENTRIES:,} entries", expression.span)
        if rounds < 0:
            refuse(expression.span, f"a list is repeated 0 times or more, and not {rounds} times")
        return entries * rounds
    side = expression.left if entries is left else expression.right
    message = f"{expression.operator} is for numbers, and {short(side.span.text)} is a list"
    helps = ("lists are joined with lists, [64] + [128], and repeated, [64] * 3",)
    raise invalid(Code.BAD_VALUE, message, expression.span, helps=helps)


def _group_in_parts(expression: ast.Expr, scope: Scope) -> BlockValue | None:
    """The group that goes on and is called here: of its value it is not clear which part's is meant, of what is in it
    it is."""
    if not isinstance(expression, ast.Name) or not scope.root.is_ambiguous:
        return None
    value = scope.get(expression.name)
    return value if isinstance(value, BlockValue) and len(scope.ambiguity(expression.name)) > 1 else None


def _attribute(expression: ast.Attribute, scope: Scope) -> Value:
    value = scope.get(expression.value.name) if isinstance(expression.value, ast.Name) else ABSENT
    if (group := _group_in_parts(expression.value, scope)) and expression.name not in group.inside.seen:
        value = plain(expression.value, scope)
    if not isinstance(value, Signal):  # whatever else may be called so: only a value has sizes
        value = plain(expression.value, scope)
    if not isinstance(value, Signal):
        owner = expression.value.span.text
        refuse(expression.span, f"{owner} is {kind_of(value)} and has no attribute {expression.name}")
    try:
        return value.attribute(expression.name)
    except KeyError:
        is_inside = isinstance(value, BlockValue) and expression.name in value.inside.seen
        if isinstance(value, BlockValue) and (is_inside or expression.name not in ATTRIBUTES):
            return _known(member(value, expression, ATTRIBUTES))
        shape = f"{short(expression.value.span.text)} is {value.type} and has no {short(expression.name)}"
        similar = None if expression.name in ATTRIBUTES else suggestion(expression.name, ATTRIBUTES, "attribute")
        from specc.elaborate.image_axes import of_input  # a spec without mistakes needs none of it

        helps = of_input(value) if isinstance(value.producer, str) and expression.name in ATTRIBUTES else ()
        place = (Label(value.span, "it is made here"),)
        raise invalid(
            Code.UNKNOWN_NAME, shape, expression.span, secondary=place, helps=helps, suggestion=similar
        ) from None


def _known(value: Signal) -> Signal:
    """Raises Unknown where an earlier error left the value unknown."""
    if value.type is None:
        raise Unknown
    return value


def _index(expression: ast.Index, scope: Scope) -> Value:
    group = _group_in_parts(expression.value, scope)
    if group is not None and str(place := plain(expression.place, scope)) in group.inside.seen:
        return _known(entry(group, expression, place))
    value, index = plain(expression.value, scope), plain(expression.place, scope)
    if isinstance(value, Signal):
        return _known(entry(value, expression, index))
    if not isinstance(value, tuple):
        refuse(expression.value.span, f"{expression.value.span.text} is {kind_of(value)}, and only a list has entries")
    if not is_whole(index):
        refuse(expression.place.span, f"an entry is asked for by a whole number, not by {kind_of(index)}")
    if not -len(value) <= index < len(value):
        refuse(expression.place.span, f"{expression.value.span.text} has {len(value)} entries and no entry {index}")
    return value[index]


def _slice(expression: ast.Sublist, scope: Scope) -> Value:
    value = plain(expression.value, scope)
    if not isinstance(value, tuple):
        refuse(expression.value.span, f"{expression.value.span.text} is {kind_of(value)}, and only a list has parts")
    places = []
    for part in (expression.start, expression.stop, expression.step):
        place = None if part is None else plain(part, scope)
        if part is not None and (not is_whole(place) or (part is expression.step and place == 0)):
            what = "0" if place == 0 else kind_of(place)
            role = "the step" if part is expression.step else "an end"
            refuse(part.span, f"{role} of a part of a list is a whole number, and not {what}")
        places.append(place)
    return scope.budget.charge(tuple(value)[slice(*places)], expression.span)


def _apply(expression: ast.Apply, scope: Scope) -> Value:
    if not isinstance(expression.function, ast.Name):
        helps: tuple[str, ...] = ()
        if isinstance(expression.function, ast.Attribute) and isinstance(expression.function.value, ast.Name):
            helps = help_with_function(expression, expression.function.name)
        refuse(expression.function.span, f"{expression.function.span.text} is not a function", helps=helps)
    name = expression.function.name
    value = scope.get(name)
    if isinstance(value, Metric):
        return _metric_at(value, expression, scope)
    if isinstance(value, Signal):  # a label: what it hides can be called still
        value = scope.behind(name)
    # What is a function and a layer is the function here: `abs(-3)`, and `act=abs` for the layer.
    step = value if isinstance(value, Partial) else None if name in FUNCTIONS else layer(name)
    if step is not None:  # with more of its arguments: ``leakyrelu(0.1)`` handed to a block as ``act``
        bound = tuple(evaluated(argument, plain(argument.value, scope)) for argument in expression.arguments)
        return scope.budget.charge(Partial(step.name, step.target, (*step.arguments, *bound)), expression.span)
    if name not in FUNCTIONS:
        raise invalid(
            Code.UNKNOWN_NAME,
            f"no function is called {name}",
            expression.function.span,
            helps=(helps := help_with_function(expression, name)),
            suggestion=None if helps else suggestion(name, {*FUNCTIONS, *names(), *scope.known()}, "value"),
        )
    for argument in expression.arguments:
        if argument.name:
            refuse(argument.span, f"{name} takes no argument called {argument.name}")
    values = [plain(argument.value, scope) for argument in expression.arguments]
    if scope.budget.is_exceeded:
        raise Unknown
    try:
        result = FUNCTIONS[name](*values)
    except _Misuse as error:
        refuse(expression.span, str(error))
    except (TypeError, ValueError, OverflowError):
        refuse(expression.span, f"{name} does not take {_listed(values)}")
    return scope.budget.charge(bounded(result, expression.span), expression.span)


def _metric_at(metric: Metric, expression: ast.Apply, scope: Scope) -> Value:
    if metric.at is None:
        refuse(expression.span, f"{metric.name} does not depend on any symbolic size: write {metric.name}")
    sizes: dict[str, int] = {}
    for argument in expression.arguments:
        value = plain(argument.value, scope)
        if argument.name is None or not is_whole(value) or value < 1:
            refuse(argument.span, f"{metric.name} is asked at sizes, as in {metric.name}(N=8)")
        sizes[argument.name] = value
    try:
        return bounded(present(metric.at(sizes), expression.span), expression.span)
    except ValueError as error:
        refuse(expression.span, f"{metric.name} cannot be asked here: {error}")


# A match statement in its place takes twice as long for an expression such as ``2 * c``.
_EVALUATORS: Mapping[type, Callable[[Any, Scope], Value]] = {
    ast.Number: lambda expression, _: expression.value,
    ast.Text: lambda expression, _: expression.value,
    Evaluated: lambda expression, _: expression.value,
    ast.Conditional: lambda it, scope: evaluate(it.value if truth(it.test, scope) else it.other, scope),
    ast.Name: _name,
    ast.Sequence: _sequence,
    ast.Comprehension: _comprehension,
    ast.Unary: _unary,
    ast.Binary: _binary,
    ast.Attribute: _attribute,
    ast.Index: _index,
    ast.Sublist: _slice,
    ast.Apply: _apply,
}

# ---- the functions of the language ----------------------------------------------------------------------------------


class _Misuse(ValueError):
    """A function's own words for what is wrong with its arguments."""


def _listed(values: list[Value]) -> str:
    return ", ".join(map(display, values)) or "no arguments"


def _numbers(name: str, values: tuple[Value, ...]) -> tuple[int | float, ...]:
    numbers = values[0] if len(values) == 1 and isinstance(values[0], tuple) else values
    if not numbers or any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in numbers):
        raise _Misuse(f"{name} takes numbers, not {_listed(list(values))}")
    return tuple(numbers)


def _of_one_number(name: str, function: Callable[[Value], Value]) -> Callable[[Value], Value]:
    def checked(value: Value) -> Value:
        if isinstance(value, tuple):
            raise _Misuse(f"{name} takes one number, not {kind_of(value)}")
        return function(_numbers(name, (value,))[0])

    return checked


def _entries(name: str, value: Value) -> tuple[Value, ...]:
    if not isinstance(value, tuple):
        raise _Misuse(f"{name} takes a list, not {kind_of(value)}")
    return tuple(value)


def _sum(*values: Value) -> int | float:
    if len(values) != 1:
        raise _Misuse(f"sum takes one list, not {_listed(list(values))}")
    entries = _entries("sum", values[0])
    return sum(_numbers("sum", (entries,))) if entries else 0


def _zip(*lists: Value) -> tuple[Value, ...]:
    entries = [_entries("zip", value) for value in lists]
    lengths = [len(each) for each in entries]
    if len(set(lengths)) > 1:
        raise _Misuse(f"zip takes lists of one length, not of {' and '.join(map(str, lengths))} entries")
    return tuple(zip(*entries, strict=True))


def _range(*bounds: Value) -> tuple[int, ...]:
    for bound in bounds:
        if not is_whole(bound):
            raise _Misuse(f"range takes whole numbers, and not {kind_of(bound)}")
    if len(bounds) == 3 and bounds[2] == 0:
        raise _Misuse(f"range({bounds[0]}, {bounds[1]}, 0) would never end: its step is 0")
    numbers = range(*bounds)
    if len(numbers) > MOST_ENTRIES:
        raise _Misuse(f"range would give {len(numbers):,} numbers, and a file may hold {MOST_ENTRIES:,}")
    return tuple(numbers)


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "min": lambda *values: min(_numbers("min", values)),
    "max": lambda *values: max(_numbers("max", values)),
    "abs": _of_one_number("abs", abs),
    "ceil": _of_one_number("ceil", math.ceil),
    "floor": _of_one_number("floor", math.floor),
    "round": _of_one_number("round", round),
    "sum": _sum,
    "len": lambda value: len(value) if isinstance(value, str) else len(_entries("len", value)),
    "range": _range,
    "reversed": lambda value: _entries("reversed", value)[::-1],
    "enumerate": lambda value: tuple(enumerate(_entries("enumerate", value))),
    "zip": _zip,
}

_CONVERSIONS = {
    "float": "whole and real numbers need no conversion",
    "str": "a text stands in double quotes",
    "list": "a list is written [1, 2, 3]",
    "tuple": "a list is written [1, 2, 3]",
}
_POWERS = {"sqrt": "0.5", "pow": "2"}
_NUMBERS = frozenset(("exp", "log", "log2", "log10", "sin", "cos", "tanh", "divmod"))


def help_with_function(call: ast.Apply, name: str) -> tuple[str, ...]:
    """What to write for a function of Python that the language has not, or has by another name."""
    inside = short(", ".join(argument.span.text for argument in call.arguments) or "…")
    if name in FUNCTIONS:
        return (f"write {name}({inside})",)
    if name in ("int", "trunc"):
        return (f"write floor({inside}), which rounds down, or round({inside})",)
    if name in _POWERS:
        base, _, exponent = inside.partition(",")
        return (f"write {base} ** {exponent.strip() or _POWERS[name]}",)
    if name in _CONVERSIONS:
        return (_CONVERSIONS[name],)
    if isinstance(call.function, ast.Attribute) and name in (*AXES, "size", "shape", "dim"):
        owner = short(call.function.value.span.text)
        axis = inside if call.arguments else "…"
        what = {"size": f"shape[{axis}]", "shape": f"shape[{axis}]", "dim": "rank"}.get(name, name)
        return (f"write {owner}.{what}",)
    if name in _NUMBERS:
        return (f"there are {', '.join(FUNCTIONS)}: write the number itself, or give it as a parameter",)
    return ()
