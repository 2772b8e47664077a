"""What each part of a text is to a reader: a word of the language, a step, a label, a number, a comment."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from specc.syntax.tables import tables
from specc.syntax.tokens import ARROW, BAR, CLOSERS, COLON, COMMA, FROZEN, NAME, NEWLINE, UNKNOWN, is_word, scan


class Role(StrEnum):
    """What a part of a text is to its reader."""

    BLANK = "blank"
    COMMENT = "comment"
    KEYWORD = "keyword"
    DEFINITION = "definition"
    """The name that a block or a model is given, or is imported by."""
    STEP = "step"
    """What is called, or named where a step stands: a layer, a block, an earlier value, a function."""
    LABEL = "label"
    BINDING = "binding"
    """The name of an argument, a parameter or a port, or of what `let` or `shared` gives a name."""
    TYPE = "type"
    """The type of the elements, in front of a shape."""
    NAME = "name"
    NUMBER = "number"
    STRING = "string"
    OPERATOR = "operator"
    PUNCTUATION = "punctuation"
    UNKNOWN = "unknown"
    """What is no part of the language."""


class TextPart(NamedTuple):
    """A piece of a text, and what it is."""

    role: Role
    start: int
    end: int


_ROLES = {
    "NUMBER": Role.NUMBER,
    "STRING": Role.STRING,
    UNKNOWN: Role.UNKNOWN,
    **dict.fromkeys((*CLOSERS, *CLOSERS.values(), COMMA, COLON, "DOT"), Role.PUNCTUATION),
}

ITEMS = ("block", "model", "from", "default")
"""What begins an item of a file, and stands nowhere else but in front of a colon."""
STATEMENTS = (*ITEMS, "let", "assert", "shared", "repeat")
"""What begins an item or a statement, where it is at the beginning of a line whatever is still open: a line that is
half written takes no colours from those below it."""


def operators() -> list[str]:
    """What the operators look like, in the order in which they are tried."""
    others = {NAME, NEWLINE, FROZEN, "_WHERE"}
    return [pattern for kind, pattern in tables().terminals if kind not in _ROLES and kind not in others]


def roles(text: str) -> Iterator[TextPart]:
    """The parts of a text, be it a spec or not: in order, none empty, together the whole."""
    place = 0
    for part in _of_tokens(text):
        if place < part.start:
            yield TextPart(Role.BLANK, place, part.start)
        yield part
        place = part.end
    if place < len(text):
        yield TextPart(Role.BLANK, place, len(text))


class _Lexeme(NamedTuple):
    """A token, and whether a newline stands in front of it."""

    kind: str
    word: str
    start: int
    begins: bool


def _of_tokens(text: str) -> Iterator[TextPart]:
    """The role of each token and of each comment; blanks are left out."""
    lexemes: list[_Lexeme] = []
    comments: list[TextPart] = []
    begins = True
    for kind, start, end in scan(text + "\n"):  # a comment ends where its line does
        if kind == NEWLINE:
            comments += _comments(text, start, end)
        else:
            lexemes.append(_Lexeme(kind, text[start:end], start, begins))
        begins = kind == NEWLINE
    meanings = _meanings(lexemes)
    parts = [TextPart(role, one.start, one.start + len(one.word)) for one, role in zip(lexemes, meanings, strict=True)]
    return iter(sorted((*parts, *comments), key=lambda part: part.start))


def _comments(text: str, start: int, end: int) -> Iterator[TextPart]:
    """The comments in a newline token, which holds nothing else but blanks."""
    while (start := text.find("#", start, end)) >= 0:
        stop = text.find("\n", start)
        stop = len(text) if stop < 0 else stop
        yield TextPart(Role.COMMENT, start, stop)
        start = stop


def _meanings(lexemes: list[_Lexeme]) -> Iterator[Role]:
    nothing = _Lexeme(NEWLINE, "", 0, begins=True)
    before, context = nothing, _RoleContext()
    for this, after in zip(lexemes, [*lexemes, nothing][1:], strict=True):
        yield context.role(before, this, after)
        before = this


class _RoleContext:
    """What is around the next token, as far as its role depends on it."""

    def __init__(self) -> None:
        self._closers: list[str] = []
        """What closes the open brackets."""
        self._opening = ""
        """What began the step or the item, up to a brace."""
        self._before = Role.BLANK
        """The role of the token before."""

    def role(self, before: _Lexeme, this: _Lexeme, after: _Lexeme) -> Role:
        begins_anew = this.begins and this.word in STATEMENTS
        if begins_anew:
            self._give_up(this.word in ITEMS)
        at_step = begins_anew or self._at_step(before, this)
        if at_step:
            self._opening = this.kind
        if at_step and after.kind == COLON and this.word != "else":
            role = Role.LABEL
        elif this.kind == NAME:
            role = Role.STEP if at_step else self._name(before, after)
        elif is_word(this.word):
            role = Role.KEYWORD
        else:
            role = _ROLES.get(this.kind, Role.OPERATOR)
        if this.kind in CLOSERS:
            self._closers.append(CLOSERS[this.kind])
        elif self._closers and self._closers[-1] == this.kind:
            self._closers.pop()
        if this.kind == "_LBRACE":
            self._opening = ""
        if this.kind != COLON:
            self._before = role
        return role

    def _give_up(self, item: bool) -> None:
        """Close what a line before has left open: brackets, and before an item a header, too."""
        if item:
            self._opening = ""
        while self._closers and self._closers[-1] != "_RBRACE":
            self._closers.pop()

    @property
    def _in_header(self) -> bool:
        return self._opening in ("BLOCK", "MODEL")

    def _at_step(self, before: _Lexeme, this: _Lexeme) -> bool:
        """Whether a step may begin here, or a label in front of it, or an item."""
        if self._in_header or (self._closers and self._closers[-1] != "_RBRACE"):
            return False
        return (
            before.kind in (ARROW, BAR, "_LBRACE")
            or (this.begins and before.kind != COMMA)
            or (before.kind == COLON and self._before == Role.LABEL)
            or (before.kind == "EQUAL" and self._opening == "SHARED")
        )

    def _name(self, before: _Lexeme, after: _Lexeme) -> Role:
        """The role of a name where no step begins."""
        if before.kind in ("BLOCK", "MODEL") or self._opening == "FROM":
            return Role.DEFINITION
        if before.kind == "FOR" and after.kind == NAME:  # for each x in xs
            return Role.KEYWORD
        if after.kind == "EQUAL":
            return Role.BINDING
        if self._in_header and before.kind in ("_LPAR", COMMA) and self._closers == ["_RPAR"]:
            return Role.BINDING
        if self._in_header and before.kind in (COLON, ARROW) and after.kind == "_LSQB":
            return Role.TYPE
        return Role.STEP if after.kind == "_LPAR" else Role.NAME
