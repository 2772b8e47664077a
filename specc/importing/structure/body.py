"""A spec on its way: the statements of a body, each with the value that it gives, before they have a text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from specc.importing.network import ImportedStep, ValueOf


@dataclass(slots=True, eq=False)
class Value:
    """A step that is an earlier value: the chain goes on from there."""

    value: str


@dataclass(slots=True, eq=False)
class Layer:
    """A layer, or a merge with its arms.

    Attributes:
        label: what its origin calls it; None where that is of no matter: a step without tensors.
        arms: of a merge; each begins at the current value, and an empty one is that.
    """

    step: ImportedStep
    label: str | None
    arms: list[list[Statement]] | None = None

    @property
    def value(self) -> str:
        return self.step.outputs[0]

    @property
    def measured(self) -> tuple[str, ...]:
        """The values whose sizes it takes."""
        return tuple(argument.name for argument in self.step.arguments.values() if isinstance(argument, ValueOf))


@dataclass(slots=True, eq=False)
class Group:
    """Statements under one label.

    Attributes:
        value: what its last statement gives.
        start: the value that it begins with; None where it begins with several.
        goes_on: other groups of the same body have its label, too: it is a part of one.
    """

    label: str
    body: list[Statement]
    value: str
    start: str | None
    goes_on: bool = False


@dataclass(slots=True, eq=False)
class Loop:
    """Rounds of one body.

    Attributes:
        rounds: the statements of each.
    """

    label: str | None
    rounds: list[list[Statement]] = field(default_factory=list)


Statement = Value | Layer | Group


def statements(body: list[Statement]) -> Iterator[Statement]:
    """Those of a body and of all that is in it, in the order of the text."""
    for statement in body:
        yield statement
        if isinstance(statement, Layer):
            for arm in statement.arms or ():
                yield from statements(arm)
        elif isinstance(statement, Group):
            yield from statements(statement.body)


def labels_here(body: list[Statement]) -> Iterator[str]:
    """The labels that belong to the place of a body: of its statements, and of those in arms."""
    for statement in body:
        if isinstance(statement, (Layer, Group)) and statement.label:
            yield statement.label
        if isinstance(statement, Layer):
            for arm in statement.arms or ():
                yield from labels_here(arm)


def read_values(body: list[Statement]) -> Iterator[str]:
    """The values that are called by name somewhere in a body."""
    for statement in statements(body):
        if isinstance(statement, Value):
            yield statement.value
        elif isinstance(statement, Layer):
            yield from statement.measured
