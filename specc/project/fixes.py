"""Findings put right: every fix is tried on the whole file, and kept only where it helps and adds nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from specc.diagnostics import Code, Diagnostic, Fix, Severity
from specc.files import replace
from specc.project.cache import Found
from specc.project.check import Request
from specc.project.checker import Checker, read
from specc.source import Source

_READING = "S00"
"""Findings about the text alone."""
_LATE = ("S04", "S05", Code.UNUSED)
"""Findings about networks whose every step fits."""
MOST = 1000
"""Fixes that are tried on one file in one run."""


def fix(name: str, checker: Checker, request: Request) -> int:
    """Put right what can be in a file, and return how many findings that were; without any it stays to the byte.

    What the run would not show is left alone.

    Raises:
        SpecError, UsageError: the file cannot be read or written.
    """
    source = read(name)
    better, count = _Repair(source, checker, request).done()
    if count:
        with replace(Path(name)) as output:
            output.write(_as_it_was(Path(name).read_bytes(), better.text))
    return count


def _as_it_was(before: bytes, text: str) -> bytes:
    """With the byte order mark that the file had."""
    return (b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b"") + text.encode()


class _Repair:
    """One file on its way to fewer findings."""

    def __init__(self, source: Source, checker: Checker, request: Request) -> None:
        self._source = source
        self._checker = checker
        self._request = request
        self._found = checker.attempted(source)
        self._tried: set[tuple[str, ...]] = set()

    def done(self) -> tuple[Source, int]:
        """The text with every fix that holds, and how many those are; each is tried on what the last one left."""
        count = 0
        while self._step():
            count += 1
        return self._source, count

    def _step(self) -> bool:
        """Whether one more finding could be put right."""
        if not isinstance(self._found, Found):
            return False  # the check that follows tells why
        for finding, fix in self._fixes(self._found):
            after = Source(self._source.name, applied(self._source.text, fix))
            found = self._checker.attempted(after)
            if isinstance(found, Found) and _is_better(self._found, found, finding):
                self._source, self._found = after, found
                return True
        return False

    def _fixes(self, found: Found) -> Iterator[tuple[Diagnostic, Fix]]:
        """What is worth a try: of what is shown, in this file, and not tried in just this place before."""
        for finding in self._request.selection().of(found).shown:
            fix = finding.fix
            if fix is None or any(edit.span.source is not self._source for edit in fix.edits):
                continue
            ends = (len(self._source.text) - edit.span.start for edit in fix.edits)  # stays when text before it grows
            key = (finding.code, finding.message, *map(str, ends))
            if key not in self._tried and len(self._tried) < MOST:
                self._tried.add(key)
                yield finding, fix


def _is_better(before: Found, after: Found, gone: Diagnostic) -> bool:
    """Whether ``gone`` is, and nothing that was not there has come."""
    had, has = _counted(before.findings), _counted(after.findings)
    come = [finding for finding in after.findings if has[_known(finding)] > had[_known(finding)]]
    return has[_known(gone)] < had[_known(gone)] and not any(_is_new(finding, gone) for finding in come)


def _is_new(come: Diagnostic, gone: Diagnostic) -> bool:
    """Whether what has come was not there before ``gone`` was put right.

    Of a network that fits everything was known, and of a text that can be read every mistake in reading it. Where a
    step was wrong, what follows from it was not looked at, nor what is asked of whole networks only; so what comes
    counts as new before that step, and in other files.
    """
    if gone.severity is Severity.WARNING:
        return come.severity is Severity.ERROR
    if come.code.startswith(_READING) and not gone.code.startswith(_READING):
        return True
    span, place = come.primary.span, gone.primary.span
    return not come.code.startswith(_LATE) and (span.source.name != place.source.name or span.start <= place.end)


def _counted(findings: Iterable[Diagnostic]) -> Counter[tuple[str, str]]:
    return Counter(map(_known, findings))


def _known(finding: Diagnostic) -> tuple[str, str]:
    """What a finding is known by; in that of a budget are numbers that every change of a network changes."""
    return finding.code, "" if finding.code is Code.BUDGET else finding.message


def applied(text: str, fix: Fix) -> str:
    """The text with the edits of ``fix``, which do not overlap."""
    for edit in sorted(fix.edits, key=lambda edit: -edit.span.start):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text
