"""A bar on the terminal while a proof runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from specc.verify.result import Progress

PAUSE = 0.1
"""Seconds between two drawings."""


@contextmanager
def bar() -> Iterator[Progress | None]:
    """What a proof tells how far it is; None where nobody is looking. The bar is gone afterwards.

    It is drawn on standard error, and only when it is told something: ONNX Runtime's messages are caught there in
    between, and a bar that a thread draws would be among them.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as bars:
        yield _Told(bars)


class _Told:
    """Draws what it is told, at most every `PAUSE` seconds and at the beginning of everything new."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task = bars.add_task("", total=None, visible=False)
        self._what = ""
        self._drawn = 0.0

    def __call__(self, what: str, done: int, of: int) -> None:
        now = monotonic()
        if what == self._what and now < self._drawn + PAUSE:
            return
        self._what, self._drawn = what, now
        self._bars.update(self._task, description=what, completed=done, total=of, visible=True, refresh=True)
