"""What people are shown of many findings of one kind: the first of them, and how many more there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from specc.diagnostics import Diagnostic
from specc.diagnostics.words import visible

MOST_ALIKE = 100
"""Findings of one code in one file that are shown."""


class More(NamedTuple):
    """Findings of one code in one file that are counted and not shown."""

    file: str
    code: str
    number: int

    def __str__(self) -> str:
        return visible(f"and {self.number:,} more of {self.code} in {self.file} (check --format json has them all)")


class Abridged(NamedTuple):
    """Findings in their order, without those of which there are too many alike."""

    shown: tuple[Diagnostic, ...]
    more: tuple[More, ...]


def abridged(findings: Iterable[Diagnostic]) -> Abridged:
    """The first `MOST_ALIKE` of each code in each file; what is left is counted in the order in which it came."""
    seen: Counter[tuple[str, str]] = Counter()
    shown = []
    for finding in findings:
        key = finding.primary.span.source.name, finding.code
        seen[key] += 1
        if seen[key] <= MOST_ALIKE:
            shown.append(finding)
    more = (More(file, code, count - MOST_ALIKE) for (file, code), count in seen.items() if count > MOST_ALIKE)
    return Abridged(tuple(shown), tuple(more))
