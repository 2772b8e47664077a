"""Two networks compared."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal, NamedTuple

from specc.analyses import Costs, costs
from specc.compare.alignment import alignments, isomorphism
from specc.compare.attributes import KeyedGraph
from specc.compare.checkpoint import WeightsChange, compare_weights, exchanged
from specc.compare.interface import InterfaceChange, Ports, common_sizes, compare_interface, pair_ports
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
        """Where there was nothing, anything is more by any percentage."""
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
    common = common_sizes(before, after, ports.inputs)
    old, new = map(KeyedGraph.of, (before, after), common or (None, None))
    graph, steps = _compare_graphs(old, new, ports)
    return Difference(
        before.name,
        after.name,
        compare_interface(before, after, ports, common, renamed=not other_name),
        compare_weights(before, after, steps, graph.proven_same),
        graph,
        _compare_costs(before, after, (old.sizes, new.sizes) if sizes is None else (sizes, sizes)),
    )


def _compare_graphs(before: KeyedGraph, after: KeyedGraph, ports: Ports) -> tuple[GraphChange, dict[str, str]]:
    """The graph's changes, and which old step is which new one: of several accounts the shortest one.

    Names are believed, but where another account is shorter, and by it labels have only changed places.
    """
    same = isomorphism(before, after, ports)
    if same is not None:
        inputs = {old.name for old, _ in ports.inputs.pairs}
        steps = {old: new for old, new in same.items() if old not in inputs}
        return compare_graphs(before, after, ports, steps, proven=True), steps
    accounts = alignments(before, after, ports)
    *believing, doubting = [(compare_graphs(before, after, ports, steps, proven=False), steps) for steps in accounts]
    best = min(believing, key=lambda account: account[0].size)
    if doubting[0].size < best[0].size and exchanged(before.graph, after.graph, doubting[1]):
        return doubting
    return best


def _compare_costs(
    before: Graph, after: Graph, sizes: tuple[Mapping[str, int] | None, Mapping[str, int] | None]
) -> CostChange:
    """The numbers at these sizes, of which a network may have some; None: there are none that both allow.

    Raises:
        UsageError: a size is missing, or is not allowed.
    """
    at: list[dict[str, int]] = []
    counts: list[Costs] = []
    for graph, given in zip((before, after), sizes, strict=True):
        known = {symbol.name for symbol in graph.symbols}
        at.append({name: size for name, size in (given or {}).items() if name in known})
        try:
            counts.append(costs(graph if given is None else graph.at(at[-1])))
        except ValueError as error:
            raise UsageError(str(error)) from None
    old, new = counts
    numbers = (
        CostNumber("parameters", "elements", old.params, new.params),
        CostNumber("trainable parameters", "elements", old.trainable_params, new.trainable_params),
        CostNumber("MACs", "operations", old.macs, new.macs),
        CostNumber("activation memory", "bytes", old.activation_memory, new.activation_memory),
        CostNumber("peak memory", "bytes", old.peak_memory, new.peak_memory),
        CostNumber("receptive field", "places", old.receptive_field, new.receptive_field),
        CostNumber("depth", "layers", old.depth, new.depth),
    )
    return CostChange(numbers, at[0], at[1], comparable=None not in sizes)
