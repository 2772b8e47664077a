"""What comments say to specc."""

from __future__ import annotations

import pytest

from specc.source import Source
from specc.syntax.directives import CodeLines, directive, directives, pin


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
    lines = CodeLines(Source("t", text))
    assert [lines.about(text.index(f"# {name}")) for name in "abdfg"] == [4, 4, 4, 7, 8]
    assert [lines.in_block(line) for line in (3, 4, 6, 7, 9)] == [False, True, True, False, False]
    assert lines.in_block(None)
    assert not CodeLines(Source("t", "blocks\nmodel: M")).in_block(None)
