"""For programs: all that is known, as JSON with a version. findings.schema.json, beside this file, describes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import dumps, loads
from typing import Any

from specc.diagnostics import BudgetExceeded, Diagnostic, Fact, ImportFault, Severity
from specc.diagnostics.words import encodable
from specc.project.outcome import Outcome, fingerprint
from specc.report.formats.terminal import count
from specc.report.snippets import Style
from specc.source import Span
from specc.version import __version__

VERSION = 1
"""It grows where a field goes or changes its meaning. New fields may come at any time."""

_LONE = re.compile("[\ud800-\udfff]")


def json(outcome: Outcome, style: Style) -> str:
    """Everything: the files, the findings, the blocks that no model calls, what could not be read."""
    seen: dict[str, int] = {}
    value = {
        "version": VERSION,
        "specc": __version__,
        # Errors are those that are shown: of a file that is wrong the baseline may hold them back.
        "summary": {
            "files": len(outcome.files),
            "models": sum(file.models for file in outcome.files),
            "wrong": outcome.wrong,
            "errors": count(outcome.findings, Severity.ERROR),
            "warnings": count(outcome.findings, Severity.WARNING),
            "fixable": outcome.fixable,
            "unsafe": outcome.unsafe,
            "silenced": outcome.silenced,
            "held": outcome.baselined,
            "unreadable": len(outcome.unreadable),
        },
        "files": [
            {
                "path": file.name,
                "models": file.models,
                "library": file.is_library,
                "errors": count(file.findings, Severity.ERROR),
                "warnings": count(file.findings, Severity.WARNING),
                "silenced": file.silenced,
                "held": len(file.baselined),
            }
            for file in outcome.files
        ],
        "findings": [_finding(finding, fingerprint(finding, seen)) for finding in outcome.findings],
        "uncalled": [{"path": block.path, "line": block.line, "name": block.name} for block in outcome.uncalled],
        "unreadable": [{"path": path.name, "message": path.message} for path in outcome.unreadable],
    }
    return dumped(value, style)


def dumped(value: object, style: Style) -> str:
    """JSON text, the keys in their order."""
    raw = dumps(value, indent=2, ensure_ascii=False)
    # What UTF-8 does not have becomes \\udc80, with two backslashes: strict readers refuse it as an escape of JSON.
    encoded = encodable(_LONE.sub(r"\\\g<0>", raw))
    return encoded if style.unicode else dumps(loads(encoded), indent=2)


def _finding(finding: Diagnostic, mark: str) -> dict[str, Any]:
    meant, fix, fact = finding.suggestion, finding.fix, finding.fact
    labels = [("primary", finding.primary), *(("secondary", label) for label in finding.secondary)]
    edits = [{**_location(edit.span), "text": edit.text} for edit in fix.edits] if fix else []
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        **_location(finding.primary.span),
        "labels": [{"role": role, "text": label.text, **_location(label.span)} for role, label in labels],
        "trace": [{"text": label.text, **_location(label.span)} for label in finding.trace],
        "notes": list(finding.notes),
        "helps": list(finding.advice),
        "suggestion": meant and {"word": meant.word, "names": list(meant.names), "safety": meant.safety},
        "where": str(finding.where) if finding.where else None,
        "fix": fix and {"safety": fix.safety, "edits": edits},
        "fact": fact and _fact(fact),
        "fingerprint": mark,
    }


def _fact(fact: Fact) -> dict[str, Any]:
    match fact:
        case ImportFault():
            return {"kind": "import", **fact._asdict()}
        case BudgetExceeded():
            return {"kind": "budget", **fact._asdict()}
    return {"kind": "budget_sizes", **fact._asdict(), "given": dict(fact.given), "possible": dict(fact.possible)}


def _location(span: Span) -> dict[str, Any]:
    return {"path": span.source.name, "start": position(span, span.start), "end": position(span, span.end)}


def position(span: Span, offset: int) -> dict[str, int]:
    """Where an offset of the span's text is, counted from 1."""
    line, column = span.source.position(offset)
    return {"line": line, "column": column}


def remarks(finding: Diagnostic) -> Iterator[str]:
    """What stands below the headline where there is no source: the words of its place, notes and helps, in lines."""
    if finding.primary.text:
        yield finding.primary.text
    for kind, texts in (("note", finding.notes), ("help", finding.advice)):
        for text in texts:
            yield from f"{kind}: {text}".split("\n")
