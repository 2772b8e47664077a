"""Helps where a habit from elsewhere is the reason.

Python's functions, real numbers for whole ones, `in` in a loop, the model's sizes in a block, an input without a batch,
the input's channels among a layer's arguments.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from specc.elaborate.errors import in_form, short
from specc.elaborate.functions import FUNCTIONS
from specc.elaborate.scope import Scope
from specc.elaborate.values import Evaluated, Signal, Value, display
from specc.ir.op import Op
from specc.ir.size import Size
from specc.ir.types import TensorType
from specc.syntax import ast

_READ = ("batch", "channels", "features", "length", "depth", "height", "width")
_CONVERSIONS = {
    "float": "whole and real numbers need no conversion",
    "str": "a text stands in double quotes",
    "list": "a list is written [1, 2, 3]",
    "tuple": "a list is written [1, 2, 3]",
    "enumerate": "`for i, c in [[0, 64], [1, 128]]` goes through a table, a row a round",
    "zip": "`for c, n in [[64, 3], [128, 4]]` goes through a table, a row a round",
    "sum": "write the sum with +",
}
_NUMBERS = frozenset(("sqrt", "pow", "exp", "log", "log2", "log10", "sin", "cos", "tanh", "divmod"))


def of_function(call: ast.Apply, name: str) -> tuple[str, ...]:
    """What to write for a function of Python that the language has not, or has by another name."""
    inside = short(", ".join(argument.span.text for argument in call.arguments) or "…")
    if name in FUNCTIONS:
        return (f"write {name}({inside})",)
    if name in ("int", "trunc"):
        return (f"write floor({inside}), which rounds down, or round({inside})",)
    if name in _CONVERSIONS:
        return (_CONVERSIONS[name],)
    if isinstance(call.function, ast.Attribute) and name in (*_READ, "size", "shape", "dim"):
        owner = short(call.function.value.span.text)
        axis = inside if call.arguments else "…"
        what = {"size": f"shape[{axis}]", "shape": f"shape[{axis}]", "dim": "rank"}.get(name, name)
        return (f"write {owner}.{what}",)
    if name in _NUMBERS:
        return (f"there are {', '.join(FUNCTIONS)}: write the number itself, or give it as a parameter",)
    return ()


def of_real(value: Value, expression: ast.Expr | Evaluated) -> tuple[str, ...]:
    """How a real number becomes the whole one that is wanted; nothing for any other value."""
    if isinstance(value, tuple):
        reals = any(isinstance(entry, float) for entry in value)
        return ("round(…), floor(…) and ceil(…) make whole numbers of real ones",) if reals else ()
    if not isinstance(value, float) or not math.isfinite(value):
        return ()
    if isinstance(expression, ast.Number):
        return (f"write {int(value)}",) if value.is_integer() else ()
    text = short(expression.span.text)
    if value.is_integer():
        return (f"round({text}) is the whole number {display(int(value))}",)
    return (f"floor({text}) is {display(math.floor(value))}, and ceil({text}) is {display(math.ceil(value))}",)


def of_input(expressions: Iterable[ast.Expr | Evaluated], scope: Scope) -> tuple[str, ...]:
    """What `in` is, where a number at fault was read from it and the current value has another."""
    entry, current = scope.get("in"), scope.get("_")
    if not isinstance(entry, Signal) or not isinstance(current, Signal):
        return ()
    for part in ast.parts(tuple(expressions)):
        match part:
            case ast.Attribute(_, ast.Name(_, "in"), name) if _differs(_read(entry, name), _read(current, name)):
                what = "the model's input" if isinstance(entry.producer, str) else "what the block is given"
                return (f"in is {what}, {entry.type}, wherever it stands; the current value is _, {current.type}",)
    return ()


def _differs(one: Value, other: Value) -> bool:
    """Whether a number is not the other one. Who asks for a symbolic size by `in` means that of the input."""
    return not isinstance(one, Size) and one != other


def of_size(name: str, scope: Scope) -> tuple[str, ...]:
    """How a block reads a size that has this name in the model's contract."""
    entry = scope.get("in")
    if not isinstance(entry, Signal):
        return ()
    for attribute in _READ:
        size = _read(entry, attribute)
        if isinstance(size, Size) and str(size) == name:
            return (
                f"{name} is a size of the model's contract, which a block does not see: in.{attribute} is the one here",
            )
    return ()


def of_channels(step: ast.Call | ast.Merge, op: Op, given: TensorType) -> tuple[str, ...]:
    """How a layer is called whose arguments begin with the input's channels, as PyTorch's modules have it."""
    numbers = _positional(step)
    if "out_channels" not in type(op).model_fields or len(numbers) < 3:
        return ()
    first = numbers[0]
    return _without_first(step, "channels") if isinstance(first, ast.Number) and first.value == given.channels else ()


def of_features(step: ast.Call | ast.Merge, kind: type[Op]) -> tuple[str, ...]:
    """The same of layers for features, ``fc(512, 10)``: PyTorch's second number is in the place of the bias here."""
    numbers = _positional(step)
    if "out_features" not in kind.model_fields or len(numbers) != 2:
        return ()
    return _without_first(step, "features") if all(isinstance(number, ast.Number) for number in numbers) else ()


def _positional(step: ast.Call | ast.Merge) -> list[ast.Expr]:
    return [argument.value for argument in step.arguments if argument.name is None]


def _without_first(step: ast.Call | ast.Merge, what: str) -> tuple[str, ...]:
    rest = short(", ".join(argument.span.text for argument in step.arguments[1:]))
    how = in_form(step.span, f"{step.name}({rest})", f"{step.name}: [{rest}]")
    return (f"the input tells its {what}, which are not written here: {how}",)


def of_batch(given: TensorType, stated: ast.Shape, scope: Scope) -> tuple[str, ...]:
    """Where a contract lacks one axis, and the batch is a number: that it may be the batch that is missing."""
    entry = scope.get("in")
    if not isinstance(given.batch, int) or len(stated.dims) != given.rank - 1:
        return ()
    before = "" if not isinstance(entry, Signal) or entry.type is None else f"[N, {_sizes(entry.type.shape)}] -> "
    after = f"[N, {', '.join(dim.span.text for dim in stated.dims)}]"
    return (f"axis 0 is the batch, here {given.batch}; of samples without it the contract is {before}{after}",)


def _sizes(sizes: Iterable[object]) -> str:
    return ", ".join(map(str, sizes))


def _read(value: Signal, name: str) -> Value:
    """An attribute; None where the value has none of that name, or is unknown."""
    if value.type is None:
        return None
    try:
        return value.attribute(name)
    except KeyError:
        return None
