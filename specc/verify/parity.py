"""The proof: one ONNX model against PyTorch, judged by PyTorch in float64, as a whole and step by step."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from specc import atomic
from specc.backends.onnx import initializer_name
from specc.diagnostics import MissingDependency, UsageError
from specc.ir.graph import Graph
from specc.onnxfile import FileWeights, NondeterministicNode, OnnxFile, as_onnx_file
from specc.verify.cases import plan_of
from specc.verify.proof_settings import ProofSettings
from specc.verify.result import Level, Parity, Progress, Reproduction, Row, StepRow, TensorRow, Tolerance, Truth
from specc.verify.sessions import ModelRefused, assignment, load_runtime, require_memory
from specc.verify.whole_progress import LOADING, WholeProgress
from specc.weights import Initialised, Randomised, Weights
from specc.weights.tensors import InMemory

STRESSED = "randomised state · "
"""Before the cases of the pass with random weights."""


def verify(
    graph: Graph,
    model: OnnxFile | Path | bytes,
    weights: Weights,
    *,
    provider: str = "cpu",
    seed: int = 0,
    tf32: bool = False,
    stress: bool | None = None,
    tolerance: Tolerance | None = None,
    progress: Progress | None = None,
    rename: Mapping[str, str] | None = None,
    level: Level = "quick",
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
        level: how much is run: see `specc.verify.cases.Plan`.

    Raises:
        UsageError: ``model`` is no ONNX file, or was changed meanwhile; `ProviderError` where the provider cannot be
            used.
        MissingDependency: torch or onnxruntime is not installed.
        MemoryError: there is not enough memory, whoever was out of it.
    """
    whole = None
    if progress is not None:
        whole = WholeProgress(progress, graph, level)
        whole(LOADING, 0, 1)  # which takes seconds of which nothing else would be seen
    with _uncollected():
        try:
            import torch  # noqa: F401 - only here is its absence given its name
        except ModuleNotFoundError:
            raise MissingDependency("parity", "torch", "cpu") from None
        load_runtime()
        from specc.verify import step_proof  # noqa: F401 - it loads what is left of torch
    settings = ProofSettings(provider, seed, tf32, tolerance, whole, rename, level)
    file = as_onnx_file(model)
    before = file.stamp()
    try:
        with one_thread():
            return _verified(graph, file, weights, settings, stress)
    except RuntimeError as error:  # PyTorch's, wherever it makes a tensor
        require_memory(error)
        raise
    finally:
        # Whatever was found is of no file then, and neither is an error.
        if file.stamp() != before:
            raise UsageError(f"{file.name}, or a file with its weights, was changed while it was proven: prove it anew")


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage is looked for, as among what imports make: in vain, and for a seventh of LeNet's whole compile."""
    is_enabled, before = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        # Counting what is frozen goes through all of it, which a later proof has no reason to.
        if len(sys.modules) > before and gc.get_freeze_count() == 0:  # else some are, for a reason of their own
            gc.freeze()
            gc.unfreeze()  # all are old now, without a look at any
        if is_enabled:
            gc.enable()


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch computes in one thread: on the small pieces of a proof others mostly wait, busily, and cost as much."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _verified(graph: Graph, file: OnnxFile, weights: Weights, settings: ProofSettings, stress: bool | None) -> Parity:
    """The proof, the file's tensors against ``weights`` where these are not its own, what it says of itself; and the
    same file's proof with random weights where that is wanted."""
    from specc.verify.step_proof import worse_of
    from specc.verify.stress import free, is_worthwhile, not_worthwhile_note, randomised
    from specc.verify.tensor_comparison import compare_tensors

    again_wanted = stress or (stress is None and is_worthwhile(graph, weights))
    its_own = isinstance(weights, FileWeights)
    tensors: tuple[TensorRow, ...] | None = None
    known: Weights = InMemory(weights)
    is_known = _holds_all_by_name(graph, file)
    if is_known and not its_own:
        tensors = compare_tensors(graph, file, weights, {node.name for node in graph.nodes})
        is_known = all(row.status == "same" for row in tensors)
    if is_known:
        known = FileWeights(file)  # equal to the bit, and in memory already
    # Drawn numbers are as good as others that are drawn: the quick proof tries steps once, with those that hide least.
    # A trained network's may be of any size, and a fault show with them alone.
    is_drawn = isinstance(weights, Initialised | Randomised)
    once = settings.level == "quick" and is_known and is_drawn and bool(again_wanted and free(graph))
    if settings.progress is not None:
        settings.progress.expect(again=bool(again_wanted), once=once)
    first = _prove(graph, file, known, settings, Part.WHOLE if once else Part.ALL)
    if once and not all(row.passed for row in first.rows):
        once = False
        first = _prove(graph, file, known, settings)
    if its_own or not first.is_loaded:
        tensors = ()
    elif tensors is None or not is_known:
        alone = {row.name for row in first.steps if len(row.steps) == 1}
        tensors = compare_tensors(graph, file, known, alone)
    result = Parity(
        provider=settings.provider,
        rows=first.rows,
        steps=first.steps,
        tensors=tensors,
        assignment=first.assignment,
        settings=(*settings.in_words(), *first.settings),
        notes=(*_changed(file), *first.notes),
        level=settings.level,
        tf32=settings.tf32,
        tolerance=settings.tolerance,
        renamed=first.renamed,
        reproduction=first.reproduction,
        truth=first.truth,
    )
    if not result.passed or stress is False:
        return result
    if not again_wanted:
        return replace(result, notes=(*result.notes, *not_worthwhile_note(graph, weights)))
    as_named = all(row.status == "same" for row in tensors)
    with randomised(graph, file, weights, settings.seed, as_named) as (copy, others, notes):
        copied = FileWeights(copy) if copy and is_known else InMemory(others)
        again = _prove(graph, copy or file, copied, settings) if copy or once else _Pass()
    rows = (replace(row, case=f"{STRESSED}{row.case}") for row in again.rows)
    steps = tuple(replace(row, case=f"{STRESSED}{row.case}") for row in again.steps)
    new = (f"randomised state: {note}" for note in (*notes, *again.notes) if note not in result.notes)
    return replace(
        result,
        rows=(*result.rows, *rows),
        steps=steps if once else worse_of(result.steps, steps),
        settings=(*result.settings, *again.settings) if once else result.settings,
        notes=(*result.notes, *new),
        reproduction=again.reproduction,
    )


def _holds_all_by_name(graph: Graph, file: OnnxFile) -> bool:
    """Whether every tensor is in the file by itself, under the name that specc gives it; counters are in no file."""
    return all(initializer_name(path, p) in file.initializers for path, p in graph.state if not p.integer)


class Part(Enum):
    """What a pass over a file proves."""

    ALL = "the whole network and every step"
    WHOLE = "the whole network at its ordinary sizes"


@dataclass(frozen=True)
class _Pass:
    """What one pass over a file has found: fields of `Parity`, and whether onnxruntime has taken the file."""

    rows: tuple[Row, ...] = ()
    is_loaded: bool = True
    steps: tuple[StepRow, ...] = ()
    assignment: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    reproduction: Reproduction | None = None
    truth: Truth | None = None


def _prove(graph: Graph, file: OnnxFile, weights: Weights, settings: ProofSettings, part: Part = Part.ALL) -> _Pass:
    from specc.verify import network_proof
    from specc.verify.reference import TorchRefused
    from specc.verify.signature import compare_signature
    from specc.verify.step_proof import prove_steps

    ports = compare_signature(graph, file, settings.rename)
    notes = (*network_proof.size_notes(graph, settings.level), *ports.notes)
    renamed = tuple(ports.renamed.items())
    if ports.faults:
        return _Pass(rows=tuple(Row("interface", False, fault) for fault in ports.faults), notes=notes, renamed=renamed)
    varying = tuple(map(_varying, file.nondeterministic))
    plan = plan_of(graph, settings.level)
    if part is Part.WHOLE:
        plan = plan.at_ordinary_sizes()
    # The file runs before anything is computed: a provider that cannot be used is the first thing to say.
    try:
        if varying:
            placed = assignment(settings.session(file.source, optimised=True))
            return _Pass(rows=varying, assignment=placed, notes=notes, renamed=renamed)
        plain, optimised = (
            network_proof.run_network(graph, file, ports, plan.network, settings, optimise)
            for optimise in (False, True)
        )
        tried = network_proof.trials(graph, weights, plan, settings)
    except ModelRefused as refused:
        # Most builds of onnxruntime have no training, and refuse such a node in other words.
        why = varying or (Row("loading", False, str(refused)),)
        return _Pass(is_loaded=bool(varying), rows=why, notes=notes, renamed=renamed)
    except TorchRefused as refused:
        return _Pass(rows=(Row("PyTorch", False, str(refused)),), notes=notes, renamed=renamed)
    rows = [r for runs in (plain, optimised) for r in network_proof.judged_runs(graph, tried, runs, settings.tolerance)]
    constant, constant_notes = network_proof.constant_outputs(graph, tried)
    found = _Pass(
        rows=(Row("interface", True), *network_proof.shape_faults(graph, tried), *rows, *constant),
        assignment=optimised.assignment,
        notes=(*notes, *constant_notes),
        renamed=renamed,
        truth=network_proof.first_case(tried[0]),
    )
    if settings.tolerance is not None or part is Part.WHOLE:
        return found
    steps = prove_steps(graph, file, ports.renamed, weights, plan, tried, found.rows, settings)
    return replace(
        found,
        steps=steps.rows,
        settings=steps.settings,
        notes=(*found.notes, *steps.notes),
        reproduction=steps.reproduction,
    )


def _varying(node: NondeterministicNode) -> Row:
    match node.why:
        case "draws":
            why = f"{node} draws at random: what it gives cannot be proven. Take it out of the file"
            return Row("randomness", False, why)
        case "drops":
            why = f"{node} may drop at random, as in training: export the network after model.eval()"
        case "normalises":
            why = f"{node} normalises by the batch, as in training: export the network after model.eval()"
    return Row("training", False, why)


def _changed(file: OnnxFile) -> Iterator[str]:
    """A note where the file is not as specc wrote it."""
    if file.is_sealed is False:
        claimed = f"; it says that its weights are those of {file.claimed_weights}" if file.claimed_weights else ""
        yield f"the file was changed since specc wrote it, and what it says of itself proves nothing{claimed}"


def verify_emitted(graph: Graph, weights: Weights, *, opset: int, functions: bool = False, **options: Any) -> Parity:
    """`verify`, with its ``options``, of the model that `specc compile` would write, in a temporary file."""
    with _emitted(graph, weights, opset, functions) as file:
        return verify(graph, file, weights, **options)


@contextmanager
def _emitted(graph: Graph, weights: Weights, opset: int, functions: bool) -> Iterator[Path]:
    """A temporary file of what `specc compile` would write."""
    from specc.backends import onnx as backend

    assembly = backend.checked(graph, opset, functions=functions)
    with TemporaryDirectory(prefix="specc-") as folder:
        path, data = Path(folder, "model.onnx"), Path(folder, "model.data")
        if backend.fits_in_one_file(assembly):
            with atomic.replace(path) as file:
                backend.write_model(assembly, weights, file.write)
        else:
            with atomic.replace(data) as file:
                backend.write_data(assembly, weights, file.write)
            with atomic.replace(path) as file:
                file.write(backend.serialise(backend.with_external_data(assembly, data.name)))
        yield path
