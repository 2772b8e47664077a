"""What changed in the numbers: parameters, multiply-accumulates, memory, receptive field, depth."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal, NamedTuple

from specc.analyses import Costs, costs
from specc.diagnostics import UsageError
from specc.ir.graph import Graph

Unit = Literal["elements", "operations", "bytes", "places", "layers"]
Amount = int | tuple[int, ...] | None


class Number(NamedTuple):
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


class Cost(NamedTuple):
    """The numbers of both networks, at sizes that both allow.

    Attributes:
        sizes_before, sizes_after: the symbolic sizes at which they are counted; empty where there are none.
        comparable: False: the contracts have no sizes in common, and what depends on them is unknown.
    """

    numbers: tuple[Number, ...]
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


def compare_costs(before: Graph, after: Graph, sizes: tuple[dict[str, int], dict[str, int]] | None) -> Cost:
    """The numbers at these sizes of each; None: there are none that both allow.

    Raises:
        UsageError: a size is missing, or is not allowed.
    """
    if sizes is None:
        return Cost(_numbers(costs(before), costs(after)), {}, {}, comparable=False)
    return Cost(_numbers(_at(before, sizes[0]), _at(after, sizes[1])), *sizes, comparable=True)


def _at(graph: Graph, sizes: Mapping[str, int]) -> Costs:
    try:
        return costs(graph.at(sizes))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _numbers(old: Costs, new: Costs) -> tuple[Number, ...]:
    return (
        Number("parameters", "elements", old.params, new.params),
        Number("trainable parameters", "elements", old.trainable_params, new.trainable_params),
        Number("MACs", "operations", old.macs, new.macs),
        Number("activation memory", "bytes", old.activation_memory, new.activation_memory),
        Number("peak memory", "bytes", old.peak_memory, new.peak_memory),
        Number("receptive field", "places", old.receptive_field, new.receptive_field),
        Number("depth", "layers", old.depth, new.depth),
    )
