"""For people and for editors: a line for each finding."""

from __future__ import annotations

from collections.abc import Iterator

import click

from specc.diagnostics import Diagnostic, Severity
from specc.project.outcome import Outcome
from specc.report.abridged import abridged
from specc.report.formats.style import Style, visible
from specc.report.formats.summary import summary

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def text(outcome: Outcome, style: Style) -> str:
    return "\n".join(_lines(outcome, style))


def _lines(outcome: Outcome, style: Style) -> Iterator[str]:
    findings, more = abridged(outcome.findings)
    for finding in findings:
        yield line(finding, style)
    yield from map(str, more)
    if shown := summary(outcome):
        yield shown


def line(finding: Diagnostic, style: Style) -> str:
    """Its place, its code and its headline."""
    kind = f"{finding.severity}[{finding.code}]"
    shown = click.style(kind, fg=_COLORS[finding.severity], bold=True) if style.color else kind
    return f"{visible(str(finding.primary.span))}: {shown} {visible(finding.message)}"
