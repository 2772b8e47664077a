"""A comparison for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from specc.compare.specs import Comparison, FileChange, ModelChange
from specc.diagnostics import Diagnostic
from specc.report.diagnostics import render
from specc.report.difference.sections import Row, Section, Tone, sections
from specc.report.formats.style import encodable, visible
from specc.report.text import cut
from specc.words import plural

MOST_ROWS = 30
"""Lines of a section that are shown; json has all."""
LONGEST = 300
"""Characters of a line."""
_GAP = 2
_TITLE = 11
_COLORS: dict[Tone, str] = {"same": "green", "changed": "yellow", "breaking": "red"}


def text(comparison: Comparison, *, color: bool = False, unicode: bool = True) -> str:
    """The comparison as a person reads it, without a newline at the end.

    Args:
        color: with ANSI colours.
        unicode: False: findings are shown in ASCII, as far as it is specc who speaks.
    """
    parts = [part for file in comparison.files for part in _File(file, color, unicode).parts()]
    return encodable("\n\n".join([*parts, *([summary(comparison)] if comparison.against else [])]))


def summary(comparison: Comparison) -> str:
    """How many files: ``2 of 14 specs have changed since main: 1 new, 1 gone``."""
    files = comparison.files
    counts = (
        ("new", sum(file.before is None for file in files)),
        ("gone", sum(file.after is None for file in files)),
        ("wrong now", sum(bool(file.wrong_after) for file in files)),
        ("wrong before", sum(bool(file.wrong_before) and not file.wrong_after for file in files)),
    )
    told = ", ".join(f"{number:,} {what}" for what, number in counts if number)
    number = sum(file.changed for file in files)
    total = plural(len(files) + comparison.same, "spec")
    since = f"since {visible(comparison.against)}" if comparison.against else "from one to the other"
    if not number:
        return f"nothing has changed {since}: {total}"
    verb = "has" if number == 1 else "have"
    return f"{number:,} of {total} {verb} changed {since}" + (f": {told}" if told else "")


class _File:
    def __init__(self, file: FileChange, color: bool, unicode: bool) -> None:
        self._file, self._color, self._unicode = file, color, unicode

    def parts(self) -> Iterator[str]:
        if self._file.is_wrong:
            yield self._wrong()
            return
        if not self._file.models:
            yield self._head("") + f"\n{presence(self._file)}"
        for model in self._file.models:
            head = self._head(f"{title(model)}")
            yield "\n".join([head, *self._model(model)])

    def _head(self, model: str) -> str:
        head = ", ".join(part for part in (title_of_file(self._file), model) if part)
        return self._styled(head, bold=True) + (f"\n{visible(self._file.note)}" if self._file.note else "")

    def _wrong(self) -> str:
        lines = [self._head(""), *self._findings("wrong now", self._file.wrong_after)]
        if self._file.wrong_before:
            first = self._file.wrong_before[0]
            number = plural(len(self._file.wrong_before), "error")
            at = visible(str(first.primary.span))
            lines.append(
                f"wrong before: {number}, so that there is nothing to compare with: {at}: {visible(first.message)}"
            )
        return "\n".join(lines)

    def _findings(self, what: str, findings: Sequence[Diagnostic]) -> list[str]:
        if not findings:
            return []
        shown = render(findings, color=self._color, unicode=self._unicode)
        return [f"{what}: {plural(len(findings), 'error')}, so that there is nothing to compare", "", shown, ""]

    def _model(self, model: ModelChange) -> Iterator[str]:
        if model.difference is None:
            yield self._styled(
                "new" if model.before is None else "gone", fg="yellow" if model.before is None else "red"
            )
        elif not model.changed:
            yield "nothing has changed"
        else:
            for section in sections(model.difference):
                yield from self._section(section)

    def _section(self, section: Section) -> Iterator[str]:
        yield f"{section.name:<{_TITLE}}{self._styled(section.verdict, fg=_COLORS[section.tone])}"
        yield from lines(section.rows, MOST_ROWS)

    def _styled(self, words: str, *, fg: str | None = None, bold: bool = False) -> str:
        return click.style(words, fg=fg, bold=bold) if self._color else words


def title_of_file(file: FileChange) -> str:
    """``lenet.cnn``, or ``old.cnn -> new.cnn``."""
    before, after = visible(file.before or ""), visible(file.after or "")
    if before and after and before.rpartition("@")[0] != after:
        return f"{before} -> {after}"
    return after or before


def title(model: ModelChange) -> str:
    """``LeNet``, or ``LeNet -> LeNet5``."""
    if model.before and model.after and model.before != model.after:
        return f"{model.before} -> {model.after}"
    return model.after or model.before or ""


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
