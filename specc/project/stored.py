"""Findings as plain JSON values and back: what a cache keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specc.condition import Clause, Condition
from specc.diagnostics import Code, Diagnostic, Edit, Fix, Label, Severity
from specc.source import Source, Span


def packed(finding: Diagnostic) -> list[Any]:
    """The finding; a span is the name of its file and two offsets."""
    return [
        finding.code,
        finding.message,
        _label(finding.primary),
        [_label(label) for label in finding.secondary],
        finding.notes,
        finding.helps,
        [_label(label) for label in finding.trace],
        finding.where,  # tuples of tuples: to JSON, lists
        finding.severity,
        finding.fix and [[_span(edit.span), edit.text] for edit in finding.fix.edits],
    ]


def unpacked(values: list[Any], sources: Mapping[str, Source]) -> Diagnostic:
    """What `packed` was given, in ``sources`` by name. Raises KeyError, ValueError, TypeError where it is none."""
    code, message, primary, secondary, notes, helps, trace, where, severity, fix = values

    def span(packed: list[Any]) -> Span:
        name, start, end = packed
        return sources[name].span(start, end)

    def labels(packed: list[Any]) -> tuple[Label, ...]:
        return tuple(Label(span(place), text) for place, text in packed)

    (first,) = labels([primary])
    edits = tuple(Edit(span(place), text) for place, text in fix) if fix else ()
    return Diagnostic(
        Code(code),
        message,
        first,
        labels(secondary),
        tuple(notes),
        tuple(helps),
        labels(trace),
        where and _condition(*where),
        Severity(severity),
        Fix(edits) if edits else None,
    )


def _condition(clauses: list[list[Any]], necessary: bool) -> Condition:
    return Condition(tuple(Clause(*clause) for clause in clauses), necessary)


def _label(label: Label) -> list[Any]:
    return [_span(label.span), label.text]


def _span(span: Span) -> list[Any]:
    return [span.source.name, span.start, span.end]
