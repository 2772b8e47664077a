"""The tensors of a model, wherever they are: read one at a time, found by name or by size, compared by their bits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import uses_external_data

from specc.backends.onnx import initializer_name
from specc.ir.op import Parameter
from specc.onnxfile.inlining import constant_tensors, values_taken
from specc.onnxfile.tensor_data import BITS, Place, bytes_at, numbers_at, place_of, read_tensor, readable

PROBES = 16
"""Elements that are looked at before a tensor is compared as a whole."""

MOST_PADDING = 16
"""Runtimes fill channels up to a block of this size at most."""

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)

SAME_NUMBERS = frozenset({"Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"})
"""Operators whose result has the numbers of their first input."""

Values = NDArray[Any]


def dtype_name(number: int) -> str:
    """``float32``; of what is no tensor or no known type, what ONNX calls it."""
    if number == TensorProto.STRING:
        return "string"
    # What numpy has not, older releases of onnx map to float32.
    if number == TensorProto.BFLOAT16:
        return "bfloat16"
    if number in TensorProto.DataType.values() and number != TensorProto.UNDEFINED:
        return str(helper.tensor_dtype_to_np_dtype(number).name)
    return f"type {number}"


# ---- written out --------------------------------------------------------------------------------------------


def copy_with_data(whole: TensorProto, tensor: TensorProto, folder: Path) -> None:
    """Make ``whole``, which a message may hold already, a copy of the tensor with its numbers in it.

    Raises:
        UsageError: as `read_tensor`.
    """
    whole.CopyFrom(tensor)
    if not uses_external_data(tensor):
        return
    with readable(tensor.name):
        whole.raw_data = bytes_at(place_of(tensor, folder))
    whole.ClearField("external_data")
    whole.data_location = TensorProto.DEFAULT


def dense(sparse: onnx.SparseTensorProto, folder: Path) -> TensorProto:
    """A sparse tensor in full: its indices are places in the flat tensor, or one number for each axis.

    Raises:
        UsageError: it cannot be read.
    """
    name = sparse.values.name
    values, places = (read_tensor(part, folder, name) for part in (sparse.values, sparse.indices))
    with readable(name):
        if sparse.values.data_type not in BITS:
            raise ValueError("of texts there is no sparse tensor")
        whole = np.zeros(tuple(sparse.dims), values.dtype)
        whole[tuple(places.T) if places.ndim == 2 else np.unravel_index(places, whole.shape)] = values
    return numpy_helper.from_array(whole, name)


# ---- finding ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FileTensor:
    """A tensor of the file: an initializer, or what a Constant node gives.

    Numbers in another file are read anew each time, since that may be larger than memory; `probes` and `bit_sum` are
    computed once, 17 numbers that spare most comparisons the reading.

    Attributes:
        proto: its message, without its numbers where these lie in another file, or were left in this one.
        folder: where other files are looked for.
        place: where in this file its numbers are, where the message lacks them.
    """

    name: str
    proto: TensorProto
    folder: Path
    place: Place | None = None

    @property
    def size(self) -> int:
        return prod(self.proto.dims)

    @property
    def dtype(self) -> str:
        return dtype_name(self.proto.data_type)

    @property
    def is_float32(self) -> bool:
        return bool(self.proto.data_type == TensorProto.FLOAT)

    @property
    def is_floating(self) -> bool:
        return self.proto.data_type in FLOATS

    def values(self) -> Values:
        """In the file's shape and type. Raises UsageError as `read_tensor`."""
        return read_tensor(self.proto, self.folder, self.name) if self.place is None else self._left

    @cached_property
    def _left(self) -> Values:
        """Those that were left in the file, read once: all of them are less than the message would have been."""
        assert self.place is not None
        with readable(self.name):
            numbers = numbers_at(self.place, self.proto)
        numbers.flags.writeable = False
        return numbers

    def whole(self, message: TensorProto | None = None) -> TensorProto:
        """Its message with its numbers in it; ``message`` is made that, where there is one.

        Raises:
            UsageError: as `read_tensor`.
        """
        whole = TensorProto() if message is None else message
        if self.place is None:
            copy_with_data(whole, self.proto, self.folder)
            return whole
        whole.CopyFrom(self.proto)
        with readable(self.name):
            whole.raw_data = bytes_at(self.place)
        return whole

    @cached_property
    def probes(self) -> Values:
        return np.asarray(probed(self.values().reshape(-1)), np.float64)

    @cached_property
    def bit_sum(self) -> int:
        return bit_sum(self.values())


class TensorIndex:
    """The tensors that the nodes of a file really use, by name and by number of elements.

    Attributes:
        on_data: the names of those that meet the network's data: what takes them, transposed or reshaped at most, takes
            a value too that depends on an input. Others are only what tensors are computed from.
    """

    def __init__(
        self,
        nodes: Iterable[onnx.NodeProto],
        initializers: Iterable[FileTensor],
        folder: Path,
        inputs: set[str],
        outputs: set[str],
    ) -> None:
        nodes = tuple(nodes)
        used = {name for node in nodes for name in values_taken(node)} | outputs
        tensors = (*initializers, *_constants(nodes, folder))
        self._by_name = {tensor.name: tensor for tensor in tensors if tensor.name in used}
        self._by_size: dict[int, list[FileTensor]] = {}
        for tensor in self._by_name.values():
            self._by_size.setdefault(tensor.size, []).append(tensor)
        self._with_bias = [node for node in nodes if len(node.input) > 2]
        self._origins: dict[str, str] = {}
        self.on_data: set[str] = set()
        data = set(inputs)
        for node in nodes:
            if node.op_type in SAME_NUMBERS and node.input:
                self._origins.update(dict.fromkeys(node.output, self._origin(node.input[0])))
            values = values_taken(node)
            if not data.isdisjoint(values):
                data.update(node.output)
                self.on_data.update(map(self._origin, values))

    def named(self, path: str, parameter: Parameter) -> FileTensor | None:
        """The tensor of that path, as specc or another calls it."""
        return self._by_name.get(initializer_name(path, parameter)) or self._by_name.get(path)

    def of_size(self, size: int) -> Iterator[FileTensor]:
        """The floating-point tensors of so many elements."""
        return (tensor for tensor in self._by_size.get(size, ()) if tensor.is_floating)

    def padded_from(self, size: int) -> Iterator[FileTensor]:
        """The floating-point tensors of so many elements or up to `MOST_PADDING` times as many."""
        sizes = (other for other in self._by_size if size <= other <= MOST_PADDING * size)
        return (tensor for other in sizes for tensor in self.of_size(other))

    def biases_of(self, weight: FileTensor) -> list[FileTensor]:
        """The biases that the file applies together with ``weight``: one, but where layers share their weight."""
        names = [self._origin(n.input[2]) for n in self._with_bias if self._origin(n.input[1]) == weight.name]
        return [self._by_name[name] for name in names if name in self._by_name]

    def quantised(self, name: str, size: int) -> FileTensor | None:
        """What tools that quantise make of the tensor ``name``: integers under its name with an ending."""
        others = (tensor for tensor in self._by_size.get(size, ()) if tensor.name.startswith(name))
        return next((tensor for tensor in others if not tensor.is_floating), None)

    def _origin(self, name: str) -> str:
        """The tensor that a value is, transposed or reshaped at most."""
        return self._origins.get(name, name)


def _constants(nodes: Iterable[onnx.NodeProto], folder: Path) -> Iterator[FileTensor]:
    """What Constant nodes give, sparse tensors and plain numbers too, by the names of their values."""
    for name, tensor in constant_tensors(nodes):
        yield FileTensor(name, tensor, folder)
    for node in nodes:
        for attribute in node.attribute if node.op_type == "Constant" and node.output else ():
            if attribute.name == "sparse_value":
                yield FileTensor(node.output[0], dense(attribute.sparse_tensor, folder), folder)
            elif attribute.name in {"value_float", "value_floats"}:
                plain = attribute.f if attribute.name == "value_float" else attribute.floats
                numbers = np.asarray(plain, np.float32)
                yield FileTensor(node.output[0], numpy_helper.from_array(numbers), folder)


def probed(flat: Values) -> Values:
    """Evenly spread elements of a flat tensor."""
    return flat[np.linspace(0, max(flat.size - 1, 0), min(PROBES, flat.size)).astype(np.intp)]


def bits(values: Values) -> Values:
    """The elements as float32, by their bits: NaN is equal to itself, and 0.0 is not -0.0."""
    return np.ascontiguousarray(values, np.float32).reshape(-1).view(np.uint32)


def bit_sum(values: Values) -> int:
    """A number that does not depend on the order of the elements: the sum of their bits."""
    return int(bits(values).sum(dtype=np.uint64))
