"""What an expression may evaluate to, and how such values are shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, cast

from specc.diagnostics import Label
from specc.ir.op import Op
from specc.ir.size import Size
from specc.ir.types import TensorType
from specc.source import Span
from specc.syntax import ast

LARGEST_INTEGER = 2**63 - 1
_SHOWN_ENTRIES, _SHOWN_TEXT = 6, 60

Value = Any
"""int, float, bool, str, None, tuple of values, Size, Signal, Partial, Metric, Absent or PerAxis."""

CONSTANTS: Mapping[str, Value] = {"true": True, "false": False, "none": None}

UNKNOWN = object()
"""In a scope: a value that is unknown because of an earlier error."""

# ---- values of the network, and what is called ----------------------------------------------------------------------


@dataclass(slots=True, unsafe_hash=True)
class Signal:
    """A value of the network: what makes it, and its type (None: unknown because of an earlier error).

    Expressions read its sizes: ``in.channels``, ``conv1.shape[2]``.

    Attributes:
        producer: index of the step that makes it; the name of the model's input that it is; None where it is unknown.
    """

    producer: int | str | None
    type: TensorType | None
    span: Span

    @property
    def seen(self) -> Value:
        """The value as an expression sees it."""
        return UNKNOWN if self.type is None else self

    def attribute(self, name: str) -> Value:
        """Raises KeyError for an attribute that this shape does not have."""
        assert self.type is not None, "an unknown value is not seen"
        if name in ("shape", "rank", "batch"):
            return getattr(self.type, name)
        sample = self.type.sample
        axes = _AXES.get(len(sample), _ENDS if sample else {})
        return sample[axes[name]]


_ENDS = {"channels": 0, "features": -1}
_AXES: Mapping[int, Mapping[str, int]] = {
    2: {**_ENDS, "length": 1},
    3: {**_ENDS, "height": 1, "width": 2},
    4: {**_ENDS, "depth": 1, "height": 2, "width": 3},
}
"""Which entry of a sample, of so many, goes by which name."""


class Callee:
    """What is called as a step and is no operator: a block, or steps that are shared."""


class Partial:
    """Something that can be called as a step: an operator, a block or shared steps, with some arguments bound."""

    __slots__ = ("_hash", "arguments", "name", "target")

    def __init__(self, name: str, target: type[Op] | Callee, arguments: tuple[ast.Argument, ...] = ()) -> None:
        self.name = name
        self.target = target
        self.arguments = arguments
        # Computed once: where each step is an argument of the next one twice, every level would double the time.
        self._hash = hash((target, arguments))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Partial):
            return NotImplemented
        mine, its = (self.name, self.target, self.arguments), (other.name, other.target, other.arguments)
        return self is other or mine == its

    def __hash__(self) -> int:
        return self._hash


class Evaluated(NamedTuple):
    """An expression that has been evaluated: the arguments of `Partial` and of ``default``."""

    span: Span
    value: Value


def evaluated(argument: ast.Argument, value: Value, span: Span | None = None) -> ast.Argument:
    """The argument with its value in place of the expression, at the same place, or else at ``span``."""
    if span is None:
        return argument._replace(value=cast(ast.Expr, Evaluated(argument.value.span, value)))
    return argument._replace(span=span, value=cast(ast.Expr, Evaluated(span, value)))


def value_of(argument: ast.Argument) -> Value:
    """The value of an argument that `evaluated` has made."""
    assert isinstance(argument.value, Evaluated), "bound arguments are evaluated"
    return argument.value.value


def relocated(value: Value, span: Span) -> Value:
    """The value with every argument in it at ``span``: what comes from outside has no place of its own."""
    if isinstance(value, tuple):
        return tuple(relocated(entry, span) for entry in value)
    if not isinstance(value, Partial) or not value.arguments:
        return value
    arguments = tuple(evaluated(a, relocated(value_of(a), span), span) for a in value.arguments)
    return Partial(value.name, value.target, arguments)


# ---- numbers of the whole network -----------------------------------------------------------------------------------


@dataclass(eq=False)
class Metric:
    """A number of the whole network, usable in ``assert``; ``at`` computes it at sizes (``macs(N=8)``).

    ``count`` computes the number at its first use. ``needs`` says which sizes it depends on. Where the network has no
    such number, both give `Absent`.
    """

    name: str
    count: Callable[[], Value]
    at: Callable[[Mapping[str, int]], Value] | None = None
    needs: tuple[str, ...] = ()

    @cached_property
    def value(self) -> Value:
        """`Absent` where the network has no such number; None where it depends on sizes."""
        return self.count()


class Absent(NamedTuple):
    """In place of a number that the network does not have: why, in words, and the step that is the cause."""

    message: str
    cause: Label | None = None


class PerAxis(tuple[int, ...]):
    """One number per axis; compared with a single number it must hold on every axis."""


# ---- values in words ------------------------------------------------------------------------------------------------


def display(value: Value, depth: int = 3) -> str:
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
            shown = [display(entry, depth - 1) for entry in value[:_SHOWN_ENTRIES]] if depth else []
            return "[" + ", ".join([*shown, "…"] if len(shown) < len(value) else shown) + "]"
        case Metric():
            return display(value.value)
        case Signal():
            return f"the value {value.type}"
        case Partial() if not value.arguments:
            return value.name
        case Partial():
            # Steps in steps would grow without end.
            is_plain_throughout = all(is_plain(value_of(argument)) for argument in value.arguments)
            bound = ((f"{a.name}=" if a.name else "") + display(value_of(a)) for a in value.arguments)
            text = f"{value.name}({', '.join(bound)})" if is_plain_throughout else ""
            return text if text and len(text) <= _SHOWN_TEXT else f"{value.name}(…)"
    return str(value)


def display_arguments(values: Mapping[str, Value]) -> str:
    """``c = 64, stride = 2``"""
    return ", ".join(f"{name} = {display(value)}" for name, value in values.items())


def literal(value: Value) -> str:
    """A parameter's value as the language, and ``--set``, read it back: a plain one, or a layer with such arguments."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "none"
        case str():
            shown = "".join(c if c.isprintable() or c in "\t\n" else "?" for c in value)
            return json.dumps(shown, ensure_ascii=False)
        case tuple():
            return f"[{', '.join(map(literal, value))}]"
        case Partial() if value.arguments:
            parts = ((f"{a.name}=" if a.name else "") + literal(value_of(a)) for a in value.arguments)
            return f"{value.name}({', '.join(parts)})"
        case Partial():
            return value.name
    return repr(value)


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
        case Partial():
            return "a step"
    return "a value of the network"


def is_whole(value: Value) -> bool:
    """Whether it is a whole number; in Python a truth value would be one, too."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_plain(value: Value) -> bool:
    """Whether a value means the same anywhere: a number, a truth value, a text, none, or a list of these."""
    if not isinstance(value, tuple):
        return value is None or isinstance(value, (bool, int, float, str))
    waiting = [*value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple):
            waiting += part
        elif part is not None and not isinstance(part, (bool, int, float, str)):
            return False
    return True
