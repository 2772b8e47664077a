"""A comparison as a comment on a pull request: Markdown that GitHub and GitLab show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from specc.compare import SECTIONS
from specc.compare.specs import Comparison, FailOn, FileChange, ModelChange
from specc.diagnostics.words import encodable, plural, visible
from specc.report.difference.sections import amount, at_sizes, change, sections
from specc.report.difference.terminal import Group, groups, heading, lines, presence, several, summary, unchanged
from specc.report.snippets import abridged, render

MOST = 65_000
"""Bytes: GitHub refuses a comment of more than 65,536 characters."""
MOST_ROWS = 50
_FAILS, _CHANGED, _SAME = "❌", "🔸", "✅"
# Emphasis, code, HTML, tables, links, entities, mathematics, mentions and references, addresses, emoji.
_MARK = re.compile(r"[`*<|\\~\[\]&@#$]|^>|\b_|_\b|//|www\.|:\w+:")


def markdown(comparison: Comparison, *, fail_on: FailOn) -> str:
    """The comparison; of what does not fit into a comment, how much is left out."""
    head = f"**specc diff**: {summary(comparison, code)}" if comparison.against else "**specc diff**"
    parts, left, size = [head], 0, len(head.encode()) + 200
    for group in groups(comparison):
        whole, short = (_part(group, fail_on, details=details) for details in (True, False))
        fitting = next((part for part in (whole, short) if size + len(part.encode()) + 2 <= MOST), None)
        if fitting is None:
            left += len(group)
            continue
        parts.append(fitting)
        size += len(fitting.encode()) + 2
    if left:
        parts.append(f"{plural(left, 'model')} left out, for want of room: `specc diff --format json` has all.")
    return "\n\n".join(parts)


def _part(group: Group, fail_on: FailOn, *, details: bool) -> str:
    file, model = group[0]
    fails = file.incomparable and bool(fail_on.sections)
    head, *which = [heading(group, code)] if len(group) == 1 else several(group, code)
    parts = [f"#### {head}", *which]
    if file.note:
        parts.append(f"{_sign(fails)} {escaped(file.note)}")
    if file.is_wrong:
        parts += _mistakes(file, details=details)
    elif model is not None and not file.incomparable:
        parts += _model(file, model, fail_on, details=details)
    elif not file.incomparable:
        parts.append(presence(file))
    return "\n\n".join(parts)


def _mistakes(file: FileChange, *, details: bool) -> Iterator[str]:
    now = ("wrong before and now", _CHANGED) if file.known else ("wrong now", _FAILS)
    before = () if file.known else file.wrong_before  # else they are those of now
    for (what, sign), findings in ((now, file.wrong_after), (("wrong before", _CHANGED), before)):
        if findings:
            yield f"{sign} {what}: {plural(len(findings), 'error')}, so that there is nothing to compare"
            if details:
                shown, more = abridged(findings)
                yield _fenced([*render(shown).split("\n"), *map(str, more)])


def _model(file: FileChange, model: ModelChange, fail_on: FailOn, *, details: bool) -> Iterator[str]:
    if model.difference is None:
        fails = any(fail_on.fails(model, section) for section in SECTIONS)
        yield f"{_CHANGED} a new model" if model.before is None else f"{_sign(fails)} the model is gone"
        return
    if not model.changed:
        yield f"{_SAME} {unchanged(file)}"
        return
    parts = sections(model.difference)
    verdicts = ["| | |", "|---|---|"]
    for part in parts:
        sign = _sign(fail_on.fails(model, part.name), part.tone != "same")
        verdicts.append(f"| {sign} {part.name} | {cell(part.verdict)} |")
    yield "\n".join(verdicts)
    cost = model.difference.cost
    if cost.changed:
        numbers = ((n.name, amount(n.before, n.unit), amount(n.after, n.unit), change(n)) for n in cost.numbers)
        rows = [f"| {' | '.join(row)} |" for row in numbers]
        yield "\n".join([f"| cost{cell(at_sizes(cost))} | before | after | change |", "|---|--:|--:|--:|", *rows])
    for part in parts:
        if details and part.rows and part.name != "cost":
            title = f"<details><summary>{part.name}: {plural(len(part.rows), 'line')}</summary>"
            body = _fenced([visible(line) for line in lines(part.rows, MOST_ROWS)])
            yield f"{title}\n\n{body}\n\n</details>"


def _sign(fails: bool, changed: bool = True) -> str:
    """Red is what the run fails on, and nothing else."""
    return _FAILS if fails else _CHANGED if changed else _SAME


def _fenced(content: Sequence[str]) -> str:
    """A block of text that ends where it should, whatever is in it."""
    fence = "`" * max(3, _longest_run("\n".join(content)) + 1)
    return "\n".join([f"{fence}text", *map(encodable, content), fence])


def code(text: str) -> str:
    """Text as code, in which nothing means anything, outside of tables."""
    shown = encodable(visible(text)) or " "
    fence = "`" * (_longest_run(shown) + 1)
    edge = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    return f"{fence}{edge}{shown}{edge}{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def escaped(text: str) -> str:
    """Text whose words mean nothing to Markdown: those that would are shown as code."""
    return " ".join(code(word) if _MARK.search(word) else encodable(word) for word in visible(text).split(" "))


def cell(text: str) -> str:
    """Text for a table, which a line would end in code, too."""
    return escaped(text).replace("|", "\\|")
