"""The roles of words, against the parser: what it makes of a spec says what each name in it is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from random import Random
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter, NullFormatter

from specc.highlighting.pygments_lexer import TOKENS, SpeccLexer
from specc.highlighting.roles import Role, roles
from specc.source import Source
from specc.syntax import lalr
from specc.syntax.tokens import keywords
from specc.syntax.trivia import comments
from tests.syntax.test_lalr import FILES, PIECES, ROOT, TEXTS, Recorder, plain

EVERYTHING = """\
from "a.cnn" import one, # the first
  two
let table = [(1, 2), (x.y[3](z), min(1k, -2) if not a else b)]
let odd = [i for i in table if i[0:1] > 2 and true]
default conv(bias=false) # said once
block unit(c, act=relu, k=(3, c)) : (x: uint8 [N, 3], y) -> (z: float16 [N], w: [M]) where N > 2, M < a[0] {
  model: { conv(c, k) -> act }
  3: relu
  shared u = first: conv(c, 1) ->
    frozen(a=min(3, 4)) { bn }
  frozen: add(alpha=2) {
    | x
    | "a b": concat { | for each s, t in table { s(t) } | l: for each q in table { in } } -> mul { | _ | u }
    | if c == 2 { r.q[0].s } else if a { 7: in } else { [2, H] }
  }
  assert c > 2, "too few"
  repeat 2 * c { for i, n in table { frozen -> i } }
}
model Net : uint8 [N, 3] -> int64 [N] where N > 1 { unit(2) }
"""
BY_RULE: dict[str, tuple[list[Role], Role | None]] = {
    **dict.fromkeys(("let", "param", "shared", "arg"), ([Role.BINDING], None)),
    **dict.fromkeys(("block", "model"), ([Role.DEFINITION], None)),
    **dict.fromkeys(("default", "call", "merge"), ([Role.STEP], None)),
    **dict.fromkeys(("for_", "comprehension", "attribute"), ([], Role.NAME)),
    **dict.fromkeys(("binary", "unary"), ([], Role.OPERATOR)),
    **dict.fromkeys(("frozen", "enclosing"), ([Role.KEYWORD], None)),
    "import_": ([Role.STRING], Role.DEFINITION),
    "port": ([Role.BINDING, Role.TYPE], None),
    "bare_port": ([Role.TYPE], None),
    "labelled": ([Role.LABEL], None),
    "each": ([Role.KEYWORD], Role.NAME),
    "name": ([Role.NAME], None),
    "number": ([Role.NUMBER], None),
    "string": ([Role.STRING], None),
    "assert_": ([], Role.STRING),
}
"""By a rule of the grammar: the roles of its first parts where they are words, and of all words behind them."""


def by_parser(node: Any, step: str = "") -> Iterator[tuple[int, str, Role]]:
    """The offset, text and role of every word that the tree keeps.

    Args:
        step: which name of an expression is one of a step: the "first", the "last", or none.
    """
    rule, _, _, parts = node
    first, rest = BY_RULE.get(rule, ([], None))
    for place, part in enumerate(parts):
        if part is None:
            continue
        if len(part) > 2:
            begins = "last" if rule == "apply" and place == 0 else "first" if rule == "reference" else ""
            goes_on = step if step == "first" and rule in ("attribute", "index") and place == 0 else ""
            yield from by_parser(part, begins or goes_on)
            continue
        word, offset = part
        role = first[place] if place < len(first) else rest
        if word in keywords() and role != Role.LABEL:
            role = Role.KEYWORD
        elif (step and rule == "name") or (step == "last" and rule == "attribute"):
            role = Role.STEP
        assert role is not None, (rule, word)
        yield offset, word, role


def expected(text: str) -> dict[int, tuple[str, Role]]:
    tree = plain(lalr.parser().parse(text + "\n", Recorder()))
    return {offset: (word, role) for offset, word, role in by_parser(tree)}


CASES = {
    "everything": EVERYTHING,
    **{path.relative_to(ROOT).as_posix(): text for path, text in zip(FILES, TEXTS, strict=True)},
}


def test_every_word_of_the_tree_has_the_role_that_the_grammar_gives_it() -> None:
    for name, text in CASES.items():
        found = {start: (text[start:end], role) for role, start, end in roles(text)}
        wanted = expected(text)
        assert {offset: found.get(offset) for offset in wanted} == wanted, name
        left = {role for offset, (_, role) in found.items() if offset not in wanted}
        assert left <= {Role.BLANK, Role.COMMENT, Role.KEYWORD, Role.OPERATOR, Role.PUNCTUATION}, name


HALF_WRITTEN = {
    "a call": ("model A : [N, 3] {\n  conv(8, [3\n  let c = 1\n  relu\n}\n", 3),
    "a call of a model": ("model A : [N, 3] {\n  conv(8, (\nmodel B : [N, 3] {\n  relu\n}\n", 3),
    "a header": ("model A(c, d=[\nblock b(c) { conv(c, 1) -> relu }\n", 2),
    "a shape": ("block a : [N\n\nmodel A : uint8 [N, 3] {\n  relu\n}\n", 3),
    "an import": ('from "a.cnn" import\nlet a = b\nmodel A : [N] { relu }\n', 3),
    "a list": ("let a = [1,\nlet b = [2]\ndefault conv(bias=false)\n", 2),
}
"""Texts, each with the line from which on it is whole."""


def test_what_is_half_written_takes_no_colours_from_the_lines_below() -> None:
    for name, (text, line) in HALF_WRITTEN.items():
        end = sum(map(len, text.splitlines(keepends=True)[: line - 1]))
        below = [(role, start) for role, start, _ in roles(text) if start >= end and role != Role.BLANK]
        assert below == [(role, end + start) for role, start, _ in roles(text[end:]) if role != Role.BLANK], name


def test_every_comment_is_one() -> None:
    for text in CASES.values():
        found = [(start, text[start:end].rstrip()) for role, start, end in roles(text) if role == Role.COMMENT]
        assert found == [comment[:2] for comment in comments(Source("t.cnn", text))]


def test_the_parts_are_the_whole_whatever_is_written() -> None:
    random = Random(7)
    texts = ["".join(random.choices(PIECES, k=random.randrange(1, 60))) for _ in range(300)]
    for text in [*texts, "", "# no newline", "#", "\r\n#a\r\n", "\0é\u2028𝕏", "conv(", ")}{"]:
        parts = list(roles(text))
        assert "".join(text[start:end] for _, start, end in parts) == text
        assert all(start < end for _, start, end in parts)


def test_what_is_not_of_the_language_is_unknown() -> None:
    text = "model M ; 'x' 1"
    assert [text[start:end] for role, start, end in roles(text) if role == Role.UNKNOWN] == [";", "'", "'"]


class TestPygments:
    def test_its_entry_point_is_the_lexer(self) -> None:
        """That Pygments finds it by that is seen with the wheel, in `.ci/package`."""
        points = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
        assert EntryPoint("specc", points["pygments.lexers"]["specc"], "pygments.lexers").load() is SpeccLexer
        assert {"specc", "cnn"} <= {*SpeccLexer.aliases}

    def test_every_role_has_a_token(self) -> None:
        assert TOKENS.keys() == {*Role}

    def test_no_text_is_lost(self) -> None:
        assert highlight(EVERYTHING, SpeccLexer(), NullFormatter()) == EVERYTHING

    def test_words_in_their_colours(self) -> None:
        shown = highlight("c1: conv(8, bias=true) # thin", SpeccLexer(), HtmlFormatter(nowrap=True))
        assert re.findall(r'<span class="(\w+)">([^<]+)</span>', shown) == [
            ("nl", "c1"), ("p", ":"), ("w", " "), ("nf", "conv"), ("p", "("), ("m", "8"), ("p", ","), ("w", " "),
            ("na", "bias"), ("o", "="), ("n", "true"), ("p", ")"), ("w", " "), ("c1", "# thin"),
        ]  # fmt: skip
