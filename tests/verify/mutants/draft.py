"""An emitted ONNX model laid open for changes: its nodes, what they take, the steps of the spec they belong to.

The names of specc's own files tell the steps: a step's last node is called as the step, the others and the constants
``step/…``; in a function they are called so within the block, and the node that calls it as the block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from specc.backends.onnx import initializer_name
from specc.ir.graph import Graph

MADE = "mutant"
"""What the names of all begin with that a mutation puts into a file."""


@dataclass(frozen=True)
class Use:
    """One place where a weight is taken: by an input of a node, in functions by way of the calls."""

    op_type: str
    position: int
    group: int
    step: str


class Body:
    """The nodes of the graph or of one function, which have names of their own.

    Attributes:
        calls: the paths that the names inside begin with, one for each time that the body is computed.
    """

    def __init__(self, draft: Draft, proto: GraphProto | FunctionProto) -> None:
        self.draft = draft
        self.proto = proto
        self.calls: list[str] = []

    @property
    def nodes(self) -> Any:
        return self.proto.node

    @property
    def is_graph(self) -> bool:
        return isinstance(self.proto, GraphProto)

    @cached_property
    def constants(self) -> dict[str, np.ndarray]:
        """Tensors that belong to the steps, by name: all but the weights of the network."""
        found = {n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in self.nodes if n.op_type == "Constant"}
        if isinstance(self.proto, GraphProto):
            weights = self.draft.weights
            found |= {t.name: numpy_helper.to_array(t) for t in self.proto.initializer if t.name not in weights}
        return found

    @cached_property
    def makers(self) -> dict[str, NodeProto]:
        return {name: node for node in self.nodes for name in node.output}

    @cached_property
    def shapes(self) -> dict[str, tuple[int | str, ...]]:
        """Of the values whose shape onnx can infer; nothing in functions."""
        if not isinstance(self.proto, GraphProto):
            return {}
        inferred = onnx.shape_inference.infer_shapes(self.draft.model).graph
        values = (*inferred.input, *inferred.value_info, *inferred.output)
        return {v.name: _shape(v) for v in values if v.type.tensor_type.HasField("shape")}

    @cached_property
    def bytes(self) -> set[str]:
        """The inputs of the file that take bytes; none in functions."""
        ports = self.draft.model.graph.input if self.is_graph else ()
        return {port.name for port in ports if port.type.tensor_type.elem_type == TensorProto.UINT8}

    def users(self, value: str) -> list[NodeProto]:
        return [node for node in self.nodes if value in node.input]

    def is_value(self, name: str) -> bool:
        """Whether the network computes it: neither a constant nor a weight, nor one given to a function."""
        if not name or name in self.constants or (self.is_graph and name in self.draft.weights):
            return False
        return self.is_graph or name in self.makers or name == "in" or name.startswith("in/")

    def values(self, node: NodeProto) -> list[str]:
        return [name for name in node.input if self.is_value(name)]

    def steps(self, node: NodeProto) -> tuple[str, ...]:
        """The steps of the spec that the node belongs to, one for each time that the body is computed."""
        return tuple(step for call in self.calls for step in self._step(call, node.name))

    def _step(self, call: str, name: str) -> Iterator[str]:
        label = name.partition("/")[0]
        path = ".".join(part for part in (call, label) if part)
        known = self.draft.places
        inside = [step for step in known if step.startswith(f"{path}.")]
        yield from [path] if path in known else inside or ([call] if call in known else [])

    def give(self, node: NodeProto, position: int, values: np.ndarray | Sequence[int] | float) -> None:
        """Let the node take these numbers at ``position``; other users keep what they take."""
        name = f"{MADE}/constant{len(self.nodes)}_{position}"
        tensor = numpy_helper.from_array(np.asarray(values), name)
        if isinstance(self.proto, GraphProto):
            self.proto.initializer.append(tensor)
        else:
            self.insert(node, helper.make_node("Constant", [], [name], name=name, value=tensor))
        node.input[position] = name

    def insert(self, before: NodeProto, *nodes: NodeProto) -> None:
        """Put nodes before ``before``, in their order."""
        place = self.place(before)
        for offset, node in enumerate(nodes):
            self.nodes.insert(place + offset, node)

    def place(self, node: NodeProto) -> int:
        return next(i for i, other in enumerate(self.nodes) if other.output == node.output)

    def append_behind(self, node: NodeProto, op_type: str, **attributes: object) -> NodeProto:
        """Another node that takes the result of ``node`` and the name of it; what it takes besides is to be given."""
        result, inner = node.output[0], f"{MADE}/{node.output[0]}"
        place = self.place(node)
        node.output[0] = inner
        name = f"{node.name.partition('/')[0]}/{MADE}{len(self.nodes)}"  # of the same step; onnxruntime wants it unique
        self.nodes.insert(place + 1, helper.make_node(op_type, [inner], [result], name=name, **attributes))
        return self.nodes[place + 1]


class Draft:
    """A model and the network that it is the file of."""

    def __init__(self, model: ModelProto, graph: Graph) -> None:
        self.model = model
        self.graph = graph
        self.places = {node.name: place for place, node in enumerate(graph.nodes)}
        self.paths = {initializer_name(path, p): path for path, p in graph.state if not p.integer}
        self.bodies = [Body(self, model.graph), *(Body(self, function) for function in model.functions)]
        self._functions = {body.proto.name: body for body in self.bodies[1:]}
        self._enter(self.bodies[0], "")

    def copy(self) -> Draft:
        model = ModelProto()
        model.CopyFrom(self.model)
        return Draft(model, self.graph)

    @property
    def main(self) -> Body:
        return self.bodies[0]

    @cached_property
    def weights(self) -> dict[str, TensorProto]:
        """The tensors of the network that the file holds, by the names that they have there."""
        return {t.name: t for t in self.model.graph.initializer if t.name in self.paths}

    def called(self, node: NodeProto) -> Body | None:
        return self._functions.get(node.op_type) if node.domain == "specc" else None

    def _enter(self, body: Body, path: str) -> None:
        body.calls.append(path)
        for node in body.nodes:
            inner = self.called(node)
            if inner:
                self._enter(inner, ".".join(part for part in (path, node.name) if part))

    @cached_property
    def uses(self) -> dict[str, list[Use]]:
        """Where each weight is taken, in the order of the network."""
        found: dict[str, list[Use]] = {name: [] for name in self.weights}
        self._find_uses(self.main, "", {name: name for name in self.weights}, found)
        return found

    def _find_uses(self, body: Body, call: str, names: dict[str, str], found: dict[str, list[Use]]) -> None:
        for node in body.nodes:
            inner = self.called(node)
            for position, name in enumerate(node.input):
                if name in names and not inner:
                    step = next(body._step(call, node.name), call)
                    found[names[name]].append(Use(node.op_type, position, int(attribute(node, "group", 1)), step))
            if inner:
                given = zip(inner.proto.input, node.input, strict=False)
                path = ".".join(part for part in (call, node.name) if part)
                self._find_uses(inner, path, {i: names[o] for i, o in given if o in names}, found)

    def first(self, steps: Iterable[str]) -> str | None:
        """The first of these steps in the network."""
        return min((step for step in steps if step in self.places), key=self.places.__getitem__, default=None)


@dataclass(frozen=True)
class Site:
    """A place where a mutation can be done.

    Attributes:
        place: for people: the node or tensor, and what becomes of it.
        edit: does it to a copy of the draft that the site was found in.
        steps: of the spec, whose results the mutation changes if their inputs are right; none where it is not theirs.
    """

    place: str
    edit: Callable[[Draft], None] = field(repr=False)
    steps: tuple[str, ...] = ()


def attribute(node: NodeProto, name: str, default: object = None) -> Any:
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


def set_attribute(node: NodeProto, name: str, value: object) -> None:
    kept = [a for a in node.attribute if a.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])


def become(node: NodeProto, op_type: str, inputs: Sequence[str] | None = None, **attributes: object) -> None:
    """Another operator in the place of a node, of its first input unless others are given."""
    taken = list(node.input[:1] if inputs is None else inputs)
    node.CopyFrom(helper.make_node(op_type, taken, list(node.output), name=node.name, **attributes))


def set_tensor(stored: TensorProto, values: np.ndarray) -> None:
    stored.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), stored.name))


def _shape(value: onnx.ValueInfoProto) -> tuple[int | str, ...]:
    dims = value.type.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in dims)
