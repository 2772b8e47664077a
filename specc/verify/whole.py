"""The network from end to end: the file in ONNX Runtime against PyTorch, in units of the model's own sensitivity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from specc.ir.graph import Graph
from specc.verify.cases import LARGE, Case, cases, is_large, shape_cases, sizes_tried
from specc.verify.conditions import Conditions
from specc.verify.judge import judge
from specc.verify.result import Row
from specc.verify.sessions import ModelRefused, Session, run
from specc.weights import Weights

if TYPE_CHECKING:
    from specc.verify.file.interface import Interface
    from specc.verify.reference import Expected

OF_THE_SPEC = "the spec's shapes are proven for every size that the contract allows"
"""What the sizes that are not tried rest on."""

SHOWN = 8
"""Channels named in one note; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One case and what its outputs should be."""

    case: Case
    inputs: dict[str, NDArray[np.float32]]
    expected: tuple[Expected, ...]


def trials(graph: Graph, weights: Weights, conditions: Conditions) -> tuple[Trial, ...]:
    """Every case, with PyTorch's results. Raises TorchRefused."""
    tried = cases(graph)
    inputs = [case.inputs(graph, conditions.seed) for case in tried]
    return tuple(map(Trial, tried, inputs, truths(graph, weights, inputs, conditions)))


def truths(
    graph: Graph, weights: Weights, inputs: Sequence[dict[str, NDArray[np.float32]]], conditions: Conditions
) -> list[tuple[Expected, ...]]:
    """What the outputs should be; of a large network with half the patterns of rounding. Raises TorchRefused."""
    from specc.backends.torch import torch_module
    from specc.verify.reference import PATTERNS, expectations

    patterns = PATTERNS // 2 if is_large(graph) else PATTERNS
    told = conditions.progress_of("PyTorch in float64")
    return expectations(torch_module(graph, weights), inputs, patterns, conditions.u, told)


def rows(
    graph: Graph,
    model: Path | bytes,
    ports: Interface,
    tried: tuple[Trial, ...],
    conditions: Conditions,
    optimised: bool,
) -> Iterator[Row]:
    """A row for each case: the file as it is, run with graph optimisation or without. Raises ModelRefused.

    ``ports`` says what the inputs and outputs are called in the file.

    Without it the file's shapes are tried on more, which gives a row where they are wrong.
    """
    session = conditions.session(model, optimised)
    usual = [median(t.expected[i].error(t.expected[i].single) for t in tried) for i in range(len(graph.outputs))]
    for trial in tried:
        yield _row(session, ports, trial, usual, conditions, optimised)
    if not optimised:
        yield from _other_shapes(graph, session, ports, conditions.seed)


def _other_shapes(graph: Graph, session: Session, ports: Interface, seed: int) -> Iterator[Row]:
    """Where the file has other shapes than the contract says: for more samples and larger sizes than are judged."""
    for case in shape_cases(graph):
        try:
            results = run(session, ports.fed(case.inputs(graph, seed)), ports.outputs.values())
        except ModelRefused as refused:
            yield Row(case.title, False, str(refused), case.batch, False)
            continue
        for (port, _), result in zip(graph.outputs, results, strict=True):
            if result.shape != case.shape(port):
                reason = f"{port.name} has shape {list(result.shape)}, the spec says {list(case.shape(port))}"
                yield Row(case.title, False, reason, case.batch, False, output=port.name)


def _row(
    session: Session, ports: Interface, trial: Trial, usual: list[float], conditions: Conditions, optimised: bool
) -> Row:
    try:
        results = run(session, ports.fed(trial.inputs), ports.outputs.values())
    except ModelRefused as refused:
        return Row(trial.case.title, False, str(refused), trial.case.batch, optimised)
    return judge(
        trial.case,
        optimised,
        outputs=list(ports.outputs),
        results=results,
        expected=trial.expected,
        usual=usual,
        tolerance=conditions.tolerance,
    )


def shape_faults(graph: Graph, tried: tuple[Trial, ...]) -> Iterator[Row]:
    """Where PyTorch's results have other shapes than the contract says: what is claimed of all sizes is wrong."""
    for trial in tried:
        for (port, _), expected in zip(graph.outputs, trial.expected, strict=True):
            real, claimed = expected.single.shape, trial.case.shape(port)
            if real != claimed:
                reason = f"{port.name} has shape {list(real)} in PyTorch, the spec says {list(claimed)}"
                yield Row(trial.case.title, False, reason, trial.case.batch, output=port.name)


def emptiness(graph: Graph, tried: tuple[Trial, ...]) -> tuple[list[Row], list[str]]:
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


def size_notes(graph: Graph) -> Iterator[str]:
    """What was left out of a large network, and which of its symbolic sizes were tried."""
    if is_large(graph):
        yield f"more than {LARGE / 1e9:g} GMACs per sample: proven with batches of 1 and 2, without 7"
    if graph.symbols:
        names = ", ".join(symbol.name for symbol in graph.symbols)
        tried = (" x ".join(str(size) for _, size in sizes) for sizes in sizes_tried(graph))
        yield f"{names}: tried at {', '.join(tried)}; {OF_THE_SPEC}"
