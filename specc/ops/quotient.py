"""Division by sums over an axis: of its squares or absolute values, or of those of neighbouring channels."""

from collections.abc import Mapping
from math import prod

from specc.ir.op import Refusal, Weightless
from specc.ir.rounding import Quotient
from specc.ir.size import Dim
from specc.ir.targets import Builder, Ref, TorchCall, Value
from specc.ir.traits import ANY, EACH, Norm, Range, Sliding, Whole, taps
from specc.ir.types import TensorType
from specc.ops.bases import Channelwise, Elementwise, Functional
from specc.ops.fields import Epsilon, Integer, Positive, Real
from specc.ops.grid import Grid
from specc.ops.pad import pad
from specc.ops.pool import mean_pool
from specc.ops.registry import register
from specc.ops.shapes import across, numbers, require_channels, require_spatial, sample_axis
from specc.ops.sides import Sides


@register
class Normalize(Elementwise, Weightless):
    """x over its length along an axis, or over eps where that is larger: torch.nn.functional.normalize.

    The length is the root of the sum of squares (``p=2``), or the sum of absolute values (``p=1``).
    """

    kind = "normalize"

    p: Real = 2.0
    dim: Integer = 1
    eps: Epsilon = 1e-12

    @classmethod
    def alternatives(cls, name: str, values: Mapping[str, object]) -> tuple[str, ...]:
        return ("standardize(mean=[…], std=[…]) takes numbers that are known",) if name in ("mean", "std") else ()

    def infer(self, *inputs: TensorType) -> TensorType:
        if self.p not in (1, 2):
            length = f"abs -> pow({self.p:g}) -> sum({self.dim}, keepdim=true) -> pow(1 / {self.p:g})"
            raise Refusal(
                "S0305",
                f"normalize divides by the length with p = 1 or 2, not {self.p:g}",
                argument="p",
                label="2 for the Euclidean length, 1 for the sum of absolute values",
                helps=(f"div {{ | _ | {length} }} divides by that length, without an eps",) if self.p > 0 else (),
            )
        sample_axis(self, self.dim, inputs[0])
        return inputs[0]

    def window(self, *inputs: TensorType) -> Whole:
        return across(inputs[0], (sample_axis(self, self.dim, inputs[0]) - 1,))

    def norm(self, *inputs: TensorType) -> Norm:
        return Norm()

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return ranges[0].signs

    def rounding(self, *inputs: TensorType) -> Quotient:
        terms = inputs[0].sample[sample_axis(self, self.dim, inputs[0]) - 1]
        return Quotient(terms, 0.0, 0.5) if self.p == 2 else Quotient(terms, 0.0, 1.0, "absolute values")

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("F.normalize", (Value(),), self.non_default("p", "dim", "eps"))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        axis = sample_axis(self, self.dim, inputs[0])
        op_type = "ReduceL2" if self.p == 2 else "ReduceL1"
        length = build.node(op_type, *values, build.integers([axis]), keepdims=1)
        return build.node("Div", *values, build.node("Max", length, build.floats(self.eps)))


@register
class Lrn(Functional, Channelwise, Weightless):
    """x/(k + alpha/size * sum of x² over size neighbouring channels)^beta: torch.nn.LocalResponseNorm.

    The window of an even size reaches one channel further back than forward.
    """

    kind = "lrn"
    aliases = ("localresponsenorm",)
    torch_name = "F.local_response_norm"

    size: Positive
    alpha: Real = 1e-4
    beta: Real = 0.75
    k: Real = 1.0

    def infer(self, *inputs: TensorType) -> TensorType:
        require_spatial(self, inputs[0])
        require_channels(self, inputs[0])
        return inputs[0]

    def window(self, *inputs: TensorType) -> Sliding:
        return Sliding((taps(self.size, start=-(self.size // 2)), *(EACH for _ in inputs[0].spatial)))

    def identity(self, *inputs: TensorType) -> str | None:
        return "beta = 0 divides by 1" if self.beta == 0 else None

    def norm(self, *inputs: TensorType) -> Norm:
        return Norm()

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        if self.identity(*inputs):
            return ranges[0]
        return ranges[0].signs if self.alpha >= 0 and self.k >= 0 else ANY

    def rounding(self, *inputs: TensorType) -> Quotient:
        return Quotient(self.size, self.k, self.beta)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        # LRN is no help: ONNX Runtime refuses even sizes and 1-D input, and its running sum over the
        # channels is 60 times as far from the truth as PyTorch's window at 64 channels of values of 1000.
        (x,) = inputs
        square = build.node("Mul", *values, *values)
        # A pool takes the mean over neighbouring channels, which are laid along its first spatial axis. Symbolic sizes
        # keep their axes: the last one takes the place of the channels.
        last = x.rank - 1
        if x.is_fixed:
            rows = build.node("Reshape", square, build.integers([0, 1, x.channels, -1]))
            shape: tuple[Dim, ...] = (1, x.channels, prod(numbers(x.spatial)))
        else:
            rows = build.node("Transpose", square, perm=[0, last, *range(1, last)])
            shape = (x.sample[-1], *x.sample[:-1])
        before, after, none = self.size // 2, (self.size - 1) // 2, (0,) * (len(shape) - 2)
        if before or after:
            # Not by the pool: from opset 19 on, ONNX Runtime 1.21 to 1.24 miscounts the padding of one axis of two.
            rows = pad(build, rows, shape, (0, before, *none), (0, after, *none), mode="constant")
        ones = (1,) * (len(shape) - 1)
        mean = mean_pool(build, rows, Grid((self.size, *ones[1:]), ones, ones, Sides.none(len(ones))))
        if x.is_fixed:
            mean = build.node("Reshape", mean, build.integers([0, *numbers(x.sample)]))
        else:
            mean = build.node("Transpose", mean, perm=[0, *range(2, last + 1), 1])
        base = build.node("Add", build.node("Mul", mean, build.floats(self.alpha)), build.floats(self.k))
        return build.node("Div", *values, build.node("Pow", base, build.floats(self.beta)))
