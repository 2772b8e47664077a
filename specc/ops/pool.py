"""Pooling by a window that slides, 1-D to 3-D."""

from collections.abc import Mapping
from functools import partial
from math import inf, prod
from typing import Annotated, Literal, NamedTuple

from specc.ir.conditions import always_at_least
from specc.ir.op import Refusal, Weightless
from specc.ir.rounding import Averaged, Bins, Exact, PowerMean
from specc.ir.size import Dim
from specc.ir.targets import Builder, Ref, TorchCall, Value
from specc.ir.traits import EACH, NON_NEGATIVE, Range, Sliding, Taps
from specc.ir.types import TensorType, times
from specc.ops.bases import Channelwise, Functional
from specc.ops.fields import LARGEST, Expect, Flag, Naturals, Positive, PositiveReal, Positives, float32
from specc.ops.pad import pad, slice_axis
from specc.ops.registry import register
from specc.ops.shapes import (
    AXIS_NAMES,
    below_one,
    numbers,
    per_axis,
    reach_of,
    refuse_large_kernel,
    require_at_least,
    require_fit,
    require_spatial,
    slide_text,
    sliding,
)
from specc.ops.sides import (
    SAME_UPPER,
    WIDTHS,
    Pairs,
    Sides,
    Width,
    given,
    is_by_side,
    padded_in_torch,
    refuse_flat_list,
    same_upper,
)

MaxPadding = Annotated[Width | tuple[Width, ...] | Pairs | Literal["same_upper"], Expect(f'{WIDTHS}, or "same_upper"')]


class Grid(NamedTuple):
    """Where the windows of a pool stand: one entry for each spatial axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil_mode: bool

    @property
    def reach(self) -> tuple[int, ...]:
        """The extent of a window: d(k - 1) + 1."""
        return reach_of(self.kernel, self.dilation)

    @property
    def slack(self) -> tuple[int, ...]:
        """Padding at the end that makes a window slide as often as ``ceil_mode`` says, whatever the size is.

        torch.nn.MaxPool2d counts ceil((n + 2p - r)/s) + 1 windows of reach r, less the last where it would
        start in the right padding, at n + p or behind. Windows that start before are ceil((n + p)/s), so the
        count is the smaller of the two, ceil((n + min(2p - r + s, p))/s), and never more than one is lost,
        since 2p <= r. With e more places at the end, floor((n + 2p + e - r)/s) + 1 is ceil((n + 2p + e - r + 1)/s):
        equal where e = min(s - 1, r - 1 - p).
        """
        if not self.ceil_mode:
            return (0,) * len(self.kernel)
        return tuple(min(s - 1, r - 1 - p) for s, r, p in zip(self.stride, self.reach, self.padding, strict=True))

    def sizes(self, spatial: tuple[Dim, ...]) -> tuple[Dim, ...]:
        """Number of windows along each axis, as torch.nn.MaxPool2d counts them."""
        axes = zip(spatial, self.reach, self.stride, self.padding, self.slack, strict=True)
        return tuple((n + 2 * p + e - r) // s + 1 for n, r, s, p, e in axes)

    def bins(self, spatial: tuple[int, ...]) -> Bins:
        """The places of each window, but for those in the padding."""
        axes = zip(spatial, numbers(self.sizes(spatial)), self.reach, self.stride, self.padding, strict=True)
        return tuple(
            (axis, tuple(range(max(i * s - p, 0), min(i * s - p + r, n)) for i in range(o)))
            for axis, (n, o, r, s, p) in enumerate(axes, start=2)
        )

    def overhang(self, spatial: tuple[Dim, ...]) -> tuple[int, ...]:
        """How far the last window reaches beyond the right padding (``ceil_mode`` only): at most, of a symbolic size.

        ONNX's own ceil_mode counts otherwise in some opsets and runtimes, so it is written as padding.
        """
        ends = ((o - 1) * s + r for o, s, r in zip(self.sizes(spatial), self.stride, self.reach, strict=True))
        beyond = (end - n - 2 * p for end, n, p in zip(ends, spatial, self.padding, strict=True))
        return tuple(max(0, b) if isinstance(b, int) else e for b, e in zip(beyond, self.slack, strict=True))

    def may_miss(self, spatial: tuple[Dim, ...]) -> bool:
        """Whether some window may see nothing but padding: it steps over an input shorter than the dilation."""
        return any(
            not always_at_least(n, (i * s - p) % d + 1)
            for n, o, s, p, d in zip(
                spatial, self.sizes(spatial), self.stride, self.padding, self.dilation, strict=True
            )
            for i in range(-(-p // s) if not isinstance(o, int) else min(o, -(-p // s)))
        )

    def text(self, spatial: tuple[Dim, ...], axis: int) -> str:
        """The formula of one axis with its numbers and result."""
        n, k, s, p, d = spatial[axis], self.kernel[axis], self.stride[axis], self.padding[axis], self.dilation[axis]
        count = self.sizes(spatial)[axis]
        formula = slide_text(n, k, s, f"2*{p}", d)
        if not self.ceil_mode:
            return f"{formula} = {count}"
        rounded = f"ceil({formula.removesuffix(' + 1')}) + 1"
        full = -(-(n + 2 * p - self.reach[axis]) // s) + 1
        if full == count:
            return f"{rounded} = {count}"
        dropped = "and the last starts in the padding" if isinstance(n, int) else "less one that starts in the padding"
        return f"{rounded} = {full}, {dropped}: {count}"

    @property
    def reads_one(self) -> bool:
        """Whether the windows are the single places of the input, one after the other."""
        return set(self.kernel + self.stride) == {1}


class Pool(Functional, Channelwise, Weightless):
    """Base of the pools whose window slides."""

    def grid(self, axes: int) -> Grid:
        """The windows over ``axes`` spatial axes; where a pool has no such field, no padding and no dilation."""
        defaults = {"kernel": 1, "stride": None, "padding": 0, "dilation": 1}
        each = {field: getattr(self, field, default) for field, default in defaults.items()}
        if each["stride"] is None:
            each["stride"] = each["kernel"]
        kernel, stride, padding, dilation = (per_axis(value, axes, self, field) for field, value in each.items())
        return Grid(kernel, stride, padding, dilation, getattr(self, "ceil_mode", False))

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
                    against="kernel",
                )
        out = grid.sizes(x.spatial)
        if (axis := below_one(out)) is not None:
            raise self._too_large(x, grid, grid.text(x.spatial, axis))
        require_fit(x, out, grid.kernel, grid.dilation, partial(grid.text, x.spatial))
        return x.with_sample(x.sample[0], *out)

    def window(self, *inputs: TensorType) -> Sliding:
        grid = self.grid(len(inputs[0].spatial))
        return Sliding((EACH, *sliding(grid.kernel, grid.stride, grid.dilation, grid.padding)))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        grid = self.grid(len(x.spatial))
        names = AXIS_NAMES[len(x.spatial)]
        return tuple(f"{name}: {grid.text(x.spatial, axis)}" for axis, name in enumerate(names))

    def _too_large(self, x: TensorType, grid: Grid, reason: str) -> Refusal:
        smaller = tuple(min(k, n) if isinstance(n, int) else k for k, n in zip(grid.kernel, x.spatial, strict=True))
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
        if len(x.spatial) == 3:
            # Neither padding nor ceil_mode helps in 3-D, as they do in 1-D and 2-D.
            rule = "PyTorch averages in 3-D only where the kernel fits without padding"
            if any(isinstance(n, int) and k > n for k, n in zip(grid.kernel, x.spatial, strict=True)):
                raise self._too_large(x, grid, rule)
            claim = f"kernel {times(grid.kernel)} fits without padding into its input of {times(x.spatial)}"
            require_at_least(x.spatial, grid.kernel, claim, argument="kernel")
        return super().infer(x)

    def homogeneous(self, *inputs: TensorType) -> bool:
        return True

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return ranges[0] if self.identity(*inputs) else ranges[0].signs


@register
class MaxPool(Pool):
    """The largest element of each window: torch.nn.MaxPool1d, MaxPool2d, MaxPool3d.

    The padding may differ from side to side, ``padding=[[0, 1], [0, 1]]``, or be TensorFlow's "same", ``"same_upper"``.
    """

    kind = "maxpool"
    torch_name = "F.max_pool{}d"

    kernel: Positives
    stride: Positives | None = None
    padding: MaxPadding = 0
    dilation: Positives = 1
    ceil_mode: Flag = False

    def grid(self, axes: int) -> Grid:
        """Of padding that differs from side to side, the windows over the input with it."""
        if self._is_plain:
            refuse_flat_list(self, self.padding, axes)
            return super().grid(axes)
        return self._bare.grid(axes)

    @property
    def _is_plain(self) -> bool:
        return self.padding != SAME_UPPER and not is_by_side(self.padding)

    @property
    def _bare(self) -> "MaxPool":
        return self.model_copy(update={"padding": 0})

    def _sides(self, x: TensorType) -> Sides:
        grid = self.grid(len(x.spatial))
        if max(grid.dilation) > 1 or self.ceil_mode:
            name = "ceil_mode" if self.ceil_mode else "dilation"
            raise Refusal(
                "S0305",
                f"padding that differs from side to side goes without {name}",
                argument=name,
                label="leave it out, or pad both sides alike",
                against="padding",
            )
        if self.padding == SAME_UPPER:
            return same_upper(x, grid.kernel, grid.stride, grid.dilation, in_onnx=True)
        assert isinstance(self.padding, tuple), "a list of pairs"
        sides = given(self, self.padding, len(x.spatial))
        for k, *widths in zip(grid.kernel, numbers(sides.before), numbers(sides.after), strict=True):
            if max(widths) >= k:
                raise Refusal(
                    "S0305",
                    f"padding = {max(widths)} lets a window of kernel {k} see nothing else",
                    argument="padding",
                    label=f"at most {k - 1}",
                    against="kernel",
                )
        return sides

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if self._is_plain:
            return super().infer(x)
        grid, sides = self.grid(require_spatial(self, x)), self._sides(x)
        if self.padding == SAME_UPPER:
            return x.with_sample(x.sample[0], *((n + s - 1) // s for n, s in zip(x.spatial, grid.stride, strict=True)))
        wide = x.with_sample(x.sample[0], *(n + total for n, total in zip(x.spatial, sides.totals, strict=True)))
        return self._bare.infer(wide)

    def window(self, *inputs: TensorType) -> Sliding:
        (x,) = inputs
        if self._is_plain:
            return super().window(x)
        grid = self.grid(len(x.spatial))
        windows = sliding(grid.kernel, grid.stride, grid.dilation, numbers(self._sides(x).before))
        fitted = self.padding == SAME_UPPER and max(grid.stride) > 1  # where they begin depends on the size
        return Sliding((EACH, *(Taps(each.advance, each.phases, fitted=fitted) for each in windows)))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        if self._is_plain:
            return super().arithmetic(x)
        sides, grid, out = self._sides(x), self.grid(len(x.spatial)), self.infer(x).spatial
        lines = []
        for axis, name in enumerate(AXIS_NAMES[len(x.spatial)]):
            n, k, s = x.spatial[axis], grid.kernel[axis], grid.stride[axis]
            text = f"ceil({n}/{s})"
            if self.padding != SAME_UPPER:
                text = slide_text(n, k, s, f"({sides.before[axis]} + {sides.after[axis]})", 1)
            lines.append(f"{name}: {text} = {out[axis]}")
        return tuple(lines)

    def torch(self, *inputs: TensorType) -> TorchCall:
        (x,) = inputs
        if self._is_plain:
            return super().torch(x)
        grid = self.grid(len(x.spatial))
        padded = padded_in_torch(self._sides(x), x, grid.kernel, grid.stride, "constant", value=-inf)
        return TorchCall(f"F.max_pool{len(x.spatial)}d", (padded, self.kernel), self.non_default("stride"))

    def identity(self, *inputs: TensorType) -> str | None:
        reads_one = self.grid(len(inputs[0].spatial)).reads_one
        return "the largest of a single element is that element" if reads_one else None

    def selects(self, *inputs: TensorType) -> bool:
        """But for windows over nothing but padding, which counts as -inf: they step over a short input."""
        spatial = inputs[0].spatial
        return self.dilation == 1 or not self.grid(len(spatial)).may_miss(spatial)

    def homogeneous(self, *inputs: TensorType) -> bool:
        return True

    def rounding(self, *inputs: TensorType) -> Exact:
        return Exact()

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        value, grid = values[0], self.grid(len(x.spatial))
        if not self._is_plain:
            sides = self._sides(x)
            pads: dict[str, object] = {"auto_pad": "SAME_UPPER"}
            if sides.is_fixed:
                pads = {"pads": [*numbers(sides.before), *numbers(sides.after)]}
            return build.node("MaxPool", value, kernel_shape=list(grid.kernel), strides=list(grid.stride), **pads)
        before, after = grid.padding, _plus(grid.padding, grid.overhang(x.spatial))
        wide = any(a >= k for a, k in zip(after, grid.kernel, strict=True))
        may_miss = grid.may_miss(x.spatial)
        if wide or may_miss:
            # ONNX Runtime wants pads below the kernel, not below the dilated one.
            value = pad(build, value, x.sample, (0, *before), (0, *after), mode="constant", value=-inf)
            before = after = (0,) * len(before)
        if may_miss:
            # Of a window over nothing but -inf, ONNX Runtime's MaxPool before 1.29 gives the lowest float.
            # So axis by axis the largest of the slices that begin at each place of the window.
            axes = zip(grid.kernel, grid.stride, grid.dilation, grid.reach, strict=True)
            for axis, (k, s, d, r) in enumerate(axes, start=2):
                places = [(i * d, i * d - r + 1) for i in range(k)]
                slices = [slice_axis(build, value, axis, start, stop or LARGEST, s) for start, stop in places]
                value = build.node("Max", *slices)
            return value
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
    torch_name = "F.avg_pool{}d"

    kernel: Positives
    stride: Positives | None = None
    padding: Naturals = 0
    ceil_mode: Flag = False
    count_include_pad: Flag = True
    divisor_override: Positive | None = None

    @classmethod
    def alternatives(cls, name: str, values: Mapping[str, object]) -> tuple[str, ...]:
        padding = values.get("padding")
        if name != "padding" or not (padding in ("same", SAME_UPPER) or is_by_side(padding)):
            return ()
        return (
            "pad before it pads each side by itself, and its zeros are counted; both sides alike, and not counted: "
            "padding=1, count_include_pad=false",
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

    def identity(self, *inputs: TensorType) -> str | None:
        is_one = self.divisor_override in (None, 1) and self.grid(len(inputs[0].spatial)).reads_one
        return "the mean of a single element is that element" if is_one else None

    def rounding(self, *inputs: TensorType) -> Averaged:
        (x,) = inputs
        grid = self.grid(len(x.spatial))
        return Averaged(prod(grid.kernel), grid.bins(numbers(x.spatial)) if x.is_fixed else ())

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        value, grid = values[0], self.grid(len(x.spatial))
        before, overhang = grid.padding, grid.overhang(x.spatial)
        if self.divisor_override is not None:
            value = _zero_padded(build, value, x, before, _plus(before, overhang))
            mean = mean_pool(build, value, grid)
            return build.node("Mul", mean, build.floats(prod(grid.kernel) / self.divisor_override))
        if self.count_include_pad:
            # PyTorch counts the padding in, but not what ceil_mode adds beyond it.
            return mean_pool(build, _zero_padded(build, value, x, before, before), grid, after=overhang)
        return mean_pool(build, value, grid, before, _plus(before, overhang))


@register
class LpPool(Average):
    """(Σ xᵖ)^(1/p) over each window, p = ``norm_type``: torch.nn.LPPool1d, LPPool2d, LPPool3d.

    The powers are signed, as PyTorch's: an odd or fractional p gives NaN where the sum (or an element)
    is negative. A window that ``ceil_mode`` cuts off counts its mean for the missing places.
    """

    kind = "lppool"
    torch_name = "F.lp_pool{}d"

    norm_type: PositiveReal
    kernel: Positives
    stride: Positives | None = None
    ceil_mode: Flag = False

    def identity(self, *inputs: TensorType) -> str | None:
        is_one = self.norm_type == 1 and self.grid(len(inputs[0].spatial)).reads_one
        return "the sum of a single element is that element" if is_one else None

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        """A root is at least 0, or NaN: a plain sum alone may be below."""
        return super().bounds(ranges, *inputs) if float32(self.norm_type) == 1 else NON_NEGATIVE

    def rounding(self, *inputs: TensorType) -> PowerMean:
        return PowerMean(prod(self.grid(len(inputs[0].spatial)).kernel), self.norm_type)

    def torch(self, *inputs: TensorType) -> TorchCall:
        if len(inputs[0].spatial) > 1:
            return super().torch(*inputs)
        # F.lp_pool1d multiplies by its kernel_size, so there it must be a number.
        (kernel,) = self.grid(1).kernel
        return TorchCall("F.lp_pool1d", (Value(), self.norm_type, kernel), self.non_default("stride", "ceil_mode"))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        # ONNX's LpPool takes whole norms only and powers of absolute values.
        (x,) = inputs
        grid = self.grid(len(x.spatial))
        powers = build.node("Pow", values[0], build.floats(self.norm_type))
        mean = mean_pool(build, powers, grid, after=grid.overhang(x.spatial))
        total = build.node("Mul", mean, build.floats(prod(grid.kernel)))
        return build.node("Pow", total, build.floats(1 / self.norm_type))


def _plus(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(i + j for i, j in zip(a, b, strict=True))


def _zero_padded(build: Builder, value: Ref, x: TensorType, before: tuple[int, ...], after: tuple[int, ...]) -> Ref:
    if not any((*before, *after)):
        return value
    return pad(build, value, x.sample, (0, *before), (0, *after), mode="constant")


def mean_pool(
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
