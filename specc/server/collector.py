"""When what answers leave behind is freed: between them. Python alone would do so in the middle of one."""

from __future__ import annotations

import asyncio
import gc

FEW = 5_000
"""Objects that are left lying until there are more."""
MANY = 200_000
"""Objects that have outlived their answer, after which all are looked at, be the editor waiting or not."""
IDLE = 5.0
"""Seconds in which nothing is asked, after which all are looked at, if `SOME` have come."""
SOME = 50_000


class Collector:
    """The garbage collector of a server.

    What an answer needs and nobody keeps is as young as it: to look at that alone takes a millisecond. To look at all
    takes 300 of them where many models are known, and Python did so in one of fourteen answers.
    """

    def __init__(self) -> None:
        self._is_begun = False
        self._outlived = 0
        self._soon: asyncio.Handle | None = None
        self._idle: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Have Python leave it to this one. What there is now stays for good."""
        gc.enable()
        gc.collect()
        gc.freeze()
        gc.set_threshold(0)  # enabled, and never by itself: where it is not enabled a check frees what others have left
        self._is_begun = True

    def soon(self) -> None:
        """Something was answered or found out."""
        if not self._is_begun:
            return
        loop = asyncio.get_running_loop()
        if self._soon is None:
            self._soon = loop.call_soon(self._young)
        if self._idle is not None:
            self._idle.cancel()
        self._idle = loop.call_later(IDLE, self._all, SOME)

    def _young(self) -> None:
        self._soon = None
        young = gc.get_count()[0]
        if young > FEW:
            self._outlived += max(0, young - gc.collect(0))
            self._all(MANY)

    def _all(self, least: int) -> None:
        if self._outlived >= least:
            gc.collect()
            self._outlived = 0
