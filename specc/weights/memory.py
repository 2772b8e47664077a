"""Weights in memory: a state dict of PyTorch's, or NumPy arrays under its names."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from specc.diagnostics import UsageError
from specc.weights.tensors import Archive, Array, TensorEntry, plain, spans

KIND = "state dict"
SOURCE = f"the {KIND}"


@dataclass(frozen=True, kw_only=True)
class _Arrays(Archive):
    arrays: Mapping[str, Array]

    def pieces(self, name: str) -> Iterator[Array]:
        flat = self.arrays[name].reshape(-1)
        return (flat[start:stop] for start, stop in spans(flat.size))


def open_memory(tensors: Mapping[str, Any]) -> Archive:
    """The tensors as they are now: they are copied, since training may go on.

    Raises:
        UsageError: an entry is neither a tensor of PyTorch's nor an array of NumPy's, or has no text for a name; or
            some are the one and some the other.
    """
    torch = sys.modules.get("torch")  # whoever has a tensor has imported it
    kinds: dict[str, list[Any]] = {"PyTorch tensors": [], "NumPy arrays": []}
    for name, value in tensors.items():
        if not isinstance(name, str):
            raise UsageError(f"the names of {SOURCE} are texts, and {plain(repr(name))} is none")
        if torch is not None and isinstance(value, torch.Tensor):
            kinds["PyTorch tensors"].append(name)
        elif isinstance(value, (np.ndarray, np.generic)):
            kinds["NumPy arrays"].append(name)
        else:
            kind = type(value).__name__
            inner = (
                f"; of a checkpoint, weights=checkpoint[{plain(repr(name))}]" if name in ("state_dict", "model") else ""
            )
            raise UsageError(
                f"{SOURCE} holds PyTorch tensors or NumPy arrays, and {plain(name)} is of type {kind}{inner}"
            )
    if all(kinds.values()):
        both = " and ".join(f"{kind} ({plain(names[0])})" for kind, names in kinds.items())
        raise UsageError(f"{SOURCE} holds {both}: make them all of one kind")
    if kinds["PyTorch tensors"]:
        from specc.weights.pytorch import open_tensors

        return replace(open_tensors(SOURCE, tensors), kind=KIND)
    arrays = {name: np.array(value, order="C") for name, value in tensors.items()}
    entries = {name: TensorEntry(array.dtype.name, array.shape) for name, array in arrays.items()}
    return _Arrays(source=SOURCE, kind=KIND, entries=entries, arrays=arrays)
