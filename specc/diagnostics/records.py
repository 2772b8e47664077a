"""Findings as plain JSON values and back, for a cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
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
from specc.source import Source


def as_json(finding: Diagnostic) -> list[Any]:
    """The finding; a span is the name of its file and two offsets, and of tuples JSON makes lists."""
    fix = finding.fix
    return [
        finding.code,
        finding.message,
        _labels((finding.primary,)),
        _labels(finding.secondary),
        finding.notes,
        finding.helps,
        _labels(finding.trace),
        finding.where,
        finding.severity,
        fix and [fix.safety, _labels(fix.edits)],
        finding.suggestion,
        finding.fact and [type(finding.fact).__name__, *finding.fact],
    ]


def _labels(labels: Iterable[Label | Edit]) -> list[Any]:
    return [[label.span.source.name, label.span.start, label.span.end, label.text] for label in labels]


def from_json(values: list[Any], sources: Mapping[str, Source]) -> Diagnostic:
    """The finding of `as_json`, its sources by name. Raises KeyError, ValueError or TypeError for anything else."""
    code, message, primary, secondary, notes, helps, trace, where, severity, fix, suggestion, fact = values

    def labels(entries: list[Any]) -> tuple[Label, ...]:
        return tuple(Label(sources[name].span(start, end), text) for name, start, end, text in entries)

    (first,) = labels(primary)
    finding = Diagnostic(
        Code(code),
        message,
        first,
        labels(secondary),
        tuple(notes),
        tuple(helps),
        labels(trace),
        severity=Severity(severity),
        fact=_fact(*fact) if fact else None,
    )
    if where:
        clauses, necessary = where
        finding = replace(finding, where=Condition(tuple(Clause(*clause) for clause in clauses), necessary))
    if fix:
        safety, edits = fix
        edits = tuple(Edit(label.span, label.text) for label in labels(edits))
        finding = replace(finding, fix=Fix(edits, Safety(safety)))
    if suggestion:
        word, names, safety, note = suggestion
        finding = replace(finding, suggestion=Suggestion(word, tuple(names), Safety(safety), note))
    return finding


def _fact(kind: str, *fields: Any) -> Fact:
    if kind == BudgetUnsized.__name__:
        model, numbers, origins, *sizes = fields
        given, possible = (tuple((name, size) for name, size in pairs) for pairs in sizes)
        return BudgetUnsized(model, tuple(numbers), tuple(origins), given, possible)
    return ImportFault(*fields) if kind == ImportFault.__name__ else BudgetExceeded(*fields)
