"""Some steps of a network as a network of their own: what judges a piece of a file."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specc.ir.graph import Graph, Node, Port
from specc.ir.op import Parameter
from specc.ir.types import TensorType
from specc.weights import Array, Weights

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Part:
    """Steps that are judged together.

    Attributes:
        nodes: the steps, in the order of the network.
        taken: the values that they start from, in the order in which the network makes them.
    """

    nodes: tuple[Node, ...]
    taken: tuple[str, ...]

    @property
    def last(self) -> Node:
        return self.nodes[-1]

    def graph(self) -> Graph:
        """The steps as a network: inputs ``x``, ``x2`` …, steps after their operators, one output."""
        names = {value: f"x{place}" if place > 1 else "x" for place, value in enumerate(self.taken, start=1)}
        owners = self._owners()
        types: dict[str, TensorType] = {}
        members = []
        for place, node in enumerate(self.nodes, start=1):
            types |= dict(zip(node.inputs, node.input_types, strict=True))
            names[node.name] = f"{node.op.kind}{place}"
            members.append(_renamed(node, names, owners[node.module]))
        ports = tuple(Port(names[value], types[value]) for value in self.taken)
        return Graph("Step", ports, ((Port("result", self.last.type), names[self.last.name]),), tuple(members))

    def module(self, weights: Weights) -> nn.Module:
        """The steps in PyTorch, float32, with their tensors out of ``weights``."""
        from specc.backends.torch import torch_module

        graph = self.graph()
        paths = {
            new.path(parameter): old.path(parameter)
            for old, new in zip(self.nodes, graph.nodes, strict=True)
            for parameter in new.parameters
        }
        return torch_module(graph, _Under(paths, weights))

    def _owners(self) -> dict[str, str]:
        """What each module is called: as its first step; steps that share tensors go on sharing them."""
        owners: dict[str, str] = {}
        for place, node in enumerate(self.nodes, start=1):
            owners.setdefault(node.module, f"{node.op.kind}{place}")
        return owners


@dataclass(frozen=True)
class _Under:
    """Weights under other paths."""

    paths: dict[str, str]
    weights: Weights

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        return self.weights.chunks(self.paths[path], parameter)


class Parts:
    """A network, ready to be taken apart."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._places = {port.name: place - len(graph.inputs) for place, port in enumerate(graph.inputs)}
        self._places |= {node.name: place for place, node in enumerate(graph.nodes)}

    def of(self, step: str, stops: Collection[str]) -> Part:
        """The steps that compute the value of ``step`` from values among ``stops`` and inputs of the network."""
        found: set[str] = set()
        taken: set[str] = set()
        open_ends = [step]
        while open_ends:
            name = open_ends.pop()
            if self._places[name] < 0 or (name in stops and name != step):
                taken.add(name)
            elif name not in found:
                found.add(name)
                open_ends += self._graph.node(name).inputs
        nodes = tuple(self._graph.nodes[place] for place in sorted(self._places[name] for name in found))
        return Part(nodes, tuple(sorted(taken, key=self._places.__getitem__)))


def _renamed(node: Node, names: dict[str, str], owner: str) -> Node:
    name = names[node.name]
    inputs = tuple(names[value] for value in node.inputs)
    return Node(
        name, node.op, inputs, node.input_types, node.type, node.span, owner if owner != name else None, node.parameters
    )
