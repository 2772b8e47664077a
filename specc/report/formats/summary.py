"""What a check comes to, in a few lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specc.diagnostics import Diagnostic, Severity
from specc.diagnostics.words import plural
from specc.project.outcome import Outcome
from specc.report.formats.style import visible

_MOST_NAMED = 10
"""Blocks that are named, of those that were not proven."""


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
    if outcome.fixable:
        yield _fixable(outcome, outcome.fixable, "a fix: --fix tries it, and keeps it if it helps")
    if outcome.unsafe:
        yield _fixable(outcome, outcome.unsafe, "a fix that may not be what was meant: --fix --unsafe-fixes tries it")
    if outcome.files:
        yield from _verdict(outcome)
    if outcome.silenced:
        yield f"{plural(outcome.silenced, 'finding')} silenced by comments, the baseline or the selection of codes"
    if outcome.unreadable:
        yield f"{plural(len(outcome.unreadable), 'path')} could not be checked"


def _fixable(outcome: Outcome, number: int, fix: str) -> str:
    """Whether a fix holds is known when it has been tried."""
    has = f"{number:,} of them {'has' if number == 1 else 'have'}"
    return f"{has if len(outcome.findings) > 1 else 'it has'} {fix}"


def _verdict(outcome: Outcome) -> Iterator[str]:
    """What was proven. That all fits is only said where no file is wrong, shown or not."""
    held = sum(bool(file.held) for file in outcome.files)
    if number(outcome.findings, Severity.ERROR):
        if held:
            yield f"the baseline holds back errors in {plural(held, 'file')}"
    elif held:
        yield "; ".join((_held_back(held, outcome), *_unproven(outcome)))
    else:
        yield "; ".join((*_proven(outcome), *_unproven(outcome)))
        yield from _uncalled(outcome)


def _held_back(wrong: int, outcome: Outcome) -> str:
    are, their = ("is", "its") if wrong == 1 else ("are", "their")
    models = sum(file.models for file in outcome.files)
    files = f"{wrong:,} of {plural(len(outcome.files), 'file')} {are} wrong, and the baseline holds {their} errors back"
    return f"{files}; {plural(models, 'model')} {'fits' if models == 1 else 'fit'} together"


def _proven(outcome: Outcome) -> Iterator[str]:
    if models := sum(file.models for file in outcome.files):
        yield f"{plural(len(outcome.files), 'file')}, {plural(models, 'model')}: all fit together"


def _uncalled(outcome: Outcome) -> Iterator[str]:
    """Blocks that nothing is known of; of a run without models, nothing was to be expected."""
    if not outcome.uncalled or not any(file.models for file in outcome.files):
        return
    named = [f"{visible(block.name)} ({visible(block.path)}:{block.line})" for block in outcome.uncalled[:_MOST_NAMED]]
    named += [f"{len(outcome.uncalled) - _MOST_NAMED:,} more"] * (len(outcome.uncalled) > _MOST_NAMED)
    are = f"{plural(len(outcome.uncalled), 'block')} {'is' if len(outcome.uncalled) == 1 else 'are'}"
    yield f"{are} called by no model here, and so not proven: {', '.join(named)}"


def _unproven(outcome: Outcome) -> Iterator[str]:
    """A block without a call has no shapes to prove."""
    if libraries := sum(file.is_library for file in outcome.files):
        yield f"{plural(libraries, 'file')} of blocks alone, proven where they are called"
