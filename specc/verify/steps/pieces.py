"""An ONNX file cut into pieces: what lies between some of its values and another one, as a model of its own."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper
from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

from specc.backends.onnx import PROTOBUF_LIMIT, serialise
from specc.verify.file.declared import fed

OTHER_FLOATS = {TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}

RESULT = "result"
"""What a piece without nodes calls what it gives."""


@dataclass(frozen=True)
class Piece:
    """A part of a file.

    Attributes:
        nodes: in the order of the file; none where the result is what it takes.
        taken: the values that it starts from, in the order in which the file makes them.
        result: the value that it gives.
    """

    nodes: tuple[NodeProto, ...]
    taken: tuple[str, ...]
    result: str

    @property
    def operators(self) -> tuple[str, ...]:
        return tuple(node.op_type for node in self.nodes if node.op_type != "Constant")


class Pieces:
    """A file, ready to be cut. Calls of its functions are replaced by their bodies first.

    Args:
        renamed: the names that some inputs and outputs go by here, instead of those of the file.

    Attributes:
        nodes: all of them, in the order of the file.
        fault: why it cannot be cut, in words; empty where it can.
    """

    def __init__(self, proto: ModelProto, folder: Path, renamed: Mapping[str, str] | None = None) -> None:
        self._proto = proto
        self._folder = folder
        stored = {tensor.name: tensor for tensor in proto.graph.initializer}
        self.fault = _fault(proto)
        nodes = tuple(inlined(proto))
        self._names = _names(nodes, stored, renamed or {})
        self._stored = {self._names.get(name, name): tensor for name, tensor in stored.items()}
        self.nodes = tuple(_called(node, self._names) for node in nodes) if self._names else nodes
        self._maker = {name: place for place, node in enumerate(self.nodes) for name in node.output if name}
        if self._names and {value.name for value in fed(proto)} & {value.name for value in proto.graph.output}:
            self.fault = "it gives out an input as it is, under a name that is not the spec's"
        self._inputs = {self._names.get(value.name, value.name) for value in fed(proto)}

    @property
    def values(self) -> tuple[str, ...]:
        """The names of all values that nodes give, in the order of the file."""
        return tuple(self._maker)

    def __contains__(self, value: str) -> bool:
        return value in self._maker or value in self._inputs

    @property
    def only_single(self) -> bool:
        """Whether nothing turns a value into another kind of float, as files in float16 do behind their inputs."""
        casts = (helper.get_attribute_value(a) for n in self.nodes if n.op_type == "Cast" for a in n.attribute)
        return not OTHER_FLOATS.intersection(casts)

    def behind(self, value: str) -> int:
        """Where in the file the value is made; -1 for inputs."""
        return self._maker.get(value, -1)

    def cut(self, result: str, stops: Collection[str]) -> Piece | None:
        """What computes ``result`` from values among ``stops``; None where that takes an input of the file too."""
        places: set[int] = set()
        taken: set[str] = set()
        open_ends = [result]
        while open_ends:
            name = open_ends.pop()
            if name in stops:
                taken.add(name)
            elif name in self._maker and self._maker[name] not in places:
                places.add(self._maker[name])
                open_ends += used(self.nodes[self._maker[name]])
            elif name in self._inputs:
                return None
        nodes = tuple(self.nodes[place] for place in sorted(places))
        return Piece(nodes, tuple(sorted(taken, key=lambda name: (self.behind(name), name))), result)

    def model(self, piece: Piece, ranks: Mapping[str, int]) -> bytes | None:
        """The piece as an ONNX model that takes float values of the given ranks; None above protobuf's 2 GB."""
        nodes, result = list(piece.nodes), piece.result
        if not nodes:
            nodes, result = [helper.make_node("Identity", [result], [RESULT])], RESULT
        names = dict.fromkeys(name for node in nodes for name in used(node))
        stored = [self._stored[name] for name in names if name in self._stored]
        if sum(map(self._size, stored)) > PROTOBUF_LIMIT - 2**20:
            return None
        inputs = [_floats(name, ranks[name]) for name in piece.taken]
        graph = GraphProto(name="piece", node=nodes, input=inputs, initializer=map(self._whole, stored))
        graph.output.append(helper.make_empty_tensor_value_info(result))
        return serialise(self._like(graph))

    def exposed(self, values: Iterable[str], given: Mapping[str, int]) -> ModelProto:
        """The whole file, its functions replaced, giving out ``values`` as well as its outputs.

        Args:
            given: values that become inputs, with their ranks: what computes them goes on under another name.
        """
        graph = GraphProto(name="exposed", input=map(self._port, self._proto.graph.input))
        graph.node.extend(_without(node, given) for node in self.nodes)
        graph.input.extend(_floats(name, rank) for name, rank in given.items())
        graph.initializer.extend(map(self._whole, self._proto.graph.initializer))
        graph.output.extend(map(self._port, self._proto.graph.output))
        known = {value.name for value in graph.output} | given.keys()
        graph.output.extend(helper.make_empty_tensor_value_info(name) for name in values if name not in known)
        return self._like(graph)

    def _port(self, value: ValueInfoProto) -> ValueInfoProto:
        """As declared, under its name here."""
        port = ValueInfoProto()
        port.CopyFrom(value)
        port.name = self._names.get(value.name, value.name)
        return port

    def _like(self, graph: GraphProto) -> ModelProto:
        return ModelProto(ir_version=self._proto.ir_version, opset_import=self._proto.opset_import, graph=graph)

    def _size(self, tensor: TensorProto) -> int:
        outside = {entry.key: entry.value for entry in tensor.external_data}
        return int(outside.get("length", 0)) or tensor.ByteSize()

    def _whole(self, tensor: TensorProto) -> TensorProto:
        if not uses_external_data(tensor):
            return tensor
        whole = TensorProto()
        whole.CopyFrom(tensor)
        load_external_data_for_tensor(whole, str(self._folder))
        whole.ClearField("external_data")
        whole.data_location = TensorProto.DEFAULT
        return whole


def constants(nodes: Iterable[NodeProto]) -> Iterator[tuple[str, TensorProto]]:
    """The tensors that Constant nodes give, with the names of their values."""
    for node in nodes:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                yield node.output[0], attribute.t


def _floats(name: str, rank: int) -> ValueInfoProto:
    """An input of float32 numbers, of any size."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"{name}/{axis}" for axis in range(rank)])


def _without(node: NodeProto, given: Container[str]) -> NodeProto:
    """The node, computing under other names what is given."""
    if not any(name in given for name in node.output):
        return node
    other = NodeProto()
    other.CopyFrom(node)
    other.output[:] = [f"{name}/computed" if name in given else name for name in node.output]
    return other


def _fault(proto: ModelProto) -> str:
    """A function's body keeps its meaning in the main graph only under the same opsets."""
    versions = {entry.domain: entry.version for entry in proto.opset_import}
    for function in proto.functions:
        for entry in function.opset_import:
            if versions.get(entry.domain, entry.version) != entry.version:
                return f"its function {function.name} is of opset {entry.version}, the file of {versions[entry.domain]}"
    return ""


def _names(nodes: Sequence[NodeProto], stored: Container[str], renamed: Mapping[str, str]) -> dict[str, str]:
    """``renamed``, and a name of its own for every other value that has one of the new names.

    PyTorch's exporter calls an input ``input.1`` and goes on with a value ``input``.
    """
    taken = {name for node in everywhere(nodes) for name in (*node.input, *node.output)}
    names = dict(renamed)
    for name in set(renamed.values()) - renamed.keys():
        if name in taken or name in stored:
            names[name] = next(other for other in map(f"{name}_{{}}".format, count(1)) if other not in taken)
    return names


def _called(node: NodeProto, names: Mapping[str, str]) -> NodeProto:
    """The node with its values, and those that the graphs inside it take from around them, under new names."""
    own = [*used(node), *node.output]
    if names.keys().isdisjoint(own):
        return node
    copy = NodeProto()
    copy.CopyFrom(node)
    _rename(copy, {name: names.get(name, name) for name in own}, "")
    return copy


def used(node: NodeProto) -> list[str]:
    """The values that a node takes, those that the graphs inside it take from around them included."""
    names = [name for name in node.input if name]
    for graph in _graphs(node):
        own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
        for inner in graph.node:
            names += [name for name in used(inner) if name not in own]
            own.update(inner.output)
        names += [value.name for value in graph.output if value.name not in own]
    return names


def _graphs(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def everywhere(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """The nodes, and those of the graphs inside them."""
    for node in nodes:
        yield node
        for graph in _graphs(node):
            yield from everywhere(graph.node)


def inlined(proto: ModelProto) -> Iterator[NodeProto]:
    """The nodes of the file, each call of a function replaced by its body, whose values are called after the call."""
    functions = {(function.domain, function.name, function.overload): function for function in proto.functions}
    for place, node in enumerate(proto.graph.node):
        yield from _expanded(node, functions, f"call{place}")


def _expanded(
    node: NodeProto, functions: Mapping[tuple[str, str, str], FunctionProto], fallback: str
) -> Iterator[NodeProto]:
    key = node.domain, node.op_type, node.overload
    function = functions.get(key)
    if function is None:
        yield node
        return
    others = {other: body for other, body in functions.items() if other != key}  # none may call itself
    call = node.name or fallback
    names = dict(zip(function.input, [*node.input, *[""] * len(function.input)], strict=False))
    names |= dict(zip(function.output, node.output, strict=False))
    given = {attribute.name: attribute for attribute in (*function.attribute_proto, *node.attribute)}
    for place, inner in enumerate(function.node):
        copy = NodeProto()
        copy.CopyFrom(inner)
        copy.name = f"{call}.{inner.name or place}"
        _rename(copy, names, call)
        _fill(copy, given)
        yield from _expanded(copy, others, f"{call}.{place}")


def _rename(node: NodeProto, names: Mapping[str, str], call: str) -> None:
    """Values of a function's body under the names that they have around it."""

    def outer(inner: Sequence[str]) -> list[str]:
        return [names.get(name, f"{call}.{name}") if name else "" for name in inner]

    node.input[:], node.output[:] = outer(node.input), outer(node.output)
    for graph in _graphs(node):
        own = {value.name: value.name for value in (*graph.input, *graph.initializer)}
        own |= {name: name for inner in graph.node for name in inner.output}
        for inner in graph.node:
            _rename(inner, {**names, **own}, call)
        for value in graph.output:
            value.name = own.get(value.name) or names.get(value.name, f"{call}.{value.name}")


def _fill(node: NodeProto, given: Mapping[str, AttributeProto]) -> None:
    """Attributes that refer to those of the call take its values; those that it does not give are left out."""
    kept = []
    for attribute in node.attribute:
        if not attribute.ref_attr_name:
            kept.append(attribute)
        elif attribute.ref_attr_name in given:
            value = AttributeProto()
            value.CopyFrom(given[attribute.ref_attr_name])
            value.name = attribute.name
            kept.append(value)
    del node.attribute[:]
    node.attribute.extend(kept)
    for graph in _graphs(node):
        for inner in graph.node:
            _fill(inner, given)
