"""The syntax tree: what was written, with the place of every part. It knows no layers and no shapes.

Named tuples, not dataclasses: thirty of those would take a tenth of the time of a whole `specc check` to define.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from specc.source import Source, Span

# ---- expressions ------------------------------------------------------------------------------------


class Number(NamedTuple):
    span: Span
    value: int | float


class Text(NamedTuple):
    span: Span
    value: str


class Name(NamedTuple):
    """A name in an expression. ``_`` is the current value, ``in`` the input of the enclosing body;
    ``true``, ``false`` and ``none`` are names too, and mean what they say."""

    span: Span
    name: str


class Sequence(NamedTuple):
    """A list ``[a, b]`` or a tuple ``(a, b)``; the language makes no difference between them."""

    span: Span
    items: tuple[Expr, ...]


class Comprehension(NamedTuple):
    """``[item for names in table if test]``: a list that is computed from another; the test may be None."""

    span: Span
    item: Expr
    names: tuple[Binder, ...]
    table: Expr
    test: Expr | None


class Unary(NamedTuple):
    """``operator`` is "-" or "not"."""

    span: Span
    operator: str
    operand: Expr


class Binary(NamedTuple):
    """``operator`` is one of + - * / // % ** == != < <= > >= and or."""

    span: Span
    operator: str
    left: Expr
    right: Expr


class Conditional(NamedTuple):
    """``value if test else other``."""

    span: Span
    value: Expr
    test: Expr
    other: Expr


class Attribute(NamedTuple):
    """``value.name``"""

    span: Span
    value: Expr
    name: str


class Index(NamedTuple):
    """``value[place]``"""

    span: Span
    value: Expr
    place: Expr


class Sublist(NamedTuple):
    """``value[start:stop:step]``: a part of a list, as in Python; what is left out is None."""

    span: Span
    value: Expr
    start: Expr | None
    stop: Expr | None
    step: Expr | None


class Apply(NamedTuple):
    """``function(arguments)`` inside an expression: ``max(a, b)``, ``macs(H=224)``."""

    span: Span
    function: Expr
    arguments: tuple[Argument, ...]


Expr = (
    Number | Text | Name | Sequence | Comprehension | Unary | Binary | Conditional | Attribute | Index | Sublist | Apply
)


class Argument(NamedTuple):
    """``value`` or ``name=value``; the span covers both."""

    span: Span
    name: str | None
    value: Expr


# ---- steps ------------------------------------------------------------------------------------------


class Binder(NamedTuple):
    """A name that is bound: the label of a step, an imported name, the name of a loop.

    A label may be a plain whole number (``0: conv(64, 3)``), or a text: ``"block1-0": …`` is called ``block1-0``.

    Attributes:
        name: as it is written, where formulas compute it: ``denselayer{i + 1}``.
        parts: its texts and formulas then, in order.
    """

    span: Span
    name: str
    parts: tuple[str | Expr, ...] = ()


class Call(NamedTuple):
    """``conv(6, 5)``; also a bare name, which may be a layer, a block or an earlier value."""

    span: Span
    name: str
    name_span: Span
    arguments: tuple[Argument, ...]
    bare: bool
    """No parentheses were written."""
    label: Binder | None = None


class Arm(NamedTuple):
    """One arm; or, where its statement is ``for each``, one for each entry of a list."""

    span: Span
    statements: tuple[Statement, ...]

    @property
    def each(self) -> For | None:
        first = self.statements[0]
        return first if isinstance(first, For) and first.is_each else None


class Merge(NamedTuple):
    """``add { | … | … }``"""

    span: Span
    name: str
    name_span: Span
    arguments: tuple[Argument, ...]
    arms: tuple[Arm, ...]
    label: Binder | None = None


class Group(NamedTuple):
    """``{ … }`` as a step.

    Attributes:
        frozen: of ``frozen(test) { … }``, whether the parameters in it are frozen; ``frozen { … }`` says true. None
            where nothing is said.
    """

    span: Span
    body: Body
    label: Binder | None = None
    frozen: Expr | None = None


class Checkpoint(NamedTuple):
    """``[N, 16, 5, 5]`` as a step."""

    span: Span
    shape: Shape
    label: Binder | None = None


class Enclosing(NamedTuple):
    """``in`` as a step: the input of the enclosing block."""

    span: Span
    label: Binder | None = None


class Reference(NamedTuple):
    """``body.c3``, ``down[0].skip`` as a step: a value of the inside of an earlier one."""

    span: Span
    value: Attribute | Index
    label: Binder | None = None


class Repeat(NamedTuple):
    """``repeat rounds { … }``"""

    span: Span
    rounds: Expr
    body: Body
    label: Binder | None = None


class For(NamedTuple):
    """``is_each``: it is ``for each``, which stands for an arm for each round."""

    span: Span
    names: tuple[Binder, ...]
    table: Expr
    body: Body
    label: Binder | None = None
    is_each: bool = False


class If(NamedTuple):
    """``otherwise`` is the else part; ``else if`` is an If as the only statement of it."""

    span: Span
    test: Expr
    body: Body
    otherwise: Body | None
    label: Binder | None = None


Step = Call | Merge | Group | Checkpoint | Enclosing | Reference | Repeat | For | If


class Let(NamedTuple):
    span: Span
    name: str
    name_span: Span
    value: Expr


class Assert(NamedTuple):
    span: Span
    test: Expr
    message: str | None


class Shared(NamedTuple):
    """``shared tower = a -> b``"""

    span: Span
    name: str
    name_span: Span
    steps: tuple[Step, ...]


Statement = Step | Let | Assert | Shared
"""A body is a flat list: an arrow and a newline mean the same, so they leave no trace."""


class Body(NamedTuple):
    span: Span
    statements: tuple[Statement, ...]


# ---- interfaces and items ---------------------------------------------------------------------------


class Shape(NamedTuple):
    span: Span
    dims: tuple[Expr, ...]


class TypeName(NamedTuple):
    """``uint8`` in front of a shape."""

    span: Span
    name: str


class PortDeclaration(NamedTuple):
    """``name: shape``; a bare shape has no name (None), and a name may stand without a shape (None).

    ``dtype`` is None where nothing stands in front of the shape.
    """

    span: Span
    name: str | None
    shape: Shape | None
    dtype: TypeName | None = None


class Contract(NamedTuple):
    """``inputs -> outputs where …``.

    ``outputs`` is None where the result was left out; a block may leave out its inputs, which are none then.
    """

    span: Span
    inputs: tuple[PortDeclaration, ...]
    outputs: tuple[PortDeclaration, ...] | None
    where: tuple[Expr, ...]


class Param(NamedTuple):
    span: Span
    name: str
    default: Expr | None


class Import(NamedTuple):
    span: Span
    path: str
    path_span: Span
    names: tuple[Binder, ...]


class Default(NamedTuple):
    """``default conv(bias = false)``"""

    span: Span
    name: str
    name_span: Span
    arguments: tuple[Argument, ...]


class BlockDefinition(NamedTuple):
    span: Span
    name: str
    name_span: Span
    params: tuple[Param, ...]
    contract: Contract | None
    body: Body


class ModelDefinition(NamedTuple):
    span: Span
    name: str
    name_span: Span
    params: tuple[Param, ...]
    contract: Contract | None
    body: Body


Item = Import | Let | Default | BlockDefinition | ModelDefinition


_LEAVES: frozenset[type] = frozenset((Number, Text, Name))


def parts(tree: object, whole: frozenset[type] = _LEAVES) -> Iterator[object]:
    """Every node in a part of the tree, and every tuple of nodes, at any depth.

    Args:
        whole: nodes of these kinds are not looked into.
    """
    stack: list[tuple[object, ...]] = [tree] if isinstance(tree, tuple) else []
    while stack:
        part = stack.pop()
        yield part
        if type(part) not in whole:
            stack += [inner for inner in part if isinstance(inner, tuple)]


def free_names(tree: object, bound: frozenset[str] = frozenset()) -> Iterator[Name]:
    """The names that an expression reads from around it, in order: without those that its computed lists bind."""
    if isinstance(tree, Name):
        if tree.name not in bound:
            yield tree
    elif isinstance(tree, Comprehension):
        inside = bound | {label.name for label in tree.names}
        yield from free_names(tree.item, inside)
        yield from free_names(tree.table, bound)
        yield from free_names(tree.test, inside)
    elif isinstance(tree, tuple) and type(tree) not in _LEAVES:
        for part in tree:
            yield from free_names(part, bound)


def names_in(tree: object) -> set[str]:
    """Every name that is read somewhere in a part of the tree."""
    return {part.name for part in parts(tree) if isinstance(part, (Name, Call, Merge))}


class File(NamedTuple):
    source: Source
    items: tuple[Item, ...]
    unknown: str = ""
    """The name of what is not written yet, in the tree of a half-written text (`specc.syntax.mending`)."""

    @property
    def models(self) -> tuple[ModelDefinition, ...]:
        return tuple(item for item in self.items if isinstance(item, ModelDefinition))
