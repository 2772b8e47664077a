"""A check for the machines that run it for a team.

GitHub Actions, GitLab's Code Quality, JUnit's test reports, and code scanning (SARIF).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from specc.diagnostics import Diagnostic, Label, Safety, Severity
from specc.diagnostics.words import encodable, visible
from specc.project.outcome import Outcome, fingerprint
from specc.project.paths import STDIN
from specc.report.json import dumped, position, remarks
from specc.report.snippets import Style, render
from specc.report.summary import counts, summary
from specc.source import Span
from specc.version import __version__

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"
_UNREADABLE = "unreadable"
_CONTROL = re.compile(r"[\x00-\x08\t\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_GITLAB = {Severity.ERROR: "critical", Severity.WARNING: "minor"}


# ---- GitHub: workflow commands, which become annotations of the changed files -------------------------


def github(outcome: Outcome, style: Style) -> str:
    """A command for each finding, and the summary for whoever reads the log."""
    lines = []
    for finding in outcome.findings:
        span = finding.primary.span
        properties: dict[str, object] = {}
        if span.source.name != STDIN:
            (line, column), (end_line, end_column) = span.position, span.source.position(span.end)
            properties = {**_file(span.source.name), "line": line, "endLine": end_line}
            if line == end_line:  # the runner forgets columns where two lines are given
                properties |= {"col": column, "endColumn": end_column}
        properties["title"] = f"specc {finding.code}"
        elsewhere = [f"{label.span}: {label.text}" for label in (*finding.secondary, *finding.trace)]
        # GitHub's log shows the message alone, and few messages become annotations: the place is in it, too.
        message = [f"{span}: {finding.message}", *remarks(finding), *elsewhere]
        lines.append(_command(finding.severity, properties, "\n".join(map(visible, message))))
    for path in outcome.unreadable:
        lines.append(_command("error", {**_file(path.name), "title": "specc"}, visible(path.message)))
    return encodable("\n".join(filter(None, [*lines, summary(outcome)])))


def _file(name: str) -> dict[str, object]:
    """GitHub finds the file by this name. Control characters are shown as escapes: the log would obey them."""
    return {"file": _CONTROL.sub(lambda match: visible(match[0]), name)} if name != STDIN else {}


def _command(name: str, properties: dict[str, object], message: str) -> str:
    pairs = (f"{key}={_data(str(value)).replace(':', '%3A').replace(',', '%2C')}" for key, value in properties.items())
    return f"::{name} {','.join(pairs)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


# ---- GitLab: a Code Quality report, shown in merge requests -------------------------------------------


def gitlab(outcome: Outcome, style: Style) -> str:
    """A violation for each finding."""
    from hashlib import sha256  # loads OpenSSL

    seen: dict[str, int] = {}
    violations = []
    for finding in outcome.findings:
        span = finding.primary.span
        positions = {"begin": position(span, span.start), "end": position(span, span.end)}
        location: dict[str, Any] = {"path": span.source.name, "positions": positions}
        severity, mark = _GITLAB[finding.severity], fingerprint(finding, seen)
        violations.append(_violation(finding.message, finding.code, mark, severity, location))
    for path in dict.fromkeys(outcome.unreadable):  # a report that leaves it out would say that all is well with it
        mark = sha256(f"{path.name}\0{path.message}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
        location = {"path": path.name, "lines": {"begin": 1}}
        violations.append(_violation(path.message, "unreadable", mark, "blocker", location))
    return dumped(violations, style)


def _violation(message: str, check: str, mark: str, severity: str, location: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": visible(message),
        "check_name": check,
        "fingerprint": mark,
        "severity": severity,
        "location": location,
    }


# ---- JUnit: a test case for each file -----------------------------------------------------------------


def junit(outcome: Outcome, style: Style) -> str:
    """A test suite in XML. Of several failures of a case GitLab shows one: all of a file is one text."""
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    def page(findings: Iterable[Diagnostic]) -> str:
        return f"\n{render(findings, Style(unicode=style.unicode))}\n"

    suite = Element("testsuite", name="specc")
    for file in outcome.files:
        case = SubElement(suite, "testcase", classname="specc", name=visible(file.name))
        # A test that passes means that the file is correct: a file with an error must not pass, whatever fails the run.
        strict = file.fail_on == "warning"
        failing = [finding for finding in file.findings if strict or finding.severity is Severity.ERROR]
        passing = [finding for finding in file.findings if not strict and finding.severity is not Severity.ERROR]
        if failing:
            headline = f"{failing[0].code}: {visible(failing[0].message)}"
            message = f"{headline} ({counts(failing)} in all)" if len(failing) > 1 else headline
            SubElement(case, "failure", message=message, type=failing[0].code).text = page(failing)
        elif file.baselined:  # neither new, so that it would fail, nor a network that fits
            SubElement(case, "skipped", message=f"the baseline holds back {counts(file.baselined)}")
        if passing:
            SubElement(case, "system-out").text = page(passing)
    for path in outcome.unreadable:
        case = SubElement(suite, "testcase", classname="specc", name=visible(path.name))
        message = visible(path.message)
        SubElement(case, "error", message=message, type="unreadable").text = message
    totals = (("tests", "testcase"), ("failures", "*/failure"), ("errors", "*/error"), ("skipped", "*/skipped"))
    for name, elements in totals:
        suite.set(name, str(len(suite.findall(elements))))
    indent(suite)
    # In ASCII other characters become references; either way ElementTree leaves the declaration out.
    xml = tostring(suite, encoding="unicode" if style.unicode else "us-ascii")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + (xml if isinstance(xml, str) else xml.decode("ascii"))


# ---- code scanning: SARIF 2.1.0, the Static Analysis Results Interchange Format of OASIS ---------------


def sarif(outcome: Outcome, style: Style) -> str:
    """A run of one tool. Its rules are all that there are: GitHub expects the same ones whatever is found."""
    from specc.report.code_pages import meanings  # loads the lints

    seen: dict[str, int] = {}
    results = []
    for finding in outcome.findings:
        related = (*finding.secondary, *finding.trace)
        result = {
            "ruleId": finding.code,
            "level": finding.severity,
            "message": _message("\n".join([finding.message, *remarks(finding)])),
            "locations": [_location(finding.primary)],
            "relatedLocations": [{"id": number, **_location(label)} for number, label in enumerate(related, 1)],
            "partialFingerprints": {"specc/v1": fingerprint(finding, seen)},
        }
        # Viewers apply a fix at a click, and know nothing of safety: others than safe ones are left out.
        if finding.fix and finding.fix.safety is Safety.SAFE:
            changes = [
                {
                    "artifactLocation": _artifact(name),
                    "replacements": [
                        {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
                        for edit in finding.fix.edits
                        if edit.span.source.name == name
                    ],
                }
                for name in sorted({edit.span.source.name for edit in finding.fix.edits})
            ]
            result["fixes"] = [{"artifactChanges": changes, "properties": {"safety": finding.fix.safety}}]
        results.append(result)
    notifications = [
        {
            "descriptor": {"id": _UNREADABLE, "index": 0},
            "level": "error",
            "message": _message(path.message),
            "locations": [{"physicalLocation": {"artifactLocation": _artifact(path.name)}}],
        }
        for path in dict.fromkeys(outcome.unreadable)
    ]
    rules = [
        {  # GitHub asks for all three texts
            "id": code,
            "name": "".join(map(str.capitalize, code.name.split("_"))),
            "shortDescription": {"text": meaning},
            "fullDescription": {"text": meaning},
            "help": {"text": f"{meaning} See: specc explain {code}"},
            "defaultConfiguration": {"level": "warning" if code.startswith("S05") else "error"},
        }
        for code, meaning in meanings().items()
    ]
    driver = {
        "name": "specc",
        "version": __version__,
        "rules": rules,
        "notifications": [{"id": _UNREADABLE, "shortDescription": {"text": "A path could not be checked."}}],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": not notifications, "toolExecutionNotifications": notifications}],
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The folder in which specc ran."}}},
        "results": results,
    }
    return dumped({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, style)


def _location(label: Label) -> dict[str, Any]:
    place = {"artifactLocation": _artifact(label.span.source.name), "region": _region(label.span)}
    return {"physicalLocation": place, **({"message": _message(label.text)} if label.text else {})}


def _region(span: Span) -> dict[str, int]:
    """The end is behind the last character; a region without any is a place between two."""
    line, column = span.position
    end_line, end_column = span.source.position(span.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _artifact(name: str) -> dict[str, Any]:
    if name == STDIN:
        return {"uri": quote(name), "description": {"text": "Standard input."}}
    if Path(name).is_absolute():
        return {"uri": Path(name).as_uri()}
    # The name of a file need not be UTF-8: its very bytes are quoted.
    return {"uri": quote(os.fsencode(name)), "uriBaseId": _ROOT}


def _message(text: str) -> dict[str, str]:
    """SARIF's own signs in a message: braces hold the numbers of arguments, ``[…](…)`` is a link (section 3.11)."""
    return {"text": text.replace("{", "{{").replace("}", "}}").replace("](", "] (")}
