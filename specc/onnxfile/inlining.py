"""The nodes of a model: function calls inlined, nodes of subgraphs, and those whose results vary from run to run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper
from onnx.external_data_helper import uses_external_data

RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial", "Sampling"}
)
"""Operators that always draw: those of ONNX, and onnxruntime's ``Sampling``."""

DROPOUT = {"Dropout": 2, "BitmaskDropout": 2, "BiasDropout": 4, "BitmaskBiasDropout": 4}
"""Operators that draw in training, and which of their inputs turns that on; onnxruntime has all but the first."""


# ---- functions and the graphs inside nodes ------------------------------------------------------------------


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
    arguments = {attribute.name: attribute for attribute in (*function.attribute_proto, *node.attribute)}
    for place, inner in enumerate(function.node):
        copy = NodeProto()
        copy.CopyFrom(inner)
        copy.name = f"{call}.{inner.name or place}"
        rename_values(copy, names, f"{call}.")
        _set_attributes(copy, arguments)
        yield from _expanded(copy, others, f"{call}.{place}")


def rename_values(node: NodeProto, names: Mapping[str, str], prefix: str = "") -> None:
    """Give the values of a node, and of the graphs inside it, other names.

    Args:
        names: the new names of some; what the graphs inside the node make themselves is not renamed.
        prefix: put before all others.
    """

    def new(values: Sequence[str]) -> list[str]:
        return [names.get(name, f"{prefix}{name}") if name else "" for name in values]

    node.input[:], node.output[:] = new(node.input), new(node.output)
    for graph in _subgraphs(node):
        own = {value.name: value.name for value in (*graph.input, *graph.initializer)}
        own |= {name: name for inner in graph.node for name in inner.output}
        for inner in graph.node:
            rename_values(inner, {**names, **own}, prefix)
        for value in graph.output:
            value.name = own.get(value.name) or names.get(value.name, f"{prefix}{value.name}")


def _set_attributes(node: NodeProto, arguments: Mapping[str, AttributeProto]) -> None:
    """Attributes that refer to those of the call take its values, and are removed where it has none."""
    for each in walk([node]):  # lazy: the graphs inside a node are looked for when its attributes are set
        attributes = []
        for attribute in each.attribute:
            if not attribute.ref_attr_name:
                attributes.append(attribute)
            elif attribute.ref_attr_name in arguments:
                value = AttributeProto()
                value.CopyFrom(arguments[attribute.ref_attr_name])
                value.name = attribute.name
                attributes.append(value)
        del each.attribute[:]
        each.attribute.extend(attributes)


def values_taken(node: NodeProto) -> list[str]:
    """The values that a node takes, those that the graphs inside it take from around them included."""
    names = [name for name in node.input if name]
    for graph in _subgraphs(node):
        own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
        for inner in graph.node:
            names += [name for name in values_taken(inner) if name not in own]
            own.update(inner.output)
        names += [value.name for value in graph.output if value.name not in own]
    return names


def _subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def walk(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """The nodes, and those of the graphs inside them."""
    for node in nodes:
        yield node
        for graph in _subgraphs(node):
            yield from walk(graph.node)


def constant_tensors(nodes: Iterable[NodeProto]) -> Iterator[tuple[str, TensorProto]]:
    """The tensors that Constant nodes give, with the names of their values."""
    for node in nodes:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                yield node.output[0], attribute.t


# ---- nodes whose results vary --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NondeterministicNode:
    """A node for which no run of a file says what the next one gives.

    Attributes:
        operator, name: the node's; what has no name is called after its first output.
        why: it "draws" always; "drops" elements as in training; "normalises" by the batch as in training.
    """

    operator: str
    name: str
    why: Literal["draws", "drops", "normalises"]

    def __str__(self) -> str:
        return f'{self.operator} "{self.name}"'


def nondeterministic(nodes: Iterable[NodeProto], initializers: Iterable[TensorProto]) -> Iterator[NondeterministicNode]:
    """Every such node: in functions that are called and in branches too."""
    nodes = list(walk(nodes))
    tensors = {tensor.name: tensor for tensor in initializers} | dict(constant_tensors(nodes))
    for node in nodes:
        name = node.name or next(filter(None, node.output), "")
        if node.op_type in RANDOM:
            yield NondeterministicNode(node.op_type, name, "draws")
        elif node.op_type in DROPOUT and _may_drop(node, tensors):
            yield NondeterministicNode(node.op_type, name, "drops")
        elif node.op_type == "BatchNormalization":
            training = any(attribute.name == "training_mode" and attribute.i for attribute in node.attribute)
            # Before opset 14 there is no mode: to give out the statistics of the batch is to train.
            if training or any(node.output[1:]):
                yield NondeterministicNode(node.op_type, name, "normalises")


def _may_drop(node: NodeProto, tensors: Mapping[str, TensorProto]) -> bool:
    """Whether the input that turns training on is anything but a constant false."""
    switch = node.input[DROPOUT[node.op_type]] if len(node.input) > DROPOUT[node.op_type] else ""
    if not switch:
        return False
    value = tensors.get(switch)
    return value is None or uses_external_data(value) or bool(numpy_helper.to_array(value).any())
