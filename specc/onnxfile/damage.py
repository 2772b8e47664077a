"""What is wrong with a message of ONNX before anything in it is believed: looked at once, when a file is parsed.

Protobuf looks at lengths and types of fields only. Whoever reads a file that has passed may rely on this: every text is
UTF-8 (but for documentation, which nobody reads); every tensor has a shape that a memory could hold, and where it lies
outside, a file in the folder of the model is named; what is sparse is small when it is written out in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from onnx import ModelProto, SparseTensorProto, TensorProto
from onnx.external_data_helper import uses_external_data

from specc.onnxfile.tensor_data import BITS, reference_of

MOST_DENSE = 2**27
"""Bytes of all sparse tensors of a file when written out in full: a file of a few KB may say terabytes."""

_MOST_NUMBERS = 2**62
_MOST_AXES = 64  # NumPy's, from 2.0 on
_UNREAD = "doc_string"


def damage(model: ModelProto) -> str:
    """The first fault, after its place: ``graph.initializer[0]: …``. Empty where there is none."""
    try:
        _examine(model)
    except _Damage as fault:
        return str(fault)
    dense = 0
    for sparse in _sparse(model):
        dense += dense_size(sparse)
        if dense > MOST_DENSE:
            whole = f"written out in full, the sparse tensors up to {sparse.values.name} take {dense:,} bytes"
            return f"{whole}, and specc writes out {MOST_DENSE:,} at most"
    return ""


def dense_size(sparse: SparseTensorProto) -> int:
    """Bytes of a sparse tensor when written out in full."""
    bits: int = prod(sparse.dims) * BITS.get(sparse.values.data_type, 64)
    return bits // 8


class _Damage(Exception):
    """A fault, and the way to it."""

    def __init__(self, reason: str) -> None:
        self.way: list[str] = []
        self.reason = reason

    def __str__(self) -> str:
        return f"{'.'.join(reversed(self.way))}: {self.reason}"


def _examine(message: Any) -> None:
    """Raises _Damage where the message, or one in it, is unsound."""
    if isinstance(message, TensorProto):
        _examine_shape(message.dims)
        for part in message.external_data:
            _examine(part)
        _examine_text(message.name, "name")
        if uses_external_data(message):
            try:
                reference_of(message)
            except ValueError as error:
                raise _Damage(f"{message.name}: {error}") from None
        return  # its numbers may be large, and are no messages
    if isinstance(message, SparseTensorProto):
        _examine_shape(message.dims)
    for field, value in message.ListFields():
        if isinstance(value, str | bytes):
            if field.type == field.TYPE_STRING and field.name != _UNREAD:
                _examine_text(value, field.name)
        elif field.type == field.TYPE_STRING:
            for place, text in enumerate(value):
                _examine_text(text, f"{field.name}[{place}]")
        elif field.type == field.TYPE_MESSAGE:
            is_one = hasattr(value, "ListFields")
            for place, part in enumerate([value] if is_one else value):
                try:
                    _examine(part)
                except _Damage as fault:
                    fault.way.append(field.name if is_one else f"{field.name}[{place}]")
                    raise


def _examine_text(text: str | bytes, name: str) -> None:
    """Of a text that is no UTF-8, protobuf gives the bytes."""
    if isinstance(text, bytes):
        fault = _Damage(f"{ascii(text[:40])[1:]} is no UTF-8")
        fault.way.append(name)
        raise fault


def _examine_shape(dims: Sequence[int]) -> None:
    if len(dims) > _MOST_AXES:
        raise _Damage(f"it has {len(dims):,} axes, and {_MOST_AXES} are the most")
    if any(dim < 0 for dim in dims):
        raise _Damage(f"its shape is {list(dims)}, and no size is below 0")
    # A size of 0 hides the others, which are looked at all the same.
    if prod(dim for dim in dims if dim) > _MOST_NUMBERS:
        raise _Damage(f"its shape is {list(dims)}, and no memory holds so many numbers")


def _sparse(message: Any) -> list[SparseTensorProto]:
    """Every sparse tensor in the message, those of functions and of graphs inside nodes too."""
    if isinstance(message, SparseTensorProto):
        return [message]
    if isinstance(message, TensorProto):
        return []
    found = []
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for part in [value] if hasattr(value, "ListFields") else value:
                found += _sparse(part)
    return found
