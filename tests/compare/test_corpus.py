"""Pairs of specs, and what is said of them: read by a person, compared to the letter.

A pair is a folder of ``corpus`` with ``before.cnn``, ``after.cnn`` and ``difference.txt``. SPECC_UPDATE=1 writes the
texts anew: read what changes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from specc.compare.difference import Comparison, FileChange, compare_models
from specc.elaborate import check_file
from specc.ir.graph import Graph
from specc.report.formats import comparison_text
from specc.syntax import parse, read

CORPUS = Path(__file__).parent / "corpus"
PAIRS = sorted(path.name for path in CORPUS.iterdir() if path.is_dir())


def networks(path: Path) -> list[Graph]:
    return [checked.graph for checked in check_file(parse(read(path)))]


def compared(folder: Path) -> Comparison:
    before, after = networks(folder / "before.cnn"), networks(folder / "after.cnn")
    return Comparison((FileChange("before.cnn", "after.cnn", compare_models(before, after, None)),))


def test_there_is_a_corpus() -> None:
    assert len(PAIRS) >= 20


@pytest.mark.parametrize("pair", PAIRS)
def test_what_is_said(pair: str) -> None:
    said = comparison_text("text", compared(CORPUS / pair)) + "\n"
    expected = CORPUS / pair / "difference.txt"
    if os.environ.get("SPECC_UPDATE"):
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("pair", PAIRS)
def test_nothing_is_said_of_a_spec_and_itself(pair: str) -> None:
    for name in ("before.cnn", "after.cnn"):
        path = CORPUS / pair / name
        models = compare_models(networks(path), networks(path), None)
        assert models
        assert not any(model.changed for model in models)
