"""What commands print: text and findings on a terminal or in a pipe, files of text, a bar while a proof runs."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TextIO

import click

from specc.cli.command import inert
from specc.diagnostics import Diagnostic
from specc.diagnostics.words import visible
from specc.report.snippets import Style, abridged, render

if TYPE_CHECKING:
    from specc.verify.result import Progress

PAUSE = 0.1
"""Seconds between two drawings of a bar."""

BAR = 20
"""Characters of a bar."""

SURE = 2.0
"""Seconds of work from which on what they have taken says more of a machine than that it is a usual one."""


def print_findings(diagnostics: Iterable[Diagnostic], *, err: bool = False) -> None:
    """Those of one command, each with its source; of many alike the first, and how many more there are."""
    shown, more = abridged(diagnostics)
    echo("\n".join([render(shown, style_of(err=err)), *more]), err=err)


def style_of(output: str | None = None, *, err: bool = False) -> Style:
    """How a text is written that goes to a file or, without one, to a standard stream."""
    if output is not None:
        return Style()
    stream = sys.stderr if err else sys.stdout
    width = None
    if stream.isatty():
        from shutil import get_terminal_size  # with all that it knows of archives it takes 2 ms to load

        width = get_terminal_size().columns
    return Style(wants_color(stream.isatty()), speaks_unicode(stream), width)


def echo(text: str, *, err: bool = False, commands: bool = False) -> None:
    """Print a report in what the stream can say.

    Whoever has made it has shown as escapes what is in names and texts; where something was forgotten, it is done here,
    but for the ends of lines, which nobody can tell any more from the report's own.

    Args:
        commands: it is made of GitHub's commands.
    """
    stream = sys.stderr if err else sys.stdout
    if not text.isprintable():
        # Parts of the report's own, which stand at odd places: line ends, and colours where there are any.
        own = r"(\n|\x1b\[[0-9;]*m)" if wants_color(stream.isatty()) else r"(\n)"
        parts = re.split(own, text)
        text = "".join(part if place % 2 else visible(part) for place, part in enumerate(parts))
    if commands:
        text = "\n".join(line if line.startswith("::") else inert(line) for line in text.split("\n"))
    else:
        text = inert(text)
    if not speaks_unicode(stream):
        encoding = stream.encoding or "ascii"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    click.echo(text, err=err, color=True)  # click would take colours away in a pipe; `style_of` has decided on them


def write(text: str, output: str | None, *, commands: bool = False) -> None:
    """Put the text in a file as a whole, with a line end behind it, or on a stream, without a name standard output.

    Args:
        commands: as of `echo`.

    Raises:
        UsageError: the file cannot be written.
    """
    if output is None:
        echo(text, commands=commands)
        return
    from specc.atomic import is_stream, replace, write_stream

    content = (text.rstrip("\n") + "\n").encode("utf-8", "backslashreplace")
    if is_stream(Path(output)):
        sys.stdout.flush()
        write_stream(Path(output), content)
        return
    with replace(Path(output)) as file:
        file.write(content)


def speaks_unicode(stream: TextIO) -> bool:
    # Python, environments and terminals write utf-8, UTF8 and utf-8-sig.
    return (stream.encoding or "ascii").lower().replace("-", "").startswith("utf")


def wants_color(terminal: bool) -> bool:
    """NO_COLOR and FORCE_COLOR decide, if set to anything; else whether a person is looking."""
    if os.environ.get("NO_COLOR"):
        return False
    return terminal or bool(os.environ.get("FORCE_COLOR"))


@contextmanager
def progress_bar(first: str) -> Iterator[Progress | None]:
    """What a proof tells how far it is; None where nobody is looking. The bar is gone afterwards.

    It is drawn on standard error, at once and then only when there is something new, at most every `PAUSE` seconds and
    at the beginning of each part: ONNX Runtime's messages are caught there in between, and a bar that a thread draws
    would be among them.

    Args:
        first: what is done before the proof tells anything.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    # The words come last: they are what a narrow terminal cuts.
    words = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    width = Column(no_wrap=True, min_width=len("0:00 left"))
    left = TextColumn("{task.fields[left]}", markup=False, table_column=width)
    columns = left, BarColumn(BAR), words
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as bars:
        start = monotonic()
        task = bars.add_task(first, total=None, left="")
        bars.refresh()
        part, drawn = first, start

        def draw(what: str, done: int, of: int) -> None:
            nonlocal part, drawn
            now = monotonic()
            if what != part or now >= drawn + PAUSE:
                part, drawn = what, now
                left = time_left(now - start, done, of) if of else ""
                bars.update(task, description=what, completed=done, total=of or None, left=left, refresh=True)

        yield draw


def time_left(passed: float, done: int, of: int) -> str:
    """``2:05 left``, after so many seconds with so many milliseconds of the work done.

    How fast this machine is shows as the proof goes on; at first it is taken for a usual one.
    """
    pace = (passed + SURE) / (done / 1000 + SURE)
    seconds = max(1, round(pace * (of - done) / 1000))
    return f"{seconds // 60}:{seconds % 60:02} left"
