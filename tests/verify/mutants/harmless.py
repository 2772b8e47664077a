"""Changes that leave the network as it is: whoever takes them for a fault gives a false alarm."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, inliner, numpy_helper

from tests.verify.mutants.draft import MADE, Body, Draft, Site, attribute, become, set_attribute, set_tensor
from tests.verify.mutants.kinds import Change, kind, node_kind

Found = Iterator[tuple[str, Change]]


@node_kind("an Identity put in", aim="harmless")
def identity(body: Body, node: NodeProto) -> Found:
    if len(node.output) == 1 and not body.draft.called(node):
        yield "", lambda body, node: body.append_behind(node, "Identity") and None


@node_kind("a Dropout put in", "Relu", "Gemm", "Conv", "Flatten", aim="harmless")
def dropout(body: Body, node: NodeProto) -> Found:
    """Without training_mode it passes its input on."""
    yield "", lambda body, node: body.append_behind(node, "Dropout") and None


@node_kind("multiplied by one", "Conv", "Relu", "Add", aim="harmless")
def times_one(body: Body, node: NodeProto) -> Found:
    yield "", _times_one


def _times_one(body: Body, node: NodeProto) -> None:
    product = body.append_behind(node, "Mul")
    product.input.append("")
    body.give(product, 1, np.float32(1))


@node_kind("bytes cast by way of a larger type", "Cast", aim="harmless")
def bytes_widened(body: Body, node: NodeProto) -> Found:
    if node.input[0] in body.bytes:
        yield "int32", _by_way_of_int32


def _by_way_of_int32(body: Body, node: NodeProto) -> None:
    body.append_behind(node, "Cast", to=TensorProto.FLOAT)
    set_attribute(node, "to", TensorProto.INT32)


@node_kind("operands of a sum or product exchanged", "Add", "Mul", "Max", aim="harmless")
def commuted(body: Body, node: NodeProto) -> Found:
    if len(node.input) == 2 and node.input[0] != node.input[1]:
        yield "", lambda body, node: node.input.reverse()


@node_kind("Relu written as Clip", "Relu", aim="harmless")
def relu_as_clip(body: Body, node: NodeProto) -> Found:
    yield "", _relu_as_clip


def _relu_as_clip(body: Body, node: NodeProto) -> None:
    become(node, "Clip", [node.input[0], ""])
    body.give(node, 1, np.float32(0))


@node_kind("Flatten written as Reshape", "Flatten", aim="harmless")
def flatten_as_reshape(body: Body, node: NodeProto) -> Found:
    if attribute(node, "axis", 1) == 1:
        yield "", _flatten_as_reshape


def _flatten_as_reshape(body: Body, node: NodeProto) -> None:
    become(node, "Reshape", [node.input[0], ""])
    body.give(node, 1, np.array([0, -1], np.int64))


@node_kind("a global pool written as a mean", "GlobalAveragePool", aim="harmless")
def pool_as_mean(body: Body, node: NodeProto) -> Found:
    shape = body.shapes.get(node.input[0])
    if shape:
        yield "", partial(_pool_as_mean, len(shape))


def _pool_as_mean(rank: int, body: Body, node: NodeProto) -> None:
    become(node, "ReduceMean", [node.input[0], ""])
    body.give(node, 1, np.arange(2, rank))


@node_kind("default attributes left out", "Conv", "MaxPool", "Gemm", aim="harmless")
def defaults_left_out(body: Body, node: NodeProto) -> Found:
    """Dilations of 1, strides of 1, pads of 0: what they are without being said."""
    kept = [a for a in node.attribute if not _is_default(a)]
    if len(kept) < len(node.attribute):
        yield "", _leave_defaults


def _leave_defaults(body: Body, node: NodeProto) -> None:
    kept = [a for a in node.attribute if not _is_default(a)]
    del node.attribute[:]
    node.attribute.extend(kept)


def _is_default(given: onnx.AttributeProto) -> bool:
    defaults = {"dilations": 1, "strides": 1, "pads": 0, "group": 1, "ceil_mode": 0}
    value = helper.get_attribute_value(given)
    return given.name in defaults and set(value if isinstance(value, list) else [value]) == {defaults[given.name]}


@kind("inner values renamed", "harmless")
def values_renamed(draft: Draft) -> Iterator[Site]:
    yield Site("", partial(_rename_values, nodes=False))


@kind("inner values and nodes renamed", "harmless")
def all_renamed(draft: Draft) -> Iterator[Site]:
    yield Site("", partial(_rename_values, nodes=True))


def _rename_values(draft: Draft, nodes: bool) -> None:
    outputs = {port.name for port in draft.model.graph.output}
    made = [name for node in draft.main.nodes for name in node.output if name not in outputs]
    names = {name: f"v{place}" for place, name in enumerate(made)}
    for node in draft.main.nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        node.name = "" if nodes else node.name
    for value in draft.model.graph.value_info:
        value.name = names.get(value.name, value.name)


@kind("the batch renamed", "harmless")
def batch_renamed(draft: Draft) -> Iterator[Site]:
    """Any number of samples is any number, whatever it is called: worth a note, and no more."""
    batch = draft.graph.inputs[0].type.batch
    if not isinstance(batch, int):
        yield Site(f"samples for {batch}", partial(_rename_batch, str(batch)))


def _rename_batch(batch: str, draft: Draft) -> None:
    for port in (*draft.model.graph.input, *draft.model.graph.output):
        for dim in port.type.tensor_type.shape.dim:
            if dim.dim_param == batch:
                dim.dim_param = "samples"


@kind("weights renamed", "harmless")
def weights_renamed(draft: Draft) -> Iterator[Site]:
    if draft.weights:
        yield Site("", _rename_weights)


def _rename_weights(draft: Draft) -> None:
    names = {name: f"onnx::w_{place}" for place, name in enumerate(draft.weights)}
    for node in draft.main.nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
    for stored in draft.model.graph.initializer:
        stored.name = names.get(stored.name, stored.name)


@kind("constants as nodes", "harmless")
def constants_as_nodes(draft: Draft) -> Iterator[Site]:
    if draft.main.constants:
        yield Site("", _constants_as_nodes)


def _constants_as_nodes(draft: Draft) -> None:
    moved = [t for t in draft.model.graph.initializer if t.name not in draft.weights]
    nodes = [helper.make_node("Constant", [], [t.name], name=t.name, value=t) for t in map(_copied, moved)]
    kept = [_copied(t) for t in draft.model.graph.initializer if t.name in draft.weights]
    del draft.model.graph.initializer[:]
    draft.model.graph.initializer.extend(kept)
    later = [_copied_node(node) for node in draft.main.nodes]
    del draft.main.nodes[:]
    draft.main.nodes.extend([*nodes, *later])


@kind("nodes in another order", "harmless")
def other_order(draft: Draft) -> Iterator[Site]:
    """Another topological order, where there is one: always the last node that is ready."""
    if [n.name for n in _reordered(draft)] != [n.name for n in draft.main.nodes]:
        yield Site("", _reorder)


def _reordered(draft: Draft) -> list[NodeProto]:
    waiting, done = list(draft.main.nodes), []
    known = {port.name for port in draft.model.graph.input} | {t.name for t in draft.model.graph.initializer} | {""}
    while waiting:
        ready = next(node for node in reversed(waiting) if known.issuperset(node.input))
        waiting = [node for node in waiting if node is not ready]
        known.update(ready.output)
        done.append(ready)
    return done


def _reorder(draft: Draft) -> None:
    nodes = [_copied_node(node) for node in _reordered(draft)]
    del draft.main.nodes[:]
    draft.main.nodes.extend(nodes)


@kind("stored tensors in another order", "harmless")
def tensors_reordered(draft: Draft) -> Iterator[Site]:
    if len(draft.model.graph.initializer) > 1:
        yield Site("", _reverse_tensors)


def _reverse_tensors(draft: Draft) -> None:
    stored = [_copied(t) for t in draft.model.graph.initializer]
    del draft.model.graph.initializer[:]
    draft.model.graph.initializer.extend(reversed(stored))


@kind("a tensor that nothing uses", "harmless")
def unused_tensor(draft: Draft) -> Iterator[Site]:
    yield Site("", lambda draft: draft.model.graph.initializer.append(numpy_helper.from_array(np.ones(3), "unused")))


@kind("a node that nothing uses", "harmless")
def unused_node(draft: Draft) -> Iterator[Site]:
    yield Site("", _unused_node)


def _unused_node(draft: Draft) -> None:
    taken = draft.model.graph.input[0].name
    draft.main.nodes.append(helper.make_node("Neg", [taken], [f"{MADE}/unused"], name=f"{MADE}/Neg"))


@kind("notes and inner shapes", "harmless")
def notes(draft: Draft) -> Iterator[Site]:
    yield Site("inner shapes left out, notes written", _notes)


def _notes(draft: Draft) -> None:
    del draft.model.graph.value_info[:]
    draft.model.doc_string = "a note"
    draft.model.producer_name = "another tool"
    for node in draft.main.nodes:
        node.doc_string = "a note"


@kind("weights stored transposed", "harmless")
def stored_transposed(draft: Draft) -> Iterator[Site]:
    """As exporters write them: [in, out] and no transB."""
    for index, node in enumerate(draft.main.nodes):
        if node.op_type == "Gemm" and len(draft.uses.get(node.input[1], ())) == 1:
            yield Site(node.name, partial(_store_transposed, index))


def _store_transposed(index: int, draft: Draft) -> None:
    node = draft.main.nodes[index]
    stored = draft.weights[node.input[1]]
    set_tensor(stored, numpy_helper.to_array(stored).T)
    set_attribute(node, "transB", 0)


@kind("tensors as typed numbers", "harmless")
def typed_numbers(draft: Draft) -> Iterator[Site]:
    """float_data and int64_data in the place of raw bytes."""
    if draft.model.graph.initializer:
        yield Site("", _typed_numbers)


def _typed_numbers(draft: Draft) -> None:
    for stored in draft.model.graph.initializer:
        values = numpy_helper.to_array(stored)
        if stored.data_type in (TensorProto.FLOAT, TensorProto.INT64):
            new = TensorProto(name=stored.name, dims=stored.dims, data_type=stored.data_type)
            (new.float_data if stored.data_type == TensorProto.FLOAT else new.int64_data).extend(values.reshape(-1))
            stored.CopyFrom(new)


@kind("functions written out", "harmless")
def functions_inlined(draft: Draft) -> Iterator[Site]:
    if draft.model.functions:
        yield Site("", lambda draft: draft.model.CopyFrom(inliner.inline_local_functions(draft.model)))


@kind("batch norm folded into the convolution", "harmless")
def folded(draft: Draft) -> Iterator[Site]:
    """What every optimiser does: weight times gamma/sqrt(variance + eps) per filter, and a new bias."""
    outputs = {port.name for port in draft.model.graph.output}
    for index, node in enumerate(draft.main.nodes):
        made = draft.main.makers.get(node.input[0]) if node.op_type == "BatchNormalization" else None
        if made is None or made.op_type != "Conv" or made.output[0] in outputs:
            continue
        alone = len(draft.main.users(made.output[0])) == 1
        own = all(len(draft.uses.get(name, ())) < 2 for name in (*made.input[1:], *node.input[1:]))
        if alone and own and made.input[1] in draft.weights:
            yield Site(node.name, partial(_fold, index))


def _fold(index: int, draft: Draft) -> None:
    norm = draft.main.nodes[index]
    conv = draft.main.makers[norm.input[0]]
    stored = {t.name: t for t in draft.model.graph.initializer}
    gamma, beta, mean, variance = (numpy_helper.to_array(stored[n]).astype(np.float64) for n in norm.input[1:])
    factor = gamma / np.sqrt(variance + attribute(norm, "epsilon"))
    weight = numpy_helper.to_array(stored[conv.input[1]]).astype(np.float64)
    bias = numpy_helper.to_array(stored[conv.input[2]]).astype(np.float64) if len(conv.input) > 2 else 0.0
    scaled = weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    shift = ((bias - mean) * factor + beta).astype(np.float32)
    set_tensor(stored[conv.input[1]], scaled.astype(np.float32))
    if len(conv.input) > 2:
        set_tensor(stored[conv.input[2]], shift)
    else:
        draft.model.graph.initializer.append(numpy_helper.from_array(shift, f"{conv.input[1]}_bias"))
        conv.input.append(f"{conv.input[1]}_bias")
    conv.output[0] = norm.output[0]
    _drop(draft, index, norm.input[1:])


def _drop(draft: Draft, index: int, tensors: list[str]) -> None:
    gone = set(tensors)
    del draft.main.nodes[index]
    kept = [_copied(t) for t in draft.model.graph.initializer if t.name not in gone]
    del draft.model.graph.initializer[:]
    draft.model.graph.initializer.extend(kept)


def _copied(tensor: TensorProto) -> TensorProto:
    copy = TensorProto()
    copy.CopyFrom(tensor)
    return copy


def _copied_node(node: NodeProto) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    return copy
