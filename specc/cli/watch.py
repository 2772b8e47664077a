"""``specc check --watch``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from specc.cli.check import Verdict

_SUFFIXES = (".cnn", ".yaml", ".yml", ".toml")


def watch(paths: Iterable[str], check: Callable[[], Verdict]) -> NoReturn:
    """Check again whenever a spec, or one that it imports, or a setting changes. Ends with KeyboardInterrupt."""
    from watchfiles import watch as changes

    named = tuple(paths)
    while True:
        click.clear()
        verdict = check()
        click.echo("\nwatching; Ctrl-C ends it", err=True)
        # A file that an editor replaces is another file: its folder is what stays.
        folders = sorted({_folder(path) for path in (*named, *verdict.read)})
        next(changes(*folders, watch_filter=lambda _, path: path.endswith(_SUFFIXES)))


def _folder(path: str) -> str:
    """The folder to watch for a path; the present one for what is not there yet."""
    if os.path.isdir(path):  # noqa: PTH112
        return path
    above = os.path.dirname(path) or "."  # noqa: PTH120
    return above if os.path.isdir(above) else "."  # noqa: PTH112
