"""The proof: one ONNX model against PyTorch, judged by PyTorch in float64, as a whole and step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from specc import atomic
from specc.diagnostics import MissingDependency
from specc.ir.graph import Graph
from specc.verify.conditions import Conditions
from specc.verify.result import Parity, Progress, Row, Tolerance
from specc.verify.sessions import ModelRefused, assignment, load_runtime
from specc.weights import Weights

if TYPE_CHECKING:
    from onnx import ModelProto

    from specc.verify.file.randomness import Unsteady


def verify(
    graph: Graph,
    model: Path | bytes,
    weights: Weights,
    *,
    provider: str = "cpu",
    seed: int = 0,
    tf32: bool = False,
    stress: bool | None = None,
    tolerance: Tolerance | None = None,
    progress: Progress | None = None,
    rename: Mapping[str, str] | None = None,
) -> Parity:
    """Prove that ``model`` computes what ``graph`` with ``weights`` computes in PyTorch, or show where not.

    Args:
        model: the ONNX file, or its bytes.
        provider: "cpu" or "cuda"; never another than asked for.
        seed: of the inputs. The same seed, model and machine give the same verdict.
        tf32: let CUDA round the factors of products to TF32, and allow for it.
        stress: prove the same file once more with random numbers in its tensors, so that no fault hides behind
            ones, zeros and tiny scales. None: where tensors start constant, or ``weights`` come from a file and
            the network is not large.
        tolerance: judge the outputs by it, instead of everything by the derived bounds.
        progress: told how far the proof is.
        rename: what inputs and outputs of a file from elsewhere are called in the spec, where that must be said. None:
            they must have the spec's names, as those of our own files.

    Raises:
        UsageError: ``model`` is no ONNX file; `ProviderError` where the provider cannot be used.
        MissingDependency: torch or onnxruntime is not installed.
    """
    _require_torch()
    load_runtime()
    conditions = Conditions(provider, seed, tf32, tolerance, progress, rename)
    result = _judged(graph, model, weights, conditions)
    if not result.passed or stress is False:
        return result
    return _stressed(result, graph, model, weights, conditions, stress)


def _judged(graph: Graph, model: Path | bytes, weights: Weights, conditions: Conditions) -> Parity:
    """The proof, the file's tensors against ``weights`` where these are not its own, and what it says of itself."""
    from specc.verify.file.parameters import compare_tensors
    from specc.verify.file.reading import FileWeights, folder_of, read_model

    proto = read_model(model)
    result = _prove(graph, model, proto, weights, conditions)
    result = replace(result, notes=(*_changed(model, proto), *result.notes))
    if isinstance(weights, FileWeights) or any(row.case == LOADING for row in result.rows):
        return result
    alone = {row.name for row in result.steps if len(row.steps) == 1}
    return replace(result, tensors=compare_tensors(graph, proto, folder_of(model), weights, alone))


def _stressed(
    result: Parity, graph: Graph, model: Path | bytes, weights: Weights, conditions: Conditions, wanted: bool | None
) -> Parity:
    """``result``, and the same file's proof with random weights where it is wanted."""
    from specc.verify.file.reading import read_model
    from specc.verify.steps.judge import merged
    from specc.verify.stress import left_out, randomised, worthwhile

    if not (wanted or worthwhile(graph, weights)):
        note = left_out(graph, weights)
        return replace(result, notes=(*result.notes, note)) if note else result
    as_named = all(row.status == "same" for row in result.tensors)
    with randomised(graph, model, weights, conditions.seed, as_named) as (file, others, notes):
        again = _prove(graph, file, read_model(file), others, conditions) if file else Parity(result.provider, ())
    rows = (replace(row, case=f"{STRESSED}{row.case}") for row in again.rows)
    steps = tuple(replace(row, case=f"{STRESSED}{row.case}") for row in again.steps)
    new = (f"randomised state: {note}" for note in (*notes, *again.notes) if note not in result.notes)
    return replace(
        result,
        rows=(*result.rows, *rows),
        steps=merged(result.steps, steps),
        notes=(*result.notes, *new),
        reproduction=again.reproduction,
    )


LOADING = "loading"
"""The case of a file that onnxruntime refuses."""

STRESSED = "randomised state · "
"""Before the cases of the pass with random weights."""


def verify_emitted(
    graph: Graph,
    weights: Weights,
    *,
    opset: int,
    functions: bool = False,
    provider: str = "cpu",
    seed: int = 0,
    tf32: bool = False,
    stress: bool | None = None,
    tolerance: Tolerance | None = None,
    progress: Progress | None = None,
) -> Parity:
    """`verify` of the model that `specc compile` would write, in a temporary file."""
    with _emitted(graph, weights, opset, functions) as file:
        return verify(
            graph,
            file,
            weights,
            provider=provider,
            seed=seed,
            tf32=tf32,
            stress=stress,
            tolerance=tolerance,
            progress=progress,
        )


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
            with atomic.replace(path) as file:
                backend.write_model(assembly, weights, file)
        else:
            with atomic.replace(data) as file:
                backend.write_data(assembly, weights, file.write)
            with atomic.replace(path) as file:
                file.write(backend.serialise(backend.with_external_data(assembly, data.name)))
        yield path


def _prove(graph: Graph, model: Path | bytes, proto: ModelProto, weights: Weights, conditions: Conditions) -> Parity:
    from specc.verify import whole
    from specc.verify.file.interface import interface
    from specc.verify.file.randomness import unsteady_nodes
    from specc.verify.file.reading import folder_of
    from specc.verify.reference import TorchRefused
    from specc.verify.steps.proof import step_by_step

    ports = interface(graph, proto, conditions.rename)
    found = conditions.untried((*whole.size_notes(graph), *ports.notes))
    found = replace(found, renamed=tuple(ports.renamed.items()))
    if ports.faults:
        return replace(found, rows=tuple(Row("interface", False, fault) for fault in ports.faults))
    unsteady = tuple(Row(node.case, False, _fault(node)) for node in unsteady_nodes(proto))
    # Opened before anything is computed: a provider that cannot be used is the first thing to say.
    try:
        placed = assignment(conditions.session(model, optimised=True))
        if unsteady:
            return replace(found, rows=unsteady, assignment=placed)
        tried = whole.trials(graph, weights, conditions)
        rows = [
            row for optimised in (False, True) for row in whole.rows(graph, model, ports, tried, conditions, optimised)
        ]
    except ModelRefused as refused:
        # Most builds of onnxruntime have no training, and refuse such a node in other words.
        return replace(found, rows=unsteady or (Row(LOADING, False, str(refused)),))
    except TorchRefused as refused:
        return replace(found, rows=(Row("PyTorch", False, str(refused)),))
    empty, notes = whole.emptiness(graph, tried)
    rows = [Row("interface", True), *whole.shape_faults(graph, tried), *rows, *empty]
    found = replace(found, rows=tuple(rows), assignment=placed, notes=(*found.notes, *notes))
    if conditions.tolerance is not None:
        return found
    steps = step_by_step(graph, proto, folder_of(model), ports.renamed, weights, tried, rows, conditions)
    return replace(found, steps=steps.rows, notes=(*found.notes, *steps.notes), reproduction=steps.reproduction)


def _fault(node: Unsteady) -> str:
    match node.why:
        case "draws":
            return f"{node} draws at random: what it gives cannot be proven. Take it out of the file"
        case "drops":
            return f"{node} may drop at random, as in training: export the network after model.eval()"
    return f"{node} normalises by the batch, as in training: export the network after model.eval()"


def _changed(model: Path | bytes, proto: ModelProto) -> Iterator[str]:
    """A note where the file is not as specc wrote it."""
    from specc.backends.onnx import claimed_weights, is_sealed

    if isinstance(model, Path) and is_sealed(model, proto) is False:
        weights = claimed_weights(proto)
        claimed = f"; it says that its weights are those of {weights}" if weights else ""
        yield f"the file was changed since specc wrote it, and what it says of itself proves nothing{claimed}"
