"""Where in the text a step stands: its call with the arguments as written, and the steps beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from specc.diagnostics import Edit, Fix, Safety
from specc.ir.op import Op
from specc.source import Source, Span
from specc.syntax import ast, is_yaml, parse
from specc.syntax.tokens import ARROW, Tokens
from specc.syntax.trivia import own_lines

_CONSTANTS = ("true", "false", "none")


class Written(NamedTuple):
    """A call as it is written.

    Attributes:
        steps: how many steps the list has that it stands in.
        own_body: that list is the body of a model or a block.
    """

    call: ast.Call
    steps: int
    own_body: bool

    def names(self, op: Op) -> bool:
        """Whether the call has the operator's own name, and not that of a parameter which stands for it."""
        return self.call.name in (op.kind, *op.aliases)

    def is_literal(self, sizes: set[str]) -> bool:
        """Whether it has arguments, and these are numbers, texts, truth values and the names in ``sizes`` alone."""
        parts = (part for argument in self.call.arguments for part in ast.parts(argument.value))
        names = {part.name for part in parts if isinstance(part, ast.Name)}
        return bool(self.call.arguments) and names <= {*_CONSTANTS, *sizes}

    def gives_by_place(self, count: int) -> bool:
        """Whether its first arguments, as many as that, have no name."""
        first = self.call.arguments[:count]
        return len(first) == count and all(argument.name is None for argument in first)

    def argument(self, name: str) -> Span | None:
        """Where the argument ``name`` is written, by that name."""
        return next((argument.span for argument in self.call.arguments if argument.name == name), None)


class Places:
    """The calls of the files of one check, by where they stand; a file is looked through when it is asked for."""

    def __init__(self, file: ast.File) -> None:
        self._files = {file.source: file}
        self._calls: dict[Source, dict[tuple[int, int], Written]] = {}
        self._tokens: dict[Source, Tokens] = {}

    def find(self, span: Span) -> Written | None:
        """The call whose step has this span."""
        calls = self._calls.get(span.source)
        if calls is None:
            file = self._files.get(span.source) or parse(span.source)  # imported, and parsed without a fault before
            calls = self._calls[span.source] = dict(_calls(file))
        return calls.get((span.start, span.end))

    def tokens(self, source: Source) -> Tokens:
        """The tokens of a file, which is gone through once however many of its steps have findings."""
        if source not in self._tokens:
            self._tokens[source] = Tokens(source)
        return self._tokens[source]


def _calls(file: ast.File) -> Iterator[tuple[tuple[int, int], Written]]:
    for item in file.items:
        if isinstance(item, (ast.BlockDefinition, ast.ModelDefinition)):
            yield from _in_list(item.body.statements, own_body=True)


def _in_list(
    statements: tuple[ast.Statement, ...], *, own_body: bool = False
) -> Iterator[tuple[tuple[int, int], Written]]:
    steps = sum(not isinstance(s, (ast.Let, ast.Assert, ast.Checkpoint, ast.Shared)) for s in statements)
    for statement in statements:
        match statement:
            case ast.Call():
                key = statement.name_span.start, statement.span.end
                yield key, Written(statement, steps, own_body)
            case ast.Merge():
                for arm in statement.arms:
                    yield from _in_list(arm.statements)
            case ast.Shared():
                yield from _in_list(statement.steps)
            case ast.Group() | ast.Repeat() | ast.For():
                yield from _in_list(statement.body.statements)
            case ast.If():
                yield from _in_list(statement.body.statements)
                yield from _in_list(statement.otherwise.statements if statement.otherwise else ())


# ---- leaving a step out -----------------------------------------------------------------------------


def left_out(written: Written, places: Places) -> Fix | None:
    """The text without the step, where every other name stays as it is and the text stays a chain.

    A round of one step takes the round's number as its name, so a list that is no body of its own must keep two.
    """
    if written.call.label is not None or written.steps < (2 if written.own_body else 3):
        return None
    span = written.call.span
    if is_yaml(span.source.name):
        return None
    cut = _cut(span, places.tokens(span.source))
    return Fix((Edit(cut, ""),), Safety.SAFE) if cut else None


def _cut(step: Span, tokens: Tokens) -> Span | None:
    """The step with one of its arrows, or with its line; None where neither leaves a chain."""
    source, text = step.source, step.source.text
    arrow, after = tokens.before(step.start), tokens.after(step.end)
    begin = step.start
    is_led = arrow is not None and arrow.kind == ARROW and "\n" not in text[arrow.end : begin]
    if arrow and is_led:
        begin = arrow.start
        if source.before(begin).strip():
            previous = tokens.before(begin)
            return source.span(previous.end if previous else begin, step.end)
    rest = text[after.end : text.find("\n", after.end) % (len(text) + 1)]
    if after.kind == ARROW and "\n" not in text[step.end : after.start] and rest.strip():
        return source.span(step.start, after.end + len(rest) - len(rest.lstrip()))
    hangs = not is_led and ((arrow is not None and arrow.kind == ARROW) or after.kind == ARROW)
    return None if hangs else own_lines(source.span(begin, step.end))
