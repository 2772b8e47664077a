"""A finding for an editor, which shows its text beside the code that it underlines."""

from __future__ import annotations

from typing import NamedTuple

from specc.diagnostics import Diagnostic
from specc.source import Span


class Remark(NamedTuple):
    """The words of a finding.

    Attributes:
        text: the message, what is at its place, notes and what to do, a line each.
        related: the other places, with what is said there: further labels, then the calls that led there.
    """

    text: str
    related: tuple[tuple[Span, str], ...]


def remark(finding: Diagnostic) -> Remark:
    said = (finding.message, finding.primary.text, *finding.notes, *(f"help: {text}" for text in finding.advice))
    others = (*finding.secondary, *finding.trace)
    return Remark("\n".join(text for text in said if text), tuple((one.span, one.text or "here") for one in others))
