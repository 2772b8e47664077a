"""Findings as a person reads them: each with the lines of its source, carets below them, notes and helps."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import NamedTuple

import click

from specc.diagnostics import Diagnostic, Label, Severity, SpecError
from specc.diagnostics.words import visible
from specc.source import Source

WIDEST = 160
"""Characters of a source line that are shown; of a longer one, those around the fault."""
NARROWEST = 40
"""Characters of a source line that are shown on the narrowest screen."""
INNERMOST, OUTERMOST = 5, 3
"""Of a longer chain of calls and rounds, the places at its two ends that are shown."""
MOST_ALIKE = 100
"""Findings of one code in one file that are shown."""
_TAB = 4
_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


class Style(NamedTuple):
    """How a text may be written.

    Attributes:
        color: with ANSI colours.
        unicode: False: what specc adds is ASCII, where the format leaves the choice.
        width: columns of the screen that it is for; None: it is for none.
    """

    color: bool = False
    unicode: bool = True
    width: int | None = None

    def paint(self, text: str, fg: str | None = None, *, bold: bool | None = None) -> str:
        """The text in a colour and weight, where it may have any."""
        return click.style(text, fg=fg, bold=bold) if self.color else text


@dataclass(frozen=True, slots=True)
class Uncoded:
    """What is shown as a diagnostic is, and has no code: the spec is not what is wrong."""

    message: str
    primary: Label
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    trace: tuple[Label, ...] = ()
    severity: Severity = Severity.ERROR

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do about it, in words."""
        return self.helps


def render(
    diagnostics: Iterable[Diagnostic | Uncoded], *, color: bool = False, unicode: bool = True, width: int | None = None
) -> str:
    """The findings as a person reads them, in the given order, with an empty line between two.

    Args:
        color: with ANSI colours.
        unicode: False: what is added to the spec's own text and to the messages is ASCII only.
        width: columns of the screen: source lines are cut so that the marks below them stay in their place.

    No summary and no newline at the end; no finding gives the empty text.
    """
    return "\n\n".join(_Snippet(finding, color, unicode, width).text() for finding in diagnostics)


class More(NamedTuple):
    """Findings of one code in one file that are counted and not shown."""

    file: str
    code: str
    number: int

    def __str__(self) -> str:
        return visible(f"and {self.number:,} more of {self.code} in {self.file} (check --format json has them all)")


class Abridged(NamedTuple):
    """Findings in their order, without those of which there are too many alike."""

    shown: tuple[Diagnostic, ...]
    more: tuple[More, ...]


def abridged(findings: Iterable[Diagnostic]) -> Abridged:
    """The first `MOST_ALIKE` of each code in each file; what is left is counted in the order in which it came."""
    seen: Counter[tuple[str, str]] = Counter()
    shown = []
    for finding in findings:
        key = finding.primary.span.source.name, finding.code
        seen[key] += 1
        if seen[key] <= MOST_ALIKE:
            shown.append(finding)
    more = (More(file, code, count - MOST_ALIKE) for (file, code), count in seen.items() if count > MOST_ALIKE)
    return Abridged(tuple(shown), tuple(more))


def line(finding: Diagnostic, color: bool = False) -> str:
    """A finding in a line: place, code and headline."""
    kind = f"{finding.severity}[{finding.code}]"
    shown = click.style(kind, fg=_COLORS[finding.severity], bold=True) if color else kind
    return f"{visible(str(finding.primary.span))}: {shown} {visible(finding.message)}"


def headline(error: SpecError) -> str:
    """What its first finding says, as a part of another sentence."""
    return error.diagnostics[0].message


class SnippetLine(NamedTuple):
    """A line of a finding: words, which may go on in the next line, or source and marks below it, which may not."""

    text: str
    is_words: bool = False


def snippet(finding: Diagnostic | Uncoded) -> Iterator[SnippetLine]:
    """The lines of one finding, as `render` shows it without colours."""
    return _Snippet(finding, color=False, unicode=True, width=None).lines()


@dataclass(frozen=True, slots=True)
class _Mark:
    """A label on its line: display columns ``start`` to ``end``, drawn with ``sign``."""

    start: int
    end: int
    sign: str
    text: str


class _Snippet:
    """One diagnostic."""

    def __init__(self, finding: Diagnostic | Uncoded, color: bool, unicode: bool, width: int | None) -> None:
        self._finding = finding
        self._color = color
        self._cut = "…" if unicode else "..."
        # A loop or block that begins on the line of the fault is told there, not below.
        self._around = list(takewhile(self._is_beside, finding.trace))
        self._trace = finding.trace[len(self._around) :]
        labels = (finding.primary, *finding.secondary, *finding.trace)
        # The gutter is as wide as the largest line number.
        self._gutter = max(len(str(label.span.position[0])) for label in labels)
        beside = self._gutter + len(" | ") + 2 * len(self._cut)
        self._widest = WIDEST if width is None else max(NARROWEST, min(WIDEST, width - beside))

    def text(self) -> str:
        return "\n".join(line.text for line in self.lines())

    def lines(self) -> Iterator[SnippetLine]:
        finding = self._finding
        code = f"[{finding.code}]" if isinstance(finding, Diagnostic) else ""
        kind = self._style(f"{finding.severity}{code}", _COLORS[finding.severity])
        yield SnippetLine(kind + self._style(f": {_clean(finding.message)}"), is_words=True)
        labels = (finding.primary, *finding.secondary, *self._around)
        for source in dict.fromkeys(label.span.source for label in labels):
            for line in self._part(source, [label for label in labels if label.span.source is source]):
                yield SnippetLine(line.rstrip())
        remarks = [("note", text) for text in finding.notes] + [("help", text) for text in finding.advice]
        if remarks:
            yield SnippetLine(self._bar())
        for kind, text in remarks:
            first, *rest = map(_clean, text.split("\n"))
            margin = f"{' ' * self._gutter} {self._style('=', 'blue')} {self._style(kind)}: "
            yield SnippetLine((margin + first).rstrip(), is_words=True)
            for line in rest:
                yield SnippetLine((" " * (self._gutter + 9) + line).rstrip(), is_words=True)
        for line in self._calls():
            yield SnippetLine(line.rstrip())

    def _calls(self) -> Iterator[str]:
        """How the fault was come to: the calls and rounds around it, the innermost first, line by line."""
        left_out = len(self._trace) - INNERMOST - OUTERMOST
        inner = self._trace[:INNERMOST] if left_out > 1 else self._trace
        outer = self._trace[-OUTERMOST:] if left_out > 1 else ()
        yield from self._chain(inner)
        if outer:
            places = f"{left_out} more calls and rounds in between"
            yield f"{' ' * self._gutter}{self._style(':::', 'blue')} {self._cut} {places} {self._cut}"
        yield from self._chain(outer)

    def _chain(self, trace: Iterable[Label]) -> Iterator[str]:
        for _, here in groupby(trace, key=_line):
            labels = list(here)
            yield from self._part(labels[0].span.source, labels)

    def _is_beside(self, label: Label) -> bool:
        return _line(label) == _line(self._finding.primary)

    def _part(self, source: Source, labels: list[Label]) -> Iterator[str]:
        """What is shown of one file."""
        arrow = "-->" if self._finding.primary in labels else ":::"
        line, column = labels[0].span.position
        yield f"{' ' * self._gutter}{self._style(arrow, 'blue')} {_clean(source.name)}:{line}:{column}"
        yield self._bar()
        previous = None
        by_line = sorted(labels, key=_line_number)
        for number, here in groupby(by_line, key=_line_number):
            if previous is not None and number == previous + 2:
                yield self._bar(number - 1) + " " + self._shown(source.line(number - 1), [])[0]
            elif previous is not None and number > previous + 2:
                yield self._style("...", "blue")
            yield from self._line(source.line(number), number, list(here))
            previous = number

    def _line(self, text: str, number: int, labels: list[Label]) -> Iterator[str]:
        shown, marks = self._shown(text, labels)
        yield f"{self._bar(number)} {shown}"
        underlined = max((mark.end for mark in marks), default=0)
        for row in _rows(marks):
            yield f"{self._bar()} {self._painted(row, marks, underlined)}"
            underlined = 0

    def _shown(self, text: str, labels: list[Label]) -> tuple[str, list[_Mark]]:
        """The line as it is printed, and its labels in display columns."""
        primary = self._finding.primary
        places = []
        for label in sorted(labels, key=lambda label: label is not primary):
            start = label.span.position[1] - 1
            # A span of several lines is shown up to the end of its first one, and none up to blanks.
            covered = text[start : start + label.span.end - label.span.start].rstrip()
            places.append((label, start, start + max(1, len(covered))))
        first, last = self._window(len(text), places[0][1:] if places else (0, 0))
        before = self._cut if first else ""
        cells = [_cell(character) for character in text[first:last]]
        shown = before + "".join(cell for cell, _ in cells) + (self._cut if last < len(text) else "")
        columns = [len(before)]
        for _, width in cells:
            columns.append(columns[-1] + width)

        def column(offset: int) -> int:
            return columns[min(max(offset - first, 0), len(cells))]

        marks = []
        for label, start, end in places:
            sign = "^" if label is primary else "-"
            left = column(start)
            marks.append(_Mark(left, max(column(end), left + 1), sign, _clean(label.text)))
        return shown, marks

    def _window(self, length: int, place: tuple[int, int]) -> tuple[int, int]:
        """Which characters of a line to show so that the place is among them, with some text around it."""
        widest = self._widest
        if length <= widest:
            return 0, length
        start, end = place
        margin = max(widest - (end - start), widest // 2) // 2
        first = max(0, min(start - margin, length - widest))
        return first, min(length, first + widest)

    def _bar(self, number: int | None = None) -> str:
        left = "" if number is None else str(number)
        return self._style(f"{left:>{self._gutter}} |", "blue")

    def _painted(self, row: str, marks: list[_Mark], underlined: int) -> str:
        """Each mark in its colour, and so the bar below it and the words beside it.

        Args:
            underlined: how many columns of the row are underlines; none but in the first row.
        """
        if not self._color:
            return row
        drawn = sorted((mark for mark in marks if row[mark.start : mark.start + 1].strip()), key=lambda m: m.start)

        def sign(column: int) -> str:
            if column < underlined:
                return row[column]
            return next((mark.sign for mark in reversed(drawn) if mark.start <= column), " ")

        colors = {"^": _COLORS[self._finding.severity], "-": "blue"}
        runs = (("".join(row[column] for column in run), mark) for mark, run in groupby(range(len(row)), sign))
        return "".join(self._style(text, colors[mark]) if mark in colors else text for text, mark in runs)

    def _style(self, text: str, color: str | None = None) -> str:
        return click.style(text, fg=color, bold=True) if self._color else text


def _line_number(label: Label) -> int:
    return label.span.position[0]


def _line(label: Label) -> tuple[str, int]:
    """The line on which it begins, in whatever file."""
    return label.span.source.name, label.span.position[0]


def _rows(marks: list[_Mark]) -> Iterator[str]:
    """The lines under a source line: the underlines, then the words that found no room beside them.

    The rightmost label has its words on the first line; the others follow, one line each, from right to left,
    each led down to by a bar.
    """
    marks = sorted(marks, key=lambda mark: (mark.start, mark.end))
    if not marks:
        return
    row = _drawn(marks)
    waiting = [mark for mark in marks if mark.text]
    if waiting and waiting[-1].end >= len(row):
        row += " " + waiting.pop().text
    yield row
    if waiting:
        yield _bars(waiting)
    while waiting:
        mark = waiting.pop()
        yield _bars([other for other in waiting if other.start < mark.start]).ljust(mark.start) + mark.text


def _drawn(marks: list[_Mark]) -> str:
    cells = [" "] * max(mark.end for mark in marks)
    for mark in sorted(marks, key=lambda mark: mark.sign == "^"):
        cells[mark.start : mark.end] = mark.sign * (mark.end - mark.start)
    return "".join(cells)


def _bars(marks: list[_Mark]) -> str:
    cells = [" "] * (max((mark.start for mark in marks), default=-1) + 1)
    for mark in marks:
        cells[mark.start] = "|"
    return "".join(cells)


def _cell(character: str) -> tuple[str, int]:
    """How a character is printed and how many columns that takes."""
    if " " <= character <= "~":
        return character, 1  # nearly all are, and to ask Unicode of each takes two thirds of the time of a finding
    if character == "\t":
        return " " * _TAB, _TAB
    category = unicodedata.category(character)
    if category in ("Mn", "Me"):
        return character, 0
    if category.startswith(("C", "Zl", "Zp")):
        escaped = character.encode("unicode_escape").decode("ascii")
        return escaped, len(escaped)
    return character, 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _clean(text: str) -> str:
    """Without anything a terminal would obey."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_cell(character)[0] for character in text)
