"""Tensors of a file that are no weights, but what PyTorch computes a weight from on every call.

`torch.nn.utils.weight_norm` has ``weight_g`` and ``weight_v`` in place of ``weight``, its successors put everything
below ``parametrizations``, and pruning has ``weight_orig`` beside a mask. Such a file is refused: of its tensors the
one with the weight's shape is not the weight, so that whoever took it by another name would have another network.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from specc.weights.tensors import TensorEntry

_BELOW = re.compile(r"(?P<layer>(?:.*\.)?)parametrizations\.(?P<name>[^.]+)\.(?P<part>original\d*|\d+\..+)")
"""How `torch.nn.utils.parametrize` names the parts of a tensor of a layer."""


@dataclass(frozen=True)
class Parametrization:
    """One of PyTorch's ways to compute a weight.

    Attributes:
        name: what sets it up, below torch.nn.utils.
        test: an expression of Python that is true of a layer which computes the tensor {} so.
        removal: the call that leaves the computed tensor in its place.
    """

    name: str
    test: str
    removal: str

    def code(self, tensor: str) -> list[str]:
        """Lines of Python that put the tensor in the place of its parts, in every layer of ``model``."""
        return [
            f"from torch.nn.utils import {self.removal.partition('(')[0].partition('.')[0]}",
            # In training mode the newer spectral norm would change the weight once more while it is removed.
            "for layer in model.eval().modules():",
            f"    if {self.test.format(tensor)}:",
            f"        {self.removal.format(tensor)}",
        ]


_WEIGHT_NORM = Parametrization("weight_norm", "hasattr(layer, '{}_g')", "remove_weight_norm(layer, '{}')")
_SPECTRAL_NORM = Parametrization("spectral_norm", "hasattr(layer, '{}_u')", "remove_spectral_norm(layer, '{}')")
_PRUNED = Parametrization("prune", "hasattr(layer, '{}_mask')", "prune.remove(layer, '{}')")
_PARAMETRIZED = Parametrization(
    "parametrizations",
    "parametrize.is_parametrized(layer, '{}')",
    "parametrize.remove_parametrizations(layer, '{}')",
)


@dataclass(frozen=True)
class Computed:
    """A tensor that a file lacks, and the parts that PyTorch computes it from.

    Attributes:
        by: the way in which it is computed.
        name: the tensor's own, as a state dict without parametrizations has it.
        parts: the names of the parts, in the order of the file.
        entry: what the tensor itself would be.
    """

    by: Parametrization
    name: str
    parts: tuple[str, ...]
    entry: TensorEntry

    @property
    def attribute(self) -> str:
        """What the layer calls the tensor."""
        return self.name.rpartition(".")[2]


def computed(entries: Mapping[str, TensorEntry], known: Collection[str]) -> list[Computed]:
    """The tensors that a file has in parts alone.

    Args:
        known: names that are the network's own, whatever they look like.
    """
    foreign = {name: entry for name, entry in entries.items() if name not in known}
    return [tensor for tensor in (*_beside(foreign), *_below(foreign)) if tensor.name not in entries]


def replaced(entries: Mapping[str, TensorEntry], tensors: list[Computed]) -> dict[str, TensorEntry]:
    """The entries with each tensor where the last of its parts was: there PyTorch puts it, too."""
    places = {tensor.parts[-1]: tensor for tensor in tensors}
    parts = {part for tensor in tensors for part in tensor.parts}
    whole: dict[str, TensorEntry] = {}
    for name, entry in entries.items():
        if name in places:
            whole[places[name].name] = places[name].entry
        elif name not in parts:
            whole[name] = entry
    return whole


def _beside(entries: Mapping[str, TensorEntry]) -> Iterator[Computed]:
    """Parts beside each other: ``weight_g`` and ``weight_v``."""
    order = {name: place for place, name in enumerate(entries)}
    for name, entry in entries.items():
        stem, _, last = name.rpartition("_")
        norms, vector, mask = (entries.get(f"{stem}_{kind}") for kind in ("g", "u", "mask"))
        by: Parametrization | None = None
        kinds: tuple[str, ...] = ()
        if last == "v" and norms and _are_norms_of(norms.shape, entry.shape):
            by, kinds = _WEIGHT_NORM, ("g", "v")
        elif last == "orig" and mask and mask.shape == entry.shape:
            by, kinds = _PRUNED, ("orig", "mask")
        elif last == "orig" and vector and len(vector.shape) == 1 and vector.shape[0] in entry.shape:
            by, kinds = _SPECTRAL_NORM, ("orig", "u", "v")
        if by:
            parts = [f"{stem}_{kind}" for kind in kinds if f"{stem}_{kind}" in entries]
            yield Computed(by, stem, tuple(sorted(parts, key=order.__getitem__)), entry)


def _are_norms_of(norms: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether there is a norm for each index of one dimension, or one for all of the tensor."""
    alike = len(norms) == len(shape) and all(size in (1, whole) for size, whole in zip(norms, shape, strict=True))
    return alike or norms == ()


def _below(entries: Mapping[str, TensorEntry]) -> Iterator[Computed]:
    """Parts below ``parametrizations``; of several originals the last has the tensor's shape."""
    parts: dict[str, list[str]] = {}
    originals: dict[str, str] = {}
    for name in entries:
        if match := _BELOW.fullmatch(name):
            tensor = f"{match['layer']}{match['name']}"
            parts.setdefault(tensor, []).append(name)
            if match["part"].startswith("original"):
                originals[tensor] = name
    for tensor, name in originals.items():
        yield Computed(_PARAMETRIZED, tensor, tuple(parts[tensor]), entries[name])
