"""Activations: one function applied to every element, and softmax over an axis."""

from __future__ import annotations

from specc.ir.onnx import Builder, Ref
from specc.ir.op import Weightless
from specc.ir.torch import TorchCall
from specc.ir.types import TensorType
from specc.ir.window import Pointwise
from specc.ops.registry import register


class Activation(Weightless):
    """Base of the activations that treat every element alike and own no tensor."""

    def infer(self, *inputs: TensorType) -> TensorType:
        return inputs[0]

    def window(self, *inputs: TensorType) -> Pointwise:
        return Pointwise()


@register
class Relu(Activation):
    """max(x, 0): torch.nn.ReLU."""

    kind = "relu"

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("F.relu")

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Relu", *values)
