"""For people: every finding with its source and carets."""

from __future__ import annotations

from specc.project.outcome import Outcome
from specc.report.diagnostics import render
from specc.report.formats.style import Style
from specc.report.formats.summary import summary


def text(outcome: Outcome, style: Style) -> str:
    findings = render(outcome.findings, color=style.color, unicode=style.unicode, width=style.width)
    return "\n".join(part for part in (findings, summary(outcome)) if part)
