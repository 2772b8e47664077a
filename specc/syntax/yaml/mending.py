"""The tree of a YAML text that is still being written: an entry that is none yet is a step that nobody knows."""

from __future__ import annotations

import re

from specc.diagnostics import SpecError
from specc.source import Source
from specc.syntax import ast
from specc.syntax.recovery import MOST_MISTAKES
from specc.syntax.yaml.loader import parse

_BRACKET = re.compile(r"""[\[\]{}]|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|(?<!\S)#.*""")


def mended(source: Source, unknown: str) -> ast.File | None:
    """The tree of all that can be parsed, every part at its own place; None where too little can.

    The places are those of another text, which is as long and has the same lines.

    Args:
        unknown: a name that the text does not have.
    """
    entries = _Entries(source.text, unknown)
    entries.drop_open()
    for _ in range(MOST_MISTAKES):
        text = entries.text
        try:
            return parse(Source(source.name, text))
        except SpecError as error:
            mistake = error.diagnostics[0].primary.span.start
        if not entries.drop(text.count("\n", 0, mistake)):
            return None
    return None


class _Entries:
    """The lines of a text, and the entries of lists that begin on them."""

    def __init__(self, text: str, unknown: str) -> None:
        self._lines = text.split("\n")
        self._unknown = unknown

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def drop_open(self) -> None:
        """Drop what has nothing behind its dash, and what has a bracket open where the next entry begins."""
        opened, depth = 0, 0
        for number, line in enumerate(self._lines):
            if line.lstrip(" ").startswith("-"):
                if depth > 0:
                    self.drop(opened)
                opened, depth = number, 0
            marks = [match[0] for match in _BRACKET.finditer(line)]
            depth += sum(mark in ("[", "{") for mark in marks) - sum(mark in ("]", "}") for mark in marks)
            if line.strip(" ") == "-" and self._end(number) == number + 1:
                self._lines[number] = " " * len(line)
        if depth > 0:
            self.drop(opened)

    def drop(self, number: int) -> bool:
        """Make the innermost entry around a line a step without a meaning, of those of the file nothing.

        False where there is none.
        """
        within: int | None = None
        for first in range(min(number, len(self._lines) - 1), -1, -1):
            line = self._lines[first]
            content = line.lstrip(" -")
            indent = self._indent(first)
            if not line.strip() or (within is not None and indent >= within):
                continue
            if not line.lstrip(" ").startswith("-"):
                within = indent
            elif content.rstrip() != self._unknown:
                last = self._end(first)
                self._lines[first:last] = [" " * len(each) for each in self._lines[first:last]]
                if indent and content:
                    self._lines[first] = (line[: -len(content)] + self._unknown).ljust(len(line))
                return True
        return False

    def _indent(self, number: int) -> int:
        line = self._lines[number]
        return len(line) - len(line.lstrip(" "))

    def _end(self, first: int) -> int:
        """The line behind an entry."""
        last = first + 1
        while last < len(self._lines) and (not self._lines[last].strip() or self._indent(last) > self._indent(first)):
            last += 1
        return last
