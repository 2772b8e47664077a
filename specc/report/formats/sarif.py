"""For code scanning: SARIF 2.1.0, the Static Analysis Results Interchange Format of OASIS."""

from __future__ import annotations

import os
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from specc.diagnostics import Code, Diagnostic, Edit, Fix, Label, Safety
from specc.project.outcome import Outcome, Unreadable, fingerprint
from specc.project.paths import STDIN
from specc.report.code_pages import meanings
from specc.report.formats.json import dumped, remarks
from specc.report.snippets import Style
from specc.source import Span
from specc.version import __version__

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"
_UNREADABLE = "unreadable"


def sarif(outcome: Outcome, style: Style) -> str:
    """A run of one tool. Its rules are all that there are: GitHub expects the same ones whatever is found."""
    seen: dict[str, int] = {}
    notifications = [_notification(path) for path in dict.fromkeys(outcome.unreadable)]
    driver = {
        "name": "specc",
        "version": __version__,
        "rules": [_rule(code, meaning) for code, meaning in meanings().items()],
        "notifications": [{"id": _UNREADABLE, "shortDescription": {"text": "A path could not be checked."}}],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": not notifications, "toolExecutionNotifications": notifications}],
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The folder in which specc ran."}}},
        "results": [_result(finding, fingerprint(finding, seen)) for finding in outcome.findings],
    }
    return dumped({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, style)


def _rule(code: Code, meaning: str) -> dict[str, Any]:
    """GitHub asks for all three texts."""
    return {
        "id": code,
        "name": "".join(map(str.capitalize, code.name.split("_"))),
        "shortDescription": {"text": meaning},
        "fullDescription": {"text": meaning},
        "help": {"text": f"{meaning} See: specc explain {code}"},
        "defaultConfiguration": {"level": "warning" if code.startswith("S05") else "error"},
    }


def _notification(path: Unreadable) -> dict[str, Any]:
    return {
        "descriptor": {"id": _UNREADABLE, "index": 0},
        "level": "error",
        "message": _message(path.message),
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(path.name)}}],
    }


def _result(finding: Diagnostic, mark: str) -> dict[str, Any]:
    related = (*finding.secondary, *finding.trace)
    return {
        "ruleId": finding.code,
        "level": finding.severity,
        "message": _message("\n".join([finding.message, *remarks(finding)])),
        "locations": [_location(finding.primary)],
        "relatedLocations": [{"id": number, **_location(label)} for number, label in enumerate(related, 1)],
        "partialFingerprints": {"specc/v1": mark},
        **({"fixes": [_fix(finding.fix)]} if finding.fix and finding.fix.safety is Safety.SAFE else {}),
    }


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
    return {"uri": quote(os.fsencode(name)), "uriBaseId": _ROOT}


def _fix(fix: Fix) -> dict[str, Any]:
    """Viewers apply it at a click, and know nothing of safety: others than safe ones are left out."""

    def file(edit: Edit) -> str:
        return edit.span.source.name

    changes = [
        {
            "artifactLocation": _artifact(name),
            "replacements": [
                {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}} for edit in edits
            ],
        }
        for name, edits in groupby(sorted(fix.edits, key=file), key=file)
    ]
    return {"artifactChanges": changes, "properties": {"safety": fix.safety}}


def _message(text: str) -> dict[str, str]:
    """SARIF's own signs in a message: braces hold the numbers of arguments, ``[…](…)`` is a link (section 3.11)."""
    return {"text": text.replace("{", "{{").replace("}", "}}").replace("](", "] (")}
