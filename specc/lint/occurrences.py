"""What is said of many steps becomes findings: one for each place in the text, however many steps come of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label, Severity
from specc.elaborate.values import display_arguments
from specc.ir.op import Op
from specc.ir.size import Size
from specc.lint.call_sites import CallSite, CallSites
from specc.lint.lints import Lint, Match, Network
from specc.source import Source, Span
from specc.syntax import ast

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
        elif len(same) == len(steps[span]) and (site := sites.at(span)) is not None and _stands(first.match, site):
            others = {label.span for label in first.match.secondary}
            if all(other.source is span.source and _is_named(sites.at(other), steps[other]) for other in others):
                yield _of_text(same, site, sites)


def _is_named(site: CallSite | None, ops: list[Op]) -> bool:
    """Whether these steps are written as a layer here, or not as a call: a block may be handed one as an argument."""
    return site is None or all(map(site.names, ops))


def _stands(match: Match, site: CallSite) -> bool:
    """Whether it is about the text here: a layer by its own name, with numbers that are no knobs."""
    node = match.node
    # The names of symbolic sizes that the step takes are no knobs.
    sizes = [size for x in node.input_types for size in x.shape if isinstance(size, Size)]
    knobless = {symbol.name for size in sizes for symbol in size.symbols}
    if not site.names(node.op) or (match.literal and not site.is_literal(knobless)):
        return False
    if not site.gives_by_position(match.positional):
        return False
    return not (node.op.passes and site.call.label is not None)  # a label gives a value another name


def _of_text(same: list[Occurrence], site: CallSite, sites: CallSites) -> Diagnostic:
    lint, _, match = same[0]
    place = site.argument(match.argument) if match.argument else None
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
    """The steps and models, if the place is come to several times."""
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
