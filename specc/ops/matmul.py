"""The product of two values of the network as matrices: what attention is made of."""

from functools import reduce
from math import prod

from specc.ir.conditions import Equal
from specc.ir.op import Op, Parameter, Refusal
from specc.ir.rounding import Products
from specc.ir.size import Dim
from specc.ir.targets import Builder, Ref, TorchCall, Value
from specc.ir.traits import Opaque, Range
from specc.ir.types import TensorType, fixed, times
from specc.ops.registry import register
from specc.ops.shapes import equation, never_equal, product_text, unproven


@register
class Matmul(Op):
    """Rows of the first value by columns of the second, over the last two axes: torch.matmul.

    [N, …, n, k] and [N, …, k, m] give [N, …, n, m]; the axes before agree, nothing is widened. With ``permute``,
    ``softmax`` and ``linear`` it is attention: ``matmul { | q | k -> permute(0, 2, 1) }``.
    """

    kind = "matmul"
    arity = (2, 2)

    def infer(self, *inputs: TensorType) -> TensorType:
        a, b = inputs
        for x in inputs:
            if len(x.sample) < 2:
                raise Refusal(
                    "S0101",
                    f"matmul takes matrices, [N, …, n, k], and one of its arms is {x}",
                    cause=inputs.index(x),
                    label="the batch is no row",
                )
        pairs = [*zip((*a.shape[:-2], a.shape[-1]), (*b.shape[:-2], b.shape[-2]), strict=False)]
        open_pairs = [pair for pair in pairs if pair[0] != pair[1]]
        if a.rank != b.rank or a.batch != b.batch or any(never_equal(*pair) for pair in open_pairs):
            raise Refusal(
                "S0105",
                f"the arms of matmul do not fit: {a} and, as arm 2, {b}",
                cause=1,
                label="needs [N, …, n, k] and [N, …, k, m]",
                notes=(f"rows of {a.shape[-1]}, columns of {b.shape[-2]}",),
            )
        if open_pairs:
            claim = "the arms of matmul fit"
            raise unproven(claim, (Equal(*pair) for pair in open_pairs), detail=f"{a} and, as arm 2, {b}", cause=1)
        return a.with_sample(*a.sample[:-1], b.sample[-1])

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return ()

    def macs(self, *inputs: TensorType) -> int:
        """Every element of the result is a sum over a row."""
        return fixed(prod(self._sizes(*inputs)))

    def window(self, *inputs: TensorType) -> Opaque:
        return Opaque()

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return reduce(Range.times, ranges).signs

    def rounding(self, *inputs: TensorType) -> Products:
        return Products(inputs[0].sample[-1])

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("torch.matmul", (Value(0), Value(1)))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("MatMul", *values)

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        sizes = self._sizes(*inputs)
        return (f"macs: {equation(product_text(sizes), prod(sizes))}", f"result: {times(self.infer(*inputs).sample)}")

    def _sizes(self, *inputs: TensorType) -> tuple[Dim, ...]:
        """Elements of the result, and the length of a row."""
        a, b = inputs
        return *a.sample, b.sample[-1]
