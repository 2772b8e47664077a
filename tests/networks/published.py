"""Published networks filled with numbers that are a formula of each tensor's published name.

Element i of a tensor called NAME is ``offset + scale * (2u - 1)``, u = the splitmix64 hash of
``i + (CRC-32(NAME) << 32)``, its upper 53 bits over 2**53. So two implementations can be compared number by
number without a file of weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod, sqrt
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import nn

from specc.backends.torch import torch_module
from specc.ir.graph import Graph
from specc.ir.op import Parameter

FACTS = Path(__file__).parent / "facts"
CHUNK = 2**15
"""So many numbers stay in the processor's cache."""


@dataclass(frozen=True)
class Published:
    """The facts of one network."""

    name: str

    @cached_property
    def facts(self) -> dict[str, Any]:
        return dict(json.loads((FACTS / f"{self.name}.json").read_text()))

    @property
    def names(self) -> list[str]:
        """The published names of its tensors, in order."""
        return [name for name, _ in self.facts["state"]]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [tuple(shape) for _, shape in self.facts["state"]]

    @property
    def size(self) -> dict[str, int]:
        """The size at which costs are published."""
        return dict(zip("HW", self.facts["input"][2:], strict=True))

    def input(self) -> torch.Tensor:
        """float64."""
        image = torch.empty(self.facts["input"], dtype=torch.float64)
        fill("input", image)
        return image

    def module(self, graph: Graph) -> nn.Module:
        """The network in float64, its tensors filled by the formula; they are matched in order."""
        module = torch_module(graph, Zeros()).double()
        state = module.state_dict()
        assert [path for path, _ in graph.state] == list(state)
        floats = [tensor for tensor in state.values() if tensor.is_floating_point()]
        assert [tuple(tensor.shape) for tensor in floats] == self.shapes
        for name, tensor in zip(self.names, floats, strict=True):
            fill(name, tensor)
        return module


class Zeros:
    """`specc.weights.Weights` that are all 0."""

    def chunks(self, path: str, parameter: Parameter) -> Iterator[np.ndarray]:
        yield np.zeros(prod(parameter.shape), np.int64 if parameter.integer else np.float32)


@dataclass(frozen=True)
class Rounded:
    """The tensors of a module as `specc.weights.Weights`, rounded to float32."""

    state: dict[str, torch.Tensor]

    def chunks(self, path: str, parameter: Parameter) -> Iterator[np.ndarray]:
        tensor = self.state[path].numpy().reshape(-1)
        yield tensor if parameter.integer else tensor.astype(np.float32)


def fill(name: str, tensor: torch.Tensor) -> None:
    """Give a float64 tensor, in place, the elements that the formula has for ``name``."""
    scale, offset = _scale_and_offset(name, tuple(tensor.shape))
    flat = tensor.numpy().reshape(-1)
    for start in range(0, flat.size, CHUNK):
        index = np.arange(start, min(start + CHUNK, flat.size), dtype=np.uint64)
        index += np.uint64(crc32(name.encode()) << 32)
        flat[start : start + CHUNK] = offset + scale * (2 * _uniform(index) - 1)


def _scale_and_offset(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    if name == "input":
        return 1.0, 0.0
    known = {"running_mean": (0.1, 0.0), "running_var": (0.5, 1.0), "bias": (0.1, 0.0), "layer_scale": (0.25, 0.5)}
    if (last := name.rpartition(".")[2]) in known:
        return known[last]
    return (0.2, 0.8) if len(shape) == 1 else (sqrt(6 / prod(shape[1:])), 0.0)


def _uniform(index: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        z = (index + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) / 2.0**53
