"""Parameters, multiply-accumulates, activation memory and depth. Every cost is of one sample.

What depends on symbolic sizes is None: ``Costs(graph.at(sizes))`` has the numbers at those sizes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from math import prod
from typing import NamedTuple

from specc.analyses.receptive_field import Fields, Reason, Unclaimed, receptive_fields
from specc.ir.graph import Graph, Node
from specc.ir.types import TensorType, fixed

FLOAT_BYTES = 4


class StepCost(NamedTuple):
    """The numbers of one step.

    Attributes:
        node: the step itself.
        params: elements of its parameters; running statistics are no parameters. Of shared steps, which
            are applied several times, the first has them and the others have 0.
        trainable_params: those of them that are not frozen.
        macs: multiply-accumulates for one sample; None where they depend on symbolic sizes.
        multiplies: whether it has any, at whatever sizes.
        activation_memory: bytes of its result for one sample, float32; None as of ``macs``.
        receptive_field: input elements that one element of the result depends on, from the first to the last, per
            spatial axis of the inputs; None where none is claimed, and as of ``macs``.
    """

    node: Node
    params: int
    trainable_params: int
    macs: int | None
    multiplies: bool
    activation_memory: int | None
    receptive_field: tuple[int, ...] | None


class Costs:
    """The numbers of a network and of each of its steps; those that depend on symbolic sizes are None.

    Each is computed when it is first used: who wants the parameters need not wait for receptive fields.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @cached_property
    def steps(self) -> tuple[StepCost, ...]:
        """Every step, in order."""
        rows = []
        for node in self.graph.nodes:
            sizes = self._own.get(node.name, ())
            row = StepCost(
                node=node,
                params=sum(size for size, _ in sizes),
                trainable_params=sum(size for size, trainable in sizes if trainable),
                macs=None if self.graph.symbols else node.op.macs(*node.input_types),
                multiplies=self._multiplies(node),
                activation_memory=None if self.graph.symbols else _memory(node.type),
                receptive_field=self._fields.sizes.get(node.name),
            )
            rows.append(row)
        return tuple(rows)

    @cached_property
    def _own(self) -> dict[str, list[tuple[int, bool]]]:
        """By step the elements of its parameters, and whether these are trained; shared ones at the first step only."""
        first: dict[str, Node] = {}
        for node in self.graph.nodes:
            first.setdefault(node.module, node)
        return {node.name: [(prod(p.shape), p.trainable) for p in node.parameters if not p.buffer]
                for node in first.values()}  # fmt: skip

    @cached_property
    def _fields(self) -> Fields:
        return Fields({}, {}) if self.graph.symbols else receptive_fields(self.graph)

    @cached_property
    def _small(self) -> Mapping[str, int]:
        """A size for every symbol: whether a step multiplies is the same at all of them."""
        return {symbol.name: symbol.value(symbol.first) for symbol in self.graph.symbols}

    def _multiplies(self, node: Node) -> bool:
        return node.op.macs(*(x.at(self._small) for x in node.input_types)) > 0

    @cached_property
    def params(self) -> int:
        """Elements of all parameters, frozen ones included; shared ones once."""
        return sum(size for sizes in self._own.values() for size, _ in sizes)

    @cached_property
    def trainable_params(self) -> int:
        return sum(size for sizes in self._own.values() for size, trainable in sizes if trainable)

    @cached_property
    def macs(self) -> int | None:
        """Multiply-accumulates for one sample; of shared steps, as often as they are applied."""
        return None if self.graph.symbols else sum(node.op.macs(*node.input_types) for node in self.graph.nodes)

    @cached_property
    def activation_memory(self) -> int | None:
        """Bytes of the results of all steps for one sample, as training keeps them (float32)."""
        return None if self.graph.symbols else sum(_memory(node.type) for node in self.graph.nodes)

    @cached_property
    def peak_memory(self) -> int | None:
        """Bytes that inference needs at once for one sample: at each step its result and every value
        (the input too) that it or a later step still reads; the largest of these sums. An input of uint8 is there
        beside its numbers as float32, until these are made."""
        if self.graph.symbols:
            return None
        memory = {port.name: _memory(port.type) for port in self.graph.inputs}
        memory |= {node.name: _memory(node.type) for node in self.graph.nodes}
        nodes = self.graph.nodes
        last_use = {port.name: 0 for port in self.graph.inputs} | {node.name: i for i, node in enumerate(nodes)}
        last_use |= {value: i for i, node in enumerate(nodes) for value in node.inputs}
        last_use |= {value: len(nodes) for _, value in self.graph.outputs}
        freed: Counter[int] = Counter()
        for value, i in last_use.items():
            freed[i] += memory[value]
        given = {port.name: fixed(port.type.elements) for port in self.graph.inputs if port.is_cast}
        live = peak = sum(given.get(port.name, memory[port.name]) for port in self.graph.inputs)
        for name, elements in given.items():
            live += memory[name]
            peak = max(peak, live)
            live -= elements
        for i, node in enumerate(nodes):
            live += memory[node.name]
            peak = max(peak, live)
            live -= freed[i]
        return peak

    @cached_property
    def receptive_field(self) -> tuple[int, ...] | None:
        """Of the first output, per spatial axis of the inputs: the largest over the inputs that it depends on."""
        return self._fields.sizes.get(self.graph.outputs[0][1])

    @cached_property
    def no_receptive_field(self) -> Unclaimed | None:
        """Why the first output has none; None where it has one, or it depends on symbolic sizes."""
        if self.graph.symbols and not any(port.type.spatial for port in self.graph.inputs):
            return Unclaimed(Reason.FLAT_INPUT, None)
        return self._fields.unclaimed.get(self.graph.outputs[0][1])

    @cached_property
    def depth(self) -> int:
        """Layers that multiply (convolutions, fully connected ones) on the longest path: the 16 of VGG-16."""
        longest = {port.name: 0 for port in self.graph.inputs}
        for node in self.graph.nodes:
            longest[node.name] = max(longest[value] for value in node.reads) + self._multiplies(node)
        return max(longest[value] for _, value in self.graph.outputs)


def _memory(x: TensorType) -> int:
    """Bytes of one sample."""
    return FLOAT_BYTES * fixed(x.elements)
