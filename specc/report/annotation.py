"""The shape that each line of steps in a spec comes to, for `specc fmt --annotate`.

A line in a block, a loop or an arm has a shape where every call and every round gives the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from specc.elaborate import check_file
from specc.ir.graph import Graph, Node, Region
from specc.ops import find
from specc.source import Source, Span
from specc.syntax import ast
from specc.syntax.tokens import is_name
from specc.syntax.trivia import lines, start

Shapes = tuple[str, ...]
"""Of all values that may stand at a place, in order; none where that is not known."""
_Where = tuple[int, int]
_PASSING = (ast.Let, ast.Assert, ast.Shared, ast.Checkpoint)


def shapes(file: ast.File) -> dict[int, str]:
    """The shapes of a file's lines, by where the last step of the line begins, its label included.

    Raises:
        SpecError: the spec does not fit together.
    """
    graphs = [checked.graph for checked in check_file(file)]
    shown = _LineShapes(file, graphs)
    for model, graph in zip(file.models, graphs, strict=True):
        shown.model(model, graph)
    for item in file.items:
        if isinstance(item, ast.BlockDefinition):
            shown.body(item.body, _Context((), {}, once=False))
    return shown.found


class _Context(NamedTuple):
    """What is known where a statement stands.

    Attributes:
        before: of the current value.
        labels: of the values that have a name.
        once: the statement is run once: it is in no block and in no loop.
    """

    before: Shapes
    labels: dict[str, Shapes]
    once: bool

    def within(self) -> _Context:
        """The context where a body begins whose labels nobody outside sees."""
        return self._replace(labels=dict(self.labels))


class _LineShapes:
    """What the graphs say of the steps, and what follows for the lines.

    The graphs hold what was made, and not what was passed over (an `if` not taken, a block that hands its input on): of
    a value that may be such a one, all that it may be is known, or nothing.
    """

    def __init__(self, file: ast.File, graphs: Iterable[Graph]) -> None:
        self.found: dict[int, str] = {}
        self._steps: dict[_Where, list[str]] = {}
        self._blocks: dict[_Where, list[str]] = {}
        self._rounds: dict[_Where, list[str]] = {}
        self._bodies = {item.name: item.body.statements for item in file.items if isinstance(item, ast.BlockDefinition)}
        for graph in graphs:
            self._collect(graph.members, _types(graph), file.source)
        self._starts = sorted(start for start, _ in (*self._steps, *self._blocks))

    def _collect(self, members: Iterable[Node | Region], types: dict[str, str], source: Source) -> None:
        for member in members:
            shapes, shape = self._steps, types[member.name if isinstance(member, Node) else member.output]
            if isinstance(member, Region):
                shapes = self._rounds if member.kind == "round" else self._blocks
                self._collect(member.members, types, source)
            if member.span.source is source:
                shapes.setdefault(_where(member.span), []).append(shape)

    # ---- lines --------------------------------------------------------------------------------------

    def model(self, model: ast.ModelDefinition, graph: Graph) -> None:
        """The lines of a model."""
        types = [(str(port.type),) for port in graph.inputs]
        only = types[0] if len(types) == 1 else ()
        ports = {port.name: shapes for port, shapes in zip(graph.inputs, types, strict=True)}
        self.body(model.body, _Context(only, {"in": only, **ports}, once=True))

    def body(self, body: ast.Body, context: _Context) -> Shapes:
        """The lines of a body; returns what it gives."""
        return self._statements(body.statements, context)

    def _statements(self, statements: tuple[ast.Statement, ...], context: _Context) -> Shapes:
        for line in lines(statements):
            for statement in line:
                context = context._replace(before=self._after(statement, context))
            if not isinstance(line[-1], _PASSING) and len(set(context.before)) == 1:
                self.found[start(line[-1])] = context.before[0]
        return context.before

    # ---- steps --------------------------------------------------------------------------------------

    def _after(self, statement: ast.Statement, context: _Context) -> Shapes:
        """Of the current value behind a statement."""
        if isinstance(statement, _PASSING):
            return context.before
        shapes = self._step(statement, context)
        if statement.label and is_name(statement.label.name):
            context.labels[statement.label.name] = shapes
        return shapes

    def _step(self, step: ast.Step, context: _Context) -> Shapes:
        match step:
            case ast.Call():
                return self._call(step, context)
            case ast.Enclosing():
                return context.labels.get("in", ())
            case ast.Merge():
                for arm in step.arms:
                    self._statements(arm.statements, context)
                return tuple(self._steps.get(_where(step.span), ()))
            case ast.Group():
                return self.body(step.body, context.within() if step.label else context)
            case ast.If():
                return self._if(step, context.within() if step.label else context)
            case ast.Repeat() | ast.For():
                return self._loop(step, context)
        return ()

    def _call(self, call: ast.Call, context: _Context) -> Shapes:
        where = _where(call.span)
        if where in self._steps:
            return tuple(self._steps[where])
        if where in self._blocks:
            return tuple(self._blocks[where]) if context.once or self._is_made(call) else ()
        return context.before if call.name == "_" else context.labels.get(call.name, ())

    def _if(self, step: ast.If, context: _Context) -> Shapes:
        given = self.body(step.body, context)
        other = self.body(step.otherwise, context) if step.otherwise else context.before
        if context.once and (self._ran(step.body) or self._ran(step.otherwise)):
            return given if self._ran(step.body) else other
        ways = [
            shapes
            for body, shapes in ((step.body, given), (step.otherwise, other))
            if self._ran(body) or not body or not _would_show(body)
        ]
        return _any(ways)

    def _loop(self, loop: ast.Repeat | ast.For, context: _Context) -> Shapes:
        given = self.body(loop.body, _Context((), dict(context.labels), once=False))
        where, makes = _where(loop.span), self._makes(loop.body.statements)
        if context.once and makes:
            return tuple(self._rounds.get(where, given)[-1:])
        if not _runs(loop):
            return _any([context.before, given])
        return tuple(self._blocks[where]) if makes and where in self._blocks else given

    def _makes(self, statements: tuple[ast.Statement, ...]) -> bool:
        """Whether the graph holds something of every time that these are run."""
        return any(self._is_made(each) for each in statements if isinstance(each, (ast.Call, ast.Merge)))

    def _is_made(self, step: ast.Call | ast.Merge) -> bool:
        where = _where(step.span)
        return where in self._steps or (where in self._blocks and self._makes(self._bodies.get(step.name, ())))

    def _ran(self, body: ast.Body | None) -> bool:
        """Whether the graph holds something of the body."""
        if not body:
            return False
        at = bisect_left(self._starts, body.span.start)
        return at < len(self._starts) and self._starts[at] < body.span.end


def _would_show(body: ast.Body) -> bool:
    """Whether the graph would hold something of the body, had it been run."""
    return any(
        isinstance(each, ast.Merge) or (isinstance(each, ast.Call) and find(each.name)) for each in body.statements
    )


def _runs(loop: ast.Repeat | ast.For) -> bool:
    """Whether one can read off that the loop has a round."""
    if isinstance(loop, ast.Repeat):
        return isinstance(loop.rounds, ast.Number) and loop.rounds.value > 0
    return isinstance(loop.table, ast.Sequence) and bool(loop.table.items)


def _any(ways: list[Shapes]) -> Shapes:
    """All that a value may be; nothing where one way is unknown."""
    return tuple(shape for way in ways for shape in way) if all(ways) else ()


def _where(span: Span) -> _Where:
    return span.start, span.end


def _types(graph: Graph) -> dict[str, str]:
    """The shape of every value by name."""
    inputs = {port.name: str(port.type) for port in graph.inputs}
    return inputs | {node.name: str(node.type) for node in graph.nodes}
