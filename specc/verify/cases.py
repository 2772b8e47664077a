"""What parity is tried on: inputs that depend on nothing but the graph and a seed.

A contract with symbolic sizes claims every one that it allows. Four are tried, not square but for the second: an
ordinary one, with every kind of numbers; the smallest; one just above it; and one just above the ordinary, so that
divisions leave other remainders. Beyond `LARGE`, sizes are smaller or left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from math import prod

import numpy as np
from numpy.typing import NDArray

from specc.ir.graph import Graph, Port
from specc.ir.size import Size
from specc.ir.symbols import Symbol
from specc.ir.types import at as size_at
from specc.ir.types import fixed

LARGE = 2_000_000_000
"""MACs per sample above which a network gets fewer samples (a float64 sample then takes a second or more)."""

ENOUGH = 3
"""Places that every axis inside a network should have: a kernel that meets one place shows its centre alone."""

SCALES = (1, 2, 3, 4, 6, 8, 10, 13, 17, 22, 28, 36, 46)
"""How large an ordinary size may be: 5 times as much on the first axis, 7 times on the second."""

ORDINARY = 4
"""The scale that is large enough where nothing asks for more."""

SPARSE = 512
"""Elements of a channel for one spike."""

MANY, FEW = 11, 3
"""Samples on which the shapes of a file are tried, of an ordinary network and a large one."""

MULTIPLES = (8, 6, 4, 3, 2)
"""How many times the ordinary sizes are tried for the shapes: the largest that is affordable."""

PLACES = 400
"""The most of an axis of these."""

ROOM = 2**26
"""Elements of one value that are affordable."""

Sizes = tuple[tuple[str, int], ...]
"""A value for every symbolic size of a network, in the contract's order."""


@dataclass(frozen=True, slots=True)
class Case:
    """Inputs drawn as scale * N(0, 1) + mean, for a batch of ``batch`` samples.

    ``sizes`` are the values of the symbolic sizes of the contract. With ``spikes``, a few elements of every channel
    (of the sample, where it is a vector) are ±1e2 to ±1e6 instead, and one of the input is ±1e6: normalisation makes
    everything else alike, and only what stands out of its channel is still large behind it. Nothing else is as large as
    the limits of float16, at which its files are cut off.
    """

    name: str
    batch: int
    scale: float = 1.0
    mean: float = 0.0
    spikes: bool = False
    sizes: Sizes = ()

    @property
    def title(self) -> str:
        """``normal``, or where sizes are symbolic ``normal, H = 64, W = 65``."""
        return ", ".join((self.name, *(f"{name} = {size}" for name, size in self.sizes)))

    def inputs(self, graph: Graph, seed: int) -> dict[str, NDArray[np.float32]]:
        """Every input of the graph by name. The same on every run; each input has its own stream."""
        inputs = {}
        for port in graph.inputs:
            key = sha256(f"{seed}/{self.title}/{self.batch}/{port.name}".encode()).digest()
            stream = np.random.Generator(np.random.Philox(key=int.from_bytes(key[:16], "little")))
            values = self.scale * stream.standard_normal(self.shape(port)) + self.mean
            if self.spikes:
                _add_spikes(values, stream)
            inputs[port.name] = values.astype(np.float32)
        return inputs

    def shape(self, port: Port) -> tuple[int, ...]:
        """What the contract says of a value here."""
        return (self.batch, *(size_at(size, dict(self.sizes)) for size in port.type.sample))


def _add_spikes(values: NDArray[np.float64], stream: np.random.Generator) -> None:
    """One element in `SPARSE`, at least one of a channel; their sizes are even on a logarithmic scale."""
    channels = values.shape[:2] if values.ndim > 2 else values.shape[:1]
    for channel in values.reshape(prod(channels), -1):
        places = stream.choice(channel.size, -(-channel.size // SPARSE), replace=False)
        channel[places] = stream.choice((-1.0, 1.0), places.size) * 10 ** stream.uniform(2, 6, places.size)
    flat = values.reshape(-1)
    largest = np.abs(flat).argmax()
    flat[largest] = np.copysign(1e6, flat[largest])


def is_large(graph: Graph) -> bool:
    return _is_too_much(graph, sizes_tried(graph)[0])


def cases(graph: Graph) -> tuple[Case, ...]:
    """The cases of ``graph``: batches 1, 2 and 7 where the batch is symbolic, else the batch it is fixed to.

    A large network (see `LARGE`) goes without batch 7.
    """
    ordinary, *others = sizes_tried(graph)
    wanted = (1, 2) if is_large(graph) else (1, 2, 7)
    one, *more = batches = tuple(dict.fromkeys(_batch(graph, least) for least in wanted))
    return (
        *(Case("normal", batch, sizes=ordinary) for batch in batches),
        Case("zeros", one, scale=0.0, sizes=ordinary),
        Case("x 1e3", one, scale=1e3, sizes=ordinary),
        Case("x 1e-6", one, scale=1e-6, sizes=ordinary),
        Case("mean 1000", one, mean=1000.0, sizes=ordinary),
        Case("spikes", one, spikes=True, sizes=ordinary),
        *(Case("normal", more[0] if more else one, sizes=sizes) for sizes in others),
    )


def shape_cases(graph: Graph) -> Iterator[Case]:
    """Cases for the shapes of the file alone, beyond what is tried of its numbers: many samples, and large sizes."""
    ordinary = sizes_tried(graph)[0]
    if not isinstance(graph.inputs[0].type.batch, int):
        yield Case("shapes", _batch(graph, FEW if is_large(graph) else MANY), sizes=ordinary)
    one = _batch(graph, 1)
    for times in MULTIPLES:
        larger = _different(graph.symbols, [max(size, min(times * size, PLACES)) for _, size in ordinary])
        most = max((fixed(node.type.elements) for node in graph.at(dict(larger)).nodes), default=0)
        if one * most <= ROOM and not _is_too_much(graph, larger):
            if larger != ordinary:
                yield Case("shapes", one, sizes=larger)
            return


def sizes_tried(graph: Graph) -> tuple[Sizes, ...]:
    """The ordinary sizes first, then the others; nothing but () where every size is fixed."""
    symbols = graph.symbols
    smallest = tuple((symbol.name, allowed(symbol, symbol.least)) for symbol in symbols)
    ordinary = _ordinary(graph, smallest)
    count = len(symbols)
    above = _further(symbols, smallest, range(count, 0, -1))
    larger = _further(symbols, ordinary, range(2 * count - 1, 0, -2))
    others = (sizes for sizes in (above, larger) if not _is_too_much(graph, sizes))
    return tuple(dict.fromkeys((ordinary, smallest, *others)))


def _ordinary(graph: Graph, smallest: Sizes) -> Sizes:
    """The first sizes of `ORDINARY` scale or more with `ENOUGH` places everywhere; smaller where that is too much."""
    inner = {size for node in graph.nodes for size in node.type.sample if isinstance(size, Size)}
    tried = [_further(graph.symbols, smallest, range(len(smallest)))]
    for scale in SCALES:
        scaled = [max(size + 1, (5 + 2 * i) * scale) for i, (_, size) in enumerate(smallest)]
        tried.append(_different(graph.symbols, scaled))
        if scale >= ORDINARY and all(size.at(dict(tried[-1])) >= ENOUGH for size in inner):
            break
    return next((sizes for sizes in reversed(tried) if not _is_too_much(graph, sizes)), smallest)


def _further(symbols: tuple[Symbol, ...], sizes: Sizes, steps: Iterable[int]) -> Sizes:
    """The allowed sizes so many ``steps`` behind ``sizes``."""
    moved = zip(symbols, sizes, steps, strict=True)
    return _different(symbols, [size + step * symbol.modulus for symbol, (_, size), step in moved])


def _different(symbols: tuple[Symbol, ...], wanted: list[int]) -> Sizes:
    """Allowed sizes of at least those ``wanted``, each another than those before it where there are others."""
    chosen: dict[str, int] = {}
    for symbol, least in zip(symbols, wanted, strict=True):
        size = allowed(symbol, least)
        while size in chosen.values() and allowed(symbol, size + 1) > size:
            size = allowed(symbol, size + 1)
        if size in chosen.values():
            size = max(size - symbol.modulus, allowed(symbol, symbol.least))
        chosen[symbol.name] = size
    return tuple(chosen.items())


def allowed(symbol: Symbol, wanted: int) -> int:
    """The smallest value of ``symbol`` that is at least ``wanted``, or else its largest."""
    size = max(wanted, symbol.least)
    size += (symbol.residue - size) % symbol.modulus
    if symbol.most is None or size <= symbol.most:
        return size
    return symbol.most - (symbol.most - symbol.residue) % symbol.modulus


def _batch(graph: Graph, wanted: int) -> int:
    """The batch where its symbol is at least ``wanted``, as far as the contract allows it; a fixed one as it is."""
    batch = graph.inputs[0].type.batch
    return batch if isinstance(batch, int) else batch.at({s.name: allowed(s, wanted) for s in batch.symbols})


def _is_too_much(graph: Graph, sizes: Sizes) -> bool:
    return sum(node.op.macs(*node.input_types) for node in graph.at(dict(sizes)).nodes) > LARGE
