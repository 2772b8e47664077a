"""The scan of a text that has a mistake: brackets pair up, and a newline inside ( ) and [ ] becomes a blank.

A mistake among brackets surfaces far from where it was made, so a parser's own message would point at the
wrong place. Here both places are known.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.source import Source, Span
from specc.syntax.lalr import DEEPEST

MOST_MISTAKES = 20
"""How many mistakes of syntax one run reports."""

_MARK = r"""(?mx)
      (?P<string>"[^"\\\n]*(?:\\.[^"\\\n]*)*(?P<closed>"?))
    | (?P<comment>\#[^\n]*)
    | (?P<quoted>'(?:[^'\n]*')?)
    | (?P<slashes>^[ \t]*//)
    | (?P<item>^(?:model|block|from|default)\b(?![ \t]*:))
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | \n+
    """
_BLANK = re.compile(r"(?:[ \t\r]*(?:#[^\n]*)?\n)*[ \t\r]*")
_CLOSER = {"(": ")", "[": "]", "{": "}"}


class _Open(NamedTuple):
    """A bracket that waits for its closer."""

    at: int
    mark: str


def flatten(source: Source) -> str:
    """The text for Lark, every character still at its own offset, ending in a newline.

    Inside ( ) and [ ] newlines and comments are blanks; so is the carriage return of a line end everywhere.

    Raises:
        SpecError: brackets that do not pair up, an open string, quotes or comments of another language,
            or brackets nested deeper than `DEEPEST`.
    """
    text = source.text.replace("\r\n", " \n")
    scan = _Scan(source, text)
    for found in re.finditer(_MARK, text):
        scan.see(found)
    scan.finish()
    return "".join([*scan.pieces, text[scan.copied :], "\n"])


def skip_blank(text: str, at: int) -> int:
    """The offset behind the blanks, newlines and comments at ``at``, outside of ( ) and [ ]."""
    found = _BLANK.match(text, at)
    return found.end() if found else at


class _Scan:
    def __init__(self, source: Source, text: str) -> None:
        self._source = source
        self._text = text
        self._open: list[_Open] = []
        self._unclosed_before: tuple[_Open, re.Match[str]] | None = None
        self._foreign: list[Diagnostic] = []
        self._skip_to = 0
        self.pieces: list[str] = []
        self.copied = 0

    def see(self, found: re.Match[str]) -> None:
        if found.start() < self._skip_to:
            return
        match found.lastgroup:
            case "string":
                self._string(found)
            case "open":
                self._opened(found)
            case "close":
                self._closed(found)
            case "quoted":
                self._single_quotes(found)
            case "slashes":
                # Inside ( ) and [ ] they divide.
                if not self._flat:
                    self._slashes(found.end() - 2)
            case "item":
                # An item begins at the margin; what is open by now was most likely meant to be closed before.
                if self._open and not self._unclosed_before:
                    self._unclosed_before = self._open[-1], found
            case _ if self._flat:
                self._blank(found)

    def finish(self) -> None:
        """Raises SpecError for what is still open, and for what belongs to another language."""
        if self._foreign:
            raise SpecError(self._foreign)
        if self._open:
            self._refuse_open()

    @property
    def _flat(self) -> bool:
        """Inside ( ) or [ ], where a newline means nothing."""
        return bool(self._open) and self._open[-1].mark != "{"

    def _blank(self, found: re.Match[str]) -> None:
        self.pieces += (self._text[self.copied : found.start()], " " * len(found[0]))
        self.copied = found.end()

    def _string(self, found: re.Match[str]) -> None:
        if not found["closed"]:
            start = found.start()
            end = start + len(found[0].rstrip())
            place = Label(self._source.span(start, end), 'no `"` before the end of the line')
            self._refuse("this string is not closed", place, help_='close it with `"` on the same line')

    def _opened(self, found: re.Match[str]) -> None:
        mark = found[0]
        if mark == "{" and self._flat:
            self._never_closed(self._open[-1], Label(self._span(found), "a body cannot stand inside it"))
        self._open.append(_Open(found.start(), mark))
        if len(self._open) > DEEPEST:
            place = Label(self._span(found), f"bracket number {len(self._open)} inside one another")
            self._refuse(f"brackets nest deeper than {DEEPEST}", place, code=Code.LIMIT)

    def _closed(self, found: re.Match[str]) -> None:
        mark, place = found[0], self._span(found)
        if not self._open:
            self._refuse(f"`{mark}` closes nothing", Label(place, "no bracket is open here"), help_="remove it")
        last = self._open[-1]
        if _CLOSER[last.mark] == mark:
            self._open.pop()
        elif last.mark == "{":
            inside = Label(self._source.span(last.at, last.at + 1), "the innermost open bracket is this one")
            self._refuse(f"`{mark}` closes nothing", Label(place), inside, help_="remove it")
        elif mark == "}":
            self._never_closed(last, Label(place, "the body around it ends here"))
        else:
            opened = Label(self._source.span(last.at, last.at + 1), f"`{last.mark}` opened here")
            wanted = _CLOSER[last.mark]
            self._refuse(f"`{last.mark}` is closed by `{mark}`", Label(place, f"expected `{wanted}`"), opened)

    def _refuse_open(self) -> NoReturn:
        if self._unclosed_before:
            unclosed, item = self._unclosed_before
            place = Label(self._source.span(item.start(), item.end()), f"`{item[0]}` begins inside it")
            self._never_closed(unclosed, place)
        end = len(self._text.rstrip())
        self._never_closed(self._open[-1], Label(self._source.span(end, end), "the file ends here"))

    def _never_closed(self, unclosed: _Open, where: Label) -> NoReturn:
        opened = Label(self._source.span(unclosed.at, unclosed.at + 1), "opened here")
        wanted = _CLOSER[unclosed.mark]
        self._refuse(f"`{unclosed.mark}` is never closed", opened, where, help_=f"add the missing `{wanted}`")

    def _single_quotes(self, found: re.Match[str]) -> None:
        line_start = self._text.rfind("\n", 0, found.start()) + 1
        slashes = self._text.find("//", line_start, found.start())
        if slashes >= 0:
            return self._slashes(slashes)
        inner = found[0].strip("'")
        helps = (f'write "{inner}"',) if inner and not set(inner) & set('"\\') else ()
        message = "a string stands in double quotes"
        return self._note(Diagnostic(Code.SYNTAX, message, Label(self._span(found)), helps=helps))

    def _slashes(self, at: int) -> None:
        message = "a comment begins with `#`, not `//`"
        self._skip_to = self._text.find("\n", at) % (len(self._text) + 1)
        self._note(Diagnostic(Code.SYNTAX, message, Label(self._source.span(at, at + 2))))

    def _note(self, foreign: Diagnostic) -> None:
        self._foreign.append(foreign)
        if len(self._foreign) == MOST_MISTAKES:
            raise SpecError(self._foreign)

    def _span(self, found: re.Match[str]) -> Span:
        return self._source.span(found.start(), found.end())

    def _refuse(
        self, message: str, primary: Label, *secondary: Label, help_: str = "", code: Code = Code.BRACKETS
    ) -> NoReturn:
        helps = (help_,) if help_ else ()
        raise SpecError([*self._foreign, Diagnostic(code, message, primary, secondary, helps=helps)])
