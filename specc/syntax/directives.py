"""What comments say to specc: the version of the language, and which findings are ignored.

``# specc: 1`` on the first line pins the version. ``# specc: ignore[S0505] reason`` is about its line or, alone on one,
about the next line of code; ``ignore-file`` is about the whole file. They mean the same in both forms of a spec.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from specc.source import Source, Span, is_yaml

_PIN = re.compile(r"#[ \t]*specc[ \t]*[:=]?[ \t]*(?P<version>v?\d\S*)(?P<rest>[^\n]*)", re.IGNORECASE)
# Texts, compiled when the first comment of the kind is read: most specs have none.
_DIRECTIVE = r"#[ \t]*specc:[ \t]*(?P<word>[\w-]*)(?:\[(?P<codes>[^\]]*)\])?[ \t]*(?P<reason>.*)"

# What stands before the comment of a line of YAML, where a # in a word begins none, and a quotation mark in a word is
# one of its letters. PyYAML knows it too, but is not imported where all that is known of a file lies in the cache.
_YAML_CODE = r"""(?:[^"'#]|(?<![^\s\[{,:])(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|(?<=\S)["'#])*"""


class Pin(NamedTuple):
    """The first line of a spec where it says a version.

    Attributes:
        line: the line, less trailing blanks.
        version: where the version stands.
        is_alone: nothing else stands on the line; where something does, the line is a comment like others.
    """

    line: str
    version: Span
    is_alone: bool


class Directive(NamedTuple):
    """A comment that begins with ``specc:`` and is no version.

    Attributes:
        start: where in the comment it begins: other words may stand before it.
        word: ``ignore``, ``ignore-file``, or what a mistaken author wrote there.
        codes: what stands in the brackets: codes of findings or their beginnings; None without brackets.
        reason: what is said behind them.
    """

    start: int
    word: str
    codes: tuple[str, ...] | None
    reason: str


def pin(source: Source) -> Pin | None:
    """The version that the first line says; None where it says none."""
    found = _PIN.match(source.text)
    if found is None:
        return None
    return Pin(found[0].rstrip(), source.span(*found.span("version")), not found["rest"].strip())


def directive(comment: str) -> Directive | None:
    """What a comment says to specc; None for one that says nothing, or a version."""
    found = re.search(_DIRECTIVE, comment) if "specc:" in comment else None
    if found is None or _PIN.match(found[0]):
        return None
    codes = None if found["codes"] is None else tuple(code.strip() for code in found["codes"].split(","))
    return Directive(found.start(), found["word"], codes, found["reason"].strip())


def directives(source: Source) -> Iterator[tuple[Span, Directive]]:
    """What the comments of a spec say to specc, each with its place, which goes to the end of the line."""
    text, end = source.text, 0
    while (there := text.find("specc:", end)) >= 0:
        start = text.rfind("\n", 0, there) + 1
        end = text.find("\n", there) % (len(text) + 1)
        line = text[start:end].rstrip()
        at = _comment_start(line, source.name)
        if found := directive(line[at:]):
            yield source.span(start + at + found.start, start + len(line)), found


def _comment_start(line: str, name: str) -> int:
    """Where the comment of a line begins; its end where it has none."""
    if is_yaml(name):
        return re.match(_YAML_CODE, line).end()  # type: ignore[union-attr]  # it matches anything
    at = line.find("#") % (len(line) + 1)
    if '"' not in line[:at]:
        return at  # no string, so the lexer need not be asked, nor its tables read where all else lies in the cache
    from specc.syntax.trivia import comment_start

    return comment_start(line)


class CodeLines:
    """Which lines of a text hold more than a comment, and in which item they stand; the same in both forms."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._numbers: list[int] = []
        self._items: list[tuple[int, str]] = []
        for number, text in enumerate(source.text.split("\n"), 1):
            line = text.strip()
            if line and not line.startswith("#"):
                self._numbers.append(number)
                word, *_ = line.removeprefix("-").replace(":", " ").split(maxsplit=1) or [""]
                if word in ("model", "block"):
                    self._items.append((number, word))

    def about(self, comment: int) -> int:
        """The line that a comment at this offset is about: its own, or, where it stands alone, the next of code."""
        number, _ = self._source.position(comment)
        place = bisect_left(self._numbers, number)
        return self._numbers[place] if place < len(self._numbers) else number

    def in_block(self, line: int | None) -> bool:
        """Whether a line is one of a block; without a line, whether the text has a block."""
        if line is None:
            return any(word == "block" for _, word in self._items)
        place = bisect_left(self._items, (line + 1, "")) - 1
        return place >= 0 and self._items[place][1] == "block"
