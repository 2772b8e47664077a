"""Which nodes of a file compute which steps of the spec: by name in specc's own files, by their values in others.

An alignment is only a proposal: the part of the file between two values is then proven to be the steps between them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from specc.backends.onnx import value_names
from specc.diagnostics.words import plural
from specc.ir.graph import Graph
from specc.verify.cases import cast
from specc.verify.extraction import Subgraph, SubgraphExtractor, Submodel, SubmodelExtractor
from specc.verify.proof_settings import ProofSettings
from specc.verify.sessions import ModelRefused, run
from specc.weights import Weights

CLOSE = 1e-3
"""Values that differ by no more than this part of their root mean square are taken for one."""

MUCH = 8
"""A step whose numbers are so many times as far from a tensor as another's is not that tensor."""

MOST_WRONG, MOST_MERGED, MOST_TENSORS = 8, 3, 6
"""Wrong steps that are looked for in a file with other names; steps that one of its nodes may stand for; tensors that
a step may be."""

Values = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class AlignedStep:
    """Steps of the spec and the nodes of the file that should compute the same.

    Attributes:
        submodel: None where the file computes the steps from other values than the spec does; ``reason`` says from
            which.
        tensors: what the inputs of the subgraph are called in the file.
    """

    subgraph: Subgraph
    submodel: Submodel | None
    tensors: Mapping[str, str]
    reason: str = ""


def align(
    graph: Graph, extractor: SubmodelExtractor, weights: Weights, inputs: Values, settings: ProofSettings
) -> tuple[list[AlignedStep], list[str]]:
    """The steps with their nodes of the file, and notes on how they were found.

    Args:
        inputs: of one case, to find values by.
    """
    if extractor.fault:
        return [], [f"judged as a whole only: {extractor.fault}"]
    own = value_names(graph)
    if all(name in extractor for name in own.values()) and extractor.is_float32_only:
        return list(align_by_names(graph, extractor, own, trusted=True)), []
    try:
        names = _ValueSearch(graph, extractor, inputs, values_in_torch(graph, weights, inputs), settings).names()
    except (ModelRefused, ValueError) as refused:
        return [], [f"judged as a whole only: its values cannot be looked at ({refused})"]
    steps = list(align_by_names(graph, extractor, names, trusted=False))
    alone = sum(len(step.subgraph.nodes) == 1 for step in steps)
    note = f"found by their values: {alone} of {plural(len(graph.nodes), 'step')} by themselves, the others together"
    return steps, [note]


def align_by_names(
    graph: Graph, extractor: SubmodelExtractor, names: Mapping[str, str], *, trusted: bool
) -> Iterator[AlignedStep]:
    """The steps one after another, each with its nodes of the file; several where the file computes them as one.

    Args:
        names: what the values are called in the file, those of outputs included.
        trusted: the names are specc's own: a step that the file computes from other values is wrong there. Else its
            name is a mistake of ours, and it is judged together with the steps behind it.
    """
    subgraphs = SubgraphExtractor(graph)
    outputs = {value for _, value in graph.outputs}
    tensors = {port.name: port.name for port in graph.inputs}
    for node in graph.nodes:
        if node.name not in names:
            continue
        result = names[node.name]
        subgraph = subgraphs.extract(node.name, tensors)
        submodel = extractor.extract(result, {tensors[value] for value in subgraph.inputs})
        if submodel is None and not trusted:
            if node.name not in outputs:
                continue
            subgraph = subgraphs.extract(node.name, ())
            submodel = extractor.extract(result, {tensors[value] for value in subgraph.inputs})
        tensors[node.name] = result
        reason = ""
        if submodel is None:
            real = extractor.extract(result, {tensor for tensor in tensors.values() if tensor != result})
            computed = ", ".join(real.inputs) if real else "other values"
            wanted = ", ".join(tensors[value] for value in subgraph.inputs)
            reason = f"the file computes {node.name} from {computed}, the spec from {wanted}"
        yield AlignedStep(subgraph, submodel, {value: tensors[value] for value in subgraph.inputs}, reason)


def values_in_torch(graph: Graph, weights: Weights, inputs: Values) -> dict[str, NDArray[Any]]:
    """PyTorch's value of every step, in float32."""
    import torch

    from specc.verify.reference import run_module

    subgraphs, values = SubgraphExtractor(graph), cast(inputs)
    for node in graph.nodes:
        subgraph = subgraphs.extract(node.name, values)
        fed = {value: values[value] for value in subgraph.inputs}
        (values[node.name],) = run_module(subgraph.module(weights), fed, torch.float32)
    return values


class _Match(NamedTuple):
    """The names of steps: found by their values or, of ``wrong`` ones, tried; ``right``: how many values fit."""

    names: Mapping[str, str]
    wrong: Mapping[str, str]
    right: int

    @property
    def all_names(self) -> dict[str, str]:
        return {**self.names, **self.wrong}


class _ValueSearch:
    """Finds the steps in a file with other names, by their values in one case.

    A step that the file has wrong is nowhere in it, and neither is any behind it. So PyTorch's value is put in the
    place of one tensor after another: at the right one, the steps behind it are found again.

    Args:
        values: PyTorch's, by name.
    """

    def __init__(
        self, graph: Graph, extractor: SubmodelExtractor, inputs: Values, values: Values, settings: ProofSettings
    ) -> None:
        self._graph = graph
        self._extractor = extractor
        self._inputs = inputs
        self._values = values
        self._settings = settings
        self._subgraphs = SubgraphExtractor(graph)
        self._users: dict[str, list[str]] = {}
        for node in graph.nodes:
            for value in node.inputs:
                self._users.setdefault(value, []).append(node.name)
        self._tensors = self._values_in_file({})

    def names(self) -> dict[str, str]:
        """What the values are called in the file."""
        best = self._match(self._tensors, {})
        while len(best.wrong) < MOST_WRONG:
            tried = max(self._tries(best), key=lambda match: match.right, default=best)
            if tried.right <= best.right:
                break
            best = tried
        return best.all_names

    def _tries(self, match: _Match) -> Iterator[_Match]:
        """The first step that is lost, or one of those right behind it, as every tensor that it might be."""
        for step in self._lost(match.all_names):
            for tensor in self._candidates(step, match.all_names):
                wrong = {**match.wrong, step: tensor}
                try:
                    tensors = self._values_in_file({name: self._values[value] for value, name in wrong.items()})
                except ModelRefused:
                    continue
                yield self._match(tensors, wrong)

    def _match(self, tensors: Values, wrong: Mapping[str, str]) -> _Match:
        names = match_values(self._graph, self._extractor, self._values, tensors)
        outputs = [_distance(self._values[value], tensors[port.name]) for port, value in self._graph.outputs]
        right = len(names.keys() - wrong.keys()) + sum(distance <= CLOSE for distance in outputs)
        return _Match(names, wrong, right)

    def _lost(self, names: Mapping[str, str]) -> list[str]:
        """The first step that has no name and leads to none but outputs, and the chain behind it."""
        outputs = {value for _, value in self._graph.outputs}
        leads: set[str] = set()
        for node in reversed(self._graph.nodes):
            users = self._users.get(node.name, [])
            if (node.name in names and node.name not in outputs) or any(user in leads for user in users):
                leads.add(node.name)
        lost = [node.name for node in self._graph.nodes if node.name not in leads and node.name not in outputs]
        return lost[:MOST_MERGED]

    def _candidates(self, step: str, names: Mapping[str, str]) -> list[str]:
        """The first tensors of the step's shape behind all that is found on the way to it."""
        shape, position = self._values[step].shape, self._extractor.position
        known = {port.name for port, _ in self._graph.outputs} | set(names.values())
        inputs = self._subgraphs.extract(step, names).inputs
        least = max((position(names[value]) for value in inputs if value in names), default=-1)
        alike = (name for name, x in self._tensors.items() if x.shape == shape and name not in known)
        return sorted((name for name in alike if position(name) > least), key=position)[:MOST_TENSORS]

    def _values_in_file(self, fed: Values) -> dict[str, NDArray[Any]]:
        """Every float32 value in the file, where some are ``fed``.

        Raises:
            ModelRefused: ONNX Runtime does not run it.
            ValueError: it is too large for one message.
        """
        ranks = {name: value.ndim for name, value in fed.items()}
        exposed = self._extractor.with_outputs(self._extractor.values, ranks)
        session = self._settings.session(exposed.message, optimised=False, tensors=exposed.tensors)
        values = dict(zip(exposed.outputs, run(session, {**self._inputs, **fed}), strict=True))
        floats = {name: x for name, x in values.items() if isinstance(x, np.ndarray) and x.dtype == np.float32}
        return {**self._inputs, **fed, **floats}


def match_values(graph: Graph, extractor: SubmodelExtractor, values: Values, tensors: Values) -> dict[str, str]:
    """What the values are called in a file with other names: those whose numbers are in it, and the interface.

    Args:
        values: PyTorch's, by name.
        tensors: the file's, by name, on the same inputs.
    """
    own = value_names(graph)
    names = {port.name: port.name for port in graph.inputs}
    outputs = {value: port.name for port, value in graph.outputs if value not in names}
    index = _TensorsBySize(tensors)
    distances: dict[str, float] = {}
    for node in graph.nodes:
        value = values[node.name]
        alike = {name: _distance(value, tensors[name]) for name in index.near(value)}
        least = max((extractor.position(names[value]) for value in node.inputs if value in names), default=-1)
        close = sorted((name for name in alike if alike[name] <= CLOSE), key=extractor.position)
        found = outputs.get(node.name) or _preferred(close, own[node.name], least, extractor)
        if found is not None:
            names[node.name], distances[node.name] = found, alike.get(found, np.inf)
    # A norm that has just been initialised gives nearly what it takes, and where a file has folded it, the tensor is
    # the norm's result: of several steps a tensor is the one whose numbers are clearly closest.
    closest: dict[str, float] = {}
    for step, distance in distances.items():
        closest[names[step]] = min(distance, closest.get(names[step], np.inf))
    far = {step for step, distance in distances.items() if distance > MUCH * closest[names[step]] + 2.0**-23}
    return {value: name for value, name in names.items() if value in outputs or value not in far}


class _TensorsBySize:
    """Tensors by their shape and the root of their sum of squares, so that not each is held against each value.

    The proof of a file with other names takes 33 s of processor time for 1,200 steps without it, and 10 s with it.
    """

    def __init__(self, tensors: Values) -> None:
        sizes: dict[tuple[int, ...], list[tuple[float, str]]] = {}
        for name, tensor in tensors.items():
            sizes.setdefault(tensor.shape, []).append((_size(tensor), name))
        self._sorted = {shape: sorted(each) for shape, each in sizes.items()}

    def near(self, value: NDArray[Any]) -> list[str]:
        """Those that may be `CLOSE`: as far apart as two tensors are, their sizes are at most."""
        size, room = _size(value), CLOSE + 2.0**-20
        alike = self._sorted.get(value.shape, [])
        first = bisect_left(alike, size * (1 - room), key=itemgetter(0))
        return [name for _, name in alike[first : bisect_right(alike, size * (1 + room), key=itemgetter(0))]]


def _size(tensor: NDArray[Any]) -> float:
    """The root of the sum of squares of the finite numbers."""
    return float(np.linalg.norm(tensor[np.isfinite(tensor)].astype(np.float64)))


def _preferred(close: Collection[str], own: str, least: int, extractor: SubmodelExtractor) -> str | None:
    """Of tensors with a step's numbers: that of its own name, else the first behind its inputs, else the last before.

    Args:
        close: in the order of the file.
        least: where in the file the last of its inputs is made.
    """
    if own in close:
        return own
    behind = [name for name in close if extractor.position(name) > least]
    return behind[0] if behind else next(reversed([*close]), None)


def _distance(value: NDArray[Any], tensor: NDArray[Any]) -> float:
    """Root mean square of the difference, as a part of the value's; infinite where NaN or infinity differ."""
    finite = np.isfinite(value)
    if not np.array_equal(finite, np.isfinite(tensor)):
        return float("inf")
    exact = value[finite].astype(np.float64)
    difference = np.linalg.norm(exact - tensor[finite])
    size = np.linalg.norm(exact)
    return float(difference / size) if size else float("inf") if difference else 0.0
