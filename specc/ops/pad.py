"""Padding: a step of its own, and the ONNX nodes that every step with padding writes, for every mode of PyTorch."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from specc.diagnostics.finding import conjunction
from specc.diagnostics.words import listed
from specc.ir.conditions import AtLeast, always_at_least, where_equal
from specc.ir.op import Op, Refusal, Weightless
from specc.ir.rounding import Exact
from specc.ir.size import Dim, Size
from specc.ir.targets import Builder, Ref, TorchCall, Value
from specc.ir.traits import (
    AxisMap,
    ChannelsFirst,
    Coefficient,
    Range,
    Sliding,
    hull,
    same,
    sliding_taps,
    summed,
    taps,
)
from specc.ir.types import TensorType, times
from specc.ops.fields import LARGEST, Expect, Integer, Like, Real
from specc.ops.like import Offset, Placement, axes_like, offset_of, sizes_like
from specc.ops.registry import register
from specc.ops.shapes import AXIS_NAMES, numbers, require_at_least, require_spatial, unproven

# Negative widths pass here, so that they are refused with the step that does crop.
_Width = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Widths = Annotated[
    _Width | tuple[_Width | Size, ...],
    Expect("whole numbers of at least 0 (and below 2^31): one for every side, or a list of pairs, the last axis first"),
]
Mode = Annotated[
    Literal["constant", "reflect", "replicate", "circular"],
    Expect('one of "constant", "reflect", "replicate", "circular"'),
]

ONNX_MODES = {"constant": "constant", "zeros": "constant", "reflect": "reflect", "replicate": "edge"}


@register
class Pad(Weightless):
    """More places around the input: torch.nn.functional.pad.

    One number pads every side of every spatial axis. A list gives pairs (before, after), the last axis
    first, as PyTorch's; in constant mode it may stop early, or reach the channels.

    ``like`` pads up to the sizes of another value. ``offset="center"`` puts the input in the middle, an odd place
    behind it, as PyTorch's U-Nets do it with ``[d // 2, d - d // 2]``. A number is the place at which the input begins
    on every axis: 0 pads at the end only, and ``"end"`` at the beginning. ``dim`` is the one axis that is padded so.
    """

    kind = "pad"
    measures = ("like",)
    added = frozenset(("like", "offset", "dim"))

    padding: Widths | None = None
    mode: Mode = "constant"
    value: Real = 0.0
    like: Like | None = None
    offset: Offset = "center"
    dim: Integer | None = None

    def infer(self, *inputs: TensorType) -> TensorType:
        x = inputs[0]
        self._check_arguments()
        if self.mode != "constant" and self.value != 0:
            raise Refusal(
                "S0305",
                f'value is for mode="constant", and mode="{self.mode}" fills with the input\'s own',
                argument="value",
                label="leave it out",
                against="mode",
            )
        if self.like is not None:
            sizes_like(self, *inputs)
            placement = self._placement(*inputs)
            places, size = (tuple([value.shape[axis] for axis in placement.axes]) for value in inputs)
            placement.require(
                f"pad finds room for {times(places)} places in {times(size)}",
                f"pad to {times(size)} has no room for the {times(places)} places that there are",
                "crop(like=…) takes a part of the places, upsample(like=…) resizes",
            )
            self._require_filling(x, placement)
            shape = (inputs[1].shape[axis] if axis in placement.axes else n for axis, n in enumerate(x.shape))
            return x.with_sample(*[*shape][1:])
        before, after = self._widths(x)
        for axis, widths in enumerate(zip(before, after, strict=True)):
            if min(widths) >= 0:
                continue
            # `slice` crops: from `start` to `stop`, where that leaves anything.
            n, (start, end) = x.sample[axis], (max(0, -width) for width in widths)
            stop, leaves = (n - end, start < n - end) if isinstance(n, int) else (-end, end > 0)
            raise Refusal(
                "S0303",
                f"padding = {min(widths)} would crop, and pad only adds",
                argument="padding",
                label="at least 0",
                helps=(f"slice({start}, {stop}, dim={axis + 1}) crops",) if leaves else (),
            )
        require_room(self.mode, x, before[1:], after[1:])
        return x.with_sample(*(b + n + a for b, n, a in zip(before, x.sample, after, strict=True)))

    def axes(self, *inputs: TensorType) -> ChannelsFirst | AxisMap:
        """A list in constant mode pads any axes; all else is about spatial ones."""
        if not isinstance(self.padding, tuple) or self.mode != "constant":
            return ChannelsFirst()
        return same(len(inputs[0].sample))

    def window(self, *inputs: TensorType) -> Sliding:
        widths = zip(*map(numbers, self._pads(*inputs)), strict=True)
        mode = "zeros" if self.mode == "constant" else self.mode
        return Sliding(tuple([taps(1, start=-b, outside=mode if b or a else "zeros") for b, a in widths]))

    def identity(self, *inputs: TensorType) -> str | None:
        if self.like is not None:
            return "the sizes are these already" if self._placement(*inputs).is_alike else None
        before, after = self._widths(inputs[0])
        return None if any((*before, *after)) else "no side gets any place"

    def selects(self, *inputs: TensorType) -> bool:
        return self.mode != "constant"

    def homogeneous(self, *inputs: TensorType) -> bool:
        return self.value == 0

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient] | None:
        if self.mode == "constant" and self.value != 0 and not self.identity(*inputs):
            return None
        before, result = numbers(inputs[0].sample), numbers(self.infer(*inputs).sample)
        axes = sliding_taps(self.window(*inputs))
        return None if axes is None else summed(axes, before, result)

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        if self.selects(*inputs) or self.identity(*inputs):
            return ranges[0]
        return hull((*ranges, Range(self.value, self.value)))

    def rounding(self, *inputs: TensorType) -> Exact:
        return Exact()

    def torch(self, *inputs: TensorType) -> TorchCall:
        x = inputs[0]
        widths: tuple[object, ...] | None = self.padding if isinstance(self.padding, tuple) else None
        if self.like is not None:
            pairs = self._placement(*inputs).torch(small=0, large=1)
            widths = tuple([width for axis in range(x.rank - 1, 1, -1) for width in pairs.get(axis, (0, 0))])
        widths = (self.padding,) * (2 * len(x.spatial)) if widths is None else widths
        return TorchCall("F.pad", (Value(), widths), self.non_default("mode", "value"))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        x = inputs[0]
        if self.like is not None and not self._placement(*inputs).is_fixed:
            return self._pad_like(build, values, *inputs)
        before, after = map(numbers, self._pads(*inputs))
        if not any((*before, *after)):
            return values[0]
        return pad(build, values[0], x.sample, before, after, mode=self.mode, value=self.value)

    def _pad_like(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        """Where the widths depend on sizes: they are computed from those of the two values."""
        x, like = values
        placement = self._placement(*inputs)
        places, sizes = placement.sizes(build, x), placement.sizes(build, like)
        before, spare = placement.onnx(build, places, sizes)
        if self.mode == "circular":
            return _wrapped(build, x, before, places, sizes, placement.axes)
        widths = build.node("Concat", before, build.node("Sub", spare, before), axis=0)
        filler = build.floats(self.value) if self.value else ""
        axes = build.integers([*placement.axes])
        return build.node("Pad", x, widths, filler, axes, mode=ONNX_MODES[self.mode])

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        x = inputs[0]
        before, after = self._pads(*inputs)
        names = ("channels", *AXIS_NAMES.get(len(x.spatial), (f"axis {axis}" for axis in range(2, x.rank))))
        return tuple(
            f"{name}: {b} + {n} + {a} = {b + n + a}"
            for name, b, n, a in zip(names, before, x.sample, after, strict=True)
            if b != 0 or a != 0
        )

    def _check_arguments(self) -> None:
        if self.padding is not None and self.like is not None:
            message = "pad takes padding or like, not both"
            raise Refusal("S0305", message, argument="like", label="leave out one of the two", against="padding")
        if self.padding is None and self.like is None:
            helps = ("padding=1 adds a place on every side, like=… as many as another value has more",)
            raise Refusal("S0302", "pad needs padding or like", helps=helps)
        if self.offset != "center" and self.like is None:
            message = "offset says where the input begins in what it is padded to, and belongs to like"
            raise Refusal("S0305", message, argument="offset", label="padding has a width for each side")
        if self.dim is not None and self.like is None:
            message = "dim is the one axis that gets the size of another value, and belongs to like"
            raise Refusal("S0305", message, argument="dim", label="padding has a width for each side")

    def _require_filling(self, x: TensorType, placement: Placement) -> None:
        """As `require_room`, for widths that depend on sizes."""
        if self.mode not in ("reflect", "circular"):
            return
        widest = 1 if self.mode == "reflect" else 0
        left = [x.shape[axis] - width for widths in (placement.before, placement.after)
                for axis, width in zip(placement.axes, widths, strict=True)]  # fmt: skip
        short = [AtLeast(places, widest) for places in left if not always_at_least(places, widest)]
        if short:
            claim = f"{self.mode} padding up to the sizes of like fits into an input of {times(x.spatial)}"
            if any(always_at_least(widest - 1 - claimed.size, 0) for claimed in short):
                raise Refusal("S0104", f"{claim} at no size", argument="like", cause=0)
            raise unproven(claim, short, argument="like")

    def _placement(self, x: TensorType, like: TensorType) -> Placement:
        return Placement(self, self.offset, x, like, axes_like(self, x, self.dim))

    def _pads(self, *inputs: TensorType) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
        """Places before and after each axis of a sample."""
        if self.like is None:
            return self._widths(inputs[0])
        return self._placement(*inputs).of_sample

    def _widths(self, x: TensorType) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Those that ``padding`` says."""
        self._require_numbers(x)
        if not isinstance(self.padding, tuple):
            widths = (0, *(self.padding or 0,) * require_spatial(self, x))
            return widths, widths
        self._check_length(x, len(self.padding))
        widths = numbers(self.padding)
        pairs = [*zip(widths[0::2], widths[1::2], strict=True)]
        pairs += [(0, 0)] * (len(x.sample) - len(pairs))
        before, after = zip(*reversed(pairs), strict=True)
        return before, after

    def sized_by(self, x: TensorType, value: TensorType) -> Op | None:
        """The same up to the sizes of ``value``, where the widths are what it has more: on every axis, or on one."""
        spatial, pairs = len(x.spatial), self.padding if isinstance(self.padding, tuple) else ()
        if len(value.spatial) != spatial or not pairs or len(pairs) % 2 or len(pairs) > 2 * spatial:
            return None
        widths = dict(zip(range(x.rank - 1, 1, -1), zip(pairs[0::2], pairs[1::2], strict=True), strict=False))
        padded = [axis for axis, pair in widths.items() if pair != (0, 0)]
        for dim in [None, *padded[: len(padded) == 1]]:
            around = [widths.get(axis, (0, 0)) for axis in axes_like(self, x, dim)]
            sizes = [(x.shape[axis], value.shape[axis]) for axis in axes_like(self, x, dim)]
            offset = offset_of(around, sizes)
            if offset is not None:
                return self.model_copy(update={"padding": None, "like": Value(1), "offset": offset, "dim": dim})
        return None

    def _require_numbers(self, x: TensorType) -> None:
        """Refuses widths that depend on sizes, where they are not what another value has more."""
        widths = self.padding if isinstance(self.padding, tuple) else ()
        symbolic = [width for width in widths if isinstance(width, Size)]
        if symbolic:
            formulas = listed(dict.fromkeys(map(str, symbolic)))
            raise Refusal(
                "S0303",
                f"pad by {formulas} depends on sizes, and does not lead to those of another value",
                argument="padding",
                label="needs numbers, or what another value has more",
                where=conjunction(where_equal(width, 0) for width in symbolic) or None,
            )

    def _check_length(self, x: TensorType, length: int) -> None:
        if length % 2:
            raise Refusal(
                "S0303",
                f"padding has {length} entries, and each axis takes two: before and after",
                argument="padding",
                label="needs pairs, the last axis first",
            )
        if self.mode != "constant":
            axes = require_spatial(self, x)
            if length != 2 * axes:
                raise Refusal(
                    "S0303",
                    f'mode="{self.mode}" pads all the spatial axes and no others: padding has '
                    f"{length} entries instead of {2 * axes}",
                    argument="padding",
                    cause=0,
                    label=f"needs one number, or a list of {2 * axes}",
                )
        elif length == 2 * x.rank:
            raise Refusal(
                "S0106",
                f"padding of {length} entries reaches the batch of {x}",
                argument="padding",
                cause=0,
                label=f"at most {2 * len(x.sample)} entries",
            )
        elif length > 2 * x.rank:
            raise Refusal(
                "S0303",
                f"padding has {length} entries, and {x} has {len(x.sample)} axes to pad",
                argument="padding",
                cause=0,
                label=f"at most {2 * len(x.sample)} entries",
            )


def require_room(mode: str, x: TensorType, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    """Refuses widths of ``padding`` (one for each spatial axis) that the mode cannot fill from ``x``.

    Reflection needs more elements than it mirrors; a circle cannot wrap round more than once.
    """
    if mode not in ("reflect", "circular"):
        return
    spare = 1 if mode == "reflect" else 0
    widths = tuple(map(max, before, after))
    for size, width in zip(x.spatial, widths, strict=True):
        if isinstance(size, int) and width and width + spare > size:
            raise Refusal(
                "S0104",
                f"{mode} padding of {width} is too wide for an input of {times(x.spatial)}",
                argument="padding",
                label=f"at most {size - spare} here",
                cause=0,
            )
    claim = f"{mode} padding of {max(widths, default=0)} fits into an input of {times(x.spatial)}"
    require_at_least(x.spatial, (w + spare if w else 0 for w in widths), claim, argument="padding")


def pad(
    build: Builder,
    x: Ref,
    shape: tuple[Dim, ...],
    before: tuple[int, ...],
    after: tuple[int, ...],
    *,
    mode: str,
    value: float = 0.0,
) -> Ref:
    """Pad the sample axes of ``x`` (sample shape ``shape``, one entry of ``before`` and ``after`` each).

    ONNX's "wrap" needs opset 19, so "circular" is written as slices joined end to end.
    """
    if mode == "circular":
        for axis, (size, left, right) in enumerate(zip(shape, before, after, strict=True), start=1):
            parts = [x]
            if left:
                ends = (size - left, size) if isinstance(size, int) else (-left, LARGEST)
                parts.insert(0, slice_axis(build, x, axis, *ends))
            if right:
                parts.append(slice_axis(build, x, axis, 0, right))
            x = build.node("Concat", *parts, axis=axis) if len(parts) > 1 else x
        return x
    if ONNX_MODES[mode] != "constant":
        return build.node("Pad", x, build.integers([0, *before, 0, *after]), mode=ONNX_MODES[mode])
    # The padded axes are listed first. In the usual order ONNX Runtime's optimiser folds zeros into a pool
    # behind them: a max pool then pads with -inf instead, and pads as wide as the kernel do not load at all.
    widths = ((0, 0), *zip(before, after, strict=True))
    axes = sorted(range(len(widths)), key=lambda axis: widths[axis] == (0, 0))
    pads = [widths[axis][0] for axis in axes] + [widths[axis][1] for axis in axes]
    filler = build.floats(value) if value else ""
    return build.node("Pad", x, build.integers(pads), filler, build.integers(axes), mode="constant")


def _wrapped(build: Builder, x: Ref, before: Ref, places: Ref, sizes: Ref, axes: tuple[int, ...]) -> Ref:
    """Circular padding up to ``sizes``: place i of an axis is place (i - before) % n of the input."""
    zero, one = build.integers(0), build.integers(1)
    for entry, axis in enumerate(axes):
        first, size = (build.node("Gather", row, build.integers(entry)) for row in (before, sizes))
        count = build.node("Range", zero, size, one)
        source = build.node("Mod", build.node("Sub", count, first), build.node("Gather", places, build.integers(entry)))
        x = build.node("Gather", x, source, axis=axis)
    return x


def slice_axis(build: Builder, x: Ref, axis: int, start: int, stop: int, step: int = 1) -> Ref:
    """``x[start:stop:step]`` along one axis; negative places count from the end, a stop of ``LARGEST`` is the end."""
    steps = () if step == 1 else (build.integers([step]),)
    return build.node("Slice", x, build.integers([start]), build.integers([stop]), build.integers([axis]), *steps)
