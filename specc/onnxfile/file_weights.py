"""The tensors of a file as a network's weights."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specc.backends.onnx import initializer_name
from specc.diagnostics import ParityError
from specc.ir.graph import Graph
from specc.ir.init import Fixed
from specc.ir.op import Parameter
from specc.onnxfile.file import OnnxFile, as_onnx_file
from specc.onnxfile.tensor_index import read_tensor

CHUNK = 2**20
"""Elements handed out at a time."""

SHOWN = 20
"""Faults named in one message; the rest is counted."""


def weights_of(model: OnnxFile | Path, graph: Graph) -> FileWeights:
    """The weights inside an ONNX file, found by the graph's parameter paths.

    A tensor may be stored in another shape with the same elements (prelu's slope as (C, 1, 1)).

    Raises:
        UsageError: the file or its external data cannot be read, or it is no ONNX file.
        ParityError: it lacks tensors, or holds some of another size or type, with NaN or infinity, or other
            numbers than those that the spec fixes. One message lists them all; there are no checks to hold.
    """
    file = as_onnx_file(model)
    weights = FileWeights(file)
    faults = [fault for path, p in graph.state if (fault := weights.fault(path, p))]
    if not faults:
        return weights
    more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
    advice = ""
    if not all(p.integer or initializer_name(path, p) in file.initializers for path, p in graph.state):
        # A batch norm that is missing is usually folded into the layer before it.
        advice = (
            "A file from elsewhere may fold, rename or share them. Say what they should be, with --weights FILE or "
            "--seed N: then the file is proven against those, and every tensor is looked for by its numbers"
        )
    headline = f"the weights in {file.name} do not fit the spec:"
    raise ParityError(headline, None, (*faults[:SHOWN], *more), advice)


class FileWeights:
    """The initializers of an ONNX file, as `specc.weights.Weights`. Made by `weights_of`."""

    def __init__(self, file: OnnxFile) -> None:
        self._initializers = file.initializers

    def chunks(self, path: str, parameter: Parameter) -> Iterator[NDArray[np.float32] | NDArray[np.int64]]:
        values = self._values(path, parameter)
        for start in range(0, values.size, CHUNK):
            yield values[start : start + CHUNK]

    def fault(self, path: str, parameter: Parameter) -> str | None:
        """What is wrong with one tensor, in words; None where nothing is. Raises UsageError if unreadable."""
        tensor = self._initializers.get(initializer_name(path, parameter))
        if tensor is None:
            return None if parameter.integer else f"{path} is missing"
        wanted = "int64" if parameter.integer else "float32"
        if tensor.dtype != wanted:
            return f"{path} is {tensor.dtype}, not {wanted}"
        if tensor.size != prod(parameter.shape):
            return f"{path} has shape {tuple(tensor.proto.dims)}, the spec's has {parameter.shape}"
        values = self._values(path, parameter)
        if not np.isfinite(values).all():
            return f"{path} holds NaN or infinity"
        fixed = parameter.init if isinstance(parameter.init, Fixed) and not parameter.trainable else None
        if fixed and not np.array_equal(values, np.asarray(fixed.values, np.float32)):
            return f"{path} is not the constant that the spec gives"
        return None

    def _values(self, path: str, parameter: Parameter) -> NDArray[np.float32] | NDArray[np.int64]:
        tensor = self._initializers.get(initializer_name(path, parameter))
        if tensor is None:  # an integer tensor: a step counter that inference does not need
            return np.zeros(parameter.shape, np.int64).reshape(-1)
        return read_tensor(tensor.proto, tensor.folder, path).reshape(-1)
