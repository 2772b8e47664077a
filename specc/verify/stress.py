"""The given file with random weights in it: what ones, zeros and tiny scales hide comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np
import onnx
from onnx import external_data_helper

from specc.backends.onnx import serialise, stored_name
from specc.ir.graph import Graph
from specc.ir.init import Constant, Fixed
from specc.ir.op import Parameter
from specc.verify.cases import is_large
from specc.verify.file.reading import folder_of, read_model
from specc.verify.file.stored import Entry, probed
from specc.verify.steps.pieces import constants
from specc.weights import Array, Initialised, Randomised, Weights, tensor

SHOWN = 5
"""Tensors named in a note; the rest is counted."""

FOLDED = "as the spec does (folded, transposed or renamed?): proven with the given numbers alone"

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
    graph: Graph, model: Path | bytes, weights: Weights, seed: int, as_named: bool
) -> Iterator[tuple[Path | None, Weights, tuple[str, ...]]]:
    """A temporary copy of ``model`` in which every tensor that can be is random; nothing else is changed.

    Args:
        as_named: what stands in the file under the name of a tensor is known to be it.

    Yields the copy (None where nothing can be replaced), the weights that it holds, and notes on the tensors
    that keep their numbers: those that the file does not hold by themselves, because they were folded into others, or
    that cannot be told from others under a new name.
    """
    proto = read_model(model)
    free = _free(graph)
    folder = folder_of(model)
    stored = {name: Entry(name, found, folder) for name, found in _tensors(proto)}
    places = _places(free, stored, weights, as_named)
    del stored
    kept = [name for name, _ in free if name not in places]
    mixed = Mixed(seed, weights, frozenset(kept))
    if not places:
        yield None, mixed, _note(kept)
        return
    with TemporaryDirectory(prefix="specc-") as temporary:
        path = Path(temporary, "model.onnx")
        chosen = {places[name]: (name, p) for name, p in free if name in places}
        _write(proto, chosen, mixed, folder, path)
        del proto
        yield path, mixed, _note(kept)


def _write(
    proto: onnx.ModelProto, chosen: dict[str, tuple[str, Parameter]], weights: Weights, folder: Path, path: Path
) -> None:
    """``proto`` with the ``chosen`` tensors replaced; what lies outside the file stays outside."""
    with path.with_name(DATA).open("wb") as data:
        for name, stored in _tensors(proto):
            outside = external_data_helper.uses_external_data(stored)
            if name in chosen:
                _replace(stored, tensor(weights, *chosen[name]))
            elif outside:
                external_data_helper.load_external_data_for_tensor(stored, str(folder))
            if outside:
                _move_out(stored, data)
    path.write_bytes(serialise(proto))


def _tensors(proto: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """The initializers, and what the Constant nodes outside of functions give, with the names of their values."""
    yield from ((stored.name, stored) for stored in proto.graph.initializer)
    yield from constants(proto.graph.node)


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


def _places(
    free: list[tuple[str, Parameter]], stored: Mapping[str, Entry], weights: Weights, as_named: bool
) -> dict[str, str]:
    """What the tensors are called in the file, by path; those that it does not hold by themselves are left out.

    Where one is missing, it was renamed, or folded into others, which then hold other numbers than were given, or the
    file has one tensor for two of equal numbers: such a one is left out too.
    """
    own = {path: stored_name(path, p) for path, p in free}
    named = all(_fits(stored.get(own[path]), p) for path, p in free)
    if named and as_named:
        return own
    held = {path: own[path] for path, p in free if _holds(stored.get(own[path]), p, tensor(weights, path, p))}
    rest = [entry for name, entry in stored.items() if name not in held.values()]
    moved = {path: _moved(own[path], p, rest, tensor(weights, path, p)) for path, p in free if path not in held}
    if named and not any(moved.values()):
        return own
    uses = Counter(moved.values())
    places = held | {path: place for path, place in moved.items() if place and uses[place] == 1}
    missing = [tensor(weights, path, p) for path, p in free if path not in places]
    return {path: place for path, place in places.items() if not any(_is(stored[place], x) for x in missing)}


def _moved(own: str, parameter: Parameter, others: Iterable[Entry], wanted: Array) -> str | None:
    """The tensor with these numbers whose name ends in the ``own`` one; else the only one that has them.

    Equal numbers, as norms start with, may be anybody's.
    """
    alike = [entry.name for entry in others if _holds(entry, parameter, wanted)]
    ending = [name for name in alike if name.endswith(own) and not name.removesuffix(own)[-1:].isalnum()]
    chosen = ending or (alike if np.ptp(wanted) else [])
    return chosen[0] if len(chosen) == 1 else None


def _fits(entry: Entry | None, parameter: Parameter) -> bool:
    """The parameter's own shape, or one with other axes of one element (prelu's slope)."""
    if entry is None or not entry.is_single:
        return False
    return [d for d in entry.proto.dims if d != 1] == [d for d in parameter.shape if d != 1]


def _holds(entry: Entry | None, parameter: Parameter, wanted: Array) -> bool:
    if entry is None or not _fits(entry, parameter):
        return False
    return _is(entry, wanted)


def _is(entry: Entry, wanted: Array) -> bool:
    """Whether the tensor has these numbers, in any shape."""
    near = np.array_equal(entry.probes, probed(wanted.reshape(-1)))
    return near and np.array_equal(entry.values().reshape(-1), wanted.reshape(-1))


def _note(kept: list[str]) -> tuple[str, ...]:
    if not kept:
        return ()
    more = f" and {len(kept) - SHOWN} more" if len(kept) > SHOWN else ""
    names = ", ".join(kept[:SHOWN])
    return (f"the file does not hold {names}{more} {FOLDED}",)
