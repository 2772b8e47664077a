"""For programs: all that is known, as JSON with a version. findings.schema.json, beside this file, describes it."""

from __future__ import annotations

import json
import re
from typing import Any

from specc.diagnostics import Diagnostic, Fix, Label, Severity, Suggestion
from specc.project.fingerprint import fingerprint
from specc.project.outcome import FileOutcome, Outcome
from specc.report.formats.style import Style, encodable
from specc.report.formats.summary import number
from specc.source import Span
from specc.version import __version__

VERSION = 1
"""It grows where a field goes or changes its meaning. New fields may come at any time."""

_LONE = re.compile("[\ud800-\udfff]")


def text(outcome: Outcome, style: Style) -> str:
    seen: dict[str, int] = {}
    value = {
        "version": VERSION,
        "specc": __version__,
        "summary": _summary(outcome),
        "files": [_file(file) for file in outcome.files],
        "findings": [_finding(finding, fingerprint(finding, seen)) for finding in outcome.findings],
        "uncalled": [{"path": block.path, "line": block.line, "name": block.name} for block in outcome.uncalled],
        "unreadable": [{"path": path.name, "message": path.message} for path in outcome.unreadable],
    }
    return dumped(value, style)


def dumped(value: object, style: Style) -> str:
    """JSON text, the keys in their order."""
    written = json.dumps(value, indent=2, ensure_ascii=False)
    # What UTF-8 does not have becomes \\udc80, with two backslashes: strict readers refuse it as an escape of JSON.
    encoded = encodable(_LONE.sub(r"\\\g<0>", written))
    return encoded if style.unicode else json.dumps(json.loads(encoded), indent=2)


def _summary(outcome: Outcome) -> dict[str, int]:
    """``errors`` are shown; of a file that is ``wrong`` the baseline may hold them back."""
    return {
        "files": len(outcome.files),
        "models": sum(file.models for file in outcome.files),
        "wrong": outcome.wrong,
        "errors": number(outcome.findings, Severity.ERROR),
        "warnings": number(outcome.findings, Severity.WARNING),
        "fixable": outcome.fixable,
        "unsafe": outcome.unsafe,
        "silenced": outcome.silenced,
        "held": outcome.held,
        "unreadable": len(outcome.unreadable),
    }


def _file(file: FileOutcome) -> dict[str, Any]:
    return {
        "path": file.name,
        "models": file.models,
        "library": file.is_library,
        "errors": number(file.findings, Severity.ERROR),
        "warnings": number(file.findings, Severity.WARNING),
        "silenced": file.silenced,
        "held": len(file.held),
    }


def _finding(finding: Diagnostic, known_by: str) -> dict[str, Any]:
    labels = [("primary", finding.primary), *(("secondary", label) for label in finding.secondary)]
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        **_place(finding.primary.span),
        "labels": [{"role": role, **_label(label)} for role, label in labels],
        "trace": [_label(label) for label in finding.trace],
        "notes": list(finding.notes),
        "helps": list(finding.advice),
        "suggestion": finding.suggestion and _suggestion(finding.suggestion),
        "where": str(finding.where) if finding.where else None,
        "fix": finding.fix and _fix(finding.fix),
        "fingerprint": known_by,
    }


def _label(label: Label) -> dict[str, Any]:
    return {"text": label.text, **_place(label.span)}


def _fix(fix: Fix) -> dict[str, Any]:
    return {"safety": fix.safety, "edits": [{**_place(edit.span), "text": edit.text} for edit in fix.edits]}


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    return {"word": suggestion.word, "names": list(suggestion.names), "safety": suggestion.safety}


def _place(span: Span) -> dict[str, Any]:
    return {"path": span.source.name, "start": position(span, span.start), "end": position(span, span.end)}


def position(span: Span, offset: int) -> dict[str, int]:
    """Where an offset of the span's text is, counted from 1."""
    line, column = span.source.position(offset)
    return {"line": line, "column": column}
