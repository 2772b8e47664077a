"""One step of a file in a folder of its own: what shows a divergence without the rest of the network, or specc."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specc import atomic
from specc.diagnostics.words import listed
from specc.verify.result import Parity, Reproduction
from specc.verify.sessions import CUDA_OPTIONS, NO_CPU_FALLBACK, PROVIDERS, TF32_OPTIONS


def write_reproduction(folder: Path, shown: Reproduction, parity: Parity) -> None:
    """Make ``folder`` with the model of the step, its inputs, what is expected, and a script that compares.

    Args:
        folder: new, or empty; it is written whole or not at all.
        shown: the step.
        parity: the proof that it is from.

    Raises:
        UsageError: ``folder`` holds something, or cannot be written.
    """
    with atomic.new_folder(folder) as place:
        (place / "step.onnx").write_bytes(shown.model)
        _write_arrays(place / "inputs.npz", shown.inputs)
        _write_arrays(place / "expected.npz", {"exact": shown.exact, "single": shown.single, "allowed": shown.allowed})
        texts = {"step.py": shown.source, "repro.py": _script(shown, parity), "README.txt": _readme(shown, parity)}
        for name, text in texts.items():
            (place / name).write_text(text, encoding="utf-8", newline="\n")


def _write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """As `numpy.savez`, but under any name: ``file``, which that takes for its own argument, may be an input's."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in arrays.items():
            # Without a date of its own an entry has that of the oldest zip file: the bytes are always the same.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(values), allow_pickle=False)


def _script(shown: Reproduction, parity: Parity) -> str:
    """The script that compares: as the proof did, but for what a few lines need not know."""
    providers: list[Any] = [PROVIDERS[parity.provider]]
    config: dict[str, str] = {}
    if parity.provider == "cuda":
        providers = [(PROVIDERS["cuda"], TF32_OPTIONS if parity.tf32 else CUDA_OPTIONS)]
        config = {NO_CPU_FALLBACK: "1"}
    title = f"{listed(shown.row.steps)}, {shown.row.span}: {shown.row.rule}"
    return Template(SCRIPT).substitute(
        title=repr(title), providers=repr(providers), config=repr(config), exact=repr(not shown.allowed.any())
    )


def _readme(shown: Reproduction, parity: Parity) -> str:
    row = shown.row
    return Template(README).substitute(
        steps=listed(row.steps),
        place=row.span,
        layer=row.layer,
        nodes=" ".join(row.nodes) or "no node",
        reason=row.reason,
        run=f"{row.case}, batch {row.batch}, graph optimisation {'on' if row.optimised else 'off'}",
        rule=row.rule,
        settings="\n".join(f"  {name}: {value}" for name, value in parity.settings),
        inputs="\n".join(f"  {name} {list(value.shape)} {value.dtype}" for name, value in shown.inputs.items()),
        result=list(shown.exact.shape),
    )


SCRIPT = '''\
"""Runs step.onnx on inputs.npz and compares with expected.npz. Needs numpy and onnxruntime, nothing else.

Exits with 1 where the divergence shows, with 0 where it does not.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

TITLE = $title
PROVIDERS = $providers
CONFIG = $config
EXACT = $exact  # the result must be PyTorch's in float32, to the bit


def main():
    here = Path(__file__).resolve().parent
    inputs, expected = np.load(here / "inputs.npz"), np.load(here / "expected.npz")
    print(TITLE)
    faults = [fault(here / "step.onnx", inputs, expected, optimised) for optimised in (False, True)]
    print("it shows" if any(faults) else "it does not show here")
    return 1 if any(faults) else 0


def fault(model, inputs, expected, optimised):
    """Whether the result is wrong; what was found is printed."""
    try:
        result = run(model, inputs, optimised)
        wrong, words = judged(result, expected["exact"], expected["single"], expected["allowed"])
    except Exception as error:
        wrong, words = True, "onnxruntime refuses it: " + " ".join(str(error).split())
    print("graph optimisation", "on: " if optimised else "off:", "WRONG," if wrong else "right,", words)
    return wrong


def run(model, inputs, optimised):
    options = ort.SessionOptions()
    levels = ort.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.use_deterministic_compute = True
    for key, value in CONFIG.items():
        options.add_session_config_entry(key, value)
    session = ort.InferenceSession(str(model), options, providers=PROVIDERS, enable_fallback=0)
    wanted = [provider if isinstance(provider, str) else provider[0] for provider in PROVIDERS]
    if wanted[0] not in session.get_providers():
        sys.exit(f"{wanted[0]} cannot be used here")
    return session.run(None, dict(inputs))[0]


def judged(result, exact, single, allowed):
    """(wrong, in words): exact is PyTorch in float64, single in float32, allowed the largest difference from exact."""
    if result.shape != single.shape or result.dtype != single.dtype:
        return True, f"{result.dtype} {list(result.shape)} instead of {single.dtype} {list(single.shape)}"
    for name, mask in (("NaN", np.isnan), ("+infinity", np.isposinf), ("-infinity", np.isneginf)):
        places = int(np.count_nonzero(mask(result) != mask(single)))
        if places:
            return True, f"{name} at other places than in PyTorch: {places} of {single.size} differ"
    if EXACT:
        places = int(np.count_nonzero((result != single) & ~np.isnan(single)))
        return places > 0, f"{places} of {single.size} elements are not PyTorch's to the bit"
    finite = np.isfinite(single)
    difference = np.where(finite, np.abs(np.where(finite, result, 0) - np.where(finite, exact, 0)), 0)
    beyond = np.where(finite, difference - allowed, -np.inf)
    if not beyond.size or not finite.any():
        return False, "no finite number to compare"
    worst = np.unravel_index(int(beyond.argmax()), beyond.shape)
    words = f"{result[worst]:.9g} for {exact[worst]:.9g} at {[int(i) for i in worst]}: "
    return bool(beyond[worst] > 0), words + f"off by {difference[worst]:.3g}, allowed {allowed[worst]:.3g}"


if __name__ == "__main__":
    sys.exit(main())
'''

README = """\
$steps of a file is not what the spec says. This folder shows it, without the rest of the network.

  in the spec: $place: $layer
  in the file: $nodes
  found with:  $run
  judged as:   $rule
  found:       $reason

Run it:

  pip install numpy onnxruntime
  python repro.py

It exits with 1 where the divergence shows, and with 0 where it does not.

step.onnx     the piece of the file, as a model of its own
inputs.npz    what it was fed: PyTorch's own values, those of an input as the network is given them
$inputs
expected.npz  of the result $result:
  exact       what PyTorch computes in float64
  single      what PyTorch computes in float32
  allowed     the largest difference from exact for each element; where all are 0, the result must be single, to the bit
step.py       the step in PyTorch; its weights are in step.onnx
repro.py      runs step.onnx and compares

The proof ran with:

$settings
"""
