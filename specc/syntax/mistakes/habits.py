"""Rules that recognise a habit of another language: arithmetic with values, Python, signs, comments.

Where a line has one meaning here, the whole of it is written anew (`specc.syntax.mistakes.translation`), with its own
names and numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from specc.diagnostics.vocabulary import LAYERS, OUTSIDE, note
from specc.syntax.mistakes.renaming import MERGES, layer_named, other_numbers, with_number
from specc.syntax.mistakes.translation import OWNERS, Meaning, translated
from specc.syntax.mistakes.unexpected import WINDOW, Explanation, Replacement, UnexpectedToken, end_of_statement
from specc.syntax.recovery import SLASHES, short

SIGNS = {
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
    "^": "write `**`",
    "@": "a product of two values is `matmul { | … | … }`, one with a matrix that is learned `linear(…)`",
}
"""What is written for a character that the language does not have."""

WIDE_SIGNS = {
    **{chr(ord(sign) + 0xFEE0): f"write `{sign}`" for sign in "()[]{},:=.#+-*/%<>|0123456789"},
    "、": "write `,`",
    "\u3000": "put an ordinary space there",
}
"""The same for those of Chinese and Japanese keyboards."""
WIDE_PAIRS = {"（": "）", "［": "］", "｛": "｝"}

_SIGNS = frozenset("+ - * / // % ** @ ^".split())
"""Python's operators, and the one that other languages have for a power."""
_ARROWS = ("=>", ">>", "->>", "|>", "-->", "- >", "~>")


# ---- the statement that the token is in --------------------------------------------------------------


class FaultyLine:
    """The statement around the token, which ends with its line, a brace, a bar or a comment.

    Attributes:
        text: all of it.
        start: its offset.
        is_whole: whether no brace cuts it off.
    """

    def __init__(self, token: UnexpectedToken) -> None:
        """Find it."""
        before, after = token.before, token.word + token.after
        begin = len(before) if "\n" in token.between else _begin(before)
        end = end_of_statement(after)
        text = before[begin:] + token.between.rpartition("\n")[2] + after[:end]
        self.text = text.strip()
        self.start = token.start - (len(text) - len(after[:end])) + len(text) - len(text.lstrip())
        is_behind = "\n" not in token.between and before[:begin][-1:] == "}"
        self.is_whole = not is_behind and after[end : end + 1] != "{"
        self._before = token.before

    def meaning(self, name: str) -> Meaning:
        """What a name is, as far as the text in front of the line tells."""
        if name in ("_", "in", "_in_"):
            return "value"
        before = self._before
        if re.search(rf"(?<![\w.\"]){re.escape(name)}\s*:(?!=)(?!\s*\{{\s*$)", before):
            return "value"
        if re.search(
            rf"\blet\s+{re.escape(name)}\s*=\s*-?\d|\bfor\s[^{{}}\n]*\b{re.escape(name)}\b[^{{}}\n]*\sin\b", before
        ):
            return "number"
        definition = re.findall(r"^[ \t]*(model|block)\s+\w+\s*\(([^{}]*?)\)\s*(?::|->|\{|$)", before, re.MULTILINE)
        if definition:
            kind, params = definition[-1]
            if found := re.search(rf"\b{re.escape(name)}\b\s*(?:=\s*(-?\d)?)?", params):
                return "number" if kind == "model" or found[1] else "parameter"
        return ""

    def translated(self) -> str:
        """The line as it is written here; empty where it has no certain meaning."""
        return translated(self.text, self.meaning).text if self.is_whole else ""

    def instead(self, text: str) -> Replacement:
        """The text in place of the line."""
        return Replacement(self.start, self.start + len(self.text), text)


def _begin(before: str) -> int:
    """Where the statement begins that a text ends in."""
    depth, at = 0, len(before)
    while at and len(before) - at < WINDOW:
        character = before[at - 1]
        depth += (character in ")]") - (character in "([")
        if depth < 0 or (not depth and character in "\n{}|"):
            break
        at -= 1
    return at + len(before[at:]) - len(before[at:].lstrip())


def _written(
    message: str, line: FaultyLine, place: tuple[int, int] | None = None, otherwise: str = ""
) -> Explanation | None:
    """The explanation with the line as it is written here; ``otherwise`` where it is not known, None without that."""
    if (text := line.translated()) and text != line.text:
        if re.search(r"(?<!flatten -> )\bfc\(", text):  # whether the value is flat, only the whole spec tells
            also = ", linear(…) the last axis of any" if re.search(r"\b[Dd]ense\(", line.text) else ""
            return Explanation(message, f"write `{_cut(text)}`: fc takes flat features{also}", place)
        if differs := other_numbers(line.text, text):
            return Explanation(message, f"write `{_cut(text)}`{differs}", place)
        why = ": x * factor + offset" if text.count("affine(") == 1 and "{" not in text else ""
        return Explanation(message, f"write `{_cut(text)}`{why}", place, line.instead(text))
    return Explanation(message, otherwise, place) if otherwise else None


def _cut(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:100]}…"


def step_for_sum(text: str) -> str:
    """The step to write for a text such as ``x + y`` or ``relu(conv(8, 3))``; empty where it is none such."""
    is_owned = text.partition(".")[0] in OWNERS
    is_nested = re.match(r"\w+\(\s*[a-z_]\w*\(", text)  # relu(conv(8, 3))
    if not is_owned and not is_nested and not re.search(r"\*\*|//|[-+*/%@^]", text.replace("->", "")):
        return ""
    return translated(text, lambda _: "value").text


# ---- operators between values of the network ---------------------------------------------------------


def arithmetic(token: UnexpectedToken) -> Explanation | None:
    """``x + y`` and ``conv(8, 3) * 0.1`` where a step stands; ``conv(8, 3) >> relu``."""
    sign, start = token.word, token.start
    if sign in _SIGNS and (token.ends_step or token.accepts == {"_COLON"}):
        line, place = FaultyLine(token), (start, start + len(sign))
        after = token.after
        if after.startswith("="):
            message, place = f"a value never changes: there is no `{sign}=`", (start, start + len(sign) + 1)
            return _written(message, line, place, "give what comes out a name of its own")
        if sign == "/" and after.startswith("*"):
            return Explanation("a comment begins with `#`, not `/*`", place=(start, start + 2))
        if sign == "-" and after.lstrip().startswith((">", "->")):
            return _arrow(start, start + after.index(">") + 2)
        if sign in "+-" and after.startswith(sign):
            message, place = f"a value never changes: there is no `{sign * 2}`", (start, start + 2)
            text = f"affine(1, {'' if sign == '+' else '-'}1)"
            named = re.fullmatch(r"[A-Za-z_]\w*", line.text[: start - line.start].strip())
            text = f"{named[0]} -> {text}" if named and line.meaning(named[0]) == "value" else text
            help_ = f"write `{text}` for a value that is one {'more' if sign == '+' else 'less'}"
            return Explanation(message, help_, place, line.instead(text) if line.is_whole else None)
        if sign == "//" and not line.translated() and not re.match(r"\s*[\d(]", after):
            return Explanation(SLASHES)
        message = f"`{sign}` is for numbers, not for steps"
        if rounds := re.fullmatch(r"\[([^\[\]]*)\]\s*\*\s*(\w+)", line.text):
            inner = " -> ".join(part.strip() for part in re.split(r",(?![^(]*\))", rounds[1]))
            text = f"repeat {rounds[2]} {{ {inner} }}"
            return Explanation(message, f"write `{text}`", place, line.instead(text))
        if not line.is_whole and (factor := re.fullmatch(r"([-+*/])\s*(-?\d[\w.]*)", line.text)):
            value = factor[2]
            minus = value[1:] if value.startswith("-") else f"-{value}"
            constants = {"*": value, "/": f"1 / {value}", "+": f"1, {value}", "-": f"1, {minus}"}[factor[1]]
            text = f"-> affine({constants})"
            return Explanation(message, f"write `{text}`: x * factor + offset", place, line.instead(text))
        return _written(
            message,
            line,
            place,
            "values are joined by `add { | … | … }`, `sub`, `mul`, `div`; numbers stand in `affine(…)`",
        )
    if sign == ">" and token.ends_step:
        return _arrow(start, start + 1 + token.after.startswith(">"))
    if sign == "|" and not token.wants_step and "_RBRACE" in token.accepts and "_BAR" not in token.accepts:
        return _arrow(start, start + 1 + token.after.startswith(">"))
    return None


def _arrow(start: int, end: int) -> Explanation:
    return Explanation("that is no arrow", "write `->`", (start, end), Replacement(start, end, "->"))


_A_NUMBER = r"\d[\w.]*(?:(?<=[eE])[+-]\d+)?"


def number_as_step(token: UnexpectedToken) -> Explanation | None:
    """``mul { | _ | 0.1 }``, ``relu -> 0.5``"""
    step = re.search(rf"(?:^|[|{{\n]|->)\s*({_A_NUMBER})\Z", token.before)
    if token.accepts != {"_COLON"} or not step:
        return None
    place = token.back(len(step[1]))
    return _number(step[1], token, token.before[: -len(step[1])], f"{token.between}{token.word}{token.after}", place)


def _number(number: str, token: UnexpectedToken, before: str, after: str, place: tuple[int, int]) -> Explanation:
    """What is said of a number where a step stands, with what stands before and behind it."""
    message = f"`{number}` is a number, and no step"
    after = after if re.search(r"[|}]", after) else f"{after}\n{token.below[0]}"
    if not before.rstrip().endswith("|") or not re.match(r"\s*(?:[|}#]|\Z)", after):
        return Explanation(message, f"write `affine({number})`, the constants of x * factor + offset", place)
    opened = _open_brace(before)
    head = re.search(r"(\w+)[ \t]*(?:\([^(){}]*\)[ \t]*)?\Z", before[:opened])
    text, inner = f"{before[opened + 1 :]}\0{after}", 1
    while inner:
        text, inner = re.subn(r"\{[^{}]*\}", "", text)
    around, end, _ = text.partition("}")
    arms = around.split("|")[1:]
    is_first = "\0" in arms[0]
    is_pair = bool(end) and len(arms) == 2 and not re.search(r"\bfor\s+each\b", around)
    return Explanation(message, for_number(head[1] if head else "", number, is_first, is_pair), place)


def for_number(
    merge: str, number: str, is_first: bool, is_pair: bool, written: Callable[[str], str] = lambda steps: f"`{steps}`"
) -> str:
    """The help for a number that is an arm.

    Args:
        is_first: whether it is the first arm.
        is_pair: whether there is one other arm, which is one value.
        written: the steps in the form of the file.
    """
    layer = layer_named(merge)
    steps = with_number(layer, number, is_first=is_first)
    if not steps:
        return (
            "a value over 0 is infinite, or no number"
            if layer == "div"
            else f"the arms of {short(merge)} are values, not numbers"
        )
    why = ": the constants of x * factor + offset" if steps.startswith("affine(") else ""
    if is_pair:
        return f"write {written(steps)} for this {merge}{why}"
    if is_first and layer in ("sub", "div"):
        return f"if there is one other arm, write {written(steps)} behind it, for this {merge}{why}"
    return f"write {written(steps)} behind the {merge} of the other arms{why}"


def _open_brace(before: str) -> int:
    """Where the brace stands that is open at the end of a text; -1 where none is."""
    depth = 0
    for at in range(len(before) - 1, max(-1, len(before) - WINDOW), -1):
        depth += (before[at] == "{") - (before[at] == "}")
        if depth > 0:
            return at
    return -1


# ---- Python ------------------------------------------------------------------------------------------

STATEMENTS = {
    "return": ("no step is returned", "what the last step gives is what the model gives: leave `return` out"),
    "def": ("`def` is Python's", "steps under a name of their own are a block: `block name(c) { ... }`"),
    "class": ("`class` is Python's", "steps under a name of their own are a block: `block name(c) { ... }`"),
    "while": (
        "there is no `while`: a network has a fixed depth",
        "rounds are counted: `repeat 3 { … }`, or `for c in [16, 32] { … }`",
    ),
    "lambda": ("`lambda` is Python's", "steps under a name of their own are a block: `block name(c) { ... }`"),
    "switch": ("there is no `switch`", "write `if … { … } else if … { … } else { … }`"),
    "match": ("there is no `match`", "write `if … { … } else if … { … } else { … }`"),
    "function": ("there are no functions", "steps under a name of their own are a block: `block name(c) { ... }`"),
    "fn": ("there are no functions", "steps under a name of their own are a block: `block name(c) { ... }`"),
    "const": ("there is no `const`", "write `let name = …` for a number"),
    "var": ("there is no `var`", "write `let name = …` for a number, `name: …` for a step"),
    "with": ("`with` is Python's", "steps that belong together stand in braces: `name: { … }`"),
    "pass": ("there is no `pass`", "`_` is the current value, and does nothing"),
}
_ITEMS = frozenset(("def", "class", "function", "fn", "import"))


def python(token: UnexpectedToken) -> Explanation | None:
    """``nn.Conv2d(3, 8, 3)``, ``conv(8, 3)(x)``, ``x.relu()``, ``return x``"""
    word, previous = token.word, token.previous
    if token.ends_step and previous == token.statement and previous in STATEMENTS:
        line, place = FaultyLine(token), token.back(len(previous))
        result = translated(line.text.removeprefix("return "), line.meaning).text if previous == "return" else ""
        if not result:
            return Explanation(*STATEMENTS[previous], place)
        help_ = f"what the last step gives is what the model gives: write `{_cut(result)}`"
        return Explanation(STATEMENTS[previous][0], help_, place, line.instead(result))
    if token.wants_item and word in STATEMENTS and word in _ITEMS:
        return Explanation(*STATEMENTS[word])
    if word == "model" and token.after.startswith("."):
        return _written(
            "layers stand in the model, one behind the other", FaultyLine(token), None, "write the layer alone"
        )
    if token.statement == "super" and token.ends_step:
        return Explanation("`super` is Python's", "leave it out: a model is no class, and prepares nothing")
    if not token.ends_step:
        return None
    if word == "(" and token.before.endswith(")"):
        return _written(
            "a step is given the value before it", FaultyLine(token), None, "write the value, `->`, then the step"
        )
    if word == "(" and (called := re.search(r"([\w.\[\]]+)\.(\w+)\Z", token.before)):
        owner, method = short(called[1]), called[2]
        place = token.back(len(method) + 1)
        if owner.split(".")[0] in OWNERS:
            message, place = f"layers are called by their names alone, without `{owner}.`", token.back(len(called[0]))
            return _written(message, FaultyLine(token), place, _without_owner(owner, method))
        if owner == "self":
            place = token.back(len(called[0]))
            help_ = f"a layer is written where it is applied, with its numbers: `{method}: conv(16, 3)`"
            return _written("there is no `self`, and no layer is made beforehand", FaultyLine(token), place, help_)
        help_ = note(method, LAYERS) or f"a layer stands behind its value, with `->` between: `{owner} -> …`"
        return _written("a step has no methods", FaultyLine(token), place, help_)
    if word == "." and re.match(r"[A-Za-z_]\w*(?=\s*\()", token.after):
        return _written("a step has no methods", FaultyLine(token), None, "put `->` between two steps")
    if word == "[" and re.search(r"\b[A-Za-z_]\w*\Z", token.before):
        return None
    return None


def _without_owner(owner: str, word: str) -> str:
    """What is said of a layer of Python's libraries that has no certain form here."""
    return note(word, LAYERS) or f"leave out `{owner}.`"


def shape_in_parentheses(token: UnexpectedToken) -> Explanation | None:
    """``model M : (N, 3, 8, 8) {``"""
    first = re.search(r"(?::|->)\s*\((\s*\w+,(?:\s*\w+,)*\s*)\Z", token.before)
    if token.statement != "model" or token.kind != "NUMBER" or not first:
        return None
    rest = token.after.partition(")")[0]
    shape = f"[{short(f'{first[1].strip()} {token.word}{rest}')}]"
    return Explanation("a shape stands in square brackets", f"write `{shape}`", token.back(len(first[1]) + 1))


def bracketed_step(token: UnexpectedToken) -> Explanation | None:
    """``(x + y) -> relu``, ``-x``"""
    if token.word == "(" and token.wants_step:
        otherwise = "`{ … }` holds steps together, `add { | x | y }` adds values"
        return _written("a step does not begin with `(`", FaultyLine(token), None, otherwise)
    if token.word == "-" and token.wants_step and (number := re.match(_A_NUMBER, token.after)):
        place = (token.start, token.start + 1 + number.end())
        return _number(f"-{number[0]}", token, token.before, token.after[number.end() :], place)
    if token.word == "-" and token.wants_step and (token.gap or not token.previous):
        return _written("`-` is for numbers, not for steps", FaultyLine(token), None, "write `neg` behind the value")
    if token.word == "/" and token.wants_step and token.after.startswith("*"):
        return Explanation("a comment begins with `#`, not `/*`", place=(token.start, token.start + 2))
    return None


def assignment(token: UnexpectedToken) -> Explanation | None:
    """``x = conv(8, 3)(x)``, ``lr = 0.1``, ``x => relu``"""
    if token.kind != "EQUAL":
        return None
    after = token.after.strip()
    if after.startswith(">"):
        start = token.start
        return Explanation("`=>` is no arrow", "write `->`", (start, start + 2), Replacement(start, start + 2, "->"))
    if token.ends_step and (made := re.search(r"\bself\.(\w+)\Z", token.before)):
        line = FaultyLine(token)
        text = translated(line.text.replace("self.", "", 1), line.meaning).text
        help_ = f"write `{_cut(text)}` where it is applied" if text else "write the layer where it is applied"
        message = "there is no `self`, and no layer is made beforehand"
        return Explanation(message, help_, token.back(len(made[0])), line.instead(text) if text else None)
    if "_COLON" in token.accepts and token.ends_step:
        name, line = token.previous, FaultyLine(token)
        if why := note(name, OUTSIDE):
            return Explanation(f"{name} is no part of a network", why, token.back(len(name)))
        message = "a step is named with `:`, not `=`"
        if re.fullmatch(r"-?[\d.][\w.\s*+/%()-]*|\[[\d.,\s()-]*\]|\"[^\"]*\"|true|false|none", after):
            text = f"let {name} = {after}"
            return Explanation(f"{name} gets its value with `let`", f"write `{text}`", None, line.instead(text))
        if "self." in after:
            help_ = f"write the layers where they are applied, with their numbers: `{name}: conv(16, 3)`"
            return _written("there is no `self`, and no layer is made beforehand", line, None, help_)
        help_ = f"write `{name}: …` for a step, or `let {name} = …` for a number"
        return _written(message, line, None, help_)
    if "_COLON" in token.accepts:
        return Explanation(token.headline, "leave out the `=`" if after.startswith("{") else "write `:` for `=`")
    if token.ends_value and token.statement in ("if", "assert", "model", "block", "where"):
        at = token.start
        return Explanation("`=` does not compare", "write `==`", None, Replacement(at, at + 1, "=="))
    return None


def several_names(token: UnexpectedToken) -> Explanation | None:
    """``a, b = two(4)``, ``let (a, b) = two(4)``: what a block gives, taken apart as Python does it."""
    first = re.match(r"(?:let\s+)?\(?\s*\w+(?:\s*,\s*\w+)+\s*\)?\s*=\s*(\w+)", FaultyLine(token).text)
    if not first:
        return None
    help_ = f"label the step, `out: {short(first[1])}…`, and write `out.name` for each of its outputs"
    return Explanation("several values have no names of their own before `=`", help_)


def arguments(token: UnexpectedToken) -> Explanation | None:
    """``conv 8 3``, ``conv[8, 3]``: arguments without parentheses."""
    if token.kind == "_COMMA" and "_RSQB" in token.accepts:
        opened = re.search(r"(?:^|[\n{|:]|->)\s*(([A-Za-z_]\w*)[ \t]*\[([^\[\]{}|\n]*))\Z", token.before)
        inside, bracket, _ = token.after.partition("]")
        if not opened or not bracket or set(inside) & set("[{|"):
            return None
        name, start = opened[2], token.back(len(opened[1]))[0]
        instead = Replacement(start, token.start + len(inside) + 2, f"{name}({opened[3]},{inside})")
        if name in MERGES:
            arms = " | ".join(value.strip() for value in f"{opened[3]},{inside}".split(","))
            instead = instead._replace(text=f"{name} {{ | {arms} }}")
            return Explanation("arms stand in braces", f"write `{short(instead.text)}`", None, instead)
        text = instead.text
        return Explanation("arguments stand in parentheses", f"write `{short(text)}`", None, instead)
    line = FaultyLine(token)
    head = re.match(r"(?:\w+\s*:\s*)?([A-Za-z_]\w*)", line.text)
    if not head or (head[1] != token.statement and not token.before.endswith(head[1])):
        return None
    if token.ends_step and token.kind in ("NUMBER", "STRING") and token.previous:
        values = re.fullmatch(
            r"(?:[\w.]+|\"[^\"]*\")(?:[\s,]+(?:\w+=)?(?:[\w.]+|\"[^\"]*\"))*",
            token.word + token.after.partition("->")[0].rstrip(" }"),
        )
        if "{" in token.after.partition("->")[0]:
            return None
        if not values:
            return Explanation(
                token.headline, f"arguments stand in parentheses: `{token.previous}({short(token.word)})`"
            )
        text = f"{token.previous}({', '.join(re.split('[, ]+', values[0].strip()))})"
        start = token.back(len(token.previous))[0]
        instead = Replacement(start, token.start + len(values[0]), text)
        return Explanation(token.headline, f"arguments stand in parentheses: `{short(text)}`", None, instead)
    return None


# ---- signs in expressions ----------------------------------------------------------------------------


def operator(token: UnexpectedToken) -> Explanation | None:
    """``sum(c for c in xs)``, ``0 < a < b``, a comment behind ``//``"""
    if token.word == "for" and "_RPAR" in token.accepts:
        return Explanation("a computed list stands in brackets", "write `sum([2 * c for c in list])`")
    if token.word == "for" and "_RSQB" in token.accepts:
        return Explanation("a computed list has one `for`", "put one in another: `[[a * b for b in bs] for a in as]`")
    if token.kind == "COMPARE" and token.ends_value:
        return Explanation("comparisons cannot be chained", "join two with `and`: `0 < a and a < b`")
    if token.word == "//":
        return Explanation(SLASHES)
    line = token.line_before
    if "//" in line and not token.wants_value:
        start = token.back(len(line) - line.index("//"))[0]
        return Explanation(SLASHES, "", (start, start + 2))
    return None


def point(token: UnexpectedToken) -> Explanation | None:
    """``.5``, ``1.`` and ``0..3``"""
    if token.wants_value and token.word == "." and token.after[:1].isdigit():
        digits = re.match(r"\d+", token.after)
        number = f".{digits[0] if digits else ''}"
        instead = Replacement(token.start, token.start, "0")
        return Explanation("a number begins with a digit", f"write `0{number}`, not `{number}`", None, instead)
    first = re.search(r"([0-9]+)\.\Z", token.before)
    if not first or token.accepts != {"NAME"}:
        return None
    if token.word == ".":
        last = re.match(r"\d*", token.after)
        bounds = f"{first[1]}, {(last and last[0]) or '…'}"
        place = token.back(1)[0], token.start + 1
        return Explanation("there are no ranges with `..`", f"write `range({bounds})`", place)
    place = token.back(2)
    help_ = f"write `{first[1]}.0`, not `{first[1]}.`"
    return Explanation("a number ends with a digit", help_, place, Replacement(place[1], place[1], "0"))
