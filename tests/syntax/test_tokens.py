"""Tokens, and the comments between them."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import specc
from specc.source import Source
from specc.syntax import read
from specc.syntax.tokens import (
    NEWLINE,
    Tokens,
    is_name,
    is_number,
    is_word,
    significant,
    token_at,
)
from specc.syntax.trivia import comments
from tests.elaborate.random_specs import Spec
from tests.elaborate.random_specs import specs as random_specs
from tests.syntax.format.scramble import scrambled
from tests.syntax.test_lalr import FILES


@pytest.mark.parametrize(
    ("word", "kinds"),
    [("conv", "wn"), ("_", "wn"), ("let", "w"), ("else", "w"), ("1_000k", "#"), ("2.5e-3", "#"), ("1a", ""), ("é", "")]
    + [(word, "") for word in ('"a"', "#", "", "a b", " a", "a\n", "\n", "1.", "-1")],
)
def test_the_kind_of_a_word(word: str, kinds: str) -> None:
    assert (is_word(word), is_name(word), is_number(word)) == ("w" in kinds, "n" in kinds, "#" in kinds)


def test_what_follows_an_offset() -> None:
    text = "a # b ->\r\n\n -> c # d"
    assert [token_at(text, at).text for at in (0, 1, len("a # b ->"), text.index("c") + 1)] == ["a", "->", "->", "#"]
    assert token_at(text + "\n", text.index("c") + 1) == ("$END", "", len(text) + 1)
    tokens = Tokens(Source("t", text))
    assert [token.text for token in tokens.all] == ["a", "->", "c", ""]
    assert tokens.before(0) is None
    assert [(tokens.before(at).text, tokens.after(at).text) for at in (1, len(text))] == [("a", "->"), ("c", "")]


def same_tokens(source: Source) -> None:
    """The parser's tokens are those of the text, and between them there is nothing but blanks and comments."""
    tokens = Tokens(source)
    read_by_parser = [(kind, start) for kind, _, start, _ in significant(source.text + "\n") if kind != NEWLINE]
    assert read_by_parser[:-1] == [(token.kind, token.start) for token in tokens.all[:-1]]
    left, at = [], 0
    for token in tokens.all:
        left += [line.strip() for line in source.text[at : token.start].split("\n")]
        at = token.end
    assert [line for line in left if line] == [comment.text for comment in comments(source)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_parser_reads_what_is_written(path: Path) -> None:
    same_tokens(read(path))


@settings(deadline=None, max_examples=60)
@given(random_specs(), st.integers(0, 2**16))
def test_the_parser_reads_random_specs_in_any_layout(spec: Spec, seed: int) -> None:
    same_tokens(Source("net.cnn", spec.text))
    same_tokens(Source("net.cnn", scrambled(spec.text, Random(seed))))


WITH_PATTERNS = {
    "syntax/tokens.py": "the lexer",
    "syntax/parser.py": "formulas in the text of a label",
    "syntax/trivia.py": "what comments say to specc",
    "syntax/mistakes/__init__.py": "numbers that are none",
    "syntax/mistakes/rules.py": "what an author who is mistaken may have meant",
    "syntax/mistakes/habits.py": "what an author who is mistaken may have meant",
    "syntax/mistakes/headers.py": "what an author who is mistaken may have meant",
    "syntax/mistakes/renaming.py": "words of other tools",
    "syntax/mistakes/translation.py": "lines of Python",
    "syntax/mistakes/unexpected.py": "the words in front of a mistake, in a text that is no spec",
    "syntax/mending.py": "words at the margin of a text that nothing can be read of",
    "syntax/reader.py": "hidden characters",
    "syntax/format/formatter.py": "the shapes that `specc show --annotate` writes",
    "syntax/yaml/loader.py": "texts that a comma of YAML has cut",
    "syntax/yaml/mending.py": "the brackets of a YAML text that nothing can be read of",
    "syntax/yaml/nodes.py": "the scalars of YAML",
    "syntax/yaml/operands.py": "characters that cannot stand in a string",
    "syntax/yaml/translator.py": "what an author who is mistaken may have meant",
    "syntax/yaml/writer.py": "what needs no quotes in YAML",
}


def test_no_other_module_has_patterns() -> None:
    """A regular expression elsewhere would most likely say again, or otherwise, what a token is."""
    package = Path(specc.__file__).parent
    files = [path for part in ("syntax", "lint") for path in package.joinpath(part).rglob("*.py")]
    importing = re.compile(r"^\s*(?:import re\b|from re import)", re.MULTILINE)
    found = {path.relative_to(package).as_posix() for path in files if importing.search(path.read_text("utf-8"))}
    assert found == set(WITH_PATTERNS)
