"""What parity is tried on: inputs that depend on nothing but the graph and a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from math import prod

import numpy as np
from numpy.typing import NDArray

from specc.ir.graph import Graph, Port
from specc.ir.size import Size

LARGE = 2_000_000_000
"""MACs per sample above which a network gets fewer samples (a float64 sample then takes a second or more)."""

SPARSE = 512
"""Elements of a channel for one spike."""


@dataclass(frozen=True, slots=True)
class Case:
    """Inputs drawn as scale * N(0, 1) + mean, for a batch of ``batch`` samples.

    With ``spikes``, a few elements of every channel (of the sample, where it is a vector) are ±1e2 to ±1e4 instead:
    normalisation makes everything else alike, and only what stands out of its channel is still large behind it.
    """

    name: str
    batch: int
    scale: float = 1.0
    mean: float = 0.0
    spikes: bool = False

    def inputs(self, graph: Graph, seed: int) -> dict[str, NDArray[np.float32]]:
        """Every input of the graph by name. The same on every run; each input has its own stream."""
        return {port.name: self._draw(port, seed) for port in graph.inputs}

    def _draw(self, port: Port, seed: int) -> NDArray[np.float32]:
        key = sha256(f"{seed}/{self.name}/{self.batch}/{port.name}".encode()).digest()
        stream = np.random.Generator(np.random.Philox(key=int.from_bytes(key[:16], "little")))
        values = self.scale * stream.standard_normal((self.batch, *port.type.sample)) + self.mean
        if self.spikes:
            _add_spikes(values, stream)
        return values.astype(np.float32)


def _add_spikes(values: NDArray[np.float64], stream: np.random.Generator) -> None:
    """One element in `SPARSE`, at least one of a channel; their sizes are even on a logarithmic scale."""
    channels = values.shape[:2] if values.ndim > 2 else values.shape[:1]
    for channel in values.reshape(prod(channels), -1):
        places = stream.choice(channel.size, -(-channel.size // SPARSE), replace=False)
        channel[places] = stream.choice((-1.0, 1.0), places.size) * 10 ** stream.uniform(2, 4, places.size)


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
        Case("spikes", one, spikes=True),
    )


def _batches(graph: Graph) -> Iterator[int]:
    fixed = {port.type.batch for port in graph.inputs if not isinstance(port.type.batch, Size)}
    if fixed:
        yield from sorted(fixed)
        return
    yield from (1, 2) if is_large(graph) else (1, 2, 7)
