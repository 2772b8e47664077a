"""The shape that each line of steps in a spec comes to, for `specc fmt --annotate` and for editors.

A line in a block, a loop or an arm has a shape where every call and every round gives the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import chain
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from specc.elaborate import Checked, Imports, Sketch, check_file, sketches
from specc.elaborate.drafts import DraftBlock, DraftNode
from specc.ir.graph import Graph, Node, Port, Region, result
from specc.ops import find
from specc.source import Source
from specc.syntax import ast
from specc.syntax.tokens import is_name
from specc.syntax.trivia import Line, lines, start

if TYPE_CHECKING:
    from specc.elaborate.model_cache import EarlierModel, ModelCache

Shapes = tuple[str, ...]
"""Of all values that may stand at a place, in order; none where that is not known."""
_Place = tuple[int, int]
_PASSING = (ast.Let, ast.Assert, ast.Shared, ast.Checkpoint)
"""Statements that leave the current value as it is."""
_COMPOUND = (ast.Group, ast.If, ast.Repeat, ast.For)
"""Statements that may be many steps without being a block."""


def shapes(file: ast.File) -> dict[int, str]:
    """The shapes of a file's lines, by where the last step of the line begins, its label included.

    Raises:
        SpecError: the spec does not fit together.
    """
    graphs = [checked.graph for checked in check_file(file)]
    annotator = _Annotator(file)
    for graph in graphs:
        annotator.collect(graph)
    inputs = [(model, graph.inputs) for model, graph in zip(file.models, graphs, strict=True)]
    return {start(line.statements[-1]): line.shape for line in annotator.lines(inputs)}


class LineShape(NamedTuple):
    """A line of steps, and what they come to.

    Attributes:
        parameters: elements of the parameters of its steps; None where not every call and round has as many.
    """

    statements: Line
    shape: str
    parameters: int | None


def known_shapes(file: ast.File, imports: Imports, cache: ModelCache | None = None) -> list[LineShape]:
    """What is known of a file's lines, be there mistakes in others.

    Args:
        cache: models of earlier texts.
    """
    annotator = _Annotator(file)
    models = []
    for model, known in sketches(file, imports, cache, renewed=False):
        if isinstance(known, Sketch):
            annotator.sketch(known)
            models.append((model, known.inputs))
            continue
        if isinstance(known, Checked):
            annotator.collect(known.graph)
        else:
            annotator.earlier(known)
        models.append((model, known.graph.inputs))
    return annotator.lines(models)


class _Context(NamedTuple):
    """What is known where a statement stands.

    Attributes:
        current: of the current value.
        labels: of the values that have a name.
        once: the statement is run once: it is in no block and in no loop.
    """

    current: Shapes
    labels: dict[str, Shapes]
    once: bool


class _Notes(NamedTuple):
    """What a graph says of the places of a text."""

    steps: dict[_Place, list[str]]
    blocks: dict[_Place, list[str]]
    rounds: dict[_Place, list[str]]
    parameters: dict[_Place, set[int]]


def _notes(graph: Graph, source: Source) -> _Notes:
    part = _Annotator(ast.File(source, ()))
    part.collect(graph)
    # Of equal shapes at one place the last is enough: all that is asked is which there are, and the last.
    steps, blocks, rounds = (
        {place: list(dict.fromkeys(reversed(each)))[::-1] for place, each in known.items()}
        for known in (part._steps, part._blocks, part._rounds)
    )
    return _Notes(steps, blocks, rounds, part._parameters)


class _Annotator:
    """What the graphs say of the steps, and what follows for the lines.

    The graphs hold what was made, and not what was skipped (an `if` not taken, a block that hands its input on): of
    a value that may be such a one, all that it may be is known, or nothing.
    """

    def __init__(self, file: ast.File) -> None:
        self._file = file
        self._lines: list[LineShape] = []
        self._steps: dict[_Place, list[str]] = {}
        self._blocks: dict[_Place, list[str]] = {}
        self._rounds: dict[_Place, list[str]] = {}
        self._bodies = {item.name: item.body.statements for item in file.items if isinstance(item, ast.BlockDefinition)}
        self._parameters: dict[_Place, set[int]] = {}
        self._faults: set[int] = set()
        self._has_faults = False
        self._starts: list[int] = []

    def lines(self, models: Iterable[tuple[ast.ModelDefinition, tuple[Port, ...]]]) -> list[LineShape]:
        """The lines of these models and of all blocks, after what was made is collected."""
        self._starts = sorted({start for start, _ in (*self._steps, *self._blocks)} | self._faults)
        for model, ports in models:
            inputs = [(port.name, (str(port.type),)) for port in ports]
            only = inputs[0][1] if len(inputs) == 1 else ()
            self.body(model.body, _Context(only, {"in": only, **dict(inputs)}, once=True))
        for item in self._file.items:
            if isinstance(item, ast.BlockDefinition):
                self.body(item.body, _Context((), {}, once=False))
        return self._lines

    def collect(self, graph: Graph) -> None:
        types = {node.name: str(node.type) for node in graph.nodes}
        types |= {port.name: str(port.type) for port in graph.inputs}
        self._collect(graph.members, types, self._file.source)

    def earlier(self, model: EarlierModel) -> None:
        """As `collect`, of a model whose places are those of a text before."""
        notes, now = model.note("shapes", _notes)
        for old, new in ((notes.steps, self._steps), (notes.blocks, self._blocks), (notes.rounds, self._rounds)):
            for place, each in old.items():
                new.setdefault(now(place), []).extend(each)
        for place, counts in notes.parameters.items():
            self._parameters.setdefault(now(place), set()).update(counts)

    def sketch(self, sketch: Sketch) -> None:
        """As `collect`, of a model that may not fit."""
        self._has_faults = self._has_faults or bool(sketch.faults)
        self._faults |= {fault.start for fault in sketch.faults if fault.source is self._file.source}
        self._drafts(sketch.root.members)

    def _drafts(self, members: Iterable[DraftNode | DraftBlock]) -> int:
        """How many elements their parameters have, all together."""
        elements = 0
        for member in members:
            if isinstance(member, DraftNode):
                shapes, own = self._steps, sum(prod(each.shape) for each in member.parameters if not each.buffer)
            else:
                shapes = self._rounds if member.kind == "round" else self._blocks
                own = self._drafts(member.members)
            elements += own
            is_step = isinstance(member, DraftBlock) and member.sole and len(member.members) == 1  # and its step's, too
            if member.span.source is self._file.source and not is_step:
                type_ = member.type if isinstance(member, DraftNode) else member.result and member.result.type
                # Of what is not known there is a shape too, which is no other's: then its line has none.
                shapes.setdefault(_place(member), []).append(str(type_) if type_ else "")
                if shapes is not self._rounds:
                    self._parameters.setdefault(_place(member), set()).add(own)
        return elements

    def _collect(self, members: Iterable[Node | Region], types: dict[str, str], source: Source) -> int:
        """How many elements their parameters have, all together."""
        elements = 0
        for member in members:
            shapes, shape = self._steps, types[result(member)]
            if isinstance(member, Region):
                shapes = self._rounds if member.kind == "round" else self._blocks
                own = self._collect(member.members, types, source)
            else:
                own = sum(prod(each.shape) for each in member.parameters if not each.buffer)
            elements += own
            if member.span.source is source:
                place = _place(member)
                shapes.setdefault(place, []).append(shape)
                if shapes is not self._rounds:
                    self._parameters.setdefault(place, set()).add(own)
        return elements

    def body(self, body: ast.Body | ast.Arm, context: _Context) -> Shapes:
        """The shapes of the value that a body gives; those of its lines are noted."""
        for line in lines(body.statements):
            for statement in line:
                context = context._replace(current=self._after(statement, context))
            if not isinstance(line[-1], _PASSING) and len(set(context.current)) == 1 and context.current[0]:
                self._lines.append(LineShape(line, context.current[0], self._elements(line)))
        return context.current

    def _elements(self, line: Line) -> int | None:
        elements = 0
        for step in line:
            counts = self._parameters.get(_place(step), set() if isinstance(step, _COMPOUND) else {0})
            if len(counts) != 1:
                return None
            elements += min(counts)
        return elements

    def _after(self, statement: ast.Statement, context: _Context) -> Shapes:
        """Of the current value behind a statement."""
        if isinstance(statement, _PASSING):
            return context.current
        shapes = self._step(statement, context)
        if statement.label and is_name(statement.label.name):
            context.labels[statement.label.name] = shapes
        return shapes

    def _step(self, step: ast.Step, context: _Context) -> Shapes:
        place = _place(step)
        # Labels in a body that has a label itself are seen by nobody outside.
        inner = context._replace(labels=dict(context.labels)) if step.label else context
        match step:
            case ast.Enclosing():
                return context.labels.get("in", ())
            case ast.Merge():
                for arm in step.arms:
                    self.body(arm, context)
                return tuple(self._steps.get(place, ()) or self._blocks.get(place, ()))
            case ast.Group():
                return self.body(step.body, inner)
            case ast.Call() if place in self._steps:
                return tuple(self._steps[place])
            case ast.Call() if place in self._blocks:
                return tuple(self._blocks[place]) if context.once or self._is_made(step) else ()
            case ast.Call():
                return context.current if step.name == "_" else context.labels.get(step.name, ())
            case ast.If():
                return self._if(step, inner)
            case ast.Repeat() | ast.For():
                return self._loop(step, context)
        return ()

    def _if(self, step: ast.If, context: _Context) -> Shapes:
        ways = [
            (step.body, self.body(step.body, context)),
            (step.otherwise, self.body(step.otherwise, context) if step.otherwise else context.current),
        ]
        ran = [self._ran(body) for body, _ in ways]
        if context.once and any(ran):
            return ways[ran.index(True)][1]
        if self._has_faults and not any(ran):
            return ()  # what follows from a mistake was not run either
        # A body of which the graph holds nothing was not run, if it would hold something.
        return _any(
            shapes for (body, shapes), has_run in zip(ways, ran, strict=True) if has_run or not _would_show(body)
        )

    def _loop(self, loop: ast.Repeat | ast.For, context: _Context) -> Shapes:
        result = self.body(loop.body, _Context((), dict(context.labels), once=False))
        place, makes = _place(loop), self._makes(loop.body.statements)
        if context.once and makes:
            return tuple(self._rounds.get(place, result)[-1:])
        if isinstance(loop, ast.Repeat):
            has_round = isinstance(loop.rounds, ast.Number) and loop.rounds.value > 0
        else:
            has_round = isinstance(loop.table, ast.Sequence) and bool(loop.table.items)
        if not has_round:  # for all that can be read off
            return _any((context.current, result))
        return tuple(self._blocks[place]) if makes and place in self._blocks else result

    def _makes(self, statements: tuple[ast.Statement, ...]) -> bool:
        """Whether the graph holds something of every time that these are run."""
        return any(self._is_made(each) for each in statements if isinstance(each, (ast.Call, ast.Merge)))

    def _is_made(self, step: ast.Call | ast.Merge) -> bool:
        place = _place(step)
        return place in self._steps or (place in self._blocks and self._makes(self._bodies.get(step.name, ())))

    def _ran(self, body: ast.Body | None) -> bool:
        """Whether the graph holds something of the body."""
        if not body:
            return False
        at = bisect_left(self._starts, body.span.start)
        return at < len(self._starts) and self._starts[at] < body.span.end


def _would_show(body: ast.Body | None) -> bool:
    """Whether the graph would hold something of the body, had it been run."""
    return body is not None and any(
        isinstance(each, ast.Merge) or (isinstance(each, ast.Call) and find(each.name)) for each in body.statements
    )


def _any(ways: Iterable[Shapes]) -> Shapes:
    """All that a value may be; nothing where one way is unknown."""
    known = list(ways)
    return tuple(chain.from_iterable(known)) if all(known) else ()


def _place(part: ast.Statement | Node | Region | DraftNode | DraftBlock) -> _Place:
    return part.span.start, part.span.end
