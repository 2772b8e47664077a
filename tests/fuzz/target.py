"""What a target is: where inputs come from, what is done with one, and what must be true of the answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import ClassVar
from zlib import crc32

from specc.diagnostics import Diagnostic
from specc.project.outcome import FileOutcome, Outcome
from specc.report.formats import OUTCOME_FORMATS, outcome_text
from specc.source import Source


class Broken(Exception):
    """Something is not as it must be."""


class Target(ABC):
    """One reader of what a stranger wrote.

    Attributes:
        share: how many of a thousand inputs of a campaign are its own: what is quick gets many.

    Args:
        folder: of its own, empty; it writes nowhere else.
    """

    name: ClassVar[str]
    share: ClassVar[float]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def draw(self, random: Random) -> bytes:
        """An input. The same generator in the same state gives the same one."""

    @abstractmethod
    def answer(self, data: bytes) -> object:
        """What it comes to, as a value that is the same for the same input.

        Raises:
            SpecError, UsageError: the input is refused, as it may be.
            Exception: anything else must not happen.
        """


def require(holds: object, what: str) -> None:
    """Raises Broken."""
    if not holds:
        raise Broken(what)


def require_sound(findings: Iterable[Diagnostic]) -> str:
    """Findings as they are shown, and what must be true of each: it has words and a place. Raises Broken."""
    findings = tuple(findings)
    require(findings, "refused without a finding")
    sources: dict[Source, list[Diagnostic]] = {}
    for finding in findings:
        require(finding.message.strip(), f"{finding.code} has no words")
        for label in (finding.primary, *finding.secondary, *finding.trace):
            span = label.span
            require(0 <= span.start <= span.end <= len(span.source.text), f"{finding.code} lies outside of its file")
        for edit in finding.fix.edits if finding.fix else ():
            require(
                0 <= edit.span.start <= edit.span.end <= len(edit.span.source.text), f"{finding.code} is fixed outside"
            )
        sources.setdefault(finding.primary.span.source, []).append(finding)
    files = tuple(FileOutcome(source.name, 1, False, tuple(found), 0) for source, found in sources.items())
    return shown(Outcome(files, (), findings))


def shown(outcome: Outcome) -> str:
    """The outcome for people, and one in sixteen in every format: SARIF takes ten times as long as a check.

    Raises Broken where a text has signs that a terminal obeys.
    """
    texts = {"full": outcome_text("full", outcome)}
    if crc32(texts["full"].encode("utf-8", "surrogatepass")) % 16 == 0:
        texts |= {form: outcome_text(form, outcome) for form in OUTCOME_FORMATS}
    for form in ("full", "concise", "github"):
        obeyed = next((sign for sign in texts.get(form, "") if sign < " " and sign != "\n"), None)
        require(obeyed is None, f"{form} shows {obeyed!r} as it is")
    return "\n".join(texts.values())
