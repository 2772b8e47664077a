"""The given file with random weights in it: what ones, zeros and tiny scales hide comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import numpy as np
from onnx import ModelProto, NodeProto, StringStringEntryProto, TensorProto
from onnx.external_data_helper import uses_external_data

from specc.backends.onnx import initializer_name, serialise
from specc.ir.graph import Graph
from specc.ir.init import Constant, Fixed
from specc.ir.op import Parameter
from specc.onnxfile import OnnxFile
from specc.onnxfile.inlining import constant_tensors, values_taken
from specc.onnxfile.tensor_index import FileTensor, probed
from specc.verify.cases import is_large
from specc.weights import Array, Initialised, Randomised, Weights, tensor

SHOWN = 5
"""Tensors named in a note; the rest is counted."""

FOLDED = "as the spec does (folded, shared, transposed or renamed?): proven with the given numbers alone"

DATA = "model.data"

LARGE_TENSOR = 2**20
"""Bytes from which on a tensor of the copy lies outside it, so that the file and its copy are not in memory twice."""


def is_worthwhile(graph: Graph, weights: Weights) -> bool:
    """Whether a fault may hide behind ``weights``, and the proof with others is affordable.

    Constants hide faults always. Numbers from a file may too, and are replaced unless the network is large.
    """
    if isinstance(weights, Randomised):
        return False
    starts_constant = any(isinstance(p.init, Constant | Fixed) for _, p in free(graph))
    return starts_constant or not (isinstance(weights, Initialised) or is_large(graph))


def not_worthwhile_note(graph: Graph, weights: Weights) -> tuple[str, ...]:
    """The note where weights from a file are not replaced because the network is large."""
    if isinstance(weights, Initialised | Randomised) or not free(graph) or is_worthwhile(graph, weights):
        return ()
    return ("a large network: proven with the given weights alone",)


@dataclass(frozen=True)
class PartlyRandom:
    """Random weights, but for some tensors.

    Attributes:
        seed: of the random ones.
        others: where those come from that are not random.
        unchanged: their paths.
    """

    seed: int
    others: Weights
    unchanged: frozenset[str]

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        if path in self.unchanged:
            return self.others.chunks(path, parameter)
        if parameter.trainable and isinstance(parameter.init, Fixed):
            # `Randomised` leaves fixed numbers as they are: trainable ones are the named constants of a spec here.
            values = set(parameter.init.values)
            parameter = parameter.with_init(Constant(values.pop() if len(values) == 1 else 0.0, "weight"))
        return Randomised(self.seed).chunks(path, parameter)


@contextmanager
def randomised(
    graph: Graph, file: OnnxFile, weights: Weights, seed: int, as_named: bool
) -> Iterator[tuple[OnnxFile | None, Weights, tuple[str, ...]]]:
    """A temporary copy of ``file`` in which every tensor that can be is random; nothing else is changed.

    Args:
        as_named: what stands in the file under the name of a tensor is known to be it.

    Yields the copy (None where nothing can be replaced), the weights that it holds, and notes on the tensors
    that keep their numbers: those that the file does not hold by themselves, because they were folded into others, or
    that cannot be told from others under a new name.
    """
    tensors = free(graph)
    names = _names_in_file(graph, file, weights, as_named)
    unchanged = [path for path, _ in tensors if path not in names]
    mixed = PartlyRandom(seed, weights, frozenset(unchanged))
    more = f" and {len(unchanged) - SHOWN} more" if len(unchanged) > SHOWN else ""
    notes = (f"the file does not hold {', '.join(unchanged[:SHOWN])}{more} {FOLDED}",) if unchanged else ()
    if not names:
        yield None, mixed, notes
        return
    with TemporaryDirectory(prefix="specc-") as folder:
        replaced = {names[path]: (path, p) for path, p in tensors if path in names}
        yield _copy(file, replaced, mixed, Path(folder, "model.onnx")), mixed, notes


def free(graph: Graph) -> list[tuple[str, Parameter]]:
    """The tensors whose numbers may be others: all but counters and the constants of the spec."""
    return [(path, p) for path, p in graph.state if not p.integer and (p.trainable or not isinstance(p.init, Fixed))]


# ---- writing the copy ---------------------------------------------------------------------------------------


def _copy(file: OnnxFile, replaced: Mapping[str, tuple[str, Parameter]], weights: Weights, path: Path) -> OnnxFile:
    """The file written to ``path`` with other numbers in some tensors; what lay outside lies outside.

    Args:
        replaced: path and parameter of the numbers, by the name of the tensor.
    """
    proto = ModelProto()
    _merge(proto, file.proto, "graph")
    _merge(proto.graph, file.proto.graph, "initializer")
    with path.with_name(DATA).open("wb") as data:
        for stored in file.stored:
            numbers = _numbers(stored, replaced, weights)
            outside = uses_external_data(stored.proto) or len(numbers or b"") >= LARGE_TENSOR
            _fill(proto.graph.initializer.add(), stored.proto, numbers, data if outside else None)
        constants = zip(constant_tensors(file.proto.graph.node), constant_tensors(proto.graph.node), strict=True)
        for (name, original), (_, copy) in constants:
            numbers = _numbers(FileTensor(name, original, file.folder), replaced, weights)
            _fill(copy, original, numbers, data if uses_external_data(original) else None)
    path.write_bytes(serialise(proto))
    return OnnxFile(path, proto)


def _numbers(original: FileTensor, replaced: Mapping[str, tuple[str, Parameter]], weights: Weights) -> bytes | None:
    """The bytes of a tensor of the copy; None where they are written as typed numbers."""
    if original.name in replaced:
        return tensor(weights, *replaced[original.name]).astype("<f4", copy=False).tobytes()
    whole = original.whole()
    return whole.raw_data if whole.HasField("raw_data") else None


def _fill(copy: TensorProto, original: TensorProto, numbers: bytes | None, data: BinaryIO | None) -> None:
    """Make ``copy`` a tensor of ``numbers``, which go to ``data`` where there is such a file.

    A message never gives memory back: what lies outside has never been in it.
    """
    if numbers is None:
        copy.CopyFrom(original)
        return
    copy.CopyFrom(TensorProto(name=original.name, dims=original.dims, data_type=original.data_type))
    if data is None:
        copy.raw_data = numbers
        return
    copy.data_location = TensorProto.EXTERNAL
    for key, value in (("location", DATA), ("offset", data.tell()), ("length", len(numbers))):
        copy.external_data.append(StringStringEntryProto(key=key, value=str(value)))
    data.write(numbers)


def _merge(message: Any, other: Any, skipped: str) -> None:
    """Copy all fields of a protobuf message but one."""
    for field, value in other.ListFields():
        if field.name == skipped:
            continue
        if isinstance(value, str | bytes | int | float):
            setattr(message, field.name, value)
        elif hasattr(value, "CopyFrom"):
            getattr(message, field.name).CopyFrom(value)
        else:
            getattr(message, field.name).extend(value)


# ---- finding the tensors ------------------------------------------------------------------------------------


def _names_in_file(graph: Graph, file: OnnxFile, weights: Weights, as_named: bool) -> dict[str, str]:
    """What the tensors are called in the file, by path; those that it does not hold by themselves are left out.

    Where one is missing, it was renamed, or folded into others, which then hold other numbers than were given, or the
    file computes it from the tensor of another, as from the one matrix that an autoencoder has for both ways: such a
    one is left out too.
    """
    constants = ((name, FileTensor(name, t, file.folder)) for name, t in constant_tensors(file.proto.graph.node))
    tensors = {**file.initializers, **dict(constants)}
    of_graph = free(graph)
    own = {path: initializer_name(path, p) for path, p in of_graph}
    all_named = all(_fits(tensors.get(own[path]), p) for path, p in of_graph)
    if all_named and as_named:
        return own
    same = {path: own[path] for path, p in of_graph if _holds(tensors.get(own[path]), p, tensor(weights, path, p))}
    rest = [other for name, other in tensors.items() if name not in same.values()]
    moved = {path: _renamed(own[path], p, rest, tensor(weights, path, p)) for path, p in of_graph if path not in same}
    if all_named and not any(moved.values()):
        return own
    uses = Counter(moved.values())
    names = same | {path: name for path, name in moved.items() if name and uses[name] == 1}
    missing = [tensor(weights, path, p) for path, p in of_graph if path not in names]
    if not missing:
        return names
    here, there = Counter(node.path(p) for node in graph.nodes for p in node.parameters), _uses(file.nodes, tensors)
    alone = {path: name for path, name in names.items() if there[name] <= here[path]}
    return {path: name for path, name in alone.items() if not any(_is(tensors[name], x) for x in missing)}


def _uses(nodes: Iterable[NodeProto], tensors: Iterable[str]) -> Counter[str]:
    """How many nodes take a tensor, or what is computed of it, beside a value that depends on an input."""
    origins: dict[str, frozenset[str]] = {name: frozenset((name,)) for name in tensors}
    uses: Counter[str] = Counter()
    for node in nodes:
        values = [name for name in values_taken(node) if name]
        taken = frozenset[str]().union(*(origins[name] for name in values if name in origins))
        if all(name in origins for name in values):
            origins.update({name: origins.get(name, taken) for name in node.output})
        else:
            uses.update(taken)
    return uses


def _renamed(own: str, parameter: Parameter, others: Iterable[FileTensor], wanted: Array) -> str | None:
    """The tensor with these numbers whose name ends in the ``own`` one; else the only one that has them.

    Equal numbers, as norms start with, may be anybody's.
    """
    alike = [other.name for other in others if _holds(other, parameter, wanted)]
    ending = [name for name in alike if name.endswith(own) and not name.removesuffix(own)[-1:].isalnum()]
    chosen = ending or (alike if np.ptp(wanted) else [])
    return chosen[0] if len(chosen) == 1 else None


def _fits(found: FileTensor | None, parameter: Parameter) -> bool:
    """The parameter's own shape, or one with other axes of one element (prelu's slope)."""
    if found is None or not found.is_float32:
        return False
    return [d for d in found.proto.dims if d != 1] == [d for d in parameter.shape if d != 1]


def _holds(found: FileTensor | None, parameter: Parameter, wanted: Array) -> bool:
    return found is not None and _fits(found, parameter) and _is(found, wanted)


def _is(found: FileTensor, wanted: Array) -> bool:
    """Whether the tensor has these numbers, in any shape."""
    close = np.array_equal(found.probes, probed(wanted.reshape(-1)))
    return close and np.array_equal(found.values().reshape(-1), wanted.reshape(-1))
