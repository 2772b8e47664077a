"""What an operator needs to write itself as ONNX nodes. The backend implements it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

DEFAULT_OPSET, NEWEST_OPSET = 18, 23
"""The opset written unless another is asked for, and the newest whose every node is proven by the tests."""

Ref = str
"""The name of a value in the ONNX graph."""

Nested = int | float | Sequence["Nested"]


class Builder(Protocol):
    """Collects the nodes of one step."""

    def node(self, op_type: str, *inputs: Ref, **attributes: object) -> Ref:
        """Add a node with one output and return it. ``""`` is an input left out.

        Attributes carry ONNX's own names; int, float, str and flat lists of them.
        """

    def parameter(self, name: str, shape: tuple[int, ...] | None = None) -> Ref:
        """The step's own `Parameter`; with ``shape``, the same elements in that shape.

        A tensor is stored once, in the shape that its first step asks for; others that share it get it reshaped.
        """

    def floats(self, values: Nested) -> Ref:
        """A float32 constant; a number gives a scalar, nested sequences a tensor."""

    def integers(self, values: Nested) -> Ref:
        """An int64 constant."""
