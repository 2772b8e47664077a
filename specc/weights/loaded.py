"""Weights that somebody named, in a file or in memory: tensors matched to the network's, numbers checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from specc.diagnostics import MissingDependency, UsageError
from specc.ir.init import Fixed
from specc.ir.op import Parameter
from specc.weights.ahead import ahead
from specc.weights.matching import Match, matched
from specc.weights.memory import open_memory
from specc.weights.npz import UNREADABLE, open_npz
from specc.weights.safetensors import open_safetensors
from specc.weights.streams import Initialised
from specc.weights.tensors import Archive, Array, State, damaged, plain, reading, spans

_LEGACY = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
"""How files begin that torch wrote before 1.6: a pickle of its magic number."""
_PICKLE = "/data.pkl"
"""How the member is called that says what a file of a newer torch, which is a zip archive, holds."""
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
"""How zip archives begin, and empty ones."""
_SHARDED = ".metadata"
"""The file that tells a folder of torch.distributed.checkpoint's, which FSDP writes."""
_FOREIGN = (
    (b"\x93NUMPY", "one array alone; numpy.savez keeps arrays with their names"),
    (b"\x80", "a bare pickle; torch.save(model.state_dict(), FILE) writes what can be read safely"),
    (b"\x89HDF", "an HDF5 file"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself: git lfs pull fetches it"),
)
_UNKNOWN = "no safetensors, .npz or PyTorch file, or damaged"
_CONSTANTS = Initialised(0)

_Stamp = tuple[int, int, int]


def read_weights(path: Path, state: State, match: Match = "name") -> LoadedWeights:
    """The weights of a file, once it is known to hold exactly the tensors of ``state``.

    The format is recognised by the content: safetensors, NumPy's .npz, or a PyTorch state dict. Only names, shapes and
    types and the spec's frozen constants are read here, the rest when it is asked for.

    Args:
        match: "name", or "order": the tensors in the order of the state dict, as the file has them. A PyTorch
            file has its dict's order, an .npz file that in which its arrays were written, a safetensors file
            that of the tensors' bytes, which the safetensors library sorts by name.

    Raises:
        UsageError: here, where the file cannot be read or does not fit, with all that is wrong;
            from ``chunks``, where a tensor holds NaN or infinity or float64 numbers that float32 has not, or the
            file has changed.
        MissingDependency: it is a PyTorch file, and torch is not installed.
    """
    with reading(path):
        if (path / _SHARDED).exists():
            raise UsageError(
                f"cannot read {path}: it is the folder of a checkpoint in parts; this makes one file of them: "
                f"python -m torch.distributed.checkpoint.format_utils dcp_to_torch {path} FILE"
            )
        if path.exists() and not path.is_file():
            raise UsageError(f"cannot read {path}: it is no regular file")
        file, archive = _File(path, _stamp(path)), _opened(path)
    return _loaded(archive, state, match, file)


def take_weights(tensors: Mapping[str, Any], state: State, match: Match = "name") -> LoadedWeights:
    """The weights of a state dict: PyTorch tensors, wherever they are, or NumPy arrays, copied as they are now.

    Raises:
        UsageError: as `read_weights` does; or where an entry is neither.
    """
    return _loaded(open_memory(tensors), state, match, None)


def _loaded(archive: Archive, state: State, match: Match, file: _File | None) -> LoadedWeights:
    names, notes = matched(state, archive, match)
    counters = [name for name, parameter in state if parameter.integer]
    if counters and counters[0] not in names:
        notes += (f"it holds no num_batches_tracked: the network's {len(counters)} are 0",)
    weights = LoadedWeights(archive, names, (*archive.notes, *notes), file)
    for name, parameter in state:
        if isinstance(parameter.init, Fixed) and not parameter.trainable:
            _require_same(weights, name, parameter)
    return weights


@dataclass(frozen=True)
class _File:
    """A file as it was checked.

    Attributes:
        stamp: its identity, size and time then.
    """

    path: Path
    stamp: _Stamp

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Around each piece: whoever takes the pieces may be slow, and reading takes its time, too."""
        with reading(self.path):
            self._require_unchanged()
            yield
            self._require_unchanged()

    def _require_unchanged(self) -> None:
        if _stamp(self.path) != self.stamp:
            raise UsageError(f"cannot read {self.path}: it changed while it was being read")


@dataclass(frozen=True)
class LoadedWeights:
    """The weights of one network under names that somebody gave them. Made by `read_weights` and `take_weights`.

    Attributes:
        archive: where they are.
        names: the archive's name of each tensor, by the network's.
        notes: what the user should know of how they were found.
        file: the file that they are read from; None where they are in memory.
    """

    archive: Archive
    names: Mapping[str, str]
    notes: tuple[str, ...]
    file: _File | None

    @property
    def said(self) -> tuple[str, ...]:
        """The notes, each with what it speaks of."""
        return tuple(f"{self.archive.source}: {note}" for note in self.notes)

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        if parameter.integer and path not in self.names:
            yield from _CONSTANTS.chunks(path, parameter)
            return
        name = self.names.get(path)
        if name is None or self.archive.entries[name].shape != parameter.shape:
            raise UsageError(f"{self.archive.source} was read for another network, not for one with this {path}")
        pieces = self.archive.pieces(name)

        def piece(start: int, stop: int) -> Array:
            with self.file.unchanged() if self.file else nullcontext():
                numbers = next(pieces)
            return self._checked(name, parameter, numbers, start)

        yield from ahead(piece, spans(prod(parameter.shape)), most=1)  # the file is read from its beginning to its end

    def _checked(self, name: str, parameter: Parameter, piece: Array, start: int) -> Array:
        """The piece as little-endian float32 (int64 of a counter), if that loses nothing."""
        if parameter.integer:
            return piece.astype("<i8", copy=False)
        wide = piece
        if piece.dtype == np.uint16:  # bfloat16: the upper half of a float32
            wide = (piece.astype("<u4") << np.uint32(16)).view("<f4")
        elif piece.dtype.itemsize < 4:
            wide = piece.astype("<f4")
        self._require(np.isfinite(wide), name, parameter, wide, start, "weights must be finite numbers")
        with np.errstate(over="ignore"):
            rounded: Array = wide.astype("<f4", copy=False)
        if wide.dtype.itemsize > rounded.dtype.itemsize:
            reason = f"no float32 has this value: convert the {self.archive.kind} to float32 first"
            self._require(rounded == wide, name, parameter, wide, start, reason)
        return rounded

    def _require(self, holds: Array, name: str, parameter: Parameter, piece: Array, start: int, reason: str) -> None:
        if not holds.all():
            at = int(np.argmin(holds))
            place = _index(start + at, parameter.shape)
            raise UsageError(f"{self.archive.source}: {plain(name)}{place} is {piece[at]}; {reason}")


def _opened(path: Path) -> Archive:
    """Raises UsageError where the content is of none of the formats."""
    with path.open("rb") as file:
        head = file.read(32)
    if head.startswith(_ZIP):
        try:
            with ZipFile(path) as archive:  # torch.save, too, writes a zip archive
                is_pytorch = any(name.endswith(_PICKLE) for name in archive.namelist())
        except UNREADABLE as error:
            raise damaged(path, "PyTorch or .npz file", error) from error
        return _open_pytorch(path, is_zip=True) if is_pytorch else open_npz(path)
    if head.startswith(_LEGACY):
        return _open_pytorch(path, is_zip=False)
    if head[8:9] == b"{":  # behind the header's length
        return open_safetensors(path)
    known = (what for start, what in _FOREIGN if head.startswith(start))
    raise UsageError(f"cannot read {path}: it is {next(known, _UNKNOWN) if head else 'empty'}")


def _open_pytorch(path: Path, *, is_zip: bool) -> Archive:
    try:
        from specc.weights.pytorch import open_pytorch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingDependency(f"reading {path}, a PyTorch file,", "torch", "cpu") from None
    return open_pytorch(path, is_zip=is_zip)


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _require_same(weights: LoadedWeights, path: str, parameter: Parameter) -> None:
    """Constants that the spec freezes are part of the network: a file may repeat, not change them."""
    start = 0
    for ours, theirs in zip(_CONSTANTS.chunks(path, parameter), weights.chunks(path, parameter), strict=True):
        if not np.array_equal(ours, theirs):
            at, archive = int(np.argmax(ours != theirs)), weights.archive
            raise UsageError(
                f"{archive.source} does not fit the network: the spec freezes "
                f"{path}{_index(start + at, parameter.shape)} at {ours[at]}, and the {archive.kind} has {theirs[at]}"
            )
        start += ours.size


def _index(flat: int, shape: tuple[int, ...]) -> str:
    return str([int(i) for i in np.unravel_index(flat, shape)]) if shape else ""
