"""A check for people: every finding with its source or in a line, how often each code came, and the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from specc.diagnostics import Diagnostic, Severity
from specc.diagnostics.words import plural, visible
from specc.project.outcome import Outcome
from specc.report.snippets import Style, abridged, line, render

_MOST_BLOCKS = 10
"""Blocks that are named, of those that were not proven."""
_MANY = 10
"""Findings above which the errors among warnings are named again at the end."""
_MOST_ERRORS = 20
"""Errors that are named again."""


def full(outcome: Outcome, style: Style) -> str:
    """Every finding with its source and carets; the errors again, a line each, where they are few among many."""
    if not outcome.findings:
        return summary(outcome)
    shown, more = abridged(outcome.findings)
    parts = [render(shown, style), *more]
    errors = [finding for finding in outcome.findings if finding.severity is Severity.ERROR]
    if len(outcome.findings) > _MANY and 0 < len(errors) < len(outcome.findings):
        parts.append("the errors among them:")
        parts += (f"  {line(finding, style)}" for finding in errors[:_MOST_ERRORS])
        if len(errors) > _MOST_ERRORS:
            parts.append(f"  and {len(errors) - _MOST_ERRORS:,} more")
    return "\n".join(filter(None, [*parts, summary(outcome)]))


def concise(outcome: Outcome, style: Style) -> str:
    """A line for each finding, as editors read it."""
    shown, more = abridged(outcome.findings)
    lines = [*(line(finding, style) for finding in shown), *more, summary(outcome)]
    return "\n".join(filter(None, lines))


def statistics(outcome: Outcome) -> str:
    """A line for each code, the most frequent first: how often, the code, what it means. Nothing without findings."""
    from specc.report.code_pages import meanings

    numbers = Counter(finding.code for finding in outcome.findings)
    width = max((len(f"{count:,}") for count in numbers.values()), default=0)
    known = meanings()
    ranked = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join(f"{count:>{width},}  {code}  {known[code]}" for code, count in ranked)


def count(findings: Iterable[Diagnostic], severity: Severity) -> int:
    """How many findings are of a severity."""
    return sum(finding.severity is severity for finding in findings)


def counts(findings: Iterable[Diagnostic]) -> str:
    """``3 errors and 2 warnings``"""
    findings = tuple(findings)
    numbers = [(count(findings, severity), severity) for severity in Severity]
    return " and ".join(plural(number, severity) for number, severity in numbers if number)


def summary(outcome: Outcome) -> str:
    """The numbers of findings, of proven models, and of what is not shown; empty where nothing was checked."""
    lines = []
    if outcome.findings:
        lines.append(f"{counts(outcome.findings)} in {_places(outcome):,} of {plural(len(outcome.files), 'file')}")
    for number, fix in (
        (outcome.fixable, "a fix: --fix tries it, and keeps it if it helps"),
        (outcome.unsafe, "a fix that may not be what was meant: --fix --unsafe-fixes tries it"),
    ):
        if number:
            several = f"{number:,} of them {'has' if number == 1 else 'have'}"
            lines.append(f"{several if len(outcome.findings) > 1 else 'it has'} {fix}")
    if outcome.files:
        lines += _verdict(outcome)
    if outcome.silenced:
        silenced = plural(outcome.silenced, "finding")
        lines.append(f"{silenced} silenced by comments, the baseline or the selection of codes")
    if outcome.unreadable:
        lines.append(f"{plural(len(outcome.unreadable), 'path')} could not be checked")
    return "\n".join(lines)


def _places(outcome: Outcome) -> int:
    """How many files the findings are about: an error each that does not fit for it, a warning the one it stands in."""
    names = {file.name for file in outcome.files}
    about, elsewhere = set(), dict[str, str]()
    for file in outcome.files:
        for finding in file.findings:
            place = finding.primary.span.source.name
            if finding.severity is Severity.ERROR:
                about.add(file.name)
            elif place in names:
                about.add(place)
            else:  # an imported file that is none of them counts as the first that comes to it
                about.add(elsewhere.setdefault(place, file.name))
    return len(about)


def _verdict(outcome: Outcome) -> Iterator[str]:
    """What is proven: "all fit together" only where no file is wrong, whether its errors are shown or not."""
    baselined = sum(bool(file.baselined) for file in outcome.files)
    files, models = plural(len(outcome.files), "file"), sum(file.models for file in outcome.files)
    libraries = sum(file.is_library for file in outcome.files)
    # A block without a call has no shapes to prove.
    unproven = [f"{plural(libraries, 'file')} of blocks alone, proven where they are called"] if libraries else []
    if count(outcome.findings, Severity.ERROR):
        if baselined:
            yield f"the baseline holds back errors in {plural(baselined, 'file')}"
    elif baselined:
        are, their = ("is", "its") if baselined == 1 else ("are", "their")
        wrong = f"{baselined:,} of {files} {are} wrong, and the baseline holds {their} errors back"
        fitting = f"{plural(models, 'model')} {'fits' if models == 1 else 'fit'} together"
        yield "; ".join((wrong, fitting, *unproven))
    else:
        proven = [f"{files}, {plural(models, 'model')}: all fit together"] if models else []
        yield "; ".join((*proven, *unproven))
        blocks = outcome.uncalled
        if blocks and models:  # where there is no model, no block has a caller
            named = [f"{visible(block.name)} ({visible(block.path)}:{block.line})" for block in blocks[:_MOST_BLOCKS]]
            named += [f"{len(blocks) - _MOST_BLOCKS:,} more"] * (len(blocks) > _MOST_BLOCKS)
            are = f"{plural(len(blocks), 'block')} {'is' if len(blocks) == 1 else 'are'}"
            yield f"{are} called by no model here, and so not proven: {', '.join(named)}"
