"""Findings put right: every fix is tried on the whole file, and kept only where it helps and adds nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from specc.diagnostics import Code, Diagnostic, Fix
from specc.files import replace
from specc.project.check import Checker
from specc.source import Source

_LATE = ("S04", "S05", Code.UNUSED)
"""Findings about networks whose every step fits."""
MOST = 1000
"""Fixes of one file in one run."""


def fix(name: str, checker: Checker) -> int:
    """Put right what can be in a file, and return how many findings that were; without any it stays to the byte.

    Raises:
        SpecError, UsageError: the file cannot be read or written.
    """
    source = checker.read(name)
    better, count = _better(source, checker)
    if count:
        with replace(Path(name)) as output:
            output.write(_as_it_was(Path(name).read_bytes(), better.text))
    return count


def _as_it_was(before: bytes, text: str) -> bytes:
    """With the byte order mark that the file had."""
    return (b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b"") + text.encode()


def _better(source: Source, checker: Checker) -> tuple[Source, int]:
    """The text with every fix that holds, and how many those are; each is tried on what the last one left."""
    count = 0
    findings = checker.found(source).findings
    tried: set[tuple[str, str, tuple[int, ...]]] = set()
    while count < MOST and (step := _next(source, findings, checker, tried)):
        source, findings = step
        count += 1
    return source, count


def _next(
    source: Source, findings: tuple[Diagnostic, ...], checker: Checker, tried: set[tuple[str, str, tuple[int, ...]]]
) -> tuple[Source, tuple[Diagnostic, ...]] | None:
    for finding in findings:
        found = finding.fix
        if found is None or any(edit.span.source.name != source.name for edit in found.edits):
            continue
        key = (finding.code, finding.message, tuple(edit.span.start - len(source.text) for edit in found.edits))
        if key in tried:
            continue
        tried.add(key)
        after = Source(source.name, applied(source.text, found))
        left = checker.found(after).findings
        if _is_better(findings, left, finding):
            return after, left
    return None


def _is_better(before: Iterable[Diagnostic], after: Iterable[Diagnostic], gone: Diagnostic) -> bool:
    """Whether ``gone`` is, and nothing that was not there has come.

    Where a step was wrong, what follows from it was not looked at, nor what is asked of whole networks only; so a fix
    may bring up mistakes that were there all along. What comes counts as new before the place that was fixed.
    """
    had = Counter((finding.code, finding.message) for finding in before)
    has = Counter((finding.code, finding.message) for finding in after)
    key = gone.code, gone.message
    come = set(has - had)
    early = (f for f in after if not f.code.startswith(_LATE) and f.primary.span.start <= gone.primary.span.end)
    above = {(finding.code, finding.message) for finding in early}
    return has[key] < had[key] and not come & above


def applied(text: str, fix: Fix) -> str:
    """The text with the edits of ``fix``, which do not overlap."""
    for edit in sorted(fix.edits, key=lambda edit: -edit.span.start):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text
