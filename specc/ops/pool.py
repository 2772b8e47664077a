"""Pooling, 1-D to 3-D: a window that slides, bins that divide the input, or the whole of it."""

from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, inf, prod
from typing import Annotated

from pydantic import Field

from specc.ir.onnx import Builder, Ref
from specc.ir.op import Refusal, Weightless
from specc.ir.torch import TorchCall, Value
from specc.ir.types import TensorType, times
from specc.ir.window import Sliding, Whole
from specc.ops.fields import LARGEST, Expect, Flag, Naturals, Positive, PositiveReal, Positives
from specc.ops.padding import pad
from specc.ops.registry import register
from specc.ops.shapes import AXIS_NAMES, per_axis, refuse_large_kernel, require_spatial, slide_text, sliding

_Size = Annotated[int, Field(ge=1, le=LARGEST)]
Sizes = Annotated[
    _Size | tuple[_Size | None, ...],
    Expect(
        "whole numbers of at least 1 (and below 2^31): one for every axis, or a list of one for each, "
        "where none keeps the axis as it is"
    ),
]

_LONG_SUM = 4096
"""Elements above which runtimes' plain averages, which add one by one, are visibly worse than PyTorch's."""


@dataclass(frozen=True)
class Grid:
    """Where the windows of a pool stand: one entry for each spatial axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil_mode: bool

    @property
    def reach(self) -> tuple[int, ...]:
        """The extent of a window: d(k - 1) + 1."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    def sizes(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """Number of windows along each axis, as torch.nn.MaxPool2d counts them.

        (n + 2p - reach)/s + 1, rounded down; with ``ceil_mode`` up, less a last window that would
        start in the right padding.
        """
        out = []
        for n, r, s, p in zip(spatial, self.reach, self.stride, self.padding, strict=True):
            free = n + 2 * p - r
            count = (-(-free // s) if self.ceil_mode else free // s) + 1
            out.append(count - 1 if self.ceil_mode and (count - 1) * s >= n + p else count)
        return tuple(out)

    def overhang(self, spatial: tuple[int, ...]) -> tuple[int, ...]:
        """How far the last window reaches beyond the right padding (``ceil_mode`` only).

        ONNX's own ceil_mode counts otherwise in some opsets and runtimes, so it is padding instead.
        """
        sizes = self.sizes(spatial)
        ends = [(o - 1) * s + r for o, s, r in zip(sizes, self.stride, self.reach, strict=True)]
        return tuple(max(0, end - n - 2 * p) for end, n, p in zip(ends, spatial, self.padding, strict=True))

    def misses(self, spatial: tuple[int, ...]) -> bool:
        """Whether some window sees nothing but padding: it steps over an input shorter than the dilation."""
        return any(
            (i * s - p) % d >= n
            for n, o, s, p, d in zip(
                spatial, self.sizes(spatial), self.stride, self.padding, self.dilation, strict=True
            )
            for i in range(min(o, -(-p // s)))
        )

    def text(self, spatial: tuple[int, ...], axis: int) -> str:
        """The formula of one axis with its numbers and result."""
        n, k, s, p, d = spatial[axis], self.kernel[axis], self.stride[axis], self.padding[axis], self.dilation[axis]
        count = self.sizes(spatial)[axis]
        formula = slide_text(n, k, s, f"2*{p}", d)
        if not self.ceil_mode:
            return f"{formula} = {count}"
        rounded = f"ceil({formula.removesuffix(' + 1')}) + 1"
        full = -(-(n + 2 * p - self.reach[axis]) // s) + 1
        return f"{rounded} = {full}" + (f", and the last starts in the padding: {count}" if count < full else "")


class Pool(Weightless):
    """Base of the pools whose window slides."""

    @abstractmethod
    def grid(self, axes: int) -> Grid:
        """The windows over ``axes`` spatial axes."""

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        grid = self.grid(require_spatial(self, x))
        for p, k in zip(grid.padding, grid.kernel, strict=True):
            if 2 * p > k:
                raise Refusal(
                    "S0305",
                    f"padding = {p} is more than half of kernel {k}",
                    argument="padding",
                    label=f"at most {k // 2}",
                )
        out = grid.sizes(x.spatial)
        if min(out) < 1:
            raise self._too_large(x, grid, grid.text(x.spatial, out.index(min(out))))
        return x.with_sample(x.channels, *out)

    def window(self, *inputs: TensorType) -> Sliding:
        grid = self.grid(len(inputs[0].spatial))
        return sliding(grid.kernel, grid.stride, grid.dilation)

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        grid = self.grid(len(x.spatial))
        names = AXIS_NAMES[len(x.spatial)]
        return tuple(f"{name}: {grid.text(x.spatial, axis)}" for axis, name in enumerate(names))

    def call(self, function: str, axes: int, *leading: object, options: tuple[str, ...]) -> TorchCall:
        """``F.max_pool2d(x, 2, …)``: ``function`` with the rank in its place, and what is not the default."""
        return TorchCall(function.format(axes), (Value(), *leading), self.non_default(*options))

    def _too_large(self, x: TensorType, grid: Grid, reason: str) -> Refusal:
        smaller = tuple(map(min, grid.kernel, x.spatial))
        candidates: tuple[dict[str, object], ...] = (
            {"kernel": smaller[0] if len(set(smaller)) == 1 else smaller},
            {"ceil_mode": True},
        )
        return refuse_large_kernel(self, x, grid.kernel, grid.dilation, reason, candidates=candidates)


class Average(Pool):
    """Base of the sliding pools that PyTorch computes as averages."""

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        grid = self.grid(require_spatial(self, x))
        if len(x.spatial) == 3 and any(k > n for k, n in zip(grid.kernel, x.spatial, strict=True)):
            # Neither padding nor ceil_mode helps in 3-D, as they do in 1-D and 2-D.
            raise self._too_large(x, grid, "PyTorch averages in 3-D only where the kernel fits without padding")
        return super().infer(x)


@register
class MaxPool(Pool):
    """The largest element of each window: torch.nn.MaxPool1d, MaxPool2d, MaxPool3d."""

    kind = "maxpool"

    kernel: Positives
    stride: Positives | None = None
    padding: Naturals = 0
    dilation: Positives = 1
    ceil_mode: Flag = False

    def grid(self, axes: int) -> Grid:
        kernel = per_axis(self.kernel, axes, self, "kernel")
        return Grid(
            kernel,
            kernel if self.stride is None else per_axis(self.stride, axes, self, "stride"),
            per_axis(self.padding, axes, self, "padding"),
            per_axis(self.dilation, axes, self, "dilation"),
            self.ceil_mode,
        )

    def torch(self, *inputs: TensorType) -> TorchCall:
        options = ("stride", "padding", "dilation", "ceil_mode")
        return self.call("F.max_pool{}d", len(inputs[0].spatial), self.kernel, options=options)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        value, grid = values[0], self.grid(len(x.spatial))
        before, after = grid.padding, _plus(grid.padding, grid.overhang(x.spatial))
        if any(a >= k for a, k in zip(after, grid.kernel, strict=True)) or grid.misses(x.spatial):
            # ONNX Runtime wants pads below the kernel, not below the dilated one, and for a window that
            # sees nothing but padding it gives the lowest float instead of -inf.
            value = pad(build, value, x.sample, (0, *before), (0, *after), mode="constant", value=-inf)
            before = after = (0,) * len(before)
        return build.node(
            "MaxPool",
            value,
            kernel_shape=list(grid.kernel),
            strides=list(grid.stride),
            pads=[*before, *after],
            dilations=list(grid.dilation),
        )


@register
class AvgPool(Average):
    """The mean of each window: torch.nn.AvgPool1d, AvgPool2d, AvgPool3d."""

    kind = "avgpool"

    kernel: Positives
    stride: Positives | None = None
    padding: Naturals = 0
    ceil_mode: Flag = False
    count_include_pad: Flag = True
    divisor_override: Positive | None = None

    def grid(self, axes: int) -> Grid:
        kernel = per_axis(self.kernel, axes, self, "kernel")
        return Grid(
            kernel,
            kernel if self.stride is None else per_axis(self.stride, axes, self, "stride"),
            per_axis(self.padding, axes, self, "padding"),
            (1,) * axes,
            self.ceil_mode,
        )

    def infer(self, *inputs: TensorType) -> TensorType:
        if self.divisor_override is not None and len(inputs[0].spatial) == 1:
            raise Refusal(
                "S0305",
                "avgpool over [N, C, L] takes no divisor_override: torch.nn.AvgPool1d has none",
                argument="divisor_override",
                cause=0,
                label="only for 2-D and 3-D input",
            )
        return super().infer(*inputs)

    def torch(self, *inputs: TensorType) -> TorchCall:
        options = ("stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
        return self.call("F.avg_pool{}d", len(inputs[0].spatial), self.kernel, options=options)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        value, grid = values[0], self.grid(len(x.spatial))
        before, overhang = grid.padding, grid.overhang(x.spatial)
        if self.divisor_override is not None:
            value = _zero_padded(build, value, x, before, _plus(before, overhang))
            mean = _mean_pool(build, value, grid)
            return build.node("Mul", mean, build.floats(prod(grid.kernel) / self.divisor_override))
        if self.count_include_pad:
            # PyTorch counts the padding in, but not what ceil_mode adds beyond it.
            return _mean_pool(build, _zero_padded(build, value, x, before, before), grid, after=overhang)
        return _mean_pool(build, value, grid, before, _plus(before, overhang))


@register
class LpPool(Average):
    """(Σ xᵖ)^(1/p) over each window, p = ``norm_type``: torch.nn.LPPool1d, LPPool2d, LPPool3d.

    The powers are signed, as PyTorch's: an odd or fractional p gives NaN where the sum (or an element)
    is negative. A window that ``ceil_mode`` cuts off counts its mean for the missing places.
    """

    kind = "lppool"

    norm_type: PositiveReal
    kernel: Positives
    stride: Positives | None = None
    ceil_mode: Flag = False

    def grid(self, axes: int) -> Grid:
        kernel = per_axis(self.kernel, axes, self, "kernel")
        stride = kernel if self.stride is None else per_axis(self.stride, axes, self, "stride")
        return Grid(kernel, stride, (0,) * axes, (1,) * axes, self.ceil_mode)

    def torch(self, *inputs: TensorType) -> TorchCall:
        axes = len(inputs[0].spatial)
        # F.lp_pool1d multiplies by its kernel_size, so there it must be a number.
        kernel = self.grid(1).kernel[0] if axes == 1 else self.kernel
        return self.call("F.lp_pool{}d", axes, self.norm_type, kernel, options=("stride", "ceil_mode"))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        # ONNX's LpPool takes whole norms only and powers of absolute values.
        (x,) = inputs
        grid = self.grid(len(x.spatial))
        powers = build.node("Pow", values[0], build.floats(self.norm_type))
        mean = _mean_pool(build, powers, grid, after=grid.overhang(x.spatial))
        total = build.node("Mul", mean, build.floats(prod(grid.kernel)))
        return build.node("Pow", total, build.floats(1 / self.norm_type))


MOST_BINNED = 2**24
"""Entries of a constant table of bins: 64 MiB."""


class AdaptivePool(Weightless):
    """Base of the pools that are told the size of their result.

    Bin i of o over n places is [floor(i*n/o), ceil((i + 1)*n/o)): the bins may overlap.
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
            if n % o and n * o > MOST_BINNED:
                raise Refusal(
                    "S0601",
                    f"{self.kind} of {n} places to {o} bins needs a table of {n:,} x {o:,} in the ONNX file",
                    argument="size",
                    label=f"at most 2^24 entries; a size that divides {n} needs no table",
                )
        return x.with_sample(x.channels, *out)

    def window(self, *inputs: TensorType) -> Sliding:
        (x,) = inputs
        out = self._sizes(x)
        stride = tuple(map(Fraction, x.spatial, out))
        return Sliding(tuple(map(_largest_bin, x.spatial, out)), stride, (1,) * len(out))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        return tuple(
            f"{name}: {n} places in {o} {'bin' if o == 1 else 'bins'} of {'' if n % o == 0 else 'at most '}"
            f"{_largest_bin(n, o)}"
            for name, n, o in zip(AXIS_NAMES[len(x.spatial)], x.spatial, self._sizes(x), strict=True)
        )

    def _sizes(self, x: TensorType) -> tuple[int, ...]:
        if isinstance(self.size, int):
            return (self.size,) * len(x.spatial)
        if len(self.size) != len(x.spatial):
            per_axis(tuple(entry or 1 for entry in self.size), len(x.spatial), self, "size")
        return tuple(n if o is None else o for n, o in zip(x.spatial, self.size, strict=True))

    def _even(self, x: TensorType) -> Grid | None:
        """The plain pool that does the same, where the sizes divide."""
        out = self._sizes(x)
        if any(n % o for n, o in zip(x.spatial, out, strict=True)):
            return None
        kernel = tuple(n // o for n, o in zip(x.spatial, out, strict=True))
        return Grid(kernel, kernel, (0,) * len(out), (1,) * len(out), ceil_mode=False)


@register
class AdaptiveAvgPool(AdaptivePool):
    """The mean of each bin: torch.nn.AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d."""

    kind = "adaptiveavgpool"

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall(f"F.adaptive_avg_pool{len(inputs[0].spatial)}d", (Value(), self.size))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        even = self._even(x)
        if even and prod(even.kernel) <= _LONG_SUM:
            return values[0] if prod(even.kernel) == 1 else _mean_pool(build, values[0], even)
        value, sample = values[0], list(x.sample)
        for axis, (n, o) in enumerate(zip(x.spatial, self._sizes(x), strict=True), start=1):
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


@register
class AdaptiveMaxPool(AdaptivePool):
    """The largest element of each bin: torch.nn.AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d."""

    kind = "adaptivemaxpool"

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall(f"F.adaptive_max_pool{len(inputs[0].spatial)}d", (Value(), self.size))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        if even := self._even(x):
            if prod(even.kernel) == 1:
                return values[0]
            return build.node("MaxPool", values[0], kernel_shape=list(even.kernel), strides=list(even.stride))
        value = values[0]
        for axis, (n, o) in enumerate(zip(x.spatial, self._sizes(x), strict=True), start=2):
            if n == o:
                continue
            # [..., o, places of a bin, ...]; a short bin repeats its last place, which changes no maximum.
            longest = _largest_bin(n, o)
            places = [[min(start + i, stop - 1) for i in range(longest)] for start, stop in _bins(n, o)]
            bins = build.node("Gather", value, build.integers(places), axis=axis)
            value = build.node("ReduceMax", bins, build.integers([axis + 1]), keepdims=0)
        return value


class GlobalPool(Weightless):
    """Base of the pools over the whole of each channel; every spatial axis becomes 1."""

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        return x.with_sample(x.channels, *(1,) * require_spatial(self, x))

    def window(self, *inputs: TensorType) -> Whole:
        return Whole(tuple(range(1, len(inputs[0].sample))))


@register
class GlobalAvgPool(GlobalPool):
    """The mean of each channel: torch.nn.AdaptiveAvgPool2d(1)."""

    kind = "globalavgpool"

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall(f"F.adaptive_avg_pool{len(inputs[0].spatial)}d", (Value(), 1))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        if prod(x.spatial) <= _LONG_SUM:
            return build.node("GlobalAveragePool", *values)
        value = values[0]
        for axis in reversed(range(2, x.rank)):
            value = build.node("ReduceMean", value, build.integers([axis]), keepdims=1)
        return value

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        return (f"each of the {x.channels} channels: the mean of {times(x.spatial)} = {prod(x.spatial)} elements",)


@register
class GlobalMaxPool(GlobalPool):
    """The largest element of each channel: torch.nn.AdaptiveMaxPool2d(1)."""

    kind = "globalmaxpool"

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall(f"F.adaptive_max_pool{len(inputs[0].spatial)}d", (Value(), 1))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("GlobalMaxPool", *values)

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        return (f"each of the {x.channels} channels: the largest of {times(x.spatial)} = {prod(x.spatial)} elements",)


def _plus(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(i + j for i, j in zip(a, b, strict=True))


def _zero_padded(build: Builder, value: Ref, x: TensorType, before: tuple[int, ...], after: tuple[int, ...]) -> Ref:
    if not any((*before, *after)):
        return value
    return pad(build, value, x.sample, (0, *before), (0, *after), mode="constant")


def _mean_pool(
    build: Builder, value: Ref, grid: Grid, before: tuple[int, ...] | None = None, after: tuple[int, ...] | None = None
) -> Ref:
    """AveragePool over ``grid``, without its padding; ``before`` and ``after`` pad places that are not counted."""
    none = (0,) * len(grid.kernel)
    return build.node(
        "AveragePool",
        value,
        kernel_shape=list(grid.kernel),
        strides=list(grid.stride),
        pads=[*(before or none), *(after or none)],
        count_include_pad=0,
    )


def _bins(n: int, o: int) -> list[tuple[int, int]]:
    """[floor(i*n/o), ceil((i + 1)*n/o)) for each i."""
    return [(i * n // o, -(-(i + 1) * n // o)) for i in range(o)]


def _largest_bin(n: int, o: int) -> int:
    """The longest of `_bins`: in lowest terms n'/o', a bin starts at most (o' - 1)/o' behind its mark."""
    common = gcd(n, o)
    n, o = n // common, o // common
    return -(-(n + o - 1) // o)


def _averaging(n: int, o: int) -> list[list[float]]:
    """The matrix (o, n) whose product with n places is the mean of each bin."""
    return [[1 / (stop - start) if start <= place < stop else 0.0 for place in range(n)] for start, stop in _bins(n, o)]
