"""How long a file takes in ONNX Runtime, in one thread of this machine's processor."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from specc.ir.graph import Graph
from specc.ir.types import fixed
from specc.verify.sessions import open_session, run

_WARM_UP = 3
"""Runs that are not counted: the first ones ask the system for memory."""
_LEAST, _MOST, _SECONDS = 5, 1_000, 0.25
"""Runs that are counted: at least, at most, and as many as fit into this time."""


class Latency(NamedTuple):
    """Milliseconds of a run, of so many."""

    median: float
    least: float
    runs: int


def latency(path: Path, graph: Graph) -> Latency:
    """Run one sample again and again.

    Args:
        graph: the network that the file is of, its sizes numbers.

    Raises:
        MissingDependency, UsageError, ModelRefused: as `specc.verify.sessions.open_session`.
    """
    import numpy as np

    draw = np.random.default_rng(0)
    feeds = {}
    for port in graph.inputs:
        shape = (1, *map(fixed, port.type.sample))
        values = draw.integers(0, 256, shape, np.uint8) if port.is_cast else draw.standard_normal(shape, np.float32)
        feeds[port.name] = values
    session = open_session(path, "cpu", optimise=True)
    for _ in range(_WARM_UP):
        run(session, feeds)
    times: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(times) < _LEAST or (len(times) < _MOST and time.perf_counter() < end):
        start = time.perf_counter()
        run(session, feeds)
        times.append(1000 * (time.perf_counter() - start))
    return Latency(median(times), min(times), len(times))
