"""Pooling by a window that slides, 1-D to 3-D."""

from collections.abc import Iterable
from functools import partial
from math import inf, prod
from typing import Any

from specc.ir.conditions import always_at_least
from specc.ir.op import Refusal, Weightless
from specc.ir.rounding import Averaged, Exact, PowerMean
from specc.ir.targets import Builder, Ref, TorchCall, Value
from specc.ir.traits import EACH, NON_NEGATIVE, Coefficient, Places, Range, Sliding, Taps, sliding_taps, summed
from specc.ir.types import TensorType, times
from specc.ops.bases import Channelwise, Functional
from specc.ops.fields import LARGEST, Flag, Positive, PositiveReal, Positives, float32
from specc.ops.grid import Grid
from specc.ops.pad import pad, slice_axis
from specc.ops.registry import register
from specc.ops.shapes import (
    AXIS_NAMES,
    below_one,
    numbers,
    per_axis,
    refuse_large_kernel,
    require_at_least,
    require_fit,
    require_spatial,
    sliding,
)
from specc.ops.sides import (
    SAME_UPPER,
    Padding,
    Sides,
    given,
    is_by_side,
    padded_in_onnx,
    padded_in_torch,
    pads_itself,
    refuse_flat_list,
    same_upper,
)


class Pool(Functional, Channelwise, Weightless):
    """Base of the pools whose window slides."""

    def grid(self, x: TensorType) -> Grid:
        """The windows over the input; where a pool has no such field, no padding and no dilation."""
        axes = require_spatial(self, x)
        defaults = {"kernel": 1, "stride": None, "dilation": 1}
        each = {field: getattr(self, field, default) for field, default in defaults.items()}
        if each["stride"] is None:
            each["stride"] = each["kernel"]
        kernel, stride, dilation = (per_axis(value, axes, self, field) for field, value in each.items())
        padding: Any = getattr(self, "padding", 0)
        ceil_mode: bool = getattr(self, "ceil_mode", False)
        if padding == SAME_UPPER:
            if ceil_mode:
                raise Refusal(
                    "S0305",
                    f'padding="{SAME_UPPER}" says how many windows there are, and so does ceil_mode',
                    argument="ceil_mode",
                    label="leave it out",
                    against="padding",
                )
            return Grid(kernel, stride, dilation, same_upper(x, kernel, stride, dilation), is_same=True)
        if is_by_side(padding):
            return Grid(kernel, stride, dilation, given(self, padding, axes), ceil_mode)
        refuse_flat_list(self, padding, axes)
        widths = per_axis(padding, axes, self, "padding")
        return Grid(kernel, stride, dilation, Sides(widths, widths), ceil_mode)

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        grid = self.grid(x)
        out = grid.sizes(x.spatial)
        if grid.is_same:
            return x.with_sample(x.sample[0], *out)
        self._require_narrow(grid)
        if (axis := below_one(out)) is not None:
            raise self._too_large(x, grid, grid.text(x.spatial, axis))
        require_fit(x, out, grid.kernel, grid.dilation, partial(grid.text, x.spatial))
        return x.with_sample(x.sample[0], *out)

    def window(self, *inputs: TensorType) -> Sliding:
        grid = self.grid(inputs[0])
        windows = sliding(grid.kernel, grid.stride, grid.dilation, numbers(grid.sides.before))
        fitted = grid.is_same and max(grid.stride) > 1  # where they begin depends on the size
        return Sliding((EACH, *(Taps(each.advance, each.phases, fitted=fitted) if each else None for each in windows)))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        grid = self.grid(x)
        names = AXIS_NAMES[len(x.spatial)]
        return tuple(f"{name}: {grid.text(x.spatial, axis)}" for axis, name in enumerate(names))

    def _is_padded_first(self, x: TensorType, grid: Grid) -> bool:
        """Whether the input is padded before PyTorch's own pool, which pads both sides alike, by half of the kernel."""
        padding, sides = getattr(self, "padding", 0), grid.sides
        if padding != SAME_UPPER and not is_by_side(padding):
            return False
        is_narrow = sides.is_even and all(2 * p <= k for p, k in zip(numbers(sides.before), grid.kernel, strict=True))
        fits = len(x.spatial) < 3 or all(map(always_at_least, x.spatial, grid.kernel))
        return not (is_narrow and fits)

    def torch(self, *inputs: TensorType) -> TorchCall:
        """PyTorch's own, where that can pad so."""
        (x,) = inputs
        grid = self.grid(x)
        padding = getattr(self, "padding", 0)
        if grid.is_same or is_by_side(padding):
            widths = numbers(grid.sides.before)
            return Functional.torch(self.model_copy(update={"padding": widths if any(widths) else 0}), x)
        return super().torch(x)

    def _require_narrow(self, grid: Grid) -> None:
        """Refuses padding of which a window, or PyTorch, takes no so much."""
        by_side, sides = is_by_side(getattr(self, "padding", 0)), grid.sides
        for k, r, b, a in zip(grid.kernel, grid.reach, numbers(sides.before), numbers(sides.after), strict=True):
            widest, most = max(b, a), r - 1 if by_side else k // 2
            if widest <= most:
                continue
            why = f"lets a window of kernel {k} see nothing else" if by_side else f"is more than half of kernel {k}"
            label = f"at most {most}"
            raise Refusal("S0305", f"padding = {widest} {why}", argument="padding", label=label, against="kernel")

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
        grid = self.grid(x)
        if len(x.spatial) == 3 and not self._is_padded_first(x, grid):
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
    padding: Padding = 0
    dilation: Positives = 1
    ceil_mode: Flag = False

    def torch(self, *inputs: TensorType) -> TorchCall:
        (x,) = inputs
        grid = self.grid(x)
        if not self._is_padded_first(x, grid):
            return super().torch(x)
        padded = padded_in_torch(_with_slack(grid), x, grid.reach, grid.stride, "constant", value=-inf)
        name = self.torch_name.format(len(x.spatial))
        return TorchCall(name, (padded, self.kernel), self.non_default("stride", "dilation"))

    def identity(self, *inputs: TensorType) -> str | None:
        return "the largest of a single element is that element" if self.grid(inputs[0]).reads_one else None

    def selects(self, *inputs: TensorType) -> bool:
        """But for windows over nothing but padding, which counts as -inf: they step over a short input."""
        return self.dilation == 1 or not self.grid(inputs[0]).may_miss(inputs[0].spatial)

    def homogeneous(self, *inputs: TensorType) -> bool:
        return True

    def rounding(self, *inputs: TensorType) -> Exact:
        return Exact()

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        value, grid = values[0], self.grid(x)
        shared: dict[str, object] = {"kernel_shape": list(grid.kernel), "strides": list(grid.stride)}
        before = after = (0,) * len(x.spatial)
        if grid.sides.is_fixed:
            before, after = numbers(grid.sides.before), _plus(numbers(grid.sides.after), grid.overhang(x.spatial))
        elif pads_itself(grid.kernel, grid.stride, grid.dilation):
            return build.node("MaxPool", value, auto_pad="SAME_UPPER", **shared)
        else:
            value = padded_in_onnx(build, value, grid.reach, grid.stride, -inf)
        wide = any(max(b, a) >= k for b, a, k in zip(before, after, grid.kernel, strict=True))
        may_miss = grid.may_miss(x.spatial)
        if (wide or may_miss) and any((*before, *after)):
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
        return build.node("MaxPool", value, pads=[*before, *after], dilations=list(grid.dilation), **shared)


@register
class AvgPool(Average):
    """The mean of each window: torch.nn.AvgPool1d, AvgPool2d, AvgPool3d.

    The padding may differ from side to side, ``padding=[[0, 1], [0, 1]]``, or be TensorFlow's "same", ``"same_upper"``,
    which is not counted: with ``count_include_pad=false``.
    """

    kind = "avgpool"
    torch_name = "F.avg_pool{}d"

    kernel: Positives
    stride: Positives | None = None
    padding: Padding = 0
    ceil_mode: Flag = False
    count_include_pad: Flag = True
    divisor_override: Positive | None = None

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if self.divisor_override is not None and len(x.spatial) == 1:
            raise Refusal(
                "S0305",
                "avgpool over [N, C, L] takes no divisor_override: torch.nn.AvgPool1d has none",
                argument="divisor_override",
                cause=0,
                label="only for 2-D and 3-D input",
            )
        if self.padding == SAME_UPPER and (self.count_include_pad or self.divisor_override is not None):
            raise Refusal(
                "S0305",
                f'padding="{SAME_UPPER}" is TensorFlow\'s "same", whose mean is of the elements in the input alone',
                argument="padding" if self.divisor_override is None else "divisor_override",
                label="goes with count_include_pad=false" if self.divisor_override is None else "leave it out",
                helps=("pad in front puts zeros there, which are counted",),
            )
        result = super().infer(x)
        grid = self.grid(x)
        counts = self.count_include_pad and self.divisor_override is None
        if grid.ceil_mode and counts and self._is_padded_first(x, grid):
            wide = tuple(n + places for n, places in zip(x.spatial, grid.sides.totals, strict=True))
            if grid._replace(sides=Sides.none(len(wide))).sizes(wide) != result.spatial:
                raise Refusal(
                    "S0305",
                    "with ceil_mode and counted padding PyTorch begins a further window in the padding at the end",
                    argument="ceil_mode",
                    label="leave it out",
                    against="padding",
                    helps=("count_include_pad=false goes with both, and so does padding of both sides alike",),
                )
        return result

    def torch(self, *inputs: TensorType) -> TorchCall:
        (x,) = inputs
        grid = self.grid(x)
        if not self._is_padded_first(x, grid):
            return super().torch(x)
        name = self.torch_name.format(len(x.spatial))
        counts = self.count_include_pad and self.divisor_override is None
        options = self.non_default("stride", *["ceil_mode"][: int(counts)], "divisor_override")
        padded = partial(
            padded_in_torch, grid.sides if counts else _with_slack(grid), x, grid.reach, grid.stride, "constant"
        )
        if counts or self.divisor_override is not None:
            return TorchCall(name, (padded(), self.kernel), options)
        # The sum with the zeros of the padding over how many places are none. In 1-D, where no sum can be had, both are
        # over the size of the window, which costs two roundings.
        options |= {} if len(x.spatial) == 1 else {"divisor_override": 1}
        total = TorchCall(name, (padded(), self.kernel), options)
        count = TorchCall(name, (padded(TorchCall("torch.ones_like")), self.kernel), options)
        return TorchCall("torch.div", (total, count))

    def identity(self, *inputs: TensorType) -> str | None:
        is_one = self.divisor_override in (None, 1) and self.grid(inputs[0]).reads_one
        return "the mean of a single element is that element" if is_one else None

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient] | None:
        """Over how many places there are in a window, those of the padding only where they are counted."""
        (x,) = inputs
        axes, spatial, sides = sliding_taps(self.window(x)), numbers(x.spatial), self.grid(x).sides
        widths = [*zip(numbers(sides.before), numbers(sides.after), strict=True)]
        if not self.count_include_pad:
            widths = [(0, 0)] * len(spatial)
        if axes is None:
            return None

        def divisor(place: Places) -> int:
            read = zip(axes[1:], place[1:], spatial, widths, strict=True)
            counted = (sum(-b <= at < n + a for at in taps.at(i)) for taps, i, n, (b, a) in read)
            return self.divisor_override or prod(counted)

        return summed(axes, numbers(x.sample), numbers(self.infer(x).sample), divisor)

    def rounding(self, *inputs: TensorType) -> Averaged:
        (x,) = inputs
        grid = self.grid(x)
        return Averaged(prod(grid.kernel), grid.bins(numbers(x.spatial)) if x.is_fixed else ())

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        value, grid = values[0], self.grid(x)
        if not grid.sides.is_fixed:
            if pads_itself(grid.kernel, grid.stride, grid.dilation):
                return mean_pool(build, value, grid, auto_pad="SAME_UPPER")
            # Its places are not counted where the pool adds them, and here they are added before it: see `torch`.
            padded = padded_in_onnx(build, value, grid.reach, grid.stride, 0.0)
            ones = build.node("Expand", build.floats([1.0]), build.node("Shape", value))
            share = padded_in_onnx(build, ones, grid.reach, grid.stride, 0.0)
            return build.node("Div", mean_pool(build, padded, grid), mean_pool(build, share, grid))
        before, after, overhang = numbers(grid.sides.before), numbers(grid.sides.after), grid.overhang(x.spatial)
        if self.divisor_override is not None:
            value = _zero_padded(build, value, x, before, _plus(after, overhang))
            mean = mean_pool(build, value, grid)
            return build.node("Mul", mean, build.floats(prod(grid.kernel) / self.divisor_override))
        if self.count_include_pad:
            # PyTorch counts the padding in, but not what ceil_mode adds beyond it.
            pads = [*(0,) * len(before), *overhang]
            return mean_pool(build, _zero_padded(build, value, x, before, after), grid, pads=pads)
        return mean_pool(build, value, grid, pads=[*before, *_plus(after, overhang)])


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
        is_one = self.norm_type == 1 and self.grid(inputs[0]).reads_one
        return "the sum of a single element is that element" if is_one else None

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        """A root is at least 0, or NaN: a plain sum alone may be below."""
        return super().bounds(ranges, *inputs) if float32(self.norm_type) == 1 else NON_NEGATIVE

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient] | None:
        """The norm of power 1 is a sum."""
        (x,) = inputs
        axes, grid = sliding_taps(self.window(x)), self.grid(x)
        if float32(self.norm_type) != 1 or axes is None:
            return None

        def divisor(place: Places) -> float:
            read = zip(axes[1:], place[1:], numbers(x.spatial), strict=True)
            return prod(sum(at < n for at in taps.at(i)) for taps, i, n in read) / prod(grid.kernel)

        return summed(axes, numbers(x.sample), numbers(self.infer(x).sample), divisor)

    def rounding(self, *inputs: TensorType) -> PowerMean:
        return PowerMean(prod(self.grid(inputs[0]).kernel), self.norm_type)

    def torch(self, *inputs: TensorType) -> TorchCall:
        if len(inputs[0].spatial) > 1:
            return super().torch(*inputs)
        # F.lp_pool1d multiplies by its kernel_size, so there it must be a number.
        (kernel,) = self.grid(*inputs).kernel
        return TorchCall("F.lp_pool1d", (Value(), self.norm_type, kernel), self.non_default("stride", "ceil_mode"))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        # ONNX's LpPool takes whole norms only and powers of absolute values.
        (x,) = inputs
        grid = self.grid(x)
        powers = build.node("Pow", values[0], build.floats(self.norm_type))
        mean = mean_pool(build, powers, grid, pads=[*(0,) * len(x.spatial), *grid.overhang(x.spatial)])
        total = build.node("Mul", mean, build.floats(prod(grid.kernel)))
        return build.node("Pow", total, build.floats(1 / self.norm_type))


def _plus(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(i + j for i, j in zip(a, b, strict=True))


def _zero_padded(build: Builder, value: Ref, x: TensorType, before: tuple[int, ...], after: tuple[int, ...]) -> Ref:
    if not any((*before, *after)):
        return value
    return pad(build, value, x.sample, (0, *before), (0, *after), mode="constant")


def _with_slack(grid: Grid) -> Sides:
    """The padding, and behind it what ``ceil_mode`` adds: places that no mean counts and that are no maximum."""
    if not grid.ceil_mode:
        return grid.sides
    return Sides(grid.sides.before, _plus(numbers(grid.sides.after), grid.slack))


def mean_pool(build: Builder, value: Ref, grid: Grid, **padding: object) -> Ref:
    """AveragePool over ``grid``, without its padding; ``pads`` or ``auto_pad`` pads places that are not counted."""
    return build.node(
        "AveragePool",
        value,
        kernel_shape=list(grid.kernel),
        strides=list(grid.stride),
        **(padding or {"pads": [0] * (2 * len(grid.kernel))}),
        count_include_pad=0,
    )
