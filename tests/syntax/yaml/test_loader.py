"""Expressions are the only text that is taken over as it is: nothing gets out of its place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specc.diagnostics import SpecError
from specc.source import Source
from specc.syntax import ast, parse
from specc.syntax.yaml.loader import is_self_contained
from specc.syntax.yaml.writer import word
from tests.syntax.yaml.texts import without_places

HOLES = {
    "argument": "- {{model: M, body: [conv: [1, {0}, {{stride: 2}}], relu]}}\n",
    "shape": "- {{model: M, input: [N, {0}, 3], body: relu}}\n",
    "where": "- {{model: M, input: [N, H], where: [{0}, H > 1], body: relu}}\n",
    "repeat": "- {{model: M, body: [{{repeat: {0}, body: relu}}, relu]}}\n",
    "if": "- {{model: M, body: [{{if: {0}, then: relu, else: tanh}}, relu]}}\n",
    "assert": '- {{model: M, body: [{{assert: {0}, message: "a"}}, relu]}}\n',
    "default": "- {{block: b, params: [{{c: {0}}}, d], body: relu}}\n",
    "let": "- let: {{x: {0}}}\n- let: {{y: 1}}\n",
}
TOKENS = [
    *"( ) [ ] { } , , = == + - * / // % < >= -> | || : . # if else and or not in let assert repeat where for".split(),
    *'1 2.5 3k a b c _ f( "x" " \' \\ ! &'.split(),
    "	",
]


def as_expression(text: str) -> Any:
    """The tree of an expression of the language; None where the text is none, or is more than one."""
    try:
        items = parse(Source("t.cnn", f"let value = {text}\nlet after = 1\n")).items
    except SpecError:
        return None
    whole = len(items) == 2 and "#" not in text.replace('"#"', "")
    return without_places(items[0].value) if whole and isinstance(items[0], ast.Let) else None


def read(hole: str, text: str) -> Any:
    """The tree of the file with the text in its place; None where it is refused."""
    try:
        return without_places(parse(Source("t.yaml", HOLES[hole].format(word(f"={text}")))))
    except SpecError:
        return None


def with_marker(hole: str, tree: Any) -> Any:
    """The tree of the file with ``tree`` where a name of its own stands."""
    marker = without_places(ast.Name(None, "marker"))  # type: ignore[arg-type]  # places are left out

    def put(part: Any) -> Any:
        if part == marker:
            return tree
        return tuple(map(put, part)) if isinstance(part, tuple) else part

    return put(read(hole, "marker"))


NASTY = [
    "1) -> relu(",
    "1} model K { relu",
    "1, 2",
    "a=1",
    "1] -> [2",
    "1 # comment",
    "1\nrelu",
    "1 -> relu",
    "a | b",
    "1 2",
    "(1",
    "1)",
    "[1",
    "{1}",
    "",
    "if a",
    "a if b",
    "a else b",
    "let",
    "in in",
    '"a" "b"',
    '"a\\" , 1',
    "1,",
    "=1",
    "a: b",
    "1 where H > 2",
    "a, b = 2",
    "for a in b",
    "repeat 2 { relu }",
    "a b",
    "a ->",
    "-> a",
    "- > a",
    "//",
    "a // b",
    "a - > b",
    "a -- > b",
    "[1, 2",
    "(1]",
    '"',
    "'a'",
    "a ; b",
    "a\\",
    "f(a=1)",
    "f(a=1, b)",
    "a if b else c",
    "not a",
    "(1, 2)",
    "()",
    "in.channels",
    "_ ",
    "a == b == c",
    "max(1, f[0].g(b = [1]))",
    "1 if a else 2 if b else 3",
]


@pytest.mark.parametrize("hole", HOLES)
@pytest.mark.parametrize("text", NASTY)
def test_nothing_gets_out(hole: str, text: str) -> None:
    check(hole, text)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(HOLES)), st.lists(st.sampled_from(TOKENS), max_size=9), st.sampled_from(["", " "]))
def test_nothing_gets_out_of_random_texts(hole: str, tokens: list[str], between: str) -> None:
    check(hole, between.join(tokens))


def check(hole: str, text: str) -> None:
    """It is taken where the language takes it as one expression, with the same tree around it; else it is refused."""
    expected = as_expression(text.replace("\n", " "))
    found = read(hole, text)
    if expected is None:
        assert found is None
    else:
        assert found == with_marker(hole, expected)


@pytest.mark.parametrize(
    "text", ["a", "f(1, [2])[0].x", '"a ) b" == c', "1 if a else b", "not in.channels", "a - -b > c"]
)
def test_is_self_contained(text: str) -> None:
    assert is_self_contained(text)


@pytest.mark.parametrize(
    "text", ["a)", "(a", "(a]", "a, b", "a = b", "a\nb", "a # b", "a | b", "a -> b", "{a}", "let a", '"a']
)
def test_does_not_stay_inside(text: str) -> None:
    assert not is_self_contained(text)
