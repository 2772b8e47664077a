"""Weights in safetensors files: https://huggingface.co/docs/safetensors, read and written in pieces.

A file is the length of the header (8 bytes, little-endian), the header (JSON: dtype, shape and place of
each tensor; padded with spaces), and the tensors without a gap between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open

from specc.diagnostics import UsageError
from specc.weights.tensors import Archive, Array, State, TensorEntry, Weights, damaged, encoded, size_in_bytes, spans

_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"} | {
    f"{letter}{bits}": f"{kind}{bits}" for letter, kind in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)
}
"""Their words for what may be read, and for whole numbers."""


def write_safetensors(file: BinaryIO, state: State, weights: Weights) -> None:
    """Write every tensor of ``state``, piece by piece: the same bytes every time.

    torch's strict ``load_state_dict(safetensors.torch.load_file(path))`` takes the file as it is.
    """
    ordered = sorted(state, key=lambda entry: not entry[1].integer)  # 8 bytes before 4: all are aligned
    entries: dict[str, object] = {}
    end = 0
    for path, parameter in ordered:
        start, end = end, end + size_in_bytes(parameter)
        dtype = "I64" if parameter.integer else "F32"
        entries[path] = {"dtype": dtype, "shape": parameter.shape, "data_offsets": (start, end)}
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    file.write(len(header).to_bytes(8, "little") + header)
    for path, parameter in ordered:
        file.writelines(encoded(weights, path, parameter))


@dataclass(frozen=True, kw_only=True)
class _Safetensors(Archive):
    """Plain reads, no memory map: mapped pages would count as this process's memory.

    ``starts`` are the tensors' first bytes, counted from the beginning of the file.
    """

    path: Path
    starts: Mapping[str, int]

    def pieces(self, name: str) -> Iterator[Array]:
        entry = self.entries[name]
        # NumPy has no bfloat16.
        dtype = np.dtype("<u2") if entry.dtype == "bfloat16" else np.dtype(entry.dtype).newbyteorder("<")
        with self.path.open("rb") as file:
            file.seek(self.starts[name])
            for start, stop in spans(prod(entry.shape)):
                piece = np.fromfile(file, dtype, stop - start)
                if piece.size < stop - start:
                    raise UsageError(f"cannot read {self.path}: it changed while it was being read")
                yield piece


def open_safetensors(path: Path) -> Archive:
    """The tensors of a file in the order in which their bytes lie: of specc's own files, the network's.

    The safetensors library sorts the tensors by dtype and name when it writes, which loses a network's order.

    Raises:
        UsageError: the file is damaged.
    """
    try:
        # The library proves that the header is true: sizes fit dtypes and shapes, and fill the file.
        with safe_open(path, framework="numpy"), path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
    except SafetensorError as error:
        reason = str(error).removeprefix("Error while deserializing header: ")
        raise damaged(path, "safetensors file", reason) from error
    header.pop("__metadata__", None)
    ordered = sorted(header.items(), key=lambda item: item[1]["data_offsets"][0])
    entries = {name: TensorEntry(_DTYPES.get(e["dtype"], e["dtype"]), tuple(e["shape"])) for name, e in ordered}
    starts = {name: 8 + length + e["data_offsets"][0] for name, e in ordered}
    of_dtype: dict[str, list[str]] = {}
    for name, entry in entries.items():
        of_dtype.setdefault(entry.dtype, []).append(name)
    is_sorted = all(names == sorted(names) for names in of_dtype.values())
    return _Safetensors(source=str(path), path=path, entries=entries, sorted_by_name=is_sorted, starts=starts)
