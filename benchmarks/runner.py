"""Runs what a plan lists in the onnxruntime of this interpreter. Needs numpy and onnxruntime, nothing of specc.

    python benchmarks/runner.py PLAN RESULTS

PLAN is JSON: the models beside it, and for each the cases: a shape, a type and a file of numbers for every input. Each
runs without and with graph optimisation. What comes out goes to RESULTS in the same form, errors as their text.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort


def main(plan: Path, results: Path) -> None:
    models = json.loads(plan.read_text())
    found = [_outcome(plan.parent, results, model) for model in models]
    (results / "results.json").write_text(json.dumps({"version": ort.__version__, "models": found}))


def _outcome(folder: Path, results: Path, model: dict[str, Any]) -> list[dict[str, Any]]:
    """Without optimisation, then with it: why it does not load, or for each case its outputs or why there are none."""
    return [_run(folder, results, model, optimised) for optimised in (False, True)]


def _run(folder: Path, results: Path, model: dict[str, Any], optimised: bool) -> dict[str, Any]:
    try:
        session = _session(folder / model["file"], optimised)
    except Exception as error:  # noqa: BLE001 - its exceptions share no base class; the text is the result
        return {"refused": str(error)}
    stem = f"{model['file']}.{int(optimised)}"
    return {"cases": [_case(folder, results, session, case, f"{stem}.{i}") for i, case in enumerate(model["cases"])]}


def _session(path: Path, optimised: bool) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    levels = ort.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _case(folder: Path, results: Path, session: Any, case: dict[str, Any], stem: str) -> Any:
    feeds = {name: _given(folder, value) for name, value in case.items()}
    try:
        values = session.run(None, feeds)
    except Exception as error:  # noqa: BLE001 - as above
        return str(error)
    return [_stored(results, value, f"{stem}.{place}") for place, value in enumerate(values)]


def _given(folder: Path, value: dict[str, Any]) -> Any:
    return np.fromfile(folder / value["data"], np.dtype(value["type"]).newbyteorder("<")).reshape(value["shape"])


def _stored(results: Path, value: Any, name: str) -> dict[str, Any]:
    value.astype("<f4").tofile(results / name)
    return {"shape": list(value.shape), "type": str(value.dtype), "data": name}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
