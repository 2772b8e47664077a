"""Refused specs in YAML. SPECC_UPDATE=1 writes the expected texts anew: read the difference before committing it."""

import os
from pathlib import Path

import pytest
import yaml

from specc.diagnostics import SpecError
from specc.report.snippets import render
from specc.source import Source
from specc.syntax import parse
from specc.syntax.yaml import nodes
from tests.syntax.yaml.corpus import specs


def refusal(path: Path) -> str:
    source = Source(path.name, path.read_bytes().decode())
    with pytest.raises(SpecError) as error:
        parse(source)
    return render(error.value.diagnostics) + "\n"


@pytest.mark.parametrize("path", specs("refused"), ids=lambda path: path.stem)
def test_refused(path: Path) -> None:
    text = refusal(path)
    expected = path.with_suffix(".err")
    if os.environ.get("SPECC_UPDATE"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", specs("refused"), ids=lambda path: path.stem)
def test_the_parser_in_python_says_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_loader", lambda: yaml.SafeLoader)
    assert refusal(path) == path.with_suffix(".err").read_text(encoding="utf-8")


def test_every_expected_text_has_its_spec() -> None:
    folder = specs("refused")[0].parent
    assert {path.stem for path in folder.glob("*.err")} == {path.stem for path in folder.glob("*.yaml")}
