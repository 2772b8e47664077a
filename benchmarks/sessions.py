"""Several ONNX files of one network, run in turn in onnxruntime on one core.

    python benchmarks/sessions.py SHAPES BATCHES FIRST FILE ...

Prints, of every file, how many nodes are left to run when onnxruntime has optimised it, and for each batch the median
seconds of a run, and FIRST's as a part of them, turn by turn. FIRST is one of the files; they are opened in order.
A file that does not run, or gives other numbers than FIRST, is left out, and it is said why.
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
    repeats = {}
    for name, session in sessions.items():
        session.run(None, feed)
        start = time.process_time()
        session.run(None, feed)
        repeats[name] = 1 + int(SHORT / max(time.process_time() - start, 1e-6))
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


def fault(file: str, feed: dict[str, np.ndarray], expected: np.ndarray) -> str:
    """Why the file cannot be set beside the first; empty where it can."""
    try:
        result = open_session(file, "").run(None, feed)[0]
    except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no base but this
        return f"does not run: {error}"
    same = result.shape == expected.shape and np.allclose(result, expected, rtol=1e-3, atol=1e-3)
    return "" if same else "gives other numbers"


def main() -> None:
    shapes, batches, first, *files = sys.argv[1:]
    inputs = json.loads(shapes)
    feed = drawn(inputs, int(batches.rpartition(",")[2]))
    expected = open_session(first, "").run(None, feed)[0]
    faults = {file: fault(file, feed, expected) for file in files}
    sessions = {file: open_session(file, "") for file in files if not faults[file]}
    found: dict[str, object] = {
        "faults": faults,
        "nodes": {each: nodes_run(each, drawn(inputs, 1)) for each in sessions},
    }
    for batch in batches.split(","):
        found[batch] = measured(sessions, first, drawn(inputs, int(batch)))
    print(json.dumps(found))


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
