"""Constant factors and shifts."""

from math import inf, isinf

from specc.ir.axes import AxisMap, same
from specc.ir.onnx import Builder, Ref
from specc.ir.op import Weightless
from specc.ir.rounding import Exact
from specc.ir.torch import TorchCall, Value
from specc.ir.traits import Range
from specc.ir.types import TensorType
from specc.ir.window import Pointwise
from specc.ops.fields import Real, is_float32
from specc.ops.registry import register


@register
class Affine(Weightless):
    """x * factor + offset, both constants: ``affine(0.17)`` weighs a residual, ``affine(-1, 1)`` is 1 - x."""

    kind = "affine"

    factor: Real
    offset: Real = 0.0

    def infer(self, *inputs: TensorType) -> TensorType:
        return inputs[0]

    def axes(self, *inputs: TensorType) -> AxisMap:
        return same(len(inputs[0].sample))

    def window(self, *inputs: TensorType) -> Pointwise:
        return Pointwise()

    def identity(self, *inputs: TensorType) -> str | None:
        return "x * 1 + 0 is x" if self.factor == 1 and self.offset == 0 else None

    def homogeneous(self, *inputs: TensorType) -> bool:
        return self.offset == 0

    def bounds(self, taken: tuple[Range, ...], *inputs: TensorType) -> Range:
        """An end is kept where nothing is rounded on the way; else signs are, where the two terms have the same."""
        ends = [(end * self.factor if end and self.factor else 0.0, end) for end in taken[0]]
        (low, first), (high, last) = ends if self.factor >= 0 else reversed(ends)
        least, most = low + self.offset, high + self.offset
        return Range(
            least if self._is_exact(first, low) else 0 if min(low, self.offset) >= 0 else -inf,
            most if self._is_exact(last, high) else 0 if max(high, self.offset) <= 0 else inf,
        )

    def _is_exact(self, x: float, product: float) -> bool:
        """Whether x * factor = ``product``, and ``product`` + offset, are computed without rounding in float32."""
        if isinf(product) or (product == self.offset == 0):
            return True
        return all(map(is_float32, (x, self.factor, product, self.offset))) and is_float32(product + self.offset)

    def rounding(self, *inputs: TensorType) -> Exact:
        return Exact()

    def torch(self, *inputs: TensorType) -> TorchCall:
        product = TorchCall("torch.mul", (Value(), self.factor))
        return TorchCall("torch.add", (product, self.offset)) if self.offset else product

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        product = build.node("Mul", *values, build.floats(self.factor))
        return build.node("Add", product, build.floats(self.offset)) if self.offset else product
