"""specc's own parser against Lark: the same texts, the same derivations, at the same places."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken

from specc.diagnostics import SpecError
from specc.source import Source
from specc.syntax import lalr, parse, read, tables, tokens
from specc.syntax.parser import TreeBuilder
from specc.syntax.recovery import flatten
from specc.syntax.tables import build, grammar_text
from specc.syntax.tokens import NotInGrammar
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
    "model block let default from import frozen repeat for in if else assert shared where and or not true x _ ( ) [ ] "
    "{ } | "
    '-> : = , . + - * / // % == != <= < > 1 2.5 3k 1_0 1. "s" "\\"" " \' # & ; ! \\ é'
).split(" ")
PIECES = [*WORDS, " ", "\t", "\n", "\r\n", "# a comment\n", "\n\n  ", "]\n", ")\n", "\n//"]

Node = tuple[str, int, int, tuple[Any, ...]]


class Recorder:
    """A builder that keeps the derivation: each rule with its offsets and parts."""

    def __getattr__(self, rule: str) -> Callable[..., Node]:
        return lambda start, end, *parts: (rule, start, end, parts)


class Newlines:
    """What the grammar's comment says of newlines, as Lark wants it: tokens in, tokens out."""

    always_accept = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        tokens, depth, begins = list(stream), 0, False
        for place, token in enumerate(tokens):
            depth += (token.type in ("_LPAR", "_LSQB")) - (token.type in ("_RPAR", "_RSQB"))
            before = tokens[place - 1].type if place else ""
            after = tokens[place + 1].type if place + 1 < len(tokens) else ""
            goes_on = before in ("_ARROW", "_BAR", "_COMMA", "_LBRACE")
            goes_back = after in ("_ARROW", "_BAR", "_WHERE", "_ELSE", "_RBRACE")
            if token.type != "_NL" or not (depth or goes_on or goes_back):
                yield token if begins or token.type != "FROZEN" else Token.new_borrow_pos("NAME", str(token), token)
            if token.type != "_NL":  # `frozen` is a name but where a step begins
                begins = token.type in ("_ARROW", "_BAR", "_COLON", "EQUAL", "_LBRACE")
            elif not (depth or goes_on):
                begins = True


@cache
def lark() -> Lark:
    return build(grammar_text(), propagate_positions=True, postlex=Newlines())


def by_lark(text: str) -> tuple[Node | None, frozenset[str]]:
    """Lark's derivation in the same form; None where it refuses, and the terminals that it would have taken there."""
    try:
        return node(lark().parse(text)), frozenset()
    except UnexpectedToken as mistake:
        return None, frozenset(mistake.accepts or ()) - {"$END"}  # no text ends without a newline
    except UnexpectedInput:
        return None, frozenset()  # a character that begins no terminal, before any of the text is parsed


def node(part: Any) -> Any:
    if isinstance(part, Token):
        return str(part), part.start_pos
    if not isinstance(part, Tree):
        return part
    return str(part.data), part.meta.start_pos, part.meta.end_pos, tuple(map(node, part.children))


def by_us(text: str) -> tuple[Node | None, frozenset[str]]:
    try:
        return plain(lalr.parser().parse(text, Recorder())), frozenset()
    except NotInGrammar as mistake:
        return None, mistake.accepts


def plain(part: Any) -> Any:
    """A derivation with tokens as text and offset."""
    if isinstance(part, tokens.Token):
        return part.text, part.start
    return (*part[:3], tuple(map(plain, part[3]))) if isinstance(part, tuple) else part


def same(text: str) -> bool:
    """Both parsers agree on a text; whether they accept it."""
    source = Source("t", text.replace("\0", ""))
    as_written = source.text + "\n"
    try:
        flat = flatten(source)
    except SpecError:
        # Brackets do not pair up, or too many stand inside one another: no tree either way.
        assert by_us(as_written)[0] is None
        return False
    derivation, accepts = by_lark(flat)
    assert by_us(flat)[0] == by_us(as_written)[0] == derivation
    if derivation is None:
        assert not accepts or by_us(flat)[1] == by_us(as_written)[1] == accepts
        return False
    # Newlines inside brackets are blanked for Lark and dropped by us.
    assert lalr.parser().parse(as_written, TreeBuilder(source)) == lalr.parser().parse(flat, TreeBuilder(source))
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


@settings(deadline=None, max_examples=400)
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


@settings(deadline=None, max_examples=300)
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
    deepest = tokens.DEEPEST // left.count("{") if "{" in left else tokens.DEEPEST
    texts = [begin + left * depth + middle + right * depth + "\n" for depth in (deepest, deepest + 1)]
    assert [by_us(text)[0] is not None for text in texts] == [True, False]
    assert flatten(Source("t", texts[0]))
    with pytest.raises(SpecError):
        flatten(Source("t", texts[1]))


def test_a_list_grows_in_place() -> None:
    """Else a long one would take quadratic time."""
    rule = tables.Production(symbol="list", size=3, passes=-1, method=-1, parts=[0, 2], lists=[0])
    *_, take = lalr._prepared(rule)
    assert take is not None
    members = [1, 2]
    assert take([None, members, ",", 3]) is members
    assert members == [1, 2, 3]


def test_a_text_has_to_end_in_a_newline() -> None:
    with pytest.raises(NotInGrammar):
        lalr.parser().parse("let x = 1", Recorder())
    assert parse(Source("t", "let x = 1")).items
