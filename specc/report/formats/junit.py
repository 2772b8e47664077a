"""For test reports: JUnit XML, a test case for each file."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from specc.diagnostics import Diagnostic, Severity
from specc.project.outcome import FileOutcome, Outcome, Unreadable
from specc.report.diagnostics import render
from specc.report.formats.style import Style, visible
from specc.report.formats.summary import counted

_SUITE = "specc"


def text(outcome: Outcome, style: Style) -> str:
    suite = Element("testsuite", name=_SUITE)
    for file in outcome.files:
        _file(suite, file, style)
    for path in outcome.unreadable:
        _unreadable(suite, path)
    counts = (("tests", "testcase"), ("failures", "*/failure"), ("errors", "*/error"), ("skipped", "*/skipped"))
    for name, found in counts:
        suite.set(name, str(len(suite.findall(found))))
    indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + _xml(suite, style)


def _xml(suite: Element, style: Style) -> str:
    return (
        tostring(suite, encoding="unicode") if style.unicode else tostring(suite, encoding="us-ascii").decode("ascii")
    )


def _file(suite: Element, file: FileOutcome, style: Style) -> None:
    """Of several failures of a case, GitLab shows one: all that is wrong with a file is in one text."""
    case = _case(suite, file.name)
    failing = [finding for finding in file.findings if _fails(finding, file)]
    if failing:
        failure = SubElement(case, "failure", message=_headline(failing), type=failing[0].code)
        failure.text = _page(failing, style)
    elif file.held:  # neither new, so that it would fail, nor a network that fits
        SubElement(case, "skipped", message=f"the baseline holds back {counted(file.held)}")
    passing = [finding for finding in file.findings if not _fails(finding, file)]
    if passing:
        SubElement(case, "system-out").text = _page(passing, style)


def _unreadable(suite: Element, path: Unreadable) -> None:
    message = visible(path.message)
    error = SubElement(_case(suite, path.name), "error", message=message, type="unreadable")
    error.text = message


def _case(suite: Element, name: str) -> Element:
    return SubElement(suite, "testcase", classname=_SUITE, name=visible(name))


def _fails(finding: Diagnostic, file: FileOutcome) -> bool:
    """A test that passes says that the file is as it must be: of a file with an error that is never true."""
    return finding.severity is Severity.ERROR or file.fail_on == "warning"


def _headline(findings: list[Diagnostic]) -> str:
    first, *more = findings
    headline = f"{first.code}: {visible(first.message)}"
    return f"{headline} ({counted(findings)} in all)" if more else headline


def _page(findings: Iterable[Diagnostic], style: Style) -> str:
    return f"\n{render(findings, unicode=style.unicode)}\n"
