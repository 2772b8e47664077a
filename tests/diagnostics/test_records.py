"""Findings that are kept are the same when they come back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from specc.diagnostics import (
    BudgetExceeded,
    BudgetUnsized,
    Code,
    Diagnostic,
    Fact,
    ImportFault,
    Label,
    Safety,
    SpecError,
)
from specc.diagnostics.records import as_json, from_json
from specc.elaborate import Imports, check_file
from specc.lint import lint
from specc.source import Source
from specc.syntax import parse, read

TESTS = Path(__file__).parents[1]
SPECS = sorted([*(TESTS / "elaborate" / "corpus").glob("**/*.cnn"), *(TESTS / "syntax" / "corpus").glob("**/*.cnn")])
SPECS += sorted([*(TESTS / "lint").glob("**/*.cnn"), *(TESTS.parent / "examples").glob("**/*.cnn")])


PARTS = ("secondary", "notes", "helps", "trace", "where", "fix", "suggestion", "fact")


def findings(path: Path) -> tuple[list[Diagnostic], dict[str, Source]]:
    imports = Imports()
    try:
        source = read(path)
        file = parse(source)
        found = lint(file, check_file(file, imports))
    except SpecError as error:
        found = list(error.diagnostics)
    sources = [*imports.read.values(), *(finding.primary.span.source for finding in found)]
    return found, {source.name: source for source in sources}


def test_every_finding_of_the_corpora() -> None:
    seen: set[str] = set()
    for path in SPECS:
        found, sources = findings(path)
        for finding in found:
            back = from_json(json.loads(json.dumps(as_json(finding))), sources)
            assert back == finding, path
            assert (type(back.code), type(back.severity)) == (type(finding.code), type(finding.severity))
            seen |= {name for name in PARTS if getattr(finding, name)}
            seen |= {finding.fix.safety} if finding.fix else set()
    assert seen == {*PARTS, *Safety}


@pytest.mark.parametrize(
    "fact",
    [
        ImportFault("lib.cnn", "stem"),
        BudgetExceeded("params", 10, 20),
        BudgetUnsized("Net", ("macs", "memory"), ("specc.toml",), (("H", 8),), (("H", 16), ("W", 224))),
    ],
)
def test_every_kind_of_fact(fact: Fact) -> None:
    source = Source("a.cnn", "relu")
    finding = Diagnostic(Code.BUDGET, "wrong", Label(source.span(0, 4)), fact=fact)
    back = from_json(json.loads(json.dumps(as_json(finding))), {"a.cnn": source})
    assert back == finding
    assert type(back.fact) is type(fact)


def test_one_of_a_file_that_is_not_there() -> None:
    finding = Diagnostic(Code.SHAPE, "wrong", Label(Source("a.cnn", "relu").span(0, 4)))
    with pytest.raises(KeyError):
        from_json(as_json(finding), {})
