"""Broadcasting that is asked for: a value as large as another one."""

from specc.ir.conditions import Equal
from specc.ir.op import Refusal
from specc.ir.size import Dim
from specc.ir.targets import Builder, Ref, SizeOf, TorchCall, Value
from specc.ir.traits import EACH, AxisMap, Sliding, every, same
from specc.ir.types import TensorType
from specc.ops.bases import Selector
from specc.ops.fields import Like
from specc.ops.registry import register
from specc.ops.shapes import never_equal, numbers, unproven


@register
class Expand(Selector):
    """Every size of exactly 1 widened to that of the value ``like``, which has all the others too: torch.broadcast_to.

    ``globalavgpool -> expand(like=in)`` lays the mean of an image on all of its places.
    """

    kind = "expand"
    measures = ("like",)

    like: Like

    def infer(self, *inputs: TensorType) -> TensorType:
        x, like = inputs
        pairs = [(a, b) for a, b in zip(x.sample, like.sample, strict=False) if a not in (1, b)]
        if x.rank != like.rank or x.batch != like.batch or any(never_equal(*pair) for pair in pairs):
            raise Refusal(
                "S0105",
                f"{x} cannot be expanded to {like}: only a size of exactly 1 is widened",
                argument="like",
                cause=0,
                label=f"is {like}",
            )
        if pairs:
            claim = f"expand finds {like} in {x}, where only a size of exactly 1 is widened,"
            raise unproven(claim, (Equal(*pair) for pair in pairs), necessary=False, argument="like")
        return like

    def identity(self, *inputs: TensorType) -> str | None:
        x, like = inputs
        return "the sizes are these already" if x.sample == like.sample else None

    def axes(self, *inputs: TensorType) -> AxisMap:
        return same(len(inputs[0].sample))

    def window(self, *inputs: TensorType) -> Sliding:
        x, like = inputs
        return Sliding(tuple([EACH if a == b else every(1) for a, b in zip(x.sample, like.sample, strict=True)]))

    def torch(self, *inputs: TensorType) -> TorchCall:
        sizes = tuple(SizeOf(axis, 1) for axis in range(inputs[1].rank))
        return TorchCall("torch.broadcast_to", (Value(0), sizes))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        like = inputs[1]
        # A batch of 1 in the shape keeps that of the input.
        shape = build.integers([1, *numbers(like.sample)]) if like.is_fixed else build.node("Shape", values[1])
        return build.node("Expand", values[0], shape)

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        sizes: tuple[tuple[Dim, Dim], ...] = tuple(zip(*(x.sample for x in inputs), strict=True))
        return tuple(f"axis {axis}: 1 is widened to {b}" for axis, (a, b) in enumerate(sizes, start=1) if a != b)
