"""What a check comes to, in a few lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specc.diagnostics import Diagnostic, Severity
from specc.project.outcome import Outcome
from specc.words import plural


def summary(outcome: Outcome) -> str:
    """What was found, what was proven, and what is not shown; nothing, where nothing was checked."""
    return "\n".join(_lines(outcome))


def number(findings: Iterable[Diagnostic], severity: Severity) -> int:
    """How many findings are of a severity."""
    return sum(finding.severity is severity for finding in findings)


def counted(findings: Iterable[Diagnostic]) -> str:
    """``3 errors and 2 warnings``"""
    findings = tuple(findings)
    numbers = [(number(findings, severity), severity) for severity in Severity]
    return " and ".join(plural(count, severity) for count, severity in numbers if count)


def _lines(outcome: Outcome) -> Iterator[str]:
    if outcome.findings:
        wrong = sum(bool(file.findings) for file in outcome.files)
        yield f"{counted(outcome.findings)} in {wrong:,} of {plural(len(outcome.files), 'file')}"
    if outcome.files and not number(outcome.findings, Severity.ERROR):
        yield _proven(outcome)
    if outcome.silenced:
        yield f"{plural(outcome.silenced, 'finding')} silenced by comments, the baseline or the selection of codes"
    if outcome.unreadable:
        yield f"{plural(len(outcome.unreadable), 'path')} could not be checked"


def _proven(outcome: Outcome) -> str:
    """What was proven, and what was not: a block without a call has no shapes to prove."""
    libraries = sum(file.is_library for file in outcome.files)
    models = sum(file.models for file in outcome.files)
    unproven = f"{plural(libraries, 'file')} of blocks alone, proven where they are imported"
    if not models:
        return unproven
    proven = f"{plural(len(outcome.files), 'file')}, {plural(models, 'model')}: all fit together"
    return f"{proven}; {unproven}" if libraries else proven
