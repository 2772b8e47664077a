"""Places of a text as types of the protocol."""

from __future__ import annotations

from lsprotocol import types as lsp

from specc.server.positions import Position, bounds, offset
from specc.source import Source, Span


def lsp_position(place: Position) -> lsp.Position:
    return lsp.Position(place.line, place.character)


def lsp_range(span: Span) -> lsp.Range:
    start, end = bounds(span)
    return lsp.Range(lsp_position(start), lsp_position(end))


def offset_of(source: Source, place: lsp.Position) -> int:
    return offset(source, Position(place.line, place.character))
