"""Weights in PyTorch's own files: state dicts as ``torch.save`` writes them (.pt, .pth, Lightning's .ckpt).

This module imports torch, so it is imported only for such a file, or for tensors of torch in memory.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard
from zipfile import ZIP_STORED, ZipFile

import torch

from specc.diagnostics import UsageError
from specc.weights.tensors import Archive, Array, TensorEntry, damaged, plain, spans

_WRAPPERS = ("state_dict", "model")
_LIGHTNING = "pytorch-lightning_version"
"""The entry that tells a checkpoint of Lightning's: in its state_dict is the module, whatever tensors are beside it."""
_SHOWN = 20
_FORBIDDEN = re.compile(r"GLOBAL (\S+) was not an allowed|whose module (\S+) is blocked")


@dataclass(frozen=True, kw_only=True)
class _StateDict(Archive):
    tensors: Mapping[str, torch.Tensor]

    def pieces(self, name: str) -> Iterator[Array]:
        flat = self.tensors[name].detach().reshape(-1)
        bits = flat.view(torch.uint16) if flat.dtype == torch.bfloat16 else flat
        # Copied: what is only mapped would be read later, when the file may be another.
        return (bits[start:stop].numpy().copy() for start, stop in spans(flat.numel()))


def open_pytorch(path: Path, *, is_zip: bool) -> Archive:
    """The tensors of a state dict, in its own order; or of the one state dict that a checkpoint holds.

    Loaded with ``weights_only``: nothing in the file is run. The numbers stay on the disk, mapped; those of files
    from before torch 1.6, which are no zip archives, come into memory.

    Raises:
        UsageError: the file is damaged, or holds something else than tensors, or several state dicts.
    """
    mapped = is_zip and _can_be_mapped(path)
    try:
        tensors, notes = _state_dict(path, _loaded(path, mapped=mapped))
    except _Foreign as foreign:
        checkpoint = _checkpoint(path, mapped=mapped) if is_zip else None
        if checkpoint is None:
            raise UsageError(
                f"cannot read {path}: it holds more than tensors ({foreign}), which would have to be run; "
                "torch.save(model.state_dict(), FILE) keeps the tensors alone"
            ) from foreign
        tensors, notes = checkpoint
    return _archive(str(path), tensors, notes)


def open_tensors(source: str, tensors: Mapping[str, torch.Tensor]) -> Archive:
    """Tensors in memory as they are now, wherever they are: they are copied, since training may go on."""
    return _archive(source, {name: _copied(tensor) for name, tensor in tensors.items()})


def _copied(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.detach()
    if tensor.device.type == "meta":
        return tensor
    return tensor.clone() if tensor.device.type == "cpu" else tensor.cpu()


def _archive(source: str, tensors: Mapping[str, torch.Tensor], notes: tuple[str, ...] = ()) -> Archive:
    entries = {}
    for name, tensor in tensors.items():
        dtype = str(tensor.dtype).removeprefix("torch.")
        if tensor.device.type != "cpu":
            dtype = f"{dtype} without its numbers"
        elif tensor.layout != torch.strided:
            dtype = f"{tensor.layout} {dtype}"
        entries[name] = TensorEntry(dtype, tuple(tensor.shape))
    return _StateDict(source=source, entries=entries, notes=notes, tensors=tensors)


class _Foreign(Exception):
    """A file holds an object of this class, which torch does not make from a file that it does not trust."""


class _Skipped:
    """In place of such an object: it is made of nothing and does nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


class _SkippedDict:
    """In place of one that is filled as a dict is, which torch does for its own alone."""

    def __new__(cls, *_: object) -> OrderedDict[object, object]:  # type: ignore[misc]
        return OrderedDict()


def _checkpoint(path: Path, *, mapped: bool) -> tuple[dict[str, torch.Tensor], tuple[str, ...]] | None:
    """The state dict of a checkpoint that holds objects beside it, hyperparameters, say. None where that is not clear.

    Nothing is run for them either: in their place are objects that do nothing.
    """
    for stand_in in (_Skipped, _SkippedDict):
        with suppress(_Foreign, UsageError):
            loaded = _loaded(path, mapped=mapped, stand_in=stand_in)
            if not _is_state_dict(loaded):
                return _state_dict(path, loaded)
    return None


def _loaded(path: Path, *, mapped: bool, stand_in: type | None = None) -> object:
    """What was saved.

    Args:
        stand_in: the class of whatever torch does not make.

    Raises:
        UsageError: torch refuses to read it.
        _Foreign: for an object in it.
    """
    try:
        foreign: list[Any] = []
        if stand_in:
            foreign += [(stand_in, name) for name in torch.serialization.get_unsafe_globals_in_checkpoint(str(path))]
        with path.open("rb") as file, torch.serialization.safe_globals(foreign):
            # By its name torch would take a misnamed .safetensors for what it is not.
            return torch.load(path if mapped else file, map_location="cpu", weights_only=True, mmap=mapped)
    except OSError:
        raise
    except Exception as error:  # a foreign file makes torch raise whatever it likes
        forbidden = _FORBIDDEN.search(str(error))
        if forbidden is None:
            raise damaged(path, "PyTorch file", str(error).rpartition("WeightsUnpickler error: ")[2]) from error
        raise _Foreign(plain(forbidden[1] or forbidden[2])) from error


def _can_be_mapped(path: Path) -> bool:
    """Raises UsageError for a zip archive that torch did not write."""
    with ZipFile(path) as archive:
        members = archive.infolist()
    if any(member.filename.endswith("/constants.pkl") for member in members):
        raise UsageError(
            f"cannot read {path}: it is a TorchScript program, not a state dict: "
            "torch.save(torch.jit.load(FILE).state_dict(), OTHER) writes one"
        )
    if any(member.compress_type != ZIP_STORED for member in members):
        raise damaged(path, "PyTorch file", "its members are compressed, and torch compresses none")
    return path.suffix != ".safetensors"


def _state_dict(path: Path, loaded: object) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """What was saved, or the one state dict in it, with a note that says so."""
    if _is_state_dict(loaded):
        return loaded, ()
    if not isinstance(loaded, dict):
        raise UsageError(f"cannot read {path}: it holds an object of type {type(loaded).__name__}, not a state dict")
    contents = {key: value.values() if isinstance(value, dict) else (value,) for key, value in loaded.items()}
    holders = [key for key, values in contents.items() if any(isinstance(value, torch.Tensor) for value in values)]
    if _LIGHTNING in loaded:
        holders = [key for key in holders if key == "state_dict"]
    if len(holders) == 1 and holders[0] in _WRAPPERS and _is_state_dict(loaded[holders[0]]):
        others = [plain(str(key)) for key in loaded if key != holders[0]]
        skipped = f"; not read: {', '.join(others)}" if others else ""
        return loaded[holders[0]], (f"the weights are its entry {holders[0]}{skipped}",)
    if any(isinstance(value, torch.Tensor) for value in loaded.values()):
        foreign = {key: value for key, value in loaded.items() if not _is_state_dict({key: value})}
        reason = f"it is a state dict but for these entries, which are no tensors under a name:{_listed(foreign)}"
    else:
        reason = (
            f"it is no state dict, and no entry is clearly the one that is meant:{_listed(loaded)}\n"
            "  save that one alone, names and tensors: torch.save(torch.load(FILE)[ENTRY], OTHER)"
        )
    raise UsageError(f"cannot read {path}: {reason}")


def _is_state_dict(value: object) -> TypeGuard[dict[str, torch.Tensor]]:
    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in value.items()
    )


def _listed(loaded: dict[Any, object]) -> str:
    lines = []
    for key, value in loaded.items():
        kind = type(value).__name__
        if isinstance(value, dict):
            kind = f"dict of {len(value)}" + (" tensors" if value and _is_state_dict(value) else "")
        lines.append(f"\n    {plain(str(key))}: {kind}")
    more = [f"\n    and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "".join(lines[:_SHOWN] + more)
