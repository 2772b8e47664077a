"""Parameters, multiply-accumulates, activation memory and depth. Every cost is of one sample."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

from specc.analyses.receptive_field import receptive_fields
from specc.ir.graph import Graph, Node

FLOAT_BYTES = 4


@dataclass(frozen=True)
class StepCost:
    """The numbers of one step.

    Attributes:
        params: elements of its parameters; running statistics are no parameters.
        trainable_params: those of them that are not frozen.
        macs: multiply-accumulates for one sample.
        activation_memory: bytes of its result for one sample, float32.
        receptive_field: input elements that one element of the result depends on, per spatial axis of
            the network's input; None where no window describes it.
    """

    node: Node
    params: int
    trainable_params: int
    macs: int
    activation_memory: int
    receptive_field: tuple[int, ...] | None


@dataclass(frozen=True)
class Costs:
    """The numbers of a network and of each of its steps."""

    graph: Graph
    steps: tuple[StepCost, ...]

    @cached_property
    def params(self) -> int:
        """Elements of all parameters, frozen ones included."""
        return sum(step.params for step in self.steps)

    @cached_property
    def trainable_params(self) -> int:
        return sum(step.trainable_params for step in self.steps)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates for one sample."""
        return sum(step.macs for step in self.steps)

    @cached_property
    def activation_memory(self) -> int:
        """Bytes of the results of all steps for one sample, as training keeps them (float32)."""
        return sum(step.activation_memory for step in self.steps)

    @cached_property
    def peak_memory(self) -> int:
        """Bytes that inference needs at once for one sample: at each step its result and every value
        (the input too) that it or a later step still reads; the largest of these sums."""
        last_use = {value: i for i, node in enumerate(self.graph.nodes) for value in node.inputs}
        last_use |= {value: len(self.graph.nodes) for _, value in self.graph.outputs}
        live = {port.name: FLOAT_BYTES * port.type.elements for port in self.graph.inputs}
        peak = sum(live.values())
        for i, step in enumerate(self.steps):
            live[step.node.name] = step.activation_memory
            peak = max(peak, sum(live.values()))
            live = {value: size for value, size in live.items() if last_use.get(value, -1) > i}
        return peak

    @cached_property
    def receptive_field(self) -> tuple[int, ...] | None:
        """Of the first output, per spatial axis of the network's input."""
        of = {step.node.name: step.receptive_field for step in self.steps}
        return of.get(self.graph.outputs[0][1])

    @cached_property
    def depth(self) -> int:
        """Layers that multiply (convolutions, fully connected ones) on the longest path: the 16 of VGG-16."""
        longest = {port.name: 0 for port in self.graph.inputs}
        for step in self.steps:
            before = max(longest[value] for value in step.node.inputs)
            longest[step.node.name] = before + (step.macs > 0)
        return max(longest[value] for _, value in self.graph.outputs)


def costs(graph: Graph) -> Costs:
    """Count every step of ``graph``."""
    fields = receptive_fields(graph)
    return Costs(graph, tuple(_step_cost(node, fields[node.name]) for node in graph.nodes))


def _step_cost(node: Node, field: tuple[int, ...] | None) -> StepCost:
    sizes = [(prod(p.shape), p.trainable) for p in node.parameters if not p.buffer]
    return StepCost(
        node=node,
        params=sum(size for size, _ in sizes),
        trainable_params=sum(size for size, trainable in sizes if trainable),
        macs=node.op.macs(*node.input_types),
        activation_memory=FLOAT_BYTES * node.type.elements,
        receptive_field=field,
    )
