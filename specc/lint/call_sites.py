"""The calls in the text of a spec: their arguments as written, and the steps beside them."""

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


class CallSite(NamedTuple):
    """A call in the text.

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

    def gives_by_position(self, count: int) -> bool:
        """Whether its first arguments, as many as that, have no name."""
        first = self.call.arguments[:count]
        return len(first) == count and all(argument.name is None for argument in first)

    def argument(self, name: str) -> Span | None:
        """Where the argument ``name`` is written, by that name."""
        return next((argument.span for argument in self.call.arguments if argument.name == name), None)


class CallSites:
    """The calls in the files of one check, by their spans; a file is looked through when it is asked for."""

    def __init__(self, file: ast.File) -> None:
        self._files = {file.source: file}
        self._sites: dict[Source, dict[tuple[int, int], CallSite]] = {}
        self._tokens: dict[Source, Tokens] = {}

    def at(self, span: Span) -> CallSite | None:
        """The call whose step has this span."""
        sites = self._sites.get(span.source)
        if sites is None:
            file = self._files.get(span.source) or parse(span.source)  # imported, and parsed without a fault before
            bodies = [i.body for i in file.items if isinstance(i, (ast.BlockDefinition, ast.ModelDefinition))]
            sites = {
                (site.call.name_span.start, site.call.span.end): site
                for body in bodies
                for site in _in_list(body.statements, own_body=True)
            }
            self._sites[span.source] = sites
        return sites.get((span.start, span.end))

    def removal(self, site: CallSite) -> Fix | None:
        """The text without the step, where every other name stays as it is and the text stays a chain.

        A round of one step takes the round's number as its name, so a list that is no body of its own must keep two.
        """
        call = site.call
        if call.label is not None or site.steps < (2 if site.own_body else 3) or is_yaml(call.span.source.name):
            return None
        source = call.span.source
        if source not in self._tokens:
            self._tokens[source] = Tokens(source)  # gone through once, however many of its steps have findings
        cut = _with_arrow_or_line(call.span, self._tokens[source])
        return Fix((Edit(cut, ""),), Safety.SAFE) if cut else None


def _in_list(statements: tuple[ast.Statement, ...], *, own_body: bool = False) -> Iterator[CallSite]:
    steps = sum(not isinstance(s, (ast.Let, ast.Assert, ast.Checkpoint, ast.Shared)) for s in statements)
    for statement in statements:
        match statement:
            case ast.Call():
                yield CallSite(statement, steps, own_body)
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


def _with_arrow_or_line(step: Span, tokens: Tokens) -> Span | None:
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
