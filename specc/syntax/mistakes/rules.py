"""Rules that recognise the mistake behind an unexpected token: of a spec's order, or a habit of another language."""

from __future__ import annotations

import re

from specc.syntax.mistakes.unexpected import WINDOW, Explanation, UnexpectedToken
from specc.syntax.recovery import SLASHES, short
from specc.syntax.tokens import keywords

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
    "@": "a product with a matrix that is learned is `fc(…)` or `linear(…)`",
}
"""What is written for a character that the language does not have."""

OWNERS = frozenset("nn F self torch keras layers tf jnp flax nnx np".split())
"""What Python has in front of a layer's name, and a point between; here layers are called by their names alone."""

_MERGES = {"+": "add", "-": "sub", "*": "mul", "/": "", "//": "", "%": "", "**": ""}
"""Python's operators, and the merge that computes each."""
_REAL = re.compile(r"-?\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?\Z")


# ---- names and labels --------------------------------------------------------------------------------


def keyword_as_name(token: UnexpectedToken) -> Explanation | None:
    word, place = token.word, None
    if token.kind in ("_COLON", "EQUAL") and token.previous in keywords():
        word = token.previous
        place = token.back(len(word))
    elif word not in keywords() or not token.wants_name:
        return None
    if word == "else" and (token.kind == "_COLON" or token.after.lstrip().startswith(":")):
        help_ = 'write `else { ... }` behind an `if`; a label of that name stands in quotes: `"else": ...`'
        return Explanation("`else` has no colon", help_, place)
    message = f"`{word}` is a word of the language and cannot be a name"
    return Explanation(message, f"another name, such as `{word}_`, can", place)


def behind_a_point(token: UnexpectedToken) -> Explanation | None:
    """``layer1.0.conv2``, ``block.in``: labels of the inside that are no names."""
    owner = re.search(r"([A-Za-z_][\w.\[\]\"]*)\.\Z", token.before)
    if not owner or token.gap or token.accepts != {"NAME"}:
        return None
    if token.kind == "NUMBER" and token.word.replace(".", "").isdigit():
        numbers = "".join(f"[{number}]" for number in token.word.split("."))
        message = "behind a point stands a name; a number stands in brackets"
        place = token.start - 1, token.start + len(token.word)
        return Explanation(message, f"write `{short(owner[1])}{numbers}`", place)
    if token.word in keywords():
        message = f"`{token.word}` is a word of the language: as a label behind another it stands in brackets"
        return Explanation(message, f'write `{short(owner[1])}["{token.word}"]`')
    return None


def nested_item(token: UnexpectedToken) -> Explanation | None:
    if token.wants_step and token.word in ("model", "block", "default", "from"):
        return Explanation(f"`{token.word}` cannot stand inside a body", "move it to the margin, in front of the model")
    return None


def without_step(token: UnexpectedToken) -> Explanation | None:
    """A label or an arrow without a step behind it."""
    if token.wants_step and token.before.endswith(":"):
        help_ = "the step stands on the line of its label" if not token.word else ""
        return Explanation(f"a label needs a step after `:`, found {token.shown}", help_)
    if token.accepts == {"_COLON"} and token.before.endswith('"'):
        return Explanation(token.headline, 'a text here is a label: `"...": step`')
    if token.wants_step and token.before.endswith("->"):
        help_ = f"`{token.word}` stands on a line of its own" if token.word in ("let", "assert") else ""
        return Explanation(f"expected a step after `->`, found {token.shown}", help_)
    return None


def equals_sign(token: UnexpectedToken) -> Explanation | None:
    if token.kind != "EQUAL":
        return None
    after = token.after.strip()
    if after.startswith(">"):
        return Explanation("`=>` is no arrow", "write `->`", (token.start, token.start + 2))
    if "_COLON" in token.accepts and token.ends_step:
        name, step = token.previous, after if after and not set(after) & set("{}#") else "step"
        help_ = f"write `{name}: {step}` for a step, or `let {name} = ...` for a number"
        return Explanation("a step is named with `:`, not `=`", help_)
    if "_COLON" in token.accepts:
        return Explanation(token.headline, "leave out the `=`" if after.startswith("{") else "write `:` for `=`")
    if token.ends_value and token.statement in ("if", "assert", "model", "block", "where"):
        return Explanation("`=` does not compare", "write `==`")
    return None


def hyphen_in_name(token: UnexpectedToken) -> Explanation | None:
    joined = token.previous and not token.gap and re.match(r"\w", token.after)
    if token.word == "-" and joined and not token.ends_value:
        help_ = f"write `_` for `-`: `{token.previous}_...`"
        return Explanation("a name consists of letters, digits and `_`", help_)
    return None


# ---- arms, bodies and contracts ----------------------------------------------------------------------


def arm(token: UnexpectedToken) -> Explanation | None:
    if token.word == "|" and token.after.startswith("|") and not token.wants_step:
        return Explanation("`||` is no operator", "write `or`", (token.start, token.start + 2))
    merge = re.search(r"(\w+)[ \t]*(?:\([^(){}]*\)[ \t]*)?\n\s*\{\Z", token.before)
    if token.word == "|" and token.wants_step and merge:
        message = f"the `{{` of the arms stands on the line of `{merge[1]}`"
        return Explanation(message, f"write `{merge[1]} {{`", token.back(1))
    if token.wants_step and token.before.endswith("|") and token.word in ("|", "}"):
        return Explanation("an arm cannot be empty", "`| _` is an arm that passes the current value on")
    if re.search(r"\bfor\s+each\s*\Z", token.before):
        return Explanation("`for each` stands for arms", "write `| for each …` in a merge; a loop is `for c in list`")
    if token.accepts == {"_BAR"}:
        return Explanation(f"expected an arm, found {token.shown}", "write each arm as `| step`")
    return None


def colon(token: UnexpectedToken) -> Explanation | None:
    if token.kind != "_COLON":
        return None
    if "EQUAL" in token.accepts:
        return Explanation(f"`{token.previous}` gets its value with `=`, not `:`", f"write `{token.previous} = ...`")
    if "_LBRACE" in token.accepts:
        help_ = "leave out the `:`" if token.after.strip().startswith("{") else "write `{` and, at its end, `}`"
        return Explanation("a body stands in braces, not behind `:`", help_)
    return None


def contract(token: UnexpectedToken) -> Explanation | None:
    """``block b(c): {``, ``model M:``"""
    item = token.statement
    is_missing = token.before.endswith(":") and token.accepts == {"_LPAR", "_LSQB"} and token.word in ("", "{")
    if item not in ("model", "block") or not is_missing:
        return None
    line = short(token.line_before.strip().removesuffix(":").strip())
    help_ = f"write `{line} : [N, 3, 32, 32] {{`, with your own sizes"
    if item == "block":
        help_ = f"leave out the `:`, as in `{line} {{`, or write the contract behind it"
    return Explanation(f"behind `:` stands the contract of this {item}", help_, token.back(1))


def missing_body(token: UnexpectedToken) -> Explanation | None:
    if token.word or "_LBRACE" not in token.accepts or token.ends_step:
        return None
    what = f"`{token.statement}`" if token.statement in keywords() else "step"
    below, at = token.below
    line = token.line_before.strip()
    if below.startswith("{"):
        message, line = f"the `{{` of this {what} stands on its line", f"{line} {{"
    elif below.startswith(":") and token.statement in ("model", "block"):
        message, line = f"the contract of this {what} begins on its line", f"{line} {below}".rstrip()
    else:
        return Explanation(f"this {what} has no body", "write `{` on this line, then its steps, then `}`")
    help_ = f"write `{line}`" if len(line) <= 80 else "move it up, to the end of that line"
    return Explanation(message, help_, (at, at + 1))


# ---- between two steps, arguments or items -----------------------------------------------------------


def missing_comma(token: UnexpectedToken) -> Explanation | None:
    if token.kind in ("NAME", "NUMBER", "STRING") and "_COMMA" in token.accepts:
        return Explanation(token.headline, f"put a comma in front of {token.shown}")
    return None


def misspelt(token: UnexpectedToken) -> Explanation | None:
    from specc.diagnostics.spelling import suggest

    previous, place = token.previous, None
    if token.ends_step and "elif" in (previous, token.word):
        return Explanation("there is no `elif`", "write `else if`", None if token.word == "elif" else token.back(4))
    if token.ends_step and previous == token.statement:
        suggestion = suggest(previous, ("repeat", "for", "if", "assert", "shared", "let"))
        place = token.back(len(previous))
    else:
        words = [word for word in keywords() if {word.upper(), f"_{word.upper()}"} & token.accepts]
        suggestion = suggest(token.word, words if token.kind == "NAME" else ())
    return Explanation(token.headline, f"did you mean `{suggestion.names[0]}`?", place) if suggestion else None


def after_step(token: UnexpectedToken) -> Explanation | None:
    if not token.ends_step:
        return None
    if token.kind in ("NUMBER", "STRING") and token.previous:
        help_ = f"arguments stand in parentheses: `{token.previous}({short(token.word)})`"
        return Explanation(token.headline, help_)
    if token.kind == "NAME" or token.word in ("in", "if", "for", "repeat", ","):
        return Explanation(token.headline, "put `->` or a newline between two steps")
    return None


def outside(token: UnexpectedToken) -> Explanation | None:
    """Beside the items of a file, or in an import."""
    if token.accepts == {"STRING"} and token.statement == "from":
        return Explanation(f"expected the path of a file in double quotes, found {token.shown}")
    if not token.wants_item:
        return None
    if token.word == "import":
        return Explanation(token.headline, 'write `from "file.cnn" import name`')
    return Explanation(token.headline, "steps stand inside a model: `model Name : [N, 1, 32, 32] { ... }`")


# ---- operators between values of the network ---------------------------------------------------------


def arithmetic(token: UnexpectedToken) -> Explanation | None:
    """``x + y`` and ``conv(8, 3) * 0.1`` where a step stands; ``conv(8, 3) >> relu``."""
    sign, start = token.word, token.start
    if sign in _MERGES and (token.ends_step or token.accepts == {"_COLON"}):
        left = _operand_before(token.before)
        if token.after[len(sign) - len(token.word) :].startswith("="):
            message = f"a value never changes: there is no `{sign}=`"
            return Explanation(message, "give what comes out a name of its own", (start, start + len(sign) + 1))
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
    if sign == "**" and _REAL.match(right):
        return f"{short(left)} -> pow({right})"
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
    if word == "(" and (called := re.search(r"([\w.\[\]]+)\.(\w+)\Z", token.before)):
        owner, method = short(called[1]), called[2]
        place = token.back(len(method) + 1)
        if owner in OWNERS:
            message = f"layers and labels are called by their names alone, without `{owner}.`"
            return Explanation(message, f"leave out `{owner}.`", token.back(len(called[0])))
        return Explanation("a step has no methods", f"write `{owner} -> {method}`, where {method} is a layer", place)
    if word == "." and (name := re.match(r"[A-Za-z_]\w*(?=\s*\()", token.after)):
        return Explanation("a step has no methods", f"write `{step} -> {name[0]}`, where {name[0]} is a layer")
    return None


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
        help_ = "`{ … }` holds steps together, `add { | x | y }` adds values"
        return Explanation("a step does not begin with `(`", help_)
    if token.word == "-" and token.wants_step and (token.gap or not token.previous):
        value = short(_operand_behind(token.after)) or "_"
        return Explanation("`-` is for numbers, not for steps", f"write `{value} -> affine(-1)`")
    return None


# ---- signs in expressions ----------------------------------------------------------------------------


def operator(token: UnexpectedToken) -> Explanation | None:
    """``0 < a < b``, ``[2 * i for i in xs]``, a comment behind ``//``"""
    if token.word == "for" and "_RSQB" in token.accepts:
        help_ = "write the list out, or compute it where it is used: `for i in range(3) { conv(2 ** i, 1) }`"
        return Explanation("a list is not computed by a loop in it", help_)
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
