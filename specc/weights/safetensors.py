"""Weights in safetensors files: https://huggingface.co/docs/safetensors, read and written in pieces.

A file is the length of the header (8 bytes, little-endian), the header (JSON: dtype, shape and place of
each tensor; padded with spaces), and the tensors without a gap between them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open

from specc.diagnostics import UsageError
from specc.ir.init import Fixed
from specc.ir.op import Parameter
from specc.weights.streams import Initialised
from specc.weights.tensors import Array, Weights, element_type, pieces, size_in_bytes

State = tuple[tuple[str, Parameter], ...]
"""Every tensor of a network with its path: `specc.ir.graph.Graph.state`."""

_LISTED = 20
_NAME = 100
_CONSTANTS = Initialised(0)


def write_safetensors(file: BinaryIO, state: State, weights: Weights) -> None:
    """Write every tensor of ``state``, piece by piece: the same bytes every time.

    torch's strict ``load_state_dict(safetensors.torch.load_file(path))`` takes the file as it is.
    """
    ordered = sorted(state, key=lambda entry: not entry[1].integer)  # 8 bytes before 4: all are aligned
    header = json.dumps(_header(ordered), separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    file.write(len(header).to_bytes(8, "little") + header)
    for path, parameter in ordered:
        written = 0
        for piece in weights.chunks(path, parameter):
            written += file.write(piece.astype(element_type(parameter), copy=False).tobytes())
        if written != size_in_bytes(parameter):
            raise ValueError(f"{path}: {written} bytes came for shape {parameter.shape}")


def read_safetensors(path: Path, state: State) -> Weights:
    """The weights of a file, once it is known to hold exactly the tensors of ``state``.

    Only the header and the spec's frozen constants are read here, the rest when it is asked for.
    A missing ``num_batches_tracked`` is 0.

    Raises:
        UsageError: here, where the file cannot be read or does not fit, with all that is wrong;
            from ``chunks``, where a tensor holds NaN or infinity or the file has changed.
    """
    with _reading(path):
        if path.exists() and not path.is_file():
            raise UsageError(f"cannot read {path}: it is no regular file")
        weights = _File(path, _stamp(path), _places(path))
    _require_fit(path, weights.places, state)
    for name, parameter in state:
        if isinstance(parameter.init, Fixed) and not parameter.trainable:
            _require_same(weights, name, parameter)
    return weights


@dataclass(frozen=True, slots=True)
class _Place:
    """One tensor of a file; ``start`` is its first byte, counted from the beginning of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int


_Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class _File:
    """Plain reads, no memory map: mapped pages would count as this process's memory."""

    path: Path
    stamp: _Stamp
    places: dict[str, _Place]

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        if parameter.integer and path not in self.places:
            yield from _CONSTANTS.chunks(path, parameter)
            return
        place = self.places[path]
        if place.shape != parameter.shape:
            raise ValueError(f"{path}: asked for {parameter.shape}, checked as {place.shape}")
        with _reading(self.path), self.path.open("rb") as file:
            file.seek(place.start)
            for start, stop in pieces(parameter):
                piece = np.fromfile(file, element_type(parameter), stop - start)
                if piece.size < stop - start or _stamp(self.path) != self.stamp:
                    raise UsageError(f"cannot read {self.path}: it changed while it was being read")
                self._require_finite(path, parameter, piece, start)
                yield piece

    def _require_finite(self, path: str, parameter: Parameter, piece: Array, start: int) -> None:
        finite = np.isfinite(piece)
        if not finite.all():
            at = int(np.argmin(finite))
            place = _index(start + at, parameter.shape)
            raise UsageError(f"{self.path}: {path}{place} is {piece[at]}; weights must be finite numbers")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns the reasons why a file cannot be read into the user's words."""
    try:
        yield
    except SafetensorError as error:
        reason = str(error).removeprefix("Error while deserializing header: ")
        raise UsageError(f"cannot read {path}: it is no safetensors file, or damaged ({_plain(reason)})") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _places(path: Path) -> dict[str, _Place]:
    """The library proves that the header tells the truth: sizes fit dtypes and shapes, and fill the file."""
    with safe_open(path, framework="numpy"), path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return {
        name: _Place(entry["dtype"], tuple(entry["shape"]), 8 + length + entry["data_offsets"][0])
        for name, entry in header.items()
    }


def _header(state: Iterable[tuple[str, Parameter]]) -> dict[str, object]:
    header: dict[str, object] = {}
    end = 0
    for path, parameter in state:
        start, end = end, end + size_in_bytes(parameter)
        header[path] = {"dtype": _dtype(parameter), "shape": parameter.shape, "data_offsets": (start, end)}
    return header


def _dtype(parameter: Parameter) -> str:
    return "I64" if parameter.integer else "F32"


def _require_fit(path: Path, places: dict[str, _Place], state: State) -> None:
    """Everything that keeps the file from being the weights of this network, in one error."""
    known = {name for name, _ in state}
    present = [(name, parameter, places[name]) for name, parameter in state if name in places]
    findings = [
        _listed("missing", [name for name, p in state if name not in places and not p.integer]),
        _listed("not in the network", sorted(map(_plain, places.keys() - known))),
        _listed(
            "of another shape",
            [f"{name} is {list(q.shape)}, needs {list(p.shape)}" for name, p, q in present if p.shape != q.shape],
        ),
        _listed(
            "of another type (convert the file to float32 first)",
            [f"{name} is {q.dtype}, needs {_dtype(p)}" for name, p, q in present if _dtype(p) != q.dtype],
        ),
    ]
    if any(findings):
        raise UsageError("\n".join([f"{path} does not fit the network:", *filter(None, findings)]))


def _listed(what: str, items: list[str]) -> str:
    if not items:
        return ""
    more = [f"and {len(items) - _LISTED} more"] if len(items) > _LISTED else []
    return f"  {what}:" + "".join(f"\n    {item}" for item in items[:_LISTED] + more)


def _plain(name: str) -> str:
    """A foreign name, fit for a terminal: control characters spelt out, endless names cut."""
    shown = name if name.isprintable() else ascii(name)
    return shown if len(shown) <= _NAME else shown[:_NAME] + "…"


def _require_same(weights: _File, path: str, parameter: Parameter) -> None:
    """Constants that the spec freezes are part of the network: a file may repeat, not change them."""
    start = 0
    for ours, theirs in zip(_CONSTANTS.chunks(path, parameter), weights.chunks(path, parameter), strict=True):
        if not np.array_equal(ours, theirs):
            at = int(np.argmax(ours != theirs))
            raise UsageError(
                f"{weights.path} does not fit the network: the spec freezes "
                f"{path}{_index(start + at, parameter.shape)} at {ours[at]}, and the file has {theirs[at]}"
            )
        start += ours.size


def _index(flat: int, shape: tuple[int, ...]) -> str:
    return str([int(i) for i in np.unravel_index(flat, shape)]) if shape else ""
