"""Mutations of how the nodes are joined: steps left out, doubled, added, taken from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from onnx import NodeProto, numpy_helper

from tests.verify.mutants.draft import MADE, Body, Draft, Site, become, set_tensor
from tests.verify.mutants.kinds import Change, kind, node_kind

Found = Iterator[tuple[str, Change]]

SAME_SHAPE = (
    "Relu", "LeakyRelu", "PRelu", "Clip", "Tanh", "Sigmoid", "Mish", "HardSwish", "HardSigmoid", "Softplus", "Softsign",
    "Erf", "Softmax", "LogSoftmax", "BatchNormalization", "InstanceNormalization", "LayerNormalization",
)  # fmt: skip
"""Operators whose result has the shape of their first input, whatever that is."""

TOGETHER = ("Add", "Mul", "Sub", "Concat", "Max", "Div")


def _keeps_shape(body: Body, node: NodeProto) -> bool:
    """Whether the first input, computed by the network, has the shape of the only result."""
    if len(node.output) != 1 or not node.input or not body.is_value(node.input[0]) or body.draft.called(node):
        return False
    if node.op_type in SAME_SHAPE:
        return True
    shape = body.shapes.get(node.output[0])
    return shape is not None and node.op_type != "Identity" and body.shapes.get(node.input[0]) == shape


@node_kind("a node left out")
def left_out(body: Body, node: NodeProto) -> Found:
    if _keeps_shape(body, node):
        yield "", lambda body, node: become(node, "Identity")


@node_kind("a node doubled")
def doubled(body: Body, node: NodeProto) -> Found:
    """Its result goes through it once more. Nothing happens to a relu."""
    if _keeps_shape(body, node) and node.op_type not in ("Relu", "Clip", "Identity"):
        yield "", _double


def _double(body: Body, node: NodeProto) -> None:
    again = body.append_behind(node, node.op_type)
    again.input.extend(node.input[1:])
    again.attribute.extend(node.attribute)


@node_kind("a node put in")
def put_in(body: Body, node: NodeProto) -> Found:
    if body.draft.called(node) or len(node.output) != 1 or node.op_type in ("Greater", "Reshape", "Flatten", "Slice"):
        return
    yield "Relu", lambda body, node: body.append_behind(node, "Relu") and None
    yield "Clip to ±6", partial(_clip_behind, 6.0)
    yield "Clip to ±100", partial(_clip_behind, 100.0)
    yield "Clip to ±65504, as float16 has it", partial(_clip_behind, 65504.0)
    yield "Round", lambda body, node: body.append_behind(node, "Round") and None


def _clip_behind(limit: float, body: Body, node: NodeProto) -> None:
    clip = body.append_behind(node, "Clip")
    clip.input.extend(["", ""])
    place = body.place(clip)
    body.give(clip, 1, np.float32(-limit))
    place = body.place(clip)
    body.give(body.nodes[place], 2, np.float32(limit))


@node_kind("a branch taken from another place", *TOGETHER)
def other_branch(body: Body, node: NodeProto) -> Found:
    """What is joined comes from a value of the same shape that is computed before: skips that start elsewhere."""
    joined = body.values(node)
    if len(joined) < 2:
        return
    for position, name in enumerate(node.input):
        for other in _alike(body, node, name):
            yield f"{other} for {name}", partial(_take, position, other)


@node_kind("a value taken from another place")
def other_value(body: Body, node: NodeProto) -> Found:
    if len(body.values(node)) == 1 and node.op_type not in TOGETHER:
        position = next(i for i, name in enumerate(node.input) if body.is_value(name))
        for other in _alike(body, node, node.input[position]):
            yield f"{other} for {node.input[position]}", partial(_take, position, other)


def _alike(body: Body, node: NodeProto, name: str) -> list[str]:
    """Values of the same shape that stand before the node: the last three."""
    shape = body.shapes.get(name)
    if shape is None or not body.is_value(name):
        return []
    before = [port.name for port in body.proto.input if body.is_value(port.name)]
    before += [out for other in body.nodes[: body.place(node)] for out in other.output]
    return [v for v in before if v != name and body.is_value(v) and body.shapes.get(v) == shape][-3:]


def _take(position: int, value: str, body: Body, node: NodeProto) -> None:
    node.input[position] = value


@kind("arguments of a call swapped", "function")
def call_arguments(draft: Draft) -> Iterator[Site]:
    """Two of a function's inputs, neighbours of one shape (weights), or two values."""
    for place, body in enumerate(draft.bodies):
        for index, node in enumerate(body.nodes):
            if not draft.called(node):
                continue
            for a in range(len(node.input) - 1):
                if _exchangeable(body, node.input[a], node.input[a + 1]):
                    steps = _within(draft, node.name, node.input[a : a + 2]) if body.is_graph else ()
                    yield Site(f"{node.name}: {a}, {a + 1}", partial(_swap_at, place, index, a), steps)


def _within(draft: Draft, call: str, weights: Sequence[str]) -> tuple[str, ...]:
    """The steps in the block ``call`` that take these weights."""
    uses = (use for name in weights for use in draft.uses.get(name, ()))
    return tuple(use.step for use in uses if use.step.startswith(f"{call}."))


def _exchangeable(body: Body, one: str, other: str) -> bool:
    if one == other:
        return False
    weights = body.draft.weights
    if one in weights and other in weights and body.is_graph:
        return list(weights[one].dims) == list(weights[other].dims)
    shapes = body.shapes.get(one), body.shapes.get(other)
    return None not in shapes and shapes[0] == shapes[1]


def _swap_at(place: int, index: int, position: int, draft: Draft) -> None:
    node = draft.bodies[place].nodes[index]
    node.input[position], node.input[position + 1] = node.input[position + 1], node.input[position]


@kind("inputs swapped inside", "function")
def inputs_swapped(draft: Draft) -> Iterator[Site]:
    """Two inputs of one shape, whose interface stays."""
    ports = [port.name for port in draft.graph.inputs]
    for one, other in pairwise(ports):
        if draft.main.shapes[one] == draft.main.shapes[other]:
            yield Site(f"{one} and {other}", partial(_rename_taken, {one: other, other: one}))


def _rename_taken(names: dict[str, str], draft: Draft) -> None:
    for node in draft.main.nodes:
        node.input[:] = [names.get(name, name) for name in node.input]


@kind("outputs swapped inside", "function")
def outputs_swapped(draft: Draft) -> Iterator[Site]:
    ports = [port.name for port, _ in draft.graph.outputs]
    for one, other in pairwise(ports):
        if draft.main.shapes[one] == draft.main.shapes[other]:
            yield Site(f"{one} and {other}", partial(_swap_outputs, one, other))


def _swap_outputs(one: str, other: str, draft: Draft) -> None:
    """Every value keeps its users, and goes by the other's name."""
    names = {one: other, other: one}
    _rename_taken(names, draft)
    for node in draft.main.nodes:
        node.output[:] = [names.get(name, name) for name in node.output]


@kind("a function exchanged for another", "function")
def function_exchanged(draft: Draft) -> Iterator[Site]:
    """A call of another function with as many inputs and outputs."""
    for place, body in enumerate(draft.bodies):
        for index, node in enumerate(body.nodes):
            own = draft.called(node)
            for other in draft.bodies[1:] if own else ():
                same = [len(other.proto.input), len(other.proto.output)] == [len(node.input), len(node.output)]
                if same and other is not own and other.proto.name != body.proto.name:
                    yield Site(f"{node.name}: {other.proto.name}", partial(_call, place, index, other.proto.name))


def _call(place: int, index: int, name: str, draft: Draft) -> None:
    draft.bodies[place].nodes[index].op_type = name


@kind("a shared weight with numbers of its own", "function")
def unshared(draft: Draft) -> Iterator[Site]:
    """Of several uses of one weight, one gets others: a hundredth more."""
    for index, node in enumerate(draft.main.nodes):
        for position, name in enumerate(node.input):
            if len(draft.uses.get(name, ())) > 1 and len(draft.main.users(name)) > 1:
                steps = _within(draft, node.name, [name]) if draft.called(node) else draft.main.steps(node)
                yield Site(f"{node.name}: {name}", partial(_own_numbers, index, position), steps)


def _own_numbers(index: int, position: int, draft: Draft) -> None:
    node = draft.main.nodes[index]
    values = numpy_helper.to_array(draft.weights[node.input[position]]) * np.float32(1.01)
    draft.model.graph.initializer.append(numpy_helper.from_array(values, f"{MADE}/own"))
    node.input[position] = f"{MADE}/own"


@kind("a weight shared with another", "function")
def shared_with_another(draft: Draft) -> Iterator[Site]:
    """A node takes another weight of the same shape."""
    names = list(draft.weights)
    for index, node in enumerate(draft.main.nodes):
        for position, name in enumerate(node.input):
            if name not in draft.weights:
                continue
            shape = list(draft.weights[name].dims)
            other = next((o for o in names if o != name and list(draft.weights[o].dims) == shape), None)
            if other:
                steps = _within(draft, node.name, [name]) if draft.called(node) else draft.main.steps(node)
                yield Site(f"{node.name}: {other} for {name}", partial(_take_weight, index, position, other), steps)


def _take_weight(index: int, position: int, name: str, draft: Draft) -> None:
    draft.main.nodes[index].input[position] = name


@kind("two weights exchanged", "tensor")
def weights_exchanged(draft: Draft) -> Iterator[Site]:
    """The numbers of two tensors of one shape that follow each other: matched in another order."""
    names = list(draft.weights)
    for one, other in pairwise(names):
        if list(draft.weights[one].dims) == list(draft.weights[other].dims):
            steps = tuple(use.step for name in (one, other) for use in draft.uses[name])
            yield Site(f"{one} and {other}", partial(_exchange, one, other), steps)


def _exchange(one: str, other: str, draft: Draft) -> None:
    first, second = (numpy_helper.to_array(draft.weights[name]).copy() for name in (one, other))
    set_tensor(draft.weights[one], second)
    set_tensor(draft.weights[other], first)
