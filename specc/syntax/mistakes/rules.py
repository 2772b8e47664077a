"""Rules that recognise the mistake behind an unexpected token, where it is one of a spec's own order."""

from __future__ import annotations

import re

from specc.diagnostics.vocabulary import OUTSIDE, RESIDUAL, note, squeezed
from specc.syntax.mistakes.habits import FaultyLine
from specc.syntax.mistakes.renaming import MERGES
from specc.syntax.mistakes.translation import translated
from specc.syntax.mistakes.unexpected import Explanation, Replacement, UnexpectedToken, end_of_statement
from specc.syntax.recovery import short
from specc.syntax.tokens import keywords

_TYPE = re.compile(r"(?:u?int|unit|b?float)\d*|u8|u?byte|half|double")
"""What stands in front of a shape, or is meant for it."""

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
    if token.wants_step and token.word == "import":
        return Explanation("`import` cannot stand inside a body", "leave it out: layers are known by their names")
    if token.wants_step and token.word in ("model", "block", "default", "from") and token.after[:1] != ".":
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
        return _without_bars(token)
    return None


def _without_bars(token: UnexpectedToken) -> Explanation:
    """``residual { conv(8, 3) }``, ``conv{8, 3}``, ``add { x, y }``"""
    called = re.search(r"([A-Za-z_]\w*)[ \t]*\{\Z", token.before)
    rest = token.word + token.after
    inside, brace, _ = rest.partition("}")
    message = f"expected an arm, found {token.shown}"
    if re.search(r"\b(?:fr[eo]+z(?:e|en|ed)?|freez\w*|\w+\([^(){}]*\bfrozen\b[^(){}]*\))[ \t]*\{\Z", token.before):
        return Explanation(message, "`frozen { … }` freezes the parameters of all that is in it")
    if not called or not brace or set(inside) & set("{#"):
        return Explanation(message, "write each arm as `| step`")
    name, inside = called[1], inside.strip()
    start, end = token.back(len(called[0]))[0], token.start + rest.index("}") + 1
    if squeezed(name) in RESIDUAL:
        text = f"add {{ | _ | {inside} }}"
        message = f"{name} is called add here: what comes in, and what the steps make of it"
        return Explanation(message, f"write `{text}`", (start, start + len(name)), Replacement(start, end, text))
    values = [value.strip() for value in re.split(r"\|" if "|" in inside else r",(?![^(]*\))", inside)]
    if all(re.fullmatch(r"[\w.]+|\w+=[^=]+", value) for value in values) and token.kind == "NUMBER":
        text = f"{name}({inside})"
        return Explanation("arguments stand in parentheses", f"write `{text}`", None, Replacement(start, end, text))
    if len(values) > 1 and squeezed(name) in MERGES:
        text = f"{name} {{ | {' | '.join(values)} }}"
        return Explanation(message, f"write `{text}`", None, Replacement(start, end, text))
    return Explanation(message, "write each arm as `| step`")


def colon(token: UnexpectedToken) -> Explanation | None:
    if token.kind != "_COLON":
        return None
    if "EQUAL" in token.accepts:
        kind = re.match(r"\s*(int|float|str|bool|list|tuple|Tensor|number|[A-Z]\w*)\b(?:\s*=)?", token.after)
        if kind and token.statement in ("model", "block"):
            typed = Replacement(token.back(0)[1], token.start + 1 + kind.end(), " =" if kind[0].endswith("=") else "")
            message = "a parameter has no type: what it is, each call says"
            return Explanation(message, f"leave out `: {kind[1]}`", None, typed)
        value = re.match(r"[\s=]*([\w.]+|\"[^\"]*\"|\[[^\[\]]*\])", token.after)
        text = f"{token.previous}={value[1]}" if value else f"{token.previous} = …"
        rest = token.after[: end_of_statement(token.after)]
        instead = Replacement(
            token.back(0)[1],
            token.start + 1 + len(rest),
            "=" + re.sub(r"(\b[a-z_]\w*)\s*:\s*", r"\1=", rest.lstrip(" =")),
        )
        return Explanation(
            f"`{token.previous}` gets its value with `=`, not `:`", f"write `{short(text)}`", None, instead
        )
    if "_LBRACE" in token.accepts:
        message, body = "a body stands in braces, not behind `:`", token.after[: end_of_statement(token.after)].strip()
        if not body and token.after.strip().startswith("{"):
            return Explanation(message, "leave out the `:`", None, Replacement(token.start, token.start + 1, ""))
        header = token.begun.strip()
        if header == "else":
            header = "} else"
        header = re.sub(r"^for\s+_\s+in\s+range\(([^(),]+)\)$", r"repeat \1", header)
        if not body and len(header) <= 60:
            return Explanation(message, f"write `{header} {{`, and `}}` behind the last step of the body")
        if "=" in body or "self." in body:
            line = FaultyLine(token)
            body = translated(body, line.meaning).text if line.is_whole else ""
        if (
            "self." in header
            or not body
            or len(body) > 60
            or len(header) > 60
            or "}" in header
            or set(body) & set("{}|")
        ):
            return Explanation(message, "write `{` for it, and `}` behind the last step of the body")
        text = f"{header} {{ {body} }}"
        start = token.back(len(token.begun))[0]
        end = token.start + 1 + len(token.after[: end_of_statement(token.after)].rstrip())
        return Explanation(message, f"write `{text}`", None, Replacement(start, end, text))
    return None


def contract(token: UnexpectedToken) -> Explanation | None:
    """``block b(c): {``, ``model M:``"""
    item = token.statement
    opens = {"NAME", "_LPAR", "_LSQB"}
    is_missing = token.before.endswith(":") and token.accepts == opens and token.word in ("", "{")
    if item not in ("model", "block") or not is_missing:
        return None
    line = short(token.line_before.strip().removesuffix(":").strip())
    help_ = f"write `{line} : [N, 3, 32, 32] {{`, with your own sizes"
    if item == "block":
        help_ = f"leave out the `:`, as in `{line} {{`, or write the contract behind it"
    return Explanation(f"behind `:` stands the contract of this {item}", help_, token.back(1))


def element_type(token: UnexpectedToken) -> Explanation | None:
    """``(image: uint8)``, ``[N, 3, H, W] uint8``; ``model M : N, 3 {``, where the first size is taken for a type"""
    if token.accepts == {"_LSQB"}:
        name = token.previous
        shape = "[N, 3, 32, 32]"
        if _TYPE.fullmatch(name):
            return Explanation(f"behind the type {name} stands a shape", f"write `{name} {shape}`, with your own sizes")
        return Explanation(f"expected `[`, found {token.shown}", f"a shape stands in square brackets: `{shape}`")
    if _TYPE.fullmatch(token.word) and token.before.endswith("]") and token.statement in ("model", "block"):
        return Explanation(
            "the type stands in front of the shape", f"write `{token.word} [N, 3, 32, 32]`, with your own sizes"
        )
    return None


def frozen(token: UnexpectedToken) -> Explanation | None:
    """``frozen=true { … }``, ``frozen repeat 2 { … }``, ``repeat 2 frozen { … }``, ``frozen conv(3, 1)``"""
    begun = re.split(r"->|^\w+\s*:", token.begun)[-1].strip()
    around = "`frozen` stands around what it freezes, in braces"
    if token.word == "frozen" and "_LBRACE" in token.accepts and re.match(r"(repeat|for|if)\b", begun):
        test = re.match(r"\s*\((?!true\))[^(){}]*\)", token.after)
        form = f"frozen{short(test[0].strip()) if test else ''} {{ {short(begun)} {{ … }} }}"
        return Explanation(around, f"write `{form}`")
    if not token.ends_step or begun != "frozen":
        return None
    head, brace, _ = token.after.partition("{")
    head = head.strip()
    if token.kind == "EQUAL" and brace:
        form = "frozen { … }" if head == "true" else f"frozen({short(head)}) {{ … }}"
        return Explanation("what is frozen stands in braces behind `frozen`, without `=`", f"write `{form}`")
    if token.word in ("repeat", "for", "if") and brace:
        return Explanation(around, f"write `frozen {{ {token.word} {short(head)} {{ … }} }}`")
    if token.kind == "NAME":
        step = re.match(r"\([^(){}]*\)", token.after)
        return Explanation(around, f"write `frozen {{ {short(token.word + (step[0] if step else ''))} }}`")
    return None


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
        place = (token.start, token.start + 4) if token.word == "elif" else token.back(4)
        return Explanation("there is no `elif`", "write `else if`", place, Replacement(*place, "else if"))
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
        arrow = None
        if token.before.endswith((")", "}")):
            is_comma = token.word == ","
            arrow = Replacement(token.start, token.start + is_comma, " ->" if is_comma else "-> ")
        return Explanation(token.headline, "put `->` or a newline between two steps", None, arrow)
    return None


def outside(token: UnexpectedToken) -> Explanation | None:
    """Beside the items of a file, or in an import."""
    if token.accepts == {"STRING"} and token.statement == "from":
        return Explanation(f"expected the path of a file in double quotes, found {token.shown}")
    if not token.wants_item:
        return None
    if token.word == "import":
        return Explanation(token.headline, 'write `from "file.cnn" import name`')
    if given := re.match(r"\s*=(?!=)\s*(.*)", token.after):
        if why := note(token.word, OUTSIDE):
            return Explanation(f"{token.word} is no part of a network", why)
        if re.fullmatch(r"-?[\d.][\w.\s*+/%()-]*|\"[^\"]*\"|\[[^\]]*\]", given[1].strip()):
            return Explanation(token.headline, f"write `let {token.word} = {short(given[1].strip())}`")
    if token.word == "/" and token.after.startswith("*"):
        return Explanation("a comment begins with `#`, not `/*`", place=(token.start, token.start + 2))
    return Explanation(token.headline, "steps stand inside a model: `model Name : [N, 1, 32, 32] { ... }`")
