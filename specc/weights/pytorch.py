"""Weights in PyTorch's own files: state dicts as ``torch.save`` writes them (.pt, .pth). The one file here that needs
torch, and only once such a file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard
from zipfile import ZIP_STORED, ZipFile

from specc.diagnostics import MissingDependency, UsageError
from specc.weights.archive import Archive, TensorEntry, damaged, plain
from specc.weights.tensors import Array, spans

if TYPE_CHECKING:
    import torch

LEGACY = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
"""How files begin that torch wrote before 1.6: a pickle of its magic number."""
PICKLE = "data.pkl"
"""The member of the newer files, zip archives, that says what they hold."""

_WRAPPERS = ("state_dict", "model")
_SHOWN = 20
_FORBIDDEN = re.compile(r"GLOBAL (\S+) was not an allowed|whose module (\S+) is blocked")


@dataclass(frozen=True, kw_only=True)
class _StateDict(Archive):
    """``entry`` is the checkpoint's entry that holds the tensors; None where they are the whole file."""

    tensors: Mapping[str, torch.Tensor]
    entry: str | None

    def pieces(self, name: str) -> Iterator[Array]:
        import torch

        flat = self.tensors[name].detach().reshape(-1)
        bits = flat.view(torch.uint16) if flat.dtype == torch.bfloat16 else flat
        # Copied: what is only mapped would be read later, when the file may be another.
        return (bits[start:stop].numpy().copy() for start, stop in spans(flat.numel()))

    def without(self, prefix: str) -> str:
        loaded = f"torch.load({str(self.path)!r}, map_location='cpu', weights_only=True)"
        loaded += "" if self.entry is None else f"[{self.entry!r}]"
        items = f"{{name.removeprefix({prefix!r}): tensor for name, tensor in {loaded}.items()}}"
        return f"import torch; torch.save({items}, {self.renamed!r})"


def open_pytorch(path: Path) -> Archive:
    """The tensors of a state dict, in its own order; or of the one state dict that a checkpoint holds.

    Loaded with ``weights_only``: nothing in the file is run. The numbers stay on the disk, mapped; those of files
    from before torch 1.6 come into memory.

    Raises:
        MissingDependency: torch is not installed.
        UsageError: the file is damaged, or holds something else than tensors, or several state dicts.
    """
    tensors, entry, notes = _state_dict(path, _loaded(path))
    entries = {name: TensorEntry(_dtype(value), tuple(value.shape)) for name, value in tensors.items()}
    return _StateDict(path=path, entries=entries, notes=notes, tensors=tensors, entry=entry)


def _loaded(path: Path) -> object:
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingDependency(f"reading {path}, a PyTorch file,", "torch", "cpu") from None
    mapped = _can_be_mapped(path)
    try:
        with path.open("rb") as file:
            # By its name torch would take a misnamed .safetensors for what it is not.
            return torch.load(path if mapped else file, map_location="cpu", weights_only=True, mmap=mapped)
    except OSError:
        raise
    except Exception as error:  # a foreign file makes torch raise whatever it likes
        raise _refused(path, error) from error


def _can_be_mapped(path: Path) -> bool:
    """Raises UsageError for a zip archive that torch did not write."""
    with path.open("rb") as file:
        if file.read(len(LEGACY)) == LEGACY:
            return False
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


def _refused(path: Path, error: Exception) -> UsageError:
    found = _FORBIDDEN.search(str(error))
    if found is None:
        return damaged(path, "PyTorch file", str(error).rpartition("WeightsUnpickler error: ")[2])
    return UsageError(
        f"cannot read {path}: it holds more than tensors ({plain(found[1] or found[2])}), which would have to be run; "
        "torch.save(model.state_dict(), FILE) keeps the tensors alone"
    )


def _state_dict(path: Path, loaded: object) -> tuple[dict[str, torch.Tensor], str | None, tuple[str, ...]]:
    """What was saved, or the one state dict in it, with the name of its entry and a note that says so."""
    if _is_state_dict(loaded):
        return loaded, None, ()
    if not isinstance(loaded, dict):
        raise UsageError(f"cannot read {path}: it holds an object of type {type(loaded).__name__}, not a state dict")
    holders = [key for key, value in loaded.items() if _has_tensors(value)]
    if len(holders) == 1 and holders[0] in _WRAPPERS and _is_state_dict(loaded[holders[0]]):
        others = [plain(str(key)) for key in loaded if key != holders[0]]
        left = f"; not read: {', '.join(others)}" if others else ""
        return loaded[holders[0]], holders[0], (f"the weights are its entry {holders[0]}{left}",)
    raise UsageError(f"cannot read {path}: {_unclear(loaded)}")


def _unclear(loaded: dict[Any, object]) -> str:
    import torch

    if any(isinstance(value, torch.Tensor) for value in loaded.values()):
        others = {key: value for key, value in loaded.items() if not _is_state_dict({key: value})}
        return f"it is a state dict but for these entries, which are no tensors under a name:{_listed(others)}"
    return (
        f"it is no state dict, and no entry is clearly the one that is meant:{_listed(loaded)}\n"
        "  save that one alone, names and tensors: torch.save(torch.load(FILE)[ENTRY], OTHER)"
    )


def _is_state_dict(value: object) -> TypeGuard[dict[str, torch.Tensor]]:
    import torch

    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in value.items()
    )


def _has_tensors(value: object) -> bool:
    import torch

    within = value.values() if isinstance(value, dict) else (value,)
    return any(isinstance(tensor, torch.Tensor) for tensor in within)


def _listed(loaded: dict[Any, object]) -> str:
    lines = [f"\n    {plain(str(key))}: {_kind(value)}" for key, value in loaded.items()]
    more = [f"\n    and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "".join(lines[:_SHOWN] + more)


def _kind(value: object) -> str:
    if not isinstance(value, dict):
        return type(value).__name__
    return f"dict of {len(value)} tensors" if _is_state_dict(value) and value else f"dict of {len(value)}"


def _dtype(value: torch.Tensor) -> str:
    import torch

    name = str(value.dtype).removeprefix("torch.")
    if value.device.type != "cpu":
        return f"{name} without its numbers"
    return name if value.layout == torch.strided else f"{value.layout} {name}"
