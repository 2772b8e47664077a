"""A comparison for a terminal: models that changed alike, as those that import one block, are a group."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

from specc.compare.specs import Comparison, FileChange, ModelChange
from specc.diagnostics import Diagnostic
from specc.diagnostics.words import encodable, plural, visible
from specc.report.difference.json import difference
from specc.report.difference.sections import Row, Tone, sections
from specc.report.notation import cut
from specc.report.snippets import Style, abridged, render

MOST_ROWS = 30
"""Lines of a section that are shown; json has all."""
MOST_MODELS = 60
"""Models of one group that are named."""
LONGEST = 300
"""Characters of a line."""
WIDTH = 80
_GAP = 2
_TITLE = 11
_COLORS: dict[Tone, str] = {"same": "green", "changed": "yellow", "breaking": "red"}


def text(comparison: Comparison, *, color: bool = False, unicode: bool = True) -> str:
    """The comparison as a person reads it, without a newline at the end.

    Args:
        color: with ANSI colours.
        unicode: False: findings are shown in ASCII, as far as it is specc who speaks.
    """
    parts = ["\n".join(_group_lines(group, Style(color, unicode))) for group in groups(comparison)]
    return encodable("\n\n".join([*parts, *([summary(comparison)] if comparison.against else [])]))


def summary(comparison: Comparison, code: Callable[[str], str] = visible) -> str:
    """How many files: ``2 of 14 specs have changed since main: 1 new, 1 gone``.

    Args:
        code: how the name of the old version is written.
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
    total = plural(len(files) + comparison.same, "spec")
    since = f"since {code(comparison.against)}" if comparison.against else "from one to the other"
    if not number:
        return f"nothing has changed {since}: {total}"
    verb = "has" if number == 1 else "have"
    return f"{number:,} of {total} {verb} changed {since}" + (f": {kinds}" if kinds else "")


def _group_lines(group: Group, style: Style) -> Iterator[str]:
    """The heading of a group of models, and what changed in each of them."""
    file, model = group[0]
    if len(group) == 1:
        yield style.paint(heading(group, visible), bold=True)
    else:
        head, which = several(group, visible)
        whole = textwrap.fill(f"{head}: {which}", WIDTH, subsequent_indent="  ", break_long_words=False,
                              break_on_hyphens=False)  # fmt: skip
        yield whole.replace(head, style.paint(head, bold=True), 1)
    if file.note:
        yield visible(file.note)
    if file.is_wrong:
        yield from _mistakes(file, style)
    elif model is None:
        if not file.incomparable:
            yield presence(file)
    elif model.difference is None:
        is_new = model.before is None
        yield style.paint("new" if is_new else "gone", "yellow" if is_new else "red", bold=False)
    elif not model.changed:
        yield unchanged(file)
    else:
        for section in sections(model.difference):
            verdict = style.paint(section.verdict, _COLORS[section.tone], bold=False)
            yield f"{section.name:<{_TITLE}}{verdict}"
            yield from lines(section.rows, MOST_ROWS)


def _mistakes(file: FileChange, style: Style) -> Iterator[str]:
    """Those that the change has made are shown in full; of those before it, the first is named."""
    now, before = file.wrong_after, file.wrong_before
    if file.known:
        yield f"{_nothing_to_compare('wrong before and now', now)}: {_first(now)}"
        return
    if now:
        yield _nothing_to_compare("wrong now", now)
        yield ""
        shown, more = abridged(now)
        yield render(shown, color=style.color, unicode=style.unicode)
        yield from map(str, more)
    if now and before:
        yield ""
    if before:
        yield f"{_nothing_to_compare('wrong before', before)} with: {_first(before)}"


def _nothing_to_compare(what: str, findings: Sequence[Diagnostic]) -> str:
    return f"{what}: {plural(len(findings), 'error')}, so that there is nothing to compare"


def _first(findings: Sequence[Diagnostic]) -> str:
    return f"{visible(str(findings[0].primary.span))}: {visible(findings[0].message)}"


def unchanged(file: FileChange) -> str:
    """Of a file whose model is what it was."""
    return "nothing else has changed" if file.moved else "nothing has changed"


def presence(file: FileChange) -> str:
    """Of a file without a model."""
    if file.before is None:
        return "new, without a model"
    return "gone; it had no model" if file.after is None else "no model, before and now"


def lines(rows: Sequence[Row], most: int) -> list[str]:
    """The rows in columns, and how many are left out."""
    shown = rows[:most]
    widths = [max(len(cell) for cell in column) for column in zip(*shown, strict=True)]
    # A long name takes no room from the others' second column.
    widths = [min(width, LONGEST // 4) for width in widths]
    texts = [
        cut("  " + (" " * _GAP).join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)), LONGEST)
        for row in shown
    ]
    left = len(rows) - len(shown)
    return [line.rstrip() for line in texts] + ([f"  and {left:,} more; --format json has all"] if left else [])


# ---- models of which the same is to be said ----------------------------------------------------------


class Change(NamedTuple):
    """Something of which there is something to be said: a model, or a file whose models are not compared."""

    file: FileChange
    model: ModelChange | None

    @property
    def name(self) -> str:
        """``nets/lenet.cnn:LeNet``"""
        file = " -> ".join(names(self.file))
        return file if self.model is None else f"{file}:{title(self.model)}"


Group = Sequence[Change]
"""Changes of which the same is to be said; it is said of the first."""


def groups(comparison: Comparison) -> list[Group]:
    """All that there is, in order of what comes first in each group.

    In a group is the same all that json has, but for the names of files and models.
    """
    by_meaning: dict[Hashable, list[Change]] = {}
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
            by_meaning.setdefault(meaning, []).append(Change(file, model))
    return list(by_meaning.values())


def heading(group: Group, code: Callable[[str], str]) -> str:
    """The heading of a group of one: ``nets/lenet.cnn, LeNet``.

    Args:
        code: how names are written.
    """
    file, model = group[0]
    whole = " -> ".join(map(code, names(file)))
    return whole if model is None else f"{whole}, {code(title(model))}"


def several(group: Group, code: Callable[[str], str]) -> tuple[str, str]:
    """The heading of a group of several, and which ones they are; of models of one file it is in the heading."""
    number = plural(len(group), "spec" if group[0].model is None else "model")
    files = {id(file) for file, _ in group}
    of_one = [title(model) for _, model in group if model is not None and len(files) == 1]
    named = of_one or [change.name for change in group]
    left = len(named) - MOST_MODELS
    which = ", ".join(map(code, named[:MOST_MODELS])) + (f" and {left:,} more; json has all" if left > 0 else "")
    where = f"{' -> '.join(map(code, names(group[0].file)))}, " if of_one else ""
    return f"{where}the same in {number}", which


def names(file: FileChange) -> tuple[str, ...]:
    """``lenet.cnn``, or ``old.cnn`` and ``new.cnn``."""
    before, after = visible(file.before or ""), visible(file.after or "")
    if not before or not after or before == after or (before.startswith(f"{after}@") and not file.moved):
        return (after or before,)
    return before, after


def title(model: ModelChange) -> str:
    """``LeNet``, or ``LeNet -> LeNet5``."""
    if model.before and model.after and model.before != model.after:
        return f"{model.before} -> {model.after}"
    return model.after or model.before or ""
