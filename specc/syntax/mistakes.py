"""What is said of a syntax error: what stands there, what may stand there, and the slip it most likely is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label
from specc.source import Source
from specc.syntax.literals import OWNERS
from specc.syntax.tokens import NEWLINE, UNKNOWN, NotInGrammar, keywords, scan, skip

# In the order in which alternatives are listed.
_SHOWN = {
    "NAME": "a name", "STRING": "a string", "EQUAL": "`=`", "IN": "`in`", "IMPORT": "`import`", "_COMMA": "`,`",
    "_COLON": "`:`", "_LPAR": "`(`", "_LSQB": "`[`", "_RPAR": "`)`", "_RSQB": "`]`", "_ARROW": "`->`",
    "_WHERE": "`where`", "_ELSE": "`else`", "_BAR": "`|`", "_LBRACE": "`{`", "_RBRACE": "`}`",
}  # fmt: skip
_SLASHES = "a comment begins with `#`, not `//`"
_WINDOW = 2000
"""How far to look around: a file may be one line of megabytes."""
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
    "@": "a product with a matrix that is learned is `fc(…)` or `linear(…)`",
}


@dataclass(frozen=True, slots=True)
class _Slip:
    """The token that does not fit.

    Attributes:
        kind: Lark's name of it.
        word: what is written there; empty at the end of a line.
        start: its offset.
        before: the text in front of it, without the blanks and comments between.
        gap: how many characters those are.
        after: the rest of its line behind it.
        below: where a line ends here, the next one that is not empty, and where it begins.
        accepts: Lark's names of what would fit.
        line: what ends where a line does: an expression of YAML is parsed as one.
    """

    kind: str
    word: str
    start: int
    before: str
    gap: int
    after: str
    below: tuple[str, int]
    accepts: frozenset[str]
    line: str = "line"

    @property
    def previous(self) -> str:
        """The word in front of it, empty where there is none."""
        found = re.search(r"[A-Za-z_][A-Za-z0-9_]*\Z", self.before)
        return found[0] if found else ""

    def back(self, length: int) -> tuple[int, int]:
        """Where the last ``length`` characters in front of it stand."""
        end = self.start - self.gap
        return end - length, end

    @property
    def statement(self) -> str:
        """The first word of the statement."""
        found = re.match(r"\s*([A-Za-z_]*)", re.split(r"[\n{|]", self.before)[-1])
        return found[1] if found else ""

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
        return "_ARROW" in self.accepts and "_NL" in self.accepts

    @property
    def expected(self) -> str:
        if self.wants_value:
            return "a value"
        if self.wants_step:
            return "a step"
        if self.wants_item:
            return "a model, a block, `let`, `default` or `from`"
        shown = _SHOWN | {"_NL": f"the end of the {self.line}"}
        return _either(shown[kind] for kind in shown if kind in self._worth_showing())

    @property
    def headline(self) -> str:
        return f"expected {self.expected}, found {self.found}"

    @property
    def found(self) -> str:
        return f"`{_short(self.word)}`" if self.word else f"the end of the {self.line}"

    def _worth_showing(self) -> frozenset[str]:
        if self.ends_step:
            return frozenset({"_ARROW", "_NL"})
        if "_NL" in self.accepts:
            return self.accepts & {"_NL", "_COMMA"}
        # Behind a value nearly everything goes: only what ends it is worth listing.
        return self.accepts - {"_LPAR", "_LSQB"} if self.ends_value else self.accepts


class _Explained(NamedTuple):
    """Headline, help (none if empty), and the place where it is not that of the token."""

    message: str
    help: str = ""
    place: tuple[int, int] | None = None


def explain(source: Source, text: str, error: NotInGrammar, is_expression: bool = False) -> Diagnostic:
    """The diagnostic of a syntax error in the flattened ``text`` of ``source``."""
    if error.kind == UNKNOWN:
        return _explain_character(source, text, error.start)
    word = "" if error.kind == NEWLINE else text[error.start : error.end]
    slip = _as_no_label(text, _at(text, error.kind, error.start, word, error.accepts))
    if is_expression:
        slip = replace(slip, line="expression")
    explained = next(filter(None, (rule(slip) for rule in _RULES)), _Explained(slip.headline))
    start, end = explained.place or (slip.start, slip.start + len(slip.word))
    return _diagnostic(source, explained.message, start, end, explained.help)


def _at(text: str, kind: str, start: int, word: str, accepts: frozenset[str]) -> _Slip:
    window = _without_comments(text[max(0, start - _WINDOW) : start])
    before = window.rstrip()
    end = start + len(word)
    after = text[end : min(text.index("\n", end), end + _WINDOW)]
    next_line = skip(text, end)
    below = text[next_line : next_line + _WINDOW].partition("\n")[0] if kind == "_NL" else ""
    return _Slip(kind, word, start, before, len(window) - len(before), after, (below, next_line), accepts)


def _without_comments(text: str) -> str:
    """The text with blanks for its comments."""
    pieces: list[str] = []
    copied = 0
    for kind, start, end in scan(text):
        if kind == NEWLINE and "#" in text[start:end]:
            lines = text[start:end].split("\n")
            pieces += (text[copied:start], "\n".join(line.partition("#")[0].ljust(len(line)) for line in lines))
            copied = end
    return "".join([*pieces, text[copied:]])


_A_STEP = frozenset(("NAME", "NUMBER", "STRING", "IN", "REPEAT", "_LBRACE", "_LSQB"))


def _as_no_label(text: str, slip: _Slip) -> _Slip:
    """A word of the language may be a label wherever a step may stand. Where no colon follows it is none, and what is
    wrong is said of the word itself."""
    word = slip.previous
    if "_COLON" not in slip.accepts or slip.kind == "_COLON" or word not in keywords():
        return slip
    if slip.accepts != {"_COLON"}:
        return replace(slip, accepts=slip.accepts - {"_COLON"})
    return _at(text, word.upper(), slip.back(len(word))[0], word, _A_STEP)


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


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:20] + "..."


def _either(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


# ---- the slips that are known, the more special ones first --------------------------------------------


def _keyword_as_name(slip: _Slip) -> _Explained | None:
    word, place = slip.word, None
    if slip.kind in ("_COLON", "EQUAL") and slip.previous in keywords():
        word = slip.previous
        place = slip.back(len(word))
    elif word not in keywords() or not slip.wants_name:
        return None
    if word == "else" and (slip.kind == "_COLON" or slip.after.lstrip().startswith(":")):
        help_ = 'write `else { ... }` behind an `if`; a label of that name stands in quotes: `"else": ...`'
        return _Explained("`else` has no colon", help_, place)
    message = f"`{word}` is a word of the language and cannot be a name"
    return _Explained(message, f"another name, such as `{word}_`, can", place)


def _nested_item(slip: _Slip) -> _Explained | None:
    if slip.wants_step and slip.word in ("model", "block", "default", "from"):
        return _Explained(f"`{slip.word}` cannot stand inside a body", "move it to the margin, in front of the model")
    return None


def _without_step(slip: _Slip) -> _Explained | None:
    if slip.wants_step and slip.before.endswith(":"):
        help_ = "the step stands on the line of its label" if not slip.word else ""
        return _Explained(f"a label needs a step after `:`, found {slip.found}", help_)
    if slip.accepts == {"_COLON"} and slip.before.endswith('"'):
        return _Explained(slip.headline, 'a text here is a label: `"...": step`')
    if slip.wants_step and slip.before.endswith("->"):
        help_ = f"`{slip.word}` stands on a line of its own" if slip.word in ("let", "assert") else ""
        return _Explained(f"expected a step after `->`, found {slip.found}", help_)
    return None


def _arm(slip: _Slip) -> _Explained | None:
    if slip.word == "|" and slip.after.startswith("|") and not slip.wants_step:
        return _Explained("`||` is no operator", "write `or`", (slip.start, slip.start + 2))
    merge = re.search(r"(\w+)[ \t]*(?:\([^(){}]*\)[ \t]*)?\n\s*\{\Z", slip.before)
    if slip.word == "|" and slip.wants_step and merge:
        return _Explained(
            f"the `{{` of the arms stands on the line of `{merge[1]}`", f"write `{merge[1]} {{`", slip.back(1)
        )
    if slip.wants_step and slip.before.endswith("|") and slip.word in ("|", "}"):
        return _Explained("an arm cannot be empty", "`| _` is an arm that passes the current value on")
    if slip.accepts == {"_BAR"}:
        return _Explained(f"expected an arm, found {slip.found}", "write each arm as `| step`")
    return None


def _equals_sign(slip: _Slip) -> _Explained | None:
    if slip.kind != "EQUAL":
        return None
    after = slip.after.strip()
    if after.startswith(">"):
        return _Explained("`=>` is no arrow", "write `->`", (slip.start, slip.start + 2))
    if "_COLON" in slip.accepts and slip.ends_step:
        name, step = slip.previous, after if after and not set(after) & set("{}#") else "step"
        help_ = f"write `{name}: {step}` for a step, or `let {name} = ...` for a number"
        return _Explained("a step is named with `:`, not `=`", help_)
    if "_COLON" in slip.accepts:
        return _Explained(slip.headline, "leave out the `=`" if after.startswith("{") else "write `:` for `=`")
    if slip.ends_value and slip.statement in ("if", "assert", "model", "block", "where"):
        return _Explained("`=` does not compare", "write `==`")
    return None


def _colon(slip: _Slip) -> _Explained | None:
    if slip.kind != "_COLON":
        return None
    if "EQUAL" in slip.accepts:
        return _Explained(f"`{slip.previous}` gets its value with `=`, not `:`", f"write `{slip.previous} = ...`")
    if "_LBRACE" in slip.accepts:
        help_ = "leave out the `:`" if slip.after.strip().startswith("{") else "write `{` and, at its end, `}`"
        return _Explained("a body stands in braces, not behind `:`", help_)
    return None


def _colon_without_contract(slip: _Slip) -> _Explained | None:
    """``block b(c): {``, ``model M:``"""
    if slip.statement not in ("model", "block") or not slip.before.endswith(":") or slip.accepts != {"_LPAR", "_LSQB"}:
        return None
    if slip.word not in ("", "{"):
        return None
    line = _short(slip.before.rpartition("\n")[2].strip().removesuffix(":").strip())
    help_ = f"write `{line} : [N, 3, 32, 32] {{`, with your own sizes"
    if slip.statement == "block":
        help_ = f"leave out the `:`, as in `{line} {{`, or write the contract behind it"
    return _Explained(f"behind `:` stands the contract of this {slip.statement}", help_, slip.back(1))


def _chained_comparison(slip: _Slip) -> _Explained | None:
    if slip.kind == "COMPARE" and slip.ends_value:
        return _Explained("comparisons cannot be chained", "join two with `and`: `0 < a and a < b`")
    return None


def _foreign_operator(slip: _Slip) -> _Explained | None:
    if slip.word == "*" and slip.before.endswith("*") and not slip.gap:
        place = slip.start - 1, slip.start + 1
        return _Explained("there is no operator `**`", "write a power as a product: `a * a`", place)
    line = slip.before.rpartition("\n")[2]
    if slip.word == "//":
        return _Explained(_SLASHES)
    if "//" in line and not slip.wants_value:
        start = slip.back(len(line) - line.index("//"))[0]
        return _Explained(_SLASHES, "", (start, start + 2))
    return None


def _arithmetic(slip: _Slip) -> _Explained | None:
    """``x + y`` and ``conv(8, 3) * 0.1`` where a step stands."""
    sign = slip.word
    if sign == "*" and slip.after.startswith("*"):
        sign = "**"
    if sign not in _SUMS or not (slip.ends_step or slip.accepts == {"_COLON"}):
        return None
    left = _operand_before(slip.before)
    right = _operand_behind(slip.after[max(0, len(sign) - len(slip.word)) :])
    place = slip.start, slip.start + len(sign)
    if sign == "//" and not _REAL.match(right):
        return _Explained(_SLASHES)
    if sign == "/" and slip.after.startswith("*"):
        return _Explained("a comment begins with `#`, not `/*`", place=(slip.start, slip.start + 2))
    if sign == "-" and slip.after.lstrip().startswith((">", "->")):
        return _Explained("that is no arrow", "write `->`", (slip.start, slip.start + slip.after.index(">") + 2))
    return _Explained(f"`{sign}` is for numbers, not for steps", _advice(sign, left, right), place)


_SUMS = {"+": "add", "-": "sub", "*": "mul", "/": "", "//": "", "%": "", "**": ""}
_REAL = re.compile(r"-?(?:\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?)\Z")


def _operand_before(before: str) -> str:
    """What stands in front of an operator, back to where its step begins."""
    depth, at = 0, len(before)
    while at and len(before) - at < _WINDOW:
        character = before[at - 1]
        depth += (character in ")]") - (character in "([")
        if depth < 0 or (not depth and (character in "\n{}|:" or before.endswith("->", 0, at))):
            break
        at -= 1
    return before[at:].strip()


def _operand_behind(after: str) -> str:
    """What stands behind an operator, up to where its step ends."""
    depth = 0
    for at, character in enumerate(after):
        depth += (character in "([") - (character in ")]")
        if depth < 0 or (not depth and (character in "{}|#" or after.startswith("->", at))):
            return after[:at].strip()
    return after.strip()


def _advice(sign: str, left: str, right: str) -> str:
    """What to write for a sum, a difference or a product of values of the network, as a help."""
    instead = _instead(sign, left, right)
    if not instead:
        return "of values of the network there are sums, differences and products: `add { | … | … }`, `sub`, `mul`"
    return f"write `{instead}`" + (": x * factor + offset" if "affine(" in instead else "")


def _instead(sign: str, left: str, right: str) -> str:
    """The step that computes ``left sign right``; empty where there is none."""
    numbers = {"*": (right, ""), "+": ("1", right), "-": ("1", right[1:] if right.startswith("-") else f"-{right}")}
    if left.startswith("[") or right.startswith("["):  # [relu] * 3, as Python repeats a list
        rounds = right if left.startswith("[") else left
        return f"repeat {rounds} {{ … }}" if sign == "*" and rounds.isdigit() else ""
    if _REAL.match(right) and sign in numbers:
        return _scaled(left, *numbers[sign])
    if _REAL.match(left) and sign in numbers:
        return _scaled(right or "_", *{"*": (left, ""), "+": ("1", left), "-": ("-1", left)}[sign])
    if _REAL.match(right) and sign == "/":
        return _scaled(left, f"1 / {right}", "")
    if sign == "**" and right == "2":
        return f"mul {{ | {_short(left)} | {_short(left)} }}"
    return f"{_SUMS[sign]} {{ | {_short(left)} | {_short(right) or '_'} }}" if _SUMS[sign] else ""


def _scaled(step: str, factor: str, offset: str) -> str:
    return f"{_short(step)} -> affine({factor}{offset and f', {offset}'})"


def instead_of_sum(text: str) -> str:
    """The step to write for a text such as ``x + y`` or ``conv(8, 3) * 0.1``; empty where it is none such."""
    if len(text) > _WINDOW:
        return ""
    for found in re.finditer(r"\*\*|//|[-+*/%]", text):
        left, right = text[: found.start()], text[found.end() :]
        if left.strip() and left.count("(") == left.count(")") and not right.startswith(">"):
            return _instead(found[0], left.strip(), right.strip())
    return ""


def _arrow(slip: _Slip) -> _Explained | None:
    """``conv(8, 3) >> relu``"""
    if slip.word != ">" or not slip.ends_step:
        return None
    return _Explained("that is no arrow", "write `->`", (slip.start, slip.start + 1 + slip.after.startswith(">")))


_NO_WORDS = {
    "return": ("no step is returned", "what the last step gives is what the model gives: leave `return` out"),
    "def": ("`def` is Python's", "steps under a name of their own are a block: `block name(c) { ... }`"),
    "class": ("`class` is Python's", "steps under a name of their own are a block: `block name(c) { ... }`"),
}


def _python(slip: _Slip) -> _Explained | None:
    """``nn.Conv2d(3, 8, 3)``, ``conv(8, 3)(x)``, ``x.relu()``, ``return x``"""
    if slip.ends_step and slip.previous == slip.statement and slip.previous in _NO_WORDS:
        return _Explained(*_NO_WORDS[slip.previous], slip.back(len(slip.previous)))
    if slip.wants_item and not slip.wants_step and slip.word in ("def", "class"):
        return _Explained(*_NO_WORDS[slip.word])
    if not slip.ends_step:
        return None
    step = _short(_operand_before(slip.before))
    if slip.word == "(" and slip.before.endswith(")"):
        value = _operand_behind(slip.after) or "_"
        return _Explained("a step is given the value before it", f"write `{_short(value)} -> {step}`")
    if slip.word == "." and slip.previous in OWNERS:
        owner = slip.previous
        return _Explained(
            f"layers and labels are called by their names alone, without `{owner}.`", f"leave out `{owner}.`"
        )
    if slip.word == "." and (name := re.match(r"[A-Za-z_]\w*(?=\s*\()", slip.after)):
        return _Explained("a step has no methods", f"write `{step} -> {name[0]}`, where {name[0]} is a layer")
    return None


def _shape_in_parentheses(slip: _Slip) -> _Explained | None:
    """``model M : (N, 3, 8, 8) {``"""
    if slip.statement != "model" or slip.word != "," or not (found := re.search(r":\s*\((\s*\w+)\Z", slip.before)):
        return None
    rest = slip.after.partition(")")[0]
    return _Explained("a shape stands in square brackets", f"write `[{_short(f'{found[1].strip()},{rest}')}]`")


def _number_as_step(slip: _Slip) -> _Explained | None:
    """``mul { | _ | 0.1 }``, ``relu -> 0.5``"""
    found = re.search(r"(?:^|[|{\n]|->)\s*(\d[\w.]*)\Z", slip.before)
    if slip.accepts != {"_COLON"} or not found:
        return None
    number = found[1]
    merge, first = _merge_around(slip.before)
    use = {"add": f"affine(1, {number})", "sub": f"affine(-1, {number})" if first else f"affine(1, -{number})"}.get(
        merge, f"affine({number})"
    )
    help_ = f"write `{use}`, the constants of x * factor + offset"
    if merge:
        help_ = f"write `{use}` for this {merge}: the constants of x * factor + offset"
    return _Explained(f"`{number}` is a number, and no step", help_, slip.back(len(number)))


def _merge_around(before: str) -> tuple[str, bool]:
    """The word in front of the brace that is open, if it has arms; and whether this is the first of them."""
    found = re.search(r"(\w+)[ \t]*(?:\([^(){}]*\)[ \t]*)?\{\s*\|([^{}]*)\Z", before)
    return (found[1], "|" not in found[2]) if found else ("", False)


def _bracketed_step(slip: _Slip) -> _Explained | None:
    """``(x + y) -> relu``, ``-x``, ``xs[0] -> relu``"""
    if slip.word == "(" and slip.wants_step:
        return _Explained(
            "a step does not begin with `(`", "`{ … }` holds steps together, `add { | x | y }` adds values"
        )
    if slip.word == "-" and slip.wants_step and (slip.gap or not slip.previous):
        value = _operand_behind(slip.after)
        return _Explained("`-` is for numbers, not for steps", f"write `{_short(value) or '_'} -> affine(-1)`")
    if slip.word == "[" and slip.ends_step and slip.previous and not slip.gap:
        entry = f"{slip.previous}[{slip.after.partition(']')[0]}]"
        help_ = f"give it a name first: `let one = {_short(entry)}`, then `one` is a step"
        return _Explained("the entry of a list is no step", help_, slip.back(len(slip.previous)))
    return None


def _bare_point(slip: _Slip) -> _Explained | None:
    if slip.wants_value and slip.word == "." and slip.after[:1].isdigit():
        return _Explained("a number begins with a digit", "write `0.5`, not `.5`")
    if slip.accepts == {"NAME"} and slip.word == "." and (first := re.search(r"([0-9]+)\.\Z", slip.before)):
        last = re.match(r"\d*", slip.after)
        bounds = f"{first[1]}, {(last and last[0]) or '…'}"
        return _Explained(
            "there are no ranges with `..`", f"write `range({bounds})`", (slip.back(1)[0], slip.start + 1)
        )
    if slip.accepts == {"NAME"} and re.search(r"[0-9]\.\Z", slip.before):
        return _Explained("a number ends with a digit", "write `1.0`, not `1.`", slip.back(2))
    return None


def _hyphen_in_name(slip: _Slip) -> _Explained | None:
    joined = slip.previous and not slip.gap and re.match(r"\w", slip.after)
    if slip.word == "-" and joined and not slip.ends_value:
        help_ = f"write `_` for `-`: `{slip.previous}_...`"
        return _Explained("a name consists of letters, digits and `_`", help_)
    return None


def _missing_comma(slip: _Slip) -> _Explained | None:
    if slip.kind in ("NAME", "NUMBER", "STRING") and "_COMMA" in slip.accepts:
        return _Explained(slip.headline, f"put a comma in front of {slip.found}")
    return None


def _misspelt(slip: _Slip) -> _Explained | None:
    from specc.diagnostics.spelling import suggest

    if slip.ends_step and "elif" in (slip.previous, slip.word):
        place = None if slip.word == "elif" else slip.back(4)
        return _Explained("there is no `elif`", "write `else if`", place)
    if slip.ends_step and slip.previous == slip.statement:
        near = suggest(slip.previous, ("repeat", "for", "if", "assert", "shared", "let"))
        place = slip.back(len(slip.previous))
        return _Explained(slip.headline, f"did you mean `{near.names[0]}`?", place) if near else None
    words = [word for word in keywords() if {word.upper(), f"_{word.upper()}"} & slip.accepts and slip.kind == "NAME"]
    near = suggest(slip.word, words)
    return _Explained(slip.headline, f"did you mean `{near.names[0]}`?") if near else None


def _after_step(slip: _Slip) -> _Explained | None:
    if not slip.ends_step:
        return None
    if slip.kind in ("NUMBER", "STRING") and slip.previous:
        help_ = f"arguments stand in parentheses: `{slip.previous}({_short(slip.word)})`"
        return _Explained(slip.headline, help_)
    if slip.kind == "NAME" or slip.word in ("in", "if", "for", "repeat", ","):
        return _Explained(slip.headline, "put `->` or a newline between two steps")
    return None


def _missing_body(slip: _Slip) -> _Explained | None:
    if slip.word or "_LBRACE" not in slip.accepts or slip.ends_step:
        return None
    what = f"`{slip.statement}`" if slip.statement in keywords() else "step"
    below, at = slip.below
    line = slip.before.rpartition("\n")[2].strip()
    if below.startswith("{"):
        return _Explained(f"the `{{` of this {what} stands on its line", _begun(f"{line} {{"), (at, at + 1))
    if slip.statement in ("model", "block") and below.startswith(":"):
        help_ = _begun(f"{line} {below}".rstrip())
        return _Explained(f"the contract of this {what} begins on its line", help_, (at, at + 1))
    return _Explained(f"this {what} has no body", "write `{` on this line, then its steps, then `}`")


def _begun(line: str) -> str:
    """What to write for a line that ends too early."""
    return f"write `{line}`" if len(line) <= 80 else "move it up, to the end of that line"


def _outside(slip: _Slip) -> _Explained | None:
    if not slip.wants_item or slip.wants_step:
        return None
    if slip.word == "import":
        return _Explained(slip.headline, 'write `from "file.cnn" import name`')
    return _Explained(slip.headline, "steps stand inside a model: `model Name : [N, 1, 32, 32] { ... }`")


def _path(slip: _Slip) -> _Explained | None:
    if slip.accepts == {"STRING"} and slip.statement == "from":
        return _Explained(f"expected the path of a file in double quotes, found {slip.found}")
    return None


_RULES: tuple[Callable[[_Slip], _Explained | None], ...] = (
    _keyword_as_name,
    _nested_item,
    _without_step,
    _arm,
    _equals_sign,
    _colon,
    _colon_without_contract,
    _arithmetic,
    _arrow,
    _python,
    _shape_in_parentheses,
    _number_as_step,
    _bracketed_step,
    _chained_comparison,
    _foreign_operator,
    _bare_point,
    _hyphen_in_name,
    _missing_comma,
    _misspelt,
    _after_step,
    _missing_body,
    _outside,
    _path,
)
