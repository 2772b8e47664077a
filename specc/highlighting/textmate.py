"""The TextMate grammar, which Visual Studio Code and others colour specs by: ``python -m specc.highlighting.textmate``.

Such a grammar sees one line at a time and has no look at the tree. So what stands where a step may begin is told from
an expression by what is around it: parentheses, square brackets, a header, a ``let``. Words and literals are the
terminals of the language; tests hold the scopes to `specc.highlighting.roles`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from specc.highlighting.roles import ITEMS, STATEMENTS, Role, operators
from specc.syntax.tokens import keywords, pattern

SCOPES: dict[Role, str] = {
    Role.COMMENT: "comment.line.number-sign.specc",
    Role.KEYWORD: "keyword.control.specc",
    Role.DEFINITION: "entity.name.type.specc",
    Role.STEP: "entity.name.function.specc",
    Role.LABEL: "entity.name.tag.specc",
    Role.BINDING: "variable.parameter.specc",
    Role.TYPE: "support.type.specc",
    Role.NAME: "variable.other.specc",
    Role.NUMBER: "constant.numeric.specc",
    Role.STRING: "string.quoted.double.specc",
    Role.OPERATOR: "keyword.operator.specc",
    Role.PUNCTUATION: "punctuation.specc",
}
"""By a role: the scope that themes give it a colour by."""

Rule = dict[str, Any]


def grammar() -> Rule:
    """The grammar as the JSON that editors read."""
    name, number, string = (f"(?:{pattern(kind).pattern})" for kind in ("NAME", "NUMBER", "STRING"))
    word, number = rf"\b{name}", rf"(?<![A-Za-z0-9_]){number}"
    statement = rf"(?=^[ \t]*(?:{'|'.join(STATEMENTS)})\b)"
    item = rf"(?=^[ \t]*(?:{'|'.join(ITEMS)})\b)"
    comment = _match(Role.COMMENT, r"#.*$")
    brackets = [_within(r"\(", rf"\)|{statement}", "#expression"), _within(r"\[", rf"\]|{statement}", "#expression")]
    tokens = [
        _match(Role.STRING, string),
        _match(Role.NUMBER, number),
        _match(Role.OPERATOR, "|".join(operators())),
        _match(Role.PUNCTUATION, r"[{}(),:.\[\]]"),
    ]
    expression = [
        comment,
        _match(Role.KEYWORD, rf"(?<=\bfor)\s+{name}(?=\s+(?!{_keywords()}){name})"),  # for each x in xs
        _match(Role.KEYWORD, _keywords()),
        _match(Role.BINDING, rf"{word}(?=\s*=(?!=))"),
        _match(Role.STEP, rf"{word}(?=\s*\()"),
        _match(Role.NAME, word),
        *brackets,
        *tokens,
    ]
    in_header = [
        comment,
        _within(r"\(", rf"\)|{statement}", "#parameters"),
        _match(Role.TYPE, rf"(?<=:|->)\s*{name}(?=\s*\[)"),
        _include("#expression"),
    ]
    parameters = [
        comment,
        _match(Role.BINDING, rf"(?:(?<=[(,])|^)\s*{name}"),
        _match(Role.TYPE, rf"(?<=:|->)\s*{name}(?=\s*\[)"),
        _include("#expression"),
    ]
    body = [
        comment,
        _match(Role.LABEL, rf"(?!else\b)(?:{word}|{number}|{string})(?=\s*:)"),
        {
            **_of(r"\b(from)\b", Role.KEYWORD),
            "end": rf"((?!{_keywords()}){word})(?=[ \t]*(?:#.*)?$)|{statement}",
            "endCaptures": _captures((Role.DEFINITION,)),
            "patterns": [comment, _match(Role.KEYWORD, _keywords()), _match(Role.DEFINITION, word), *tokens],
        },
        {
            **_of(rf"\b(block|model)\b(?:\s+({name}))?", Role.KEYWORD, Role.DEFINITION),
            "end": rf"(?=\{{)|{item}",
            "patterns": in_header,
        },
        {**_of(r"\b(let|assert)\b", Role.KEYWORD), "end": r"$|(?=\})", "patterns": [_include("#expression")]},
        {**_of(r"\b(for|if|repeat)\b", Role.KEYWORD), "end": r"$|(?=\{)", "patterns": [_include("#expression")]},
        _captured(rf"\b(shared)\s+({name})\b", Role.KEYWORD, Role.BINDING),
        _match(Role.KEYWORD, _keywords()),
        _match(Role.KEYWORD, rf"\b{pattern('FROZEN').pattern}"),
        _match(Role.NAME, rf"(?<=\.)\s*{name}"),
        _match(Role.STEP, word),
        *brackets,
        *tokens,
    ]
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "information_for_contributors": ["Made by specc.highlighting.textmate from grammar/specc.lark: make grammar"],
        "name": "specc",
        "scopeName": "source.specc",
        "fileTypes": ["cnn"],
        "patterns": body,
        "repository": {"expression": {"patterns": expression}, "parameters": {"patterns": parameters}},
    }


def _keywords() -> str:
    return rf"\b(?:{'|'.join(sorted(keywords()))})\b"


def _match(role: Role, regex: str) -> Rule:
    return {"name": SCOPES[role], "match": regex}


def _captured(regex: str, *roles: Role) -> Rule:
    return {"match": regex, "captures": _captures(roles)}


def _of(begin: str, *roles: Role) -> Rule:
    return {"begin": begin, "beginCaptures": _captures(roles)}


def _captures(roles: tuple[Role, ...]) -> Rule:
    return {str(number): {"name": SCOPES[role]} for number, role in enumerate(roles, 1)}


def _within(begin: str, end: str, include: str) -> Rule:
    ends = {"0": {"name": SCOPES[Role.PUNCTUATION]}}
    return {"begin": begin, "beginCaptures": ends, "end": end, "endCaptures": ends, "patterns": [_include(include)]}


def _include(name: str) -> Rule:
    return {"include": name}


if __name__ == "__main__":
    sys.stdout.buffer.write((json.dumps(grammar(), indent=2) + "\n").encode())
