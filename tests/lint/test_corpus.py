"""Specs with lints, each with its words beside it, and specs that come close to one and have none.

``SPECC_UPDATE=1`` rewrites the expected words: read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from specc.diagnostics import Code, Diagnostic, Severity
from specc.elaborate import check_file
from specc.lint import lint
from specc.report.snippets import render
from specc.source import Source
from specc.syntax import parse
from specc.syntax.yaml.writer import to_yaml

CORPUS = Path(__file__).parent / "corpus"
FOUND = sorted((CORPUS / "found").glob("*.cnn"))
SILENT = sorted((CORPUS / "silent").glob("*.cnn"))
OF_NETWORKS = {code for code in Code if code.startswith("S05")} - {Code.IDLE_IGNORE}


def linted(text: str, name: str = "net.cnn") -> list[Diagnostic]:
    file = parse(Source(name, text))
    return lint(file, check_file(file))


def test_the_corpus_is_there() -> None:
    assert len(FOUND) >= 12
    assert len(SILENT) >= 10


@pytest.mark.parametrize("path", FOUND, ids=lambda p: p.stem)
def test_found_in_these_words(path: Path) -> None:
    words = render(linted(path.read_text(), path.name)).rstrip() + "\n"
    expected = path.with_suffix(".lint")
    if os.environ.get("SPECC_UPDATE"):
        expected.write_text(words)
    assert words == expected.read_text()


def test_every_expectation_has_its_spec() -> None:
    assert {p.stem for p in (CORPUS / "found").glob("*.lint")} == {p.stem for p in FOUND}


@pytest.mark.parametrize("path", SILENT, ids=lambda p: p.stem)
def test_nothing_is_said_of_what_only_comes_close(path: Path) -> None:
    assert render(linted(path.read_text(), path.name)) == ""


@pytest.mark.parametrize("path", FOUND + SILENT, ids=lambda p: p.stem)
def test_of_the_same_spec_in_yaml_the_same_is_said(path: Path) -> None:
    """But for the edits, which are of the language's own text."""
    source = Source(path.name, path.read_text())
    in_yaml = linted(to_yaml(source), f"{path.name}.yaml")
    in_cnn = linted(source.text, path.name)
    assert [(d.code, d.message, d.notes, d.helps) for d in in_yaml] == [
        (d.code, d.message, d.notes, d.helps) for d in in_cnn
    ]
    assert all(finding.fix is None for finding in in_yaml)


def test_the_corpus_shows_every_lint_as_a_warning() -> None:
    findings = [finding for path in FOUND for finding in linted(path.read_text(), path.name)]
    assert {finding.code for finding in findings} == OF_NETWORKS
    assert {finding.severity for finding in findings} == {Severity.WARNING}
