"""The token that does not fit, what stands around it, and what is said of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from specc.syntax.recovery import short
from specc.syntax.tokens import NEWLINE, NotInGrammar, keywords, scan, skip

WINDOW = 500
"""How many characters around a mistake are looked at, on either side: a file may be one line of megabytes, and an
expression that tries every place of a window for each of its parts takes the cube of its length."""
_GULF = re.compile(r"\s{120}")
"""Nobody writes so many blanks inside of a statement; what stands beyond them is not looked at."""

# In the order in which alternatives are listed.
_SHOWN = {
    "NAME": "a name", "STRING": "a string", "EQUAL": "`=`", "IN": "`in`", "IMPORT": "`import`", "_COMMA": "`,`",
    "_COLON": "`:`", "_LPAR": "`(`", "_LSQB": "`[`", "_RPAR": "`)`", "_RSQB": "`]`", "_ARROW": "`->`",
    "_WHERE": "`where`", "_ELSE": "`else`", "_BAR": "`|`", "_LBRACE": "`{`", "_RBRACE": "`}`",
}  # fmt: skip
_BEGINS_STEP = frozenset(("NAME", "NUMBER", "STRING", "IN", "REPEAT", "_LBRACE", "_LSQB"))


def end_of_statement(after: str) -> int:
    """Where the statement ends that a text goes on with: at a brace, a bar or a comment."""
    depth, quoted = 0, ""
    for at, character in enumerate(after):
        if quoted:
            quoted = "" if character == quoted else quoted
            continue
        quoted = character if character in "\"'" else ""
        depth += (character in "([") - (character in ")]")
        if depth < 0 or (not depth and character in "{}|#"):
            return at
    return len(after)


class Replacement(NamedTuple):
    """What is written from one offset to another."""

    start: int
    end: int
    text: str


class Explanation(NamedTuple):
    """Headline, help (none if empty), and the offsets where they are not those of the token.

    Attributes:
        instead: what mends it, where that is certain.
    """

    message: str
    help: str = ""
    place: tuple[int, int] | None = None
    instead: Replacement | None = None


class UnexpectedToken(NamedTuple):
    """The token that does not fit.

    Attributes:
        kind: its kind.
        word: its text; empty at the end of a line.
        start: its offset.
        before: the text in front of it, without the blanks and comments between.
        between: the blanks, and comments as blanks, between that and the token.
        after: the rest of its line behind it.
        below: where a line ends here, the next one that is not empty, and where it begins.
        accepts: the kinds that would fit.
        line: what ends where a line does: an expression of YAML is parsed as one.
    """

    kind: str
    word: str
    start: int
    before: str
    between: str
    after: str
    below: tuple[str, int]
    accepts: frozenset[str]
    line: str

    @property
    def gap(self) -> int:
        """How many characters stand between."""
        return len(self.between)

    @property
    def previous(self) -> str:
        """The word in front of it, empty where there is none."""
        word = re.search(r"[A-Za-z_][A-Za-z0-9_]*\Z", self.before)
        return word[0] if word else ""

    def back(self, length: int) -> tuple[int, int]:
        """Where the last ``length`` characters in front of it stand."""
        end = self.start - self.gap
        return end - length, end

    @property
    def statement(self) -> str:
        """The first word of the statement."""
        word = re.match(r"\s*([A-Za-z_]*)", re.split(r"[\n{|]", self.before)[-1])
        return word[1] if word else ""

    @property
    def begun(self) -> str:
        """What stands in front of it in its statement, which begins with its line, behind a brace or a bar."""
        return "" if "\n" in self.between else re.split(r"[\n{}|]", self.before)[-1].lstrip()

    @property
    def line_before(self) -> str:
        """What stands in front of it on its line."""
        return "" if "\n" in self.between else self.before.rpartition("\n")[2]

    @property
    def wants_step(self) -> bool:
        return "REPEAT" in self.accepts

    @property
    def wants_name(self) -> bool:
        """Nothing but a name, or a step that what follows shows to be one."""
        looks_like_step = self.after.lstrip().startswith((":", "(", "->"))
        return "NAME" in self.accepts and not self.wants_value and (looks_like_step or not self.wants_step)

    @property
    def wants_value(self) -> bool:
        return "NUMBER" in self.accepts and not self.wants_step  # a number may be a step's label

    @property
    def wants_item(self) -> bool:
        return "MODEL" in self.accepts and not self.wants_step

    @property
    def ends_value(self) -> bool:
        """An expression could end here, or go on with an operator."""
        return "AND" in self.accepts and not self.wants_step

    @property
    def ends_step(self) -> bool:
        return "_ARROW" in self.accepts and NEWLINE in self.accepts

    @property
    def shown(self) -> str:
        return f"`{short(self.word)}`" if self.word else f"the end of the {self.line}"

    @property
    def headline(self) -> str:
        kinds = self.accepts
        if self.wants_value:
            expected = ["a value"]
        elif self.wants_step:
            expected = ["a step"]
        elif self.wants_item:
            expected = ["a model", "a block", "`let`", "`default`", "`from`"]
        else:
            if self.ends_step:
                kinds = frozenset(("_ARROW", NEWLINE))
            elif NEWLINE in kinds:
                kinds &= {NEWLINE, "_COMMA"}
            elif self.ends_value:
                kinds -= {"_LPAR", "_LSQB"}  # behind a value nearly everything goes: only what ends it is worth listing
            shown = _SHOWN | {NEWLINE: f"the end of the {self.line}"}
            expected = [shown[kind] for kind in shown if kind in kinds]
        *most, last = expected
        return f"expected {' or '.join([', '.join(most), last] if most else [last])}, found {self.shown}"


def unexpected_token(text: str, error: NotInGrammar, line: str) -> UnexpectedToken:
    """The token of an error in a flattened text; ``line`` is what ends where a line does.

    A word of the language may be a label wherever a step may stand. Where no colon follows it is none, and the token
    is the word itself.
    """
    word = "" if error.kind == NEWLINE else text[error.start : error.end]
    token = _surrounded(text, error.kind, error.start, word, error.accepts, line)
    label = token.previous
    if "_COLON" not in token.accepts or token.kind == "_COLON" or label not in keywords():
        return token
    if token.accepts != {"_COLON"}:
        return token._replace(accepts=token.accepts - {"_COLON"})
    return _surrounded(text, label.upper(), token.back(len(label))[0], label, _BEGINS_STEP, line)


def _surrounded(text: str, kind: str, start: int, word: str, accepts: frozenset[str], line: str) -> UnexpectedToken:
    pieces: list[str] = []
    copied = begin = max(0, start - WINDOW)
    # Comments become blanks, so that all else stays where it is. Behind blanks where nothing comes the lexer looks for
    # a newline from each of them.
    for kind_before, begins, ends in scan(text[:start].rstrip(" \t\r"), begin):
        if kind_before == NEWLINE and "#" in text[begins:ends]:
            lines = text[begins:ends].split("\n")
            pieces += (text[copied:begins], "\n".join(line.partition("#")[0].ljust(len(line)) for line in lines))
            copied = ends
    window = "".join([*pieces, text[copied:start]])
    before = window.rstrip()
    between = window[len(before) :]
    if "\n" not in between and _GULF.match(between):
        before = between = ""
    end = start + len(word)
    after = text[end : min(text.index("\n", end), end + WINDOW)]
    next_line = skip(text, end)
    below = text[next_line : next_line + WINDOW].partition("\n")[0] if kind == NEWLINE else ""
    before, after, below = _GULF.split(before)[-1], _GULF.split(after)[0], _GULF.split(below)[0]
    return UnexpectedToken(kind, word, start, before, between, after, (below, next_line), accepts, line)
