"""Elementary functions of each element: its absolute value, its logarithm, a power of it, as torch has them."""

from collections.abc import Iterable
from math import inf
from typing import ClassVar

from specc.ir.op import Refusal, Weightless
from specc.ir.rounding import Exact, Function, Power
from specc.ir.targets import Builder, Ref, TorchCall, Value
from specc.ir.traits import ANY, NON_NEGATIVE, NON_POSITIVE, Coefficient, Range, scaled
from specc.ir.types import TensorType, fixed
from specc.ops.activation import Activation, Clip
from specc.ops.bases import Elementwise, Functional
from specc.ops.fields import Real, float32
from specc.ops.registry import register


@register
class Abs(Activation):
    """The absolute value of each element: torch.abs."""

    kind = "abs"
    torch_name = "torch.abs"
    onnx_name = "Abs"
    image = NON_NEGATIVE
    unchanged = NON_NEGATIVE
    repeated = "no absolute value is below 0"

    def homogeneous(self, *inputs: TensorType) -> bool:
        return True


@register
class Neg(Functional, Elementwise, Weightless):
    """Each element with the other sign: torch.neg."""

    kind = "neg"
    torch_name = "torch.neg"

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient]:
        return scaled([-1.0] * fixed(inputs[0].elements))

    def homogeneous(self, *inputs: TensorType) -> bool:
        return True

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        least, most = ranges[0]
        return Range(-most, -least)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Neg", *values)


@register
class Exp(Activation):
    """e to the power of each element, infinity from 88.73 on: torch.exp."""

    kind = "exp"
    torch_name = "torch.exp"
    onnx_name = "Exp"
    numerics = Function()
    image = NON_NEGATIVE
    repeated = "e^(e^x) is infinite from 4.49 on"


@register
class Log(Activation):
    """The natural logarithm of each element: torch.log.

    Of 0 it is -infinity, of numbers below 0 NaN, in PyTorch as in ONNX.
    """

    kind = "log"
    torch_name = "torch.log"
    onnx_name = "Log"
    numerics = Function()
    repeated = "the logarithm of a logarithm is NaN below 1"

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return NON_POSITIVE if ranges[0].most <= 1 else NON_NEGATIVE if ranges[0].least >= 1 else ANY


@register
class Sqrt(Activation):
    """The square root of each element: torch.sqrt.

    Of numbers below 0 it is NaN, in PyTorch as in ONNX.
    """

    kind = "sqrt"
    torch_name = "torch.sqrt"
    onnx_name = "Sqrt"
    numerics = Function()
    repeated = "the root of the root is pow(0.25)"

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return NON_NEGATIVE if ranges[0].most > 0 else Range(0, 0)


@register
class Pow(Activation):
    """Each element to the power of a number: torch.pow.

    Of numbers below 0 a power that is not whole is NaN; of 0 a power below 0 is infinite: in PyTorch as in ONNX.
    """

    kind = "pow"
    torch_name = "torch.pow"
    repeated = "the powers multiply: one pow is enough"

    exponent: Real

    SPECIAL: ClassVar = {
        2: ("Mul",),
        3: ("Mul", "Mul"),
        0.5: ("Sqrt",),
        -0.5: ("Sqrt", "Div"),
        -1: ("Div",),
        -2: ("Mul", "Div"),
    }
    """The nodes for powers that PyTorch does not compute as such: other engines' powers differ in the last bit, and of
    -0.0 and -infinity. A product is with the element itself, a quotient that of 1."""

    def identity(self, *inputs: TensorType) -> str | None:
        return "the first power of x is x" if self.exponent == 1 else None

    def fixed_points(self) -> Range | None:
        return ANY if self.exponent == 1 else None

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        """A root, or an even power, is NaN or at least 0; an odd one keeps the sign, but 1/-0.0 is -infinity."""
        if self.exponent == 1:
            return ranges[0]
        if self.exponent == -0.5:
            return ANY
        if not any(exponent % 2 == 1 for exponent in (self.exponent, float32(self.exponent))):
            return NON_NEGATIVE
        return ranges[0].signs if self.exponent > 0 else ANY

    def rounding(self, *inputs: TensorType) -> Exact | Power:
        """IEEE 754 leaves no choice for a product or quotient, and none for two of them in a row."""
        return Exact() if self.exponent in (1, 2, 3, -1, -2) else Power(self.exponent)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = values
        if self.exponent not in self.SPECIAL:
            return build.node("Pow", x, build.floats(self.exponent))
        result = x
        for op_type in self.SPECIAL[self.exponent]:
            if op_type == "Mul":
                result = build.node("Mul", result, x)
            elif op_type == "Div":
                result = build.node("Div", build.floats(1), result)
            else:
                result = build.node(op_type, result)
        return result


@register
class Clamp(Clip):
    """Each element, or the nearest number between min and max; one of the two may be left out: torch.clamp."""

    kind = "clamp"
    aliases = ("clip",)

    min: Real | None = None
    max: Real | None = None

    def infer(self, *inputs: TensorType) -> TensorType:
        if self.min is None and self.max is None:
            raise Refusal("S0305", "clamp needs min, max or both", label="clamp(min=0) keeps numbers from 0 on")
        least, most = self.fixed_points()
        if least < most:
            return inputs[0]
        raise Refusal(
            "S0305",
            f"max = {self.max} must be above min = {self.min}",
            argument="max",
            label=f"min is {self.min}, max {self.max}",
            against="min",
        )

    def fixed_points(self) -> Range:
        return Range(-inf if self.min is None else self.min, inf if self.max is None else self.max)

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("torch.clamp", (Value(),), self.non_default("min", "max"))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        ends = {"Max": self.min, "Min": self.max}
        nodes = {op_type: build.floats(end) for op_type, end in ends.items() if end is not None}
        if len(nodes) == 2:
            return build.node("Clip", *values, *nodes.values())
        # Where an end is left out, ONNX Runtime's Clip makes the largest float32 of infinity.
        ((op_type, end),) = nodes.items()
        return build.node(op_type, *values, end)
