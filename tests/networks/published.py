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

from specc.ir.graph import Graph
from specc.ir.op import Parameter

FACTS = Path(__file__).parent / "facts"
CHUNK = 2**20


@dataclass(frozen=True)
class Published:
    """The facts of one network."""

    name: str

    @cached_property
    def facts(self) -> dict[str, Any]:
        return dict(json.loads((FACTS / f"{self.name}.json").read_text()))

    def weights(self, graph: Graph) -> Filled:
        """The formula's numbers under the graph's own paths, matched to the published names in order."""
        state = [(path, p) for path, p in graph.state if not p.integer]
        published = [(name, tuple(shape)) for name, shape in self.facts["state"]]
        assert [p.shape for _, p in state] == [shape for _, shape in published]
        return Filled({path: name for (path, _), (name, _) in zip(state, published, strict=True)})

    def input(self) -> np.ndarray:
        shape = tuple(self.facts["input"])
        return np.concatenate(list(fill("input", shape))).reshape(shape)


@dataclass(frozen=True)
class Filled:
    """`specc.weights.Weights` by the formula; float32, rounded from float64."""

    names: dict[str, str]

    def chunks(self, path: str, parameter: Parameter) -> Iterator[np.ndarray]:
        if parameter.integer:
            yield np.zeros(prod(parameter.shape), np.int64)
            return
        for piece in fill(self.names[path], parameter.shape):
            yield piece.astype(np.float32)


def fill(name: str, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The float64 elements of tensor ``name``, flat, in pieces."""
    scale, offset = _scale_and_offset(name, shape)
    size = prod(shape)
    for start in range(0, size, CHUNK):
        index = np.arange(start, min(start + CHUNK, size), dtype=np.uint64)
        yield offset + scale * (2 * _uniform(index + np.uint64(crc32(name.encode()) << 32)) - 1)


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
