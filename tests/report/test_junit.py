"""JUnit XML, held to the schema of Jenkins' xUnit plugin by libxml2."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from lxml import etree

from specc.project.outcome import FileOutcome, Outcome
from specc.report.formats import outcome_text
from specc.report.snippets import Style, render
from tests.report.outcomes import BIAS, DROPPED, KERNEL, MISSING, SAMPLES, TWO, outcome, outcomes

SCHEMA = etree.XMLSchema(file=Path(__file__).parent / "schemas" / "junit-10.xsd")
HELD = {"a.cnn": (), "b.cnn": (DROPPED,), "c.cnn": (KERNEL,)}
each_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


def suite(of: Outcome, fail_on: str = "error", unicode: bool = True) -> etree._Element:
    """The document, read as bytes: its declaration names the encoding."""
    of = of._replace(files=tuple(file._replace(fail_on=fail_on) for file in of.files))
    text = outcome_text("junit", of, Style(unicode=unicode))
    root = etree.fromstring(text.encode())
    SCHEMA.assertValid(root)
    assert root.get("tests") == str(len(root.findall("testcase")))
    assert root.get("failures") == str(len(root.findall("testcase/failure")))
    assert root.get("errors") == str(len(root.findall("testcase/error")))
    return root


@each_sample
@pytest.mark.parametrize("fail_on", ["error", "warning", "never"])
@pytest.mark.parametrize("unicode", [True, False])
def test_every_outcome_follows_the_schema(sample: Outcome, fail_on: str, unicode: bool) -> None:
    assert len(suite(sample, fail_on, unicode)) == len(sample.files) + len(sample.unreadable)


@settings(max_examples=50, deadline=None)
@given(outcomes())
def test_any_outcome_follows_the_schema(of: Outcome) -> None:
    suite(of)
    suite(of, "warning")


def test_a_file_is_a_test_case() -> None:
    root = suite(outcome(KERNEL, DROPPED, unreadable=(MISSING,)))
    assert {key: root.get(key) for key in ("name", "tests", "failures", "errors", "skipped")} == {
        "name": "specc", "tests": "3", "failures": "1", "errors": "1", "skipped": "0",
    }  # fmt: skip
    assert [(case.get("classname"), case.get("name")) for case in root] == [
        ("specc", "nets/tiny.cnn"),
        ("specc", "nets/wide.cnn"),
        ("specc", "nets/gone.cnn"),
    ]
    assert [[child.tag for child in case] for case in root] == [["failure"], ["system-out"], ["error"]]


def test_a_failure_shows_the_finding() -> None:
    (case,) = suite(outcome(KERNEL))
    (failure,) = case
    assert failure.get("type") == "S0104"
    assert failure.get("message") == "S0104: kernel 5 is larger than its input of 2 x 2"
    assert failure.text == f"\n{render([KERNEL])}\n"


def test_all_findings_of_a_file_are_in_one_failure() -> None:
    """Of several, GitLab shows one."""
    (case,) = suite(outcome(DROPPED, BIAS), "warning")
    (failure,) = case
    assert failure.get("message") == "S0505: maxpool leaves out the last 2 rows and columns (2 warnings in all)"
    assert failure.text == f"\n{render([DROPPED, BIAS])}\n"


def test_warnings_fail_only_a_run_that_fails_on_them() -> None:
    assert suite(outcome(DROPPED)).get("failures") == "0"
    assert suite(outcome(DROPPED), "warning").get("failures") == "1"
    (case,) = suite(outcome(DROPPED))
    assert case.findtext("system-out") == f"\n{render([DROPPED])}\n"


@pytest.mark.parametrize("fail_on", ["error", "warning", "never"])
def test_a_file_with_an_error_never_passes(fail_on: str) -> None:
    assert suite(TWO, fail_on).find("testcase/failure") is not None


def test_a_sound_file_passes() -> None:
    assert [len(case) for case in suite(SAMPLES["sound"])] == [0, 0]


def test_a_file_whose_errors_the_baseline_holds_back_neither_fails_nor_passes() -> None:
    files = tuple(FileOutcome(name, 0, False, shown, 2, baselined=(KERNEL, BIAS)) for name, shown in HELD.items())
    root = suite(Outcome(files, (), (KERNEL, DROPPED)))
    assert [[child.tag for child in case] for case in root] == [["skipped"], ["skipped", "system-out"], ["failure"]]
    assert (root.get("skipped"), root.get("failures")) == ("2", "1")
    assert root.find("testcase/skipped").get("message") == "the baseline holds back 1 error and 1 warning"


@each_sample
def test_any_text_comes_back_as_a_reader_can_show_it(sample: Outcome) -> None:
    for file, case in zip(sample.files, suite(sample), strict=False):
        failing = [finding for finding in file.findings if finding.severity == "error"]
        if failing:
            assert case.findtext("failure") == f"\n{render(failing)}\n"
