"""Layouts that a hurried person could have written: the same spec with comments, blanks and newlines where they may be.

It knows the tokens of the language and the places where a newline may stand, and nothing of the tree or the formatter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

_TOKEN = re.compile(
    r"""
      (?P<string>"[^"\\\n]*(?:\\.[^"\\\n]*)*")
    | (?P<comment>\#[^\n]*)
    | (?P<newline>\n)
    | (?P<word>[0-9][0-9_]*(?:\.[0-9_]+)?(?:[eE][+-]?[0-9]+|[kMG])?|[A-Za-z_][A-Za-z0-9_]*)
    | (?P<mark>->|//|\*\*|==|!=|<=|>=|[^\s\w])
    """,
    re.VERBOSE,
)


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """The kind and the text of every token; newlines are tokens, other blanks are none."""
    for found in _TOKEN.finditer(text):
        yield str(found.lastgroup), found[0]


def comments(text: str) -> list[str]:
    """Every comment without what formatting may change of it: the blank behind ``#`` and those at the end."""
    return [f"#{token[1:].strip()}" for kind, token in tokens(text) if kind == "comment"]


def without_comments(text: str) -> str:
    """The text without its comments, and without the lines that held nothing else."""
    kept = []
    for line in text.splitlines():
        found = next((m.start() for m in _TOKEN.finditer(line) if m["comment"]), len(line))
        if line[:found].strip() or found == len(line):
            kept.append(line[:found])
    return "\n".join(kept) + "\n"


def scrambled(text: str, random: Random, *, often: float = 0.2) -> str:
    """The spec in another layout, with numbered comments. ``text`` holds none."""
    return "".join(_Scrambler(random, often).pieces(text))


class _Scrambler:
    def __init__(self, random: Random, often: float) -> None:
        self._random = random
        self._often = often
        self._count = 0
        self._open: list[str] = []

    def pieces(self, text: str) -> Iterator[str]:
        yield from self._own_lines()
        before = ("newline", "\n")
        for token in tokens(text):
            yield from self._gap(before, token)
            if token[0] == "newline" and before[0] != "newline":
                yield self._behind()
            yield token[1]
            if token[1] in "([{":
                self._open.append(token[1])
            elif token[1] in ")]}":
                self._open.pop()
            if token[0] == "newline":
                yield from self._own_lines()
            before = token

    def _gap(self, before: tuple[str, str], after: tuple[str, str]) -> Iterator[str]:
        if before[0] == after[0] == "word":
            yield " "
        if "newline" not in (before[0], after[0]) and self._random.random() < 0.6:
            yield " " * self._random.randint(1, 3)
        if self._free(before, after) and self._random.random() < self._often:
            yield self._random.choice(["\n", f"{self._behind(always=True)}\n", "\t\n"])
            yield from self._own_lines()

    def _free(self, before: tuple[str, str], after: tuple[str, str]) -> bool:
        """Whether a newline means nothing here."""
        if self._open and self._open[-1] in "([":
            return True
        if after[1] in ("}", "|", "->", "else", "where"):
            return before[1] != ":" or after[1] != "else"
        return before[1] in ("{", "|", "->", ",")

    def _behind(self, *, always: bool = False) -> str:
        if not always and self._random.random() >= self._often:
            return ""
        return self._random.choice(["", " ", "  "]) + self._comment()

    def _own_lines(self) -> Iterator[str]:
        while self._random.random() < self._often:
            yield f"{' ' * self._random.randint(0, 4)}{self._comment()}\n"

    def _comment(self) -> str:
        self._count += 1
        return self._random.choice(["#{}", "# {}", "#  {} \t", "#! {}", "## {}", '# "{}', "# {} # ( }} |"]).format(
            self._count
        )
