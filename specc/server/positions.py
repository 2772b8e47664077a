"""Places as LSP counts them: lines and UTF-16 units from 0. Whatever a client sends lands within the text."""

from __future__ import annotations

from typing import NamedTuple

from specc.source import Source, Span


class Position(NamedTuple):
    line: int
    character: int


def position(source: Source, offset: int) -> Position:
    """Where the character at ``offset`` stands."""
    offset = min(max(offset, 0), len(source.text))
    line, _ = source.position(offset)
    return Position(line - 1, _units(source.before(offset)))


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
    units = 0
    for at, character in enumerate(text):
        units += 2 if ord(character) > 0xFFFF else 1
        if units > place.character:
            return begin + at
    return begin + len(text)


def _line_start(text: str, line: int) -> int:
    at = 0
    for _ in range(line):
        at = text.index("\n", at) + 1
    return at


def _units(text: str) -> int:
    return len(text) + sum(ord(character) > 0xFFFF for character in text)
