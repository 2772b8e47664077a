"""For GitLab: a Code Quality report, shown in merge requests."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from specc.diagnostics import Diagnostic, Severity
from specc.project.fingerprint import fingerprint
from specc.project.outcome import Outcome, Unreadable
from specc.report.formats.json import dumped, position
from specc.report.formats.style import Style, visible

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor"}


def text(outcome: Outcome, style: Style) -> str:
    seen: dict[str, int] = {}
    findings = [_finding(finding, fingerprint(finding, seen)) for finding in outcome.findings]
    paths = dict.fromkeys(outcome.unreadable)
    return dumped([*findings, *map(_unreadable, paths)], style)


def _finding(finding: Diagnostic, known_by: str) -> dict[str, Any]:
    span = finding.primary.span
    positions = {"begin": position(span, span.start), "end": position(span, span.end)}
    location = {"path": span.source.name, "positions": positions}
    return _violation(finding.message, finding.code, known_by, _SEVERITIES[finding.severity], location)


def _unreadable(path: Unreadable) -> dict[str, Any]:
    """A report that leaves it out would say that all is well with it."""
    known_by = sha256(f"{path.name}\0{path.message}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    location = {"path": path.name, "lines": {"begin": 1}}
    return _violation(path.message, "unreadable", known_by, "blocker", location)


def _violation(message: str, check: str, known_by: str, severity: str, location: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": visible(message),
        "check_name": check,
        "fingerprint": known_by,
        "severity": severity,
        "location": location,
    }
