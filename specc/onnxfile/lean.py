"""A large file parsed without the numbers of its large tensors, which stay where they are.

Protobuf reads a message as a whole: VGG16's 553 MB, and as much again for their bytes; and each look at a tensor copies
that one once more. But a message is the sequence of its fields, each with its length before it. So the numbers are
passed over, and are read from the file when they are asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # protobuf ships no types
from onnx import GraphProto, ModelProto, TensorProto

from specc.backends.onnx import varint
from specc.onnxfile.tensor_data import Place

LARGE_FILE = 2**26
"""Bytes of a file from which on it is parsed so: a smaller one is sooner parsed as a whole than looked through."""

LARGE_TENSOR = 2**16
"""Bytes of numbers from which on they stay in the file."""

WAY = (ModelProto.GRAPH_FIELD_NUMBER, GraphProto.INITIALIZER_FIELD_NUMBER, TensorProto.RAW_DATA_FIELD_NUMBER)
"""The fields that lead to the numbers of an initializer."""

LENGTHS = {1: 8, 5: 4}
"""Bytes of a field by its wire type, where they are always as many."""


def parse_lean(path: Path) -> tuple[ModelProto, dict[int, Place]] | None:
    """The message, and where the numbers are that it lacks, by the places of their initializers among all.

    None where the file is not large, or is no sequence of fields: who parses it as a whole says what is wrong with it.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if size < LARGE_FILE:
        return None
    with path.open("rb") as file:
        reader = _WireReader(file, path)
        try:
            return ModelProto.FromString(reader.message(size, WAY)), reader.places
        except (ValueError, DecodeError):
            return None


class _WireReader:
    """Reads a file field by field.

    Attributes:
        places: of what was passed over, so far.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._initializers = 0
        self.places: dict[int, Place] = {}

    def message(self, end: int, way: tuple[int, ...]) -> bytes:
        """The message from here to ``end`` without large fields at the end of the ``way``. Raises ValueError."""
        field, *further = way
        kept = bytearray()
        while self._file.tell() < end:
            tag = self._number()
            number, wire_type = tag >> 3, tag & 7
            kept += varint(tag)
            if wire_type == 0:
                kept += varint(self._number())
                continue
            if wire_type in LENGTHS:
                kept += self._bytes(LENGTHS[wire_type], end)
                continue
            if wire_type != 2:
                raise ValueError(f"field {number} has wire type {wire_type}")
            length = self._number()
            if number != field or (not further and length < LARGE_TENSOR):
                kept += varint(length) + self._bytes(length, end)
            elif further:
                if self._file.tell() + length > end:
                    raise ValueError("a message ends behind the one that it is in")
                inner = self.message(self._file.tell() + length, tuple(further))
                kept += varint(len(inner)) + inner
                self._initializers += len(further) == 1
            else:
                offset = self._file.tell()
                if offset + length > end or self._initializers in self.places:
                    raise ValueError("numbers that are not whole, or twice there")
                self._file.seek(offset + length)
                self.places[self._initializers] = Place(self._path, offset, length)
                kept += varint(0)  # the field is there, and empty
        return bytes(kept)

    def _number(self) -> int:
        """Protobuf's base-128 number: seven bits a byte, least significant first."""
        number = shift = 0
        while True:
            (byte,) = self._file.read(1) or b"\xff" * 2  # at the end of the file: ValueError
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            if (shift := shift + 7) > 63:
                raise ValueError("a number has more than 64 bits")

    def _bytes(self, length: int, end: int) -> bytes:
        data = self._file.read(length) if self._file.tell() + length <= end else b""
        if len(data) != length:
            raise ValueError("a field is cut short")
        return data
