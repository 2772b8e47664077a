"""Two networks compared."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal, NamedTuple

from specc.analyses import Costs, costs
from specc.compare.alignment import alignments, isomorphism
from specc.compare.attributes import KeyedGraph, keyed_graphs
from specc.compare.checkpoint import WeightsChange, compare_weights, exchanged
from specc.compare.interface import InterfaceChange, compare_interface
from specc.compare.pairing import Ports, common, examples, pair_ports
from specc.compare.wiring import GraphChange, compare_graphs
from specc.diagnostics import UsageError
from specc.ir.graph import Graph

SECTIONS = ("interface", "weights", "graph", "cost")
"""What of a network may change, each an attribute of `Difference`."""


Unit = Literal["elements", "operations", "bytes", "places", "layers"]
Amount = int | tuple[int, ...] | None


class CostNumber(NamedTuple):
    """One number of both networks; None where it depends on sizes, or where none is claimed."""

    name: str
    unit: Unit
    before: Amount
    after: Amount

    @property
    def changed(self) -> bool:
        return self.before != self.after

    @property
    def grew(self) -> bool:
        """Whether it costs more. What a network sees (its receptive field) is no cost."""
        return self.grew_by_more_than(Fraction(0))

    def grew_by_more_than(self, percent: Fraction) -> bool:
        """Whether it costs more than that much more. Where there was nothing, anything is."""
        if not isinstance(self.before, int) or not isinstance(self.after, int):
            return False
        return self.after * 100 > self.before * (100 + percent)


class CostChange(NamedTuple):
    """The numbers of both networks, at sizes that both allow.

    Attributes:
        sizes_before, sizes_after: the symbolic sizes at which they are counted; empty where there are none.
        comparable: False: the contracts have no sizes in common, and what depends on them is unknown.
    """

    numbers: tuple[CostNumber, ...]
    sizes_before: Mapping[str, int]
    sizes_after: Mapping[str, int]
    comparable: bool

    @property
    def changed(self) -> bool:
        return any(number.changed for number in self.numbers) or not self.comparable

    @property
    def breaking(self) -> bool:
        """Whether a number grew, or may have."""
        return self.fails(Fraction(0))

    def fails(self, percent: Fraction) -> bool:
        """Whether a number grew by more than that, or may have."""
        return any(number.grew_by_more_than(percent) for number in self.numbers) or not self.comparable


class Difference(NamedTuple):
    """What changed from one network to another, for whoever uses it."""

    before: str
    after: str
    interface: InterfaceChange
    weights: WeightsChange
    graph: GraphChange
    cost: CostChange

    @property
    def changed(self) -> bool:
        return bool(self.interface.changed or self.weights.changed or self.graph.changed or self.cost.changed)

    def fails(self, section: str, growth: Fraction = Fraction(0)) -> bool:
        """Whether what changed in the section (of `SECTIONS`) breaks somebody.

        interface: a caller that worked may not work any more. weights: an old checkpoint does not load by name, or not
        into its own steps. graph: it is not the same network. cost: a number grew by more than ``growth`` percent.
        """
        match section:
            case "interface":
                return self.interface.breaking
            case "weights":
                return self.weights.breaking
            case "graph":
                return self.graph.changed
            case "cost":
                return self.cost.fails(growth)
        raise ValueError(f"{section} is none of {', '.join(SECTIONS)}")


def compare(
    before: Graph, after: Graph, *, sizes: Mapping[str, int] | None = None, other_name: bool = False
) -> Difference:
    """What changed.

    Args:
        sizes: at which costs are counted; left out: some that both contracts allow.
        other_name: the two are meant to have different names: that is no change then.

    Raises:
        UsageError: ``sizes`` lacks one, or gives one that is not allowed.
    """
    ports = pair_ports(before, after)
    both = common(before, after, ports.inputs)
    near = examples(both, before, after)
    graph, steps = _compared(*keyed_graphs(before, after, both), ports, near)
    return Difference(
        before.name,
        after.name,
        compare_interface(before, after, ports, both, renamed=not other_name),
        compare_weights(before, after, steps, graph.proven_same),
        graph,
        compare_costs(before, after, near if sizes is None else (_of(before, sizes), _of(after, sizes))),
    )


def _of(graph: Graph, sizes: Mapping[str, int]) -> dict[str, int]:
    """Those that the network has."""
    known = {symbol.name for symbol in graph.symbols}
    return {name: size for name, size in sizes.items() if name in known}


def _compared(
    before: KeyedGraph, after: KeyedGraph, ports: Ports, near: tuple[dict[str, int], dict[str, int]] | None
) -> tuple[GraphChange, dict[str, str]]:
    """The graph's changes, and which old step is which new one: of several accounts the shortest one.

    Names are believed, but where another account is shorter, and by it labels have only changed places.
    """
    same = isomorphism(before, after, ports)
    if same is not None:
        inputs = {old.name for old, _ in ports.inputs.pairs}
        steps = {old: new for old, new in same.items() if old not in inputs}
        return compare_graphs(before, after, ports, steps, proven=True), steps
    accounts = alignments(before, after, ports, _types(before, after, near))
    changes = [(compare_graphs(before, after, ports, steps, proven=False), steps) for steps in accounts]
    *believing, doubting = changes
    best = min(believing, key=lambda change: change[0].size)
    if doubting[0].size < best[0].size and exchanged(before.graph, after.graph, doubting[1]):
        return doubting
    return best


def _types(
    before: KeyedGraph, after: KeyedGraph, near: tuple[dict[str, int], dict[str, int]] | None
) -> tuple[dict[str, object], dict[str, object]]:
    """What tells the types of the steps apart: their shapes at the same sizes of both, as far as there are such."""
    types: list[dict[str, object]] = []
    for side, graph in enumerate((before.graph, after.graph)):
        nodes = (graph if near is None else graph.at(near[side])).nodes
        taken = {node.name: (*node.input_types, node.type) for node in nodes}
        types.append({n: tuple(x.sample if x.is_fixed else str(x.sample) for x in xs) for n, xs in taken.items()})
    return types[0], types[1]


def compare_costs(before: Graph, after: Graph, sizes: tuple[dict[str, int], dict[str, int]] | None) -> CostChange:
    """The numbers at these sizes of each; None: there are none that both allow.

    Raises:
        UsageError: a size is missing, or is not allowed.
    """
    if sizes is None:
        return CostChange(_numbers(costs(before), costs(after)), {}, {}, comparable=False)
    return CostChange(_numbers(_at(before, sizes[0]), _at(after, sizes[1])), *sizes, comparable=True)


def _at(graph: Graph, sizes: Mapping[str, int]) -> Costs:
    try:
        return costs(graph.at(sizes))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _numbers(old: Costs, new: Costs) -> tuple[CostNumber, ...]:
    return (
        CostNumber("parameters", "elements", old.params, new.params),
        CostNumber("trainable parameters", "elements", old.trainable_params, new.trainable_params),
        CostNumber("MACs", "operations", old.macs, new.macs),
        CostNumber("activation memory", "bytes", old.activation_memory, new.activation_memory),
        CostNumber("peak memory", "bytes", old.peak_memory, new.peak_memory),
        CostNumber("receptive field", "places", old.receptive_field, new.receptive_field),
        CostNumber("depth", "layers", old.depth, new.depth),
    )
