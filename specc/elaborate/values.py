"""What an expression may evaluate to, and how such values are written in messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from specc.ir.op import Op
from specc.ir.size import Size
from specc.ir.types import TensorType
from specc.source import Span
from specc.syntax import ast

if TYPE_CHECKING:
    from specc.elaborate.files import Definition
    from specc.elaborate.frames import Given, Shared

_SHOWN_ENTRIES, _SHOWN_TEXT = 6, 60

Value = Any
"""int, float, bool, str, None, tuple of values, Size, Tensor, Prepared, Metric or PerAxis."""

LARGEST_INTEGER = 2**63 - 1

CONSTANTS: Mapping[str, Value] = {"true": True, "false": False, "none": None}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value of the network seen from an expression: ``in.channels``, ``conv1.shape[2]``."""

    type: TensorType
    given: Given

    def attribute(self, name: str) -> Value:
        """Raises KeyError for an attribute that this shape does not have."""
        sample = self.type.sample
        spatial = sample[1:]
        known: dict[str, Value] = {"shape": self.type.shape, "rank": self.type.rank, "batch": self.type.batch}
        if sample:
            known |= {"channels": sample[0], "features": sample[-1]}
        names = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}.get(len(spatial), ())
        return (known | dict(zip(names, spatial, strict=False)))[name]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Something that can be called as a step: an operator, a block or shared steps, with arguments given already."""

    name: str
    target: type[Op] | Definition | Shared
    arguments: tuple[ast.Argument, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Once: steps stand in each other's arguments, the same one several times.
        object.__setattr__(self, "_hash", hash((self.target, self.arguments)))

    def __hash__(self) -> int:
        return self._hash


class Evaluated(NamedTuple):
    """An expression that has been evaluated: the arguments of `Prepared` and of ``default``."""

    span: Span
    value: Value


def ready(argument: ast.Argument, value: Value) -> ast.Argument:
    """The argument with its value in place of the expression."""
    return argument._replace(value=cast(ast.Expr, Evaluated(argument.value.span, value)))


def given(argument: ast.Argument) -> Value:
    """The value of an argument that `ready` has made."""
    assert isinstance(argument.value, Evaluated), "arguments of something prepared are evaluated"
    return argument.value.value


@dataclass(frozen=True)
class Metric:
    """A number of the whole network, usable in ``assert``; ``at`` asks it at given sizes (``macs(N=8)``).

    ``value`` is None where it has none without sizes; ``needs`` then says which.
    """

    name: str
    value: Value
    at: Callable[[Mapping[str, int]], Value] | None = None
    needs: tuple[str, ...] = ()


class PerAxis(tuple[int, ...]):
    """One number per axis; compared with a single number it must hold on every axis."""


def written(value: Value, depth: int = 3) -> str:
    """The value as the language writes it, whole numbers with thousands marks; of lists in lists ``depth`` levels."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "none"
        case int():
            return f"{value:,}" if abs(value) >= 10_000 else str(value)
        case str():
            return f'"{value if len(value) <= _SHOWN_TEXT else value[:_SHOWN_TEXT] + "…"}"'
        case tuple():
            shown = [written(entry, depth - 1) for entry in value[:_SHOWN_ENTRIES]] if depth else []
            return "[" + ", ".join([*shown, "…"] if len(shown) < len(value) else shown) + "]"
        case Metric():
            return written(value.value)
        case Tensor():
            return f"the value {value.type}"
        case Prepared():
            return _written_step(value)
    return str(value)


def _written_step(step: Prepared) -> str:
    """``leakyrelu(0.2)``: what was handed over, with the arguments it has already."""
    if not step.arguments:
        return step.name
    if not all(is_plain(given(argument)) for argument in step.arguments):
        return f"{step.name}(…)"  # steps in steps grow without end
    shown = (f"{a.name}={written(given(a))}" if a.name else written(given(a)) for a in step.arguments)
    text = f"{step.name}({', '.join(shown)})"
    return text if len(text) <= _SHOWN_TEXT else f"{step.name}(…)"


def kind_of(value: Value) -> str:
    """What a value is, in plain words."""
    match value:
        case Metric():
            return kind_of(value.value)
        case bool():
            return "a truth value"
        case None:
            return "none"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case str():
            return "a text"
        case tuple():
            return "a list"
        case Size():
            return f"the symbolic size {value}"
        case Prepared():
            return "a step"
    return "a value of the network"


def is_plain(value: Value) -> bool:
    """Whether a value means the same anywhere: a number, a truth value, a text, none, or a list of these."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple):
            waiting += part
        elif part is not None and not isinstance(part, (bool, int, float, str)):
            return False
    return True
