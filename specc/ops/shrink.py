"""Activations that set small numbers to 0, or all below a threshold to one number."""

from specc.ir.rounding import Function
from specc.ir.targets import Builder, Ref
from specc.ir.traits import ANY, Range, hull
from specc.ir.types import TensorType
from specc.ops.activation import Activation
from specc.ops.fields import NonNegativeReal, Real
from specc.ops.registry import register


@register
class Softshrink(Activation):
    """x less lambd above lambd, x plus lambd below -lambd, 0 in between: torch.nn.Softshrink."""

    kind = "softshrink"
    torch_name = "F.softshrink"
    keeps_sign = True
    repeated = "softshrink twice is softshrink by both numbers together"

    lambd: NonNegativeReal = 0.5

    def identity(self, *inputs: TensorType) -> str | None:
        return "nothing is shrunk by 0" if self.lambd == 0 else None

    def fixed_points(self) -> Range | None:
        return ANY if self.lambd == 0 else None

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        # ONNX's Shrink makes 0 of NaN.
        between = build.node("Clip", *values, build.floats(-self.lambd), build.floats(self.lambd))
        return build.node("Sub", *values, between)


@register
class Hardshrink(Activation):
    """x above lambd and below -lambd, 0 in between: torch.nn.Hardshrink."""

    kind = "hardshrink"
    torch_name = "F.hardshrink"
    keeps_sign = True

    lambd: NonNegativeReal = 0.5

    def identity(self, *inputs: TensorType) -> str | None:
        return "nothing is shrunk by 0" if self.lambd == 0 else None

    def fixed_points(self) -> Range | None:
        return ANY if self.lambd == 0 else None

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        # ONNX's Shrink makes 0 of NaN.
        (x,) = values
        small = build.node("LessOrEqual", build.node("Abs", x), build.floats(self.lambd))
        return build.node("Where", small, build.floats(0), x)


@register
class Tanhshrink(Activation):
    """x less its hyperbolic tangent: torch.nn.Tanhshrink."""

    kind = "tanhshrink"
    torch_name = "F.tanhshrink"
    numerics = Function(inner=1, gate=True)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Sub", *values, build.node("Tanh", *values))


@register
class Threshold(Activation):
    """x above threshold, value elsewhere: torch.nn.Threshold."""

    kind = "threshold"
    torch_name = "F.threshold"

    threshold: Real
    value: Real

    def fixed_points(self) -> Range | None:
        return Range(self.threshold, ANY.most) if self.value == self.threshold else None

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        (x,), replaced = ranges, Range(self.value, self.value)
        if x.least > self.threshold:
            return x
        if x.most <= self.threshold:
            return replaced
        return hull((Range(self.threshold, x.most), replaced))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = values
        below = build.node("LessOrEqual", x, build.floats(self.threshold))
        return build.node("Where", below, build.floats(self.value), x)
