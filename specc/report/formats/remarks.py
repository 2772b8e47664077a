"""What stands below a finding's headline, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from specc.diagnostics import Diagnostic


def remarks(finding: Diagnostic) -> Iterator[str]:
    """The words of its place, the notes and the helps, a line or more each."""
    if finding.primary.text:
        yield finding.primary.text
    for kind, texts in (("note", finding.notes), ("help", finding.advice)):
        for text in texts:
            yield from f"{kind}: {text}".split("\n")
