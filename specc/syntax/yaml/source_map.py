"""The text of the language that a YAML spec stands for, and the map from each part of it back to the YAML.

The one parser reads that text; the places in its tree and its findings are mapped back here. So both ways of writing a
spec have one grammar, one tree and one set of messages.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import Any, NamedTuple

from specc.diagnostics import Diagnostic, Label
from specc.source import Source, Span


class MappedSpan(Span):
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
        if not isinstance(other, MappedSpan):
            return Span(self.source, self.start, other.end)
        return MappedSpan(self.source, self.start, other.end, self.origin.to(other.origin))


class Segment(NamedTuple):
    """Text of the language, and the place in the YAML that it stands for.

    Attributes:
        exact: character by character; otherwise as a whole.
        whole: it begins a statement or an item, and the place is that of all of it.
        expression: of an expression's text, what it is: "value" or "condition"; empty for all else.
    """

    text: str
    start: int
    end: int
    exact: bool = False
    whole: bool = False
    expression: str = ""


class SourceMap:
    """Segments side by side.

    Attributes:
        yaml: the text in YAML.
        source: the text of the language.
    """

    def __init__(self, yaml: Source, segments: list[Segment]) -> None:
        self.yaml = yaml
        self.segments = segments
        self.source = Source(yaml.name, "".join(segment.text for segment in segments))
        self._starts: list[int] = []
        at = 0
        for segment in segments:
            self._starts.append(at)
            at += len(segment.text)

    def original(self, span: Span) -> Span:
        """The place in the YAML of a place in the text."""
        first = self._index(span.start)
        if self.segments and self.segments[first].whole:
            return MappedSpan(self.yaml, self.segments[first].start, self.segments[first].end, span)
        last = self._index(max(span.start, span.end - 1))
        start, _ = self._range(first, span.start)
        _, end = self._range(last, span.end)
        if end < start:
            # Keys of a mapping may stand in any order.
            around = self.segments[first : last + 1]
            start, end = min(segment.start for segment in around), max(segment.end for segment in around)
        return MappedSpan(self.yaml, start, end, span)

    def tree(self, part: Any) -> Any:
        """A tree of the text with the places of the YAML. It nests no deeper than the parser lets it."""
        if isinstance(part, Span):
            return self.original(part)
        if part is self.source:
            return self.yaml
        if not isinstance(part, tuple):
            return part
        parts = map(self.tree, part)  # no comprehension: it would take half of the frames that Python gives
        return type(part)(*parts) if hasattr(part, "_fields") else tuple(parts)

    def finding(self, finding: Diagnostic) -> Diagnostic:
        def label(label: Label) -> Label:
            return replace(label, span=self.original(label.span))

        return replace(
            finding,
            primary=label(finding.primary),
            secondary=tuple(map(label, finding.secondary)),
            trace=tuple(map(label, finding.trace)),
            fix=None,  # it would write the language into YAML
        )

    def _index(self, offset: int) -> int:
        return max(0, bisect_right(self._starts, offset) - 1)

    def _range(self, index: int, offset: int) -> tuple[int, int]:
        """Where ``offset`` is from, as the start of something, and as its end."""
        segment = self.segments[index]
        if not segment.exact:
            return segment.start, segment.end
        at = min(segment.start + offset - self._starts[index], segment.end)
        return at, at
