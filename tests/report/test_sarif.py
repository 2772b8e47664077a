"""SARIF, held to the schema of OASIS, to the rules of its text, and to what GitHub asks of an upload."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urljoin

import pytest
from hypothesis import given, settings
from jsonschema import Draft7Validator

from specc.diagnostics import Code, Diagnostic, Edit, Fix, Label, Safety
from specc.project.outcome import Outcome
from specc.report.formats import outcome_text
from specc.report.snippets import PLAIN, Style
from specc.source import Source
from tests.report.outcomes import BIAS, KERNEL, MISSING, NASTY, SAMPLES, outcome, outcomes, text_between

VALIDATOR = Draft7Validator(json.loads((Path(__file__).parent / "schemas" / "sarif-schema-2.1.0.json").read_text()))
each_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)

# RFC 3986, appendix A: what a relative reference or a URI is made of.
_PCHAR = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
URI = re.compile(rf"(?:file:///)?(?!/){_PCHAR}+(?:/{_PCHAR}*)*")


def log(of: Outcome, style: Style = PLAIN) -> Any:
    document = json.loads(outcome_text("sarif", of, style))
    VALIDATOR.validate(document)
    return document


def run(of: Outcome) -> Any:
    (only,) = log(of)["runs"]
    return only


def read(message: dict[str, str]) -> str:
    """A message as a viewer shows it (section 3.11.5): doubled braces are braces, and there are no arguments."""
    assert not re.search(r"(?<!\{)\{(?:\{\{)*(?!\{)", message["text"])
    assert not re.search(r"\[[^\[\]]*\]\(", message["text"]), "a link (section 3.11.6)"
    return message["text"].replace("{{", "{").replace("}}", "}")


def places(result: Any) -> Iterator[Any]:
    for location in (*result["locations"], *result["relatedLocations"]):
        yield location["physicalLocation"]
    for fix in result.get("fixes", ()):
        for change in fix["artifactChanges"]:
            for replacement in change["replacements"]:
                yield {"artifactLocation": change["artifactLocation"], "region": replacement["deletedRegion"]}


def test_the_schema_is_the_one_of_2_1_0() -> None:
    Draft7Validator.check_schema(VALIDATOR.schema)
    assert VALIDATOR.schema["properties"]["version"]["enum"] == ["2.1.0"]
    assert not VALIDATOR.is_valid({"version": "2.1.0", "runs": [{}]})


@each_sample
def test_every_outcome_follows_the_schema(sample: Outcome) -> None:
    assert log(sample) == log(sample, Style(unicode=False))
    assert len(run(sample)["results"]) == len(sample.findings)


@settings(max_examples=15, deadline=None)
@given(outcomes())
def test_any_outcome_follows_the_schema(of: Outcome) -> None:
    log(of)


@each_sample
def test_what_github_asks_for_is_there(sample: Outcome) -> None:
    """The properties marked as required in GitHub's "SARIF support for code scanning"; none may be empty."""
    document = log(sample)
    (only,) = document["runs"]
    driver = only["tool"]["driver"]
    assert document["$schema"]
    assert document["version"] == "2.1.0"
    assert driver["name"]
    for rule in driver["rules"]:
        assert rule["id"]
        assert len(rule["name"]) < 255
        assert all(0 < len(rule[key]["text"]) < 1024 for key in ("shortDescription", "fullDescription", "help"))
    for result in only["results"]:
        assert result["message"]["text"].strip()
        assert len(result["locations"]) == 1
        assert result["partialFingerprints"]
        region = result["locations"][0]["physicalLocation"]["region"]
        assert {"startLine", "startColumn", "endLine", "endColumn"} <= set(region)


@each_sample
def test_every_result_has_its_rule(sample: Outcome) -> None:
    rules = [rule["id"] for rule in run(sample)["tool"]["driver"]["rules"]]
    assert sorted(rules) == sorted(Code)
    assert all(result["ruleId"] in rules for result in run(sample)["results"])


def test_the_rules_are_the_same_whatever_is_found() -> None:
    assert run(SAMPLES["nothing"])["tool"] == run(SAMPLES["real"])["tool"]


@each_sample
def test_regions_are_the_spans(sample: Outcome) -> None:
    """Cut out of the text by line and column, in code points."""
    assert run(sample)["columnKind"] == "unicodeCodePoints"
    for finding, result in zip(sample.findings, run(sample)["results"], strict=True):
        spans = [label.span for label in (finding.primary, *finding.secondary, *finding.trace)]
        spans += [edit.span for edit in finding.fix.edits] if finding.fix and finding.fix.safety == "safe" else []
        for span, place in zip(spans, places(result), strict=True):
            region = place["region"]
            start, end = ((region[f"{at}Line"], region[f"{at}Column"]) for at in ("start", "end"))
            assert text_between(span.source.text, start, end) == span.text


def test_columns_are_characters() -> None:
    source = Source("a.cnn", "x\n\U0001f600e\u0301 wrong")
    finding = Diagnostic(KERNEL.code, "no", Label(source.span(source.text.index("wrong"), len(source.text))))
    (result,) = run(outcome(finding))["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 10,
    }  # fmt: skip


@each_sample
def test_uris_lead_back_to_the_files(sample: Outcome) -> None:
    for finding, result in zip(sample.findings, run(sample)["results"], strict=True):
        for place in places(result):
            artifact = place["artifactLocation"]
            assert URI.fullmatch(artifact["uri"])
            assert path_of(artifact) == os.fsencode(finding.primary.span.source.name)


def path_of(artifact: dict[str, str]) -> bytes:
    """The path, as any reader of URIs finds it: relative ones against the root, if it is the root that they name."""
    if artifact["uri"].startswith("file://"):
        assert "uriBaseId" not in artifact
        return unquote_to_bytes(artifact["uri"].removeprefix("file://"))
    assert artifact.get("uriBaseId", "%SRCROOT%") == "%SRCROOT%"
    # A colon in the first part would make it a scheme, and a question mark or a hash would cut it off.
    assert urljoin("file:///root/of/all/", artifact["uri"]).startswith("file:///root/of/")
    return unquote_to_bytes(artifact["uri"])


def test_relative_uris_name_their_base() -> None:
    only = run(outcome(KERNEL))
    artifact = only["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "nets/tiny.cnn", "uriBaseId": "%SRCROOT%"}
    assert artifact["uriBaseId"] in only["originalUriBaseIds"]


def test_standard_input_has_no_base() -> None:
    (result,) = run(SAMPLES["standard input"])["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "%3Cstdin%3E", "description": {"text": "Standard input."}}


def test_a_result_in_full() -> None:
    (result,) = run(outcome(KERNEL))["results"]
    assert result["ruleId"] == "S0104"
    assert result["level"] == "error"
    assert read(result["message"]).split("\n") == [
        "kernel 5 is larger than its input of 2 x 2",
        "needs at least 5 x 5",
        "note: (2 + 2*0 - 5)/1 + 1 = -2",
        "help: padding=2 keeps 2 x 2",
    ]
    (related,) = result["relatedLocations"]
    assert related["id"] == 1
    assert read(related["message"]) == "the size has shrunk to 2 x 2 here: 4 > 2"
    assert list(result["partialFingerprints"]) == ["specc/v1"]


def test_a_trace_is_related() -> None:
    labels = (KERNEL.primary, KERNEL.primary)
    (result,) = run(outcome(Diagnostic(KERNEL.code, "no", KERNEL.primary, trace=labels)))["results"]
    assert [location["id"] for location in result["relatedLocations"]] == [1, 2]


@pytest.mark.parametrize("index", range(len(NASTY)), ids=map(ascii, NASTY))
def test_messages_are_no_links_and_have_no_placeholders(index: int) -> None:
    result = run(SAMPLES["nasty"])["results"][index]
    text = NASTY[index].encode("utf-8", "backslashreplace").decode()
    assert read(result["message"]).startswith(text.replace("](", "] ("))


def test_a_fix_does_what_it_says() -> None:
    """Applied to the text as the standard says (section 3.57): regions are those of the text before."""
    (result,) = run(outcome(KERNEL))["results"]
    ((change,),) = (fix["artifactChanges"] for fix in result["fixes"])
    text = KERNEL.primary.span.source.text
    (replacement,) = change["replacements"]
    region = replacement["deletedRegion"]
    before = text_between(text, (1, 1), (region["startLine"], region["startColumn"]))
    after = text.removeprefix(
        before
        + text_between(text, (region["startLine"], region["startColumn"]), (region["endLine"], region["endColumn"]))
    )
    fixed = before + replacement["insertedContent"]["text"] + after
    assert "conv(64, kernel=5, padding=2)\n}" in fixed
    assert len(fixed) == len(text) + len(", padding=2")


def test_warnings_are_warnings() -> None:
    (result,) = run(outcome(BIAS))["results"]
    assert result["level"] == "warning"
    assert "fixes" not in result


def test_what_cannot_be_read_is_a_failure_of_the_run() -> None:
    """It is no result: of the file nothing is known."""
    only = run(Outcome((), (MISSING,), ()))
    (invocation,) = only["invocations"]
    (notification,) = invocation["toolExecutionNotifications"]
    assert invocation["executionSuccessful"] is False
    assert notification["level"] == "error"
    assert notification["message"]["text"] == MISSING.message
    assert only["tool"]["driver"]["notifications"][notification["descriptor"]["index"]]["id"] == "unreadable"
    assert only["results"] == []


def test_findings_are_no_failure_of_the_run() -> None:
    assert run(SAMPLES["one"])["invocations"][0]["executionSuccessful"] is True


def test_only_a_safe_fix_is_offered() -> None:
    for safety in Safety:
        assert KERNEL.fix is not None
        (result,) = run(outcome(replace(KERNEL, fix=KERNEL.fix._replace(safety=safety))))["results"]
        assert ("fixes" in result) == (safety is Safety.SAFE)


def test_the_edits_of_a_fix_are_together_by_file() -> None:
    """A file is changed once; within it the edits keep their order."""
    one, other = (Source(name, "xy") for name in ("a.cnn", "b.cnn"))
    edits = [(one, 1, "first"), (other, 0, "second"), (one, 0, "third")]
    fix = Fix(tuple(Edit(source.span(at, at + 1), text) for source, at, text in edits), Safety.SAFE)
    (result,) = run(outcome(Diagnostic(KERNEL.code, "no", KERNEL.primary, fix=fix)))["results"]
    changes = [
        (change["artifactLocation"]["uri"], [edit["insertedContent"]["text"] for edit in change["replacements"]])
        for change in result["fixes"][0]["artifactChanges"]
    ]
    assert changes == [("a.cnn", ["first", "third"]), ("b.cnn", ["second"])]
