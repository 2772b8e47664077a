"""The mistakes of one model, each once for each place, with the calls and rounds that lead there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from specc.diagnostics import Diagnostic, Label


class Findings:
    """What is wrong so far, and the way to where the walk is."""

    def __init__(self) -> None:
        self._findings: dict[tuple[object, ...], Diagnostic] = {}
        self._trace: list[Callable[[], Label]] = []

    @property
    def findings(self) -> list[Diagnostic]:
        return list(self._findings.values())

    def report(self, findings: Iterable[Diagnostic]) -> None:
        """Keep the mistakes; of one place in a block or loop only the first, with the calls that led there."""
        for finding in findings:
            key = (finding.primary.span, finding.code if self._trace else finding.identity)
            if key not in self._findings:
                trace = tuple(label() for label in reversed(self._trace))
                self._findings[key] = replace(finding, trace=trace)

    def enter(self, label: Callable[[], Label]) -> None:
        """A call or round begins; ``label`` is made only if something is found in it."""
        self._trace.append(label)

    def leave(self) -> None:
        self._trace.pop()
