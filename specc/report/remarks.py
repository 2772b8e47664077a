"""A finding for an editor, which shows its text beside the code that it underlines."""

from __future__ import annotations

from typing import NamedTuple

from specc.diagnostics import Diagnostic
from specc.source import Span


class Remark(NamedTuple):
    """The words of a finding.

    Attributes:
        label: what is said at its place; may be empty.
        helps: what to do.
        related: the other places, with what is said there: further labels, then the calls that led there.
    """

    message: str
    label: str
    notes: tuple[str, ...]
    helps: tuple[str, ...]
    related: tuple[tuple[Span, str], ...]

    @property
    def text(self) -> str:
        """All but the other places, a line each."""
        lines = (self.message, self.label, *self.notes, *(f"help: {text}" for text in self.helps))
        return "\n".join(line for line in lines if line)


def remark(finding: Diagnostic) -> Remark:
    others = tuple((one.span, one.text or "here") for one in (*finding.secondary, *finding.trace))
    return Remark(finding.message, finding.primary.text, finding.notes, finding.advice, others)
