"""The comments of a spec, which its tree does not hold."""

from __future__ import annotations

import re
from typing import NamedTuple

from specc.source import Source

_PART = re.compile(
    r"""
      (?P<string>"[^"\\\n]*(?:\\.[^"\\\n]*)*"?)
    | (?P<comment>\#[^\n]*)
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    """,
    re.VERBOSE,
)
_KEPT = ("#!", "#:", "##")


class Comment(NamedTuple):
    """``start`` is the offset of the ``#``; ``text`` goes to the end of the line, less trailing blanks.

    ``alone``: nothing but blanks stands before it on its line.
    ``after_blank``: it is alone, and the line above is empty.
    """

    start: int
    text: str
    alone: bool
    after_blank: bool


def comments(source: Source) -> tuple[Comment, ...]:
    """Every comment, in order. Strings must be closed, as in every text that parses."""
    return tuple(_comment(source, found.start()) for found in _PART.finditer(source.text) if found["comment"])


def brackets(source: Source) -> dict[int, int]:
    """The offset of every bracket's partner, both ways. Brackets must pair up, as in every text that parses."""
    partner: dict[int, int] = {}
    waiting: list[int] = []
    for found in _PART.finditer(source.text):
        if found["open"]:
            waiting.append(found.start())
        elif found["close"]:
            begin = waiting.pop()
            partner[begin], partner[found.start()] = found.start(), begin
    return partner


def tidy(text: str) -> str:
    """A comment with a blank behind its ``#``; ``#!``, ``#:`` and ``##`` mean something to somebody and stay."""
    if len(text) == 1 or text[1].isspace() or text.startswith(_KEPT):
        return text
    return f"# {text[1:]}"


def empty_line_above(source: Source, offset: int) -> bool:
    """Whether ``offset`` is the first mark on its line, and there is nothing but blanks on the line above."""
    line, _ = source.position(offset)
    return line > 1 and not source.before(offset).strip() and not source.line(line - 1).strip()


def _comment(source: Source, start: int) -> Comment:
    line, column = source.position(start)
    alone = not source.before(start).strip()
    return Comment(start, source.line(line)[column - 1 :].rstrip(), alone, empty_line_above(source, start))
