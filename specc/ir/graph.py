"""The checked network: typed, in topological order. Holding a Graph proves that its spec fits together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from specc.ir.op import Op, Parameter
from specc.ir.types import TensorType
from specc.source import Span


@dataclass(frozen=True)
class Port:
    """A named input or output of the network."""

    name: str
    type: TensorType


@dataclass(frozen=True)
class Node:
    """One step.

    Attributes:
        name: dotted path, unique in the graph; the step's value goes by this name too.
        op: what it does.
        inputs: names of the values it takes: of earlier nodes or of the graph's inputs.
        input_types: their types, in order.
        type: the type of its result.
        span: the step in the spec.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    input_types: tuple[TensorType, ...]
    type: TensorType
    span: Span

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        return self.op.parameters(*self.input_types)

    def path(self, parameter: Parameter) -> str:
        """The parameter's key in the state dict: ``conv1.weight``."""
        return f"{self.name}.{parameter.name}" if parameter.name else self.name


@dataclass(frozen=True)
class Graph:
    """A network.

    Attributes:
        name: the model's name, as in the spec.
        inputs: its input ports; an input's value goes by the port's name.
        outputs: its output ports, each with the name of the value it gives out.
        nodes: in topological order; every node is used by a later one or by an output.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[tuple[Port, str], ...]
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        known = {port.name for port in self.inputs}
        for node in self.nodes:
            missing = [value for value in node.inputs if value not in known]
            if missing or node.name in known:
                raise ValueError(f"graph {self.name}: step {node.name} is out of order or named twice: {missing}")
            known.add(node.name)
        lost = [value for _, value in self.outputs if value not in known]
        if lost:
            raise ValueError(f"graph {self.name}: outputs of unknown values {lost}")

    @cached_property
    def state(self) -> tuple[tuple[str, Parameter], ...]:
        """Every tensor of the network with its path, in state-dict order.

        PyTorch lists what a module holds itself (a step that is its own parameter) before what its layers hold.
        """
        state = [(node.path(p), p) for node in self.nodes for p in node.parameters]
        return tuple(sorted(state, key=lambda entry: entry[1].name != ""))

    def node(self, name: str) -> Node:
        """The step called ``name``. Raises KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)
