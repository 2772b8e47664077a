"""Files in half precision: the language computes in float32, so what is imported is the same network in that."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import numpy as np
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, numpy_helper

from specc.backends.onnx import PROTOBUF_LIMIT
from specc.diagnostics import UsageError
from specc.onnxfile import OnnxFile

HALF = "the file computes in float16, and the spec in float32: its proof is of the file with all numbers as float32"
"""What whoever imports such a file should know."""


MOST_BYTES = PROTOBUF_LIMIT - 2**26
"""Of all numbers as float32, with room for the nodes."""


def in_float32(file: OnnxFile) -> OnnxFile | None:
    """The file with every float16 in it as float32, in memory; None where there is none.

    Raises:
        UsageError: its tensors cannot be read, or are too many.
    """
    graphs = (file.proto.graph.node, *(function.node for function in file.proto.functions))
    is_half = any(port.dtype == "float16" for port in (*file.inputs, *file.outputs))
    if not is_half and not any(map(_makes_half, chain(*graphs))):
        return None
    halves = sum(tensor.size for tensor in file.stored if tensor.dtype == "float16")
    if 4 * halves > MOST_BYTES:
        raise UsageError(
            f"{file.name} computes in float16: as float32 its {halves:,} numbers are more than the 2 GB that a message "
            "of ONNX can have. Make a float32 file of it, with its weights in a file beside it, and import that"
        )
    model = ModelProto()
    model.CopyFrom(file.proto)
    for stored, message in zip(file.stored, model.graph.initializer, strict=True):
        _widen(stored.whole(message))
    for value in (*model.graph.input, *model.graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    del model.graph.value_info[:]
    for nodes in (model.graph.node, *(function.node for function in model.functions)):
        _widen_nodes(nodes)
    return OnnxFile(model.SerializeToString(), origin=file.path)


def _makes_half(node: NodeProto) -> bool:
    """Whether it casts to float16: a file may take and give float32, and compute in that."""
    return node.op_type == "Cast" and any(a.name == "to" and a.i == TensorProto.FLOAT16 for a in node.attribute)


def _widen_nodes(nodes: Iterable[NodeProto]) -> None:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                _widen(attribute.t)
            elif attribute.name in ("to", "dtype") and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT


def _widen(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT16:
        numbers = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
