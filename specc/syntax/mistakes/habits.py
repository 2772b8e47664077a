"""Habits of other languages: Python's calls, sums of values of the network, signs that specc does not have."""

from __future__ import annotations

import re

from specc.syntax.mistakes.unexpected import WINDOW, Explanation, UnexpectedToken, short
from specc.syntax.recovery import SLASHES

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
    "^": "write a power as a product: `a * a`",
    "@": "a product with a matrix that is learned is `fc(…)` or `linear(…)`",
}
"""What is written for a character that the language does not have."""

OWNERS = frozenset("nn F self torch keras layers tf jnp flax nnx np".split())
"""What Python has in front of a layer's name, and a point between; here layers are called by their names alone."""

_MERGES = {"+": "add", "-": "sub", "*": "mul", "/": "", "//": "", "%": "", "**": ""}
"""Python's operators, and the merge that computes each."""
_REAL = re.compile(r"-?\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?\Z")


# ---- operators between values of the network ---------------------------------------------------------


def arithmetic(token: UnexpectedToken) -> Explanation | None:
    """``x + y`` and ``conv(8, 3) * 0.1`` where a step stands; ``conv(8, 3) >> relu``."""
    sign, start = token.word, token.start
    if sign == "*" and token.after.startswith("*"):
        sign = "**"
    if sign in _MERGES and (token.ends_step or token.accepts == {"_COLON"}):
        left = _operand_before(token.before)
        right = _operand_behind(token.after[len(sign) - len(token.word) :])
        if sign == "//" and not _REAL.match(right):
            return Explanation(SLASHES)
        if sign == "/" and token.after.startswith("*"):
            return Explanation("a comment begins with `#`, not `/*`", place=(start, start + 2))
        if sign == "-" and token.after.lstrip().startswith((">", "->")):
            return Explanation("that is no arrow", "write `->`", (start, start + token.after.index(">") + 2))
        help_ = "of values of the network there are sums, differences and products: `add { | … | … }`, `sub`, `mul`"
        if step := _step_for(sign, left, right):
            help_ = f"write `{step}`" + (": x * factor + offset" if "affine(" in step else "")
        return Explanation(f"`{sign}` is for numbers, not for steps", help_, (start, start + len(sign)))
    if sign == ">" and token.ends_step:
        return Explanation("that is no arrow", "write `->`", (start, start + 1 + token.after.startswith(">")))
    return None


def _operand_before(before: str) -> str:
    """What stands in front of an operator, back to where its step begins."""
    depth, at = 0, len(before)
    while at and len(before) - at < WINDOW:
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


def _step_for(sign: str, left: str, right: str) -> str:
    """The step that computes ``left sign right``; empty where there is none."""
    if left.startswith("[") or right.startswith("["):  # [relu] * 3, as Python repeats a list
        rounds = right if left.startswith("[") else left
        return f"repeat {rounds} {{ … }}" if sign == "*" and rounds.isdigit() else ""
    if _REAL.match(right) and sign in "+-*/":
        minus = right[1:] if right.startswith("-") else f"-{right}"
        constants = {"*": right, "+": f"1, {right}", "-": f"1, {minus}", "/": f"1 / {right}"}[sign]
        return f"{short(left)} -> affine({constants})"
    if _REAL.match(left) and sign in "+-*":
        constants = {"*": left, "+": f"1, {left}", "-": f"-1, {left}"}[sign]
        return f"{short(right or '_')} -> affine({constants})"
    if sign == "**" and right == "2":
        return f"mul {{ | {short(left)} | {short(left)} }}"
    return f"{_MERGES[sign]} {{ | {short(left)} | {short(right) or '_'} }}" if _MERGES[sign] else ""


def step_for_sum(text: str) -> str:
    """The step to write for a text such as ``x + y`` or ``conv(8, 3) * 0.1``; empty where it is none such."""
    if len(text) > WINDOW:
        return ""
    for sign in re.finditer(r"\*\*|//|[-+*/%]", text):
        left, right = text[: sign.start()], text[sign.end() :]
        if left.strip() and left.count("(") == left.count(")") and not right.startswith(">"):
            return _step_for(sign[0], left.strip(), right.strip())
    return ""


def number_as_step(token: UnexpectedToken) -> Explanation | None:
    """``mul { | _ | 0.1 }``, ``relu -> 0.5``"""
    step = re.search(r"(?:^|[|{\n]|->)\s*(\d[\w.]*)\Z", token.before)
    if token.accepts != {"_COLON"} or not step:
        return None
    number = step[1]
    # The word in front of the brace that is open, where it has arms.
    around = re.search(r"(\w+)[ \t]*(?:\([^(){}]*\)[ \t]*)?\{\s*\|([^{}]*)\Z", token.before)
    merge = around[1] if around else ""
    is_first = around is not None and "|" not in around[2]
    subtraction = f"affine(-1, {number})" if is_first else f"affine(1, -{number})"
    use = {"add": f"affine(1, {number})", "sub": subtraction}.get(merge, f"affine({number})")
    purpose = f" for this {merge}: the" if merge else ", the"
    help_ = f"write `{use}`{purpose} constants of x * factor + offset"
    return Explanation(f"`{number}` is a number, and no step", help_, token.back(len(number)))


# ---- Python ------------------------------------------------------------------------------------------

_STATEMENTS = {
    "return": ("no step is returned", "what the last step gives is what the model gives: leave `return` out"),
    "def": ("`def` is Python's", "steps under a name of their own are a block: `block name(c) { ... }`"),
    "class": ("`class` is Python's", "steps under a name of their own are a block: `block name(c) { ... }`"),
}


def python(token: UnexpectedToken) -> Explanation | None:
    """``nn.Conv2d(3, 8, 3)``, ``conv(8, 3)(x)``, ``x.relu()``, ``return x``"""
    word, previous = token.word, token.previous
    if token.ends_step and previous == token.statement and previous in _STATEMENTS:
        return Explanation(*_STATEMENTS[previous], token.back(len(previous)))
    if token.wants_item and word in ("def", "class"):
        return Explanation(*_STATEMENTS[word])
    if not token.ends_step:
        return None
    step = short(_operand_before(token.before))
    if word == "(" and token.before.endswith(")"):
        value = short(_operand_behind(token.after) or "_")
        return Explanation("a step is given the value before it", f"write `{value} -> {step}`")
    if word == "." and previous in OWNERS:
        message = f"layers and labels are called by their names alone, without `{previous}.`"
        return Explanation(message, f"leave out `{previous}.`")
    if word == "." and (method := re.match(r"[A-Za-z_]\w*(?=\s*\()", token.after)):
        return Explanation("a step has no methods", f"write `{step} -> {method[0]}`, where {method[0]} is a layer")
    return None


def shape_in_parentheses(token: UnexpectedToken) -> Explanation | None:
    """``model M : (N, 3, 8, 8) {``"""
    first = re.search(r":\s*\((\s*\w+)\Z", token.before)
    if token.statement != "model" or token.word != "," or not first:
        return None
    rest = token.after.partition(")")[0]
    return Explanation("a shape stands in square brackets", f"write `[{short(f'{first[1].strip()},{rest}')}]`")


def bracketed_step(token: UnexpectedToken) -> Explanation | None:
    """``(x + y) -> relu``, ``-x``, ``xs[0] -> relu``"""
    if token.word == "(" and token.wants_step:
        help_ = "`{ … }` holds steps together, `add { | x | y }` adds values"
        return Explanation("a step does not begin with `(`", help_)
    if token.word == "-" and token.wants_step and (token.gap or not token.previous):
        value = short(_operand_behind(token.after)) or "_"
        return Explanation("`-` is for numbers, not for steps", f"write `{value} -> affine(-1)`")
    if token.word == "[" and token.ends_step and token.previous and not token.gap:
        entry = f"{token.previous}[{token.after.partition(']')[0]}]"
        help_ = f"give it a name first: `let one = {short(entry)}`, then `one` is a step"
        return Explanation("the entry of a list is no step", help_, token.back(len(token.previous)))
    return None


# ---- signs in expressions ----------------------------------------------------------------------------


def operator(token: UnexpectedToken) -> Explanation | None:
    """``0 < a < b``, ``a ** b``, a comment behind ``//``"""
    if token.kind == "COMPARE" and token.ends_value:
        return Explanation("comparisons cannot be chained", "join two with `and`: `0 < a and a < b`")
    if token.word == "*" and token.before.endswith("*") and not token.gap:
        place = token.start - 1, token.start + 1
        return Explanation("there is no operator `**`", "write a power as a product: `a * a`", place)
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
        return Explanation("a number begins with a digit", "write `0.5`, not `.5`")
    first = re.search(r"([0-9]+)\.\Z", token.before)
    if not first or token.accepts != {"NAME"}:
        return None
    if token.word == ".":
        last = re.match(r"\d*", token.after)
        bounds = f"{first[1]}, {(last and last[0]) or '…'}"
        place = token.back(1)[0], token.start + 1
        return Explanation("there are no ranges with `..`", f"write `range({bounds})`", place)
    return Explanation("a number ends with a digit", "write `1.0`, not `1.`", token.back(2))
