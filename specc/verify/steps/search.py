"""Where the steps of the spec are in a file with other names: by the numbers that PyTorch and the file compute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from specc.backends.onnx import serialise, value_names
from specc.ir.graph import Graph
from specc.verify.conditions import Conditions
from specc.verify.sessions import ModelRefused, run
from specc.verify.steps.parts import Parts
from specc.verify.steps.pieces import Pieces
from specc.weights import Weights

CLOSE = 1e-3
"""Values that differ by no more than this part of their root mean square are taken for one."""

MUCH = 8
"""A step whose numbers are so many times as far from a tensor as another's is not at that place."""

WRONG, MERGED, CANDIDATES = 8, 3, 6
"""Wrong steps that are looked for in a file with other names; steps that one of its nodes may stand for; tensors that
a step may be."""

Values = Mapping[str, NDArray[Any]]


class Found(NamedTuple):
    """Places of steps, found by their values or, of ``wrong`` ones, given; ``right``: how many values fit."""

    places: Mapping[str, str]
    wrong: Mapping[str, str]
    right: int


class Search:
    """The places of the steps in a file with other names, by their values in one case.

    A step that the file has wrong is nowhere in it, and neither is any behind it. So PyTorch's value is put in the
    place of one tensor after another: at the right one, the steps behind it are found again.

    Args:
        values: PyTorch's, by name.
    """

    def __init__(self, graph: Graph, pieces: Pieces, inputs: Values, values: Values, conditions: Conditions) -> None:
        self._graph = graph
        self._pieces = pieces
        self._inputs = inputs
        self._values = values
        self._conditions = conditions
        self._parts = Parts(graph)
        self._users: dict[str, list[str]] = {}
        for node in graph.nodes:
            for value in node.inputs:
                self._users.setdefault(value, []).append(node.name)
        self._tensors = _values_of(pieces, inputs, {}, conditions)

    def places(self) -> dict[str, str]:
        """What the values are called in the file."""
        best = self._found(self._tensors, {})
        while len(best.wrong) < WRONG:
            tried = max(self._tries(best), key=lambda found: found.right, default=best)
            if tried.right <= best.right:
                break
            best = tried
        return {**best.places, **best.wrong}

    def _tries(self, found: Found) -> Iterator[Found]:
        """The first step that is lost, or one of those right behind it, in the place of every tensor it might be."""
        places = {**found.places, **found.wrong}
        for step in self._lost(places):
            for tensor in self._unknown(step, places):
                wrong = {**found.wrong, step: tensor}
                given = {place: self._values[value] for value, place in wrong.items()}
                try:
                    tensors = _values_of(self._pieces, self._inputs, given, self._conditions)
                except ModelRefused:
                    continue
                yield self._found(tensors, wrong)

    def _found(self, tensors: Values, wrong: Mapping[str, str]) -> Found:
        places = found_by_value(self._graph, self._pieces, self._values, tensors)
        outputs = [_distance(self._values[value], tensors[port.name]) for port, value in self._graph.outputs]
        right = len(places.keys() - wrong.keys()) + sum(distance <= CLOSE for distance in outputs)
        return Found(places, wrong, right)

    def _lost(self, places: Mapping[str, str]) -> list[str]:
        """The first step that has no place and leads to none but outputs, and the chain behind it."""
        outputs = {value for _, value in self._graph.outputs}
        leads: set[str] = set()
        for node in reversed(self._graph.nodes):
            users = self._users.get(node.name, [])
            if (node.name in places and node.name not in outputs) or any(user in leads for user in users):
                leads.add(node.name)
        lost = [node.name for node in self._graph.nodes if node.name not in leads and node.name not in outputs]
        return lost[:MERGED]

    def _unknown(self, step: str, places: Mapping[str, str]) -> list[str]:
        """The first tensors of the step's shape behind all that is found on the way to it."""
        shape, taken = self._values[step].shape, set(places.values())
        known = {port.name for port, _ in self._graph.outputs} | taken
        part = self._parts.of(step, places)
        least = max((self._pieces.behind(places[value]) for value in part.taken if value in places), default=-1)
        found = [name for name, x in self._tensors.items() if x.shape == shape and name not in known]
        behind = sorted((name for name in found if self._pieces.behind(name) > least), key=self._pieces.behind)
        return behind[:CANDIDATES]


def _values_of(pieces: Pieces, inputs: Values, given: Values, conditions: Conditions) -> dict[str, NDArray[Any]]:
    """Every float32 value in the file, where some are ``given``.

    Raises:
        ModelRefused: ONNX Runtime does not run it.
        ValueError: it is too large for one message.
    """
    model = pieces.exposed(pieces.values, {name: value.ndim for name, value in given.items()})
    session = conditions.session(serialise(model), optimised=False)
    results = run(session, {**inputs, **given})
    found = {value.name: result for value, result in zip(model.graph.output, results, strict=True)}
    floats = {name: x for name, x in found.items() if isinstance(x, np.ndarray) and x.dtype == np.float32}
    return {**inputs, **given, **floats}


def values_in_torch(graph: Graph, weights: Weights, inputs: Values) -> dict[str, NDArray[Any]]:
    """PyTorch's value of every step."""
    import torch

    from specc.verify.reference import run_module

    parts, values = Parts(graph), dict(inputs)
    for node in graph.nodes:
        part = parts.of(node.name, values)
        taken = {value: values[value] for value in part.taken}
        (values[node.name],) = run_module(part.module(weights), taken, torch.float32)
    return values


def found_by_value(graph: Graph, pieces: Pieces, values: Values, tensors: Values) -> dict[str, str]:
    """What the values are called in a file with other names: those whose numbers are in it, and the interface.

    Args:
        values: PyTorch's, by name.
        tensors: the file's, by name, on the same inputs.
    """
    own = value_names(graph)
    places = {port.name: port.name for port in graph.inputs}
    outputs = {value: port.name for port, value in graph.outputs if value not in places}
    by_shape: dict[tuple[int, ...], list[str]] = {}
    for name in sorted(tensors, key=pieces.behind):
        by_shape.setdefault(tensors[name].shape, []).append(name)
    distances: dict[str, float] = {}
    for node in graph.nodes:
        value = values[node.name]
        alike = {name: _distance(value, tensors[name]) for name in by_shape.get(value.shape, [])}
        least = max((pieces.behind(places[value]) for value in node.inputs if value in places), default=-1)
        place = outputs.get(node.name) or _closest(alike, own[node.name], least, pieces)
        if place is not None:
            places[node.name], distances[node.name] = place, alike.get(place, np.inf)
    return {value: place for value, place in places.items() if value in outputs or _is_best(value, places, distances)}


def _closest(alike: Mapping[str, float], own: str, least: int, pieces: Pieces) -> str | None:
    """The tensor with these numbers: by its own name, else the first behind the step's inputs, else the last before."""
    close = [name for name, distance in alike.items() if distance <= CLOSE]
    if own in close:
        return own
    behind = [name for name in close if pieces.behind(name) > least]
    return behind[0] if behind else close[-1] if close else None


def _is_best(value: str, places: Mapping[str, str], distances: Mapping[str, float]) -> bool:
    """Whether no other step's numbers are clearly closer to the tensor: a norm that has just been initialised gives
    nearly what it takes, and where a file has folded it, the tensor is the norm's result."""
    if value not in distances:
        return True
    rivals = min(distance for other, distance in distances.items() if places[other] == places[value])
    return distances[value] <= MUCH * rivals + 2.0**-23


def _distance(value: NDArray[Any], tensor: NDArray[Any]) -> float:
    """Root mean square of the difference, as a part of the value's; infinite where NaN or infinity differ."""
    finite = np.isfinite(value)
    if not np.array_equal(finite, np.isfinite(tensor)):
        return float("inf")
    exact = value[finite].astype(np.float64)
    difference = np.linalg.norm(exact - tensor[finite])
    size = np.linalg.norm(exact)
    return float(difference / size) if size else float("inf") if difference else 0.0
