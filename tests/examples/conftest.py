"""The examples are programs: their folder is not a package, and its modules are imported as when they are run."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TRAIN = Path(__file__).parents[2] / "examples" / "train"


@pytest.fixture(autouse=True, scope="package")
def _importable() -> None:
    sys.path.insert(0, str(TRAIN))


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Lightning has its own for some signals, and gives up Ctrl-C once there was one."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
