"""Comments, what they say to specc, empty lines and arrows: what the tree does not say of a text."""

from __future__ import annotations

import pytest

from specc.source import Source
from specc.syntax import ast
from specc.syntax.parser import parse
from specc.syntax.trivia import (
    CodeLines,
    after_blank,
    comments,
    directive,
    directives,
    lines,
    pin,
    start,
    tidy,
)


def test_where_comments_stand() -> None:
    text = '# a\n\n  #b \t\nlet c = "# no (" # d\r\n\n# e'
    found = comments(Source("spec.cnn", text))
    assert [(each.text, each.alone, each.after_blank) for each in found] == [
        ("# a", True, False),
        ("#b", True, True),
        ("# d", False, False),
        ("# e", True, True),
    ]
    assert [text[each.start] for each in found] == ["#"] * 4


@pytest.mark.parametrize(
    ("written", "expected"),
    [("#a", "# a"), ("# a", "# a"), ("#  a", "#  a"), ("#\ta", "#\ta"), ("#", "#"), ("#!a", "#!a"), ("##a", "##a")],
)
def test_tidy(written: str, expected: str) -> None:
    assert tidy(written) == expected
    assert tidy(expected) == expected


def body_of(text: str) -> tuple[ast.Statement, ...]:
    (model,) = parse(Source("spec.cnn", f"model M : [N, 3] {{{text}}}\n")).items
    assert isinstance(model, ast.ModelDefinition)
    return model.body.statements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a -> b", ["a+b"]),
        ("a\n b", ["a", "b"]),
        ("\n a ->\n\n # c\n b # d\n -> c\n d\n", ["a+b+c", "d"]),
        ("a # -> \n b", ["a", "b"]),
        ("let x = 1\n a -> l: b\n assert x == 1\n c", ["let x = 1", "a+b", "assert x == 1", "c"]),
        ("shared s = a -> b\n s -> c", ["shared s = a -> b", "s+c"]),
        ("a(\n 1) -> { b\n c } -> [N]\n", ["a(\n 1)+{ b\n c }+[N]"]),
    ],
)
def test_lines(text: str, expected: list[str]) -> None:
    assert ["+".join(step.span.text for step in line) for line in lines(body_of(text))] == expected


def test_a_step_begins_with_its_label() -> None:
    (step,) = body_of(" a : b")
    assert start(step) == step.span.start - len("a : ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n b\n\n c\n \t\n d", [False, False, True, True]),
        ("\n\n a\n # c\n b\n\n # c\n # d\n c\n # c\n\n d", [True, False, True, True]),
        ("a # c\n\n l: b -> c\n", [False, True]),
        ("a(\n\n 1\n\n )\n b", [False, False]),
        ("a\r\n\r\nb\r\nc", [False, True, False]),
    ],
)
def test_after_blank(text: str, expected: list[bool]) -> None:
    assert [after_blank(line[0]) for line in lines(body_of(text))] == expected


def test_after_blank_of_items() -> None:
    file = parse(Source("spec.cnn", "# c\nlet a = 1\nlet b = 2\n\nlet c = 3\n# c\n\n# d\nblock d { relu }\n"))
    assert [after_blank(item) for item in file.items] == [False, False, True, True]


# ---- what comments say to specc ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "version", "is_alone"),
    [
        ("# specc: 1", "1", True),
        ("#specc 1.2\t\r\n", "1.2", True),
        ("# SPECC = v2 \nlet a = 1", "v2", True),
        ("# specc: 1 is what this is written for", "1", False),
        ("# specc: ignore-file[S0505] why", None, None),
        ("\n# specc: 1", None, None),
        (" # specc: 1", None, None),
        ("# specc", None, None),
    ],
)
def test_a_version_is_said_on_the_first_line(text: str, version: str | None, is_alone: bool | None) -> None:
    found = pin(Source("t", text))
    assert (found and found.version.text, found and found.is_alone) == (version, is_alone)


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# specc: ignore[S0505, S0502] why not", ("ignore", ("S0505", "S0502"), "why not")),
        ("#specc:ignore-file[]", ("ignore-file", ("",), "")),
        ("# wide # specc: ignore S0505", ("ignore", None, "S0505")),
        ("# specc: off", ("off", None, "")),
        ("# specc: 1", None),
        ("# specc:v2", None),
        ("# Specc: ignore[S0505] why", None),
        ("# spec: ignore[S0505] why", None),
    ],
)
def test_what_a_comment_says(comment: str, expected: tuple[str, tuple[str, ...] | None, str] | None) -> None:
    found = directive(comment)
    assert (found and (found.word, found.codes, found.reason)) == expected


@pytest.mark.parametrize("name", ["t.cnn", "t.cnn.yaml"])
def test_only_comments_say_something(name: str) -> None:
    text = 'a: "# specc: ignore[S0] a" # b # specc: off\r\n# specc: 1\n"\\"# specc: ignore[S0] c"\nd # specc: on'
    found = list(directives(Source(name, text)))
    assert [(span.text, said.word) for span, said in found] == [("# specc: off", "off"), ("# specc: on", "on")]


def test_what_line_a_comment_is_about() -> None:
    text = "# a\n\n # b\r\nblock c { # d\n  relu\n}\n- model: e # f\n# g"
    code = CodeLines(Source("t", text))
    assert [code.about(text.index(f"# {name}")) for name in "abdfg"] == [4, 4, 4, 7, 8]
    assert [code.in_block(line) for line in (3, 4, 6, 7, 9)] == [False, True, True, False, False]
    assert code.in_block(None)
    assert not CodeLines(Source("t", "blocks\nmodel: M")).in_block(None)
