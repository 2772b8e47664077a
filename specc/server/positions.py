"""Places as LSP counts them: lines and UTF-16 units from 0. Whatever a client sends lands within the text."""

from __future__ import annotations

import re
from typing import NamedTuple

from specc.source import Source, Span


class Position(NamedTuple):
    line: int
    character: int


def position(source: Source, offset: int) -> Position:
    """Where the character at ``offset`` stands."""
    offset = min(max(offset, 0), len(source.text))
    line, _ = source.position(offset)
    return Position(line - 1, _units(source.before(offset)) + (source.has_mark and line == 1))


def bounds(span: Span) -> tuple[Position, Position]:
    return position(span.source, span.start), position(span.source, span.end)


def offset(source: Source, place: Position) -> int:
    """The offset at a place; behind the end of a line its end, within a pair of surrogates the character."""
    lines = source.text.count("\n") + 1
    if place.line < 0:
        return 0
    if place.line >= lines:
        return len(source.text)
    text = source.line(place.line + 1)
    begin = _line_start(source.text, place.line)
    units = int(source.has_mark and place.line == 0)
    for at, character in enumerate(text):
        units += 2 if ord(character) > 0xFFFF else 1
        if units > place.character:
            return begin + at
    return begin + len(text)


def edited(text: str, start: Position, end: Position, new: str) -> str:
    """A text with another one between two places. Here lines end as LSP says, at a lone carriage return, too."""
    begins = [0, *(match.end() for match in re.finditer("\r\n|\n|\r", text)), len(text)]

    def at(place: Position) -> int:
        if not 0 <= place.line < len(begins) - 1:
            return 0 if place.line < 0 else len(text)
        line = text[begins[place.line] : begins[place.line + 1]].rstrip("\r\n")
        return begins[place.line] + offset(Source("", line), Position(0, place.character))

    first, last = sorted((at(start), at(end)))
    return text[:first] + new + text[last:]


def _line_start(text: str, line: int) -> int:
    at = 0
    for _ in range(line):
        at = text.index("\n", at) + 1
    return at


def _units(text: str) -> int:
    return len(text) + sum(ord(character) > 0xFFFF for character in text)
