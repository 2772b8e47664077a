"""Weights in NumPy's .npz files: a zip archive with a .npy file for each array.

The format of .npy: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO
from weakref import finalize
from zipfile import BadZipFile, ZipFile, ZipInfo

try:
    from lzma import LZMAError
except ImportError:  # Python may be built without it, and reads no such archive then
    LZMAError = EOFError  # type: ignore[assignment, misc]

import numpy as np
from numpy.lib import format as npy

from specc.weights.tensors import Archive, Array, TensorEntry, damaged, plain, spans

SUFFIX = ".npy"
_LONGEST_HEADER = 10_000  # bytes; NumPy itself trusts no longer one
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
UNREADABLE = (
    ArithmeticError,
    BadZipFile,
    EOFError,
    LookupError,
    LZMAError,
    NotImplementedError,  # a method of compression that Python has not
    RuntimeError,  # an encrypted member
    ValueError,
    struct.error,
    zlib.error,
)
"""What Python raises where an archive is damaged."""


@dataclass(frozen=True)
class _Member:
    """Where one array is, and how it is laid out behind its ``header`` bytes."""

    info: ZipInfo
    header: int
    shape: tuple[int, ...]
    column_major: bool
    dtype: np.dtype[np.generic]


@dataclass(frozen=True, kw_only=True)
class _Npz(Archive):
    """``zip`` stays open: opening it anew for each tensor would read its whole directory each time."""

    path: Path
    zip: ZipFile
    members: dict[str, _Member]

    def pieces(self, name: str) -> Iterator[Array]:
        member = self.members[name]
        with _understood(self.path), self.zip.open(member.info) as stream:
            stream.read(member.header)
            if member.column_major:
                # Row-major pieces of a column-major array come from all over the file: it is read whole.
                whole = _numbers(stream, member.dtype, prod(member.shape))
                flat = whole.reshape(member.shape, order="F").reshape(-1)
                yield from (flat[start:stop] for start, stop in spans(flat.size))
                return
            for start, stop in spans(prod(member.shape)):
                yield _numbers(stream, member.dtype, stop - start)


def open_npz(path: Path) -> Archive:
    """The arrays of an archive, in its order: that of the arguments of ``numpy.savez``.

    Only the headers are read. Nothing is ever unpickled, and no array is unpacked before its shape is known
    to fit.

    Raises:
        UsageError: the file is damaged, or holds something else than arrays.
    """
    with _understood(path), ExitStack() as closed_on_error:
        archive = closed_on_error.enter_context(ZipFile(path))
        members: dict[str, _Member] = {}
        for info in archive.infolist():
            name = info.filename.removesuffix(SUFFIX)
            if name in members:
                raise ValueError(f"{plain(name)} is in it twice")
            members[name] = _member(archive, info)
        closed_on_error.pop_all()
    entries = {name: TensorEntry(member.dtype.name, member.shape) for name, member in members.items()}
    opened = _Npz(source=str(path), path=path, entries=entries, zip=archive, members=members)
    # Where an error refers to both, the garbage collector may take the zip file first, which warns that it is open.
    finalize(opened, archive.close)
    return opened


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise damaged(path, ".npz file", error) from error


def _member(archive: ZipFile, info: ZipInfo) -> _Member:
    with archive.open(info) as stream:
        version = npy.read_magic(stream)
        if version not in _READERS:
            raise ValueError(f"{plain(info.filename)} is of version {version}")
        width = 2 if version == (1, 0) else 4
        length = stream.read(width)
        size = int.from_bytes(length, "little")
        if size > _LONGEST_HEADER:
            raise ValueError(f"the header of {plain(info.filename)} has {size} bytes")
        header = io.BytesIO(length + stream.read(size))
    try:
        shape, column_major, dtype = _READERS[version](header)
    except Exception as error:  # Python's tokenizer and parser read it, and fail in many ways
        raise ValueError(f"the header of {plain(info.filename)} cannot be understood") from error
    start = npy.MAGIC_LEN + width + size
    promised = start + prod(shape) * dtype.itemsize
    if not dtype.hasobject and info.file_size != promised:
        raise ValueError(f"{plain(info.filename)} has {info.file_size} bytes instead of {promised}")
    return _Member(info, start, shape, column_major, dtype)


def _numbers(stream: IO[bytes], dtype: np.dtype[np.generic], count: int) -> Array:
    data = stream.read(count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise EOFError("it ends within an array")
    return np.frombuffer(data, dtype)
