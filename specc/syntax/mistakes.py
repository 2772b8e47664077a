"""What is said of a syntax error: what stands there, what may stand there, and the slip it most likely is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from specc.diagnostics import Code, Diagnostic, Label
from specc.source import Source
from specc.syntax.brackets import skip_blank

_ITEMS = ("model", "block", "let", "default", "from")
_KEYWORDS = frozenset(
    (*_ITEMS, "import", "repeat", "for", "in", "if", "else", "assert", "shared", "where", "and", "or", "not")
)
# In the order in which alternatives are listed.
_SHOWN = {
    "NAME": "a name", "STRING": "a string", "EQUAL": "`=`", "IN": "`in`", "IMPORT": "`import`", "_COMMA": "`,`",
    "_COLON": "`:`", "_LPAR": "`(`", "_LSQB": "`[`", "_RPAR": "`)`", "_RSQB": "`]`", "_ARROW": "`->`",
    "_WHERE": "`where`", "_ELSE": "`else`", "_BAR": "`|`", "_LBRACE": "`{`", "_RBRACE": "`}`",
    "_NL": "the end of the line",
}  # fmt: skip
_FOREIGN = {
    ";": "end the step with a newline, or go on with `->`",
    "!": "write `not`",
    "&": "write `and`",
    "\\": "inside ( ) and [ ] a newline means nothing: no mark is needed to go on",
    "→": "write `->`",
    "“": 'write `"`',
    "”": 'write `"`',
    "„": 'write `"`',
    "×": "write `*`",
    "−": "write `-`",
    "–": "write `-`",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    "\xa0": "put an ordinary space there",
    "^": "write a power as a product: `a * a`",
}


@dataclass(frozen=True, slots=True)
class _Slip:
    """The token that does not fit.

    Attributes:
        kind: Lark's name of it.
        word: what is written there; empty at the end of a line.
        before: the text in front of it, blanks and comments skipped.
        after: the rest of its line behind it.
        accepts: Lark's names of what would fit.
    """

    kind: str
    word: str
    before: str
    after: str
    accepts: frozenset[str]

    @property
    def previous(self) -> str:
        """The word in front of it, empty where there is none."""
        found = re.search(r"[A-Za-z_][A-Za-z0-9_]*\Z", self.before)
        return found[0] if found else ""

    @property
    def statement(self) -> str:
        """The first word of the line."""
        found = re.match(r"[|\s]*([A-Za-z_]*)", self.before.rpartition("\n")[2])
        return found[1] if found else ""

    @property
    def wants_step(self) -> bool:
        return "REPEAT" in self.accepts

    @property
    def wants_value(self) -> bool:
        return "NUMBER" in self.accepts

    @property
    def wants_item(self) -> bool:
        return "MODEL" in self.accepts

    @property
    def ends_value(self) -> bool:
        """An expression could end here, or go on with an operator."""
        return "AND" in self.accepts

    @property
    def ends_step(self) -> bool:
        return "_ARROW" in self.accepts and "_NL" in self.accepts

    @property
    def expected(self) -> str:
        if self.wants_value:
            return "a value"
        if self.wants_step:
            return "a step"
        if self.wants_item:
            return "a model, a block, `let`, `default` or `from`"
        return _either(_SHOWN[kind] for kind in _SHOWN if kind in self._worth_showing())

    @property
    def found(self) -> str:
        return f"`{self.word}`" if self.word else "the end of the line"

    def _worth_showing(self) -> frozenset[str]:
        if self.ends_step:
            return frozenset({"_ARROW", "_NL"})
        if "_NL" in self.accepts:
            return self.accepts & {"_NL", "_COMMA"}
        # Behind a value nearly everything goes: only what ends it is worth listing.
        return self.accepts - {"_LPAR", "_LSQB", "IF", "_ELSE"} if self.ends_value else self.accepts


_Explained = tuple[str, str]
"""Headline and help; an empty help is none."""


def explain(source: Source, text: str, error: UnexpectedToken | UnexpectedCharacters) -> Diagnostic:
    """The diagnostic of a syntax error in the flattened ``text`` of ``source``."""
    if isinstance(error, UnexpectedCharacters):
        return _explain_character(source, text, error.pos_in_stream or 0)
    at, word = error.pos_in_stream or 0, ""
    if error.token.type != "_NL":
        at = skip_blank(text, at)
        word = _word(text, at, error.token.type, len(error.token))
    line_end = text.find("\n", at)
    before = text[:at].rstrip() if at < 2000 else text[at - 2000 : at].rstrip()
    slip = _Slip(error.token.type, word, before, text[at + len(word) : line_end], frozenset(error.accepts or ()))
    message, help_ = f"expected {slip.expected}, found {slip.found}", ""
    for rule in _RULES:
        explained = rule(slip)
        if explained:
            message, help_ = explained
            break
    return _diagnostic(source, message, at, at + len(word), help_)


def _explain_character(source: Source, text: str, at: int) -> Diagnostic:
    number = re.compile(r"[0-9][0-9A-Za-z_]*").match(text, at)
    if number:
        message = f"`{_short(number[0])}` is neither a number nor a name"
        help_ = "a name begins with a letter; a number may end in k, M or G, and `_` stands between two digits"
        return _diagnostic(source, message, at, number.end(), help_)
    character = text[at]
    shown = f"`{character}`" if character.isprintable() else unicodedata.name(character, "a character").lower()
    if not character.isascii():
        shown += f" (U+{ord(character):04X})"
    return _diagnostic(source, f"{shown} is no part of the language", at, at + 1, _FOREIGN.get(character, ""))


def _diagnostic(source: Source, message: str, start: int, end: int, help_: str) -> Diagnostic:
    return Diagnostic(Code.SYNTAX, message, Label(source.span(start, end)), helps=(help_,) if help_ else ())


def _word(text: str, at: int, kind: str, length: int) -> str:
    if kind in ("NAME", "NUMBER", "STRING"):
        return text[at : at + length]
    found = re.compile(r"[a-z]+|->|//|[=!<>]=|[^\n]").match(text, at)
    return found[0] if found else ""


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:20] + "..."


def _either(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


# ---- the slips that are known, the more special ones first --------------------------------------------


def _keyword_as_name(slip: _Slip) -> _Explained | None:
    word = slip.word
    named_here = slip.kind in ("_COLON", "EQUAL") and slip.previous in _KEYWORDS
    if named_here:
        word = slip.previous
    elif word not in _KEYWORDS or not ("NAME" in slip.accepts and not slip.wants_value):
        return None
    if slip.wants_step and not slip.after.lstrip().startswith((":", "(", "->")):
        return None
    return f"`{word}` is a word of the language and cannot be a name", f"another name, such as `{word}_`, can"


def _nested_item(slip: _Slip) -> _Explained | None:
    if not (slip.wants_step and slip.word in ("model", "block", "default", "from")):
        return None
    return f"`{slip.word}` cannot stand inside a body", "move it to the margin, in front of the model"


def _label_without_step(slip: _Slip) -> _Explained | None:
    if slip.wants_step and slip.before.endswith(":"):
        return f"a label needs a step after `:`, found {slip.found}", ""
    return None


def _empty_arm(slip: _Slip) -> _Explained | None:
    if slip.word == "|" and slip.after.startswith("|") and not slip.wants_step:
        return "`||` is no operator", "write `or`"
    if slip.wants_step and slip.before.endswith("|") and slip.word in ("|", "}"):
        return "an arm cannot be empty", "`| _` is an arm that passes the current value on"
    if slip.accepts == {"_BAR"}:
        return f"expected an arm, found {slip.found}", "write each arm as `| step`"
    return None


def _equals_sign(slip: _Slip) -> _Explained | None:
    if slip.kind != "EQUAL":
        return None
    if slip.after.startswith(">"):
        return "`=>` is no arrow", "write `->`"
    if "_COLON" in slip.accepts and slip.ends_step:
        name = slip.previous
        return "a step is named with `:`, not `=`", f"write `{name}: step`, or `let {name} = value` for a number"
    if "_COLON" in slip.accepts:
        return "expected `:`, found `=`", f"write `{slip.previous}: [...]`"
    if slip.ends_value and slip.statement in ("if", "assert", "model", "block", "where"):
        return "`=` does not compare", "write `==`"
    return None


def _colon(slip: _Slip) -> _Explained | None:
    if slip.kind != "_COLON":
        return None
    if "EQUAL" in slip.accepts:
        return f"`{slip.previous}` gets its value with `=`, not `:`", f"write `{slip.previous} = value`"
    if "_LBRACE" in slip.accepts:
        return "a body stands in braces, not behind `:`", "write `{` and, at its end, `}`"
    return None


def _chained_comparison(slip: _Slip) -> _Explained | None:
    if slip.kind == "COMPARE" and slip.ends_value:
        return "comparisons cannot be chained", "join two with `and`: `0 < a and a < b`"
    return None


def _foreign_operator(slip: _Slip) -> _Explained | None:
    if slip.word == "*" and slip.before.endswith("*"):
        return "there is no operator `**`", "write a power as a product: `a * a`"
    if slip.word == "//" or "//" in slip.before.rpartition("\n")[2]:
        return "a comment begins with `#`, not `//`", ""
    if slip.wants_value and slip.word == ".":
        return "a number begins with a digit", "write `0.5`, not `.5`"
    if "." in slip.before[-1:] and slip.accepts == {"NAME"} and slip.before[-2:-1].isdigit():
        return "a number ends with a digit", "write `1.0`, not `1.`"
    return None


def _hyphen_in_name(slip: _Slip) -> _Explained | None:
    if slip.word == "-" and slip.previous and not slip.ends_value and re.match(r"\w", slip.after):
        return "a name consists of letters, digits and `_`", f"write `_` for `-`: `{slip.previous}_...`"
    return None


def _missing_comma(slip: _Slip) -> _Explained | None:
    if slip.kind in ("NAME", "NUMBER", "STRING") and "_COMMA" in slip.accepts:
        return f"expected {slip.expected}, found {slip.found}", f"put a comma in front of {slip.found}"
    return None


def _after_step(slip: _Slip) -> _Explained | None:
    if not slip.ends_step:
        return None
    if slip.word == "elif":
        return "there is no `elif`", "write `else if`"
    message = f"expected {slip.expected}, found {slip.found}"
    if slip.kind in ("NUMBER", "STRING") and slip.previous:
        return message, f"arguments stand in parentheses: `{slip.previous}({_short(slip.word)})`"
    if slip.kind == "NAME" or slip.word in ("in", "if", "for", "repeat"):
        return message, "put `->` or a newline between two steps"
    return None


def _missing_body(slip: _Slip) -> _Explained | None:
    if slip.word or "_LBRACE" not in slip.accepts or slip.ends_step:
        return None
    what = slip.statement if slip.statement in _KEYWORDS else "step"
    if slip.after.lstrip().startswith("{"):
        return f"the `{{` of this {what} must stand on its line", "move the `{` up to the end of this line"
    return f"this {what} has no body", "write its steps behind it in `{ }`"


def _outside(slip: _Slip) -> _Explained | None:
    if not slip.wants_item or slip.wants_step:
        return None
    message = f"expected {slip.expected}, found {slip.found}"
    if slip.word == "import":
        return message, 'write `from "file.cnn" import name`'
    near = get_close_matches(slip.word, _ITEMS, n=1)
    if near:
        return message, f"did you mean `{near[0]}`?"
    return message, "steps stand inside a model: `model Name : [N, 1, 32, 32] { ... }`"


def _path(slip: _Slip) -> _Explained | None:
    if slip.accepts == {"STRING"} and slip.statement == "from":
        return f"expected the path of a file in double quotes, found {slip.found}", ""
    return None


_RULES: tuple[Callable[[_Slip], _Explained | None], ...] = (
    _keyword_as_name,
    _nested_item,
    _label_without_step,
    _empty_arm,
    _equals_sign,
    _colon,
    _chained_comparison,
    _foreign_operator,
    _hyphen_in_name,
    _missing_comma,
    _after_step,
    _missing_body,
    _outside,
    _path,
)
