"""Statements on one line, where they may stand on one."""

from __future__ import annotations

from collections.abc import Set

from specc.syntax import ast
from specc.syntax.format import inline
from specc.syntax.format.attachment import Places, else_if
from specc.syntax.labels import needs_quotes
from specc.syntax.lines import Line, lines, start


class OneLine:
    """What a step, a chain or a body reads like on one line; None where a comment or a second line is in it.

    However long: whether it fits is for the caller to say.

    Args:
        first: where steps begin that must not stand on the line of the one before.
    """

    def __init__(self, places: Places, first: Set[int]) -> None:
        self._places = places
        self._first = first
        self._known: dict[int, str | None] = {}
        """By where the step begins: what is inside each other is asked for on every level."""

    def chain(self, line: Line) -> str | None:
        if any(start(step) in self._first for step in line):
            return None
        if len(line) > 1 and self._places.inside(line[0].span.start, line[-1].span.end):
            return None
        chain = ""
        for step in line:
            written = self.statement(step)
            if not written:
                return None
            chain = f"{chain} -> {written}" if chain else written
        return chain

    def statement(self, statement: ast.Statement) -> str | None:
        begin = statement.span.start
        if begin in self._known:
            return self._known[begin]
        written = None if self._places.inside(begin, statement.span.end) else self._written(statement)
        if written and not isinstance(statement, (ast.Let, ast.Assert, ast.Shared)):
            written = label(statement) + written
        self._known[begin] = written
        return written

    def body(self, body: ast.Body) -> str | None:
        if self._places.inside(body.span.start, body.span.end):
            return None
        if not body.statements:
            return "{}"
        written = self._only_line(body.statements)
        return written and f"{{ {written} }}"

    def _only_line(self, statements: tuple[ast.Statement, ...]) -> str | None:
        held = lines(statements)
        return self.chain(held[0]) if len(held) == 1 else None

    def _written(self, statement: ast.Statement) -> str | None:
        match statement:
            case ast.Call():
                return called(statement)
            case ast.Merge():
                return self._merge(statement)
            case ast.Checkpoint():
                return inline.shape(statement.shape)
            case ast.Enclosing():
                return "in"
            case ast.If():
                return self._if(statement)
            case ast.Let():
                return f"let {statement.name} = {inline.text(statement.value)}"
            case ast.Assert():
                message = f", {inline.string(statement.message)}" if statement.message is not None else ""
                return f"assert {inline.text(statement.test)}{message}"
            case ast.Shared():
                steps = self.chain(statement.steps)
                return steps and f"shared {statement.name} = {steps}"
        body = self.body(statement.body)
        return body and head(statement) + body

    def _merge(self, merge: ast.Merge) -> str | None:
        if sum(len(arm.statements) > 1 for arm in merge.arms) > 1:
            return None  # chains beside each other are read one below the other
        arms = ""
        for arm in merge.arms:
            written = self._only_line(arm.statements)
            if not written:
                return None
            arms += f"| {written} "
        return f"{called(merge)} {{ {arms}}}"

    def _if(self, step: ast.If) -> str | None:
        body = self.body(step.body)
        if not body or not step.otherwise:
            return body and head(step) + body
        again = else_if(step)
        otherwise = self._if(again) if again else self.body(step.otherwise)
        return otherwise and f"{head(step)}{body} else {otherwise}"


def label(step: ast.Step) -> str:
    """With quotes only where it needs them. A number that is no label (`01: …`) stays one."""
    if step.label is None:
        return ""
    name = step.label.name
    is_bare = not needs_quotes(name) or step.label.span.text == name
    return f"{name if is_bare else inline.string(name)}: "


def called(step: ast.Call | ast.Merge | ast.Default, equals: str = "=") -> str:
    """The name and the arguments; ``relu`` and ``relu()`` stay what they are, and a merge without arguments is bare."""
    bare = isinstance(step, ast.Merge) or (isinstance(step, ast.Call) and step.bare)
    return step.name + ("" if bare and not step.arguments else inline.arguments(step.arguments, equals=equals))


def head(step: ast.Group | ast.Repeat | ast.For | ast.If) -> str:
    """What stands before a body, with the blank between."""
    match step:
        case ast.Repeat():
            return f"repeat {inline.text(step.rounds)} "
        case ast.For():
            return f"for {names(step)} in {inline.table(step)} "
        case ast.If():
            return f"if {inline.text(step.test)} "
    return ""


def names(loop: ast.For) -> str:
    return ", ".join(name.name for name in loop.names)
