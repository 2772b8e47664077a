"""Tokens, and the comments between them."""

from __future__ import annotations

import pytest

from specc.source import Source
from specc.syntax.tokens import Tokens, tidy


def test_where_comments_stand() -> None:
    text = '# a\n\n  #b \t\nlet c = "# no (" # d\r\n\n# e'
    found = Tokens(Source("spec.cnn", text)).comments
    assert [(each.text, each.alone, each.after_blank) for each in found] == [
        ("# a", True, False),
        ("#b", True, True),
        ("# d", False, False),
        ("# e", True, True),
    ]
    assert [text[each.start] for each in found] == ["#"] * 4


def test_brackets_pair_up_outside_of_strings_and_comments() -> None:
    text = 'let a = [f("]"), ( # )\n 1)]\n'
    found = Tokens(Source("spec.cnn", text)).partners
    assert {text[at] + text[other] for at, other in found.items()} == {"[]", "][", "()", ")("}
    assert found[text.index("[")] == text.rindex("]")
    assert found[text.rindex(")")] == text.index("( #")


@pytest.mark.parametrize(
    ("written", "expected"),
    [("#a", "# a"), ("# a", "# a"), ("#  a", "#  a"), ("#\ta", "#\ta"), ("#", "#"), ("#!a", "#!a"), ("##a", "##a")],
)
def test_tidy(written: str, expected: str) -> None:
    assert tidy(written) == expected
    assert tidy(expected) == expected
