"""A comparison for people: on a terminal, and as a comment on a pull request.

Models with the same changes, as those that import one block, are a group with one text.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Hashable, Iterator, Sequence

from specc.compare import Difference
from specc.compare.difference import Comparison, FailOn, FileChange, ModelChange
from specc.diagnostics import Diagnostic
from specc.diagnostics.words import encodable, plural, visible
from specc.report.json import difference
from specc.report.notation import cut
from specc.report.sections import Row, Tone, amount, at_sizes, change, sections
from specc.report.snippets import PLAIN, Style, abridged, render

MOST_ROWS, MOST_MARKDOWN_ROWS = 30, 50
"""Lines of a section that are shown; json has all."""
MOST_MODELS = 60
"""Models of one group that are named."""
LONGEST = 300
"""Characters of a line."""
WIDTH = 80
MOST_BYTES = 65_000
"""GitHub refuses a comment of more than 65,536 characters."""
_GAP = 2
_TITLE = 11
_COLORS: dict[Tone, str] = {"same": "green", "changed": "yellow", "breaking": "red"}
_FAILS, _CHANGED, _SAME = "❌", "🔸", "✅"
# Emphasis, code, HTML, tables, links, entities, mathematics, mentions and references, addresses, emoji.
_MARKUP = re.compile(r"[`*<|\\~\[\]&@#$]|^>|\b_|_\b|//|www\.|:\w+:")

Group = Sequence[tuple[FileChange, ModelChange | None]]
"""Models with the same text, each with its file; None: the file's models are not compared."""


def groups(comparison: Comparison) -> list[Group]:
    """All that there is, in order of what comes first in each group.

    In a group is the same all that json has, but for the names of files and models.
    """
    by_meaning: dict[Hashable, list[tuple[FileChange, ModelChange | None]]] = {}
    for file in comparison.files:
        mistakes = tuple(
            tuple((finding.identity, str(finding.primary.span)) for finding in findings)
            for findings in (file.wrong_before, file.wrong_after)
        )
        for model in (None,) if file.is_wrong or not file.models else file.models:
            if model is not None and model.difference is not None and model.changed:
                meaning: Hashable = file.note, repr(difference(model.difference))
            else:
                pair: FileChange | ModelChange = file if model is None else model
                exists = pair.before is None, pair.after is None
                meaning = file.note, file.moved, file.known, exists, *mistakes
            by_meaning.setdefault(meaning, []).append((file, model))
    return list(by_meaning.values())


def heading(group: Group, code: Callable[[str], str]) -> tuple[str, str]:
    """``nets/lenet.cnn, LeNet``; of several models how many, and which ones.

    Args:
        code: the format of names.
    """
    file, model = group[0]
    place = " -> ".join(map(code, _names(file)))
    if len(group) == 1:
        return (place if model is None else f"{place}, {code(_title(model))}"), ""
    head = f"the same in {plural(len(group), 'spec' if model is None else 'model')}"
    if all(other is file for other, _ in group):
        head, names = f"{place}, {head}", [_title(model) for _, model in group if model]
    else:
        names = [" -> ".join(_names(file)) + (f":{_title(model)}" if model else "") for file, model in group]
    more = f" and {len(names) - MOST_MODELS:,} more; json has all" if len(names) > MOST_MODELS else ""
    return head, ", ".join(map(code, names[:MOST_MODELS])) + more


def _names(file: FileChange) -> tuple[str, ...]:
    """``lenet.cnn``, or ``old.cnn`` and ``new.cnn``."""
    before, after = visible(file.before or ""), visible(file.after or "")
    # lenet.cnn@main and lenet.cnn are two versions of one file.
    if not before or not after or before == after or (before.startswith(f"{after}@") and not file.moved):
        return (after or before,)
    return before, after


def _title(model: ModelChange) -> str:
    """``LeNet``, or ``LeNet -> LeNet5``."""
    return " -> ".join(dict.fromkeys(filter(None, (model.before, model.after))))


def summary(comparison: Comparison, code: Callable[[str], str] = visible) -> str:
    """How many files: ``2 of 14 specs have changed since main: 1 new, 1 gone``.

    Args:
        code: the format of the old version's name.
    """
    files = comparison.files
    counts = (
        ("new", sum(file.before is None for file in files)),
        ("gone", sum(file.after is None for file in files)),
        ("renamed", sum(file.moved for file in files)),
        ("not comparable", sum(file.incomparable for file in files)),
        ("wrong now", sum(file.is_broken for file in files)),
        ("wrong before", sum(bool(file.wrong_before) and not file.wrong_after for file in files)),
        ("wrong before and now", sum(bool(file.wrong_after) and file.known for file in files)),
    )
    kinds = ", ".join(f"{number:,} {what}" for what, number in counts if number)
    number = sum(file.changed for file in files)
    are_specs = all(not (file.after or "").lower().endswith(".onnx") for file in files)
    total = plural(len(files) + comparison.same, "spec" if are_specs else "file")
    since = f"since {code(comparison.against)}" if comparison.against else "from one to the other"
    if not number:
        return f"nothing has changed {since}: {total}"
    verb = "has" if number == 1 else "have"
    return f"{number:,} of {total} {verb} changed {since}" + (f": {kinds}" if kinds else "")


def _without_difference(file: FileChange) -> str:
    """For a file whose model is unchanged."""
    return "nothing else has changed" if file.moved else "nothing has changed"


def _without_model(file: FileChange) -> str:
    if file.before is None:
        return "new, without a model"
    return "gone; it had no model" if file.after is None else "no model, before and now"


def _nothing_to_compare(what: str, findings: Sequence[Diagnostic]) -> str:
    return f"{what}: {plural(len(findings), 'error')}, so that there is nothing to compare"


def lines(rows: Sequence[Row], most: int) -> list[str]:
    """The rows in columns, and how many are left out."""
    shown = [tuple(map(visible, row)) for row in rows[:most]]  # what a file has for names may be anything
    widths = [max(len(cell) for cell in column) for column in zip(*shown, strict=True)]
    # A long name takes no room from the others' second column.
    widths = [min(width, LONGEST // 4) for width in widths]
    texts = [
        cut("  " + (" " * _GAP).join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)), LONGEST)
        for row in shown
    ]
    left = len(rows) - len(shown)
    return [line.rstrip() for line in texts] + ([f"  and {left:,} more; --format json has all"] if left else [])


# ---- on a terminal ----------------------------------------------------------------------------------


def text(comparison: Comparison, style: Style, fail_on: FailOn | None = None) -> str:
    """The comparison as a person reads it; ``fail_on`` makes no difference."""
    parts = ["\n".join(_text_of(group, style)) for group in groups(comparison)]
    return encodable("\n\n".join([*parts, *([summary(comparison)] if comparison.against else [])]))


def _text_of(group: Group, style: Style) -> Iterator[str]:
    """The heading of a group of models, and what changed in each of them."""
    file, model = group[0]
    head, which = heading(group, visible)
    whole = head
    if which:
        whole = textwrap.fill(
            f"{head}: {which}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
    yield whole.replace(head, style.paint(head), 1)
    if file.note:
        yield visible(file.note)
    if file.is_wrong:
        yield from _mistakes(file, style)
    elif model is None:
        if not file.incomparable:
            yield _without_model(file)
    elif model.difference is None:
        is_new = model.before is None
        yield style.paint("new" if is_new else "gone", "yellow" if is_new else "red", bold=False)
    elif not model.changed:
        yield _without_difference(file)
    else:
        for section in sections(model.difference):
            verdict = style.paint(visible(section.verdict), _COLORS[section.tone], bold=False)
            yield f"{section.name:<{_TITLE}}{verdict}"
            yield from lines(section.rows, MOST_ROWS)


def _mistakes(file: FileChange, style: Style) -> Iterator[str]:
    """Those that the change has made are shown in full; of those before it, the first is named."""

    def first(findings: Sequence[Diagnostic]) -> str:
        return f"{visible(str(findings[0].primary.span))}: {visible(findings[0].message)}"

    now, before = file.wrong_after, file.wrong_before
    if file.known:
        yield f"{_nothing_to_compare('wrong before and now', now)}: {first(now)}"
        return
    if now:
        yield _nothing_to_compare("wrong now", now)
        yield ""
        shown, more = abridged(now)
        yield render(shown, style._replace(width=None))
        yield from more
    if now and before:
        yield ""
    if before:
        yield f"{_nothing_to_compare('wrong before', before)} with: {first(before)}"


# ---- as a comment on a pull request: Markdown that GitHub and GitLab show ---------------------------------


def markdown(comparison: Comparison, style: Style = PLAIN, fail_on: FailOn | None = None) -> str:
    """The comparison; of what does not fit into a comment, how much is left out. ``style`` makes no difference."""
    head = f"**specc diff**: {summary(comparison, code)}" if comparison.against else "**specc diff**"
    parts, left, size = [head], 0, len(head.encode()) + 200
    for group in groups(comparison):
        whole, short = (_markdown_of(group, fail_on or FailOn(), details=details) for details in (True, False))
        fitting = next((part for part in (whole, short) if size + len(part.encode()) + 2 <= MOST_BYTES), None)
        if fitting is None:
            left += len(group)
            continue
        parts.append(fitting)
        size += len(fitting.encode()) + 2
    if left:
        parts.append(f"{plural(left, 'model')} left out, for want of room: `specc diff --format json` has all.")
    return "\n\n".join(parts)


def _markdown_of(group: Group, fail_on: FailOn, *, details: bool) -> str:
    file, model = group[0]
    head, which = heading(group, code)
    parts = [f"#### {head}", *filter(None, [which])]
    if file.note:
        parts.append(f"{_sign(file.incomparable and bool(fail_on.sections))} {escaped(file.note)}")
    if file.is_wrong:
        now = ("wrong before and now", _CHANGED) if file.known else ("wrong now", _FAILS)
        before = () if file.known else file.wrong_before  # else they are those of now
        for (what, sign), findings in ((now, file.wrong_after), (("wrong before", _CHANGED), before)):
            if findings:
                parts.append(f"{sign} {_nothing_to_compare(what, findings)}")
                if details:
                    shown, more = abridged(findings)
                    parts.append(_fenced([*render(shown).split("\n"), *more]))
    elif file.incomparable:
        pass
    elif model is None:
        parts.append(_without_model(file))
    elif model.difference is None:
        fails = any(fail_on.fails(model, section) for section in model.sections)
        parts.append(f"{_CHANGED} a new model" if model.before is None else f"{_sign(fails)} the model is gone")
    elif not model.changed:
        parts.append(f"{_SAME} {_without_difference(file)}")
    else:
        parts += _tables(model, fail_on, details=details)
    return "\n\n".join(parts)


def _tables(model: ModelChange, fail_on: FailOn, *, details: bool) -> Iterator[str]:
    """A table of verdicts, one of costs, and what the verdicts rest on, folded away."""
    assert model.difference is not None
    difference, parts = model.difference, sections(model.difference)
    networks = difference if isinstance(difference, Difference) else difference.networks
    verdicts = ["| | |", "|---|---|"]
    for part in parts:
        sign = _sign(fail_on.fails(model, part.name), part.tone != "same")
        verdicts.append(f"| {sign} {part.name} | {cell(part.verdict)} |")
    yield "\n".join(verdicts)
    if networks is not None and (cost := networks.cost).changed:
        numbers = ((n.name, amount(n.before, n.unit), amount(n.after, n.unit), change(n)) for n in cost.numbers)
        rows = [f"| {' | '.join(row)} |" for row in numbers]
        yield "\n".join([f"| cost{cell(at_sizes(cost))} | before | after | change |", "|---|--:|--:|--:|", *rows])
    for part in parts:
        if details and part.rows and part.name != "cost":
            title = f"<details><summary>{part.name}: {plural(len(part.rows), 'line')}</summary>"
            body = _fenced([visible(line) for line in lines(part.rows, MOST_MARKDOWN_ROWS)])
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
    return " ".join(code(word) if _MARKUP.search(word) else encodable(word) for word in visible(text).split(" "))


def cell(text: str) -> str:
    """Text for a table, which a line would end in code, too."""
    return escaped(text).replace("|", "\\|")
