"""For people: every finding with its source and carets."""

from __future__ import annotations

from collections.abc import Iterator

from specc.diagnostics import Severity
from specc.project.outcome import Outcome
from specc.report.abridged import abridged
from specc.report.diagnostics import render
from specc.report.formats.style import Style
from specc.report.formats.summary import summary

_MANY = 10
"""Findings above which the errors among warnings are named again at the end."""
_MOST = 20
"""Errors that are named again."""


def text(outcome: Outcome, style: Style) -> str:
    shown, more = abridged(outcome.findings)
    findings = render(shown, color=style.color, unicode=style.unicode, width=style.width)
    return "\n".join(part for part in (findings, *map(str, more), *_errors(outcome, style), summary(outcome)) if part)


def _errors(outcome: Outcome, style: Style) -> Iterator[str]:
    """The errors, a line each, where they are few among many warnings."""
    errors = [finding for finding in outcome.findings if finding.severity is Severity.ERROR]
    if len(outcome.findings) <= _MANY or not errors or len(errors) == len(outcome.findings):
        return
    from specc.report.formats.concise import line

    yield "the errors among them:"
    for finding in errors[:_MOST]:
        yield f"  {line(finding, style)}"
    if len(errors) > _MOST:
        yield f"  and {len(errors) - _MOST:,} more"
