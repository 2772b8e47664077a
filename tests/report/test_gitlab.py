"""GitLab's Code Quality report, held to the table in its documentation.

https://docs.gitlab.com/ci/testing/code_quality/ (Code Quality report format): an array of objects with description,
check_name, fingerprint, severity, location.path, and location.lines.begin or location.positions.begin.line; no byte
order mark; paths are relative, without ``./`` in front.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from specc.project.outcome import Outcome
from specc.report.formats import outcome_text
from specc.source import Source
from tests.report.outcomes import BIAS, DROPPED, KERNEL, MISSING, SAMPLES, outcome, outcomes

_LINE = {"type": "integer", "minimum": 1}
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string"},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path"],
                "oneOf": [
                    {
                        "required": ["lines"],
                        "properties": {"lines": {"required": ["begin"], "properties": {"begin": _LINE}}},
                    },
                    {
                        "required": ["positions"],
                        "properties": {
                            "positions": {
                                "required": ["begin"],
                                "properties": {"begin": {"required": ["line"], "properties": {"line": _LINE}}},
                            }
                        },
                    },
                ],
                "properties": {"path": {"type": "string", "not": {"pattern": r"^\./"}}},
            },
        },
    },
}
VALIDATOR = Draft202012Validator(SCHEMA)


def shown(of: Outcome) -> Any:
    return json.loads(outcome_text("gitlab", of))


def checked(of: Outcome) -> Any:
    report = shown(of)
    VALIDATOR.validate(report)
    # GitLab keeps one violation for each fingerprint, and drops the others without a word.
    assert len({violation["fingerprint"] for violation in report}) == len(report)
    return report


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_every_outcome_follows_the_documentation(sample: Outcome) -> None:
    assert len(checked(sample)) == len(sample.findings) + len(set(sample.unreadable))


@settings(max_examples=25, deadline=None)
@given(outcomes())
def test_any_outcome_follows_the_documentation(of: Outcome) -> None:
    checked(of)


def test_a_violation_in_full() -> None:
    (violation,) = shown(outcome(BIAS))
    assert violation.pop("fingerprint")
    assert violation == {
        "description": "the bias of conv changes nothing",
        "check_name": "S0502",
        "severity": "minor",
        "location": {
            "path": "nets/wide.cnn",
            "positions": {"begin": {"line": 3, "column": 3}, "end": {"line": 4, "column": 17}},
        },
    }


def test_severities() -> None:
    report = shown(outcome(KERNEL, DROPPED, unreadable=(MISSING,)))
    assert [violation["severity"] for violation in report] == ["critical", "minor", "blocker"]
    assert report[2]["location"] == {"path": "nets/gone.cnn", "lines": {"begin": 1}}


def test_nothing_found_is_an_empty_array() -> None:
    assert outcome_text("gitlab", SAMPLES["sound"]) == "[]"


def test_descriptions_are_of_one_line() -> None:
    assert not any(set("\r\n") & set(violation["description"]) for violation in shown(SAMPLES["nasty"]))


def test_a_violation_is_known_again_when_lines_move() -> None:
    from dataclasses import replace

    moved = Source(KERNEL.primary.span.source.name, "# one line more\n\n" + KERNEL.primary.span.source.text)
    start = moved.text.index("kernel=5")
    label = replace(KERNEL.primary, span=moved.span(start, start + 8))
    (before,), (after,) = shown(outcome(KERNEL)), shown(outcome(replace(KERNEL, primary=label, message="another")))
    assert before["location"] != after["location"]
    assert before["fingerprint"] == after["fingerprint"]
