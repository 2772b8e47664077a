"""A part of the places, as large as another value."""

from collections.abc import Mapping

from specc.ir.targets import Builder, Ref, SizeOf, TorchCall, Value
from specc.ir.traits import Range, Sliding, taps
from specc.ir.types import TensorType, times
from specc.ops.bases import Channelwise, Selector
from specc.ops.fields import LARGEST, Integer, Like
from specc.ops.like import Offset, Placement, axes_like, sizes_like
from specc.ops.registry import register
from specc.ops.shapes import AXIS_NAMES, numbers


@register
class Crop(Channelwise, Selector):
    """As many places as the value ``like`` has, whatever its channels: slices whose ends depend on its sizes.

    ``offset="center"`` takes those in the middle, and leaves out one more behind them than before them where the number
    is odd. A number is the place at which they begin on every axis: 0 cuts off at the end only, and ``"end"`` at the
    beginning. What would reach beyond the input is refused, never clamped. ``dim`` is the one axis that is cut; without
    it all spatial ones are. `slice` takes places by number, on any axis.
    """

    kind = "crop"
    measures = ("like",)
    added = frozenset(("dim",))

    like: Like
    offset: Offset = "center"
    dim: Integer | None = None

    @classmethod
    def alternatives(cls, name: str, values: Mapping[str, object]) -> tuple[str, ...]:
        return ("slice(start, stop, dim=2) takes places by number",) if name == "like" and name in values else ()

    def infer(self, *inputs: TensorType) -> TensorType:
        x, like = inputs
        sizes_like(self, x, like)
        placement = self._placement(*inputs)
        size, places = (tuple([value.shape[axis] for axis in placement.axes]) for value in (like, x))
        placement.require(
            f"crop finds {times(size)} places in {times(places)}",
            f"crop to {times(size)} takes more than the {times(places)} places that there are",
            "pad(like=…) adds places, upsample(like=…) resizes",
        )
        shape = (like.shape[axis] if axis in placement.axes else n for axis, n in enumerate(x.shape))
        return x.with_sample(*[*shape][1:])

    def identity(self, *inputs: TensorType) -> str | None:
        return "the sizes are these already" if self._placement(*inputs).is_alike else None

    def window(self, *inputs: TensorType) -> Sliding:
        before, _ = self._placement(*inputs).of_sample
        return Sliding(tuple([taps(1, start=start) for start in numbers(before)]))

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return ranges[0]

    def torch(self, *inputs: TensorType) -> TorchCall:
        call: Value | TorchCall = Value(0)
        for axis, (start, _) in self._placement(*inputs).torch(small=1, large=0).items():
            call = TorchCall("torch.narrow", (call, axis, start, SizeOf(axis, 1)))
        assert isinstance(call, TorchCall), "there is at least one spatial axis"
        return call

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        x, like = values
        placement = self._placement(*inputs)
        if placement.is_fixed:  # the places behind are counted from the end
            starts = build.integers([*numbers(placement.before)])
            stops = build.integers([-places or LARGEST for places in numbers(placement.after)])
        else:
            sizes = placement.sizes(build, like)
            starts, _ = placement.onnx(build, sizes, placement.sizes(build, x))
            stops = build.node("Add", starts, sizes)
        return build.node("Slice", x, starts, stops, build.integers([*placement.axes]))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        x, like = inputs
        placement, names = self._placement(x, like), AXIS_NAMES[len(x.spatial)]
        return tuple(
            f"{names[axis - 2]}: {before} before and {after} behind are left out of {x.shape[axis]}: {like.shape[axis]}"
            for axis, before, after in zip(placement.axes, placement.before, placement.after, strict=True)
        )

    def _placement(self, x: TensorType, like: TensorType) -> Placement:
        return Placement(self, self.offset, like, x, axes_like(self, x, self.dim))
