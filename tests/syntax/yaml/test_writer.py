"""What is written in YAML, to the letter. SPECC_UPDATE=1 writes it anew: read the difference before committing it."""

import os
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML

from specc.diagnostics import SpecError
from specc.source import Source
from specc.syntax import parse, read
from specc.syntax.yaml.writer import to_yaml
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
