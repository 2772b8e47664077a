"""Signals for processes that tests start."""

from __future__ import annotations

import signal


def heed_signals() -> None:
    """For ``preexec_fn``: a suite that runs in the background, or under nohup, hands down that it ignores some."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_DFL)
