"""What a name may stand for, what has names in it, and which names a place sees."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from specc.source import Span
from specc.syntax import ast
from specc.syntax.tokens import string_value

Kind = Literal[
    "model", "block", "let", "label", "parameter", "input", "output", "size", "variable", "shared", "import", "file"
]
"""An import is a name that its file does not give, or that cannot be read; a file is named by the path of an import."""
Value: TypeAlias = "set[LabelScope | Applicable | str]"
"""What the values of an expression may be: of which parts, which blocks; `LAYER`."""


class DeclaredName:
    """What a name stands for.

    Attributes:
        places: those of the name where it is declared: a label of both branches of an `if` has two.
        owner: the title of the model, block or group that it is declared in; empty at the top of a file.
        of_model: it is declared in the header of a model.
        is_computed: a formula is part of the label.
        value: what its values may be.
    """

    def __init__(self, kind: Kind, name: str, owner: str = "") -> None:
        self.kind = kind
        self.name = name
        self.owner = owner
        self.places: dict[Span, None] = {}
        self.of_model = False
        self.is_computed = False
        self.value: Value = set()


def is_written(span: Span, things: tuple[DeclaredName, ...]) -> bool:
    """Whether a name stands at its place as it is: in YAML it may stand in a text that is quoted."""
    text = span.source.text[span.start : span.end]
    word = string_value(text)[0] if text[:1] == '"' else text
    return any(thing.kind == "file" or word == thing.name for thing in things)


class LabelScope:
    """What has labels in it, which may be seen from outside: a body, a labelled group, a loop, the rounds of one.

    Attributes:
        block: the block that it is the body of.
        sees_through: where nothing in it has a label, what its last step has inside is seen.
        outputs: those that it states: only these are seen then.
        rounds: what its rounds may be values of.
        entry, result: what it may be applied to, and what it may give.
    """

    def __init__(self, title: str, *, sees_through: bool) -> None:
        self.title = title
        self.block: ast.BlockDefinition | None = None
        self.sees_through = sees_through
        self.labels: dict[str, DeclaredName] = {}
        self.parameters: dict[str, DeclaredName] = {}
        self.inputs: list[DeclaredName] = []
        self.outputs: dict[str, DeclaredName] | None = None
        self.rounds: Value = set()
        self.entry: Value = set()
        self.result: Value = set()

    @property
    def inside(self) -> Value:
        """What a value of it is a value of."""
        return {self, *(self.result if self.sees_through and not self.labels else ())}

    def seen(self, name: str) -> DeclaredName | None:
        return (self.labels if self.outputs is None else self.outputs).get(name)


class Applicable(NamedTuple):
    """A block or shared steps, of whose arguments so many have been given by position."""

    part: LabelScope
    given: int = 0


def applicable_as(thing: DeclaredName | None) -> list[Applicable]:
    """The blocks, and the shared steps, that a name may be when it is called."""
    return [value for value in thing.value if isinstance(value, Applicable)] if thing else []


LAYER = "layer"
"""Stands for a layer, among values."""


class NameScope:
    """The names of one place, innermost first."""

    def __init__(self, part: LabelScope, outer: NameScope | None = None) -> None:
        self.part = part
        self.current: Value = set()
        """What the current value may be a value of; that of an inner place is its own."""
        self.item: LabelScope = outer.item if outer else part
        """The model or block around it."""
        self._outer = outer
        self._names: dict[str, DeclaredName] = {}
        self._labels: set[str] = set()

    def define(self, thing: DeclaredName, *, is_label: bool = False) -> None:
        if is_label and thing.name not in self._names:
            self._labels.add(thing.name)
        self._names[thing.name] = thing

    def find(self, name: str, *, called: bool = False) -> DeclaredName | None:
        """What it stands for; where it is called with arguments, what can be: no label."""
        scope: NameScope | None = self
        while scope is not None:
            if name in scope._names and not (called and name in scope._labels):
                return scope._names[name]
            scope = scope._outer
        return None
