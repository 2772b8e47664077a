"""The code of a class, with holes for whatever may differ from use to use; the uses; what of the code is rounds."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Literal

from specc.backends.torch.module_tree import ModuleUse
from specc.backends.torch.python import Expr, Hole, Listing, PythonCall, filled, holes
from specc.backends.torch.python_names import is_attribute, is_plain, whole
from specc.backends.torch.step_code import Fillings, Line

LIST = "nn.ModuleList"
IN_TURN = "each of self, in turn"
"""The head of the call of all modules of a list, each applied to what the one before gives."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a module has under some labels, and how that starts.

    Attributes:
        labels: from the outside in.
        registry: "_modules" or "_parameters".
        expr: the constructor's call, or a hole of kind "child"; None for a module that only has others in it.
        after: the statements that start it.
        note: a comment on it.
        count: the hole with the number of modules like it, from its own label on.
    """

    labels: tuple[str, ...]
    registry: str
    expr: Expr | None
    after: tuple[Line, ...] = ()
    note: str = ""
    count: Hole | None = None

    @property
    def parts(self) -> Iterator[tuple[tuple[str, ...], Expr]]:
        """The modules and parameters made here, each with its labels: a list has several."""
        match self.expr:
            case PythonCall(head, (Listing(items),)) if head == LIST:
                yield from (((*self.labels, str(place)), item) for place, item in enumerate(items))
            case None:
                return
            case expr:
                yield self.labels, expr

    @property
    def number(self) -> int | None:
        """The number that is its label, for a module of the class itself."""
        return whole(self.labels[0]) if len(self.labels) == 1 and self.registry == "_modules" else None


@dataclass(frozen=True, slots=True)
class Statement:
    """A line of ``forward``: values, by number, made of others.

    Attributes:
        labels: of the module called, if it is its own.
        gives_names: whether it calls a block that has names for what it gives.
    """

    targets: tuple[int, ...]
    expr: Expr
    labels: tuple[str, ...] = ()
    gives_names: bool = False

    @property
    def input(self) -> Hole | None:
        """The value, where the line calls a module of its own on nothing else, for one result."""
        match self.expr:
            case PythonCall(_, (Hole("value") as value,)) if self.labels and len(self.targets) == 1:
                return value
        return None

    @property
    def is_in_turn(self) -> bool:
        """Whether it calls all modules of a list, one after the other."""
        return isinstance(self.expr, PythonCall) and self.expr.head == IN_TURN

    @property
    def values(self) -> list[int]:
        """The numbers of the values in it, from left to right."""
        return [hole.index for hole in holes(self.expr) if hole.kind == "value"]


@dataclass(frozen=True, slots=True)
class ClassCode:
    """The code of a module, with holes for whatever may differ from use to use.

    Holes: "literal", "slot" and "options" (arguments of a step), "child" (a module in it, by number; with its class,
    where that is the same in every use), "count" (the number of these), "value" (counted from the inputs on)
    and "borrowed" (a module or parameter of an outer module).

    Attributes:
        inputs: how many values it takes.
        borrowed: "nn.Module" or "torch.Tensor" for each.
        outputs: the values that it gives, by number.
    """

    title: str
    inputs: int
    borrowed: tuple[str, ...]
    declarations: tuple[Declaration, ...]
    statements: tuple[Statement, ...]
    outputs: tuple[int, ...]
    is_model: bool
    is_nameless: bool
    is_loop: bool
    base: Literal["nn.Module", "nn.Sequential", "nn.ModuleList"] = "nn.Module"

    @property
    def holes(self) -> Iterator[Hole]:
        """In the order of the text."""
        for declaration in self.declarations:
            if declaration.expr is not None:
                yield from holes(declaration.expr)
            if declaration.count is not None:
                yield declaration.count
        for statement in self.statements:
            yield from holes(statement.expr)

    @property
    def is_numbered(self) -> bool:
        """Whether what is in it is labelled 0, 1, 2 …"""
        return all(d.labels == (str(place),) for place, d in enumerate(self.declarations))


@dataclass(frozen=True, eq=False)
class Instance:
    """One use of a class.

    Attributes:
        number: its place among the uses of the class.
        family: the number of the class.
        fillings: the arguments in its code.
        children: the modules that its own modules are, by the number of the hole.
        counts: the number of rounds like one of them, by the number of the hole.
        labels: what its values are called, by number; the inputs first.
        shapes: their shapes, as text.
        channels: of each, where they are a number.
        in_channels: of the block's own input, where it has one and they are a number.
        out_channels: of its own output.
    """

    use: ModuleUse
    number: int
    family: int
    fillings: Fillings
    children: tuple[Instance, ...]
    counts: tuple[int, ...]
    labels: tuple[str, ...]
    shapes: tuple[str, ...]
    channels: tuple[int | None, ...]
    in_channels: int | None
    out_channels: int | None

    @cached_property
    def key(self) -> tuple[object, ...]:
        """What it is made of, whole: equal for modules that the same expression makes."""
        return (self.family, repr(self.fillings), self.counts, tuple(child.key for child in self.children))


@dataclass(frozen=True, eq=False)
class ModuleClass:
    """A class: its code and its uses."""

    body: ClassCode
    instances: tuple[Instance, ...]

    @cached_property
    def is_sequence(self) -> bool:
        """Whether it is an expression ``nn.Sequential(…)`` in other classes, and needs no class.

        One with rounds among other names is long: it is a class if it has several uses.
        """
        has_rounds = any(declaration.count is not None for declaration in self.body.declarations)
        is_short = self.body.is_numbered or not has_rounds or len(self.instances) == 1
        return self.body.base == "nn.Sequential" and not self.body.is_model and is_short

    @cached_property
    def module_arguments(self) -> tuple[int, ...]:
        """The modules in it, by number, that are of several classes: they are arguments of its constructor."""
        numbers = range(len(self.instances[0].children))
        return tuple(n for n in numbers if len({instance.children[n].family for instance in self.instances}) > 1)


def is_chain(body: ClassCode) -> bool:
    """Whether each module of it takes just what the one before gives, the input first, and a Sequential reads better.

    Where all have names, a ``forward`` does.
    """
    labels = [label for declaration in body.declarations for label in declaration.labels]
    if body.borrowed or body.inputs != 1 or body.outputs != (len(body.statements),):
        return False
    if not all(len(d.labels) == 1 for d in body.declarations) or len(labels) != len(body.statements):
        return False
    has_names = all(map(is_plain, labels)) and not (body.is_nameless and len(labels) == 1)
    # nn.Sequential has methods that nn.Module has not: no item can go by their names.
    may_be_items = all(is_attribute(label) and label not in ("append", "extend", "insert", "pop") for label in labels)
    if (has_names and not body.is_loop) or not may_be_items:
        return False
    return all(d.registry == "_modules" and d.expr is not None and not d.after for d in body.declarations) and all(
        (line.labels, line.input) == ((label,), Hole("value", place))
        for place, (label, line) in enumerate(zip(labels, body.statements, strict=True))
    )


@dataclass(frozen=True, slots=True)
class FoldedRounds:
    """A body in which equal rounds are one, and what is left of that of one use.

    Attributes:
        children: which of its modules, by number.
        counts: how many rounds each is that has a count.
        values: which of its values.
    """

    body: ClassCode
    children: tuple[int, ...]
    counts: tuple[int, ...]
    values: tuple[int, ...]


def folded(body: ClassCode, keys: Sequence[Hashable], *, first_separate: bool = False) -> FoldedRounds | None:
    """The rounds of a Sequential, or of a list whose modules are called in turn; None of all else.

    Args:
        keys: what each of its modules is made of.
        first_separate: the first round is separate, though it be as the next is.
    """
    first = _first_in_turn(body)
    if body.base != "nn.Sequential" and first is None:
        return None
    runs = [[0]] if body.declarations else []
    for place, (before, after) in enumerate(pairwise(body.declarations), 1):
        match before.expr, after.expr:
            case (Hole("child", one), Hole("child", other)) if before.number is not None:
                is_same = after.number == before.number + 1 and keys[one] == keys[other]
            case _:
                is_same = False
        if is_same and not (first_separate and before.number == 0):
            runs[-1].append(place)
        else:
            runs.append([place])
    # Where numbers are all that it has, none depends on how long a run before it is.
    is_numbered = body.is_numbered
    labels = [(str(n),) if is_numbered else body.declarations[run[0]].labels for n, run in enumerate(runs)]
    if first is None:
        values = (0, *(run[-1] + 1 for run in runs))
        lines = tuple(
            Statement((place + 1,), PythonCall(label[0], (Hole("value", place),)), label)
            for place, label in enumerate(labels)
        )
        body = replace(body, statements=lines, outputs=(len(runs),))
    else:
        body, values = _called_in_turn(body, first)
    declarations: list[Declaration] = []
    children: list[int] = []
    counts: list[int] = []
    for run, label in zip(runs, labels, strict=True):
        declaration = replace(body.declarations[run[0]], labels=label)
        if isinstance(child := declaration.expr, Hole):
            declaration = replace(declaration, expr=replace(child, index=len(children)))
            children.append(child.index)
            if declaration.number is not None:
                declaration = replace(declaration, count=Hole("count", len(counts)))
                counts.append(len(run))
        declarations.append(declaration)
    return FoldedRounds(replace(body, declarations=tuple(declarations)), tuple(children), tuple(counts), values)


def separated(body: ClassCode) -> object:
    """What is the same of two bodies that would be one if in both the first round were separate."""
    kinds: list[object] = []
    for declaration in body.declarations:
        expr = declaration.expr.detail if isinstance(declaration.expr, Hole) else declaration.expr
        kind = (() if declaration.count else declaration.labels, expr)
        if declaration.count is None or kinds[-1:] != [kind]:
            kinds.append(kind)
    lines = () if body.base == "nn.Sequential" else body.statements
    return replace(body, declarations=(), statements=lines, outputs=()), tuple(kinds)


def _first_in_turn(body: ClassCode) -> int | None:
    """The place of the line from which on all modules of a list are called, each on what the one before gives.

    Plain layers are called one by one: a reader sees what each gives.
    """
    lines = [place for place, line in enumerate(body.statements) if line.labels]
    if body.base != LIST or not lines or not all(isinstance(d.expr, Hole) for d in body.declarations):
        return None
    first, end = lines[0], lines[0] + len(lines)
    calls = body.statements[first:end]
    if [line.labels for line in calls] != [declaration.labels for declaration in body.declarations]:
        return None
    if any(line.input is None for line in calls):
        return None
    if any(after.input and before.targets != (after.input.index,) for before, after in pairwise(calls)):
        return None
    inner = {target for line in calls[:-1] for target in line.targets}
    elsewhere = [*body.statements[: first + 1], *body.statements[end:]]
    used = {value for line in elsewhere for value in line.values}.union(body.outputs)
    return None if inner & used else first


def _called_in_turn(body: ClassCode, first: int) -> tuple[ClassCode, tuple[int, ...]]:
    """The body with one line for all the modules of the list, and which of its values are left."""
    end = first + len(body.declarations)
    inner = {target for line in body.statements[first : end - 1] for target in line.targets}
    count = body.inputs + sum(len(line.targets) for line in body.statements)
    values = tuple(value for value in range(count) if value not in inner)
    place = {value: number for number, value in enumerate(values)}

    def renumbered(hole: Hole) -> tuple[Hole]:
        return (replace(hole, index=place[hole.index]) if hole.kind == "value" else hole,)

    lines = list(body.statements)
    argument = lines[first].input
    assert argument is not None, "each line of the list is a call on one value"
    lines[first:end] = [Statement(lines[end - 1].targets, PythonCall(IN_TURN, (argument,)))]
    statements = tuple(
        replace(line, targets=tuple(place[target] for target in line.targets), expr=filled(line.expr, renumbered))
        for line in lines
    )
    return replace(body, statements=statements, outputs=tuple(place[value] for value in body.outputs)), values
