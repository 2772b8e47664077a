"""The code of a class, with holes for whatever may differ where it stands, and what of it is rounds."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from specc.backends.torch.python import Expr, Hole, Listing, PythonCall, filled, holes
from specc.backends.torch.python_names import is_attribute, is_plain, whole
from specc.backends.torch.step_code import Line

LIST = "nn.ModuleList"
IN_TURN = "each of self, in turn"
"""The head of the call that stands for all modules of a list, each applied to what the one before gives."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a module holds under some labels, and how that starts.

    ``made`` is the constructor's call, or a hole of kind "child"; None for a module that only holds others.
    ``note`` is what must be said of it. ``count`` is the hole that says how many like it there are, from its number on.
    """

    labels: tuple[str, ...]
    registry: str
    made: Expr | None
    after: tuple[Line, ...] = ()
    note: str = ""
    count: Hole | None = None

    @property
    def parts(self) -> Iterator[tuple[tuple[str, ...], Expr]]:
        """The modules and parameters made here, each with its labels: a list has several."""
        match self.made:
            case PythonCall(head, (Listing(items),)) if head == LIST:
                yield from (((*self.labels, str(place)), item) for place, item in enumerate(items))
            case None:
                return
            case made:
                yield self.labels, made

    @property
    def number(self) -> int | None:
        """The number that is its label, for a module of the class itself."""
        return whole(self.labels[0]) if len(self.labels) == 1 and self.registry == "_modules" else None


@dataclass(frozen=True, slots=True)
class Statement:
    """A line of ``forward``: values, by number, made of others. ``labels``: of the module called, if it is its own."""

    targets: tuple[int, ...]
    expr: Expr
    labels: tuple[str, ...] = ()

    @property
    def passed(self) -> Hole | None:
        """The value, where the line calls a module of its own on nothing else, for one result."""
        if not self.labels or len(self.targets) != 1 or not isinstance(self.expr, PythonCall):
            return None
        match self.expr.items:
            case (Hole("value") as value,):
                return value
        return None


@dataclass(frozen=True, slots=True)
class ClassCode:
    """The code of a module with holes for whatever may differ where it stands.

    Holes: "literal", "slot" and "options" (what a step notes), "child" (a module in it, by number; with its class,
    where that is the same in every use), "count" (how many of these there are), "value" (counted from the inputs on)
    and "given" (a module or parameter handed in).
    """

    title: str
    inputs: int
    given: tuple[str, ...]
    """"nn.Module" or "torch.Tensor" for each."""
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
            if declaration.made is not None:
                yield from holes(declaration.made)
            if declaration.count is not None:
                yield declaration.count
        for statement in self.statements:
            yield from holes(statement.expr)

    @property
    def is_numbered(self) -> bool:
        """Whether what it holds is labelled 0, 1, 2 …"""
        return all(d.labels == (str(place),) for place, d in enumerate(self.declarations))


def is_chain(body: ClassCode) -> bool:
    """Whether each module of it takes just what the one before gives, the input first, and a Sequential reads better.

    Where all have names, a ``forward`` does.
    """
    labels = [label for declaration in body.declarations for label in declaration.labels]
    if body.given or body.inputs != 1 or len(body.outputs) != 1:
        return False
    if not all(len(d.labels) == 1 for d in body.declarations) or len(labels) != len(body.statements):
        return False
    alone = body.is_nameless and len(labels) == 1
    if not (alone or body.is_loop or not all(map(is_plain, labels))) or not all(map(_may_be_item, labels)):
        return False
    plain = all(d.registry == "_modules" and d.made is not None and not d.after for d in body.declarations)
    in_order = all(
        (line.labels, line.passed) == ((label,), Hole("value", place))
        for place, (label, line) in enumerate(zip(labels, body.statements, strict=True))
    )
    return plain and in_order and body.outputs[0] == len(body.statements)


def _may_be_item(label: str) -> bool:
    """Whether nn.Sequential takes it as a name."""
    return is_attribute(label) and label not in ("append", "extend", "insert", "pop")


@dataclass(frozen=True, slots=True)
class RoundsOnce:
    """A body in which equal rounds stand once, and what is left of that of one use.

    Attributes:
        children: which of its modules, by number.
        counts: how many stand for each that has a count.
        values: which of its values.
    """

    body: ClassCode
    children: tuple[int, ...]
    counts: tuple[int, ...]
    values: tuple[int, ...]


def folded(body: ClassCode, made: Sequence[Hashable], *, apart: bool = False) -> RoundsOnce | None:
    """The rounds of a Sequential, or of a list whose modules are called in turn; None of all else.

    Args:
        made: what each of its modules is made of.
        apart: the first round stands by itself, though it be as the next is.
    """
    if body.base == "nn.Sequential":
        runs = _runs(body.declarations, made, apart)
        ends = [run[-1] + 1 for run in runs]
        lines = tuple(
            Statement((place + 1,), PythonCall(labels[0], (Hole("value", place),)), labels)
            for place, labels in enumerate(_labels(body, runs))
        )
        return _folded(replace(body, statements=lines, outputs=(len(runs),)), runs, (0, *ends))
    first = _in_turn(body)
    if first is None:
        return None
    return _folded(*_called_in_turn(body, first, _runs(body.declarations, made, apart)))


def unsplit(body: ClassCode) -> object:
    """What is the same of two bodies that would be one if in both the first round stood apart."""
    kinds: list[object] = []
    for declaration in body.declarations:
        made = declaration.made.detail if isinstance(declaration.made, Hole) else declaration.made
        kind = (() if declaration.count else declaration.labels, made)
        if declaration.count is None or kinds[-1:] != [kind]:
            kinds.append(kind)
    lines = () if body.base == "nn.Sequential" else body.statements
    return replace(body, declarations=(), statements=lines, outputs=()), tuple(kinds)


def _folded(body: ClassCode, runs: list[list[int]], values: tuple[int, ...]) -> RoundsOnce:
    declarations: list[Declaration] = []
    children: list[int] = []
    counts: list[int] = []
    for run, labels in zip(runs, _labels(body, runs), strict=True):
        declaration = replace(body.declarations[run[0]], labels=labels)
        if isinstance(child := declaration.made, Hole):
            declaration = replace(declaration, made=replace(child, index=len(children)))
            children.append(child.index)
            if declaration.number is not None:
                declaration = replace(declaration, count=Hole("count", len(counts)))
                counts.append(len(run))
        declarations.append(declaration)
    return RoundsOnce(replace(body, declarations=tuple(declarations)), tuple(children), tuple(counts), values)


def _labels(body: ClassCode, runs: list[list[int]]) -> list[tuple[str, ...]]:
    """Where numbers are all that it has, none depends on how long a run before it is."""
    if body.is_numbered:
        return [(str(place),) for place in range(len(runs))]
    return [body.declarations[run[0]].labels for run in runs]


def _runs(declarations: Sequence[Declaration], made: Sequence[Hashable], apart: bool) -> list[list[int]]:
    """The places of the declarations, those of equal rounds together."""
    runs: list[list[int]] = []
    for place, declaration in enumerate(declarations):
        before = declarations[place - 1] if place else None
        if before and _goes_on(before, declaration, made) and not (apart and before.number == 0):
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _goes_on(before: Declaration, after: Declaration, made: Sequence[Hashable]) -> bool:
    if before.number is None or after.number != before.number + 1:
        return False
    match before.made, after.made:
        case (Hole("child", one), Hole("child", other)):
            return made[one] == made[other]
    return False


def _in_turn(body: ClassCode) -> int | None:
    """The place of the line from which on all modules of a list are called, each on what the one before gives.

    Plain layers are called one by one: a reader sees what each gives.
    """
    lines = [place for place, line in enumerate(body.statements) if line.labels]
    if body.base != LIST or not lines or not all(isinstance(d.made, Hole) for d in body.declarations):
        return None
    first, end = lines[0], lines[0] + len(lines)
    called = body.statements[first:end]
    if [line.labels for line in called] != [declaration.labels for declaration in body.declarations]:
        return None
    passed = [line.passed for line in called]
    if None in passed or any(
        value is not None and line.targets != (value.index,) for line, value in zip(called, passed[1:], strict=False)
    ):
        return None
    inner = {target for line in called[:-1] for target in line.targets}
    elsewhere = (line for place, line in enumerate(body.statements) if not first < place < end)
    taken = {hole.index for line in elsewhere for hole in holes(line.expr) if hole.kind == "value"}
    return None if inner & taken or inner.intersection(body.outputs) else first


def _called_in_turn(
    body: ClassCode, first: int, runs: list[list[int]]
) -> tuple[ClassCode, list[list[int]], tuple[int, ...]]:
    """The body with one line for all the modules of the list, and which of its values are left."""
    end = first + len(body.declarations)
    (last,) = body.statements[end - 1].targets
    inner = {target for line in body.statements[first : end - 1] for target in line.targets}
    count = body.inputs + sum(len(line.targets) for line in body.statements)
    values = tuple(value for value in range(count) if value not in inner)
    place = {value: number for number, value in enumerate(values)}

    def fill(hole: Hole) -> tuple[Hole, ...]:
        return (replace(hole, index=place[hole.index]) if hole.kind == "value" else hole,)

    def renumbered(line: Statement) -> Statement:
        return Statement(tuple(place[target] for target in line.targets), filled(line.expr, fill), line.labels)

    taken = body.statements[first].passed
    assert taken is not None, "it was found to pass a value on"
    loop = Statement((place[last],), PythonCall(IN_TURN, fill(taken)))
    before, after = body.statements[:first], body.statements[end:]
    statements = (*map(renumbered, before), loop, *map(renumbered, after))
    outputs = tuple(place[value] for value in body.outputs)
    return replace(body, statements=statements, outputs=outputs), runs, values
