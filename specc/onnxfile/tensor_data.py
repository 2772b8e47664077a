"""The numbers of a tensor, in its message or in a file beside the model.

ONNX names a file beside the model, an offset and a length: https://onnx.ai/onnx/repo-docs/ExternalData.html
A file from a stranger may name any other, so a location is looked at before anything asks the system for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.external_data_helper import uses_external_data

from specc.atomic import require_regular
from specc.diagnostics import UsageError
from specc.diagnostics.words import system_reason

PLAIN: dict[int, str] = {
    TensorProto.FLOAT: "<f4",
    TensorProto.DOUBLE: "<f8",
    TensorProto.FLOAT16: "<f2",
    TensorProto.INT64: "<i8",
}
"""Types of which NumPy reads the numbers as they lie in a file."""

LONGEST_NAME = 255
"""Bytes of a name in a folder, on the file systems that there are."""

LONGEST_PATH = 1000
"""Characters of a path: with the folder before it, it has to be one that the system takes."""

_NAMES = {
    2: "INT2 UINT2",
    4: "INT4 UINT4 FLOAT4E2M1",
    8: "INT8 UINT8 BOOL FLOAT8E4M3FN FLOAT8E4M3FNUZ FLOAT8E5M2 FLOAT8E5M2FNUZ FLOAT8E8M0",
    16: "INT16 UINT16 FLOAT16 BFLOAT16",
    32: "INT32 UINT32 FLOAT",
    64: "INT64 UINT64 DOUBLE COMPLEX64",
    128: "COMPLEX128",
}
_BITS = {name: bits for bits, names in _NAMES.items() for name in names.split()}
BITS: dict[int, int] = {number: _BITS[name] for name, number in TensorProto.DataType.items() if name in _BITS}
"""Bits of an element by its type, as far as the onnx that is installed has it; a text has no fixed size."""


# ---- where they are -----------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where in a file numbers lie, in bytes."""

    path: Path
    offset: int
    length: int


def size_in_bytes(tensor: TensorProto) -> int:
    """Of all numbers of the tensor. Raises ValueError where its elements have no fixed size."""
    if tensor.data_type not in BITS:
        raise ValueError(f"of elements of type {tensor.data_type} it is not known how large they are")
    bits: int = prod(tensor.dims) * BITS[tensor.data_type]
    return -(-bits // 8)


class DataReference(NamedTuple):
    """What a tensor says of where its numbers are: a file, relative to the folder of the model, and bytes of it.

    Attributes:
        length: 0 where it is not said.
    """

    location: str
    offset: int
    length: int


def reference_of(tensor: TensorProto) -> DataReference:
    """Read without a look at the disk.

    Raises:
        ValueError: no file is named, or one that cannot be, or that is not in that folder; a number is none.
    """
    entries = {entry.key: entry.value for entry in tensor.external_data}  # of equal keys the last one counts
    location = entries.get("location", "")
    if not location:
        raise ValueError("no file is named that its numbers are in")
    parts = location.replace("\\", "/").split("/")
    if location.startswith("/") or ".." in parts or os.path.isabs(location):
        raise ValueError(f"its numbers are said to be in {location}, which leads out of the folder of the model")
    longest = max(len(os.fsencode(part)) for part in parts)
    if "\0" in location or longest > LONGEST_NAME or len(location) > LONGEST_PATH:
        shown = location if len(location) <= 40 else f"{location[:40]}…"
        raise ValueError(f"its numbers are said to be in {shown}, and no file has such a name")
    numbers = []
    for key in ("offset", "length"):
        text = entries.get(key) or "0"
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise ValueError(f"the {key} of its numbers in {location} is {text[:40]!r}, which is no number of bytes")
        numbers.append(int(text))
    return DataReference(location, *numbers)


def place_of(tensor: TensorProto, folder: Path) -> Place:
    """Where the numbers of a tensor are that lie in a file of ``folder``.

    Raises:
        ValueError: as `reference_of`; the length is not what the shape takes; a symbolic link leads out of the folder.
    """
    location, offset, length = reference_of(tensor)
    size = size_in_bytes(tensor)
    if length not in (0, size):
        raise ValueError(f"it has {length:,} bytes in {location}, and its shape takes {size:,}")
    path, real = folder / location, os.path.realpath(folder / location)
    if not Path(real).is_relative_to(os.path.realpath(folder)):
        raise ValueError(f"its numbers are in {location}, and links lead from there out of the folder of the model")
    return Place(path, offset, size)


def require_size(place: Place) -> None:
    """Raises ValueError where the file is shorter, OSError where there is none: before room is made for numbers."""
    require_regular(place.path)
    size, end = place.path.stat().st_size, place.offset + place.length
    if size < end:
        raise ValueError(f"{place.path} is cut short: the numbers end at byte {end:,} of it, and it has {size:,}")


def bytes_at(place: Place) -> bytes:
    """What stands there. Raises as `require_size`."""
    require_size(place)
    with place.path.open("rb") as file:
        file.seek(place.offset)
        return file.read(place.length)


# ---- read ---------------------------------------------------------------------------------------------------


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn what onnx and numpy raise for a damaged or missing tensor into a `UsageError`."""
    name = name or "a tensor without a name"
    try:
        yield
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.filename}: {system_reason(error)}") from None
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # what NumPy and onnx raise of any damage
        raise UsageError(f"{name} cannot be read: {' '.join(str(error).split())}") from None


def read_tensor(tensor: TensorProto, folder: Path, name: str) -> NDArray[Any]:
    """The numbers of a tensor, which may lie in a file of ``folder``.

    Raises:
        UsageError: they cannot be read: the file is not there, or is too short; the tensor is of no known type.
    """
    with readable(name):
        if tensor.data_type == TensorProto.UNDEFINED:
            raise ValueError("it does not say of which type its numbers are")
        if not uses_external_data(tensor):
            return numpy_helper.to_array(tensor)
        return numbers_at(place_of(tensor, folder), tensor)


def numbers_at(place: Place, tensor: TensorProto) -> NDArray[Any]:
    """The numbers of a tensor whose message lacks them. Raises OSError and ValueError where they are not there."""
    if tensor.data_type not in PLAIN:
        whole = TensorProto(data_type=tensor.data_type, dims=tensor.dims, raw_data=bytes_at(place))
        return numpy_helper.to_array(whole)
    dtype, shape = np.dtype(PLAIN[tensor.data_type]), tuple(tensor.dims)
    require_size(place)  # NumPy would make room for as many as there should be
    # NumPy asks the system for large pages: a tenth of the time that a bytes object of this size takes.
    return np.fromfile(place.path, dtype, place.length // dtype.itemsize, offset=place.offset).reshape(shape)
