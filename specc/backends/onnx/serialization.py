"""An assembled model as bytes, written piece by piece: the weights are never in memory all at once.

A protobuf message is the sequence of its fields, and a message inside it is preceded by its length.
All sizes are known from the shapes, so the lengths are written first and the weights stream behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from onnx import GraphProto, ModelProto, StringStringEntryProto, TensorProto

from specc.backends.onnx.assembly import Assembly
from specc.backends.onnx.metadata import ROOM
from specc.backends.onnx.step_nodes import Initializer
from specc.weights import Weights
from specc.weights.tensors import encoded

Write = Callable[[bytes | memoryview], object]

PROTOBUF_LIMIT = 2**31 - 1
"""No protobuf message can be larger, in bytes; above it the weights go to a file of their own."""

_ALIGNMENT = 4096
"""External tensors start at pages, so that runtimes can map them."""


def size_of(assembly: Assembly) -> int:
    """Bytes of the model, its weights and the room for its metadata."""
    return _size(_pieces(assembly)) + ROOM


def largest_tensor(assembly: Assembly) -> int:
    """Bytes of the largest weight."""
    return max((weight.size for weight in assembly.weights), default=0)


def fits_in_one_file(assembly: Assembly) -> bool:
    """Whether all of it is one protobuf message."""
    return size_of(assembly) <= PROTOBUF_LIMIT


def write_model(assembly: Assembly, weights: Weights, write: Write) -> None:
    """Hand the whole model to ``write``, weights inside.

    Raises:
        ValueError: above protobuf's 2 GB; see `fits_in_one_file`.
    """
    pieces = _pieces(assembly)
    if (size := _size(pieces)) > PROTOBUF_LIMIT:
        raise ValueError(f"{size} bytes do not fit into one protobuf message")
    for piece in pieces:
        if isinstance(piece, bytes):
            write(piece)
            continue
        for data in encoded(weights, piece.path, piece.parameter):
            write(data)


def write_data(assembly: Assembly, weights: Weights, write: Write) -> None:
    """Hand the weights alone to ``write``, each at the offset that `with_external_data` gives it."""
    position = 0
    for weight, offset in _offsets(assembly):
        write(bytes(offset - position))  # zeros up to the next page
        for piece in encoded(weights, weight.path, weight.parameter):
            write(piece)
        position = offset + weight.size


def with_external_data(assembly: Assembly, location: str) -> ModelProto:
    """The whole model, its weights in the file ``location`` beside it."""
    model = ModelProto()
    model.CopyFrom(assembly.model)
    for weight, offset in _offsets(assembly):
        tensor = weight.header()
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", offset), ("length", weight.size)):
            tensor.external_data.append(StringStringEntryProto(key=key, value=str(value)))
        model.graph.initializer.append(tensor)
    return model


def serialise(message: ModelProto | GraphProto | TensorProto) -> bytes:
    """The same bytes every time."""
    return bytes(message.SerializeToString(deterministic=True))


def _pieces(assembly: Assembly) -> list[bytes | Initializer]:
    """The bytes of the file in their order, and the weights between them."""
    model, graph = assembly.model, assembly.model.graph
    inner: list[bytes | Initializer] = [
        serialise(GraphProto(node=graph.node, name=graph.name, initializer=graph.initializer))
    ]
    for weight in assembly.weights:
        head = serialise(weight.header()) + _TENSOR_RAW_DATA + varint(weight.size)
        inner += _GRAPH_INITIALIZER + varint(len(head) + weight.size) + head, weight
    inner.append(serialise(GraphProto(input=graph.input, output=graph.output, value_info=graph.value_info)))
    producer = ModelProto(
        ir_version=model.ir_version, producer_name=model.producer_name, producer_version=model.producer_version
    )
    head = serialise(producer) + _MODEL_GRAPH + varint(_size(inner))
    return [head, *inner, serialise(ModelProto(opset_import=model.opset_import, functions=model.functions))]


def _size(pieces: list[bytes | Initializer]) -> int:
    return sum(piece.size if isinstance(piece, Initializer) else len(piece) for piece in pieces)


def _offsets(assembly: Assembly) -> Iterator[tuple[Initializer, int]]:
    offset = 0
    for weight in assembly.weights:
        yield weight, offset
        offset = -(-(offset + weight.size) // _ALIGNMENT) * _ALIGNMENT


def _field(number: int) -> bytes:
    """The tag of a length-delimited field (wire type 2)."""
    return varint(number << 3 | 2)


def varint(number: int) -> bytes:
    """Protobuf's base-128 number: seven bits a byte, least significant first."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


_MODEL_GRAPH = _field(ModelProto.GRAPH_FIELD_NUMBER)
_GRAPH_INITIALIZER = _field(GraphProto.INITIALIZER_FIELD_NUMBER)
_TENSOR_RAW_DATA = _field(TensorProto.RAW_DATA_FIELD_NUMBER)
