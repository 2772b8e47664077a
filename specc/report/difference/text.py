"""A comparison for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence

import click

from specc.compare.specs import Comparison, FileChange, ModelChange
from specc.diagnostics import Diagnostic
from specc.diagnostics.words import encodable, plural, visible
from specc.report.difference.groups import Group, groups, heading, several
from specc.report.difference.sections import Row, Section, Tone, sections
from specc.report.snippets import abridged, render
from specc.report.text import cut

MOST_ROWS = 30
"""Lines of a section that are shown; json has all."""
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
    parts = ["\n".join(_Part(group, color, unicode).lines()) for group in groups(comparison)]
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
    told = ", ".join(f"{number:,} {what}" for what, number in counts if number)
    number = sum(file.changed for file in files)
    total = plural(len(files) + comparison.same, "spec")
    since = f"since {code(comparison.against)}" if comparison.against else "from one to the other"
    if not number:
        return f"nothing has changed {since}: {total}"
    verb = "has" if number == 1 else "have"
    return f"{number:,} of {total} {verb} changed {since}" + (f": {told}" if told else "")


class _Part:
    """What is said of a group of models."""

    def __init__(self, group: Group, color: bool, unicode: bool) -> None:
        self._group, self._color, self._unicode = group, color, unicode
        self._file, self._model = group[0]

    def lines(self) -> Iterator[str]:
        yield self._heading()
        if self._file.note:
            yield visible(self._file.note)
        if self._file.is_wrong:
            yield from self._wrong()
        elif self._model is None and not self._file.incomparable:
            yield presence(self._file)
        elif self._model is not None:
            yield from self._changes(self._model)

    def _heading(self) -> str:
        if len(self._group) == 1:
            return self._styled(heading(self._group, visible), bold=True)
        head, which = several(self._group, visible)
        whole = textwrap.fill(f"{head}: {which}", WIDTH, subsequent_indent="  ", break_long_words=False,
                              break_on_hyphens=False)  # fmt: skip
        return whole.replace(head, self._styled(head, bold=True), 1)

    def _wrong(self) -> Iterator[str]:
        now, before = self._file.wrong_after, self._file.wrong_before
        if self._file.known:
            yield f"{_nothing_to_compare('wrong before and now', now)}: {_first(now)}"
            return
        if now:
            yield _nothing_to_compare("wrong now", now)
            yield ""
            shown, more = abridged(now)
            yield render(shown, color=self._color, unicode=self._unicode)
            yield from map(str, more)
        if now and before:
            yield ""
        if before:
            yield f"{_nothing_to_compare('wrong before', before)} with: {_first(before)}"

    def _changes(self, model: ModelChange) -> Iterator[str]:
        if model.difference is None:
            is_new = model.before is None
            yield self._styled("new" if is_new else "gone", fg="yellow" if is_new else "red")
        elif not model.changed:
            yield unchanged(self._file)
        else:
            for section in sections(model.difference):
                yield from self._section(section)

    def _section(self, section: Section) -> Iterator[str]:
        yield f"{section.name:<{_TITLE}}{self._styled(section.verdict, fg=_COLORS[section.tone])}"
        yield from lines(section.rows, MOST_ROWS)

    def _styled(self, words: str, *, fg: str | None = None, bold: bool = False) -> str:
        return click.style(words, fg=fg, bold=bold) if self._color else words


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
    found = [
        cut("  " + (" " * _GAP).join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)), LONGEST)
        for row in shown
    ]
    left = len(rows) - len(shown)
    return [line.rstrip() for line in found] + ([f"  and {left:,} more; --format json has all"] if left else [])
