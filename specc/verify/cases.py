"""What parity is tried on: inputs that depend on nothing but the graph and a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from specc.ir.graph import Graph, Port
from specc.ir.types import Symbol

LARGE = 2_000_000_000
"""MACs per sample above which a network gets fewer samples (a float64 sample then takes a second or more)."""


@dataclass(frozen=True, slots=True)
class Case:
    """Inputs drawn as scale * N(0, 1) + mean, for a batch of ``batch`` samples."""

    name: str
    batch: int
    scale: float = 1.0
    mean: float = 0.0

    def inputs(self, graph: Graph, seed: int) -> dict[str, NDArray[np.float32]]:
        """Every input of the graph by name. The same on every run; each input has its own stream."""
        return {port.name: self._draw(port, seed) for port in graph.inputs}

    def _draw(self, port: Port, seed: int) -> NDArray[np.float32]:
        key = sha256(f"{seed}/{self.name}/{self.batch}/{port.name}".encode()).digest()
        stream = np.random.Generator(np.random.Philox(key=int.from_bytes(key[:16], "little")))
        normal = stream.standard_normal((self.batch, *port.type.sample))
        return (self.scale * normal + self.mean).astype(np.float32)


def is_large(graph: Graph) -> bool:
    return sum(node.op.macs(*node.input_types) for node in graph.nodes) > LARGE


def cases(graph: Graph) -> tuple[Case, ...]:
    """The cases of ``graph``: batches 1, 2 and 7 where the batch is symbolic, else the batch it is fixed to.

    A large network (see `LARGE`) goes without batch 7.
    """
    batches = tuple(dict.fromkeys(_batches(graph)))
    one = batches[0]
    return (
        *(Case("normal", batch) for batch in batches),
        Case("zeros", one, scale=0.0),
        Case("x 1e3", one, scale=1e3),
        Case("x 1e-6", one, scale=1e-6),
        Case("mean 1000", one, mean=1000.0),
    )


def _batches(graph: Graph) -> Iterator[int]:
    fixed = {port.type.batch for port in graph.inputs if not isinstance(port.type.batch, Symbol)}
    if fixed:
        yield from sorted(fixed)
        return
    yield from (1, 2) if is_large(graph) else (1, 2, 7)
