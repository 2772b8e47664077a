"""Spec text and places in it: the ground every other part stands on."""

from __future__ import annotations

import re
from bisect import bisect_right

YAML_SUFFIXES = (".yaml", ".yml", ".json")
"""JSON is YAML: what a program writes as JSON is read as it stands."""


class Source:
    """One spec text and the name it is shown under (a posix path, or ``<stdin>``).

    Attributes:
        has_mark: a byte order mark stood before the text, which is none of its characters.
    """

    __slots__ = ("_starts", "has_mark", "name", "text")

    def __init__(self, name: str, text: str, *, has_mark: bool = False) -> None:
        self.name = name
        self.text = text
        self.has_mark = has_mark
        self._starts: tuple[int, ...] | None = None

    def _line_starts(self) -> tuple[int, ...]:
        """The offset at which each line begins; asked of a spec only where something is to be shown."""
        if self._starts is None:
            self._starts = (0, *(match.end() for match in re.finditer("\n", self.text)))
        return self._starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character offset, both counted from 1."""
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line ``number`` (from 1), without its line end."""
        starts = self._line_starts()
        start = starts[number - 1]
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[start:end].rstrip("\r")

    def before(self, offset: int) -> str:
        """What stands before ``offset`` on its line."""
        return self.text[self.text.rfind("\n", 0, offset) + 1 : offset]

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    def span(self, start: int, end: int) -> Span:
        return Span(self, start, end)


class Span:
    """The characters ``start`` to ``end`` (exclusive) of a source. Nobody changes one: they are compared and hashed."""

    __slots__ = ("end", "source", "start")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Span):
            return NotImplemented
        return self.start == other.start and self.end == other.end and self.source is other.source

    def __hash__(self) -> int:
        return hash((self.source, self.start, self.end))

    def __repr__(self) -> str:
        return f"Span({self}, {self.text!r})"

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def origin(self) -> Span:
        """The place in the text of the language, which of a spec in YAML is another text."""
        return self

    @property
    def position(self) -> tuple[int, int]:
        """Line and column where the span begins, both counted from 1."""
        return self.source.position(self.start)

    def __str__(self) -> str:
        line, column = self.position
        return f"{self.source.name}:{line}:{column}"

    def covers(self, other: Span) -> bool:
        return self.source is other.source and self.start <= other.start and other.end <= self.end

    def moved(self, source: Source, by: int) -> Span:
        """The place of the same text in another source, so many characters further."""
        return Span(source, self.start + by, self.end + by)

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of ``other``."""
        return Span(self.source, self.start, other.end)


def is_yaml(name: str) -> bool:
    """Whether a spec of this name is in YAML; all others are in the language."""
    return name.lower().endswith(YAML_SUFFIXES)
