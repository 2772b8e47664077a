"""Where nodes are written, and how: the graph of the file or the body of a function, and one step's nodes in it.

Both have names of their own for values and weights. The graph holds the constants of its steps as initializers;
a function can hold no initializer, so they are nodes there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod

import numpy as np
from onnx import NodeProto, TensorProto, helper

from specc.ir.graph import Graph, Node, Region
from specc.ir.op import Parameter
from specc.ir.targets import Nested, Ref
from specc.weights.tensors import size_in_bytes


def initializer_name(path: str, parameter: Parameter) -> str:
    """What a parameter is called in the file: its path in the state dict.

    A step that is its own parameter (scale) has the path that its value goes by, and ONNX has one namespace
    for both.
    """
    return path if parameter.name else f"{path}/factor"


@dataclass(frozen=True)
class Initializer:
    """A weight of the file: its path in the state dict, the parameter, the shape that the file has it in."""

    path: str
    parameter: Parameter
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        return initializer_name(self.path, self.parameter)

    @property
    def size(self) -> int:
        """Bytes of data."""
        return size_in_bytes(self.parameter)

    def header(self) -> TensorProto:
        """The tensor without its data."""
        kind = TensorProto.INT64 if self.parameter.integer else TensorProto.FLOAT
        return TensorProto(name=self.name, dims=self.shape, data_type=kind)


class Namespace(ABC):
    """Nodes in order, and the names that hold among them.

    Attributes:
        initializers: the weights of the file by path, each once: steps that share a weight share an initializer.
        values: what each value of the network is called here.
    """

    def __init__(self, initializers: dict[str, Initializer], values: dict[str, Ref]) -> None:
        self.initializers = initializers
        self.values = values
        self.nodes: list[NodeProto] = []

    @abstractmethod
    def label(self, member: Node | Region) -> str:
        """What the nodes and constants of a step are called after, or the call of a block."""

    @abstractmethod
    def weight(self, step: Node, parameter: Parameter, shape: tuple[int, ...]) -> tuple[Ref, Initializer]:
        """The name of a weight here, and its initializer, which is in ``shape`` if this is its first use."""

    @abstractmethod
    def add(self, nodes: list[NodeProto], constants: list[TensorProto]) -> None:
        """Append the nodes of a step."""

    def _initializer(self, step: Node, parameter: Parameter, shape: tuple[int, ...]) -> Initializer:
        path = step.path(parameter)
        initializer = self.initializers.setdefault(path, Initializer(path, parameter, shape))
        if initializer.parameter != parameter:
            raise ValueError(f"{path} is {initializer.parameter.shape} to one step and {parameter.shape} to another")
        if prod(shape) != prod(parameter.shape):
            raise ValueError(f"{path} of shape {parameter.shape} cannot be stored as {shape}")
        return initializer


class PathNamespace(Namespace):
    """Everything goes by its path."""

    def __init__(self, initializers: dict[str, Initializer], values: dict[str, Ref]) -> None:
        super().__init__(initializers, values)
        self.constants: list[TensorProto] = []

    def label(self, member: Node | Region) -> str:
        return member.name

    def weight(self, step: Node, parameter: Parameter, shape: tuple[int, ...]) -> tuple[Ref, Initializer]:
        initializer = self._initializer(step, parameter, shape)
        return initializer.name, initializer

    def add(self, nodes: list[NodeProto], constants: list[TensorProto]) -> None:
        self.nodes += nodes
        self.constants += constants


class GraphNamespace(PathNamespace):
    """The graph of the file.

    It begins with the casts of the inputs that are no float32: what steps take as ``image`` is ``image/Cast``.
    """

    def __init__(self, initializers: dict[str, Initializer], graph: Graph) -> None:
        super().__init__(initializers, value_names(graph))
        for port in graph.inputs:
            if port.is_cast:
                name = self.values[port.name] = f"{port.name}/Cast"
                self.nodes.append(helper.make_node("Cast", [port.name], [name], name=name, to=TensorProto.FLOAT))


class FunctionNamespace(Namespace):
    """The body of a function: names are those inside the block, so equal instances have equal bodies.

    Attributes:
        inputs: the values from outside, in the order of the function's inputs.
        weights: by path: what the weight is called here, its first user, and its initializer. They are the
            function's inputs behind ``inputs``.
    """

    def __init__(self, initializers: dict[str, Initializer], block: Region) -> None:
        self._block = block
        self.inputs = block.inputs
        # A label may be `in`, and none has a slash in it.
        first = "in/1" if any(self.label(node) == "in" for node in block.nodes) else "in"
        outside = {value: first if place == 1 else f"in/{place}" for place, value in enumerate(self.inputs, start=1)}
        super().__init__(initializers, outside | {node.name: self.label(node) for node in block.nodes})
        self.weights: dict[str, tuple[Ref, Node, Initializer]] = {}

    def label(self, member: Node | Region) -> str:
        """The path inside the block. A step that is all of the block goes by its operator."""
        inner = member.name.removeprefix(self._block.name).removeprefix(".")
        return inner or (member.op.kind if isinstance(member, Node) else member.title)

    def weight(self, step: Node, parameter: Parameter, shape: tuple[int, ...]) -> tuple[Ref, Initializer]:
        initializer = self._initializer(step, parameter, shape)
        inner = f"{self.label(step)}.{parameter.name}".removesuffix(".")
        name, *_ = self.weights.setdefault(initializer.path, (initializer_name(inner, parameter), step, initializer))
        return name, initializer

    def add(self, nodes: list[NodeProto], constants: list[TensorProto]) -> None:
        # A tensor in an attribute needs no name: the node's output has it.
        for constant in constants:
            value = TensorProto()
            value.CopyFrom(constant)
            value.ClearField("name")
            self.nodes.append(helper.make_node("Constant", [], [constant.name], name=constant.name, value=value))
        self.nodes += nodes


class StepBuilder:
    """The nodes that one step adds: the `specc.ir.targets.Builder` that operators write through.

    Every value is called after the step: ``conv1/Pad``, ``conv1/Pad_2``, constants ``conv1/const``;
    a parameter goes by its state-dict path.
    """

    def __init__(self, step: Node, namespace: Namespace) -> None:
        self._step = step
        self._namespace = namespace
        self._label = namespace.label(step)
        self._used: dict[str, int] = {}
        self._parameters = {p.name: p for p in step.parameters}
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(self, op_type: str, *inputs: Ref, **attributes: object) -> Ref:
        name = self._fresh(op_type)
        node = helper.make_node(op_type, list(inputs), [name], name=name)
        node.attribute.extend(helper.make_attribute(key, attributes[key]) for key in sorted(attributes))
        self.nodes.append(node)
        return name

    def parameter(self, name: str, shape: tuple[int, ...] | None = None) -> Ref:
        """A tensor is in the file once, in the shape of its first use; for another shape it is reshaped."""
        parameter = self._parameters[name]
        shape = parameter.shape if shape is None else shape
        ref, initializer = self._namespace.weight(self._step, parameter, shape)
        return ref if initializer.shape == shape else self.node("Reshape", ref, self.integers(shape))

    def floats(self, values: Nested) -> Ref:
        return self._constant(np.asarray(values, dtype=np.float32))

    def integers(self, values: Nested) -> Ref:
        return self._constant(np.asarray(values, dtype=np.int64))

    def finish(self, result: Ref) -> None:
        """Call the step's result by the step's value; a step that gives its input back becomes an Identity."""
        if not any(result in node.output for node in self.nodes):
            result = self.node("Identity", result)
        name = self._namespace.values[self._step.name]
        for names in (names for node in self.nodes for names in (node.input, node.output)):
            names[:] = [name if value == result else value for value in names]
        self.nodes[-1].name = self._label
        self._namespace.add(self.nodes, self.constants)

    def _constant(self, array: np.ndarray) -> Ref:
        name = self._fresh("const")
        self.constants.append(
            TensorProto(
                name=name,
                dims=array.shape,
                data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
                raw_data=array.astype(array.dtype.newbyteorder("<")).tobytes(),
            )
        )
        return name

    def _fresh(self, kind: str) -> str:
        count = self._used[kind] = self._used.get(kind, 0) + 1
        return f"{self._label}/{kind}" + (f"_{count}" if count > 1 else "")


def value_names(graph: Graph) -> dict[str, Ref]:
    """What each value is called in the file: its own name, or that of the output that it is.

    A step named like an output that is another value, as in ``score: fc(1) -> sigmoid``, owns the name in the state
    dict; the output owns it here, and the step's value is called ``score/fc``.
    """
    steps = {node.name for node in graph.nodes}
    outputs: dict[str, Ref] = {}
    for port, value in graph.outputs:
        if value in steps and (value == port.name or value not in outputs):
            outputs[value] = port.name
    ports = {port.name for port, _ in graph.outputs}
    names = {port.name: port.name for port in graph.inputs}
    for node in graph.nodes:
        own = f"{node.name}/{node.op.kind}" if node.name in ports else node.name
        names[node.name] = outputs.get(node.name, own)
    return names
