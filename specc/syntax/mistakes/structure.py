"""Mistakes in the order of a spec: labels and names, arms, braces and contracts, what parts two steps."""

from __future__ import annotations

import re

from specc.syntax.mistakes.unexpected import Explanation, UnexpectedToken, short
from specc.syntax.tokens import keywords

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
