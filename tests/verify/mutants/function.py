"""Whether a mutant computes something else, decided without specc: both files in float64 by onnx's own evaluator.

The rule. On inputs of several scales, batches and sizes, of batch 1 and 2, the difference is

- infinite, where one of the files fails, or its outputs differ in shape, or in where NaN and the infinities are;
- else the largest difference at one value, as a part of that value's largest element: of the outputs (``ends``), and of
  all values that go by the same name in both (``inside``).

A mutant is **the same function** where ``ends`` is below `SAME`: float64 rounds at 1e-16. It does not count.
It is **beyond float32** where it is another function, but nowhere by more than `VISIBLE`, 16 roundings of float32: a
right engine may be as far off. It counts where weights are what it changes, which can be compared, and else not.

Where onnx's evaluator cannot run the right file (it fails on ConvTranspose with several filters in a group), or would
take too long, ONNX Runtime in float32 tells: outputs that differ by less than `ROUGH` are then taken for the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from specc.ir.graph import Graph, Port
from specc.ir.types import at
from specc.verify.cases import allowed

SAME = 1e-12
VISIBLE = 2.0**-20
ROUGH = 2.0**-10
SCALES = (1.0, 30.0, 1e5, 1e-3)
Values = dict[str, NDArray[Any]]


class Effect(StrEnum):
    NONE = "the same function"
    SLIGHT = "beyond float32"
    CLEAR = "another function"


@dataclass(frozen=True)
class Difference:
    """Between two files, as the module says."""

    ends: float
    inside: float

    @property
    def effect(self) -> Effect:
        if self.ends <= SAME:
            return Effect.NONE
        return Effect.CLEAR if self.inside > VISIBLE else Effect.SLIGHT


class Evaluation:
    """What a right file gives, and how far others are from it.

    Args:
        fast: leave onnx's evaluator out.
    """

    def __init__(self, right: ModelProto, graph: Graph, seed: int = 0, *, fast: bool = False) -> None:
        self._model = right
        self._outputs = [port.name for port, _ in graph.outputs]
        self._inputs = tuple(_inputs(graph, seed))
        self._run = _in_runtime if fast else _evaluated

    @cached_property
    def _right(self) -> tuple[Values, ...]:
        """Once it is asked for: of most networks no mutant is tried whose effect is measured."""
        try:
            return tuple(self._run(self._model, self._inputs))
        except Exception:  # noqa: BLE001 - its evaluator fails with whatever NumPy fails with
            self._run = _in_runtime
            return tuple(self._run(self._model, self._inputs))

    def difference(self, other: ModelProto) -> Difference:
        """How far ``other``, which has the same inputs and outputs, is from the right file."""
        ends = inside = 0.0
        right = self._right
        try:
            for mine, theirs in zip(right, self._run(other, self._inputs), strict=True):
                shared = mine.keys() & theirs.keys()
                ends = max(ends, *(_distance(mine[name], theirs.get(name)) for name in self._outputs))
                inside = max(inside, *(_distance(mine[name], theirs[name]) for name in shared))
        except Exception:  # noqa: BLE001 - as above; the right file did not fail
            return Difference(inf, inf)
        if self._run is _in_runtime and ends < ROUGH:
            return Difference(0.0, 0.0)
        return Difference(ends, max(ends, inside))


def _inputs(graph: Graph, seed: int) -> Iterator[Values]:
    stream = np.random.default_rng(seed)
    for place, scale in enumerate(SCALES):
        sizes = {symbol.name: allowed(symbol, symbol.least + 5 + 3 * place) for symbol in graph.symbols}
        if place == 1:
            sizes = {symbol.name: allowed(symbol, symbol.least) for symbol in graph.symbols}
        batch = graph.inputs[0].type.batch
        samples = batch if isinstance(batch, int) else 1 + place % 2
        shapes = {port: _shape(port, samples, sizes) for port in graph.inputs}
        yield {
            port.name: stream.integers(0, 256, shape, np.uint8)
            if port.is_cast
            else scale * stream.standard_normal(shape)
            for port, shape in shapes.items()
        }


def _shape(port: Port, samples: int, sizes: dict[str, int]) -> tuple[int, ...]:
    return (samples, *(at(size, sizes) for size in port.type.sample))


def _evaluated(model: ModelProto, inputs: tuple[Values, ...]) -> Iterator[Values]:
    evaluator = ReferenceEvaluator(_in_double(model))
    for feeds in inputs:
        with np.errstate(all="ignore"):
            results = evaluator.run(None, feeds, intermediate=True)
        yield {name: value for name, value in results.items() if getattr(value, "dtype", None) == np.float64}


def _in_runtime(model: ModelProto, inputs: tuple[Values, ...]) -> Iterator[Values]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    for feeds in inputs:
        fed = {name: x if x.dtype == np.uint8 else x.astype(np.float32) for name, x in feeds.items()}
        results = session.run(names, fed)
        yield dict(zip(names, results, strict=True))


def _in_double(model: ModelProto) -> ModelProto:
    double = ModelProto()
    double.CopyFrom(model)
    tensors = [*double.graph.initializer]
    for node in (*double.graph.node, *(node for function in double.functions for node in function.node)):
        tensors += [a.t for a in node.attribute if a.name == "value"]
        for given in node.attribute:
            if node.op_type == "Cast" and given.i == TensorProto.FLOAT:
                given.i = TensorProto.DOUBLE
    for tensor in tensors:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for value in (*double.graph.input, *double.graph.output):
        if value.type.tensor_type.elem_type != TensorProto.UINT8:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    del double.graph.value_info[:]
    return double


def _distance(mine: NDArray[np.float64], theirs: NDArray[np.float64] | None) -> float:
    if theirs is None or mine.shape != theirs.shape:
        return inf
    finite = np.isfinite(mine)
    mine, theirs = mine.astype(np.float64), theirs.astype(np.float64)
    if not np.array_equal(mine[~finite], theirs[~finite], equal_nan=True):
        return inf
    if not np.isfinite(theirs[finite]).all():
        return inf
    difference = np.abs(mine[finite] - theirs[finite]).max(initial=0.0)
    size = np.abs(mine[finite]).max(initial=0.0)
    return float(difference / size) if size else inf if difference else 0.0
