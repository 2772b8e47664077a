"""Work that is counted instead of timed: it is the same on every machine, however busy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType


class TooMuchWork(Exception):
    """What is counted goes on and on; the test ends instead of waiting for it."""


def calls(work: Callable[[], object], most: int | None = None) -> int:
    """How many functions of Python are called meanwhile.

    Raises:
        TooMuchWork: more than ``most``.
    """
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += 1
        if most is not None and count > most:
            raise TooMuchWork(f"more than {most:,} calls")

    before = sys.gettrace()
    sys.settrace(trace)  # unlike a profiler it is not told of functions written in C, of which there are many more
    try:
        work()
    finally:
        sys.settrace(before)
    return count
