"""Going on after a syntax error: the faulty statement is taken out, the rest is parsed again."""

from __future__ import annotations

import re
from typing import NamedTuple

_MARK = re.compile(
    r"""
      "[^"\\\n]*(?:\\.[^"\\\n]*)*"
    | (?P<lines>(?:[ \t]*(?:\#[^\n]*)?\n)+[ \t]*)
    | \#[^\n]*
    | (?P<parenthesis>[(\[])
    | (?P<parenthesis_end>[)\]])
    | (?P<open>\{)
    | (?P<close>\})
    | \|\|
    | (?P<bar>\|)
    """,
    re.VERBOSE,
)
_CONTINUES = re.compile(r"else\b|where\b(?![ \t]*:)")
_ITEM = re.compile(r"(?:model|block|let|default|from)\b|\Z")


class _Region(NamedTuple):
    """Where a statement or an item stands; ``brace`` is the one around it, -1 where there is none."""

    start: int
    end: int
    brace: int


class Rest:
    """A flattened text without the statements that were found faulty.

    In a body a statement gives way to ``_``, which may stand wherever a step may; outside of bodies an item
    gives way to nothing. So what is left has no mistake that was not there before.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._dropped: set[_Region] = set()

    def follows(self, at: int) -> bool:
        """Whether a mistake at this offset only follows from an earlier one."""
        return self._around(at) in self._dropped

    def drop(self, at: int) -> bool:
        """Take out the statement at this offset, or the one around it where that is out already.

        False: there is none.
        """
        region = self._around(at)
        width = region.end - region.start
        if region in self._dropped or width == 0:
            return region.brace >= 0 and self.drop(region.brace)
        stand_in = "_" if region.brace >= 0 else " "
        self.text = self.text[: region.start] + stand_in.ljust(width) + self.text[region.end :]
        self._dropped.add(region)
        return True

    def _around(self, at: int) -> _Region:
        """One pass: up to ``at`` it keeps where the statement of each open body began, then it looks for the end."""
        starts, braces, parentheses, deeper = [0], [-1], 0, 0
        for found in _MARK.finditer(self.text):
            before = found.start() < at
            kind = found.lastgroup
            if kind in ("parenthesis", "parenthesis_end"):
                parentheses += 1 if kind == "parenthesis" else -1
            elif parentheses:
                continue
            elif kind == "open":
                if before:
                    starts.append(found.end())
                    braces.append(found.start())
                deeper += not before
            elif kind == "close" and before:
                starts.pop()
                braces.pop()
            elif kind == "close" and deeper:
                deeper -= 1
            elif kind == "close" or (kind in ("bar", "lines") and not deeper and self._parts(found, len(braces))):
                if not before:
                    return _Region(starts[-1], found.start(), braces[-1])
                starts[-1] = found.end()
        return _Region(starts[-1], len(self.text), braces[-1])

    def _parts(self, found: re.Match[str], level: int) -> bool:
        """Whether a bar or newline parts two statements, or, outside of bodies, two items."""
        if found.lastgroup == "bar":
            return level > 1
        if level == 1:
            return _ITEM.match(self.text, found.end()) is not None
        return self.text[found.start() - 1] != "," and not _CONTINUES.match(self.text, found.end())
