"""Findings as plain JSON values and back, for a cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from specc.diagnostics import (
    BudgetExceeded,
    BudgetUnsized,
    Clause,
    Code,
    Condition,
    Diagnostic,
    Edit,
    Fact,
    Fix,
    ImportFault,
    Label,
    Safety,
    Severity,
    Suggestion,
)
from specc.source import Source, Span


def as_json(finding: Diagnostic) -> list[Any]:
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
        finding.fix and [finding.fix.safety, [[_span(edit.span), edit.text] for edit in finding.fix.edits]],
        finding.suggestion,
        finding.fact and [type(finding.fact).__name__, *finding.fact],
    ]


def from_json(values: list[Any], sources: Mapping[str, Source]) -> Diagnostic:
    """What `as_json` was given, in ``sources`` by name. Raises KeyError, ValueError, TypeError where it is none."""
    code, message, primary, secondary, notes, helps, trace, where, severity, fix, suggestion, fact = values

    def span(place: list[Any]) -> Span:
        name, start, end = place
        return sources[name].span(start, end)

    def labels(pairs: list[Any]) -> tuple[Label, ...]:
        return tuple(Label(span(place), text) for place, text in pairs)

    (first,) = labels([primary])
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
        _fix(fix, span) if fix else None,
        _suggestion(suggestion) if suggestion else None,
        _fact(*fact) if fact else None,
    )


def _condition(clauses: list[list[Any]], necessary: bool) -> Condition:
    return Condition(tuple(Clause(*clause) for clause in clauses), necessary)


def _fix(packed: list[Any], span: Callable[[list[Any]], Span]) -> Fix:
    safety, edits = packed
    return Fix(tuple(Edit(span(place), text) for place, text in edits), Safety(safety))


def _suggestion(packed: list[Any]) -> Suggestion:
    word, names, safety, note = packed
    return Suggestion(word, tuple(names), Safety(safety), note)


def _fact(kind: str, *fields: Any) -> Fact:
    if kind == BudgetUnsized.__name__:
        model, numbers, origins, given, possible = fields
        return BudgetUnsized(model, tuple(numbers), tuple(origins), _pairs(given), _pairs(possible))
    return ImportFault(*fields) if kind == ImportFault.__name__ else BudgetExceeded(*fields)


def _pairs(packed: list[list[Any]]) -> tuple[tuple[str, int], ...]:
    return tuple((name, size) for name, size in packed)


def _label(label: Label) -> list[Any]:
    return [_span(label.span), label.text]


def _span(span: Span) -> list[Any]:
    return [span.source.name, span.start, span.end]
