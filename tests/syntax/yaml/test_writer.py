"""What is written in YAML, to the letter. SPECC_UPDATE=1 writes it anew: read the difference before committing it."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from specc.diagnostics import SpecError
from specc.source import Source
from specc.syntax import parse, read
from specc.syntax.yaml.writer import WIDTH, Entries, Keys, Word, rendered, to_yaml, word
from tests.syntax.yaml.texts import without_places

CORPUS = sorted((Path(__file__).parent / "corpus" / "written").glob("*.cnn"))


def test_there_is_a_corpus() -> None:
    assert CORPUS


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_written(path: Path) -> None:
    text = to_yaml(read(path))
    expected = path.with_suffix(".yaml")
    if os.environ.get("SPECC_UPDATE"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")
    assert without_places(parse(Source("net.yaml", text))) == without_places(parse(read(path)))


def test_the_data() -> None:
    """What a program sees that knows YAML and nothing of specc, be it YAML 1.2 or 1.1."""
    text = to_yaml(
        Source(
            "net.cnn",
            'let a = ["no", "=x", "1", none, true, -1, 0.5, 1_0, x]\n'
            "model M(c = 8) : [N, c] where N > 1 { conv(c, 3, p=1) -> x: relu() -> 0: bn\nnull\n"
            "add { | _ | a -> b } }\n",
        )
    )
    expected = [
        {"let": {"a": ["no", '="=x"', "1", None, True, -1, 0.5, "=1_0", "=x"]}},
        {
            "model": "M",
            "params": [{"c": 8}],
            "input": ["N", "c"],
            "where": ["N > 1"],
            "body": [
                [{"conv": ["=c", 3, {"p": 1}]}, {"label": "x", "relu": []}, {"label": 0, "bn": None}],
                "null",
                {"add": None, "arms": ["_", [["a", "b"]]]},
            ],
        },
    ]
    assert YAML(typ="safe", pure=True).load(text) == expected
    assert yaml.safe_load(text) == expected


def test_mistakes_of_syntax() -> None:
    with pytest.raises(SpecError):
        to_yaml(Source("net.cnn", "model M {"))


def test_nothing() -> None:
    assert to_yaml(Source("net.cnn", "# only a comment\n")) == "[]\n"
    assert to_yaml(Source("net.cnn", "# specc 1\n")) == "# specc 1\n[]\n"


# ---- texts: whatever they hold, every reader of YAML reads them back as texts ----------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12) | st.text(
    "0123456789.+-_eExoabtrufalsyn:#=<~ '\"\\[]{},&*!%@`|>?\n\t", max_size=8
)
NASTY = [
    "",
    " ",
    "a ",
    " a",
    "null",
    "~",
    "true",
    "No",
    "on",
    "1",
    "1_0",
    "0x1",
    ".5",
    "-",
    "--- a",
    "- a",
    "a: b",
    "a #b",
    "#a",
    "=",
    "<<",
    "=a",
    "a, b",
    "[a]",
    "{a",
    "'",
    '"',
    "'\"",
    "\\",
    "a\nb",
    "a\n",
    "\t",
    "\u2028",
    "\x85",
    "\ufeff",
    "\U0001f600",
    "\U000e0001",
    "é",
    "@a",
    "`",
    "%a",
    "!a",
    "&a",
    "*a",
    "|",
    ">",
    "?",
    "? a",
    ":",
    "2001-12-14",
    "1:30",
    "0b1",
    "e1",
    "y",
    "...",
]


def readers(text: str) -> list[Any]:
    """What YAML 1.2 and YAML 1.1 make of it."""
    return [YAML(typ="safe", pure=True).load(text), yaml.load(text, Loader=yaml.CSafeLoader)]


def holds(text: str) -> None:
    for data in readers(f"- {word(text)}\n- [{word(text)}, 1]\n- {{a: {word(text)}}}\n"):
        assert data == [text, [text, 1], {"a": text}]


@pytest.mark.parametrize("text", NASTY)
def test_texts(text: str) -> None:
    holds(text)


@given(TEXTS)
def test_random_texts(text: str) -> None:
    holds(text)


@pytest.mark.parametrize(
    "text", ["N", "in.channels // 2", "=2 * classes", "H % 8 == 0", "resnet.cnn", "../a/b.cnn", "-x", "a or b"]
)
def test_plain_texts_need_no_quotes(text: str) -> None:
    assert word(text) == text


def test_long_lists_are_filled() -> None:
    text = rendered(Keys([("let", Keys([("x", Entries([Word(str(n)) for n in range(200)]))]))]))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert len(text.splitlines()) < 15
    assert all(data == {"let": {"x": list(range(200))}} for data in readers(text))


def test_empty_lines_and_brackets() -> None:
    step = Keys([("conv", Entries([Word("8"), Word("3")]))], step=True)
    chain = Entries([step, Word("relu")])
    text = rendered(
        Entries([chain, step, Keys([("body", Entries([chain, chain], tall=True))])], tall=True, blank=frozenset({1}))
    )
    assert text == (
        "- [conv: [8, 3], relu]\n\n- conv: [8, 3]\n"
        "- body:\n    - [conv: [8, 3], relu]\n    - [conv: [8, 3], relu]\n"
    )  # fmt: skip
