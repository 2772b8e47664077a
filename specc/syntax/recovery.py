"""What a text that has a mistake goes through, so that one run finds every mistake that is independent of others.

`flatten` pairs the brackets: a mistake among these surfaces far from where it was made, so a parser's own message would
point at the wrong place; here both places are known. Then `FaultlessText` takes out each statement that the parser
finds faulty, and what is left is parsed again.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple, NoReturn

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.source import Source, Span
from specc.syntax.tables import END
from specc.syntax.tokens import BAR, CLOSERS, COLON, COMMA, DEEPEST, NEWLINE, UNKNOWN, scan

MOST_MISTAKES = 20
"""How many mistakes of syntax one run reports."""
SLASHES = "a comment begins with `#`, not `//`"

_AT_MARGIN = frozenset(("MODEL", "BLOCK", "FROM", "DEFAULT"))
_BEGINS_ITEM = _AT_MARGIN | {"LET", END}
CLOSING = {"(": ")", "[": "]", "{": "}"}


def flatten(source: Source, is_expression: bool = False) -> str:
    """The text without newlines that mean nothing, every character still at its own offset; it ends in a newline.

    Inside ( ) and [ ] newlines and comments are blanks; so is the carriage return of a line end everywhere.

    Raises:
        SpecError: brackets that do not pair up, an open string, quotes or comments of another language,
            or brackets nested deeper than `DEEPEST`.
    """
    text = source.text.replace("\r\n", " \n") + "\n"
    return _Scan(source, text, "expression" if is_expression else "file").flattened()


def short(text: str) -> str:
    """A text as a message shows it: of a long one, the beginning."""
    return text if len(text) <= 40 else f"{text[:20]}..."


class _Scan:
    """One pass over a text, with the offsets of the open brackets; ``whole`` is what ends where the text does."""

    def __init__(self, source: Source, text: str, whole: str) -> None:
        self._source = source
        self._text = text
        self._whole = whole
        self._open: list[int] = []
        self._foreign: list[Diagnostic] = []

    def flattened(self) -> str:
        text = self._text
        pieces: list[str] = []
        copied = 0
        unclosed: tuple[int, Span] | None = None
        tokens = scan(text)
        while token := next(tokens, None):
            kind, start, end = token
            flat = bool(self._open) and text[self._open[-1]] != "{"
            if kind in CLOSERS:
                if kind == "_LBRACE" and flat:
                    self._never_closed(self._open[-1], Label(self._mark(start), "a body cannot stand inside it"))
                self._open.append(start)
                if len(self._open) > DEEPEST:
                    place = Label(self._mark(start), f"bracket number {len(self._open)} inside one another")
                    self._refuse(f"brackets nest deeper than {DEEPEST}", place, code=Code.LIMIT)
            elif kind in CLOSERS.values():
                self._close(start)
            elif kind == NEWLINE and flat:
                pieces += (text[copied:start], " " * (end - start))
                copied = end
            elif kind == UNKNOWN and text[start] == '"':
                end = start + len(text[start : text.index("\n", start)].rstrip())
                place = Label(self._source.span(start, end), 'no `"` before the end of the line')
                self._refuse("this string is not closed", place, help_='close it with `"` on the same line')
            elif kind == UNKNOWN and text[start] == "'":
                tokens = scan(text, self._single_quotes(start))
            elif kind == "TIMES" and not flat and text.startswith("//", start):
                # Inside ( ) and [ ] they divide, and so they do behind something on their line.
                if not self._source.before(start).strip(" \t"):
                    tokens = scan(text, self._slashes(start))
            elif kind in _AT_MARGIN and self._open and not (unclosed or self._source.before(start)):
                # Behind an item at the margin the author most likely sees nothing open; but a word may be a label, too.
                is_label = next(scan(text, end))[0] == COLON
                unclosed = None if is_label else (self._open[-1], self._source.span(start, end))
        if self._foreign:
            raise SpecError(self._foreign)
        if unclosed and self._open:
            bracket, item = unclosed
            self._never_closed(bracket, Label(item, f"`{item.text}` begins inside it"))
        if self._open:
            end = len(text.rstrip())
            self._never_closed(self._open[-1], Label(self._source.span(end, end), f"the {self._whole} ends here"))
        return "".join([*pieces, text[copied:]])

    def _close(self, at: int) -> None:
        mark, place = self._text[at], self._mark(at)
        if not self._open:
            self._refuse(f"`{mark}` closes nothing", Label(place, "no bracket is open here"), help_="remove it")
        last = self._open[-1]
        opener = self._text[last]
        if CLOSING[opener] == mark:
            self._open.pop()
        elif opener == "{":
            inside = Label(self._mark(last), "the innermost open bracket is this one")
            self._refuse(f"`{mark}` closes nothing", Label(place), inside, help_="remove it")
        elif mark == "}":
            self._never_closed(last, Label(place, "the body around it ends here"))
        else:
            opened = Label(self._mark(last), f"`{opener}` opened here")
            self._refuse(f"`{opener}` is closed by `{mark}`", Label(place, f"expected `{CLOSING[opener]}`"), opened)

    def _never_closed(self, bracket: int, where: Label) -> NoReturn:
        opener, opened = self._text[bracket], Label(self._mark(bracket), "opened here")
        self._refuse(f"`{opener}` is never closed", opened, where, help_=f"add the missing `{CLOSING[opener]}`")

    def _single_quotes(self, start: int) -> int:
        """Note a string of another language, or quotes in a comment of another; where to go on."""
        text = self._text
        slashes = text.find("//", text.rfind("\n", 0, start) + 1, start)
        if slashes >= 0:
            return self._slashes(slashes)
        close = text.find("'", start + 1, text.index("\n", start))
        inner = text[start + 1 : close] if close >= 0 else ""
        helps = (f'write "{inner}"',) if inner and not set(inner) & set('"\\') else ()
        end = max(start, close) + 1
        self._note("a string stands in double quotes", start, end, helps)
        return end

    def _slashes(self, at: int) -> int:
        """Note a comment of another language; where its line ends."""
        self._note(SLASHES, at, at + 2)
        return self._text.index("\n", at)

    def _note(self, message: str, start: int, end: int, helps: tuple[str, ...] = ()) -> None:
        self._foreign.append(Diagnostic(Code.SYNTAX, message, Label(self._source.span(start, end)), helps=helps))
        if len(self._foreign) == MOST_MISTAKES:
            raise SpecError(self._foreign)

    def _mark(self, at: int) -> Span:
        return self._source.span(at, at + 1)

    def _refuse(
        self, message: str, primary: Label, *secondary: Label, help_: str = "", code: Code = Code.BRACKETS
    ) -> NoReturn:
        helps = (help_,) if help_ else ()
        raise SpecError([*self._foreign, Diagnostic(code, message, primary, secondary, helps=helps)])


# ---- going on after a mistake: the faulty statement is taken out, the rest is parsed again -----------------


class _Region(NamedTuple):
    """Where a statement or an item stands; ``brace`` is the one around it, -1 where there is none."""

    start: int
    end: int
    brace: int


class FaultlessText:
    """A flattened text without the statements that were found faulty.

    In a body a statement gives way to ``stand_in``, a step of one character which may stand wherever a step may;
    outside of bodies an item gives way to nothing. So what is left has no mistake that was not there before.
    """

    def __init__(self, text: str, stand_in: str = "_") -> None:
        self.text = text
        self._stand_in = stand_in
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
        stand_in = self._stand_in if region.brace >= 0 else " "
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
            elif kind == "_RBRACE" or (not deeper and _separates(previous, kind, following, len(braces))):
                if not before:
                    return _Region(starts[-1], start, braces[-1])
                starts[-1] = behind if kind == NEWLINE else end
            previous = kind
        return _Region(starts[-1], len(self.text), braces[-1])


def item_starts(text: str) -> list[int]:
    """Where the items of a flattened text begin, with the lines above them: the first at 0."""
    starts, depth = [0], 0
    for (kind, _, end), (following, _, _) in pairwise([*scan(text), (END, len(text), len(text))]):
        depth += (kind == "_LBRACE") - (kind == "_RBRACE")
        if kind == NEWLINE and not depth and following in _AT_MARGIN | {"LET"}:
            starts.append(end)
    return starts


def _separates(previous: str, kind: str, following: str, level: int) -> bool:
    """Whether a bar or newline stands between two statements, or, outside of bodies, two items."""
    if kind == BAR:
        return level > 1
    if kind != NEWLINE:
        return False
    return following in _BEGINS_ITEM if level == 1 else previous != COMMA and following not in ("_ELSE", "_WHERE")
