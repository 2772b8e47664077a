"""The first step of an imported spec that computes another thing than what it was read from.

A proof that fails says that a rule of specc has read something wrongly, and not which. So what was read is run once
more with its values in between, the spec's steps beside it, and the two are compared wherever both have a value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from specc.importing.network import ImportedNetwork, Reading
from specc.importing.structure import Spec
from specc.ir.graph import Graph, Node
from specc.verify.cases import Inputs, cast, plan_of
from specc.verify.extraction import Subgraph
from specc.verify.reference import TorchRefused, run_module
from specc.verify.step_proof import written
from specc.weights import Weights

Values = Mapping[str, NDArray[Any]]
"""Arrays by the names of values."""

Run = Callable[[Inputs, Sequence[str]], Values | None]
"""Values of the origin, by their names there, of inputs by the spec's names; None where it does not run on them."""

ROUNDING = 1e-6
"""Of a value's size: about what float32 leaves behind a step or two."""

CLEAR = 20.0
"""A step is at fault that gives a difference so many times as large as what it was given, and as rounding."""


@dataclass(frozen=True, slots=True)
class Misreading:
    """What a rule has read wrongly.

    Attributes:
        origin: of the value that differs: ``node 17 conv1/Conv (Conv)``, ``layer1.0: relu (relu_3)``.
        others: what became one step with it.
        step: its name in the spec; empty where the value is an input, or one that the step before gives.
        layer: the step as the spec has it, or what takes its place.
        difference: the largest, infinite where one of the two is; of a value whose largest number is ``size``.
        shapes: of the origin's value and of the spec's, where they have not even the same number of elements.
    """

    origin: str
    others: tuple[str, ...]
    step: str
    layer: str
    difference: float = math.inf
    size: float = 0.0
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None


def misreading(
    network: ImportedNetwork, spec: Spec, weights: Weights, level: str, seed: int, run: Run
) -> Misreading | None:
    """The first reading that is wrong, on some numbers that the proof tries; None where all agree."""
    nodes = {value: spec.graph.node(name) for value, name in spec.steps.items()}
    ports = {port.name for port in spec.graph.inputs}
    compared = [each for each in network.readings if each.value in nodes or each.value in ports]
    module = _Steps(spec.graph, weights)
    plan = plan_of(spec.graph, level)
    for feed in (plan.probe, *plan.network):
        inputs = feed.inputs(spec.graph, seed)
        theirs = run(inputs, [each.name for each in compared])
        ours = module.values(inputs) if theirs is not None else None
        if theirs is None or ours is None:
            continue
        own = {each.value: ours[nodes[each.value].name if each.value in nodes else each.value] for each in compared}
        found = _first(network.readings, theirs, own)
        if found is not None:
            return _described(found, network.readings, theirs, own, nodes)
    return None


class _Steps:
    """The steps of a graph in PyTorch, with the values of all."""

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self._names = [node.name for node in graph.nodes]
        whole = Subgraph(graph.nodes, tuple(port.name for port in graph.inputs))
        self._module = whole.module(weights, exposed=True).double()

    def values(self, inputs: Inputs) -> Values | None:
        """None where the steps do not take the inputs."""
        given = cast(inputs)
        try:
            results = run_module(self._module, given, torch.float64)
        except TorchRefused:
            return None
        return {**given, **dict(zip(self._names, results, strict=True))}


def _first(readings: Sequence[Reading], theirs: Values, ours: Values) -> Reading | None:
    """The first reading at which the difference grows by far: of what it takes, and of rounding."""
    errors: dict[str, float] = {}
    growths: list[tuple[Reading, float]] = []
    for each in readings:
        given = max((errors.get(name, 0.0) for name in each.takes), default=0.0)
        errors[each.name] = given
        if each.name in theirs and each.value in ours:
            errors[each.name] = _relative(theirs[each.name], ours[each.value])
            if not math.isinf(given):
                growths.append((each, errors[each.name] / (given + ROUNDING)))
    largest = max((growth for _, growth in growths), default=0.0)
    if largest < CLEAR:
        return None
    least = 0.1 * min(largest, 1 / ROUNDING)
    return next(each for each, growth in growths if growth >= least)


def _relative(theirs: NDArray[Any], ours: NDArray[Any]) -> float:
    """The largest difference over the largest number."""
    if theirs.size != ours.size:
        return math.inf
    difference, size = _apart(theirs, ours)
    return difference / size if size else difference


def _apart(theirs: NDArray[Any], ours: NDArray[Any]) -> tuple[float, float]:
    """The largest difference, and the largest number; infinite where a number is finite in one of the two alone."""
    a, b = theirs.astype(np.float64).reshape(-1), ours.astype(np.float64).reshape(-1)
    finite = np.isfinite(a) & np.isfinite(b)
    is_same = np.array_equal(np.isfinite(a), np.isfinite(b))
    a, b = a[finite], b[finite]
    return float(np.abs(a - b).max(initial=0.0)) if is_same else math.inf, float(np.abs(a).max(initial=0.0))


def _described(
    found: Reading, readings: Sequence[Reading], theirs: Values, ours: Values, nodes: Mapping[str, Node]
) -> Misreading:
    node = nodes.get(found.value)
    others = tuple(dict.fromkeys(_merged(found, readings, theirs)))
    step, layer = (node.name, written(node)) if node is not None else ("", found.value)
    a, b = theirs[found.name], ours[found.value]
    if a.size != b.size:
        return Misreading(found.origin, others, step, layer, shapes=(a.shape, b.shape))
    return Misreading(found.origin, others, step, layer, *_apart(a, b))


def _merged(found: Reading, readings: Sequence[Reading], theirs: Values) -> Iterator[str]:
    """Where the values come from that lead to a reading, and of which the spec has none."""
    makers = {each.name: each for each in readings}
    ahead = [name for name in found.takes if name in makers]
    seen = set(ahead)
    while ahead:
        each = makers[ahead.pop(0)]
        if each.name in theirs:
            continue
        yield each.origin
        new = [name for name in each.takes if name in makers and name not in seen]
        seen.update(new)
        ahead += new
