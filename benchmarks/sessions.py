"""Several ONNX files of one network, run in turn in onnxruntime on one core.

    python benchmarks/sessions.py SHAPES BATCHES FIRST FILE ...

Prints, of every file, how many nodes are left to run when onnxruntime has optimised it, and for each batch the median
seconds of a run, and FIRST's as a part of them, turn by turn. FIRST is one of the files; they are opened in order.
Ends with an error where a file gives other numbers.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime

LEAST_TURNS, MOST_TURNS = 3, 25
ROOM = 3.0
"""Seconds for all turns of a batch, unless that is too little for `LEAST_TURNS`."""
SHORT = 2e-3
"""A run that takes less is repeated so often that a turn takes so long: below, the clock weighs."""


def open_session(file: str, folder: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_profiling = bool(folder)
    options.profile_file_prefix = f"{folder}/profile"
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def nodes_run(file: str, feed: dict[str, np.ndarray]) -> int:
    """What onnxruntime says that it has run."""
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(file, folder)
        session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    return sum(event["name"].endswith("_kernel_time") for event in events)


def drawn(shapes: dict[str, list[int]], batch: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {name: random.standard_normal((batch, *shape), dtype=np.float32) for name, shape in shapes.items()}


def measured(
    sessions: dict[str, onnxruntime.InferenceSession], first: str, feed: dict[str, np.ndarray]
) -> dict[str, object]:
    """Processor time and wall clock of a run, both medians, and the processor time of the first as a part of each."""
    repeats, results = {}, []
    for name, session in sessions.items():
        session.run(None, feed)
        start = time.process_time()
        results.append(session.run(None, feed)[0])
        repeats[name] = 1 + int(SHORT / max(time.process_time() - start, 1e-6))
    for result in results:
        np.testing.assert_allclose(result, results[0], rtol=1e-3, atol=1e-3)
    names, begin = [*sessions], time.perf_counter()
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for turn in range(MOST_TURNS):
        if turn >= LEAST_TURNS and time.perf_counter() - begin > ROOM:
            break
        begins = turn % len(names)
        for name in names[begins:] + names[:begins]:
            times = repeats[name]
            wall, processor = time.perf_counter(), time.process_time()
            for _ in range(times):
                sessions[name].run(None, feed)
            seconds[name].append(((time.process_time() - processor) / times, (time.perf_counter() - wall) / times))
    ours = seconds[first]
    return {
        name: {
            "processor": median(processor for processor, _ in each),
            "wall": median(wall for _, wall in each),
            "ratio": median(a / b for (a, _), (b, _) in zip(ours, each, strict=True)),
        }
        for name, each in seconds.items()
    }


def main() -> None:
    shapes, batches, first, *files = sys.argv[1:]
    inputs = json.loads(shapes)
    sessions = {file: open_session(file, "") for file in files}
    found: dict[str, object] = {"nodes": {file: nodes_run(file, drawn(inputs, 1)) for file in files}}
    for batch in batches.split(","):
        found[batch] = measured(sessions, first, drawn(inputs, int(batch)))
    print(json.dumps(found))


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
