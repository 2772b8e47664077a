"""Findings on a terminal or in a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import click

from specc.diagnostics import Diagnostic
from specc.report.diagnostics import render


def print_findings(diagnostics: Iterable[Diagnostic], *, err: bool = False) -> None:
    stream = sys.stderr if err else sys.stdout
    unicode = (stream.encoding or "ascii").lower().replace("-", "").startswith("utf")
    text = render(tuple(diagnostics), color=wants_color(stream.isatty()), unicode=unicode)
    if not unicode:
        text = text.encode(stream.encoding or "ascii", "backslashreplace").decode(stream.encoding or "ascii")
    click.echo(text, err=err, color=True)


def wants_color(terminal: bool) -> bool:
    """NO_COLOR and FORCE_COLOR decide, if set to anything; else whether a person is looking."""
    if os.environ.get("NO_COLOR"):
        return False
    return terminal or bool(os.environ.get("FORCE_COLOR"))
