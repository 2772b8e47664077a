"""Merges: several values become one."""

from typing import ClassVar

from specc.ir.onnx import Builder, Ref
from specc.ir.op import Refusal, Weightless
from specc.ir.torch import TorchCall, Value
from specc.ir.types import TensorType
from specc.ir.window import Opaque, Pointwise
from specc.ops.fields import Integer
from specc.ops.registry import register
from specc.ops.shapes import sample_axis


class Merge(Weightless):
    """Base of the merges that take their inputs two by two, from left to right, on both sides.

    Floating-point sums depend on their order.
    """

    arity = (2, None)
    torch_name: ClassVar[str]
    onnx_name: ClassVar[str]

    def window(self, *inputs: TensorType) -> Pointwise:
        return Pointwise()

    def torch(self, *inputs: TensorType) -> TorchCall:
        call = TorchCall(self.torch_name, (Value(0), Value(1)))
        for index in range(2, len(inputs)):
            call = TorchCall(self.torch_name, (call, Value(index)))
        return call

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        result = values[0]
        for value in values[1:]:
            result = build.node(self.onnx_name, result, value)
        return result


@register
class Add(Merge):
    """The sum of values of one shape: torch.add, without broadcasting."""

    kind = "add"
    torch_name = "torch.add"
    onnx_name = "Add"

    def infer(self, *inputs: TensorType) -> TensorType:
        for index, x in enumerate(inputs):
            if x != inputs[0]:
                raise _differ(self, inputs[0], x, index, "needs arms of one shape")
        return inputs[0]


@register
class Mul(Merge):
    """The product of values of one shape; a size of exactly 1 is widened: torch.mul."""

    kind = "mul"
    torch_name = "torch.mul"
    onnx_name = "Mul"

    def infer(self, *inputs: TensorType) -> TensorType:
        result = inputs[0]
        for index, x in enumerate(inputs):
            if x.batch != result.batch or len(x.sample) != len(result.sample) or not _widens(x, result):
                raise _differ(self, result, x, index, "only a size of exactly 1 is widened", *_as_gate(result, x))
            result = result.with_sample(*map(max, result.sample, x.sample))
        return result


@register
class Concat(Weightless):
    """The values end to end along an axis; their other sizes agree: torch.cat."""

    kind = "concat"
    arity = (2, None)

    dim: Integer = 1

    def infer(self, *inputs: TensorType) -> TensorType:
        first = inputs[0]
        axis = sample_axis(self, self.dim, first)
        for index, x in enumerate(inputs):
            if x.rank != first.rank or _without(x, axis) != _without(first, axis):
                raise _differ(self, first, x, index, f"only axis {axis} may differ")
        joined = list(first.sample)
        joined[axis - 1] = sum(x.sample[axis - 1] for x in inputs)
        return first.with_sample(*joined)

    def window(self, *inputs: TensorType) -> Pointwise | Opaque:
        """Along a spatial axis the places of one arm are put beside those of another."""
        return Pointwise() if sample_axis(self, self.dim, inputs[0]) == 1 else Opaque()

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("torch.cat", (tuple(Value(i) for i in range(len(inputs))),), {"dim": self.dim})

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Concat", *values, axis=self.dim)

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        axis = sample_axis(self, self.dim, inputs[0])
        sizes = [x.sample[axis - 1] for x in inputs]
        return (f"axis {axis}: {' + '.join(map(str, sizes))} = {sum(sizes)}",)


def _widens(x: TensorType, y: TensorType) -> bool:
    return all(a == b or 1 in (a, b) for a, b in zip(x.sample, y.sample, strict=True))


def _without(x: TensorType, axis: int) -> tuple[object, ...]:
    return x.shape[:axis] + x.shape[axis + 1 :]


def _as_gate(x: TensorType, y: TensorType) -> tuple[str, ...]:
    """How a flat arm becomes a factor for each channel of the other."""
    flat, wide = sorted((x, y), key=lambda t: t.rank)
    if len(flat.sample) == 1 and len(wide.sample) > 1 and flat.channels in (1, wide.channels):
        shape = (-1, flat.channels, *(1 for _ in wide.spatial))
        return (f"reshape({', '.join(map(str, shape))}) makes the {flat.channels} features a factor for each channel",)
    return ()


def _differ(op: Merge | Concat, first: TensorType, x: TensorType, index: int, rule: str, *helps: str) -> Refusal:
    return Refusal(
        "S0105",
        f"the arms of {op.kind} differ: {first} and, as arm {index + 1}, {x}",
        label=rule,
        cause=index,
        notes=_parting(first, x),
        helps=helps,
    )


def _parting(x: TensorType, y: TensorType) -> tuple[str, ...]:
    if x.rank != y.rank:
        return (f"{x} has {x.rank} axes, {y} has {y.rank}",)
    axes = [i for i, (a, b) in enumerate(zip(x.shape, y.shape, strict=True)) if a != b]
    return tuple(f"axis {i}: {x.shape[i]} and {y.shape[i]}" for i in axes)
