"""Activations: one function applied to every element, and softmax over an axis."""

from math import pi, sqrt
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from specc.ir.init import Constant
from specc.ir.op import Parameter, Refusal, Weightless
from specc.ir.rounding import Function, SoftmaxOver
from specc.ir.targets import Builder, Ref, TorchCall, TorchModule, Value
from specc.ir.traits import ANY, NON_NEGATIVE, NON_POSITIVE, Range, Whole
from specc.ir.types import TensorType
from specc.ops.bases import Elementwise, Functional
from specc.ops.fields import LARGEST_REAL, Expect, Flag, Integer, Positive, PositiveReal, Real
from specc.ops.registry import register
from specc.ops.shapes import across, per_channel, require_channels, sample_axis

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
"""The fixed point of Klambauer et al. 2017, as torch.nn.SELU has it."""


class Activation(Functional, Elementwise, Weightless):
    """Base of the activations that own no tensor."""

    activation = True
    onnx_name: ClassVar[str]
    """Of the one node that does the same; where there is none, `onnx` writes several."""
    image: ClassVar[Range] = ANY
    """All results lie in it."""
    keeps_sign: ClassVar[bool] = False
    """Whether no result is above 0 where x is below, or below 0 where x is above."""

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        (x,), fixed = ranges, self.fixed_points()
        if fixed is not None and x.lies_in(fixed):
            return x
        return x.signs.clipped(self.image) if self.keeps_sign else self.image

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node(self.onnx_name, *values)


class Clip(Activation):
    """Base of the activations that cut numbers off at the ends of the range of their fixed points."""

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return ranges[0].clipped(self.fixed_points() or ANY)


@register
class Relu(Clip):
    """max(x, 0): torch.nn.ReLU."""

    kind = "relu"
    unchanged = NON_NEGATIVE
    torch_name = "F.relu"
    onnx_name = "Relu"


@register
class Relu6(Clip):
    """min(max(x, 0), 6): torch.nn.ReLU6."""

    kind = "relu6"
    unchanged = Range(0, 6)
    torch_name = "F.relu6"

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Clip", *values, build.floats(0), build.floats(6))


@register
class LeakyRelu(Activation):
    """x above 0, negative_slope * x below: torch.nn.LeakyReLU."""

    kind = "leakyrelu"
    torch_name = "F.leaky_relu"

    negative_slope: Real = 0.01

    def identity(self, *inputs: TensorType) -> str | None:
        return "a slope of 1 changes nothing" if self.negative_slope == 1 else None

    def fixed_points(self) -> Range:
        return ANY if self.negative_slope == 1 else NON_NEGATIVE

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        known = super().bounds(ranges, *inputs)
        return ranges[0].signs if known == ANY and self.negative_slope >= 0 else known

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("LeakyRelu", *values, alpha=self.negative_slope)


@register
class Prelu(Elementwise):
    """x above 0, a learned slope times x below, one slope for all or one a channel: torch.nn.PReLU."""

    kind = "prelu"
    added = frozenset(("frozen",))
    unchanged = NON_NEGATIVE
    activation = True

    num_parameters: Positive = 1
    init: Real = 0.25
    frozen: Flag = False

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if self.num_parameters == 1:
            return x
        if x.sample and self.num_parameters == require_channels(self, x):
            return x
        channels = f"{x.channels} channels" if x.sample else "no channels"
        raise Refusal(
            "S0107",
            f"num_parameters = {self.num_parameters}, and the input of prelu has {channels}",
            argument="num_parameters",
            cause=0,
            label=f"needs 1 or {x.channels}" if x.sample else "needs 1",
        )

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("weight", (self.num_parameters,), Constant(self.init), trainable=not self.frozen),)

    def macs(self, *inputs: TensorType) -> int:
        return 0

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return ranges[0] if ranges[0].lies_in(NON_NEGATIVE) else ANY  # a learned slope may be negative

    def torch(self, *inputs: TensorType) -> TorchModule:
        return TorchModule("nn.PReLU", kwargs=self.non_default("num_parameters", "init"))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        # A slope of shape (C,) would be laid along the last axis, in silence where that is C long.
        return build.node("PRelu", *values, build.parameter("weight", per_channel(inputs[0], self.num_parameters)))


@register
class Elu(Activation):
    """x above 0, alpha * (e^x - 1) below: torch.nn.ELU."""

    kind = "elu"
    unchanged = NON_NEGATIVE
    torch_name = "F.elu"

    alpha: Real = 1.0

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        known = super().bounds(ranges, *inputs)
        return ranges[0].signs if known == ANY and self.alpha >= 0 else known

    def rounding(self, *inputs: TensorType) -> Function:
        return Function(inner=abs(self.alpha))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return _exponential_below_zero(build, values[0], self.alpha)


@register
class Selu(Activation):
    """1.0507 * (x above 0, 1.6733 * (e^x - 1) below): torch.nn.SELU."""

    kind = "selu"
    torch_name = "F.selu"
    numerics = Function(inner=SELU_SCALE * SELU_ALPHA)
    keeps_sign = True

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Mul", _exponential_below_zero(build, values[0], SELU_ALPHA), build.floats(SELU_SCALE))


@register
class Celu(Activation):
    """x above 0, alpha * (e^(x/alpha) - 1) below: torch.nn.CELU."""

    kind = "celu"
    unchanged = NON_NEGATIVE
    torch_name = "F.celu"
    keeps_sign = True

    alpha: PositiveReal = 1.0

    def rounding(self, *inputs: TensorType) -> Function:
        return Function(inner=self.alpha)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return _exponential_below_zero(build, values[0], self.alpha, self.alpha)


def _exponential_below_zero(build: Builder, x: Ref, alpha: float, width: float = 1.0) -> Ref:
    """x where it is above 0, alpha * (e^(x/width) - 1) elsewhere.

    ONNX Runtime's Elu, Selu and Celu subtract 1 from e^x, and of x = -1e-6 only two digits are left.
    e^y - 1 = 2t/(1 - t) with t = tanh(y/2) loses nothing: below 0, 1 - t lies between 1 and 2.
    """
    t = build.node("Tanh", build.node("Mul", x, build.floats(0.5 / width)))
    below = build.node("Div", build.node("Mul", t, build.floats(2 * alpha)), build.node("Sub", build.floats(1), t))
    return build.node("Where", build.node("Greater", x, build.floats(0)), x, below)


@register
class Gelu(Activation):
    """x * Φ(x), by the error function or by its tanh approximation (Hendrycks & Gimpel 2016): torch.nn.GELU."""

    kind = "gelu"
    torch_name = "F.gelu"
    numerics = Function(inner=1, gate=True)
    keeps_sign = True

    approximate: Annotated[Literal["none", "tanh"], Expect('"none" or "tanh"')] = "none"

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        # Gelu is an operator of ONNX from opset 20 only.
        (x,) = values
        if self.approximate == "tanh":
            cube = build.node("Mul", build.node("Mul", x, x), x)
            inner = build.node("Add", x, build.node("Mul", cube, build.floats(0.044715)))
            curve = build.node("Tanh", build.node("Mul", inner, build.floats(sqrt(2 / pi))))
        else:
            # In just these nodes ONNX Runtime finds its own Gelu, which does them at once: a product with √½ hides it.
            curve = build.node("Erf", build.node("Div", x, build.floats(sqrt(2))))
        twice = build.node("Mul", x, build.node("Add", curve, build.floats(1)))
        return build.node("Mul", twice, build.floats(0.5))


@register
class Silu(Activation):
    """x * sigmoid(x), also called swish: torch.nn.SiLU."""

    kind = "silu"
    torch_name = "F.silu"
    numerics = Function(inner=1, gate=True)
    keeps_sign = True

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Mul", *values, build.node("Sigmoid", *values))


@register
class Mish(Activation):
    """x * tanh(softplus(x)): torch.nn.Mish."""

    kind = "mish"
    torch_name = "F.mish"
    onnx_name = "Mish"
    numerics = Function(inner=1, gate=True)
    keeps_sign = True


@register
class Sigmoid(Activation):
    """1/(1 + e^-x): torch.nn.Sigmoid."""

    kind = "sigmoid"
    torch_name = "torch.sigmoid"
    onnx_name = "Sigmoid"
    numerics = Function(inner=1)
    repeated = "sigmoid of a sigmoid lies between 0.5 and 0.731"
    image = Range(0, 1)


@register
class Tanh(Activation):
    """The hyperbolic tangent: torch.nn.Tanh."""

    kind = "tanh"
    torch_name = "torch.tanh"
    onnx_name = "Tanh"
    numerics = Function()
    repeated = "tanh of a tanh lies between -0.762 and 0.762"
    image = Range(-1, 1)
    keeps_sign = True


@register
class Softplus(Activation):
    """log(1 + e^(beta*x))/beta, and x itself where beta*x is above threshold: torch.nn.Softplus."""

    kind = "softplus"
    torch_name = "F.softplus"

    beta: PositiveReal = 1.0
    threshold: Annotated[
        float,
        Field(ge=-LARGEST_REAL, le=88),
        Expect("a number up to 88: e^89, which PyTorch takes below it, overflows"),
    ] = 20.0

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        """At least 0, unless a threshold below 0 lets numbers below 0 through."""
        return NON_NEGATIVE if self.threshold >= 0 or ranges[0].least >= 0 else ANY

    def rounding(self, *inputs: TensorType) -> Function:
        return Function(inner=1 / self.beta)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = values
        if self.beta == 1 and self.threshold >= 20:
            # There the curve is x itself in float32: log(1 + e^20) - 20 = 2e-9, and half a unit of 20 is 1e-6.
            return build.node("Softplus", x)
        steep = build.node("Mul", x, build.floats(self.beta))
        curve = build.node("Div", build.node("Softplus", steep), build.floats(self.beta))
        return build.node("Where", build.node("Greater", steep, build.floats(self.threshold)), x, curve)


@register
class Logsigmoid(Activation):
    """The logarithm of sigmoid(x), computed as one: torch.nn.LogSigmoid."""

    kind = "logsigmoid"
    torch_name = "F.logsigmoid"
    numerics = Function(inner=1)
    image = NON_POSITIVE

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Neg", build.node("Softplus", build.node("Neg", *values)))


@register
class Softsign(Activation):
    """x/(1 + |x|): torch.nn.Softsign."""

    kind = "softsign"
    torch_name = "F.softsign"
    onnx_name = "Softsign"
    numerics = Function()
    image = Range(-1, 1)
    keeps_sign = True


@register
class Hardsigmoid(Activation):
    """min(max(x/6 + 1/2, 0), 1): torch.nn.Hardsigmoid."""

    kind = "hardsigmoid"
    torch_name = "F.hardsigmoid"
    numerics = Function(inner=1)
    image = Range(0, 1)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        # ONNX's own default of alpha is 1/5.
        return build.node("HardSigmoid", *values, alpha=1 / 6, beta=0.5)


@register
class Hardswish(Activation):
    """x * hardsigmoid(x): torch.nn.Hardswish."""

    kind = "hardswish"
    torch_name = "F.hardswish"
    onnx_name = "HardSwish"
    numerics = Function(inner=1, gate=True)
    keeps_sign = True


@register
class Hardtanh(Clip):
    """min(max(x, min_val), max_val): torch.nn.Hardtanh."""

    kind = "hardtanh"
    torch_name = "F.hardtanh"

    min_val: Real = -1.0
    max_val: Real = 1.0

    def infer(self, *inputs: TensorType) -> TensorType:
        if self.min_val < self.max_val:
            return inputs[0]
        raise Refusal(
            "S0305",
            f"max_val = {self.max_val} must be above min_val = {self.min_val}",
            argument="max_val" if "max_val" in self.model_fields_set else "min_val",
            label=f"min_val is {self.min_val}, max_val {self.max_val}",
            against="min_val",
        )

    def fixed_points(self) -> Range:
        return Range(self.min_val, self.max_val)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Clip", *values, build.floats(self.min_val), build.floats(self.max_val))


class OverAxis(Activation):
    """Base of the activations that set the elements along one axis against each other."""

    log: ClassVar[bool] = False
    """Whether the result is the logarithm of the shares."""
    negated: ClassVar[bool] = False
    """Whether the shares are those of -x."""

    dim: Integer = 1

    def infer(self, *inputs: TensorType) -> TensorType:
        sample_axis(self, self.dim, inputs[0])
        return inputs[0]

    def window(self, *inputs: TensorType) -> Whole:
        return across(inputs[0], (sample_axis(self, self.dim, inputs[0]) - 1,))

    def rounding(self, *inputs: TensorType) -> SoftmaxOver:
        axis = sample_axis(self, self.dim, inputs[0])
        return SoftmaxOver(axis, inputs[0].sample[axis - 1], self.log, self.negated)

    def torch(self, *inputs: TensorType) -> TorchCall:
        # Always with dim: PyTorch deprecates the default, which depends on the rank.
        return TorchCall(self.torch_name, (Value(),), {"dim": self.dim})

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node(self.onnx_name, *values, axis=self.dim)


@register
class Softmax(OverAxis):
    """e^x over the sum of e^x along an axis: torch.nn.Softmax."""

    kind = "softmax"
    torch_name = "F.softmax"
    onnx_name = "Softmax"
    repeated = "softmax of probabilities is nearly even: no class gets more than e = 2.718 times another's share"
    image = Range(0, 1)


@register
class LogSoftmax(OverAxis):
    """The logarithm of softmax, computed as one: torch.nn.LogSoftmax."""

    kind = "logsoftmax"
    torch_name = "F.log_softmax"
    onnx_name = "LogSoftmax"
    log = True
    image = NON_POSITIVE


@register
class Softmin(OverAxis):
    """The softmax of -x, so that the smallest element has the largest share: torch.nn.Softmin."""

    kind = "softmin"
    torch_name = "F.softmin"
    negated = True
    repeated = "softmin of shares is nearly even: no class gets more than e = 2.718 times another's share"
    image = Range(0, 1)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Softmax", build.node("Neg", *values), axis=self.dim)
