"""Rules for the first line of a model, a loop or a condition: each is read as people write it, and written as it
must be.
"""

from __future__ import annotations

import re

from specc.syntax.mistakes.translation import OWNERS
from specc.syntax.mistakes.unexpected import Explanation, Replacement, UnexpectedToken, end_of_statement
from specc.syntax.recovery import short

_SHAPE = r"\[[^\[\]{}]*\]|\((?:[^(){}\[\]]|\[[^\[\]]*\])*\)"
_MODEL = re.compile(
    r"(?P<kind>[A-Za-z_]\w*)\s+\"?(?P<name>(?!where\b)[A-Za-z_]\w*)?\"?\s*"
    r"(?P<params>\([^(){}\[\]:]*(?:\[[^\[\]]*\][^(){}\[\]:]*)*\))?"
    rf"\s*(?P<sign>[:=]|)\s*(?P<first>{_SHAPE}|\w+(?:\s*,\s*\w+)+|(?!uint8|float32)[a-z]\w*\s*[:=]\s*\[[^\[\]{{}}]*\])"
    rf"(?:\s*(?:->|=>|→|-|,|:|)\s*(?P<second>{_SHAPE}|\w+(?:\s*,\s*\w+)+|\d+))?"
    r"(?P<where>\s*,?\s*where\s[^{}]*?)?\s*(?P<brace>\{)"
)
_ENTRIES = re.compile(r"\s*[-\w]+(?:\s*,\s*[-\w]+)+\s*")
_FALSE_STARTS = frozenset("model network net module graph architecture".split())


def contract_line(token: UnexpectedToken) -> Explanation | None:
    """``model M [N, 3, 8, 8] {``, ``model M : [N, 3, 8, 8], [N, 10] {``, ``M : [N, 3, 8, 8] {``"""
    if token.statement != "model" and not token.wants_item:
        return None
    line = token.line_before + " " * token.gap + token.word + token.after
    begin = len(line) - len(line.lstrip())
    start = token.start - token.gap - len(token.line_before) + begin
    found = _MODEL.match(line, begin)
    name_alone = re.match(r"(?P<name>[A-Za-z_]\w*)\s*:\s*(?=\[)", line[begin:]) if token.wants_item else None
    if name_alone and (not found or found["kind"] not in _FALSE_STARTS):
        text = f"model {name_alone[0]}"
        instead = Replacement(start, start + len(name_alone[0]), text)
        return Explanation("a model begins with the word `model`", f"write `{short(text)}…`", None, instead)
    if not found or found["kind"] not in _FALSE_STARTS:
        return None
    if not found["sign"] and found["first"].startswith("(") and not _ENTRIES.fullmatch(found["first"][1:-1]):
        return None  # model M(a: 3): these are parameters
    shapes = [_shape(found[part]) for part in ("first", "second") if found[part]]
    params = found["params"] or ""
    if not found["sign"] and not params and found["first"].startswith("("):
        params = ""  # model M(N, 3, 8, 8): these are the sizes
    name = found["name"] or "Net"
    where = (found["where"] or "").strip(" ,")
    text = f"model {name}{params} : {' -> '.join(shapes)}{f' {where}' if where else ''} {{"
    if text == found[0]:
        return None
    message, place = token.headline if found["name"] else "a model has a name", None
    if not found["first"].startswith("[") and "[" not in found["first"]:
        message = "a shape stands in square brackets"
        if token.accepts == {"_LSQB"}:  # the first size was taken for the type in front of a shape
            place = token.back(len(token.previous))
    instead = Replacement(start, start + len(found[0]), text)
    return Explanation(message, f"write `{text if len(text) <= 100 else short(text)}`", place, instead)


def block_line(token: UnexpectedToken) -> Explanation | None:
    """``block b c {``, ``block b(c) -> {``"""
    if token.statement != "block":
        return None
    start, line = token.back(len(token.begun))[0], token.begun + token.between + token.word + token.after
    found = re.match(r"block\s+(\w+)\s*(?:\(([^(){}]*)\)|((?:(?:\s+|\s*,\s*)[a-z]\w*)+))?\s*(?:->|=|:=)?\s*\{", line)
    if not found:
        return None
    params = found[2] if found[2] is not None else ", ".join(re.findall(r"\w+", found[3] or ""))
    text = f"block {found[1]}({params}) {{" if params or found[2] is not None else f"block {found[1]} {{"
    if text == found[0]:
        return None
    return Explanation(token.headline, f"write `{text}`", None, Replacement(start, start + len(found[0]), text))


def _shape(text: str) -> str:
    """A shape as it is written: in square brackets, with a batch where an image is stated without one."""
    if named := re.fullmatch(r"\(?\s*([a-z]\w*)\s*[:=]?\s*(\[[^\[\]]*\])\s*\)?", text):
        return f"({named[1]}: {named[2]})"
    if text.isdigit():
        return f"[N, {text}]"
    if text.startswith("[") or not (_ENTRIES.fullmatch(text.strip("()"))):
        return text
    entries = [entry.strip() for entry in text.strip("()").split(",")]
    if len(entries) == 3 and entries[0] in ("1", "3", "4"):
        entries.insert(0, "N")
    return f"[{', '.join(entries)}]"


def condition(token: UnexpectedToken) -> Explanation | None:
    """``if c then relu``, ``elseif``, ``8 if c``, an ``else`` on a line of its own"""
    word = token.word
    if word == "then" and token.statement == "if" and token.ends_value:
        header = token.begun.strip()
        body = token.after[: end_of_statement(token.after)].rstrip()
        start, end = token.back(len(token.begun))[0], token.start + len(word) + len(body)
        if not body.strip() or token.after[len(body) :].strip().startswith("{"):
            return Explanation("there is no `then`", f"write `{short(header)} {{ … }}`")
        text = f"{header} {{ {body.strip()} }}"
        return Explanation("there is no `then`", f"write `{text}`", None, Replacement(start, end, text))
    if word in ("elseif", "elsif") and token.ends_step:
        instead = Replacement(token.start, token.start + len(word), "else if")
        return Explanation(f"there is no `{word}`", "write `else if`", None, instead)
    if word == "else" and token.ends_step:
        return Explanation("this `else` follows no `if`", "write `} else {`, with the `if` and its braces before it")
    if token.accepts >= {"_ELSE", "OR"}:
        value = re.search(r"([\w.]+)\s+if\s+([^\[\](){},]+)\Z", token.before)
        text = f"{short(value[1])} if {short(value[2])} else …" if value else "… if … else …"
        return Explanation("a value with an `if` says what it is otherwise, too", f"write `{text}`")
    return None


def loop(token: UnexpectedToken) -> Explanation | None:
    """``for (i in range(3))``, ``for i = 0; i < 3; i++``, ``for i in 1:3``, ``for i in range 3``, ``for c of list``"""
    if token.statement != "for":
        return None
    start = token.back(len(token.begun))[0]
    line = token.begun + " " * token.gap + token.word + token.after
    forms = (
        (r"for\s*\(\s*(\w+)\s+in\s+((?:[^(){}]|\([^()]*\))*)\)", r"for \1 in \2"),
        (r"for\s*\(?\s*(?:\w+\s+)?(\w+)\s*=\s*0\s*;\s*\1\s*<\s*(\w+)\s*;[^{}]*?\)?(?=\s*\{)", r"for \1 in range(\2)"),
        (r"for\s+(\w+)\s+in\s+(\w+)\s*:\s*(\w+)(?=\s*\{)", r"for \1 in range(\2, \3)"),
        (r"for\s+(\w+)\s+in\s+range\s+(\w+)(?=\s*\{)", r"for \1 in range(\2)"),
        (r"for\s+(\w+)\s+of\s+(?=[\w\[])", r"for \1 in "),
        (r"for\s+(\w+)\s+from\s+(\w+)\s+to\s+(\w+)", r"for \1 in range(\2, \3 + 1)"),
        (r"for\s+(\w+)\s*=\s*(\w+)\s*(?:to|,|:)\s*(\w+)", r"for \1 in range(\2, \3 + 1)"),
        (r"for\s+(\w+)\s*=\s*(?=\[)", r"for \1 in "),
    )
    for pattern, form in forms:
        if found := re.match(pattern, line):
            text = found.expand(form)
            instead = Replacement(start, start + len(found[0]), text)
            return Explanation(
                "a loop goes through a list: `for name in list`", f"write `{short(text.rstrip())}`", None, instead
            )
    if token.word == "(" and re.match(r"for\s+(?:each\s+)?\w+\s*,", line):
        help_ = "write `for i, row in enumerate(table)`, then `row[0]`, or zip(range(2), xs, ys) for the table"
        return Explanation("the names of a loop are no lists of names", help_)
    return None


def path(token: UnexpectedToken) -> Explanation | None:
    """``from layers.cnn import x``, ``import layers``"""
    line = token.line_before.lstrip() + " " * token.gap + token.word + token.after
    found = re.match(r"from\s+(?![\"'])([\w./-]+)\s+import\b", line)
    package = re.match(r"(?:from|import)\s+(\w+)", line)
    if package and package[1] in OWNERS and (token.accepts == {"STRING"} or token.wants_item):
        return Explanation("nothing of Python is imported", "leave it out: layers are known by their names")
    if token.accepts == {"STRING"} and found:
        file = found[1] if "." in found[1] else f"{found[1]}.cnn"
        start = token.back(len(token.line_before.lstrip()))[0] + found.start(1)
        names = line[found.end() :].partition("#")[0].strip()
        instead = Replacement(start, start + len(found[1]), f'"{file}"')
        return Explanation(
            "the path of a file stands in double quotes",
            f'write `from "{short(file)}" import {short(names)}`',
            None,
            instead,
        )
    return None
