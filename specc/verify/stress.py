"""The given file with random weights in it: what ones, zeros and tiny scales hide comes out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np
import onnx
from onnx import external_data_helper, numpy_helper

from specc.backends.onnx import serialise, stored_name
from specc.ir.graph import Graph
from specc.ir.init import Constant, Fixed
from specc.ir.op import Parameter
from specc.verify.cases import is_large
from specc.verify.file.reading import read_model
from specc.weights import Array, Initialised, Randomised, Weights, tensor

SHOWN = 5
"""Tensors named in a note; the rest is counted."""

DATA = "model.data"


@dataclass(frozen=True)
class Mixed:
    """Random weights, but for the tensors ``kept`` as they were given.

    Attributes:
        seed: of the random ones.
        given: where the others come from.
        kept: their paths.
    """

    seed: int
    given: Weights
    kept: frozenset[str]

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        if path in self.kept:
            return self.given.chunks(path, parameter)
        return Randomised(self.seed).chunks(path, _unfixed(parameter))


def worthwhile(graph: Graph, weights: Weights) -> bool:
    """Whether a fault may hide behind ``weights``, and the proof with others is affordable.

    Constants hide faults always. Numbers from a file may too, and are replaced unless the network is large.
    """
    if isinstance(weights, Randomised):
        return False
    return _starts_constant(graph) or not (isinstance(weights, Initialised) or is_large(graph))


def left_out(graph: Graph, weights: Weights) -> str | None:
    """The note where weights from a file are not replaced because the network is large."""
    if isinstance(weights, Initialised | Randomised) or not _free(graph) or worthwhile(graph, weights):
        return None
    return "a large network: proven with the given weights alone"


@contextmanager
def randomised(
    graph: Graph, model: Path | bytes, weights: Weights, seed: int
) -> Iterator[tuple[Path | None, Weights, tuple[str, ...]]]:
    """A temporary copy of ``model`` in which every tensor that can be is random; nothing else is changed.

    Yields the copy (None where nothing can be replaced), the weights that it holds, and notes on the tensors
    that keep their numbers: those that the file does not hold by themselves, because they were folded into others.
    """
    proto = read_model(model)
    free = _free(graph)
    folder = model.parent if isinstance(model, Path) else Path()
    kept = _folded(free, proto, folder, weights)
    mixed = Mixed(seed, weights, frozenset(kept))
    if len(kept) == len(free):
        yield None, mixed, _note(kept)
        return
    with TemporaryDirectory(prefix="specc-") as temporary:
        path = Path(temporary, "model.onnx")
        chosen = {stored_name(name, p): (name, p) for name, p in free if name not in mixed.kept}
        _write(proto, chosen, mixed, folder, path)
        del proto
        yield path, mixed, _note(kept)


def _write(
    proto: onnx.ModelProto, chosen: dict[str, tuple[str, Parameter]], weights: Weights, folder: Path, path: Path
) -> None:
    """``proto`` with the ``chosen`` initializers replaced; what lies outside the file stays outside."""
    with path.with_name(DATA).open("wb") as data:
        for stored in proto.graph.initializer:
            outside = external_data_helper.uses_external_data(stored)
            if stored.name in chosen:
                _replace(stored, tensor(weights, *chosen[stored.name]))
            elif outside:
                external_data_helper.load_external_data_for_tensor(stored, str(folder))
            if outside:
                _move_out(stored, data)
    path.write_bytes(serialise(proto))


def _replace(stored: onnx.TensorProto, values: Array) -> None:
    new = onnx.TensorProto(name=stored.name, dims=stored.dims, data_type=stored.data_type)
    new.raw_data = values.astype("<f4", copy=False).tobytes()
    stored.CopyFrom(new)


def _move_out(stored: onnx.TensorProto, data: BinaryIO) -> None:
    external_data_helper.set_external_data(stored, DATA, offset=data.tell(), length=len(stored.raw_data))
    data.write(stored.raw_data)
    stored.ClearField("raw_data")


def _starts_constant(graph: Graph) -> bool:
    return any(isinstance(p.init, Constant | Fixed) for _, p in _free(graph))


def _free(graph: Graph) -> list[tuple[str, Parameter]]:
    """The tensors whose numbers may be others: all but counters and the constants of the spec."""
    return [(path, p) for path, p in graph.state if not p.integer and (p.trainable or not isinstance(p.init, Fixed))]


def _unfixed(parameter: Parameter) -> Parameter:
    """Trainable numbers that the spec gives, as a named constant: `Randomised` keeps fixed ones only."""
    if not (parameter.trainable and isinstance(parameter.init, Fixed)):
        return parameter
    values = set(parameter.init.values)
    return parameter.starting(Constant(values.pop() if len(values) == 1 else 0.0, "weight"))


def _folded(free: list[tuple[str, Parameter]], proto: onnx.ModelProto, folder: Path, weights: Weights) -> list[str]:
    """Tensors that the file does not hold by themselves.

    Where one is missing it was folded into others, which then hold other numbers than were given.
    """
    stored = {entry.name: entry for entry in proto.graph.initializer}
    there = {path: _fits(stored.get(stored_name(path, p)), p) for path, p in free}
    if all(there.values()):
        return []
    return [
        path
        for path, p in free
        if not there[path] or not _holds(stored[stored_name(path, p)], folder, tensor(weights, path, p))
    ]


def _fits(stored: onnx.TensorProto | None, parameter: Parameter) -> bool:
    """The parameter's own shape, or one with other axes of one element (prelu's slope)."""
    if stored is None or stored.data_type != onnx.TensorProto.FLOAT:
        return False
    return [d for d in stored.dims if d != 1] == [d for d in parameter.shape if d != 1]


def _holds(stored: onnx.TensorProto, folder: Path, values: Array) -> bool:
    return np.array_equal(numpy_helper.to_array(stored, str(folder)).reshape(-1), values.reshape(-1))


def _note(kept: list[str]) -> tuple[str, ...]:
    if not kept:
        return ()
    more = f" and {len(kept) - SHOWN} more" if len(kept) > SHOWN else ""
    names = ", ".join(kept[:SHOWN])
    return (f"the file does not hold {names}{more} as the spec does (folded?): proven with the given numbers alone",)
