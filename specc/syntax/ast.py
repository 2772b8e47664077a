"""The syntax tree: what was written, with the place of every part. It knows no layers and no shapes."""

from __future__ import annotations

from dataclasses import dataclass

from specc.source import Source, Span

# ---- expressions ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    span: Span
    value: int | float


@dataclass(frozen=True, slots=True)
class Text:
    span: Span
    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """A name in an expression. ``_`` is the current value, ``in`` the input of the enclosing body;
    ``true``, ``false`` and ``none`` are names too, and mean what they say."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list ``[a, b]`` or a tuple ``(a, b)``; the language makes no difference between them."""

    span: Span
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """``operator`` is "-" or "not"."""

    span: Span
    operator: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary:
    """``operator`` is one of + - * / // % == != < <= > >= and or."""

    span: Span
    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Conditional:
    """``value if test else other``."""

    span: Span
    value: Expr
    test: Expr
    other: Expr


@dataclass(frozen=True, slots=True)
class Attribute:
    """``value.name``"""

    span: Span
    value: Expr
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """``value[index]``"""

    span: Span
    value: Expr
    index: Expr


@dataclass(frozen=True, slots=True)
class Apply:
    """``function(arguments)`` inside an expression: ``max(a, b)``, ``macs(H=224)``."""

    span: Span
    function: Expr
    arguments: tuple[Argument, ...]


Expr = Number | Text | Name | Sequence | Unary | Binary | Conditional | Attribute | Index | Apply


@dataclass(frozen=True, slots=True)
class Argument:
    """``value`` or ``name=value``; the span covers both."""

    span: Span
    name: str | None
    value: Expr


# ---- steps ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Label:
    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """``conv(6, 5)``; also a bare name, which may be a layer, a block or an earlier value."""

    span: Span
    name: str
    name_span: Span
    arguments: tuple[Argument, ...]
    bare: bool
    """No parentheses were written."""
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Arm:
    span: Span
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """``add { | … | … }``"""

    span: Span
    name: str
    name_span: Span
    arguments: tuple[Argument, ...]
    arms: tuple[Arm, ...]
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """``{ … }`` as a step."""

    span: Span
    body: Body
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``[N, 16, 5, 5]`` as a step."""

    span: Span
    shape: Shape
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Enclosing:
    """``in`` as a step: the input of the enclosing block."""

    span: Span
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    span: Span
    count: Expr
    body: Body
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class For:
    span: Span
    names: tuple[Label, ...]
    table: Expr
    body: Body
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class If:
    """``otherwise`` is the else part; ``else if`` is an If as the only statement of it."""

    span: Span
    test: Expr
    body: Body
    otherwise: Body | None
    label: Label | None = None


Step = Call | Merge | Group | Checkpoint | Enclosing | Repeat | For | If


@dataclass(frozen=True, slots=True)
class Let:
    span: Span
    name: str
    name_span: Span
    value: Expr


@dataclass(frozen=True, slots=True)
class Assert:
    span: Span
    test: Expr
    message: str | None


@dataclass(frozen=True, slots=True)
class Shared:
    """``shared tower = a -> b``"""

    span: Span
    name: str
    name_span: Span
    steps: tuple[Step, ...]


Statement = Step | Let | Assert | Shared
"""A body is a flat list: an arrow and a newline mean the same, so they leave no trace."""


@dataclass(frozen=True, slots=True)
class Body:
    span: Span
    statements: tuple[Statement, ...]


# ---- interfaces and items ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    span: Span
    dims: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Port:
    """``name: shape``; a bare shape has no name (None)."""

    span: Span
    name: str | None
    shape: Shape


@dataclass(frozen=True, slots=True)
class Contract:
    """``inputs -> outputs where …``; ``outputs`` is None where the result was left out."""

    span: Span
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...] | None
    where: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Param:
    span: Span
    name: str
    default: Expr | None


@dataclass(frozen=True, slots=True)
class Import:
    span: Span
    path: str
    path_span: Span
    names: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Default:
    """``default conv(bias = false)``"""

    span: Span
    name: str
    name_span: Span
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Block:
    span: Span
    name: str
    name_span: Span
    params: tuple[Param, ...]
    contract: Contract | None
    body: Body


@dataclass(frozen=True, slots=True)
class Model:
    span: Span
    name: str
    name_span: Span
    params: tuple[Param, ...]
    contract: Contract | None
    body: Body


Item = Import | Let | Default | Block | Model


@dataclass(frozen=True, slots=True)
class File:
    source: Source
    items: tuple[Item, ...]

    @property
    def models(self) -> tuple[Model, ...]:
        return tuple(item for item in self.items if isinstance(item, Model))
