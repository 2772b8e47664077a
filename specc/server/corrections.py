"""Fixes for an editor: each was tried in the text as it stands, and removes its finding and brings no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from specc.diagnostics import Diagnostic, Edit, Safety, Severity
from specc.elaborate import Checked, Imports, check_file
from specc.elaborate.model_cache import ModelCache
from specc.filesystem import FileSystem
from specc.project.cache import FileFindings
from specc.project.check import Checker
from specc.project.fixes import applied, puts_right, repaired
from specc.project.selection import CheckOptions, Selection
from specc.project.settings import Configuration
from specc.source import Source

NOT_MEANT = "may not be what was meant"
MOST = 20
"""Fixes that are tried for one place: each takes a check."""


class Correction(NamedTuple):
    """A fix of a finding within one file.

    Attributes:
        caution: what it changes, or why it may not be meant; empty of a safe one.
    """

    finding: Diagnostic
    edits: tuple[Edit, ...]
    caution: str

    @property
    def is_safe(self) -> bool:
        return not self.caution

    @property
    def title(self) -> str:
        """What it does, in the words of a menu."""
        caution = f" ({self.caution})" if self.caution else ""
        return ", ".join(_change(edit.span.text, edit.text) for edit in self.edits) + caution


def corrections(findings: Iterable[Diagnostic], path: str, files: FileSystem) -> list[Correction]:
    """The fixes that a file takes, none of them tried: what is only to be read is none."""
    return [
        Correction(finding, finding.fix.edits, "" if finding.fix.safety is Safety.SAFE else NOT_MEANT)
        for finding in findings
        if finding.fix is not None
        and finding.fix.safety is not Safety.DISPLAY_ONLY
        and all(files.absolute(edit.span.source.name) == path for edit in finding.fix.edits)
    ]


class Repair(NamedTuple):
    """All safe fixes of a file together, as `specc check --fix` makes them, and how many findings they put right."""

    text: str
    findings: int


class Corrector:
    """Tries fixes in one text.

    Args:
        models: those of earlier texts.
    """

    def __init__(self, source: Source, files: FileSystem, models: ModelCache) -> None:
        self._source = source
        self._files = files
        self._models = models
        self._options = CheckOptions(Configuration(files=files))
        self._checker = Checker(self._options.configuration, files=files, models=models)

    def tried(self, first: int, last: int) -> list[Correction]:
        """Those of the findings that have something between two offsets. Raises UsageError for broken settings."""
        result = self._checker.attempt(self._source)
        if not isinstance(result, FileFindings):
            return []
        shown = Selection(self._options).of(result).shown
        near = [one for one in shown if one.primary.span.start <= last and one.primary.span.end >= first]
        return [
            one if one.is_safe else one._replace(caution=self._caution(one))
            for one in corrections(near, self._files.absolute(self._source.name), self._files)[:MOST]
            if puts_right(one.finding, self._source, result, self._checker)
        ]

    def repair(self) -> Repair:
        """Raises UsageError for broken settings."""
        after, fixed = repaired(self._source, self._checker, self._options)
        return Repair(after.text, fixed.findings)

    def _caution(self, one: Correction) -> str:
        if one.finding.severity is Severity.ERROR:  # there is no network yet
            return NOT_MEANT
        edits = sorted(one.edits, key=lambda edit: edit.span.start)
        changed = Source(self._source.name, applied(self._source.text, edits))
        return " and ".join(self._changes(self._source, changed)) or NOT_MEANT

    def _changes(self, before: Source, after: Source) -> Iterator[str]:
        old, new = self._networks(before), self._networks(after)
        if any(a.graph.inputs != b.graph.inputs for a, b in zip(old, new, strict=False)):
            yield "changes the model's input"
        if any(_names(a) != _names(b) for a, b in zip(old, new, strict=False)):
            yield "changes the names of weights"

    def _networks(self, source: Source) -> tuple[Checked, ...]:
        return check_file(self._models.tree(source), Imports(self._files), self._models)


def _names(checked: Checked) -> list[str]:
    return [node.path(parameter) for node in checked.graph.nodes for parameter in node.parameters]


def _change(old: str, new: str) -> str:
    if not old.strip():
        return f"write `{new.strip()}`"
    return f"`{new.strip()}` instead of `{old.strip()}`" if new.strip() else f"remove `{old.strip()}`"
