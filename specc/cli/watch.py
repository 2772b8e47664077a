"""``specc check --watch``."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from specc.diagnostics import UsageError

if TYPE_CHECKING:
    from collections.abc import Generator

    from watchfiles import Change

    from specc.project.watch import Watched

_PAUSE = 50
"""Milliseconds between two looks at what has changed."""


def watch(start: Watched, check: Callable[[], tuple[Watched, Callable[[], object]]]) -> NoReturn:
    """Check again whenever something has changed that may matter. Ends with KeyboardInterrupt.

    A run that cannot even begin, such as one with broken settings, is told of, and waits for a change, too.

    Args:
        start: what is watched before the first run says what it depends on.
        check: gives what a run depends on, and what prints its outcome.
    """
    gc.enable()  # one run leaves nothing to collect, many do
    watched = start

    def matters(path: str) -> bool:
        return watched.matters(path)  # as the last run has found it

    with _signals():
        while True:
            # Watching begins before files are read, so that no change is missed; where that turns out to have been in
            # too few folders, everything is done again.
            with closing(_changes(watched.folders, matters)) as changes:
                next(changes)
                folders = watched.folders
                watched, tell = _attempted(check, watched)
                if watched.folders <= folders:
                    _show(tell)
                    next(batch for batch in changes if batch)


@contextmanager
def _signals() -> Iterator[None]:
    """watchfiles takes every signal for Ctrl-C: which one it was must be remembered."""
    came: list[int] = []

    def remember(number: int, frame: FrameType | None) -> NoReturn:
        came.append(number)
        raise KeyboardInterrupt

    known = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.signal(number, remember) for number in known]
    try:
        yield
    except KeyboardInterrupt:
        if came:
            sys.exit(128 + came[0])
        raise
    finally:
        for number, handler in zip(known, before, strict=True):
            signal.signal(number, handler)


def _attempted(
    check: Callable[[], tuple[Watched, Callable[[], object]]], last: Watched
) -> tuple[Watched, Callable[[], object]]:
    try:
        return check()
    except UsageError as error:
        message = f"error: {error}"
        return last, lambda: click.echo(message, err=True)


def _show(tell: Callable[[], object]) -> None:
    click.clear()
    tell()
    click.echo("\nwatching; Ctrl-C ends it", err=True)


def _changes(folders: Iterable[str], matters: Callable[[str], bool]) -> Generator[set[tuple[Change, str]], None, None]:
    """The changes since the first was asked for; an empty set where there was none for a while."""
    from watchfiles import Change, watch

    def wanted(change: Change, path: str) -> bool:
        return matters(path) or (change is Change.added and os.path.isdir(path))

    there = sorted(filter(os.path.isdir, folders))
    try:
        yield from watch(*there, watch_filter=wanted, recursive=False, yield_on_timeout=True, rust_timeout=_PAUSE)
    except OSError as error:
        raise UsageError(
            f"cannot watch {len(there)} folders: {(error.strerror or str(error)).lower()}; "
            "WATCHFILES_FORCE_POLLING=1 in the environment has them looked at again and again instead"
        ) from None
