"""A spec on its way: the statements of a body, each with the value that it gives, before they have a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from specc.importing.network import Argument, ImportedStep, ValueOf


@dataclass(slots=True, eq=False)
class EarlierValue:
    """A step that is an earlier value: the chain goes on from there."""

    value: str


@dataclass(slots=True, eq=False)
class WrittenStep:
    """A layer, or a merge with its arms.

    Attributes:
        label: what its origin calls it; None where that is of no matter: a step without tensors.
        arms: of a merge; each begins at the current value, and an empty one is that.
        shared: the name of shared steps that it is an application of.
        is_automatic: the language calls it so by itself; the label need not be written.
    """

    step: ImportedStep
    label: str | None
    arms: list[list[Statement]] | None = None
    shared: str | None = None
    is_automatic: bool = False

    @property
    def value(self) -> str:
        return self.step.outputs[0]

    @property
    def measured(self) -> tuple[str, ...]:
        """The values whose sizes it takes."""
        return tuple(argument.name for argument in self.step.arguments.values() if isinstance(argument, ValueOf))


@dataclass(slots=True, eq=False)
class BlockCall:
    """That a group is a call of a block.

    Attributes:
        arguments: by the names of its parameters; those with their default are left out.
    """

    block: str
    arguments: Mapping[str, Argument]


@dataclass(slots=True, eq=False)
class LabelledGroup:
    """Statements under one label.

    Attributes:
        label: None where its name is of no matter.
        value: what its last statement gives.
        start: the value that it begins with; None where it begins with several.
        goes_on: other groups of the same body have its label, too: it is a part of one.
        call: the block that it is a call of, if it is one.
        is_automatic: the language calls it so by itself, by the name of its block; the label need not be written.
    """

    label: str | None
    body: list[Statement]
    value: str
    start: str | None
    goes_on: bool = False
    call: BlockCall | None = None
    is_automatic: bool = False


@dataclass(slots=True, eq=False)
class When:
    """Statements that are there where a condition holds."""

    test: Argument
    body: list[Statement]


@dataclass(slots=True, eq=False)
class Loop:
    """Rounds of one body.

    Attributes:
        names: the variables; none of a `repeat`.
        table: for each round the values of the variables.
        body: what is written of the rounds.
        rounds: the statements of each round, as they were.
        numbered: the rounds are called by their numbers, from ``first`` on; else a computed label names them.
        known: variables that are values, by the name of that of the first round.
    """

    names: tuple[str, ...]
    table: list[tuple[Argument, ...]]
    body: list[Statement]
    rounds: list[list[Statement]]
    numbered: bool
    first: int = 0
    known: dict[str, str] = field(default_factory=dict)

    @property
    def value(self) -> str:
        return result_of(self.rounds[-1])


@dataclass(slots=True, eq=False)
class SharedDeclaration:
    """Declares steps that are applied several times with one set of weights: `WrittenStep.shared` is their name."""

    name: str
    body: list[Statement]


Statement = EarlierValue | WrittenStep | LabelledGroup | When | Loop | SharedDeclaration


@dataclass(slots=True, eq=False)
class Block:
    """A block of the spec.

    Attributes:
        parameters: each with its default, or `REQUIRED` where it has none.
        body: that of one of its calls, in which the parameters stand where these differ.
        known: how the values that it is given are called in it: ``in``, and parameters.
        seen: values in it that others than itself call by name.
    """

    name: str
    parameters: list[tuple[str, Argument | Required]]
    body: list[Statement]
    known: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


class Required:
    """Of a parameter: it has no default."""


REQUIRED = Required()


def result_of(body: list[Statement]) -> str:
    """The value that a body gives."""
    last = body[-1]
    assert not isinstance(last, SharedDeclaration), "what is declared is applied behind it"
    return result_of(last.body) if isinstance(last, When) else last.value


def inner_bodies(statement: Statement) -> list[list[Statement]]:
    """The bodies in a statement, as they are written."""
    match statement:
        case WrittenStep():
            return statement.arms or []
        case LabelledGroup():
            return [] if statement.call else [statement.body]
        case When() | Loop() | SharedDeclaration():
            return [statement.body]
    return []


def statements(body: list[Statement]) -> Iterator[Statement]:
    """Those of a body and of all that is in it, in the order of the text; what a call stands for is not in it."""
    for statement in body:
        yield statement
        for inner in inner_bodies(statement):
            yield from statements(inner)


def all_statements(body: list[Statement]) -> Iterator[Statement]:
    """The same with what calls and rounds stand for."""
    for statement in body:
        yield statement
        match statement:
            case WrittenStep():
                inner = statement.arms or []
            case LabelledGroup() | When() | SharedDeclaration():
                inner = [statement.body]
            case Loop():
                inner = statement.rounds
            case _:
                inner = []
        for part in inner:
            yield from all_statements(part)


def paths_in(body: list[Statement]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The values of a body that have labels, each with the labels on the way to it; of groups also what is in them."""
    for statement in body:
        match statement:
            case WrittenStep(label=str()) if "{" not in str(statement.label):
                yield statement.value, (str(statement.label),)
            case LabelledGroup(label=str()) if "{" not in str(statement.label):
                label = str(statement.label)
                inner = list(paths_in(statement.body))
                yield from ((value, (label, *path)) for value, path in inner)
                if not statement.goes_on:
                    yield statement.value, (label,)
            case Loop(numbered=True):
                for number, one in enumerate(statement.rounds, statement.first):
                    sole = one[0] if len(one) == 1 and isinstance(one[0], LabelledGroup) else None
                    inner = list(paths_in(sole.body if sole else one))
                    yield from ((value, (str(number), *path)) for value, path in inner)
                    yield result_of(one), (str(number),)
        if isinstance(statement, (WrittenStep, When)):
            for part in inner_bodies(statement):
                yield from paths_in(part)


def statements_here(body: list[Statement]) -> Iterator[Statement]:
    """Those whose labels belong to the place of a body: its own, and those in arms."""
    for statement in body:
        yield statement
        is_open = isinstance(statement, (WrittenStep, When))
        if is_open or (isinstance(statement, Loop) and not statement.numbered):
            for inner in inner_bodies(statement):
                yield from statements_here(inner)


def labels_here(body: list[Statement]) -> Iterator[str]:
    """The labels that belong to the place of a body."""
    for statement in statements_here(body):
        if isinstance(statement, (WrittenStep, LabelledGroup)) and statement.label:
            yield statement.label
        if isinstance(statement, SharedDeclaration):
            yield statement.name


def read_values(body: list[Statement]) -> Iterator[str]:
    """The values that are called by name somewhere in a body, as it is written."""
    for statement in statements(body):
        match statement:
            case EarlierValue():
                yield statement.value
            case WrittenStep():
                yield from statement.measured
            case LabelledGroup(call=BlockCall(arguments=arguments)):
                yield from (argument.name for argument in arguments.values() if isinstance(argument, ValueOf))
            case Loop():
                yield from (entry.name for row in statement.table for entry in row if isinstance(entry, ValueOf))
