"""The network from end to end: the file in ONNX Runtime against PyTorch, in units of the model's own sensitivity.

Structure is judged first (shape, type, where NaN and the infinities are), then the error against float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from specc.diagnostics.words import listed
from specc.ir.graph import Graph
from specc.onnxfile import OnnxFile
from specc.verify.cases import (
    LARGE,
    Case,
    Feed,
    Inputs,
    Plan,
    is_costly,
    is_large,
    quick_plan,
    shape_cases,
    sizes_tried,
)
from specc.verify.proof_settings import ProofSettings
from specc.verify.result import Level, Row, Tolerance, Truth
from specc.verify.sessions import ModelRefused, Session, assignment, run
from specc.verify.whole_progress import IN_FLOAT64
from specc.weights import Weights

if TYPE_CHECKING:
    from specc.verify.reference import Expected
    from specc.verify.signature import Signature

TOLERANCE = 8.0
"""A right model is at most so many times as far from the truth as PyTorch and a rounding together.

Measured by ``benchmarks/parity.py --networks 700 --seed 11`` with ONNX Runtime 1.31.1 on the CPU, as
``error_onnx / (error_torch + 1)``: 4.9 at most in 11,200 runs of right files; a batch norm epsilon of 1e-6 for 1e-5
gives 15, the other gelu 702.
"""

OF_THE_SPEC = "the spec's shapes are proven for every size that the contract allows"
"""What the sizes that are not tried rest on."""

SHOWN = 8
"""Channels named in one note; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one run takes, and what its outputs should be."""

    feed: Feed
    inputs: Inputs
    expected: tuple[Expected, ...]

    def cases(self) -> Iterator[tuple[Case, slice, tuple[Expected, ...]]]:
        """Each case, where its samples lie, and what they should give."""
        for case, samples in self.feed.samples():
            yield case, samples, tuple(each.of(samples) for each in self.expected)


def first_case(trial: Trial) -> Truth:
    """The first case of the trial."""
    case, samples, expected = next(trial.cases())
    return Truth(case, {name: values[samples] for name, values in trial.inputs.items()}, expected)


def trials(graph: Graph, weights: Weights, plan: Plan, settings: ProofSettings) -> tuple[Trial, ...]:
    """Every feed of the network, with PyTorch's results. Raises TorchRefused."""
    inputs = [feed.inputs(graph, settings.seed) for feed in plan.followed]
    made = tuple(map(Trial, plan.followed, inputs, expected_outputs(graph, weights, inputs, settings)))
    return tuple(next(filter(None, (_part(trial, feed) for trial in made))) for feed in plan.network)


def _part(trial: Trial, feed: Feed) -> Trial | None:
    """What ``trial`` says of ``feed``; None where that is no part of it."""
    if trial.feed == feed:
        return trial
    if not feed.begins(trial.feed):
        return None
    samples = slice(feed.batch)
    inputs = {name: values[samples] for name, values in trial.inputs.items()}
    return Trial(feed, inputs, tuple(each.of(samples) for each in trial.expected))


def expected_outputs(
    graph: Graph, weights: Weights, inputs: Sequence[Inputs], settings: ProofSettings
) -> list[tuple[Expected, ...]]:
    """What the outputs should be; of a large network with half the patterns of rounding. Raises TorchRefused."""
    from specc.backends.torch import torch_module
    from specc.verify.reference import PATTERNS, expectations

    coarse = settings.level == "quick" and is_costly(graph)
    patterns = PATTERNS // 2 if coarse or is_large(graph) else PATTERNS
    progress = settings.progress_of(IN_FLOAT64)
    return expectations(torch_module(graph, weights, shared=True), inputs, patterns, settings.u, progress, coarse)


class NetworkRuns(NamedTuple):
    """The file as it is, run with graph optimisation or without.

    Attributes:
        assignment: (node, execution provider) of the model as it runs.
        results: of each feed, the outputs in the spec's order; ONNX Runtime's refusal where it fails.
        shapes: where the file's shapes are wrong for more samples or larger sizes; tried without optimisation alone.
    """

    optimised: bool
    assignment: tuple[tuple[str, str], ...]
    results: tuple[list[Any] | ModelRefused, ...]
    shapes: tuple[Row, ...]


def run_network(
    graph: Graph, file: OnnxFile, ports: Signature, feeds: Sequence[Feed], settings: ProofSettings, optimise: bool
) -> NetworkRuns:
    """Run all ``feeds`` in one session, which is gone afterwards: a large file is in memory once.

    Args:
        ports: says what the inputs and outputs are called in the file.

    Raises:
        ModelRefused: ONNX Runtime does not load the file.
    """
    # Optimised, it runs as onnxruntime reads it by itself; the other time, of a large file, on what was read already.
    model, tensors = file.source, None
    if not optimise and (beside := file.given_beside()) is not None:
        model, tensors = beside
    session = settings.session(model, optimise, tensors)
    results: list[list[Any] | ModelRefused] = []
    for feed in feeds:
        try:
            results.append(run(session, ports.feeds(feed.inputs(graph, settings.seed)), ports.outputs.values()))
        except ModelRefused as refused:
            results.append(refused)
    most = max(feed.batch for feed in feeds)
    shapes = () if optimise else tuple(_other_shapes(graph, session, ports, settings.seed, most))
    return NetworkRuns(optimise, assignment(session), tuple(results), shapes)


def judged_runs(graph: Graph, tried: Sequence[Trial], runs: NetworkRuns, tolerance: Tolerance | None) -> Iterator[Row]:
    """A row for each case of each run, and where other shapes are wrong."""
    # A single number can be right by luck, so a bound comes from PyTorch's usual error, too.
    own = [[each.error(each.single) for each in expected] for trial in tried for *_, expected in trial.cases()]
    usual = [median(errors) for errors in zip(*own, strict=True)]
    names = [port.name for port, _ in graph.outputs]
    for trial, results in zip(tried, runs.results, strict=True):
        batch = trial.feed.batch
        if isinstance(results, ModelRefused):
            yield Row(trial.feed.case.title, False, str(results), batch, runs.optimised)
            continue
        for case, samples, expected in trial.cases():
            # What has another batch than was fed is at fault as a whole.
            parts = [result[samples] if result.shape[:1] == (batch,) else result for result in results]
            yield judge(case, runs.optimised, names, parts, expected, usual, tolerance, batch)
    yield from runs.shapes


def _other_shapes(graph: Graph, session: Session, ports: Signature, seed: int, judged: int) -> Iterator[Row]:
    """Where the file has other shapes than the contract says: for more samples and larger sizes than are judged."""
    for case in shape_cases(graph, judged):
        try:
            results = run(session, ports.feeds(case.inputs(graph, seed)), ports.outputs.values())
        except ModelRefused as refused:
            yield Row(case.title, False, str(refused), case.batch, False)
            continue
        for (port, _), result in zip(graph.outputs, results, strict=True):
            if result.shape != case.shape(port):
                reason = f"{port.name} has shape {list(result.shape)}, the spec says {list(case.shape(port))}"
                yield Row(case.title, False, reason, case.batch, False, output=port.name)


# ---- the verdict on one run ----------------------------------------------------------------------------------


def judge(
    case: Case,
    optimised: bool,
    outputs: Sequence[str],
    results: Sequence[Any],
    expected: Sequence[Expected],
    usual: Sequence[float],
    tolerance: Tolerance | None = None,
    batch: int | None = None,
) -> Row:
    """The verdict on one run: of the outputs, the first that fails, or else the one that is closest to its bound.

    Args:
        outputs: their names.
        results: what ONNX gave for each.
        usual: PyTorch's usual error for each: the bound comes from it or from that of this very case, whichever is
            larger.
        tolerance: what judges instead of that bound.
        batch: how many samples have run at once, where others have run with those of the case.
    """
    batch = batch or case.batch
    rows = []
    for name, result, truth, own_usual in zip(outputs, results, expected, usual, strict=True):
        fault = structure_fault(result, truth.single)
        if fault:
            rows.append(Row(case.title, False, f"{name} {fault}", batch, optimised, name))
            continue
        own, error = truth.error(truth.single), truth.error(result)
        if tolerance is not None:
            bound, reason = None, _beyond(name, result, truth, tolerance)
        else:
            bound = roundings_allowed(own, own_usual)
            reason = f"{name} is {error:.3g} roundings from the truth, PyTorch {own:.3g}; allowed: {bound:.3g}"
            reason = "" if error <= bound else reason
        rows.append(Row(case.title, not reason, reason, batch, optimised, name, error, own, bound))
    wrong = next((row for row in rows if not row.passed), None)
    return wrong or max(rows, key=lambda row: (row.error_onnx or 0.0) / (row.bound or 1.0))


def structure_fault(result: Any, single: Any) -> str:
    """Shape, dtype, then where NaN and the infinities are: no error is computed before these agree."""
    if result.dtype != np.float32:
        return f"is {result.dtype}, not float32"
    if result.shape != single.shape:
        return f"has shape {list(result.shape)}, in PyTorch {list(single.shape)}"
    for what, mask in (("NaN", np.isnan), ("+infinity", np.isposinf), ("-infinity", np.isneginf)):
        wrong = int(np.count_nonzero(mask(result) != mask(single)))
        if wrong:
            return f"is {what} at other places than in PyTorch: {wrong} of {single.size} differ"
    return ""


def roundings_allowed(own: float, usual: float) -> float:
    """The largest error of a right file, in roundings, by PyTorch's own in this case and its usual one."""
    return TOLERANCE * (max(own, usual) + 1)


def errors_by_bound(distance: NDArray[np.float64], bound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances as parts of the largest that is allowed: infinite where none is, and there is one."""
    return np.divide(distance, bound, out=np.where(distance > 0, np.inf, 0.0), where=bound > 0)


def _beyond(name: str, result: Any, expected: Expected, tolerance: Tolerance) -> str:
    """Where the result is further from the truth than the user allows; empty where it is nowhere."""
    finite = np.isfinite(expected.single)
    difference = np.abs(np.subtract(result, expected.exact, out=np.zeros(expected.exact.shape), where=finite))
    wrong = difference > tolerance.allowed(expected.exact)
    if not wrong.any():
        return ""
    where = f"{int(np.count_nonzero(wrong))} of {wrong.size} elements"
    return f"{name} is off by up to {difference.max():.3g}, and by more than atol and rtol allow in {where}"


# ---- what the cases say of the spec --------------------------------------------------------------------------


def shape_faults(graph: Graph, tried: tuple[Trial, ...]) -> Iterator[Row]:
    """Where PyTorch's results have other shapes than the contract says: what is claimed of all sizes is wrong."""
    for trial in tried:
        for (port, _), expected in zip(graph.outputs, trial.expected, strict=True):
            real, claimed = expected.single.shape, trial.feed.shape(port)
            if real != claimed:
                reason = f"{port.name} has shape {list(real)} in PyTorch, the spec says {list(claimed)}"
                yield Row(trial.feed.case.title, False, reason, trial.feed.batch, output=port.name)


def constant_outputs(graph: Graph, tried: tuple[Trial, ...]) -> tuple[list[Row], list[str]]:
    """Outputs whose agreement proves nothing: never a finite number (a failure); channels always the same (a note)."""
    failures, notes = [], []
    for index, (port, _) in enumerate(graph.outputs):
        least, most = _ranges([trial.expected[index].single for trial in tried])
        dead = np.flatnonzero(least >= most)
        if (least > most).all():
            reason = f"{port.name} is NaN or infinite for every input, in PyTorch too: nothing is proven"
            failures.append(Row("output", False, reason, output=port.name))
        elif dead.size == least.size and least.min() == least.max():
            notes.append(f"{port.name} is {least[0]:g} for every input: their agreement proves little")
        elif dead.size:
            named = ", ".join(map(str, dead[:SHOWN])) + (" …" if dead.size > SHOWN else "")
            verb = "are" if dead.size > 1 else "is"
            channels = f"{dead.size} of {least.size} channels ({named}) {verb} the same"
            notes.append(f"{port.name}: {channels} for every input: their agreement proves little")
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


def size_notes(graph: Graph, level: Level) -> Iterator[str]:
    """What was left out of a large network, and which of its symbolic sizes were tried."""
    if level == "quick" and is_costly(graph):
        kinds = dict.fromkeys(case.name for feed in quick_plan(graph).network for case in feed.cases)
        yield f"a large network: from end to end on {listed(kinds)} numbers alone"
    if level == "full" and is_large(graph):
        yield f"more than {LARGE / 1e9:g} GMACs per sample: proven with batches of 1 and 2, without 7"
    if graph.symbols:
        names = ", ".join(symbol.name for symbol in graph.symbols)
        tried = (" x ".join(str(size) for _, size in sizes) for sizes in sizes_tried(graph))
        yield f"{names}: tried at {', '.join(tried)}; {OF_THE_SPEC}"
