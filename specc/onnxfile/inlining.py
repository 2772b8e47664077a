"""The nodes of a model: function calls inlined, nodes of subgraphs, and those whose results vary from run to run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Literal

from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
)
from onnx.external_data_helper import uses_external_data

from specc.onnxfile.damage import dense_size
from specc.onnxfile.tensor_data import read_tensor

RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial", "Sampling"}
)
"""Operators that always draw: those of ONNX, and onnxruntime's ``Sampling``."""

DROPOUT = {"Dropout": 2, "BitmaskDropout": 2, "BiasDropout": 4, "BitmaskBiasDropout": 4}
"""Operators that draw in training, and which of their inputs turns that on; onnxruntime has all but the first."""

MOST_NODES = 50_000
"""Nodes of all calls of functions: thirty functions, each calling the next one twice, come to a thousand millions."""

MOST_CALLS = 100
"""How deep functions call each other; protobuf allows as many messages in each other."""

MOST_BYTES = 2**27
"""Bytes of these nodes: each call has a copy of the constants in the function."""


# ---- functions and the graphs inside nodes ------------------------------------------------------------------


def inlined(proto: ModelProto) -> Iterator[NodeProto]:
    """The nodes of the file, each call of a function replaced by its body, whose values are called after the call.

    Raises:
        ValueError: the bodies come to more than `MOST_NODES` or `MOST_BYTES`.
    """
    inliner = _Inliner(proto.functions)
    for place, node in enumerate(proto.graph.node):
        yield from inliner.expanded(node, f"call{place}")


def in_order(nodes: Sequence[NodeProto]) -> Sequence[NodeProto]:
    """The nodes, each behind those that give what it takes, and else as they stand.

    ONNX asks for that, and ONNX Runtime does not: its converter to float16 puts the casts of inputs at the end. Nodes
    that take each other's values stay behind all others.
    """
    makers: dict[str, int] = {}
    for place, node in enumerate(nodes):
        for name in node.output:
            makers.setdefault(name, place)
    needed = [{makers[name] for name in values_taken(node) if name in makers} for node in nodes]
    if all(max(places, default=-1) < place for place, places in enumerate(needed)):
        return nodes
    users: list[list[int]] = [[] for _ in nodes]
    for place, places in enumerate(needed):
        for maker in places:
            users[maker].append(place)
    missing = list(map(len, needed))
    ready = [place for place, number in enumerate(missing) if not number]
    heapify(ready)
    order: dict[int, None] = {}
    while ready:
        place = heappop(ready)
        order[place] = None
        for user in users[place]:
            missing[user] -= 1
            if not missing[user]:
                heappush(ready, user)
    return [nodes[place] for place in (*order, *(place for place in range(len(nodes)) if place not in order))]


class _Inliner:
    """Replaces calls, and counts what it makes: a few functions that call each other can come to any number."""

    def __init__(self, functions: Iterable[FunctionProto]) -> None:
        self._functions = {(function.domain, function.name, function.overload): function for function in functions}
        self._callers: set[tuple[str, str, str]] = set()
        self._nodes = 0
        self._bytes = 0

    def expanded(self, node: NodeProto, fallback: str) -> Iterator[NodeProto]:
        """The node, or what its function does instead; a call in the body of the same function is left as it is."""
        key = node.domain, node.op_type, node.overload
        function = self._functions.get(key)
        if function is None or key in self._callers:
            yield node
            return
        if len(self._callers) == MOST_CALLS:
            raise ValueError(f"its functions call each other more than {MOST_CALLS} deep")
        call = node.name or fallback
        names = dict(zip(function.input, [*node.input, *[""] * len(function.input)], strict=False))
        names |= dict(zip(function.output, node.output, strict=False))
        arguments = {attribute.name: attribute for attribute in (*function.attribute_proto, *node.attribute)}
        self._callers.add(key)
        for place, inner in enumerate(function.node):
            copy = NodeProto()
            copy.CopyFrom(inner)
            copy.name = f"{call}.{inner.name or place}"
            rename_values(copy, names, f"{call}.")
            _set_attributes(copy, arguments)
            self._count(copy)
            yield from self.expanded(copy, f"{call}.{place}")
        self._callers.remove(key)

    def _count(self, node: NodeProto) -> None:
        sparse = (attribute.sparse_tensor for attribute in node.attribute if attribute.HasField("sparse_tensor"))
        self._nodes += 1
        self._bytes += node.ByteSize() + sum(map(dense_size, sparse))
        if self._nodes > MOST_NODES or self._bytes > MOST_BYTES:
            raise ValueError(
                f"with the bodies of its functions in the place of their calls it has more than {MOST_NODES:,} nodes "
                f"or {MOST_BYTES:,} bytes of them"
            )


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
        for attribute in node.attribute if node.op_type == "Constant" and node.output else ():
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
    """Whether the input that turns training on is anything but a constant false. Raises UsageError if unreadable."""
    switch = node.input[DROPOUT[node.op_type]] if len(node.input) > DROPOUT[node.op_type] else ""
    if not switch:
        return False
    value = tensors.get(switch)
    return value is None or uses_external_data(value) or bool(read_tensor(value, Path(), switch).any())
