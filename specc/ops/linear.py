"""Fully connected layers."""

from collections.abc import Iterable

from specc.ir.op import Op, Parameter, Refusal
from specc.ir.rounding import Products
from specc.ir.size import Size
from specc.ir.targets import Builder, Ref, TorchModule
from specc.ir.traits import AxisMap, Coefficient, Whole, filtered, same, whole_taps
from specc.ir.types import TensorType, fixed, times
from specc.ops.bases import weight_and_bias, without_numbers
from specc.ops.fields import Bias, Constants, Flag, Initialiser, Positive
from specc.ops.registry import register
from specc.ops.shapes import across, fixed_number, numbers, product_text, require_sample


@register
class Linear(Op):
    """A fully connected layer over the last axis of any rank: torch.nn.Linear."""

    kind = "linear"

    out_features: Positive
    bias: Bias = True
    weight: Constants | None = None
    frozen: Flag = False
    init: Initialiser | None = None

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_sample(self, x)
        helps: tuple[str, ...] = ()
        if len(x.sample) == 1:
            helps = ("globalavgpool before flatten gives one feature a channel, whatever the size",)
            (size,) = x.sample
            if isinstance(size, Size) and [str(size)] == [symbol.name for symbol in size.symbols]:
                helps = (f"with a number for {size} in the contract it is one",)
        fixed_number(self, x.sample[-1], "features", *helps)
        if self.weight is not None or isinstance(self.bias, tuple):
            self.parameters(x)  # refuses numbers of another shape
        return x.with_sample(*x.sample[:-1], self.out_features)

    def axes(self, *inputs: TensorType) -> AxisMap:
        return same(len(inputs[0].sample), mixed=len(inputs[0].sample) - 1)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return weight_and_bias(
            (self.out_features, fixed(inputs[0].sample[-1])),
            outputs=self.out_features,
            bias=self.bias,
            weight=self.weight,
            frozen=self.frozen,
            init=self.init,
        )

    def macs(self, *inputs: TensorType) -> int:
        """Every input element meets every output feature."""
        return fixed(inputs[0].elements) * self.out_features

    def window(self, *inputs: TensorType) -> Whole:
        return across(inputs[0], (len(inputs[0].sample) - 1,))

    def bias_axis(self, *inputs: TensorType) -> int | None:
        return len(inputs[0].sample) - 1 if self.bias else None

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient]:
        before, last = numbers(inputs[0].sample), len(inputs[0].sample) - 1
        return filtered(whole_taps((last,), before), before, numbers(self.infer(*inputs).sample), last)

    def rounding(self, *inputs: TensorType) -> Products:
        return Products(fixed(inputs[0].sample[-1]))

    def torch(self, *inputs: TensorType) -> TorchModule:
        options = without_numbers(self.non_default("bias"))
        return TorchModule("nn.Linear", (inputs[0].sample[-1], self.out_features), options)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        weight, bias = build.parameter("weight"), [build.parameter("bias")] if self.bias else []
        if len(inputs[0].sample) == 1:
            return build.node("Gemm", values[0], weight, *bias, transB=1)
        product = build.node("MatMul", values[0], build.node("Transpose", weight, perm=[1, 0]))
        return build.node("Add", product, *bias) if bias else product

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        total = f" = {self.macs(x):,}" if x.is_fixed else ""
        return (f"macs: {times(x.sample)} inputs * {self.out_features}{total}",)


@register
class Fc(Linear):
    """A fully connected layer over flat features, [N, F]: torch.nn.Linear."""

    kind = "fc"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if len(x.sample) == 1:
            return super().infer(x)
        # To a number of features that does not depend on the places.
        helps: tuple[str, ...] = ()
        if x.is_fixed or not x.sample:
            helps = (f"insert flatten before it: {product_text(x.sample)} = {x.elements} features",)
        elif isinstance(x.sample[0], int):
            helps = (f"insert globalavgpool and flatten before it: {x.sample[0]} features, whatever the size",)
        raise Refusal(
            "S0102",
            f"fc takes flat features, [N, F], and its input is {times(x.sample)}",
            cause=0,
            label="needs a flat input",
            helps=helps,
        )
