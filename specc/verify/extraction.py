"""Some steps of a network as a network of their own, and the nodes of a file between some values as a model of its own.

What judges a piece of a file is the piece of the spec between the same values: a `Subgraph` is run in PyTorch, a
`Submodel` in ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from onnx import ModelProto, NodeProto, StringStringEntryProto, TensorProto, ValueInfoProto, helper

from specc.backends.onnx import PROTOBUF_LIMIT, serialise
from specc.ir.graph import Graph, Node, Port
from specc.ir.op import Parameter
from specc.ir.types import TensorType
from specc.onnxfile import OnnxFile
from specc.onnxfile.inlining import rename_values, values_taken, walk
from specc.onnxfile.tensor_index import FileTensor
from specc.weights import Array, Weights

if TYPE_CHECKING:
    from torch import nn

OTHER_FLOATS = {TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}

LARGE = 2**24
"""Bytes of a tensor from which on a model that is made of a file does not hold it: it is handed over beside it."""

MOST_BYTES = PROTOBUF_LIMIT - 2**20
"""Of the tensors inside a model, with room for its nodes."""

RESULT = "result"
"""What a submodel without nodes calls what it gives."""


# ---- of the spec --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subgraph:
    """Steps that are judged together.

    Attributes:
        nodes: the steps, in the order of the network.
        inputs: the values that they start from, in the order in which the steps take them: of a single step as it does.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]

    @property
    def last(self) -> Node:
        return self.nodes[-1]

    def graph(self, *, exposed: bool = False) -> Graph:
        """The steps as a network: inputs ``x``, ``x2`` …, steps after their operators, one output.

        Args:
            exposed: every step is an output.
        """
        names = {value: f"x{place}" if place > 1 else "x" for place, value in enumerate(self.inputs, start=1)}
        types: dict[str, TensorType] = {}
        modules: dict[str, str] = {}  # named as their first step: steps that share tensors go on sharing them
        nodes = []
        for place, node in enumerate(self.nodes, start=1):
            types |= dict(zip(node.inputs, node.input_types, strict=True))
            name = names[node.name] = f"{node.op.kind}{place}"
            module = modules.setdefault(node.module, name)
            inputs = tuple(names[value] for value in node.inputs)
            shared = module if module != name else None
            nodes.append(Node(name, node.op, inputs, node.input_types, node.type, node.span, shared, node.parameters))
        ports = tuple(Port(names[value], types[value]) for value in self.inputs)
        given = self.nodes if exposed else (self.last,)
        results = (f"result{place}" if exposed else "result" for place in range(len(given)))
        outputs = tuple((Port(name, node.type), names[node.name]) for name, node in zip(results, given, strict=True))
        return Graph("Step", ports, outputs, tuple(nodes))

    def module(self, weights: Weights, *, exposed: bool = False) -> nn.Module:
        """The steps in PyTorch, float32, with their tensors out of ``weights``."""
        from specc.backends.torch import torch_module

        graph = self.graph(exposed=exposed)
        paths = {
            new.path(parameter): old.path(parameter)
            for old, new in zip(self.nodes, graph.nodes, strict=True)
            for parameter in new.parameters
        }
        return torch_module(graph, _RenamedWeights(paths, weights), shared=True)


@dataclass(frozen=True)
class _RenamedWeights:
    """Weights under other paths."""

    paths: dict[str, str]
    weights: Weights

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        return self.weights.chunks(self.paths[path], parameter)


class SubgraphExtractor:
    """Takes subgraphs out of a network, whose order of values is computed once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._places = {port.name: place - len(graph.inputs) for place, port in enumerate(graph.inputs)}
        self._places |= {node.name: place for place, node in enumerate(graph.nodes)}

    def extract(self, step: str, stops: Collection[str]) -> Subgraph:
        """The steps that compute the value of ``step`` from values among ``stops`` and inputs of the network."""
        steps: set[str] = set()
        inputs: set[str] = set()
        ahead = [step]
        while ahead:
            name = ahead.pop()
            if self._places[name] < 0 or (name in stops and name != step):
                inputs.add(name)
            elif name not in steps:
                steps.add(name)
                ahead += self._graph.node(name).inputs
        nodes = tuple(self._graph.nodes[place] for place in sorted(self._places[name] for name in steps))
        return Subgraph(
            nodes, tuple(dict.fromkeys(value for node in nodes for value in node.inputs if value in inputs))
        )


# ---- of the file --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Submodel:
    """A part of a file.

    Attributes:
        nodes: in the order of the file; none where the result is an input.
        inputs: the values that it starts from, in the order in which the file makes them.
        output: the value that it gives.
    """

    nodes: tuple[NodeProto, ...]
    inputs: tuple[str, ...]
    output: str

    @property
    def operators(self) -> tuple[str, ...]:
        return tuple(node.op_type for node in self.nodes if node.op_type != "Constant")


class ExposedModel(NamedTuple):
    """A whole file with more of its values as outputs.

    Attributes:
        message: the model, serialised.
        outputs: their names, in order.
        tensors: the numbers of its large tensors by name, which it says are external; see `open_session`.
    """

    message: bytes
    outputs: tuple[str, ...]
    tensors: Mapping[str, Array]


class SubmodelExtractor:
    """Takes submodels out of a file, its functions inlined.

    Args:
        renamed: the names that some inputs and outputs go by here, instead of those of the file.

    Attributes:
        nodes: all of them, in the order of the file.
        fault: why the file cannot be cut, in words; empty where it can.
    """

    def __init__(self, file: OnnxFile, renamed: Mapping[str, str] | None = None) -> None:
        self._proto = file.proto
        self._names = _unambiguous(file, renamed or {})
        names = self._names
        self._stored = file.stored
        self._tensors = {names.get(name, name): tensor for name, tensor in file.initializers.items()}
        self.nodes = tuple(_renamed(node, names) for node in file.nodes) if names else file.nodes
        self._maker = {name: place for place, node in enumerate(self.nodes) for name in node.output if name}
        self._inputs = {names.get(port.name, port.name) for port in file.inputs}
        self._bytes = {names.get(port.name, port.name) for port in file.inputs if port.dtype == "uint8"}
        self.fault = _opset_fault(file.proto)
        if names and {port.name for port in file.inputs} & {port.name for port in file.outputs}:
            self.fault = "it gives out an input as it is, under a name that is not the spec's"

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every tensor of the file, by name."""
        return {name: tuple(tensor.proto.dims) for name, tensor in self._tensors.items()}

    @property
    def values(self) -> tuple[str, ...]:
        """The names of all values that nodes give, in the order of the file."""
        return tuple(self._maker)

    def __contains__(self, value: str) -> bool:
        return value in self._maker or value in self._inputs

    @property
    def is_float32_only(self) -> bool:
        """Whether nothing turns a value into another kind of float, as files in float16 do behind their inputs."""
        casts = (helper.get_attribute_value(a) for n in self.nodes if n.op_type == "Cast" for a in n.attribute)
        return not OTHER_FLOATS.intersection(casts)

    def position(self, value: str) -> int:
        """Where in the file the value is made; -1 for inputs."""
        return self._maker.get(value, -1)

    def extract(self, output: str, stops: Collection[str]) -> Submodel | None:
        """What computes ``output`` from values among ``stops``; None where that takes an input of the file too."""
        places: set[int] = set()
        inputs: set[str] = set()
        ahead = [output]
        while ahead:
            name = ahead.pop()
            if name in stops:
                inputs.add(name)
            elif name in self._maker and self._maker[name] not in places:
                places.add(self._maker[name])
                ahead += values_taken(self.nodes[self._maker[name]])
            elif name in self._inputs:
                return None
        nodes = tuple(self.nodes[place] for place in sorted(places))
        return Submodel(nodes, tuple(sorted(inputs, key=lambda name: (self.position(name), name))), output)

    def likeness(self, submodel: Submodel, own: Collection[str]) -> bytes:
        """The same for submodels that compute the same: their nodes, whatever the values are called.

        Args:
            own: tensors of which the shape alone is looked at: those of the step.
        """
        names: dict[str, str] = {}
        parts = []
        for node in submodel.nodes:
            copy = NodeProto()
            copy.CopyFrom(node)
            every = [*values_taken(node), *node.output]
            rename_values(copy, {name: names.setdefault(name, f"\x01{len(names)}") for name in every if name})
            copy.ClearField("name")
            copy.ClearField("doc_string")
            parts.append(copy.SerializeToString(deterministic=True))
        for name, alias in names.items():
            if name in self._tensors:
                numbers = b""
                if name not in own:
                    numbers = sha256(self._tensors[name].values().tobytes()).digest()
                parts.append(f"{alias} {self._tensors[name].dtype} {self.shapes[name]} ".encode() + numbers)
        inputs = [names.get(name, name) for name in (*submodel.inputs, submodel.output)]
        return b"\0".join([*parts, repr(inputs).encode()])

    def large_tensors(self, submodel: Submodel) -> list[str]:
        """The names of the submodel's tensors of `LARGE` bytes and more: better fed than copied into a model."""
        names = dict.fromkeys(name for node in submodel.nodes for name in values_taken(node))
        tensors = {name: self._tensors[name] for name in names if name in self._tensors}
        return [name for name, tensor in tensors.items() if _is_large(tensor)]

    def read(self, names: Iterable[str]) -> dict[str, Array]:
        """Tensors of the file by name."""
        return {name: self._tensors[name].values() for name in names}

    def taken(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Values in float32, by their names in the file, as a submodel takes them: an input of uint8 as bytes."""
        return {name: x.astype(np.uint8) if name in self._bytes else x for name, x in values.items()}

    def model(self, submodel: Submodel, ranks: Mapping[str, int], fed: Collection[str] = ()) -> bytes | None:
        """The submodel as an ONNX model that takes values of the given ranks, of any sizes; see `taken`.

        Args:
            fed: tensors that are inputs, too.

        Returns:
            None where its tensors are above protobuf's 2 GB.

        Raises:
            UsageError: tensors in files beside the model cannot be read.
        """
        nodes, output = list(submodel.nodes), submodel.output
        if not nodes:
            nodes, output = [helper.make_node("Identity", [output], [RESULT])], RESULT
        names = dict.fromkeys(name for node in nodes for name in values_taken(node))
        tensors = [self._tensors[name] for name in names if name in self._tensors and name not in fed]
        if sum(map(_bytes_of, tensors)) > MOST_BYTES:
            return None
        bytes_, float32 = TensorProto.UINT8, TensorProto.FLOAT
        inputs = [
            _open_input(name, ranks[name], bytes_ if name in self._bytes else float32) for name in submodel.inputs
        ]
        inputs += [_open_input(name, len(self.shapes[name])) for name in fed]
        outputs = [helper.make_empty_tensor_value_info(output)]
        return serialise(self._model("piece", nodes, inputs, outputs, tensors))

    def with_outputs(self, values: Iterable[str], fed: Mapping[str, int]) -> ExposedModel:
        """The whole file, its functions inlined, with ``values`` as outputs beside its own.

        Args:
            fed: values that become inputs, with their ranks: what computes them goes on under another name.

        Raises:
            ValueError: the tensors that it has to hold are above protobuf's 2 GB; in words.
            UsageError: tensors in files beside the model cannot be read.
        """
        ports = self._proto.graph
        # ONNX Runtime drops what nothing takes, and then refuses numbers for it.
        used = {name for node in self.nodes for name in values_taken(node)} | {port.name for port in ports.output}
        large = [tensor for tensor in self._stored if _is_large(tensor) and tensor.name in used]
        inside = [tensor for tensor in self._stored if not _is_large(tensor)]
        if (size := sum(map(_bytes_of, inside))) > MOST_BYTES:
            most = max(inside, key=_bytes_of)
            raise ValueError(
                f"{size:,} bytes of its tensors would have to be in one message, which takes {MOST_BYTES:,}; "
                f"{most.name} alone has {_bytes_of(most):,}, as {most.dtype}"
            )
        inputs = [*map(self._port, ports.input), *(_open_input(name, rank) for name, rank in fed.items())]
        outputs = [*map(self._port, ports.output)]
        known = {value.name for value in outputs} | fed.keys()
        outputs += [helper.make_empty_tensor_value_info(name) for name in values if name not in known]
        model = self._model("exposed", self.nodes, inputs, outputs, inside)
        for node in model.graph.node:
            node.output[:] = [f"{name}/computed" if name in fed else name for name in node.output]
        for tensor in large:
            head = model.graph.initializer.add(name=tensor.name, dims=tensor.proto.dims)
            head.data_type, head.data_location = tensor.proto.data_type, TensorProto.EXTERNAL
            head.external_data.append(StringStringEntryProto(key="location", value="beside"))
        tensors = {tensor.name: tensor.values() for tensor in large}
        return ExposedModel(serialise(model), tuple(value.name for value in outputs), tensors)

    def _port(self, value: ValueInfoProto) -> ValueInfoProto:
        """As declared, under its name here."""
        port = ValueInfoProto()
        port.CopyFrom(value)
        port.name = self._names.get(value.name, value.name)
        return port

    def _model(
        self,
        name: str,
        nodes: Iterable[NodeProto],
        inputs: Iterable[ValueInfoProto],
        outputs: Iterable[ValueInfoProto],
        tensors: Iterable[FileTensor],
    ) -> ModelProto:
        """A model of the file's kind, with all tensors inside."""
        model = ModelProto(ir_version=self._proto.ir_version, opset_import=self._proto.opset_import)
        graph = model.graph  # filled in place: messages that are put into others are copied, and tensors may be large
        graph.name = name
        graph.node.extend(nodes)
        graph.input.extend(inputs)
        graph.output.extend(outputs)
        for tensor in tensors:
            tensor.whole(graph.initializer.add())
        return model


def _unambiguous(file: OnnxFile, renamed: Mapping[str, str]) -> dict[str, str]:
    """``renamed``, and a name of its own for every other value that has one of the new names.

    PyTorch's exporter calls an input ``input.1`` and goes on with a value ``input``.
    """
    taken = {name for node in walk(file.nodes) for name in (*node.input, *node.output)}
    names = dict(renamed)
    for name in set(renamed.values()) - renamed.keys():
        if name in taken or name in file.initializers:
            names[name] = next(other for other in map(f"{name}_{{}}".format, count(1)) if other not in taken)
    return names


def _renamed(node: NodeProto, names: Mapping[str, str]) -> NodeProto:
    """The node with its values, and those that the graphs inside it take from around them, under new names."""
    own = [*values_taken(node), *node.output]
    if names.keys().isdisjoint(own):
        return node
    copy = NodeProto()
    copy.CopyFrom(node)
    rename_values(copy, {name: names.get(name, name) for name in own})
    return copy


def _opset_fault(proto: ModelProto) -> str:
    """A function's body keeps its meaning in the main graph only under the same opsets."""
    versions = {entry.domain: entry.version for entry in proto.opset_import}
    for function in proto.functions:
        for entry in function.opset_import:
            if versions.get(entry.domain, entry.version) != entry.version:
                return f"its function {function.name} is of opset {entry.version}, the file of {versions[entry.domain]}"
    return ""


def _open_input(name: str, rank: int, elements: int = TensorProto.FLOAT) -> ValueInfoProto:
    """An input of any size."""
    return helper.make_tensor_value_info(name, elements, [f"{name}/{axis}" for axis in range(rank)])


def _is_large(tensor: FileTensor) -> bool:
    return tensor.is_float32 and 4 * tensor.size >= LARGE


def _bytes_of(tensor: FileTensor) -> int:
    if tensor.place is not None:
        return tensor.place.length
    outside = {entry.key: entry.value for entry in tensor.proto.external_data}
    return int(outside.get("length", 0)) or tensor.proto.ByteSize()
