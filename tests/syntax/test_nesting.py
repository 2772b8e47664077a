"""What nests as deep as the language lets it costs as much as it is long, printed, in YAML and read back."""

from __future__ import annotations

import re

import pytest

from specc.source import Source
from specc.syntax.format import formatted
from specc.syntax.tokens import DEEPEST
from specc.syntax.yaml import language_text
from specc.syntax.yaml import parse as parse_yaml
from specc.syntax.yaml.writer import to_yaml
from tests.counting import calls

# What stands around what, and in the middle.
STATEMENTS = {
    "group": ("{ ", "relu", " }"),
    "group on lines": ("{\n", "relu\nrelu", "\n}"),
    "frozen group": ("a: frozen(true) { ", "relu", " }"),
    "labelled group": ("a: { ", "{}", " }"),
    "arm": ("add { | _ | ", "relu", " }"),
    "first arm": ("add(2) { | ", "relu", " | _ }"),
    "arm in a chain": ("add { | relu -> ", "in", " | _ }"),
    "repeat": ("repeat 2 { ", "relu", " }"),
    "for": ("for i, j in [(1, 2)] { ", "relu()", " }"),
    "if": ("if true { ", "relu", " }"),
    "then and else": ("if true { relu } else { tanh -> ", "relu", " }"),
    "else if": ("if true { relu } else ", "if true { relu }", ""),
    "group in else": ("if true { relu } else { { ", "relu", " } }"),
    "all of them": ("{ add { | _ | repeat 1 { if true { a: relu -> ", "relu", " } } } }"),
    "silenced": ("{ ", "relu -> relu # specc: ignore[S0501] why\n", "}"),
    "commented": ("{ # why\n", "relu", "\n}"),
}
VALUES = {
    "list": ("[", "1", "]"),
    "list of two": ("[1, ", "2", "]"),
    "parentheses": ("(1 + ", "1", ") * 2"),
    "minus": ("-(1 - ", "1", ")"),
    "not": ("not (true and ", "true", ")"),
    "else": ("(1 if true else ", "1", ")"),
    "value": ("(", "1", " if true else 1)"),
    "test": ("(1 if ", "true", " else 1)"),
    "call": ("max(1, ", "1", ")"),
    "index": ("a[", "0", "]"),
}
# How many brackets, parts of the tree or both one of them is.
LEVELS = {"group in else": 2, "all of them": 4, "parentheses": 2, "minus": 2, "not": 2}


def spec(kind: str, depth: int) -> Source:
    """A spec with that many of them in each other."""
    if kind in VALUES:
        opening, inner, closing = VALUES[kind]
        value = opening * depth + inner + closing * depth
        return Source("m.cnn", f"let a = {value}\nmodel M : [N, 3] {{ relu(inplace={value}) }}\n")
    opening, inner, closing = STATEMENTS[kind]
    shared = f"shared s = {inner}\n" if kind == "group" else ""
    return Source("m.cnn", f"model M : [N, 3] {{ {shared}{opening * depth}{inner}{closing * depth} }}\n")


def there_and_back(source: Source) -> str:
    """The spec in YAML, as the language again."""
    return formatted(Source("m.cnn", language_text(Source("m.yaml", to_yaml(source)))))


@pytest.mark.parametrize("kind", [*STATEMENTS, *VALUES])
def test_as_deep_as_the_parser_takes(kind: str) -> None:
    """At most a thousand calls a level; what is done twice on each of them is never done."""
    source = spec(kind, (DEEPEST - 3) // LEVELS.get(kind, 1))
    most = 1000 * DEEPEST
    texts: list[str] = []
    calls(lambda: texts.append(formatted(source)), most)
    calls(lambda: texts.append(there_and_back(source)), 2 * most)
    text, again = texts
    assert formatted(Source("m.cnn", text)) == text
    assert _words(again) == _words(re.sub(" *#.*", "", text))
    assert parse_yaml(Source("m.yaml", to_yaml(source))).items


def _words(text: str) -> list[str]:
    """All but the blanks and lines, which a comment may have changed."""
    return re.findall(r"\w+|[^\w\s]", text)
