"""JSON for programs: held to its published schema, and to the places it names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

import specc.report.formats
from specc.diagnostics import (
    BudgetExceeded,
    BudgetUnsized,
    Code,
    Diagnostic,
    Fact,
    ImportFault,
    Label,
    Safety,
    Suggestion,
)
from specc.project.outcome import FileOutcome, Outcome
from specc.report.formats import outcome_text
from specc.report.snippets import PLAIN, Style
from specc.source import Source
from specc.version import __version__
from tests.report.outcomes import BIAS, KERNEL, MISSING, SAMPLES, TINY, TWO, outcome, outcomes, text_between

SCHEMA = json.loads(Path(specc.report.formats.__file__).with_name("findings.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
each_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


def shown(of: Outcome, style: Style = PLAIN) -> Any:
    return json.loads(outcome_text("json", of, style))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@each_sample
def test_every_outcome_follows_the_schema(sample: Outcome) -> None:
    VALIDATOR.validate(shown(sample))
    assert shown(sample) == shown(sample, Style(unicode=False))


@settings(max_examples=25, deadline=None)
@given(outcomes())
def test_any_outcome_follows_the_schema(of: Outcome) -> None:
    VALIDATOR.validate(shown(of))


def test_a_finding_in_full() -> None:
    at = {"path": "nets/tiny.cnn", "start": {"line": 4, "column": 12}, "end": {"line": 4, "column": 20}}
    pool = {"path": "nets/tiny.cnn", "start": {"line": 3, "column": 3}, "end": {"line": 3, "column": 13}}
    end = {"path": "nets/tiny.cnn", "start": {"line": 4, "column": 20}, "end": {"line": 4, "column": 20}}
    document = shown(outcome(KERNEL))
    known_by = document["findings"][0].pop("fingerprint")
    assert len(known_by) == 32
    assert document == {
        "version": 1,
        "specc": __version__,
        "summary": {
            "files": 1, "models": 1, "wrong": 1, "errors": 1, "warnings": 0, "fixable": 0, "unsafe": 0,
            "silenced": 0, "held": 0, "unreadable": 0,
        },
        "files": [
            {
                "path": "nets/tiny.cnn", "models": 1, "library": False, "errors": 1, "warnings": 0, "silenced": 0,
                "held": 0,
            },
        ],
        "findings": [
            {
                "code": "S0104",
                "severity": "error",
                "message": "kernel 5 is larger than its input of 2 x 2",
                **at,
                "labels": [
                    {"role": "primary", "text": "needs at least 5 x 5", **at},
                    {"role": "secondary", "text": "the size has shrunk to 2 x 2 here: 4 > 2", **pool},
                ],
                "trace": [],
                "notes": ["(2 + 2*0 - 5)/1 + 1 = -2"],
                "helps": ["padding=2 keeps 2 x 2"],
                "suggestion": None,
                "where": None,
                "fix": {"safety": "safe", "edits": [{**end, "text": ", padding=2"}]},
                "fact": None,
            }
        ],
        "uncalled": [],
        "unreadable": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        (ImportFault("lib.cnn"), {"kind": "import", "path": "lib.cnn", "name": ""}),
        (BudgetExceeded("macs", 10, 12), {"kind": "budget", "number": "macs", "limit": 10, "amount": 12}),
        (
            BudgetUnsized("Net", ("macs",), ("specc.toml",), (), (("H", 16),)),
            {"kind": "budget_sizes", "model": "Net", "numbers": ["macs"], "origins": ["specc.toml"], "given": {},
             "possible": {"H": 16}},
        ),
    ],
)  # fmt: skip
def test_what_a_message_says_is_there_as_data(fact: Fact, value: dict[str, object]) -> None:
    document = shown(outcome(Diagnostic(Code.BUDGET, "too much", Label(Source("a.cnn", "relu").span(0, 4)), fact=fact)))
    VALIDATOR.validate(document)
    assert document["findings"][0]["fact"] == value


def test_a_wrong_name() -> None:
    source = Source("a.cnn", "convv")
    near = Suggestion("convv", ("conv",), Safety.UNSAFE)
    named = Diagnostic(Code.UNKNOWN_LAYER, "no layer", Label(source.span(0, 5)), helps=("more",)).suggesting(near)
    document = shown(outcome(named))
    VALIDATOR.validate(document)
    (found,) = document["findings"]
    assert found["suggestion"] == {"word": "convv", "names": ["conv"], "safety": "unsafe"}
    assert found["fix"]["safety"] == "unsafe"
    assert found["helps"] == ["did you mean conv?", "more"]


def test_the_sums() -> None:
    document = shown(outcome(*TWO.findings, unreadable=(MISSING,), silenced=2))
    assert document["summary"] == {
        "files": 2, "models": 2, "wrong": 1, "errors": 1, "warnings": 2, "fixable": 0, "unsafe": 0,
        "silenced": 4, "held": 0, "unreadable": 1,
    }  # fmt: skip
    assert [(file["errors"], file["warnings"], file["silenced"]) for file in document["files"]] == [
        (1, 0, 2),
        (0, 2, 2),
    ]
    assert document["unreadable"] == [{"path": MISSING.name, "message": MISSING.message}]


def test_what_the_baseline_holds_back_is_wrong_all_the_same() -> None:
    """A block's error is held back once, and makes both files that come to it wrong."""
    files = (
        FileOutcome("a.cnn", 0, False, (), 1, baselined=(KERNEL,)),
        FileOutcome("b.cnn", 0, False, (), baselined=(KERNEL,)),
        FileOutcome("c.cnn", 1, False, (BIAS,)),
    )
    document = shown(Outcome(files, (), (BIAS,), fixable=1, unsafe=2))
    VALIDATOR.validate(document)
    assert document["summary"] == {
        "files": 3, "models": 1, "wrong": 2, "errors": 0, "warnings": 1, "fixable": 1, "unsafe": 2,
        "silenced": 1, "held": 1, "unreadable": 0,
    }  # fmt: skip
    assert [file["held"] for file in document["files"]] == [1, 1, 0]


def test_places_are_those_of_the_text() -> None:
    """Read back by hand from the text: several lines, and characters outside the first plane."""
    (finding,) = shown(outcome(BIAS))["findings"]
    text = BIAS.primary.span.source.text
    start, end = ((finding[at]["line"], finding[at]["column"]) for at in ("start", "end"))
    assert text_between(text, start, end) == "conv(8, 3)\n    -> batchnorm"


def test_texts_come_back_as_they_were() -> None:
    sample = SAMPLES["nasty"]
    for given_, back in zip(sample.findings, shown(sample)["findings"], strict=True):
        # What UTF-8 does not have is shown as an escape; nothing else is touched.
        expected = given_.message.encode("utf-8", "backslashreplace").decode()
        assert back["message"] == back["where"] == back["notes"][0] == back["trace"][1]["text"] == expected
        assert back["fix"]["edits"][1]["text"] == back["labels"][1]["text"] == expected


def test_fingerprints_are_each_there_once() -> None:
    known_by = [finding["fingerprint"] for finding in shown(outcome(KERNEL, KERNEL, BIAS))["findings"]]
    assert len(set(known_by)) == 3


@pytest.mark.parametrize("where", [(), ("summary",), ("files", 0), ("findings", 0), ("findings", 0, "labels", 0)])
def test_the_schema_misses_nothing(where: tuple[str | int, ...]) -> None:
    """A field that is gone, and one that nobody described, are both refused."""
    for broken in _broken(where):
        assert not VALIDATOR.is_valid(broken)


def _broken(where: tuple[str | int, ...]) -> Iterator[Any]:
    for key in [*_at(shown(outcome(KERNEL)), where), None]:
        document = shown(outcome(KERNEL))
        if key is None:
            _at(document, where)["more"] = 1
        else:
            del _at(document, where)[key]
        yield document


def _at(document: Any, where: tuple[str | int, ...]) -> Any:
    for step in where:
        document = document[step]
    return document


def test_every_field_of_a_diagnostic_is_there() -> None:
    """A field that is added to Diagnostic must be added here, too."""
    names = {"primary": "labels", "secondary": "labels"}
    (finding,) = shown(outcome(KERNEL))["findings"]
    assert {names.get(field, field) for field in KERNEL.__dataclass_fields__} <= set(finding)
    assert TINY.name == finding["path"]
