"""The proof: one ONNX model against PyTorch, judged by PyTorch in float64."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from specc import files
from specc.diagnostics import MissingDependency
from specc.ir.graph import Graph
from specc.verify.cases import LARGE, Case, cases, is_large, sizes_tried
from specc.verify.judge import judge
from specc.verify.result import Parity, Row
from specc.verify.sessions import ModelRefused, assignment, load_runtime, open_session, run
from specc.weights import Weights

if TYPE_CHECKING:
    from specc.verify.reference import Expected

SHOWN = 8
"""Channels named in one note; the rest is counted."""


def verify(
    graph: Graph,
    model: Path | bytes,
    weights: Weights,
    *,
    provider: str = "cpu",
    seed: int = 0,
    stress: bool | None = None,
) -> Parity:
    """Prove that ``model`` computes what ``graph`` with ``weights`` computes in PyTorch, or show where not.

    Args:
        model: the ONNX file, or its bytes.
        provider: "cpu" or "cuda"; never another than asked for.
        seed: of the inputs. The same seed, model and machine give the same verdict.
        stress: prove the same file once more with random numbers in its tensors, so that no fault hides behind
            ones, zeros and tiny scales. None: where tensors start constant, or ``weights`` come from a file and
            the network is not large.

    Raises:
        UsageError: ``model`` is no ONNX file; `ProviderError` where the provider cannot be used.
        MissingDependency: torch or onnxruntime is not installed.
    """
    _require_torch()
    load_runtime()
    result = _prove(graph, model, weights, provider, seed)
    if not result.passed or stress is False:
        return result
    return _stressed(result, graph, model, weights, seed, stress)


def _stressed(
    result: Parity, graph: Graph, model: Path | bytes, weights: Weights, seed: int, wanted: bool | None
) -> Parity:
    """``result``, and the same file's proof with random weights where it is wanted."""
    from specc.verify.stress import left_out, randomised, worthwhile

    if not (wanted or worthwhile(graph, weights)):
        note = left_out(graph, weights)
        return replace(result, notes=(*result.notes, note)) if note else result
    with randomised(graph, model, weights, seed) as (file, others, notes):
        again = _prove(graph, file, others, result.provider, seed) if file else Parity(result.provider, ())
    rows = (replace(row, case=f"randomised state · {row.case}") for row in again.rows)
    new = (f"randomised state: {note}" for note in (*notes, *again.notes) if note not in result.notes)
    return replace(result, rows=(*result.rows, *rows), notes=(*result.notes, *new))


def verify_emitted(
    graph: Graph,
    weights: Weights,
    *,
    opset: int,
    functions: bool = False,
    provider: str = "cpu",
    seed: int = 0,
    stress: bool | None = None,
) -> Parity:
    """`verify` of the model that `specc compile` would write, in a temporary file."""
    with _emitted(graph, weights, opset, functions) as file:
        return verify(graph, file, weights, provider=provider, seed=seed, stress=stress)


def _require_torch() -> None:
    try:
        import torch  # noqa: F401 - only here is its absence given its name
    except ModuleNotFoundError:
        raise MissingDependency("parity", "torch", "cpu") from None


@contextmanager
def _emitted(graph: Graph, weights: Weights, opset: int, functions: bool) -> Iterator[Path]:
    """A temporary file of what `specc compile` would write."""
    from specc.backends import onnx as backend

    assembly = backend.checked(graph, opset, functions=functions)
    with TemporaryDirectory(prefix="specc-") as folder:
        path, data = Path(folder, "model.onnx"), Path(folder, "model.data")
        if backend.fits_in_one_file(assembly):
            with files.replace(path) as file:
                backend.write_model(assembly, weights, file)
        else:
            with files.replace(data) as file:
                backend.write_data(assembly, weights, file.write)
            with files.replace(path) as file:
                file.write(backend.serialise(backend.with_external_data(assembly, data.name)))
        yield path


def _prove(graph: Graph, model: Path | bytes, weights: Weights, provider: str, seed: int) -> Parity:
    from specc.verify.files import interface_faults, read_model
    from specc.verify.reference import TorchRefused

    faults = interface_faults(graph, read_model(model))
    if faults:
        return Parity(provider, tuple(Row("interface", False, fault) for fault in faults))
    # Opened before anything is computed: a provider that cannot be used is the first thing to say.
    try:
        placed = assignment(open_session(model, provider, optimise=True))
        trials = _trials(graph, weights, seed)
        rows = (*_run(model, provider, graph, trials, False), *_run(model, provider, graph, trials, True))
    except ModelRefused as refused:
        return Parity(provider, (Row("loading", False, str(refused)),))
    except TorchRefused as refused:
        return Parity(provider, (Row("PyTorch", False, str(refused)),))
    emptiness, notes = _emptiness(graph, trials)
    rows = (Row("interface", True), *_shape_faults(graph, trials), *rows, *emptiness)
    return Parity(provider, rows, assignment=placed, notes=(*_size_notes(graph), *notes))


@dataclass(frozen=True, slots=True)
class _Trial:
    """One case and what its outputs should be."""

    case: Case
    inputs: dict[str, NDArray[np.float32]]
    expected: tuple[Expected, ...]


def _trials(graph: Graph, weights: Weights, seed: int) -> tuple[_Trial, ...]:
    from specc.backends.torch import torch_module
    from specc.verify.reference import PATTERNS, expectations

    tried = cases(graph)
    inputs = [case.inputs(graph, seed) for case in tried]
    expected = expectations(torch_module(graph, weights), inputs, PATTERNS // 2 if is_large(graph) else PATTERNS)
    return tuple(map(_Trial, tried, inputs, expected))


def _run(
    model: Path | bytes, provider: str, graph: Graph, trials: tuple[_Trial, ...], optimised: bool
) -> Iterator[Row]:
    session = open_session(model, provider, optimised)
    names = [port.name for port, _ in graph.outputs]
    usual = [median(t.expected[i].error(t.expected[i].single) for t in trials) for i in range(len(names))]
    for trial in trials:
        try:
            results = run(session, trial.inputs)
        except ModelRefused as refused:
            yield Row(trial.case.title, False, str(refused), trial.case.batch, optimised)
        else:
            yield judge(trial.case, optimised, outputs=names, results=results, expected=trial.expected, usual=usual)


def _shape_faults(graph: Graph, trials: tuple[_Trial, ...]) -> Iterator[Row]:
    """Where PyTorch's results have other shapes than the contract says: what is claimed of all sizes is wrong."""
    for trial in trials:
        for (port, _), expected in zip(graph.outputs, trial.expected, strict=True):
            real, claimed = expected.single.shape, trial.case.shape(port)
            if real != claimed:
                reason = f"{port.name} has shape {list(real)} in PyTorch, the spec says {list(claimed)}"
                yield Row(trial.case.title, False, reason, trial.case.batch, output=port.name)


def _emptiness(graph: Graph, trials: tuple[_Trial, ...]) -> tuple[list[Row], list[str]]:
    """Outputs whose agreement proves nothing: never a finite number (a failure); channels always the same (a note)."""
    failures, notes = [], []
    for index, (port, _) in enumerate(graph.outputs):
        least, most = _ranges([trial.expected[index].single for trial in trials])
        dead = np.flatnonzero(least >= most)
        if (least > most).all():
            reason = f"{port.name} is NaN or infinite for every input, in PyTorch too: nothing is proven"
            failures.append(Row("output", False, reason, output=port.name))
        elif dead.size == least.size and least.min() == least.max():
            notes.append(f"{port.name} is {least[0]:g} for every input: their agreement proves little")
        elif dead.size:
            notes.append(f"{port.name}: {_channels(dead, least.size)} for every input: their agreement proves little")
    return failures, notes


def _ranges(values: list[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The smallest and the largest finite number of each channel, over all cases, samples and places.

    A channel without any has inf and -inf. Where their number depends on the sizes, the first case alone counts.
    """
    values = [value for value in values if value.shape[1] == values[0].shape[1]]
    channels = [np.moveaxis(v, 1, 0).reshape(v.shape[1], -1) for v in values]
    least = [v.min(1, initial=np.inf, where=np.isfinite(v)) for v in channels]
    most = [v.max(1, initial=-np.inf, where=np.isfinite(v)) for v in channels]
    return np.min(least, 0), np.max(most, 0)


def _channels(dead: NDArray[np.intp], count: int) -> str:
    named = ", ".join(map(str, dead[:SHOWN])) + (" …" if dead.size > SHOWN else "")
    return f"{dead.size} of {count} channels ({named}) {'are' if dead.size > 1 else 'is'} the same"


def _size_notes(graph: Graph) -> Iterator[str]:
    if is_large(graph):
        yield f"more than {LARGE / 1e9:g} GMACs per sample: proven with batches of 1 and 2, without 7"
    if graph.symbols:
        names = ", ".join(symbol.name for symbol in graph.symbols)
        tried = (" x ".join(str(size) for _, size in sizes) for sizes in sizes_tried(graph))
        yield f"{names}: tried at {', '.join(tried)}; the shapes are proven for every size that the contract allows"
