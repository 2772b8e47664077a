"""Findings on a terminal or in a pipe."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from typing import TextIO

import click

from specc.diagnostics import Diagnostic
from specc.report.snippets import abridged, render


def print_findings(diagnostics: Iterable[Diagnostic], *, err: bool = False) -> None:
    """Those of one command, each with its source; of many alike the first, and how many more there are."""
    stream = sys.stderr if err else sys.stdout
    shown, more = abridged(diagnostics)
    seen = render(shown, color=wants_color(stream.isatty()), unicode=speaks_unicode(stream), width=screen(stream))
    echo("\n".join([seen, *map(str, more)]), err=err)


def screen(stream: TextIO) -> int | None:
    """The columns of the screen that the stream goes to; None where it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def echo(text: str, *, err: bool = False) -> None:
    """Print ``text``, which may hold anything that a spec does, in what the stream can say."""
    stream = sys.stderr if err else sys.stdout
    if not speaks_unicode(stream):
        encoding = stream.encoding or "ascii"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    click.echo(text, err=err, color=True)


def speaks_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "ascii").lower().replace("-", "").startswith("utf")


def wants_color(terminal: bool) -> bool:
    """NO_COLOR and FORCE_COLOR decide, if set to anything; else whether a person is looking."""
    if os.environ.get("NO_COLOR"):
        return False
    return terminal or bool(os.environ.get("FORCE_COLOR"))
