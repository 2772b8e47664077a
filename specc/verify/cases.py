"""What parity is tried on: inputs that depend on nothing but the graph and a seed.

A contract with symbolic sizes claims every one that it allows. Four are tried, not square but for the second: an
ordinary one, with every kind of numbers; the smallest; one just above it; and one just above the ordinary, so that
divisions leave other remainders. Beyond `LARGE`, sizes are smaller or left out.

The full proof feeds one case at a time. The quick one feeds the kinds of numbers as the samples of one batch, so that
every step runs once on all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count
from math import prod

import numpy as np
from numpy.typing import NDArray

from specc.ir.graph import Graph, Port
from specc.ir.size import Size
from specc.ir.symbols import Symbol
from specc.ir.traits import Sliding
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

MORE, ONE_MORE = 4, 1
"""So many samples more than are judged the shapes of a file are tried on, of an ordinary network and a large one."""

MULTIPLES = (8, 6, 4, 3, 2)
"""How many times the ordinary sizes are tried for the shapes: the largest that is affordable."""

MOST_REMAINDERS, FURTHEST = 2, 8
"""How many sizes are added for the sake of their remainders, and how far above the smallest they are looked for."""

PLACES = 400
"""The most of an axis of these."""

ROOM = 2**26
"""Elements of one value that are affordable."""

ELEMENT = 100
"""What rounding an element of a value at random takes, in MACs: many small layers cost more than they multiply."""

AFFORDABLE = 1_200_000_000
"""MACs, with those of `ELEMENT`, of the samples that the quick proof follows from end to end, if they are many."""

TWICE = 8_000_000_000
"""MACs, with those of `ELEMENT`, of a sample up to which there are two of them all the same."""

Inputs = Mapping[str, NDArray[np.float32] | NDArray[np.uint8]]
"""What a network is fed, by the names of its inputs."""

Sizes = tuple[tuple[str, int], ...]
"""A value for every symbolic size of a network, in the contract's order."""


@dataclass(frozen=True, slots=True)
class Case:
    """Inputs drawn as scale * N(0, 1) + mean, for a batch of ``batch`` samples; bytes are drawn by `_bytes`.

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

    def inputs(self, graph: Graph, seed: int) -> Inputs:
        """Every input of the graph by name. The same on every run; each input has its own stream."""
        inputs: dict[str, NDArray[np.float32] | NDArray[np.uint8]] = {}
        for port in graph.inputs:
            key = sha256(f"{seed}/{self.title}/{self.batch}/{port.name}".encode()).digest()
            stream = np.random.Generator(np.random.Philox(key=int.from_bytes(key[:16], "little")))
            if port.is_cast:
                inputs[port.name] = self._bytes(stream, self.shape(port))
                continue
            values = self.scale * stream.standard_normal(self.shape(port)) + self.mean
            if self.spikes:
                _add_spikes(values, stream)
            inputs[port.name] = values.astype(np.float32)
        return inputs

    def _bytes(self, stream: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Of each kind what bytes can be of it: normal ones are all from 0 to 255, each as likely.

        Large ones are 0 or 255, small ones 0 or 1, those with a mean 250 to 255, and spikes 255 in the dark.
        """
        if self.scale > 1:
            return 255 * stream.integers(0, 2, shape, np.uint8)
        if self.spikes:
            values = stream.integers(0, 4, shape, np.uint8)
            values.reshape(-1)[:: min(SPARSE, max(values.size // 2, 1))] = 255
            return values
        least = 250 if self.mean else 0
        most = 255 if self.mean or self.scale == 1 else 1 if self.scale else 0
        return stream.integers(least, most + 1, shape, np.uint8)

    def shape(self, port: Port) -> tuple[int, ...]:
        """What the contract says of a value here."""
        return (self.batch, *(size_at(size, dict(self.sizes)) for size in port.type.sample))


KINDS = (
    Case("normal", 1),
    Case("zeros", 1, scale=0.0),
    Case("x 1e3", 1, scale=1e3),
    Case("x 1e-6", 1, scale=1e-6),
    Case("mean 1000", 1, mean=1000.0),
    Case("spikes", 1, spikes=True),
)
"""What is drawn."""


NEGATED = Case("negated", 1, scale=-1.0)
"""What a step is tried on besides: behind a step that gives no negative numbers, others show half of it alone."""


def cast(inputs: Inputs) -> dict[str, NDArray[np.float32]]:
    """What the first steps take of the inputs: bytes as float32."""
    return {name: values.astype(np.float32, copy=False) for name, values in inputs.items()}


def _add_spikes(values: NDArray[np.float64], stream: np.random.Generator) -> None:
    """One element in `SPARSE`, at least one of a channel; their sizes are even on a logarithmic scale."""
    channels = values.shape[:2] if values.ndim > 2 else values.shape[:1]
    for channel in values.reshape(prod(channels), -1):
        places = stream.choice(channel.size, -(-channel.size // SPARSE), replace=False)
        channel[places] = stream.choice((-1.0, 1.0), places.size) * 10 ** stream.uniform(2, 6, places.size)
    flat = values.reshape(-1)
    largest = np.abs(flat).argmax()
    flat[largest] = np.copysign(1e6, flat[largest])


@dataclass(frozen=True, slots=True)
class Feed:
    """What one run takes: cases of the same sizes, the samples of one behind those of the other."""

    cases: tuple[Case, ...]

    @property
    def batch(self) -> int:
        return sum(case.batch for case in self.cases)

    @property
    def sizes(self) -> Sizes:
        return self.case.sizes

    @property
    def case(self) -> Case:
        """The first: what a run is called by that does not say of whose samples it speaks."""
        return self.cases[0]

    def shape(self, port: Port) -> tuple[int, ...]:
        """What the contract says of a value here."""
        return (self.batch, *self.case.shape(port)[1:])

    def inputs(self, graph: Graph, seed: int) -> Inputs:
        """Every input of the graph by name."""
        drawn = [case.inputs(graph, seed) for case in self.cases]
        return {name: np.concatenate([each[name] for each in drawn]) for name in drawn[0]}

    def begins(self, other: Feed) -> bool:
        """Whether it is the first cases of ``other``, which has more: a run with a batch of its own."""
        return self != other and self.cases == other.cases[: len(self.cases)]

    def samples(self) -> Iterator[tuple[Case, slice]]:
        """Each case and where its samples lie."""
        start = 0
        for case in self.cases:
            yield case, slice(start, start + case.batch)
            start += case.batch


@dataclass(frozen=True, slots=True)
class Plan:
    """What a proof runs.

    Attributes:
        network: from end to end.
        steps: on its way through the network, to every step.
        probe: what the values of a file with other names are told apart by: normal numbers, among which none outweighs
            all others, of two samples, so that no size of 1 is taken for the batch.
        kinds: what every step is tried on besides, made of what reaches it in the first case.
        at_once: in one batch with that.
        reaching: what goes through the network where none is made: a file from elsewhere may leave out what changes
            nothing on the numbers that reach it, as a second ReLU does.
    """

    network: tuple[Feed, ...]
    steps: tuple[Feed, ...]
    probe: Feed
    kinds: tuple[Case, ...] = ()
    at_once: bool = True
    reaching: tuple[Feed, ...] = ()

    def at_ordinary_sizes(self) -> Plan:
        """The network at its first sizes alone: where another pass tries the others, with other weights."""
        return replace(self, network=tuple(feed for feed in self.network if feed.sizes == self.network[0].sizes))

    @property
    def followed(self) -> tuple[Feed, ...]:
        """Feeds that PyTorch is run on: not on one that is the beginning of another."""
        return tuple(feed for feed in self.network if not any(feed.begins(other) for other in self.network))


def plan_of(graph: Graph, level: str) -> Plan:
    """What the quick proof runs, or the full one."""
    return quick_plan(graph) if level == "quick" else full_plan(graph)


def full_plan(graph: Graph) -> Plan:
    """Every case by itself."""
    feeds = tuple(Feed((case,)) for case in cases(graph))
    return Plan(feeds, feeds, _probe(graph))


def quick_plan(graph: Graph) -> Plan:
    """All kinds of numbers at once, where the batch may be as large; two samples of each other size.

    From end to end go as many kinds as are `AFFORDABLE`, normal numbers and spikes first. These two go to every step,
    which is tried on the other kinds besides.
    """
    ordinary, *others = sizes_tried(graph)
    one = _batch(graph, 1)
    # Where not all can be followed, spikes show most beside the normal ones.
    kinds = [replace(kind, batch=one, sizes=ordinary) for kind in (KINDS[0], KINDS[-1], *KINDS[1:-1])]
    cost = max(one * work(graph, ordinary), 1)
    followed = kinds[: max(2 if cost <= TWICE else 1, AFFORDABLE // cost)]
    sizes = tuple(Feed((Case("normal", _batch(graph, 2), sizes=each),)) for each in others)
    network, steps = _stacked(graph, followed), _stacked(graph, kinds[:2])
    alone = () if Feed((kinds[0],)) in network else (Feed((kinds[0],)),)
    made = (*kinds[2:], replace(NEGATED, batch=one, sizes=ordinary))
    at_once = len(_stacked(graph, (*kinds[:2], *made))) == 1
    reaching = (*_stacked(graph, kinds), *sizes)
    return Plan((*alone, *network, *sizes), (*steps, *sizes), _probe(graph), made, at_once, reaching)


def _probe(graph: Graph) -> Feed:
    return Feed((Case("normal", _batch(graph, 2), sizes=ordinary_sizes(graph)),))


def _stacked(graph: Graph, kinds: Sequence[Case]) -> tuple[Feed, ...]:
    """One feed of all, where the contract allows so large a batch; else each by itself."""
    together = Feed(tuple(kinds))
    return (together,) if _batch(graph, together.batch) == together.batch else tuple(Feed((kind,)) for kind in kinds)


def is_large(graph: Graph) -> bool:
    return _is_too_much(graph, ordinary_sizes(graph))


def is_costly(graph: Graph) -> bool:
    """Whether not all kinds of numbers can be followed in the quick proof."""
    return _batch(graph, 1) * work(graph, ordinary_sizes(graph)) * len(KINDS) > AFFORDABLE


def work(graph: Graph, sizes: Sizes) -> int:
    """MACs, with those of `ELEMENT`, of a sample."""
    elements = sum(fixed(node.type.elements) for node in graph.at(dict(sizes)).nodes)
    return _macs(graph, sizes) + ELEMENT * elements


def cases(graph: Graph) -> tuple[Case, ...]:
    """The cases of the full proof: batches 1, 2 and 7 where the batch is symbolic, else the one that it is fixed to.

    A large network (see `LARGE`) goes without batch 7.
    """
    ordinary, *others = sizes_tried(graph)
    wanted = (1, 2) if is_large(graph) else (1, 2, 7)
    one, *more = batches = tuple(dict.fromkeys(_batch(graph, least) for least in wanted))
    return (
        *(Case("normal", batch, sizes=ordinary) for batch in batches),
        *(replace(kind, batch=one, sizes=ordinary) for kind in KINDS[1:]),
        *(Case("normal", more[0] if more else one, sizes=sizes) for sizes in others),
    )


def shape_cases(graph: Graph, judged: int) -> Iterator[Case]:
    """Cases for the shapes of the file alone, beyond what is tried of its numbers: more samples, and larger sizes.

    Args:
        judged: the most samples of which the numbers are.
    """
    ordinary = ordinary_sizes(graph)
    if not isinstance(graph.inputs[0].type.batch, int):
        yield Case("shapes", _batch(graph, judged + (ONE_MORE if is_costly(graph) else MORE)), sizes=ordinary)
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
    symbols, smallest, ordinary = graph.symbols, _smallest(graph), ordinary_sizes(graph)
    count = len(symbols)
    above = _further(symbols, smallest, range(count, 0, -1))
    larger = _further(symbols, ordinary, range(2 * count - 1, 0, -2))
    others = (sizes for sizes in (above, larger) if not _is_too_much(graph, sizes))
    tried = (ordinary, smallest, *others)
    return tuple(dict.fromkeys((*tried, *_other_remainders(graph, tried))))


def _other_remainders(graph: Graph, tried: Sequence[Sizes]) -> Iterator[Sizes]:
    """Sizes just above the smallest at which windows that stride leave another number of places behind the last one.

    Rounding up and down are the same where nothing is left over: half of a half is a whole number at 12, 13, 20
    and 21.
    """
    left = [_places_left(graph, sizes) for sizes in tried]
    one_sided = {key for key, places in left[0].items() if all(each.get(key) == places for each in left)}
    steps, found = count(2), 0
    while one_sided and found < MOST_REMAINDERS and (step := next(steps)) <= FURTHEST:
        sizes = _further(graph.symbols, tried[1], [step + place for place in range(len(graph.symbols))])
        places = _places_left(graph, sizes)
        if shown := {key for key in one_sided if places.get(key) != left[0][key]}:
            one_sided -= shown
            found += 1
            yield sizes


def _places_left(graph: Graph, sizes: Sizes) -> dict[tuple[str, int], int]:
    """What every axis along which a step strides, at other sizes another, leaves over: by the step and the axis.

    Of a step that takes the sizes of another value, whether the two differ by an odd number: what lies in the middle
    has one place more on one side then. The bins of an adaptive pool stride at some sizes only.
    """
    left: dict[tuple[str, int], int] = {}
    at = graph.at(dict(sizes))
    for node in graph.nodes:
        spatial = node.input_types[0].spatial if node.input_types else ()
        if not any(isinstance(size, Size) for size in spatial):
            continue
        here = at.node(node.name)
        if node.op.measured:
            before, behind = (list(map(fixed, x.spatial)) for x in (here.input_types[0], here.type))
            if len(before) == len(behind):  # else the places are laid out anew, and none is in the middle
                pairs = zip(before, behind, strict=True)
                left |= {(node.name, axis): (size - result) % 2 for axis, (size, result) in enumerate(pairs)}
            continue
        match here.op.window(*here.input_types):
            case Sliding((_, *axes)):
                numbers = map(fixed, here.input_types[0].spatial)
                for axis, (taps, size, symbolic) in enumerate(zip(axes, numbers, spatial, strict=True)):
                    if taps is not None and taps.advance > 1 and not taps.fitted and isinstance(symbolic, Size):
                        left[node.name, axis] = size % taps.advance
    return left


def ordinary_sizes(graph: Graph) -> Sizes:
    """The first sizes of `ORDINARY` scale or more with `ENOUGH` places everywhere; smaller where that is too much."""
    smallest = _smallest(graph)
    inner = {size for node in graph.nodes for size in node.type.sample if isinstance(size, Size)}
    tried = [_further(graph.symbols, smallest, range(len(smallest)))]
    for scale in SCALES:
        scaled = [max(size + 1, (5 + 2 * i) * scale) for i, (_, size) in enumerate(smallest)]
        tried.append(_different(graph.symbols, scaled))
        if scale >= ORDINARY and all(size.at(dict(tried[-1])) >= ENOUGH for size in inner):
            break
    return next((sizes for sizes in reversed(tried) if not _is_too_much(graph, sizes)), smallest)


def _smallest(graph: Graph) -> Sizes:
    return tuple((symbol.name, allowed(symbol, symbol.least)) for symbol in graph.symbols)


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
    return _macs(graph, sizes) > LARGE


def _macs(graph: Graph, sizes: Sizes) -> int:
    """Of one sample."""
    return sum(node.op.macs(*node.input_types) for node in graph.at(dict(sizes)).nodes)
