"""Findings put right: every fix is tried on the whole file, and stays only where it helps and adds nothing.

All fixes that do not overlap are tried at once, with one check. Where that makes anything worse, half of them are, and
so on down to the one at fault, which is left out: checks grow with the number of bad fixes, not with that of findings.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from specc.atomic import replace
from specc.diagnostics import Code, Diagnostic, Edit, Safety, Severity, UsageError
from specc.filesystem import DISK
from specc.project.cache import FileFindings
from specc.project.check import Checker, read
from specc.project.selection import CheckOptions, Selection
from specc.source import Source, Span
from specc.syntax.reader import LARGEST

_READING = "S00"
"""Findings about the text alone."""
_LATE = ("S04", "S05", Code.UNUSED)
"""Findings about networks whose every step fits."""
_MOST_INSIDE = 16
"""Findings in one step or call that are asked whether something has come because of them."""
MOST_CHECKS = 100
"""Checks of one file in one run: a file of a thousand findings takes a quarter of a second for each."""


class AppliedEdit(NamedTuple):
    """An edit that was made.

    Attributes:
        place: where the new text stands, in the file as it is now.
        old: what stood there.
        new: what does now.
    """

    code: Code
    place: Span
    old: str
    new: str

    def __str__(self) -> str:
        """``a.cnn:2:3: S0201 convv -> conv``"""
        old, new = self.old.strip(), self.new.strip()
        what = f"{old} -> {new}" if old and new else f"inserted {new}" if new else f"removed {old}"
        return f"{self.place}: {self.code} {' '.join(what.split())}"


class FixedFile(NamedTuple):
    """What became of a file: how many findings are put right, with which edits, in order."""

    findings: int
    edits: tuple[AppliedEdit, ...]


def fix(name: str, checker: Checker, options: CheckOptions, *, unsafe: bool = False) -> FixedFile:
    """Put right what can be in a file; without any finding that can, it stays to the byte.

    What the run would not show is left alone.

    Args:
        unsafe: with the fixes that are not safe.

    Raises:
        SpecError, UsageError: the file cannot be read or written.
    """
    before = read(name)
    after, fixed = repaired(before, checker, options, unsafe=unsafe)
    if fixed.findings:
        try:
            content = DISK.read(before.name, LARGEST)
        except OSError as error:
            raise UsageError(f"{before.name}: cannot be read: {error.strerror or error}") from None
        mark = BOM_UTF8 if content.startswith(BOM_UTF8) else b""
        if content != mark + before.text.encode():
            raise UsageError(f"{before.name}: it changed while fixes were tried, and is left alone; try again")
        with replace(Path(name)) as output:
            output.write(mark + after.text.encode())
    return fixed


def repaired(
    source: Source, checker: Checker, options: CheckOptions, *, unsafe: bool = False
) -> tuple[Source, FixedFile]:
    """A text with what can be put right in it, and what was; nothing is written."""
    repair = _Repair(source, checker, options, unsafe)
    fixed = repair.run()
    return repair.source, fixed


def puts_right(finding: Diagnostic, source: Source, result: FileFindings, checker: Checker) -> bool:
    """Whether the fix of a finding removes it and brings no other.

    Args:
        result: what was found in the text as it is.
    """
    change = _Change(source, [finding])
    checked = checker.attempt(change.source)
    return isinstance(checked, FileFindings) and _is_better(result, checked, [finding], change)


class _Repair:
    """One file on its way to fewer findings."""

    def __init__(self, source: Source, checker: Checker, options: CheckOptions, unsafe: bool) -> None:
        self.source = source
        self._checker = checker
        self._options = options
        self._safeties = (Safety.SAFE, Safety.UNSAFE) if unsafe else (Safety.SAFE,)
        self._failed: set[tuple[tuple[object, ...], int]] = set()
        self._edits: list[tuple[Code, int, str, str]] = []
        self._count = 0

    def run(self) -> FixedFile:
        """Apply every fix that holds."""
        result, checks = self._checker.attempt(self.source), 1
        size = 0
        # Of anything else, the check that follows reports why.
        while isinstance(result, FileFindings) and checks < MOST_CHECKS:
            batch = self._batch(result)[: size or None]
            if not batch:
                break
            after = _Change(self.source, batch)
            checked, checks = self._checker.attempt(after.source), checks + 1
            if isinstance(checked, FileFindings) and _is_better(result, checked, batch, after):
                self._keep(after)
                result, size = checked, 2 * size  # 0, at the beginning, stands for all
            elif len(batch) > 1:
                size = len(batch) // 2
            else:
                self._failed.add(_key(batch[0]))
                size = 1
        places = [
            AppliedEdit(code, self.source.span(at, at + len(new)), old, new) for code, at, old, new in self._edits
        ]
        return FixedFile(self._count, tuple(sorted(places, key=lambda edit: edit.place.start)))

    def _batch(self, result: FileFindings) -> list[Diagnostic]:
        """The findings whose fixes are tried next: shown, of this file, not overlapping, not tried in vain."""
        fixable = [
            finding
            for finding in Selection(self._options).of(result).shown
            if finding.fix
            and finding.fix.safety in self._safeties
            and all(edit.span.source.name == self.source.name for edit in finding.fix.edits)
            and _key(finding) not in self._failed
        ]
        batch: list[Diagnostic] = []
        start = end = -1
        for finding in sorted(fixable, key=_start):
            if (_start(finding) > start and _start(finding) >= end) or (batch and finding.fix == batch[-1].fix):
                batch.append(finding)
                start, end = _start(finding), max(edit.span.end for edit in _edits(finding))
        return batch

    def _keep(self, change: _Change) -> None:
        self._failed = {(known, change.moved(start)) for known, start in self._failed}
        edits = [(code, change.moved(start), old, new) for code, start, old, new in self._edits]
        for code, edit in change.edits:
            start, end = edit.span.start, edit.span.end
            edits.append((code, change.moved(start), self.source.text[start:end], edit.text))
        self._edits = edits
        self._count += change.count
        self.source = change.source


class _Change:
    """A text with the fixes of some findings, which do not overlap, and where its places have moved to."""

    def __init__(self, source: Source, findings: Sequence[Diagnostic]) -> None:
        by_place = {edit: finding.code for finding in findings for edit in _edits(finding)}
        self.edits = sorted(((code, edit) for edit, code in by_place.items()), key=lambda part: part[1].span.start)
        self.count = len(findings)
        self.source = Source(source.name, applied(source.text, [edit for _, edit in self.edits]))
        self._starts = [edit.span.start for _, edit in self.edits]
        grown = (len(edit.text) - (edit.span.end - edit.span.start) for _, edit in self.edits)
        self._shifts = [0, *accumulate(grown)]

    def moved(self, offset: int) -> int:
        """Where a place of the old text is in the new one; that of an edit is where its text begins."""
        return offset + self._shifts[bisect_left(self._starts, offset)]


def _edits(finding: Diagnostic) -> tuple[Edit, ...]:
    return finding.fix.edits if finding.fix else ()


def _start(finding: Diagnostic) -> int:
    """Where its fix begins."""
    return min(edit.span.start for edit in _edits(finding))


def _key(finding: Diagnostic) -> tuple[tuple[object, ...], int]:
    """What a fix is known by that was tried in vain."""
    return finding.identity, _start(finding)


def _is_better(before: FileFindings, after: FileFindings, fixed: Sequence[Diagnostic], change: _Change) -> bool:
    """Whether none of ``fixed`` is left, and nothing is new."""
    had, has = _counted(before.findings), _counted(after.findings)
    if any(had[known] - has[known] < count for known, count in _counted(fixed).items()):
        return False
    new = [finding for finding in after.findings if has[_known(finding)] > had[_known(finding)]]
    spans = [finding.primary.span for finding in fixed]
    moved = [(change.moved(span.start), change.moved(span.end)) for span in spans]
    places = [_FixedFinding(*place, finding) for place, finding in zip(moved, fixed, strict=True)]
    places.sort(key=lambda place: place.start)
    return all(_was_hidden(finding, places) for finding in new)


class _FixedFinding(NamedTuple):
    """A finding that was put right, and where it stood, in the new text."""

    start: int
    end: int
    finding: Diagnostic


def _was_hidden(new: Diagnostic, fixed: list[_FixedFinding]) -> bool:
    """Whether a new finding was there before, and not looked at because of one that is fixed.

    It was not where it is at something that was changed, or was reached by a call with something changed in it, and
    that did not hide it: then it comes of the change.
    """
    for span in (label.span for label in (new.primary, *new.trace)):
        # Those that it has in it or touches; of many the first, or a thousand findings in one body are asked each time.
        first = bisect_left(fixed, span.start, key=lambda place: place.end)
        last = bisect_right(fixed, span.end, key=lambda place: place.start)
        for place in fixed[first : min(last, first + _MOST_INSIDE)]:
            if place.finding.primary.span.source.name == span.source.name and _is_caused_by(new, place):
                return False
    return any(not _is_caused_by(new, place) for place in fixed)


def _is_caused_by(new: Diagnostic, place: _FixedFinding) -> bool:
    """Whether a new finding was not there before the one at ``place`` was put right.

    Of a network that fits everything was known, and of a text that can be read every mistake in reading it. Where a
    step was wrong, what follows from it was not looked at, nor what is asked of whole networks only; so what comes
    counts as new before that step, and in other files.
    """
    fixed = place.finding
    if fixed.severity is Severity.WARNING:
        return new.severity is Severity.ERROR
    if new.code.startswith(_READING) and not fixed.code.startswith(_READING):
        return True
    span = new.primary.span
    return not new.code.startswith(_LATE) and (
        span.source.name != fixed.primary.span.source.name or span.start <= place.end
    )


def _counted(findings: Iterable[Diagnostic]) -> Counter[tuple[object, ...]]:
    return Counter(map(_known, findings))


def _known(finding: Diagnostic) -> tuple[object, ...]:
    """What a finding is known by; in that of a budget are numbers that every change of a network changes."""
    return (finding.code,) if finding.code is Code.BUDGET else finding.identity


def applied(text: str, edits: Iterable[Edit]) -> str:
    """The text with ``edits``, which do not overlap and are in order."""
    parts, end = [], 0
    for edit in edits:
        parts += [text[end : edit.span.start], edit.text]
        end = edit.span.end
    return "".join([*parts, text[end:]])
