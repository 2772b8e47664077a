"""Pooling to a size: bins that divide the input, or the whole of it as one."""

from collections.abc import Iterable
from math import gcd, prod
from typing import Annotated, ClassVar

from pydantic import Field

from specc.ir.op import Refusal, Weightless
from specc.ir.rounding import Averaged
from specc.ir.size import Dim
from specc.ir.targets import FLOAT, Builder, Ref, TorchCall, Value
from specc.ir.traits import EACH, MOST_PHASES, Coefficient, Sliding, Taps, Whole, averaged, sliding_taps, whole_taps
from specc.ir.types import TensorType, fixed, times
from specc.ops.bases import Averaging, Channelwise, Functional, Selector
from specc.ops.fields import LARGEST, Expect
from specc.ops.grid import Grid
from specc.ops.pool import mean_pool
from specc.ops.reduce import LONG_SUM, reduced
from specc.ops.registry import register
from specc.ops.shapes import AXIS_NAMES, all_places, numbers, per_axis, require_spatial
from specc.ops.sides import Sides

_Size = Annotated[int, Field(ge=1, le=LARGEST)]
Sizes = Annotated[
    _Size | tuple[_Size | None, ...],
    Expect(
        "whole numbers of at least 1 (and below 2^31): one for every axis, or a list of one for each, "
        "where none keeps the axis as it is"
    ),
]

MOST_BINNED = 2**24
"""Entries of a constant table of bins: 64 MiB."""


class AdaptivePool(Functional, Channelwise, Weightless):
    """Base of the pools whose ``size`` is that of the result.

    Bin i of o over n places is [floor(i*n/o), ceil((i + 1)*n/o)): the bins may overlap. Where they lie depends on n,
    and is computed when the network runs where that is symbolic.
    """

    size: Sizes

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        axes = require_spatial(self, x)
        if axes == 1 and self.size == (None,):
            raise Refusal(
                "S0303",
                f"{self.kind} with size = [none] keeps its only axis and does nothing: PyTorch "
                "refuses it for [N, C, L]",
                argument="size",
                label="needs a number here",
            )
        out = self._sizes(x)
        for n, o in zip(x.spatial, out, strict=True):
            if o in (n, 1):
                continue
            if not isinstance(n, int) or not isinstance(o, int):
                continue  # where its bins lie is computed when the network runs
            # Beside a symbolic size even bins take a table too: `onnx` goes axis by axis there.
            if (n % o or not x.is_fixed) and n * o > MOST_BINNED:
                raise Refusal(
                    "S0601",
                    f"{self.kind} of {n} places to {o} bins needs a table of {n:,} x {o:,} in the ONNX file",
                    argument="size",
                    label="at most 2^24 entries" + (f"; a size that divides {n} needs no table" if x.is_fixed else ""),
                )
        return x.with_sample(x.sample[0], *out)

    def window(self, *inputs: TensorType) -> Sliding:
        (x,) = inputs
        return Sliding((EACH, *map(_bin_taps, numbers(x.spatial), numbers(self._sizes(x)))))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        lines = []
        for name, n, o in zip(AXIS_NAMES[len(x.spatial)], x.spatial, self._sizes(x), strict=True):
            if isinstance(n, int) and isinstance(o, int):
                each = f"{'' if n % o == 0 else 'at most '}{_longest_bin(n, o)}"
                lines.append(f"{name}: {n} places in {o} {'bin' if o == 1 else 'bins'} of {each}")
            elif n == o:
                lines.append(f"{name}: {n} places, each for itself")
            else:
                lines.append(f"{name}: all {n} places in {'one bin' if o == 1 else f'{o} bins'}")
        return tuple(lines)

    def _sizes(self, x: TensorType) -> tuple[Dim, ...]:
        if isinstance(self.size, int):
            return (self.size,) * len(x.spatial)
        if len(self.size) != len(x.spatial):
            per_axis(tuple(entry or 1 for entry in self.size), len(x.spatial), self, "size")
        return tuple(n if o is None else o for n, o in zip(x.spatial, self.size, strict=True))

    def _even(self, x: TensorType) -> Grid | None:
        """The plain pool that does the same, where the sizes are numbers and divide."""
        if not x.is_fixed:
            return None
        places, bins = numbers(x.spatial), numbers(self._sizes(x))
        if any(n % o for n, o in zip(places, bins, strict=True)):
            return None
        kernel = tuple(n // o for n, o in zip(places, bins, strict=True))
        return Grid(kernel, kernel, (1,) * len(bins), Sides.none(len(bins)))


@register
class AdaptiveAvgPool(Averaging, AdaptivePool):
    """The mean of each bin: torch.nn.AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d."""

    kind = "adaptiveavgpool"
    torch_name = "F.adaptive_avg_pool{}d"

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient] | None:
        axes = sliding_taps(self.window(*inputs))
        before, result = numbers(inputs[0].sample), numbers(self.infer(*inputs).sample)
        return None if axes is None else averaged(axes, before, result)

    def rounding(self, *inputs: TensorType) -> Averaged:
        (x,) = inputs
        sizes = self._sizes(x)
        axes = map(_bins, numbers(x.spatial), numbers(sizes)) if x.is_fixed else ()
        bins = ((axis, tuple(range(*ends) for ends in each)) for axis, each in enumerate(axes, start=2))
        return Averaged(prod(map(_longest_bin, x.spatial, sizes)), tuple(bins))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        if not x.is_fixed:
            return self._by_axis(build, values[0], x)
        even = self._even(x)
        if even and prod(even.kernel) <= LONG_SUM:
            return values[0] if prod(even.kernel) == 1 else mean_pool(build, values[0], even)
        value, sample = values[0], [*numbers(x.sample)]
        for axis, (n, o) in enumerate(zip(numbers(x.spatial), numbers(self._sizes(x)), strict=True), start=1):
            if n == o:
                continue
            # [N, all before the axis, the axis, all behind it]
            before, behind = prod(sample[:axis]), prod(sample[axis + 1 :])
            if n % o == 0:
                bins = build.node("Reshape", value, build.integers([0, before, o, n // o, behind]))
                value = build.node("ReduceMean", bins, build.integers([3]), keepdims=0)
            else:
                flat = build.node("Reshape", value, build.integers([0, before, n, behind]))
                value = build.node("MatMul", build.floats(_averaging(n, o)), flat)
            sample[axis] = o
        return build.node("Reshape", value, build.integers([0, *sample]))

    def _by_axis(self, build: Builder, value: Ref, x: TensorType) -> Ref:
        """Without the shape of the whole: one bin is a mean, several are a product from the right."""
        sizes = self._sizes(x)
        value = reduced(build, "ReduceMean", value, x, _one_bin(x, sizes))
        for axis, (n, o) in enumerate(zip(x.spatial, sizes, strict=True), start=2):
            if o in (n, 1):
                continue
            if isinstance(n, int) and isinstance(o, int):
                averaging = build.floats([*zip(*_averaging(n, o), strict=True)])
            else:
                averaging = ComputedBins(build, value, axis, fixed(o)).averaging()
            order = [*range(x.rank)]
            order[axis], order[-1] = order[-1], order[axis]
            value = build.node("MatMul", build.node("Transpose", value, perm=order), averaging)
            value = build.node("Transpose", value, perm=order)
        return value


@register
class AdaptiveMaxPool(Selector, AdaptivePool):
    """The largest element of each bin: torch.nn.AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d."""

    kind = "adaptivemaxpool"
    torch_name = "F.adaptive_max_pool{}d"

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        if even := self._even(x):
            if prod(even.kernel) == 1:
                return values[0]
            return build.node("MaxPool", values[0], kernel_shape=list(even.kernel), strides=list(even.stride))
        sizes = self._sizes(x)
        value = reduced(build, "ReduceMax", values[0], x, _one_bin(x, sizes))
        for axis, (n, o) in enumerate(zip(x.spatial, sizes, strict=True), start=2):
            if o in (n, 1):
                continue
            # [..., o, places of a bin, ...]; a short bin repeats its last place, which changes no maximum.
            if isinstance(n, int) and isinstance(o, int):
                ends = _bins(n, o)
                longest = max(stop - start for start, stop in ends)
                rows = build.integers([[min(start + i, stop - 1) for i in range(longest)] for start, stop in ends])
            else:
                rows = ComputedBins(build, value, axis, fixed(o)).rows()
            bins = build.node("Gather", value, rows, axis=axis)
            value = build.node("ReduceMax", bins, build.integers([axis + 1]), keepdims=0)
        return value


class GlobalPool(Channelwise, Weightless):
    """Base of the pools over the whole of each channel; every spatial axis becomes 1."""

    torch_name: ClassVar[str]
    result: ClassVar[str]
    """What a channel becomes, in words."""

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        return x.with_sample(x.sample[0], *(1,) * require_spatial(self, x))

    def window(self, *inputs: TensorType) -> Whole:
        return Whole(tuple(range(1, len(inputs[0].sample))))

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall(self.torch_name.format(len(inputs[0].spatial)), (Value(), 1))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        elements = f"{times(x.spatial)} = {prod(x.spatial)} elements"
        return (f"each of the {x.sample[0]} channels: {self.result} {elements}",)


@register
class GlobalAvgPool(Averaging, GlobalPool):
    """The mean of each channel: torch.nn.AdaptiveAvgPool2d(1)."""

    kind = "globalavgpool"
    torch_name = "F.adaptive_avg_pool{}d"
    result = "the mean of"

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient]:
        before = numbers(inputs[0].sample)
        return averaged(whole_taps(range(1, len(before)), before), before, numbers(self.infer(*inputs).sample))

    def rounding(self, *inputs: TensorType) -> Averaged:
        (x,) = inputs
        return Averaged(prod(x.spatial), all_places(x, tuple(range(2, x.rank))))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        if x.is_fixed and prod(numbers(x.spatial)) <= LONG_SUM:
            return build.node("GlobalAveragePool", *values)
        return reduced(build, "ReduceMean", values[0], x, range(2, x.rank))


@register
class GlobalMaxPool(Selector, GlobalPool):
    """The largest element of each channel: torch.nn.AdaptiveMaxPool2d(1)."""

    kind = "globalmaxpool"
    torch_name = "F.adaptive_max_pool{}d"
    result = "the largest of"

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("GlobalMaxPool", *values)


def _one_bin(x: TensorType, sizes: tuple[Dim, ...]) -> list[int]:
    """The axes of several places that become one."""
    return [axis for axis, (n, o) in enumerate(zip(x.spatial, sizes, strict=True), start=2) if o == 1 and n != 1]


class ComputedBins:
    """The bins of an axis, computed while the network runs, from the places that it then has.

    In whole numbers, so that they are PyTorch's at every size: see `_bins`.
    """

    def __init__(self, build: Builder, value: Ref, axis: int, count: int) -> None:
        self._build = build
        self._count = build.integers(count)
        self._places = build.node("Squeeze", build.node("Shape", value, start=axis, end=axis + 1))
        over = build.node("Mul", self._places, build.integers([*range(1, count + 1)]))
        up = build.node("Add", over, build.integers(count - 1))
        self._starts = build.node("Div", build.node("Sub", over, self._places), self._count)
        self._stops = build.node("Div", up, self._count)

    def averaging(self) -> Ref:
        """The matrix whose product from the right with the places is the mean of each bin: `_averaging`, transposed."""
        build = self._build
        place = build.node("Unsqueeze", self._range(self._places), build.integers([1]))
        begun = build.node("GreaterOrEqual", place, self._starts)
        inside = build.node("And", begun, build.node("Less", place, self._stops))
        length = build.node("Sub", self._stops, self._starts)
        return build.node("Div", *(build.node("Cast", part, to=FLOAT) for part in (inside, length)))

    def rows(self) -> Ref:
        """A row of places for each bin, all as long as the longest may be: a short bin repeats its last place."""
        build = self._build
        longest = build.node("Add", build.node("Div", self._places, self._count), build.integers(2))
        starts, stops = (build.node("Unsqueeze", ends, build.integers([1])) for ends in (self._starts, self._stops))
        places = build.node("Add", starts, self._range(longest))
        return build.node("Min", places, build.node("Sub", stops, build.integers(1)))

    def _range(self, stop: Ref) -> Ref:
        return self._build.node("Range", self._build.integers(0), stop, self._build.integers(1))


def _bins(n: int, o: int) -> list[tuple[int, int]]:
    """[floor(i*n/o), ceil((i + 1)*n/o)) for each i."""
    return [(i * n // o, -(-(i + 1) * n // o)) for i in range(o)]


def _bin_taps(n: int, o: int) -> Taps | None:
    """In lowest terms n'/o', the bins repeat themselves after o', n' places further on."""
    common = gcd(n, o)
    n, o = n // common, o // common
    if o > MOST_PHASES:
        return None
    return Taps(n, tuple([range(*ends) for ends in _bins(n, o)]), fitted=common == 1 and o > 1)


def _longest_bin(n: Dim, o: Dim) -> Dim:
    """Places of the longest of `_bins`: in lowest terms n'/o', a bin starts at most (o' - 1)/o' behind its mark.

    Of a symbolic n the most that it may be.
    """
    if o in (n, 1):
        return 1 if o == n else n
    bins = fixed(o)
    if not isinstance(n, int):
        return (n - 1) // bins + 2
    places = n
    common = gcd(places, bins)
    return -(-(places + bins - common) // bins)


def _averaging(n: int, o: int) -> list[list[float]]:
    """The matrix (o, n) whose product with n places is the mean of each bin."""
    return [[1 / (stop - start) if start <= place < stop else 0.0 for place in range(n)] for start, stop in _bins(n, o)]
