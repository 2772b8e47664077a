"""A part of an axis, by places counted from either end."""

from contextlib import suppress
from typing import Annotated

from pydantic import Field

from specc.ir.conditions import AtLeast, always_at_least, where_fixed
from specc.ir.op import Op, Refusal
from specc.ir.size import Dim, Size
from specc.ir.targets import Builder, Ref, TorchCall, Value
from specc.ir.terms import Unwieldy
from specc.ir.traits import EACH, AxisMap, Sliding, same, taps
from specc.ir.types import TensorType, fixed
from specc.ops.bases import Selector
from specc.ops.fields import LARGEST, Expect, Integer
from specc.ops.pad import slice_axis
from specc.ops.registry import register
from specc.ops.shapes import as_factor, sample_axis, unproven

Place = Annotated[
    Annotated[int, Field(ge=-LARGEST, le=LARGEST)] | Size, Expect("a whole number (below 2^31) or a size of the input")
]


@register
class Slice(Selector):
    """The elements start to stop (exclusive) along an axis: torch.narrow.

    Negative places count from the end, as in Python; unlike there, places outside are refused, never clamped.
    """

    kind = "slice"

    start: Place
    stop: Place
    dim: Integer = 1

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        axis, start, stop = self._places(x)
        size = x.sample[axis - 1]
        if not (isinstance(size, int) and isinstance(start, int) and isinstance(stop, int)):
            self._check_symbolic(x, axis, start, stop)
            return x.with_sample(*x.sample[: axis - 1], stop - start, *x.sample[axis:])
        for name, argument, place in (("start", self.start, start), ("stop", self.stop, stop)):
            if not 0 <= place <= size:
                raise Refusal(
                    "S0303",
                    f"{name} = {argument} lies outside axis {axis} of {x}",
                    argument=name,
                    cause=0,
                    label=f"from {-size} to {size}",
                )
        if start >= stop:
            raise Refusal(
                "S0305",
                f"slice({self.start}, {self.stop}) of {size} elements is empty",
                argument="stop",
                cause=0,
                label=f"from place {start} to before place {stop}",
            )
        return x.with_sample(*x.sample[: axis - 1], stop - start, *x.sample[axis:])

    def axes(self, *inputs: TensorType) -> AxisMap:
        return same(len(inputs[0].sample))

    def window(self, *inputs: TensorType) -> Sliding:
        (x,) = inputs
        cut, start, _ = self._places(x)
        return Sliding(tuple([taps(1, start=fixed(start)) if a == cut else EACH for a in range(1, x.rank)]))

    def identity(self, *inputs: TensorType) -> str | None:
        return "it takes the whole axis" if self.infer(*inputs) == inputs[0] else None

    def torch(self, *inputs: TensorType) -> TorchCall:
        (x,) = inputs
        axis, start, stop = self._places(x)
        length, first = stop - start, start if isinstance(start, int) else self._from_end(x, start)
        if isinstance(length, int) and isinstance(first, int):
            return TorchCall("torch.narrow", (Value(), axis, first, length))
        # Negative padding crops both ends, whatever the size is.
        widths = (0, 0) * (len(x.sample) - axis) + (-fixed(start), self._from_end(x, stop))
        return TorchCall("F.pad", (Value(), widths))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        axis, start, stop = self._places(x)
        first = start if isinstance(start, int) else self._from_end(x, start)
        last = stop if isinstance(stop, int) else self._from_end(x, stop) or LARGEST
        return slice_axis(build, values[0], axis, first, last)

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        axis, start, stop = self._places(inputs[0])
        return (f"axis {axis}: {stop} - {as_factor(start)} = {stop - start}",)

    def sized_by(self, x: TensorType, value: TensorType) -> Op | None:
        """The places that `crop` takes for a value of that size, where the formulas say these."""
        from specc.ops.crop import Crop  # most slices are of numbers, and load no more families than before
        from specc.ops.like import offset_of

        axis, start, stop = self._places(x)
        is_open = isinstance(self.start, Size) or isinstance(self.stop, Size)
        if axis == 1 or value.rank != x.rank or not is_open:
            return None
        offset = offset_of([(start, x.shape[axis] - stop)], [(value.shape[axis], x.shape[axis])])
        return None if offset is None else Crop(like=Value(1), offset=offset, dim=axis)

    def _places(self, x: TensorType) -> tuple[int, Dim, Dim]:
        """Axis, start and stop, counted from the front."""
        axis = sample_axis(self, self.dim, x)
        size = x.sample[axis - 1]
        start, stop = (p + size if isinstance(p, int) and p < 0 else p for p in (self.start, self.stop))
        return axis, start, stop

    def _from_end(self, x: TensorType, place: Dim) -> int:
        """``place`` as a negative number, counted from the end of the axis; 0 is the end itself."""
        return fixed(place - x.sample[sample_axis(self, self.dim, x) - 1])

    def _check_symbolic(self, x: TensorType, axis: int, start: Dim, stop: Dim) -> None:
        """Refuses places that are a fixed number from neither end, or that not every size has."""
        size = x.sample[axis - 1]
        for name, place in (("start", start), ("stop", stop)):
            if not isinstance(place, int) and not isinstance(place - size, int):
                raise Refusal(
                    "S0108",
                    f"{name} = {place} lies a fixed number of places neither from the start nor from the end of "
                    f"axis {axis} of {x}",
                    argument=name,
                    cause=0,
                    label=f"needs a number, or {size} less a number",
                    helps=self._as_crop(x, axis, start, stop),
                    where=where_fixed(place - size),
                )
        if isinstance(stop, int) and not isinstance(start, int):
            raise Refusal(
                "S0108",
                f"slice({self.start}, {self.stop}) begins a fixed number of places before the end of {size} and ends "
                "a fixed number behind its start",
                argument="stop",
                cause=0,
                label="count both from one side",
            )
        needed = [(start, 0), (size - stop, 0), (stop - start, 1)]
        lacking = [AtLeast(number, least) for number, least in needed if not always_at_least(number, least)]
        if lacking:
            claim = f"slice({self.start}, {self.stop}) lies within axis {axis} of {x}"
            raise unproven(claim, lacking, argument="stop", helps=self._as_crop(x, axis, start, stop))

    def _as_crop(self, x: TensorType, axis: int, start: Dim, stop: Dim) -> tuple[str, ...]:
        """How `crop` takes these places for a value that has as many, as a help; none where it does not."""
        from specc.ops.crop import Crop

        like = x.with_sample(*x.sample[: axis - 1], stop - start, *x.sample[axis:])
        with suppress(Refusal, Unwieldy):
            crop = self.sized_by(x, like)
            if isinstance(crop, Crop):
                crop.infer(x, like)
                offset = f'"{crop.offset}"' if isinstance(crop.offset, str) else crop.offset
                written = f"crop(like=…, offset={offset}, dim={axis})"
                return (f"label the value that these {stop - start} places are for, and write {written} with it",)
        return ()
