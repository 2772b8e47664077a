"""A part of the places, as large as another value."""

from collections.abc import Mapping

from specc.ir.size import Dim
from specc.ir.targets import Builder, Ref, SizeOf, TorchCall, Value
from specc.ir.traits import EACH, Range, Sliding, taps
from specc.ir.types import TensorType, times
from specc.ops.bases import Channelwise, Selector
from specc.ops.fields import LARGEST
from specc.ops.like import Like, Offset, Placement, sizes_like, spatial_sizes
from specc.ops.registry import register
from specc.ops.shapes import AXIS_NAMES, numbers


@register
class Crop(Channelwise, Selector):
    """As many places as the value ``like`` has, whatever its channels: slices whose ends depend on its sizes.

    ``offset="center"`` takes those in the middle, and leaves out one more behind them than before them where the number
    is odd. A number is the place at which they begin on every axis: 0 cuts off at the end only, and ``"end"`` at the
    beginning. What would reach beyond the input is refused, never clamped. `slice` takes places by number, on any axis.
    """

    kind = "crop"
    measures = ("like",)

    like: Like
    offset: Offset = "center"

    @classmethod
    def alternatives(cls, name: str, values: Mapping[str, object]) -> tuple[str, ...]:
        return ("slice(start, stop, dim=2) takes places by number",) if name == "like" and name in values else ()

    def infer(self, *inputs: TensorType) -> TensorType:
        x, like = inputs
        sizes = sizes_like(self, x, like)
        self._placement(*inputs).require(
            f"crop finds {times(sizes)} places in {times(x.spatial)}",
            f"crop to {times(sizes)} takes more than the {times(x.spatial)} places that there are",
            "pad(like=…) adds places, upsample(like=…) resizes",
        )
        return x.with_sample(x.sample[0], *sizes)

    def window(self, *inputs: TensorType) -> Sliding:
        return Sliding((EACH, *(taps(1, start=start) for start in numbers(self._placement(*inputs).before))))

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return ranges[0]

    def torch(self, *inputs: TensorType) -> TorchCall:
        call: Value | TorchCall = Value(0)
        for axis, (start, _) in enumerate(self._placement(*inputs).torch(small=1, large=0), start=2):
            call = TorchCall("torch.narrow", (call, axis, start, SizeOf(axis, 1)))
        assert isinstance(call, TorchCall), "there is at least one spatial axis"
        return call

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        x, like = values
        placement, axes = self._placement(*inputs), [*range(2, inputs[0].rank)]
        if placement.is_fixed:  # the places behind are counted from the end
            starts = build.integers([*numbers(placement.before)])
            stops = build.integers([-places or LARGEST for places in numbers(placement.after)])
        else:
            sizes = spatial_sizes(build, like)
            starts, _ = placement.onnx(build, sizes, spatial_sizes(build, x))
            stops = build.node("Add", starts, sizes)
        return build.node("Slice", x, starts, stops, build.integers(axes))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        x, placement = inputs[0], self._placement(*inputs)
        names = AXIS_NAMES[len(x.spatial)]
        return tuple(map(_arithmetic, names, x.spatial, placement.before, placement.after, inputs[1].spatial))

    def _placement(self, x: TensorType, like: TensorType) -> Placement:
        return Placement(self, self.offset, like.spatial, x.spatial)


def _arithmetic(name: str, n: Dim, before: Dim, after: Dim, result: Dim) -> str:
    return f"{name}: {before} before and {after} behind are left out of {n}: {result}"
