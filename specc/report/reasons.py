"""A finding in short: what is said of one of ten thousand networks."""

from __future__ import annotations

from typing import NamedTuple

from specc.diagnostics import Diagnostic


class FindingSummary(NamedTuple):
    """Why a network does not fit.

    Attributes:
        code: of the finding.
        message: its headline.
        place: ``PATH:LINE:COLUMN``.
    """

    code: str
    message: str
    place: str


def reason(finding: Diagnostic) -> FindingSummary:
    return FindingSummary(finding.code.value, finding.message, str(finding.primary.span))
