"""Findings as a person reads them: each with the lines of its source, carets below them, notes and helps."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
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
_TAB = " " * 4
_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


class Style(NamedTuple):
    """The options of a text.

    Attributes:
        color: with ANSI colours.
        unicode: False: what specc adds to a spec's text and to messages is ASCII, where the format leaves the choice.
        width: columns of the screen that it is for; None: it is for none.
    """

    color: bool = False
    unicode: bool = True
    width: int | None = None

    def paint(self, text: str, fg: str | None = None, *, bold: bool = True) -> str:
        """The text in a colour and weight, where it may have any."""
        # Of bold=False click would write a code, too.
        return click.style(text, fg=fg, bold=bold or None) if self.color else text


PLAIN = Style()
"""For no screen: without colours, and as wide as need be."""


class Uncoded(NamedTuple):
    """A message in the form of a diagnostic, without a code: it is not the spec that is wrong."""

    message: str
    primary: Label
    notes: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    secondary: tuple[Label, ...] = ()
    trace: tuple[Label, ...] = ()
    severity: Severity = Severity.ERROR


def render(diagnostics: Iterable[Diagnostic | Uncoded], style: Style = PLAIN) -> str:
    """The findings in their order, with an empty line between two; source lines are cut to the screen's width.

    No summary and no newline at the end; no finding gives the empty text.
    """
    return "\n\n".join("\n".join(line.text for line in snippet(finding, style)) for finding in diagnostics)


def abridged(findings: Iterable[Diagnostic]) -> tuple[list[Diagnostic], list[str]]:
    """The first `MOST_ALIKE` of each code in each file, and a line on each code of which there are more."""
    seen: Counter[tuple[str, str]] = Counter()
    shown = []
    for finding in findings:
        key = finding.primary.span.source.name, finding.code
        seen[key] += 1
        if seen[key] <= MOST_ALIKE:
            shown.append(finding)
    more = [
        visible(f"and {number - MOST_ALIKE:,} more of {code} in {file} (check --format json has them all)")
        for (file, code), number in seen.items()
        if number > MOST_ALIKE
    ]
    return shown, more


def line(finding: Diagnostic, style: Style = PLAIN) -> str:
    """A finding in a line: place, code and headline."""
    kind = style.paint(f"{finding.severity}[{finding.code}]", _COLORS[finding.severity])
    return f"{visible(str(finding.primary.span))}: {kind} {visible(finding.message)}"


def headline(error: SpecError) -> str:
    """The message of its first finding, as a part of another sentence."""
    return error.diagnostics[0].message


class SnippetLine(NamedTuple):
    """A line of a finding: words, which may go on in the next line, or source and marks below it, which may not."""

    text: str
    is_words: bool = False


def snippet(finding: Diagnostic | Uncoded, style: Style = PLAIN) -> Iterator[SnippetLine]:
    """The lines of one finding, as `render` shows it."""
    return _Snippet(finding, style).lines()


class _Mark(NamedTuple):
    """A label on its line: display columns ``start`` to ``end``, drawn with ``sign``."""

    start: int
    end: int
    sign: str
    text: str


class _Snippet:
    """One diagnostic."""

    def __init__(self, finding: Diagnostic | Uncoded, style: Style) -> None:
        self._finding = finding
        self._style = style
        self._cut = "…" if style.unicode else "..."
        # A loop or block that begins on the line of the fault is shown there, not below.
        self._around = list(takewhile(lambda label: _line(label) == _line(finding.primary), finding.trace))
        labels = (finding.primary, *finding.secondary, *finding.trace)
        # The gutter is as wide as the largest line number.
        self._gutter = max(len(str(_number(label))) for label in labels)
        beside = self._gutter + len(" | ") + 2 * len(self._cut)
        self._widest = WIDEST if style.width is None else max(NARROWEST, min(WIDEST, style.width - beside))

    def lines(self) -> Iterator[SnippetLine]:
        finding, paint = self._finding, self._style.paint
        code = f"[{finding.code}]" if isinstance(finding, Diagnostic) else ""
        kind = paint(f"{finding.severity}{code}", _COLORS[finding.severity])
        yield SnippetLine(kind + paint(f": {_clean(finding.message)}"), is_words=True)
        labels = (finding.primary, *finding.secondary, *self._around)
        for source in dict.fromkeys(label.span.source for label in labels):
            yield from self._part(source, [label for label in labels if label.span.source is source])
        remarks = [("note", text) for text in finding.notes] + [("help", text) for text in finding.advice]
        if remarks:
            yield SnippetLine(self._bar())
        for kind, text in remarks:
            first, *rest = map(_clean, text.split("\n"))
            margin = f"{' ' * self._gutter} {paint('=', 'blue')} {paint(kind)}: "
            yield SnippetLine((margin + first).rstrip(), is_words=True)
            for line in rest:
                yield SnippetLine((" " * (self._gutter + 9) + line).rstrip(), is_words=True)
        # The calls and rounds around the fault, the innermost first, line by line.
        trace = finding.trace[len(self._around) :]
        omitted = len(trace) - INNERMOST - OUTERMOST
        if omitted <= 1:  # to say that one is left out takes the line that it would have
            yield from self._chain(trace)
            return
        yield from self._chain(trace[:INNERMOST])
        places = f"{omitted} more calls and rounds in between"
        yield SnippetLine(f"{' ' * self._gutter}{paint(':::', 'blue')} {self._cut} {places} {self._cut}")
        yield from self._chain(trace[-OUTERMOST:])

    def _chain(self, trace: Iterable[Label]) -> Iterator[SnippetLine]:
        for _, group in groupby(trace, key=_line):
            labels = list(group)
            yield from self._part(labels[0].span.source, labels)

    def _part(self, source: Source, labels: list[Label]) -> Iterator[SnippetLine]:
        """What is shown of one file."""
        arrow = self._style.paint("-->" if self._finding.primary in labels else ":::", "blue")
        line, column = labels[0].span.position
        yield SnippetLine(f"{' ' * self._gutter}{arrow} {_clean(source.name)}:{line}:{column}")
        yield SnippetLine(self._bar())
        previous = None
        for number, group in groupby(sorted(labels, key=_number), key=_number):
            if previous is not None and number == previous + 2:
                between, _ = self._shown(source.line(number - 1), [])
                yield SnippetLine(f"{self._bar(number - 1)} {between}".rstrip())
            elif previous is not None and number > previous + 2:
                yield SnippetLine(self._style.paint("...", "blue"))
            shown, marks = self._shown(source.line(number), list(group))
            yield SnippetLine(f"{self._bar(number)} {shown}".rstrip())
            for row in self._rows(marks):
                yield SnippetLine(f"{self._bar()} {row}".rstrip())
            previous = number

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
        return self._style.paint(f"{'' if number is None else number:>{self._gutter}} |", "blue")

    def _rows(self, marks: list[_Mark]) -> Iterator[str]:
        """The lines under a source line: the underlines, then the labels that have no room beside them.

        The rightmost label has its words on the first line; the others follow, one line each, from right to left,
        each led down to by a bar.
        """
        if not marks:
            return
        signs = [" "] * max(mark.end for mark in marks)
        for mark in sorted(marks, key=lambda mark: (mark.sign == "^", mark.start, mark.end)):
            signs[mark.start : mark.end] = mark.sign * (mark.end - mark.start)
        row, column = [], 0
        for sign, run in groupby(signs):
            text = "".join(run)
            row.append(_Mark(column, column + len(text), sign, text))
            column += len(text)
        waiting = sorted((mark for mark in marks if mark.text), key=lambda mark: (mark.start, mark.end))
        if waiting and waiting[-1].end == column:
            row[-1] = row[-1]._replace(text=f"{row[-1].text} {waiting.pop().text}")
        yield self._painted(row)
        if waiting:
            yield self._painted(_bars(waiting))
        while waiting:
            mark = waiting.pop()
            yield self._painted([*_bars(other for other in waiting if other.start < mark.start), mark])

    def _painted(self, row: Iterable[_Mark]) -> str:
        """The texts of marks at their columns, each in its colour."""
        painted, column = "", 0
        for mark in row:
            color = _COLORS[self._finding.severity] if mark.sign == "^" else "blue"
            text = self._style.paint(mark.text, color) if mark.text.strip() else mark.text
            painted += " " * (mark.start - column) + text
            column = mark.start + len(mark.text)
        return painted


def _bars(marks: Iterable[_Mark]) -> Iterable[_Mark]:
    """A bar for each mark; marks that begin at one column have one."""
    return {mark.start: mark._replace(text="|") for mark in marks}.values()


def _number(label: Label) -> int:
    return label.span.position[0]


def _line(label: Label) -> tuple[str, int]:
    """The line on which it begins, in whatever file."""
    return label.span.source.name, label.span.position[0]


def _cell(character: str) -> tuple[str, int]:
    """How a character is printed and how many columns that takes."""
    if " " <= character <= "~":
        return character, 1  # nearly all are, and to ask Unicode of each takes two thirds of the time of a finding
    shown = _clean(character)
    if shown != character:
        return shown, len(shown)
    if unicodedata.category(character) in ("Mn", "Me"):
        return character, 0
    return character, 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _clean(text: str) -> str:
    """Without anything a terminal would obey; a tab is as wide as in the source lines."""
    return visible(text.replace("\t", _TAB))
