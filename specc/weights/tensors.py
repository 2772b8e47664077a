"""Where weights come from, seen from those who need them: one tensor at a time, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from specc.ir.op import Parameter

Array = npt.NDArray[Any]

State = tuple[tuple[str, Parameter], ...]
"""Every tensor of a network with its path: `specc.ir.graph.Graph.state`."""

CHUNK = 1 << 16
"""Elements in a piece: its float64 intermediates (512 KiB) stay in a core's cache. At most 2**20."""


class Weights(Protocol):
    """A source of tensors."""

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        """The elements of one tensor in row-major order, in flat pieces of at most 2**20 elements.

        Args:
            path: the tensor's key in the state dict, ``conv1.weight``.
            parameter: its shape and kind; the pieces are float32, or int64 where it is ``integer``.

        Raises:
            UsageError: where the source cannot give the tensor as it must be.
        """


def tensor(weights: Weights, path: str, parameter: Parameter) -> Array:
    """The whole tensor, in its shape."""
    whole = np.empty(prod(parameter.shape), element_type(parameter))
    start = 0
    for piece in weights.chunks(path, parameter):
        whole[start : start + piece.size] = piece
        start += piece.size
    if start != whole.size:
        raise ValueError(f"{path}: {start} elements came for shape {parameter.shape}")
    return whole.reshape(parameter.shape)


def element_type(parameter: Parameter) -> np.dtype[Any]:
    """How the tensor is stored, little-endian as in every file format it goes to."""
    return np.dtype("<i8" if parameter.integer else "<f4")


def pieces(parameter: Parameter) -> Iterator[tuple[int, int]]:
    """Start and end (exclusive) of each piece of the flat tensor."""
    return spans(prod(parameter.shape))


def spans(size: int) -> Iterator[tuple[int, int]]:
    """Start and end (exclusive) of each piece of ``size`` elements."""
    return ((start, min(start + CHUNK, size)) for start in range(0, size, CHUNK))


def size_in_bytes(parameter: Parameter) -> int:
    return prod(parameter.shape) * element_type(parameter).itemsize
