"""The inputs and outputs that a file declares, and what its types of elements are called."""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from onnx import TensorProto, TypeProto, ValueInfoProto, helper

OPEN = "?"
"""A size that the file does not declare."""

_HOLDERS = {"sequence_type": "sequence of", "optional_type": "optional", "map_type": "map to"}
"""What holds something else, by its field in ONNX's type."""


@dataclass(frozen=True, slots=True)
class Declared:
    """An input or output as the file declares it.

    Attributes:
        dtype: ``float32``; of what is no tensor, what it is: ``sequence of float32``.
        shape: None where it declares none, and of what is no tensor.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...] | None
    is_tensor: bool = True

    def __str__(self) -> str:
        if not self.is_tensor:
            return f"{self.name}: {self.dtype}"
        sizes = "of no declared shape" if self.shape is None else f"[{', '.join(map(str, self.shape))}]"
        return f"{self.name}: {self.dtype} {sizes}"


def declared(proto: onnx.ModelProto) -> tuple[tuple[Declared, ...], tuple[Declared, ...]]:
    """The inputs and the outputs of a file."""
    return tuple(map(as_declared, fed(proto))), tuple(map(as_declared, proto.graph.output))


def fed(proto: onnx.ModelProto) -> list[ValueInfoProto]:
    """What is fed in; old files list their tensors among the inputs too."""
    stored = {tensor.name for tensor in proto.graph.initializer}
    return [value for value in proto.graph.input if value.name not in stored]


def as_declared(value: ValueInfoProto) -> Declared:
    if value.type.WhichOneof("value") not in ("tensor_type", None):
        return Declared(value.name, _kind(value.type), None, is_tensor=False)
    tensor = value.type.tensor_type
    sizes = [d.dim_value if d.HasField("dim_value") else d.dim_param or OPEN for d in tensor.shape.dim]
    return Declared(value.name, dtype_of(tensor.elem_type), tuple(sizes) if tensor.HasField("shape") else None)


def _kind(x: TypeProto) -> str:
    """``sequence of float32``, however deep."""
    field = x.WhichOneof("value")
    if field in _HOLDERS:
        inner = getattr(x, field)
        return f"{_HOLDERS[field]} {_kind(inner.value_type if field == 'map_type' else inner.elem_type)}"
    if field in ("tensor_type", "sparse_tensor_type"):
        return f"{'sparse ' if field == 'sparse_tensor_type' else ''}{dtype_of(getattr(x, field).elem_type)}"
    return "of no known type"


def dtype_of(number: int) -> str:
    """``float32``; of what is no tensor or no known type, what ONNX calls it."""
    if number == TensorProto.STRING:
        return "string"
    if number in TensorProto.DataType.values() and number != TensorProto.UNDEFINED:
        return str(helper.tensor_dtype_to_np_dtype(number).name)
    return f"type {number}"
