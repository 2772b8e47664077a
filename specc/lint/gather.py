"""What is said of many steps becomes findings: a place in the text is told of once, however often it is come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from specc.diagnostics import Code, Diagnostic, Label, Severity
from specc.elaborate.values import display_arguments
from specc.ir.graph import Block
from specc.ir.size import Size
from specc.lint.network import Network
from specc.lint.places import Places, Written, left_out
from specc.lint.spot import Rule, Spot
from specc.ops import find
from specc.source import Source, Span
from specc.syntax import ast

Found = tuple[Rule, Network, Spot]

MOST_NAMES = 3
"""Steps, and models, that are named in a note."""


def gathered(file: ast.File, networks: list[Network], spots: list[Found]) -> Iterator[Diagnostic]:
    """One finding for each place and code."""
    places = Places(file)
    steps = Counter(node.span for network in networks for node in network.nodes.values())
    for found in _by_place(spots).values():
        rule, _, spot = found[0]
        if rule.everywhere:
            written = places.find(spot.node.span)
            if len(found) == steps[spot.node.span] and written is not None and _stands(spot, written, places):
                yield _of_text(rule, found, written)
        else:
            yield _of_network(rule, found, file.source)


def _by_place(spots: list[Found]) -> dict[tuple[Code, Span], list[Found]]:
    groups: dict[tuple[Code, Span], list[Found]] = {}
    for found in spots:
        groups.setdefault((found[0].code, found[2].node.span), []).append(found)
    return groups


def _stands(spot: Spot, written: Written, places: Places) -> bool:
    """Whether it is about the text here: layers that are named, their own numbers, and nothing in another file."""
    if not written.names(spot.node.op) or (spot.literal and not written.is_literal(_sizes(spot))):
        return False
    if not written.gives_by_place(spot.positional):
        return False
    if spot.node.op.kind == "identity" and written.call.label is not None:
        return False  # it gives a value another name
    others = [label.span for label in spot.secondary]
    return all(span.source is spot.node.span.source and not _is_handed(places.find(span)) for span in others)


def _sizes(spot: Spot) -> set[str]:
    """The symbolic sizes of what the step takes: their names are no knobs."""
    shapes = (x.shape for x in spot.node.input_types)
    return {symbol.name for shape in shapes for size in shape if isinstance(size, Size) for symbol in size.symbols}


def _is_handed(written: Written | None) -> bool:
    """Whether a step is one that a block was handed as an argument."""
    return written is not None and find(written.call.name) is None


def _of_text(rule: Rule, found: list[Found], written: Written) -> Diagnostic:
    spot = found[0][2]
    place = written.argument(spot.argument) if spot.argument else None
    return Diagnostic(
        rule.code,
        spot.message,
        Label(place or spot.node.span, spot.label),
        spot.secondary,
        (*spot.notes, *_occurrences(found)),
        ("write _ in its place",) if spot.removable and written.steps == 1 else spot.helps,
        severity=Severity.WARNING,
        fix=left_out(written) if spot.removable else None,
    )


def _of_network(rule: Rule, found: list[Found], source: Source) -> Diagnostic:
    """Of an imported block, the call in this very file is pointed at: what is wrong is how it is used here."""
    _, network, spot = found[0]
    calls = [Label(block.span, f"in {_called(block)}") for block in network.around(spot.node) if block.kind == "block"]
    primary, secondary = Label(spot.node.span, spot.label), spot.secondary
    here = next((i for i, call in enumerate(calls) if call.span.source is source), None)
    if spot.node.span.source is not source and here is not None:
        secondary = (primary, *secondary)
        primary, calls = Label(calls[here].span, f"comes to {spot.node.name}"), calls[here + 1 :]
    return Diagnostic(
        rule.code,
        spot.message,
        primary,
        secondary,
        (*spot.notes, *_occurrences(found)),
        spot.helps,
        tuple(calls),
        severity=Severity.WARNING,
    )


def _called(block: Block) -> str:
    return f"{block.title}({display_arguments(dict(block.arguments))})"


def _occurrences(found: list[Found]) -> tuple[str, ...]:
    """Where else, if the place is come to several times."""
    if len(found) == 1:
        return ()
    models = dict.fromkeys(network.graph.name for _, network, _ in found)
    first = next(iter(models))
    names = [spot.node.name for _, network, spot in found if network.graph.name == first]
    others = [name for name in models if name != first]
    also = f", also in {_some(others, 'models')}" if others else ""
    return (f"{len(found)} times: in {first} as {_some(names, 'steps')}{also}",)


def _some(names: list[str], what: str) -> str:
    if len(names) <= MOST_NAMES + 1:
        return ", ".join(names)
    return f"{', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} more {what}"
