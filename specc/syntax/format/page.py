"""The lines that are written so far: code, and the comment behind it."""

from __future__ import annotations

from typing import NamedTuple

WIDTH = 100
"""Columns for code; comments may go beyond."""
INDENT = 2
CONTINUED = 4
"""How much deeper the second line of a header stands than the first: deeper than the body, which it is no part of."""


class _Line(NamedTuple):
    code: str
    comment: str

    @property
    def is_alone(self) -> bool:
        """Whether its comment is aligned with no other: it closes a bracket, or is too long itself."""
        return self.code.lstrip().startswith(("}", ")", "]")) or len(self.code) > WIDTH


class Page:
    """Text that grows at its end."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []
        self._code = ""
        self._comment = ""

    def write(self, text: str) -> None:
        self._code += text

    def fits(self, text: str, more: int = 0) -> bool:
        """Whether the present line can take ``text`` and ``more`` characters behind it."""
        return len(self._code) + len(text) + more <= WIDTH

    def remark(self, comment: str) -> None:
        """A comment at the end of the present line, behind one that is there already."""
        self._comment = f"{self._comment}  {comment}" if self._comment else comment

    @property
    def remarked(self) -> bool:
        """Whether the present line ends in a comment: nothing can follow on it."""
        return bool(self._comment)

    @property
    def height(self) -> int:
        """How many lines have ended."""
        return len(self._lines)

    def newline(self, indent: int) -> None:
        """End the present line; the next one begins ``indent`` columns in."""
        self._lines.append(_Line(self._code.rstrip(), self._comment))
        self._code, self._comment = " " * indent, ""

    def blank(self) -> None:
        """An empty line above the present one, which must not have begun."""
        self._lines.append(_Line("", ""))

    def text(self) -> str:
        """All lines that have ended; the comments behind consecutive lines stand in one column."""
        lines = self._lines
        written: list[str] = []
        at = 0
        while at < len(lines):
            run = _run(lines, at)
            written += _aligned(lines[at:run])
            at = run
        return "".join(f"{line}\n" for line in written)


def _run(lines: list[_Line], begin: int) -> int:
    """The end of the lines from ``begin`` whose comments are aligned; at least one line."""
    end = begin
    while end < len(lines) and lines[end].comment and not lines[end].is_alone:
        end += 1
    return max(end, begin + 1)


def _aligned(lines: list[_Line]) -> list[str]:
    width = max(len(line.code) for line in lines)
    return [f"{code.ljust(width)}  {comment}" if comment else code for code, comment in lines]
