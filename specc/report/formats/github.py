"""For GitHub Actions: workflow commands, which become annotations of the changed files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from specc.diagnostics import Diagnostic
from specc.project.outcome import Outcome
from specc.report.formats.remarks import remarks
from specc.report.formats.style import STDIN, Style, encodable, visible
from specc.report.formats.summary import summary
from specc.source import Span

_CONTROL = re.compile(r"[\x00-\x08\t\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def text(outcome: Outcome, style: Style) -> str:
    return encodable("\n".join(_lines(outcome)))


def _lines(outcome: Outcome) -> Iterator[str]:
    for finding in outcome.findings:
        yield _annotation(finding)
    for path in outcome.unreadable:
        yield _command("error", {**_file(path.name), "title": "specc"}, visible(path.message))
    if shown := summary(outcome):
        yield shown


def _annotation(finding: Diagnostic) -> str:
    """GitHub's log shows the message alone, and few messages become annotations: the place is in it, too."""
    headline = f"{finding.primary.span}: {finding.message}"
    message = "\n".join(map(visible, [headline, *remarks(finding), *_elsewhere(finding)]))
    return _command(finding.severity, _properties(finding), message)


def _elsewhere(finding: Diagnostic) -> list[str]:
    return [f"{label.span}: {label.text}" for label in (*finding.secondary, *finding.trace)]


def _properties(finding: Diagnostic) -> dict[str, object]:
    title: dict[str, object] = {"title": f"specc {finding.code}"}
    span = finding.primary.span
    return {**_file(span.source.name), **_region(span), **title} if span.source.name != STDIN else title


def _file(name: str) -> dict[str, object]:
    """GitHub finds the file by this name. Control characters are shown as escapes: the log would obey them."""
    return {"file": _CONTROL.sub(lambda found: visible(found[0]), name)} if name != STDIN else {}


def _region(span: Span) -> dict[str, object]:
    """The runner forgets columns where two lines are given, so they are left out there."""
    line, column = span.position
    end_line, end_column = span.source.position(span.end)
    lines: dict[str, object] = {"line": line, "endLine": end_line}
    return lines | {"col": column, "endColumn": end_column} if line == end_line else lines


def _command(name: str, properties: dict[str, object], message: str) -> str:
    given = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return f"::{name} {given}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
