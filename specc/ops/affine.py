"""Factors and shifts: constants, or a learned factor for each channel or each place of another axis."""

from math import inf, isinf

from specc.ir.init import Constant
from specc.ir.op import Parameter, Weightless
from specc.ir.targets import Builder, Own, Ref, TorchCall, Value
from specc.ir.traits import Range
from specc.ir.types import TensorType, fixed
from specc.ops.bases import Elementwise
from specc.ops.fields import Integer, Real, is_float32
from specc.ops.registry import register
from specc.ops.shapes import fixed_number, require_sample, sample_axis


@register
class Affine(Elementwise, Weightless):
    """x * factor + offset, both constants: ``affine(0.17)`` weighs a residual, ``affine(-1, 1)`` is 1 - x."""

    kind = "affine"

    factor: Real
    offset: Real = 0.0

    def identity(self, *inputs: TensorType) -> str | None:
        return "x * 1 + 0 is x" if self.factor == 1 and self.offset == 0 else None

    def homogeneous(self, *inputs: TensorType) -> bool:
        return self.offset == 0

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        """An end is exact where nothing is rounded on the way; else its sign is, where both terms have the same."""
        ends = [(end * self.factor if end and self.factor else 0.0, end) for end in ranges[0]]
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

    def torch(self, *inputs: TensorType) -> TorchCall:
        product = TorchCall("torch.mul", (Value(), self.factor))
        return TorchCall("torch.add", (product, self.offset)) if self.offset else product

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        product = build.node("Mul", *values, build.floats(self.factor))
        return build.node("Add", product, build.floats(self.offset)) if self.offset else product


@register
class Scale(Elementwise):
    """x times a learned factor for each channel (layer scale, Touvron et al. 2021).

    The factor is the step itself: its path is the step's name, its shape (C, 1, 1 …), or (F,) for flat input.
    With ``dim`` it lies along another axis: (C,) for dim = -1, where the channels are last.
    """

    kind = "scale"

    init: Real = 1.0
    dim: Integer = 1

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_sample(self, x)
        axis = sample_axis(self, self.dim, x)
        fixed_number(self, x.sample[axis - 1], "factors")
        return x

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        (x,) = inputs
        axis = sample_axis(self, self.dim, x)
        shape = (fixed(x.sample[axis - 1]), *(1 for _ in x.sample[axis:]))
        return (Parameter("", shape, Constant(self.init)),)

    def macs(self, *inputs: TensorType) -> int:
        """None: PyTorch's counter leaves products of single elements out."""
        return 0

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("torch.mul", (Value(), Own("")))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Mul", *values, build.parameter(""))
