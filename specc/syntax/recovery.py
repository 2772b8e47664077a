"""Going on after a syntax error: the faulty statement is taken out, the rest is parsed again."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from specc.syntax.tables import END
from specc.syntax.tokens import BAR, COMMA, NEWLINE, scan

_ITEMS = frozenset(("MODEL", "BLOCK", "LET", "DEFAULT", "FROM", END))


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
        pairs = pairwise([*scan(self.text), (END, len(self.text), len(self.text))])
        previous = ""
        for (kind, start, end), (following, behind, _) in pairs:
            before = start < at
            if kind in ("_LPAR", "_LSQB"):
                parentheses += 1
            elif kind in ("_RPAR", "_RSQB"):
                parentheses -= 1
            elif parentheses:
                pass
            elif kind == "_LBRACE":
                if before:
                    starts.append(end)
                    braces.append(start)
                deeper += not before
            elif kind == "_RBRACE" and before:
                starts.pop()
                braces.pop()
            elif kind == "_RBRACE" and deeper:
                deeper -= 1
            elif kind == following == BAR and behind == end:
                next(pairs)  # `||` for `or`
            elif kind == "_RBRACE" or (not deeper and _parts(previous, kind, following, len(braces))):
                if not before:
                    return _Region(starts[-1], start, braces[-1])
                starts[-1] = behind if kind == NEWLINE else end
            previous = kind
        return _Region(starts[-1], len(self.text), braces[-1])


def _parts(previous: str, kind: str, following: str, level: int) -> bool:
    """Whether a bar or newline parts two statements, or, outside of bodies, two items."""
    if kind == BAR:
        return level > 1
    if kind != NEWLINE:
        return False
    return following in _ITEMS if level == 1 else previous != COMMA and following not in ("_ELSE", "_WHERE")
