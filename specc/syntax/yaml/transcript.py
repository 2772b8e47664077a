"""The text of the language that a YAML spec stands for, and where in the YAML every part of it comes from.

The one parser reads that text; what it says of places is carried back here. So both ways of writing a spec have one
grammar, one tree and one set of messages.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import Any, NamedTuple

from specc.diagnostics import Diagnostic, Label
from specc.source import Source, Span


class Carried(Span):
    """A place in a YAML source. Its text is that of the language: what messages and reports show of a step.

    Attributes:
        origin: the place in the text of the language.
    """

    __slots__ = ("origin",)

    def __init__(self, source: Source, start: int, end: int, origin: Span) -> None:
        super().__init__(source, start, end)
        self.origin = origin

    @property
    def text(self) -> str:
        return self.origin.text

    def to(self, other: Span) -> Span:
        if not isinstance(other, Carried):
            return Span(self.source, self.start, other.end)
        return Carried(self.source, self.start, other.end, self.origin.to(other.origin))


class Piece(NamedTuple):
    """A piece of the text, and the place in the YAML that it is from.

    ``exact``: character by character; otherwise as a whole. ``whole``: it begins a statement or an item, and the place
    is that of all of it.
    """

    text: str
    start: int
    end: int
    exact: bool = False
    whole: bool = False
    hole: str = ""
    """Of the text of an expression what stands there: "value" or "condition"."""


class Transcript:
    """The pieces, in the order of the text."""

    def __init__(self, source: Source, pieces: list[Piece]) -> None:
        self.yaml = source
        self.pieces = pieces
        self._starts: list[int] = []
        at = 0
        for piece in pieces:
            self._starts.append(at)
            at += len(piece.text)
        self.source = Source(source.name, "".join(piece.text for piece in pieces))

    def back(self, span: Span) -> Span:
        """The place in the YAML that a place in the text is from."""
        first = self._index(span.start)
        if self.pieces and self.pieces[first].whole:
            return Carried(self.yaml, self.pieces[first].start, self.pieces[first].end, span)
        last = self._index(max(span.start, span.end - 1))
        start = self._place(first, span.start)[0]
        end = self._place(last, span.end)[1]
        if end < start:
            # Keys of a mapping may stand in any order.
            around = self.pieces[first : last + 1]
            start, end = min(piece.start for piece in around), max(piece.end for piece in around)
        return Carried(self.yaml, start, end, span)

    def tree(self, part: Any) -> Any:
        """A tree of the text with the places of the YAML. It nests no deeper than the parser lets it."""
        if isinstance(part, Span):
            return self.back(part)
        if part is self.source:
            return self.yaml
        if not isinstance(part, tuple):
            return part
        parts = map(self.tree, part)  # no comprehension: it would take half of the frames that Python gives
        return type(part)(*parts) if hasattr(part, "_fields") else tuple(parts)

    def finding(self, finding: Diagnostic) -> Diagnostic:
        return replace(
            finding,
            primary=self._label(finding.primary),
            secondary=tuple(map(self._label, finding.secondary)),
            trace=tuple(map(self._label, finding.trace)),
            fix=None,  # it would write the language into YAML
        )

    def _label(self, label: Label) -> Label:
        return Label(self.back(label.span), label.text)

    def _index(self, offset: int) -> int:
        return max(0, bisect_right(self._starts, offset) - 1)

    def _place(self, index: int, offset: int) -> tuple[int, int]:
        """Where ``offset`` is from, as the start of something, and as its end."""
        piece = self.pieces[index]
        if not piece.exact:
            return piece.start, piece.end
        at = min(piece.start + offset - self._starts[index], piece.end)
        return at, at
