"""What would put an error right, where its own words leave only one thing to do. It is tried before it is kept."""

from __future__ import annotations

import re
from dataclasses import replace

from specc.diagnostics import Code, Diagnostic, Edit, Fix
from specc.source import Span

_MEANT = re.compile(r"did you mean (\w+)\?")
_LABEL = re.compile(r"\w+[ \t]*:[ \t]*$")
_YAML = (".yaml", ".yml")


def with_fix(finding: Diagnostic) -> Diagnostic:
    """The finding with what would put it right: the only name that is near, or a missing flatten."""
    if finding.fix is not None or (fix := _fix(finding)) is None:
        return finding
    return replace(finding, fix=fix)


def _fix(finding: Diagnostic) -> Fix | None:
    span = finding.primary.span
    meant = [found[1] for text in finding.helps if (found := _MEANT.fullmatch(text))]
    if meant and span.text.isidentifier():
        return Fix((Edit(span, meant[0]),))
    if finding.code == Code.NOT_FLAT and not span.source.name.endswith(_YAML):
        return Fix((Edit(_before_label(span), "flatten -> "),))
    return None


def _before_label(span: Span) -> Span:
    """The empty place before a step, and before its label."""
    line, column = span.position
    label = _LABEL.search(span.source.line(line)[: column - 1])
    start = span.start - (len(label[0]) if label else 0)
    return span.source.span(start, start)
