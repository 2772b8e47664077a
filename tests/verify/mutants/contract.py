"""Mutations of what the file promises: names, order, types and sizes of inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from tests.verify.mutants.arithmetic import constant
from tests.verify.mutants.draft import MADE, Body, Draft, Site, become
from tests.verify.mutants.kinds import Change, kind, node_kind
from tests.verify.mutants.structure import _rename_taken


@kind("output renamed", "contract")
def output_renamed(draft: Draft) -> Iterator[Site]:
    for place, port in enumerate(draft.model.graph.output):
        yield Site(port.name, partial(_rename_output, place))


def _rename_output(place: int, draft: Draft) -> None:
    port = draft.model.graph.output[place]
    old, port.name = port.name, "logits"
    _rename_taken({old: "logits"}, draft)
    for node in draft.main.nodes:
        node.output[:] = ["logits" if name == old else name for name in node.output]


@kind("input renamed", "contract")
def input_renamed(draft: Draft) -> Iterator[Site]:
    for place, port in enumerate(draft.model.graph.input):
        yield Site(port.name, partial(_rename_input, place))


def _rename_input(place: int, draft: Draft) -> None:
    port = draft.model.graph.input[place]
    old, port.name = port.name, "data"
    _rename_taken({old: "data"}, draft)


@kind("inputs in another order", "contract")
def inputs_reordered(draft: Draft) -> Iterator[Site]:
    if len(draft.model.graph.input) > 1:
        yield Site("the first last", partial(_turn, "input"))


@kind("outputs in another order", "contract")
def outputs_reordered(draft: Draft) -> Iterator[Site]:
    if len(draft.model.graph.output) > 1:
        yield Site("the first last", partial(_turn, "output"))


def _turn(which: str, draft: Draft) -> None:
    ports = getattr(draft.model.graph, which)
    kept = [_copied(port) for port in ports]
    del ports[:]
    ports.extend([*kept[1:], kept[0]])


@kind("one output too many", "contract")
def output_added(draft: Draft) -> Iterator[Site]:
    shapes, outputs = draft.main.shapes, {port.name for port in draft.model.graph.output}
    for name in draft.main.makers:
        if name not in outputs and name in shapes and draft.main.is_value(name):
            yield Site(name, partial(_add_output, name, shapes[name]))
            return


def _add_output(name: str, shape: tuple[int | str, ...], draft: Draft) -> None:
    draft.model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


@kind("one output too few", "contract")
def output_gone(draft: Draft) -> Iterator[Site]:
    if len(draft.model.graph.output) > 1:
        yield Site("the last", lambda draft: draft.model.graph.output.__delitem__(-1))


@kind("output in double", "contract")
def output_in_double(draft: Draft) -> Iterator[Site]:
    for place, port in enumerate(draft.model.graph.output):
        if port.name in draft.main.makers:
            yield Site(port.name, partial(_double_output, place))


def _double_output(place: int, draft: Draft) -> None:
    port = draft.model.graph.output[place]
    port.type.tensor_type.elem_type = TensorProto.DOUBLE
    node = draft.main.makers[port.name]
    if len(node.output) == 1 and not draft.main.users(port.name):
        draft.main.append_behind(node, "Cast", to=TensorProto.DOUBLE)
        return
    _rename_taken({port.name: f"{MADE}/single"}, draft)
    node.output[:] = [f"{MADE}/single" if name == port.name else name for name in node.output]
    cast = helper.make_node("Cast", [f"{MADE}/single"], [port.name], name=f"{MADE}/Cast", to=TensorProto.DOUBLE)
    draft.main.nodes.append(cast)


@kind("input in double", "contract")
def input_in_double(draft: Draft) -> Iterator[Site]:
    for place, port in enumerate(draft.model.graph.input):
        yield Site(port.name, partial(_double_input, place))


def _double_input(place: int, draft: Draft) -> None:
    port = draft.model.graph.input[place]
    port.type.tensor_type.elem_type = TensorProto.DOUBLE
    _rename_taken({port.name: f"{MADE}/single"}, draft)
    cast = helper.make_node("Cast", [port.name], [f"{MADE}/single"], name=f"{MADE}/Cast", to=TensorProto.FLOAT)
    draft.main.nodes.insert(0, cast)


@kind("bytes taken in another type", "contract")
def bytes_in_another_type(draft: Draft) -> Iterator[Site]:
    """The cast that is there makes float32 of that, too."""
    for place, port in enumerate(draft.model.graph.input):
        if port.type.tensor_type.elem_type == TensorProto.UINT8:
            for other in (TensorProto.FLOAT, TensorProto.INT8, TensorProto.INT32):
                yield Site(f"{port.name}: {other}", partial(_retype, place, other))


def _retype(place: int, other: int, draft: Draft) -> None:
    draft.model.graph.input[place].type.tensor_type.elem_type = other


@node_kind("the cast of bytes dropped", "Cast", aim="contract")
def cast_dropped(body: Body, node: NodeProto) -> Iterator[tuple[str, Change]]:
    """ONNX Runtime refuses to compute with bytes where numbers are meant."""
    if node.input[0] in body.bytes:
        yield "", lambda body, node: become(node, "Identity")


@kind("a symbolic size fixed", "contract")
def size_fixed(draft: Draft) -> Iterator[Site]:
    """The batch, or another size, is a number wherever the interface says it."""
    for name in dict.fromkeys(d.dim_param for d in _dims(draft) if d.dim_param.isidentifier()):
        yield Site(name, partial(_fix_size, name))


def _fix_size(name: str, draft: Draft) -> None:
    for dim in _dims(draft):
        if dim.dim_param == name:
            dim.dim_value = 16
            dim.ClearField("dim_param") if dim.HasField("dim_param") else None


@kind("the sizes of a result dropped", "contract")
def sizes_dropped(draft: Draft) -> Iterator[Site]:
    yield Site("output", lambda draft: draft.model.graph.output[0].type.tensor_type.ClearField("shape"))


def _dims(draft: Draft) -> list[Any]:
    ports = (*draft.model.graph.input, *draft.model.graph.output)
    return [dim for port in ports for dim in port.type.tensor_type.shape.dim]


@node_kind("the batch fixed inside", "Reshape")
def batch_fixed(body: Body, node: NodeProto) -> Iterator[tuple[str, Change]]:
    """The interface keeps its promise of any batch, a reshape within does not."""
    shape = constant(body, node, 1)
    symbolic = not isinstance(body.draft.graph.inputs[0].type.batch, int)
    if symbolic and shape is not None and shape.size and shape[0] == 0:
        sizes = np.array([1, *shape[1:]], np.int64)
        yield "1", lambda body, node: body.give(node, 1, sizes)


@node_kind("the batch joined to the next axis", "Flatten")
def batch_joined(body: Body, node: NodeProto) -> Iterator[tuple[str, Change]]:
    yield "a row for all", _row_for_all


def _row_for_all(body: Body, node: NodeProto) -> None:
    taken = node.input[0]
    node.CopyFrom(helper.make_node("Reshape", [taken, ""], list(node.output), name=node.name))
    body.give(node, 1, np.array([1, -1], np.int64))


def _copied(port: ValueInfoProto) -> ValueInfoProto:
    copy = ValueInfoProto()
    copy.CopyFrom(port)
    return copy
