"""A check for the machines that run it for a team: GitHub Actions, GitLab's Code Quality, JUnit's test reports."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from specc.diagnostics import Diagnostic, Severity
from specc.diagnostics.words import encodable, visible
from specc.project.outcome import FileOutcome, Outcome, Unreadable, fingerprint
from specc.project.paths import STDIN
from specc.report.formats.json import dumped, position, remarks
from specc.report.formats.terminal import counts, summary
from specc.report.snippets import Style, render

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_CONTROL = re.compile(r"[\x00-\x08\t\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_GITLAB = {Severity.ERROR: "critical", Severity.WARNING: "minor"}


# ---- GitHub: workflow commands, which become annotations of the changed files -------------------------


def github(outcome: Outcome, style: Style) -> str:
    """A command for each finding, and the summary for whoever reads the log."""
    lines = [_annotation(finding) for finding in outcome.findings]
    for path in outcome.unreadable:
        lines.append(_command("error", {**_file(path.name), "title": "specc"}, visible(path.message)))
    return encodable("\n".join(filter(None, [*lines, summary(outcome)])))


def _annotation(finding: Diagnostic) -> str:
    """GitHub's log shows the message alone, and few messages become annotations: the place is in it, too."""
    span = finding.primary.span
    elsewhere = [f"{label.span}: {label.text}" for label in (*finding.secondary, *finding.trace)]
    message = [f"{span}: {finding.message}", *remarks(finding), *elsewhere]
    properties: dict[str, object] = {}
    if span.source.name != STDIN:
        (line, column), (end_line, end_column) = span.position, span.source.position(span.end)
        properties = {**_file(span.source.name), "line": line, "endLine": end_line}
        if line == end_line:  # the runner forgets columns where two lines are given
            properties |= {"col": column, "endColumn": end_column}
    properties["title"] = f"specc {finding.code}"
    return _command(finding.severity, properties, "\n".join(map(visible, message)))


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
    """A test suite in XML."""
    from xml.etree.ElementTree import Element, indent, tostring

    suite = Element("testsuite", name="specc")
    for file in outcome.files:
        _report(suite, file, style)
    for path in outcome.unreadable:
        _unreadable(suite, path)
    totals = (("tests", "testcase"), ("failures", "*/failure"), ("errors", "*/error"), ("skipped", "*/skipped"))
    for name, elements in totals:
        suite.set(name, str(len(suite.findall(elements))))
    indent(suite)
    xml = tostring(suite, encoding="unicode" if style.unicode else "us-ascii")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + (xml if isinstance(xml, str) else xml.decode("ascii"))


def _report(suite: Element, file: FileOutcome, style: Style) -> None:
    """Of several failures of a case, GitLab shows one: all that is wrong with a file is in one text."""
    from xml.etree.ElementTree import SubElement

    case = _case(suite, file.name)
    # A test that passes says that the file is as it must be: of a file with an error that is never true.
    strict = file.fail_on == "warning"
    failing = [finding for finding in file.findings if strict or finding.severity is Severity.ERROR]
    passing = [finding for finding in file.findings if not strict and finding.severity is not Severity.ERROR]
    if failing:
        headline = f"{failing[0].code}: {visible(failing[0].message)}"
        message = f"{headline} ({counts(failing)} in all)" if len(failing) > 1 else headline
        SubElement(case, "failure", message=message, type=failing[0].code).text = _page(failing, style)
    elif file.baselined:  # neither new, so that it would fail, nor a network that fits
        SubElement(case, "skipped", message=f"the baseline holds back {counts(file.baselined)}")
    if passing:
        SubElement(case, "system-out").text = _page(passing, style)


def _unreadable(suite: Element, path: Unreadable) -> None:
    from xml.etree.ElementTree import SubElement

    message = visible(path.message)
    SubElement(_case(suite, path.name), "error", message=message, type="unreadable").text = message


def _case(suite: Element, name: str) -> Element:
    from xml.etree.ElementTree import SubElement

    return SubElement(suite, "testcase", classname="specc", name=visible(name))


def _page(findings: Iterable[Diagnostic], style: Style) -> str:
    return f"\n{render(findings, unicode=style.unicode)}\n"
