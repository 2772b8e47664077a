"""The lexer: the text of a spec as tokens, and what stands between two of them.

The lexical rules stand in ``grammar/specc.lark`` alone. Lark makes one regular expression of its terminals, which lies
in the tables; whatever asks where a comment begins, what is a name, or which bracket closes another, asks here:

- `significant`: what the parser reads, without the newlines that mean nothing;
- `scan`: every token from some offset on, newlines too, also of a text that is no spec;
- `skip`, `token_at`: what follows at one offset, for those who come from the tree;
- `Tokens`: a whole text that parses: the tokens before and behind an offset;
- `is_name`, `is_word`, `is_number`, `keywords`: what a word alone is;
- `number_value`, `string_value`: the value of a literal.

Comments and empty lines are `specc.syntax.trivia`.

A kind is the name of a terminal in the grammar; one that begins with ``_`` leaves no trace in the tree. Newlines are
tokens that take in comments and blank lines. No other token goes beyond its line, so a line alone has the same tokens
as in its text.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache, lru_cache
from math import isfinite
from typing import NamedTuple

from specc.source import Source
from specc.syntax.tables import END, tables

UNKNOWN = "unknown"
"""The kind of a character that begins no terminal."""
DEEPEST = 100
"""How deep brackets, and the parts of the tree, may nest."""
NEWLINE, ARROW, BAR, COMMA, COLON = "_NL", "_ARROW", "_BAR", "_COMMA", "_COLON"
NAME, FROZEN = "NAME", "FROZEN"
CLOSERS = {"_LPAR": "_RPAR", "_LSQB": "_RSQB", "_LBRACE": "_RBRACE"}

# What each bracket does to the depth of all of them, and to that of those in which a newline means nothing.
_BRACKETS = {
    "_LPAR": (1, 1), "_LSQB": (1, 1), "_LBRACE": (1, 0),
    "_RPAR": (-1, -1), "_RSQB": (-1, -1), "_RBRACE": (-1, 0),
}  # fmt: skip
# Behind and before which a newline does not end a step.
_GOES_ON = frozenset((ARROW, BAR, COMMA, "_LBRACE"))
_GOES_BACK = frozenset((ARROW, BAR, "_WHERE", "_ELSE", "_RBRACE"))
# Behind which, and behind a newline that counts, a step may begin: anywhere else `frozen` is a name.
_BEFORE_STEP = frozenset((ARROW, BAR, COLON, "EQUAL", "_LBRACE"))

LARGEST_INTEGER = 2**63 - 1
_DIGITS = len(str(LARGEST_INTEGER))
_SCALES = {"k": 3, "M": 6, "G": 9}
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}

LABEL = r'(?:[^\s./:"\\{}]|\{[^{}"\\]+\})+'
"""What can be a label, formulas included, but for characters that nobody sees; `specc.elaborate.drafts` says why."""


class NotInGrammar(Exception):
    """A token that does not fit, where the text has a mistake of syntax or nests too deep.

    Attributes:
        kind: what it is.
        start: its offset.
        end: the offset behind it.
        accepts: the kinds that would fit; none where it nests too deep.
    """

    def __init__(self, kind: str, start: int, end: int, accepts: frozenset[str] = frozenset()) -> None:
        super().__init__(kind)
        self.kind = kind
        self.start = start
        self.end = end
        self.accepts = accepts


class Token(NamedTuple):
    """A terminal: its kind, what is written, and its offset."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class _Lexer(NamedTuple):
    """The lexical part of the tables, ready to be used.

    Attributes:
        pattern: matches any one terminal and the blanks in front of it. The empty group ``begin`` is where it begins;
            behind it is an empty group that has its name, or `UNKNOWN`.
        trivia: matches the blanks, newlines and comments that may stand between two terminals.
    """

    pattern: re.Pattern[str]
    trivia: re.Pattern[str]
    keywords: dict[str, str]
    in_tree: frozenset[str]


@cache
def _lexer() -> _Lexer:
    _, terminals, blanks, keywords, in_tree, *_ = tables()
    # No groups around the terminals: they would keep Python's matcher from telling by a first character what cannot
    # match, and the lexer would take a quarter longer.
    # None begins in the middle of digits. Without saying so, `999…9t`, where none fits, would be tried from each digit
    # to the last: 5,000 of them took 2.7 s, and a spec may have a million.
    patterns = {name: f"(?<![0-9])(?:{pattern})" if name == "NUMBER" else pattern for name, pattern in terminals}
    any_terminal = "|".join(f"(?:{pattern})(?P<{name}>)" for name, pattern in patterns.items())
    return _Lexer(
        re.compile(f"(?:{blanks})?(?P<begin>)(?:{any_terminal}|(?!{blanks}).(?P<{UNKNOWN}>))"),
        re.compile(f"(?:{dict(terminals)[NEWLINE]})?(?:{blanks})?"),
        keywords,
        frozenset(in_tree),
    )


def significant(text: str) -> Iterator[tuple[str, Token | None, int, int]]:
    """The terminals that the grammar speaks of, to `END`: kind, the token where the tree keeps it, and offsets.

    Args:
        text: it ends in a newline.

    Raises:
        NotInGrammar: brackets nest deeper than `DEEPEST`.
    """
    pattern, _, keywords, in_tree = _lexer()
    stop = depth = parentheses = 0
    newline: tuple[str, None, int, int] | None = None
    goes_on = False
    before = ""
    for match in pattern.finditer(text):
        kind = match.lastgroup or ""
        if kind == NEWLINE:
            if not (parentheses or goes_on):
                newline = NEWLINE, None, match.start(), match.end()
            continue
        start, stop = match.start(1), match.end()
        token = None
        if kind in in_tree:
            word = text[start:stop]
            kind = keywords.get(word, kind)
            if kind == FROZEN and not (newline or before in _BEFORE_STEP):
                kind = NAME
            token = Token(kind, word, start)
        if newline:
            if kind not in _GOES_BACK:
                yield newline
            newline = None
        goes_on, before = kind in _GOES_ON, kind
        if kind in _BRACKETS:
            both, inner = _BRACKETS[kind]
            depth += both
            parentheses += inner
            if depth > DEEPEST:
                raise NotInGrammar(kind, start, stop)
        yield kind, token, start, stop
    if newline:
        yield newline
        stop = newline[3]
    yield END, None, stop, stop


def scan(text: str, start: int = 0) -> Iterator[tuple[str, int, int]]:
    """Every token from an offset on, newlines with the blanks in front of them: kind, begin and end."""
    pattern, _, keywords, _ = _lexer()
    before, newline = "", True
    for match in pattern.finditer(text, start):
        kind = match.lastgroup or ""
        begin = match.start() if kind == NEWLINE else match.start(1)
        if kind == FROZEN and not (before in _BEFORE_STEP or (newline and before != COMMA)):
            kind = NAME
        if kind == NAME:
            kind = keywords.get(text[begin : match.end()], kind)
        yield kind, begin, match.end()
        newline = kind == NEWLINE
        before = before if newline else kind


def skip(text: str, start: int) -> int:
    """The offset behind the blanks, newlines and comments at ``start``."""
    match = _lexer().trivia.match(text, start)
    return match.end() if match else start


def token_at(text: str, start: int) -> Token:
    """The first token at an offset or behind it, newlines aside; `END` behind the last."""
    kind, begin, end = next(scan(text, skip(text, start)), (END, len(text), len(text)))
    return Token(kind, text[begin:end], begin)


# ---- words alone --------------------------------------------------------------------------------------


@cache
def pattern(kind: str) -> re.Pattern[str]:
    """What the terminals of one kind look like; a keyword looks like a name, too."""
    return re.compile(dict(tables().terminals)[kind])


@cache
def keywords() -> frozenset[str]:
    """The words of the language. None can be a name; before a colon all but `else` are labels."""
    return frozenset(tables().keywords)


@lru_cache(maxsize=1024)  # labels come again in every round of a loop
def is_name(word: str) -> bool:
    """Whether an expression or a step can say it: whether it may stand for a value."""
    return pattern("NAME").fullmatch(word) is not None and word not in tables().keywords


def is_word(word: str) -> bool:
    """Whether it is a name or a word of the language."""
    return pattern("NAME").fullmatch(word) is not None


def is_number(word: str) -> bool:
    return pattern("NUMBER").fullmatch(word) is not None


def needs_quotes(label: str) -> bool:
    """Whether it is a label only in quotes. `else:` without them looks like the end of Python's `if`."""
    return label == "else" or not (is_word(label) or is_plain_number(label))


def is_plain_number(label: str) -> bool:
    """Whether it is one of the numbers that are labels as they stand."""
    return label.isascii() and label.isdecimal() and (label[0] != "0" or label == "0")


# ---- literals ------------------------------------------------------------------------------------------


class OutOfRange(ValueError):
    """A number that no size and no float64 can hold; the message is for the user."""


def number_value(text: str) -> int | float:
    """The value of a number: ``61_706``, ``4.1G``, ``0.5``, ``1e-3``.

    It is an int without point and exponent, or where a suffix makes it whole.
    No digit is lost on the way: whole numbers are exact, others are the nearest float64.
    """
    if text.isdecimal() and len(text) < _DIGITS:
        return int(text)
    digits = text.replace("_", "")
    scale = _SCALES.get(digits[-1], 0)
    if scale:
        digits = digits[:-1]
    whole, _, part = digits.partition(".")
    if "e" in digits.lower() or len(part.rstrip("0")) > scale or (part and not scale):
        real = float(f"{digits}e{scale}" if scale else digits)
        if not isfinite(real):
            raise OutOfRange("numbers go up to about 1.8e308")
        if real == 0 and set(re.split("[eE]", digits)[0]) - set("0."):
            raise OutOfRange("a number this small cannot be told from 0: they go down to about 5e-324")
        return real
    digits = (whole + part[:scale].ljust(scale, "0")).lstrip("0") or "0"
    # Python itself refuses to convert more than 4300 digits.
    if len(digits) > _DIGITS or int(digits) > LARGEST_INTEGER:
        raise OutOfRange(f"whole numbers go up to 2^63 - 1 = {LARGEST_INTEGER:,}")
    return int(digits)


def string_value(text: str) -> tuple[str, tuple[int, ...]]:
    """The value of a string, quotes included in ``text``, and where in it an unknown escape stands."""
    if "\\" not in text:
        return text[1:-1], ()
    escapes = re.compile(r"\\(.)")
    unknown = tuple(escape.start() for escape in escapes.finditer(text) if escape[1] not in _ESCAPES)
    return escapes.sub(lambda escape: _ESCAPES.get(escape[1], escape[0]), text[1:-1]), unknown


# ---- a whole text -------------------------------------------------------------------------------------


class Tokens:
    """The tokens of a text that parses, newlines aside.

    Attributes:
        all: in order, the last one an empty `END`.
    """

    def __init__(self, source: Source) -> None:
        text = source.text
        tokens = scan(text + "\n")
        self.all = [Token(kind, text[start:end], start) for kind, start, end in tokens if kind != NEWLINE]
        self.all.append(Token(END, "", len(text)))
        self._starts = [token.start for token in self.all]

    def before(self, offset: int) -> Token | None:
        """The last token that begins before an offset; None in front of the first."""
        place = bisect_left(self._starts, offset)
        return self.all[place - 1] if place else None

    def after(self, offset: int) -> Token:
        """The first token that begins at an offset or behind it."""
        return self.all[min(bisect_left(self._starts, offset), len(self.all) - 1)]
