"""A comparison as a comment on a pull request: Markdown that GitHub and GitLab show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from specc.compare.specs import Comparison, FileChange, ModelChange
from specc.report.diagnostics import render
from specc.report.difference.sections import Section, Tone, amount, at_sizes, change, sections
from specc.report.difference.text import lines, presence, summary, title, title_of_file
from specc.report.formats.style import encodable, visible
from specc.words import plural

MOST = 65_000
"""Bytes: GitHub refuses a comment of more than 65,536 characters."""
MOST_ROWS = 50
_SIGNS: dict[Tone, str] = {"same": "✅", "changed": "🔸", "breaking": "❌"}
_PLAIN = re.compile(r"[^\w ./,-]|_", re.ASCII)


def markdown(comparison: Comparison) -> str:
    """The comparison; of what does not fit into a comment, how much is left out."""
    head = f"**specc diff**: {escaped(summary(comparison))}"
    parts, left, size = [head], 0, len(head.encode()) + 200
    for whole, short in _parts(comparison):
        fitting = next((part for part in (whole, short) if size + len(part.encode()) + 2 <= MOST), None)
        if fitting is None:
            left += 1
            continue
        parts.append(fitting)
        size += len(fitting.encode()) + 2
    if left:
        parts.append(f"{plural(left, 'model')} left out, for want of room: `specc diff --format json` has all.")
    return "\n\n".join(parts)


def _parts(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """For every model a part, and a shorter one."""
    for file in comparison.files:
        if file.is_wrong or not file.models:
            yield _file(file), _heading(file, "")
        for model in file.models if not file.is_wrong else ():
            yield _model(file, model, details=True), _model(file, model, details=False)


def _heading(file: FileChange, model: str) -> str:
    note = f"\n\n{escaped(file.note)}" if file.note else ""
    return f"#### {' '.join(map(code, filter(None, (title_of_file(file), model))))}{note}"


def _file(file: FileChange) -> str:
    if not file.is_wrong:
        return f"{_heading(file, '')}\n\n{presence(file)}"
    versions = (("wrong now", file.wrong_after, "❌"), ("wrong before", file.wrong_before, "🔸"))
    told = [
        f"{sign} {what}: {plural(len(findings), 'error')}, so that there is nothing to compare\n\n"
        + _fenced(render(findings).split("\n"))
        for what, findings, sign in versions
        if findings
    ]
    return "\n\n".join([_heading(file, ""), *told])


def _model(file: FileChange, model: ModelChange, *, details: bool) -> str:
    head = _heading(file, title(model))
    if model.difference is None:
        return f"{head}\n\n" + ("🔸 a new model" if model.before is None else "❌ the model is gone")
    if not model.changed:
        return f"{head}\n\n✅ nothing has changed"
    told = sections(model.difference)
    parts = [head, _verdicts(told)]
    if model.difference.cost.changed:
        parts.append(_costs(model))
    if details:
        parts += [_details(section) for section in told if section.rows and section.name != "cost"]
    return "\n\n".join(parts)


def _verdicts(told: Sequence[Section]) -> str:
    rows = [f"| {_SIGNS[section.tone]} {section.name} | {escaped(section.verdict)} |" for section in told]
    return "\n".join(["| | |", "|---|---|", *rows])


def _costs(model: ModelChange) -> str:
    assert model.difference is not None, "the caller has looked"
    cost = model.difference.cost
    head = f"| cost{escaped(at_sizes(cost))} | before | after | change |"
    rows = [
        f"| {n.name} | {amount(n.before, n.unit)} | {amount(n.after, n.unit)} | {change(n)} |" for n in cost.numbers
    ]
    return "\n".join([head, "|---|--:|--:|--:|", *rows])


def _details(section: Section) -> str:
    body = _fenced([visible(line) for line in lines(section.rows, MOST_ROWS)])
    return f"<details><summary>{section.name}: {plural(len(section.rows), 'line')}</summary>\n\n{body}\n\n</details>"


def _fenced(content: Sequence[str]) -> str:
    """A block of text that ends where it should, whatever is in it."""
    longest = max((len(run) for line in content for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *map(encodable, content), fence])


def code(text: str) -> str:
    return f"<code>{escaped(text)}</code>"


def escaped(text: str) -> str:
    """Text that means nothing to Markdown or HTML, wherever it stands."""
    return encodable(_PLAIN.sub(lambda sign: f"&#{ord(sign[0])};" if sign[0].isascii() else sign[0], visible(text)))
