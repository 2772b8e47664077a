"""Where steps are written: the graph of the file, or the body of one of its functions.

Both have names of their own for values and weights. The graph holds the constants of its steps as initializers;
a function can hold no initializer, so they are nodes there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod

from onnx import NodeProto, TensorProto, helper

from specc.ir.graph import Block, Graph, Node
from specc.ir.onnx import Ref
from specc.ir.op import Parameter


def stored_name(path: str, parameter: Parameter) -> str:
    """What a parameter is called in the file: its path in the state dict.

    A step that is its own parameter (scale) has the path that its value goes by, and ONNX has one namespace
    for both.
    """
    return path if parameter.name else f"{path}/factor"


@dataclass(frozen=True)
class Stored:
    """A weight of the file: its path in the state dict, the parameter, the shape it is stored in."""

    path: str
    parameter: Parameter
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        self.require_fits(self.shape)

    @property
    def name(self) -> str:
        return stored_name(self.path, self.parameter)

    @property
    def size(self) -> int:
        """Bytes of data."""
        width = 8 if self.parameter.integer else 4
        return width * prod(self.shape)

    def header(self) -> TensorProto:
        """The tensor without its data."""
        kind = TensorProto.INT64 if self.parameter.integer else TensorProto.FLOAT
        return TensorProto(name=self.name, dims=self.shape, data_type=kind)

    def require_fits(self, shape: tuple[int, ...]) -> None:
        if prod(shape) != prod(self.parameter.shape):
            raise ValueError(f"{self.path} of shape {self.parameter.shape} cannot be stored as {shape}")


class Store:
    """The weights of the file by path, each once: steps that share a weight share what is stored."""

    def __init__(self) -> None:
        self.weights: dict[str, Stored] = {}

    def find(self, path: str, parameter: Parameter, shape: tuple[int, ...]) -> Stored:
        """The weight as it is stored, which is in ``shape`` if this is its first use.

        Raises:
            ValueError: another tensor has the path, or the shape holds other than its elements; our bug.
        """
        stored = self.weights.get(path)
        if stored is None:
            stored = self.weights[path] = Stored(path, parameter, shape)
        if stored.parameter != parameter:
            raise ValueError(f"{path} is {stored.parameter.shape} to one step and {parameter.shape} to another")
        stored.require_fits(shape)
        return stored


class Scope(ABC):
    """Nodes in order, and the names that hold among them.

    Attributes:
        store: the weights of the file.
        values: what each value of the network is called here.
    """

    def __init__(self, store: Store, values: dict[str, Ref]) -> None:
        self.store = store
        self.values = values
        self.nodes: list[NodeProto] = []

    @abstractmethod
    def label(self, member: Node | Block) -> str:
        """What the nodes and constants of a step are called after, or the call of a block."""

    @abstractmethod
    def weight(self, step: Node, parameter: Parameter, shape: tuple[int, ...]) -> tuple[Ref, Stored]:
        """The name of a weight here, and how it is stored."""

    @abstractmethod
    def add(self, nodes: list[NodeProto], constants: list[TensorProto]) -> None:
        """Take what a step has written."""


class MainScope(Scope):
    """The graph of the file: everything goes by its path."""

    def __init__(self, store: Store, graph: Graph) -> None:
        super().__init__(store, value_names(graph))
        self.constants: list[TensorProto] = []

    def label(self, member: Node | Block) -> str:
        return member.name

    def weight(self, step: Node, parameter: Parameter, shape: tuple[int, ...]) -> tuple[Ref, Stored]:
        stored = self.store.find(step.path(parameter), parameter, shape)
        return stored.name, stored

    def add(self, nodes: list[NodeProto], constants: list[TensorProto]) -> None:
        self.nodes += nodes
        self.constants += constants


class BodyScope(Scope):
    """The body of a function: names are those inside the block, so equal instances have equal bodies.

    Attributes:
        taken: the values from outside, in the order of the function's inputs.
        weights: by path: what the weight is called here, its first user, and how the file stores it. They are the
            function's inputs behind ``taken``.
    """

    def __init__(self, store: Store, block: Block) -> None:
        self._block = block
        self.taken = block.inputs
        # A label may be `in`, and none has a slash in it.
        first = "in/1" if any(self.label(node) == "in" for node in block.nodes) else "in"
        outside = {value: first if place == 1 else f"in/{place}" for place, value in enumerate(self.taken, start=1)}
        super().__init__(store, outside | {node.name: self.label(node) for node in block.nodes})
        self.weights: dict[str, tuple[Ref, Node, Stored]] = {}

    def label(self, member: Node | Block) -> str:
        """The path inside the block. A step that is all of the block goes by its operator."""
        inner = member.name.removeprefix(self._block.name).removeprefix(".")
        return inner or (member.op.kind if isinstance(member, Node) else member.title)

    def weight(self, step: Node, parameter: Parameter, shape: tuple[int, ...]) -> tuple[Ref, Stored]:
        stored = self.store.find(step.path(parameter), parameter, shape)
        inner = f"{self.label(step)}.{parameter.name}".removesuffix(".")
        name, *_ = self.weights.setdefault(stored.path, (stored_name(inner, parameter), step, stored))
        return name, stored

    def add(self, nodes: list[NodeProto], constants: list[TensorProto]) -> None:
        for constant in constants:
            value = TensorProto()
            value.CopyFrom(constant)
            value.ClearField("name")
            self.nodes.append(helper.make_node("Constant", [], [constant.name], name=constant.name, value=value))
        self.nodes += nodes


def value_names(graph: Graph) -> dict[str, Ref]:
    """What each value is called in the file: its own name, or that of the output it is given out as.

    A step named like an output that gives out another value, as in ``score: fc(1) -> sigmoid``, owns the name in
    the state dict; the output owns it here, and the step's value is called ``score/fc``.
    """
    steps = {node.name for node in graph.nodes}
    given: dict[str, Ref] = {}
    for port, value in graph.outputs:
        if value in steps and (value == port.name or value not in given):
            given[value] = port.name
    ports = {port.name for port, _ in graph.outputs}
    names = {port.name: port.name for port in graph.inputs}
    for node in graph.nodes:
        own = f"{node.name}/{node.op.kind}" if node.name in ports else node.name
        names[node.name] = given.get(node.name, own)
    return names
