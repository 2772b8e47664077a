"""The corpora. SPECC_UPDATE=1 writes the expected texts anew: read the difference before committing it."""

import os
from pathlib import Path

import pytest

from specc.diagnostics import SpecError
from specc.report.snippets import render
from specc.source import Source
from specc.syntax import parse, read
from tests.syntax.corpus import specs


@pytest.mark.parametrize("path", specs("accepted"), ids=lambda path: path.stem)
def test_accepted(path: Path) -> None:
    file = parse(read(path))
    assert bool(file.items) == (path.stem not in ("empty", "only_comments"))


@pytest.mark.parametrize("path", specs("refused"), ids=lambda path: path.stem)
def test_refused(path: Path) -> None:
    source = Source(path.name, path.read_bytes().decode())
    with pytest.raises(SpecError) as error:
        parse(source)
    text = render(error.value.diagnostics) + "\n"
    expected = path.with_suffix(".err")
    if os.environ.get("SPECC_UPDATE"):
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


def test_every_expected_text_has_its_spec() -> None:
    folder = specs("refused")[0].parent
    assert {path.stem for path in folder.glob("*.err")} == {path.stem for path in folder.glob("*.cnn")}
