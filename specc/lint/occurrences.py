"""From matches to findings: one for each place in the text, however many steps come of it; and their fixes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Edit, Fix, Label, Safety, Severity
from specc.elaborate.values import display_arguments
from specc.ir.op import Op
from specc.ir.size import Size
from specc.lint.lints import Lint, Match, Network
from specc.source import Source, Span
from specc.syntax import ast, is_yaml, parse
from specc.syntax.tokens import ARROW, Tokens
from specc.syntax.trivia import own_lines

MOST_NAMES = 3
"""Steps, and models, that are named in a note."""


class Occurrence(NamedTuple):
    """A lint's match in one model."""

    lint: Lint
    network: Network
    match: Match


def findings_of(file: ast.File, networks: list[Network], occurrences: list[Occurrence]) -> Iterator[Diagnostic]:
    """One finding for each place and code."""
    by_place: dict[tuple[Code, Span], list[Occurrence]] = {}
    for one in occurrences:
        by_place.setdefault((one.lint.code, one.match.node.span), []).append(one)
    sites = CallSites(file)
    steps: dict[Span, list[Op]] = {}
    for network in networks:
        for node in network.graph.nodes:
            steps.setdefault(node.span, []).append(node.op)
    for same in by_place.values():
        first, span = same[0], same[0].match.node.span
        if not first.lint.everywhere:
            yield _of_network(same, file.source)
        elif len(same) == len(steps[span]) and (site := sites.at(span)) is not None and _is_of_text(first.match, site):
            others = {label.span for label in first.match.secondary}
            # The other steps, too, must be layers here, or no calls: a block may have one as its argument.
            named = ((other, sites.at(other)) for other in others if other.source is span.source)
            if len(others) == sum(call is None or all(map(call.names, steps[other])) for other, call in named):
                yield _of_text(same, site, sites)


def _is_of_text(match: Match, site: CallSite) -> bool:
    """Whether it is about the text here: a layer by its own name, with numbers that are no knobs."""
    node, call = match.node, site.call
    if not site.names(node.op):
        return False
    if match.literal:
        # Numbers, texts, truth values, and the names of symbolic sizes that the step takes are no knobs.
        sizes = (size for x in node.input_types for size in x.shape if isinstance(size, Size))
        knobless = {"true", "false", "none", *(symbol.name for size in sizes for symbol in size.symbols)}
        # So are values of this place; one that is handed to the block is another at another call.
        values = [a.value for a in call.arguments if a.name in node.op.measures]
        others = [a.value for a in call.arguments if a.name not in node.op.measures]
        if match.positional and others and site.params.isdisjoint(_names(others[:1])):
            del others[0]  # how many channels there are is a number of this place by any name: `in.channels`
        if not call.arguments or not _names(others) <= knobless or not site.params.isdisjoint(_names(values)):
            return False
    first = call.arguments[: match.positional]
    if len(first) < match.positional or any(argument.name is not None for argument in first):
        return False
    return not (node.op.passes and call.label is not None)  # a label gives a value another name


def _names(expressions: list[ast.Expr]) -> set[str]:
    return {name.name for name in ast.free_names(tuple(expressions))}


def _of_text(same: list[Occurrence], site: CallSite, sites: CallSites) -> Diagnostic:
    lint, _, match = same[0]
    place = next((a.span for a in site.call.arguments if a.name is not None and a.name == match.argument), None)
    return Diagnostic(
        lint.code,
        match.message,
        Label(place or match.node.span, match.label),
        match.secondary,
        (*match.notes, *_where_else(same)),
        ("write _ in its place",) if match.removable and site.steps == 1 else match.helps,
        severity=Severity.WARNING,
        fix=sites.removal(site) if match.removable else None,
    )


def _of_network(same: list[Occurrence], source: Source) -> Diagnostic:
    """Of an imported block, the call in this very file is pointed at: what is wrong is how it is used here."""
    lint, network, match = same[0]
    calls = [
        Label(block.span, f"in {block.title}({display_arguments(dict(block.arguments))})")
        for block in network.around(match.node)
        if block.kind == "block"
    ]
    primary, secondary = Label(match.node.span, match.label), match.secondary
    here = next((i for i, call in enumerate(calls) if call.span.source is source), None)
    if match.node.span.source is not source and here is not None:
        secondary = (primary, *secondary)
        primary, calls = Label(calls[here].span, f"comes to {match.node.name}"), calls[here + 1 :]
    return Diagnostic(
        lint.code,
        match.message,
        primary,
        secondary,
        (*match.notes, *_where_else(same)),
        match.helps,
        tuple(calls),
        severity=Severity.WARNING,
    )


def _where_else(same: list[Occurrence]) -> tuple[str, ...]:
    """The steps and models, if there are several for one place in the text."""
    if len(same) == 1:
        return ()
    first, *others = dict.fromkeys(one.network.graph.name for one in same)
    names = [one.match.node.name for one in same if one.network.graph.name == first]
    also = f", also in {_some(others, 'models')}" if others else ""
    return (f"{len(same)} times: in {first} as {_some(names, 'steps')}{also}",)


def _some(names: list[str], what: str) -> str:
    if len(names) <= MOST_NAMES + 1:
        return ", ".join(names)
    return f"{', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} more {what}"


# ---- the calls in the text: their arguments, and the steps beside them ---------------------------------------------


class CallSite(NamedTuple):
    """A call in the text.

    Attributes:
        steps: how many steps the list around it has.
        own_body: that list is the body of a model or a block.
        params: the parameters of that model or block, and what a block of several inputs calls these.
    """

    call: ast.Call
    steps: int
    own_body: bool
    params: frozenset[str]

    def names(self, op: Op) -> bool:
        """Whether the call has the operator's own name, and not that of a parameter whose value it is."""
        return self.call.name in (op.kind, *op.aliases)


class CallSites:
    """The calls in the files of one check, by their spans; a file is searched when a call of it is looked up."""

    def __init__(self, file: ast.File) -> None:
        self._files = {file.source: file}
        self._sites: dict[Source, dict[tuple[int, int], CallSite]] = {}
        self._tokens: dict[Source, Tokens] = {}

    def at(self, span: Span) -> CallSite | None:
        """The call whose step has this span."""
        sites = self._sites.get(span.source)
        if sites is None:
            file = self._files.get(span.source) or parse(span.source)  # imported, and parsed without a fault before
            items = [i for i in file.items if isinstance(i, (ast.BlockDefinition, ast.ModelDefinition))]
            sites = {
                (site.call.name_span.start, site.call.span.end): site
                for item in items
                for site in _in_list(item.body.statements, _given(item), own_body=True)
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
            self._tokens[source] = Tokens(source)  # once, however many of its steps have findings
        cut = _with_arrow_or_line(call.span, self._tokens[source])
        return Fix((Edit(cut, ""),), Safety.SAFE) if cut else None


def _given(item: ast.BlockDefinition | ast.ModelDefinition) -> frozenset[str]:
    """The names that stand for something else at another call."""
    ports = item.contract.inputs if isinstance(item, ast.BlockDefinition) and item.contract else ()
    return frozenset((*(param.name for param in item.params), *(port.name or "" for port in ports)))


def _in_list(
    statements: tuple[ast.Statement, ...], params: frozenset[str], *, own_body: bool = False
) -> Iterator[CallSite]:
    steps = sum(not isinstance(s, (ast.Let, ast.Assert, ast.Checkpoint, ast.Shared)) for s in statements)
    for statement in statements:
        match statement:
            case ast.Call():
                yield CallSite(statement, steps, own_body, params)
            case ast.Merge():
                for arm in statement.arms:
                    yield from _in_list(arm.statements, params)
            case ast.Shared():
                yield from _in_list(statement.steps, params)
            case ast.Group() | ast.Repeat() | ast.For():
                yield from _in_list(statement.body.statements, params)
            case ast.If():
                yield from _in_list(statement.body.statements, params)
                yield from _in_list(statement.otherwise.statements if statement.otherwise else (), params)


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
