"""specc's own parser against Lark: the same texts, the same derivations, at the same places."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

from specc.diagnostics import SpecError
from specc.source import Source
from specc.syntax import lalr, parse, read
from specc.syntax.brackets import flatten, skip_blank
from specc.syntax.builder import Builder
from specc.syntax.lalr import NotInGrammar
from tests.elaborate.random_specs import Spec
from tests.elaborate.random_specs import specs as random_specs
from tests.syntax.corpus import specs

ROOT = Path(__file__).parents[2]
FILES = [
    path
    for folder in ("examples", "tests/networks/others", "tests/elaborate/corpus", "tests/syntax/corpus/accepted")
    for path in sorted(ROOT.joinpath(folder).rglob("*.cnn"))
]
TEXTS = [read(path).text for path in FILES]
SHORT = [text for text in TEXTS if 0 < len(text) < 800]
PIECE = re.compile(r'"[^"\n]*"|[A-Za-z_0-9.]+|[ \t]+|#[^\n]*|\r?\n|->|//|[=!<>]=|.')
WORDS = (
    "model block let default from import repeat for in if else assert shared where and or not true x _ ( ) [ ] { } | "
    '-> : = , . + - * / // % == != <= < > 1 2.5 3k 1_0 1. "s" "\\"" " \' # & ; ! \\ é'
).split(" ")
PIECES = [*WORDS, " ", "\t", "\n", "\r\n", "# a comment\n", "\n\n  ", "]\n", ")\n", "\n//"]

Node = tuple[str, int, int, tuple[Any, ...]]


class Recorder:
    """A builder that keeps the derivation: each rule with its offsets and parts."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __getattr__(self, rule: str) -> Callable[..., Node]:
        # The terminals that take in the lines before them begin at those lines for one parser, behind them for the
        # other; the tree does not show it.
        return lambda start, end, *parts: (rule, skip_blank(self._text, start), end, parts)


@cache
def lark() -> Lark:
    return Lark(lalr.grammar_text(), parser="lalr", lexer="basic", propagate_positions=True)


def by_lark(text: str) -> Node | None:
    """Lark's derivation in the same form; None where it refuses."""
    try:
        tree = lark().parse(text)
    except UnexpectedInput:
        return None
    return node(tree, text)


def node(part: Any, text: str) -> Any:
    if isinstance(part, Token):
        return str(part), part.start_pos
    if not isinstance(part, Tree):
        return part
    start = skip_blank(text, part.meta.start_pos)
    return str(part.data), start, part.meta.end_pos, tuple(node(child, text) for child in part.children)


def by_us(text: str) -> Node | None:
    try:
        return lalr.parser().parse(text, Recorder(text))  # type: ignore[no-any-return]
    except NotInGrammar:
        return None


def same(text: str) -> bool:
    """Both parsers agree on a text; whether they accept it."""
    source = Source("t", text.replace("\0", ""))
    as_written = source.text.replace("\r\n", " \n") + "\n"
    try:
        flat = flatten(source)
    except SpecError:
        # Brackets do not pair up, or too many stand inside one another: no tree either way.
        assert by_us(as_written) is None
        return False
    derivation = by_lark(flat)
    assert by_us(flat) == derivation
    assert (by_us(as_written) is None) == (derivation is None)
    if derivation is None:
        return False
    # Newlines inside brackets are blanked for Lark and dropped by us.
    assert lalr.parser().parse(as_written, Builder(source)) == lalr.parser().parse(flat, Builder(source))
    return True


def test_there_are_texts() -> None:
    assert len(TEXTS) > 100
    assert len(SHORT) > 50


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_specs(path: Path) -> None:
    text = read(path).text.replace("\r", "")
    assert same(text)
    assert same(text.replace("\n", "\r\n"))


@pytest.mark.parametrize("path", specs("refused"), ids=lambda path: path.stem)
def test_refused_specs(path: Path) -> None:
    same(path.read_bytes().decode())


@settings(deadline=None, max_examples=50)
@given(random_specs())
def test_random_specs(spec: Spec) -> None:
    assert same(spec.text)


@settings(deadline=None, max_examples=600)
@given(st.sampled_from(SHORT), st.data())
def test_mutated_specs(text: str, data: st.DataObject) -> None:
    """Tokens left out, said twice, swapped, replaced and put in."""
    pieces = PIECE.findall(text)
    for _ in range(data.draw(st.integers(1, 3))):
        here, there = (data.draw(st.integers(0, len(pieces) - 1)) for _ in range(2))
        how = data.draw(st.sampled_from("delete double swap replace insert".split()))
        if how == "delete" and len(pieces) > 1:
            del pieces[here]
        elif how == "double":
            pieces.insert(here, pieces[here])
        elif how == "swap":
            pieces[here], pieces[there] = pieces[there], pieces[here]
        elif how == "replace":
            pieces[here] = data.draw(st.sampled_from(PIECES))
        else:
            pieces.insert(here, data.draw(st.sampled_from(PIECES)))
    same("".join(pieces))


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=40), st.sampled_from(["", " "]))
def test_any_pieces(pieces: list[str], between: str) -> None:
    same(between.join(pieces))


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from([*'(((([[)]]])1a,.+"= \n', "if", "else", "not", "or", "# c\n", "\r\n"]), max_size=30))
def test_any_expression(pieces: list[str]) -> None:
    same("let x = " + " ".join(pieces))


# ---- what Lark does not do ----------------------------------------------------------------------------


@pytest.mark.parametrize("pair", ["()", "[]"])
def test_newlines_inside_brackets_do_not_count(pair: str) -> None:
    left, right = pair
    assert parse(Source("t", f"let x = {left}1 # c\n\n, # ]\n 2\n\t{right}\nlet y = 3")).items
    assert same(f"let x = {left}4\n // 2 # c\n * 3{right}")
    with pytest.raises(SpecError):
        parse(Source("t", f"let x = {left}1{right}\n + 2"))


@pytest.mark.parametrize(("left", "middle", "right"), ["(1)", "[1]", ("{ if a {", "", "} }")])
def test_depth_of_brackets(left: str, middle: str, right: str) -> None:
    """As `flatten` counts it, so that a text is refused by both or by none."""
    begin = "model M " if "{" in left else "let x = "
    deepest = lalr.DEEPEST // left.count("{") if "{" in left else lalr.DEEPEST
    texts = [begin + left * depth + middle + right * depth + "\n" for depth in (deepest, deepest + 1)]
    assert [by_us(text) is not None for text in texts] == [True, False]
    assert flatten(Source("t", texts[0]))
    with pytest.raises(SpecError):
        flatten(Source("t", texts[1]))


def test_a_list_grows_in_place() -> None:
    """Else a long one would take quadratic time."""
    rule = lalr.Rule(symbol="list", size=3, passes=-1, method=-1, parts=[0, 2], lists=[0])
    *_, take = lalr._prepared(rule)
    assert take is not None
    members = [1, 2]
    assert take([None, members, ",", 3]) is members
    assert members == [1, 2, 3]


def test_a_text_has_to_end_in_a_newline() -> None:
    with pytest.raises(NotInGrammar):
        lalr.parser().parse("let x = 1", Recorder(""))
    assert parse(Source("t", "let x = 1")).items
