"""An ONNX file, and the weights inside."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # protobuf ships no types
from numpy.typing import NDArray
from onnx import numpy_helper

from specc.atomic import require_regular
from specc.backends.onnx import PROTOBUF_LIMIT, stored_name
from specc.diagnostics import ParityError, UsageError
from specc.ir.graph import Graph
from specc.ir.init import Fixed
from specc.ir.op import Parameter
from specc.verify.file.declared import dtype_of

PIECE = 2**20
"""Elements handed out at a time."""

SHOWN = 20
"""Faults named in one message; the rest is counted."""


def read_model(model: Path | bytes) -> onnx.ModelProto:
    """The model, its external data left where it is, its sparse tensors written out in full.

    Raises:
        UsageError: the file, or a sparse tensor, cannot be read, is cut short, or is no ONNX file.
    """
    name = "the model" if isinstance(model, bytes) else str(model)
    if isinstance(model, Path):
        require_regular(model)
    try:
        proto = onnx.load_from_string(model) if isinstance(model, bytes) else _load(model)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None
    except DecodeError:
        raise UsageError(f"{name} is no ONNX file, or is cut short") from None
    if not proto.ir_version or not proto.graph.node:
        raise UsageError(f"{name} is no ONNX file: it holds no network")
    folder = folder_of(model)
    proto.graph.initializer.extend(dense(tensor, folder) for tensor in proto.graph.sparse_initializer)
    del proto.graph.sparse_initializer[:]
    return proto


def folder_of(model: Path | bytes) -> Path:
    """Where the external data of a model lies."""
    return model.parent if isinstance(model, Path) else Path()


def _load(model: Path) -> onnx.ModelProto:
    """Whatever its name ends in, the file is protobuf: runtimes read no other format."""
    return onnx.load(model, format="protobuf", load_external_data=False)


def weights_of(model: Path, graph: Graph) -> FileWeights:
    """The weights inside an ONNX file, found by the graph's parameter paths.

    A tensor may be stored in another shape with the same elements (prelu's slope as (C, 1, 1)).

    Raises:
        UsageError: the file or its external data cannot be read, or it is no ONNX file.
        ParityError: it lacks tensors, or holds some of another size or type, with NaN or infinity, or other
            numbers than those that the spec fixes. One message lists them all; there are no checks to hold.
    """
    proto = read_model(model)
    weights = FileWeights(proto, model.parent)
    faults = [fault for path, p in graph.state if (fault := weights.fault(path, p))]
    if faults:
        more = f"\n  and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        listed = "\n  ".join(faults[:SHOWN])
        advice = _advice(weights, graph)
        raise ParityError(f"the weights in {model} do not fit the spec:\n  {listed}{more}{advice}", None)
    return weights


def _advice(weights: FileWeights, graph: Graph) -> str:
    """What to do where the file lacks tensors; a missing batch norm is usually folded into the layer before it."""
    if all(weights.holds(path, parameter) or parameter.integer for path, parameter in graph.state):
        return ""
    return (
        "\nA file from elsewhere may fold, rename or share them. Say what they should be, with --weights FILE or "
        "--seed N: then the file is proven against those, and every tensor is looked for by its numbers"
    )


class FileWeights:
    """The initializers of an ONNX model, as `specc.weights.Weights`. Made by `weights_of`."""

    def __init__(self, proto: onnx.ModelProto, folder: Path) -> None:
        self._stored = {tensor.name: tensor for tensor in proto.graph.initializer}
        self._folder = folder

    def chunks(self, path: str, parameter: Parameter) -> Iterator[NDArray[np.float32] | NDArray[np.int64]]:
        values = self._values(path, parameter)
        for start in range(0, values.size, PIECE):
            yield values[start : start + PIECE]

    def holds(self, path: str, parameter: Parameter) -> bool:
        """Whether there is a tensor of that name."""
        return stored_name(path, parameter) in self._stored

    def fault(self, path: str, parameter: Parameter) -> str | None:
        """What is wrong with one tensor, in words; None where nothing is. Raises UsageError if unreadable."""
        stored = self._stored.get(stored_name(path, parameter))
        if stored is None:
            return None if parameter.integer else f"{path} is missing"
        dtype, wanted = dtype_of(stored.data_type), "int64" if parameter.integer else "float32"
        if dtype != wanted:
            return f"{path} is {dtype}, not {wanted}"
        if int(np.prod(stored.dims)) != int(np.prod(parameter.shape)):
            return f"{path} has shape {tuple(stored.dims)}, the spec's has {parameter.shape}"
        return _value_fault(path, parameter, self._values(path, parameter))

    def _values(self, path: str, parameter: Parameter) -> NDArray[np.float32] | NDArray[np.int64]:
        name = stored_name(path, parameter)
        if name not in self._stored:  # an integer tensor: a step counter that inference does not need
            return np.zeros(parameter.shape, np.int64).reshape(-1)
        return read_tensor(self._stored[name], self._folder, path).reshape(-1)


def read_tensor(stored: onnx.TensorProto, folder: Path, name: str) -> NDArray[Any]:
    """The numbers of a tensor, which may lie in a file of ``folder``. Raises UsageError where they cannot be read."""
    try:
        return numpy_helper.to_array(stored, str(folder))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise UsageError(f"{name} cannot be read: {' '.join(str(error).split())}") from None


def dense(sparse: onnx.SparseTensorProto, folder: Path) -> onnx.TensorProto:
    """A sparse tensor in full: its indices are places in the flat tensor, or one number for each axis."""
    name = sparse.values.name
    values, places = (read_tensor(part, folder, name) for part in (sparse.values, sparse.indices))
    if prod(sparse.dims) * values.itemsize > PROTOBUF_LIMIT:
        raise UsageError(f"{name} cannot be read: sparse as it is, it has more than 2 GB when written out in full")
    try:
        whole = np.zeros(tuple(sparse.dims), values.dtype)
        whole[tuple(places.T) if places.ndim == 2 else np.unravel_index(places, whole.shape)] = values
    except (IndexError, ValueError) as error:
        raise UsageError(f"{name} cannot be read: {error}") from None
    return numpy_helper.from_array(whole, name)


def _value_fault(path: str, parameter: Parameter, values: NDArray[np.float32] | NDArray[np.int64]) -> str | None:
    if not np.isfinite(values).all():
        return f"{path} holds NaN or infinity"
    fixed = parameter.init if isinstance(parameter.init, Fixed) and not parameter.trainable else None
    if fixed and not np.array_equal(values, np.asarray(fixed.values, np.float32)):
        return f"{path} is not the constant that the spec gives"
    return None
