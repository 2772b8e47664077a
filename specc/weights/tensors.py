"""Tensors as numbers: `Weights` is a source of them, and `Archive` holds those that somebody named, in a file or not.

Both give a tensor in pieces, so that a network may be larger than memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from specc.diagnostics import UsageError
from specc.diagnostics.words import system_reason
from specc.ir.op import Parameter

Array = npt.NDArray[Any]

State = tuple[tuple[str, Parameter], ...]
"""Every tensor of a network with its path: `specc.ir.graph.Graph.state`."""

LONGEST_NAME = 100
"""Characters shown of a text that comes from a file."""

CHUNK = 1 << 18
"""Elements in a piece: 1 MiB, so that handing it from thread to thread costs nothing beside it. At most 2**20."""


class Weights(Protocol):
    """A source of tensors."""

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        """The elements of one tensor in row-major order, in flat pieces: of at most 2**20 elements where they are made
        for it, as a whole where it is in memory.

        Args:
            path: the tensor's key in the state dict, ``conv1.weight``.
            parameter: its shape and kind; the pieces are float32, or int64 where it is ``integer``.

        Raises:
            UsageError: where the source cannot give the tensor as it must be.
        """


def tensor(weights: Weights, path: str, parameter: Parameter) -> Array:
    """The whole tensor, in its shape: to be read, since it may be the source's own."""
    pieces = weights.chunks(path, parameter)
    whole, start = np.empty(prod(parameter.shape), element_type(parameter)), 0
    for piece in pieces:
        if piece.size == whole.size and piece.dtype == whole.dtype:
            return piece.reshape(parameter.shape)
        whole[start : start + piece.size] = piece
        start += piece.size
    if start != whole.size:
        raise ValueError(f"{path}: {start} elements came for shape {parameter.shape}")
    return whole.reshape(parameter.shape)


class InMemory:
    """Other weights, each tensor of which is drawn or read once and stays in memory: a proof asks for it many times.

    Args:
        most: bytes that may stay in memory; tensors beyond are drawn or read each time.
    """

    def __init__(self, weights: Weights, most: int = 2**30) -> None:
        self._weights = weights
        self._room = most
        self._tensors: dict[str, Array] = {}

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        if path not in self._tensors:
            size = prod(parameter.shape) * element_type(parameter).itemsize
            if size > self._room:
                return self._weights.chunks(path, parameter)
            self._room -= size
            self._tensors[path] = tensor(self._weights, path, parameter).reshape(-1)
        return iter((self._tensors[path],))


def element_type(parameter: Parameter) -> np.dtype[Any]:
    """How the tensor is stored, little-endian as in every file format it goes to."""
    return np.dtype("<i8" if parameter.integer else "<f4")


def size_in_bytes(parameter: Parameter) -> int:
    return prod(parameter.shape) * element_type(parameter).itemsize


def encoded(weights: Weights, path: str, parameter: Parameter) -> Iterator[memoryview]:
    """The tensor as every file format stores it, piece by piece, and no piece copied."""
    length = 0
    for piece in weights.chunks(path, parameter):
        data = np.ascontiguousarray(piece, element_type(parameter)).data
        length += data.nbytes
        yield data
    if length != size_in_bytes(parameter):
        raise ValueError(f"{path}: {length} bytes came for shape {parameter.shape}")


def spans(size: int) -> Iterator[tuple[int, int]]:
    """Start and end (exclusive) of each piece of ``size`` elements."""
    return ((start, min(start + CHUNK, size)) for start in range(0, size, CHUNK))


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor of an archive.

    Attributes:
        dtype: as NumPy and PyTorch call it (``float32``, ``bfloat16``), or the file's own word.
        shape: as it is there.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def counts(self) -> bool:
        """Whether it can be a ``num_batches_tracked``: one whole number."""
        return self.shape == () and self.dtype.startswith(("int", "uint"))


@dataclass(frozen=True, kw_only=True)
class Archive(ABC):
    """Tensors under the names that somebody gave them.

    Attributes:
        source: what messages call it: a file's path, or "the state dict".
        entries: its tensors by name, in its own order.
        sorted_by_name: its writer sorts the tensors by name, so that their order says nothing of the network's.
        notes: what its reader decided and the user should know.
        kind: what it is: a file, or a state dict.
    """

    source: str
    entries: Mapping[str, TensorEntry]
    sorted_by_name: bool = False
    notes: tuple[str, ...] = ()
    kind: str = "file"

    @abstractmethod
    def pieces(self, name: str) -> Iterator[Array]:
        """The elements of one tensor in row-major order, in flat pieces of at most `CHUNK`.

        They are of the entry's own dtype, in any byte order; NumPy knows no bfloat16: its 16 bits come as uint16.

        Raises:
            UsageError: the file cannot be read, is damaged, or has changed since it was opened.
        """


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the system's errors about a file into a `UsageError`."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot read {path}: {system_reason(error)}") from error


def damaged(path: Path, what: str, reason: object) -> UsageError:
    """The error for a file that begins like ``what`` and cannot be parsed as one."""
    return UsageError(f"cannot read {path}: it is no {what}, or damaged ({plain(' '.join(str(reason).split()))})")


def plain(text: str) -> str:
    """A text from a file, fit for a terminal: control characters are escaped, long texts cut."""
    shown = text if text.isprintable() else ascii(text)
    return shown if len(shown) <= LONGEST_NAME else shown[:LONGEST_NAME] + "…"
