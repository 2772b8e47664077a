"""Constant factors and shifts."""

from specc.ir.axes import Carried, same
from specc.ir.onnx import Builder, Ref
from specc.ir.op import Weightless
from specc.ir.rounding import Exact
from specc.ir.torch import TorchCall, Value
from specc.ir.types import TensorType
from specc.ir.window import Pointwise
from specc.ops.fields import Real
from specc.ops.registry import register


@register
class Affine(Weightless):
    """x * factor + offset, both constants: ``affine(0.17)`` weighs a residual, ``affine(-1, 1)`` is 1 - x."""

    kind = "affine"

    factor: Real
    offset: Real = 0.0

    def infer(self, *inputs: TensorType) -> TensorType:
        return inputs[0]

    def axes(self, *inputs: TensorType) -> Carried:
        return same(len(inputs[0].sample))

    def window(self, *inputs: TensorType) -> Pointwise:
        return Pointwise()

    def rounding(self, *inputs: TensorType) -> Exact:
        return Exact()

    def torch(self, *inputs: TensorType) -> TorchCall:
        product = TorchCall("torch.mul", (Value(), self.factor))
        return TorchCall("torch.add", (product, self.offset)) if self.offset else product

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        product = build.node("Mul", *values, build.floats(self.factor))
        return build.node("Add", product, build.floats(self.offset)) if self.offset else product
