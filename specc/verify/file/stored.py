"""The tensors that a file holds, wherever they are: found by name or by size, compared by their bits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from specc.backends.onnx import stored_name
from specc.ir.op import Parameter
from specc.verify.file.declared import dtype_of, fed
from specc.verify.file.reading import dense, read_tensor
from specc.verify.steps.pieces import constants, inlined, used

PROBES = 16
"""Elements that are looked at before a tensor is compared as a whole."""

PADDED = 16
"""Runtimes fill channels up to a block of this size at most."""

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)

SAME_NUMBERS = frozenset({"Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"})
"""Operators whose result has the numbers of their first input."""

Values = NDArray[Any]


@dataclass(frozen=True)
class Entry:
    """A tensor of the file: an initializer, or what a Constant node gives."""

    name: str
    proto: TensorProto
    folder: Path

    @property
    def size(self) -> int:
        return prod(self.proto.dims)

    @property
    def dtype(self) -> str:
        return dtype_of(self.proto.data_type)

    @property
    def is_single(self) -> bool:
        return bool(self.proto.data_type == TensorProto.FLOAT)

    def values(self) -> Values:
        """In the file's shape and type. Read anew each time: a file may be larger than memory."""
        return read_tensor(self.proto, self.folder, self.name)

    @cached_property
    def probes(self) -> Values:
        return np.asarray(probed(self.values().reshape(-1)), np.float64)

    @cached_property
    def content(self) -> int:
        return content_of(self.values())


class FileTensors:
    """The tensors that the nodes of a file really use, by name and by number of elements.

    Attributes:
        met: the names of those that meet the network's data: what takes them, turned round or reshaped at most, takes
            a value too that depends on an input. Others are only what tensors are computed from.
    """

    def __init__(self, proto: onnx.ModelProto, folder: Path) -> None:
        nodes = tuple(inlined(proto))
        needed = {name for node in nodes for name in used(node)} | {value.name for value in proto.graph.output}
        found = [*proto.graph.initializer, *_constants(nodes, folder)]
        self.entries = {stored.name: Entry(stored.name, stored, folder) for stored in found if stored.name in needed}
        self._by_size: dict[int, list[Entry]] = {}
        for entry in self.entries.values():
            self._by_size.setdefault(entry.size, []).append(entry)
        self._users = [node for node in nodes if len(node.input) > 2]
        self._origins: dict[str, str] = {}
        self.met: set[str] = set()
        self._follow(nodes, {value.name for value in fed(proto)})

    def called(self, path: str, parameter: Parameter) -> Entry | None:
        """The tensor of that path, as specc or another calls it."""
        return self.entries.get(stored_name(path, parameter)) or self.entries.get(path)

    def of(self, size: int) -> Iterator[Entry]:
        """The floating-point tensors of so many elements."""
        return (entry for entry in self._by_size.get(size, ()) if entry.proto.data_type in FLOATS)

    def beside(self, weight: Entry) -> list[Entry]:
        """The biases that the file applies together with ``weight``: one, but where layers share their weight."""
        with_it = [node.input[2] for node in self._users if self._origin(node.input[1]) == weight.name]
        return [self.entries[name] for name in map(self._origin, with_it) if name in self.entries]

    def larger(self, size: int) -> Iterator[Entry]:
        """The floating-point tensors of so many elements or up to `PADDED` times as many."""
        sizes = (other for other in self._by_size if size <= other <= PADDED * size)
        return (entry for other in sizes for entry in self.of(other))

    def rounded(self, name: str, size: int) -> Entry | None:
        """What tools that quantise make of the tensor ``name``: integers under its name with an ending."""
        alike = (e for e in self._by_size.get(size, ()) if e.name.startswith(name) and e.proto.data_type not in FLOATS)
        return next(alike, None)

    def _follow(self, nodes: Iterable[onnx.NodeProto], data: set[str]) -> None:
        """Where values come from that are tensors in another place or shape, and which tensors meet ``data``."""
        for node in nodes:
            if node.op_type in SAME_NUMBERS and node.input:
                self._origins.update(dict.fromkeys(node.output, self._origin(node.input[0])))
            taken = used(node)
            if not data.isdisjoint(taken):
                data.update(node.output)
                self.met.update(map(self._origin, taken))

    def _origin(self, name: str) -> str:
        return self._origins.get(name, name)


def _constants(nodes: Sequence[onnx.NodeProto], folder: Path) -> Iterator[TensorProto]:
    """What Constant nodes give, sparse tensors and plain numbers too, by the names of their values."""
    for name, tensor in constants(nodes):
        constant = TensorProto()
        constant.CopyFrom(tensor)
        constant.name = name
        yield constant
    for node in nodes:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "sparse_value":
                whole = dense(attribute.sparse_tensor, folder)
                whole.name = node.output[0]
                yield whole
            elif attribute.name in {"value_float", "value_floats"}:
                numbers = np.asarray(onnx.helper.get_attribute_value(attribute), np.float32)
                yield numpy_helper.from_array(numbers, node.output[0])


def probed(flat: Values) -> Values:
    """Evenly spread elements of a flat tensor."""
    return flat[np.linspace(0, max(flat.size - 1, 0), min(PROBES, flat.size)).astype(np.intp)]


def bits(values: Values) -> Values:
    return np.ascontiguousarray(values, np.float32).reshape(-1).view(np.uint32)


def content_of(values: Values) -> int:
    """A number that does not depend on the order of the elements: the sum of their bits."""
    return int(bits(values).sum(dtype=np.uint64))
