"""Parameters, multiply-accumulates, activation memory and depth. Every cost is of one sample.

What depends on symbolic sizes is None: ``costs(graph.at(sizes))`` has the numbers at those sizes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

from specc.analyses.receptive_field import receptive_fields
from specc.ir.conditions import samples
from specc.ir.graph import Graph, Node
from specc.ir.types import TensorType, fixed

FLOAT_BYTES = 4


@dataclass(frozen=True)
class StepCost:
    """The numbers of one step.

    Attributes:
        params: elements of its parameters; running statistics are no parameters. Of shared steps, which
            are applied several times, the first has them and the others have 0.
        trainable_params: those of them that are not frozen.
        macs: multiply-accumulates for one sample; None where they depend on symbolic sizes.
        multiplies: whether it has any, at whatever sizes.
        activation_memory: bytes of its result for one sample, float32; None as of ``macs``.
        receptive_field: input elements that one element of the result depends on, per spatial axis of
            the inputs; None where no window describes it, and as of ``macs``.
    """

    node: Node
    params: int
    trainable_params: int
    macs: int | None
    multiplies: bool
    activation_memory: int | None
    receptive_field: tuple[int, ...] | None


@dataclass(frozen=True)
class Costs:
    """The numbers of a network and of each of its steps; those that depend on symbolic sizes are None."""

    graph: Graph
    steps: tuple[StepCost, ...]

    @cached_property
    def params(self) -> int:
        """Elements of all parameters, frozen ones included; shared ones once."""
        return sum(step.params for step in self.steps)

    @cached_property
    def trainable_params(self) -> int:
        return sum(step.trainable_params for step in self.steps)

    @cached_property
    def macs(self) -> int | None:
        """Multiply-accumulates for one sample; of shared steps, as often as they are applied."""
        return _sum(step.macs for step in self.steps)

    @cached_property
    def activation_memory(self) -> int | None:
        """Bytes of the results of all steps for one sample, as training keeps them (float32)."""
        return _sum(step.activation_memory for step in self.steps)

    @cached_property
    def peak_memory(self) -> int | None:
        """Bytes that inference needs at once for one sample: at each step its result and every value
        (the input too) that it or a later step still reads; the largest of these sums."""
        if self.graph.symbols:
            return None
        memory = {port.name: _memory(port.type) for port in self.graph.inputs}
        memory |= {node.name: _memory(node.type) for node in self.graph.nodes}
        live = peak = sum(memory[port.name] for port in self.graph.inputs)
        unneeded = self._unneeded_after()
        for i, node in enumerate(self.graph.nodes):
            live += memory[node.name]
            peak = max(peak, live)
            live -= sum(memory[value] for value in unneeded[i])
        return peak

    def _unneeded_after(self) -> Mapping[int, list[str]]:
        """For each step, by index, the values that no later one reads."""
        nodes = self.graph.nodes
        last_use = {port.name: 0 for port in self.graph.inputs} | {node.name: i for i, node in enumerate(nodes)}
        last_use |= {value: i for i, node in enumerate(nodes) for value in node.inputs}
        last_use |= {value: len(nodes) for _, value in self.graph.outputs}
        unneeded = defaultdict(list)
        for value, i in last_use.items():
            unneeded[i].append(value)
        return unneeded

    @cached_property
    def receptive_field(self) -> tuple[int, ...] | None:
        """Of the first output, per spatial axis of the inputs: the largest over the inputs that it depends on."""
        of = {step.node.name: step.receptive_field for step in self.steps}
        return of.get(self.graph.outputs[0][1])

    @cached_property
    def depth(self) -> int:
        """Layers that multiply (convolutions, fully connected ones) on the longest path: the 16 of VGG-16."""
        longest = {port.name: 0 for port in self.graph.inputs}
        for step in self.steps:
            before = max(longest[value] for value in step.node.inputs)
            longest[step.node.name] = before + step.multiplies
        return max(longest[value] for _, value in self.graph.outputs)


def costs(graph: Graph) -> Costs:
    """Count every step of ``graph``."""
    fields = {} if graph.symbols else receptive_fields(graph)
    small = {symbol.name: samples(symbol, 1)[0] for symbol in graph.symbols}
    counted: set[str] = set()
    steps = []
    for node in graph.nodes:
        steps.append(_step_cost(node, fields.get(node.name), small, counted))
        counted.update(map(node.path, node.parameters))
    return Costs(graph, tuple(steps))


def _step_cost(node: Node, field: tuple[int, ...] | None, small: Mapping[str, int], counted: set[str]) -> StepCost:
    """The numbers of one step.

    Args:
        small: some size for every symbol: whether a step multiplies is the same at all of them.
        counted: the paths of the tensors that earlier steps hold.
    """
    own = [(prod(p.shape), p.trainable) for p in node.parameters if not p.buffer and node.path(p) not in counted]
    macs = node.op.macs(*(x.at(small) for x in node.input_types))
    return StepCost(
        node=node,
        params=sum(size for size, _ in own),
        trainable_params=sum(size for size, trainable in own if trainable),
        macs=None if small else macs,
        multiplies=macs > 0,
        activation_memory=None if small else _memory(node.type),
        receptive_field=field,
    )


def _memory(x: TensorType) -> int:
    """Bytes of one sample."""
    return FLOAT_BYTES * fixed(x.elements)


def _sum(numbers: Iterable[int | None]) -> int | None:
    """None where one is None."""
    known = list(numbers)
    return None if None in known else sum(number for number in known if number is not None)
