"""Padding: a step of its own, and the ONNX nodes that every step with padding writes, for every mode of PyTorch."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from specc.ir.conditions import AtLeast, always_at_least
from specc.ir.op import Refusal, Weightless
from specc.ir.rounding import Exact
from specc.ir.size import Dim, Size
from specc.ir.targets import Builder, Ref, TorchCall, Value
from specc.ir.traits import AxisMap, ChannelsFirst, Range, Sliding, hull, same, taps
from specc.ir.types import TensorType, times
from specc.ops.fields import LARGEST, Expect, Real
from specc.ops.like import Like, Offset, Placement, sizes_like, spatial_sizes
from specc.ops.registry import register
from specc.ops.shapes import AXIS_NAMES, numbers, require_at_least, require_spatial, unproven

# Negative widths pass here, so that they are refused with the step that does crop.
_Width = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Widths = Annotated[
    _Width | tuple[_Width, ...],
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
    on every axis: 0 pads at the end only, and ``"end"`` at the beginning.
    """

    kind = "pad"
    measures = ("like",)
    added = frozenset(("like", "offset"))

    padding: Widths | None = None
    mode: Mode = "constant"
    value: Real = 0.0
    like: Like | None = None
    offset: Offset = "center"

    @classmethod
    def alternatives(cls, name: str, values: Mapping[str, object]) -> tuple[str, ...]:
        widths = values.get(name)
        if name == "padding" and any(isinstance(w, Size) for w in (widths if isinstance(widths, tuple) else (widths,))):
            return ("like=… pads up to the sizes of another value, with offset=0 at the end only",)
        return ()

    def infer(self, *inputs: TensorType) -> TensorType:
        x = inputs[0]
        self._check_arguments()
        if self.mode != "constant" and self.value != 0:
            raise Refusal(
                "S0305",
                f'value is for mode="constant", and mode="{self.mode}" fills with the input\'s own',
                argument="value",
                label="leave it out",
            )
        if self.like is not None:
            sizes = sizes_like(self, *inputs)
            placement = self._placement(*inputs)
            placement.require(
                f"pad finds room for {times(x.spatial)} places in {times(sizes)}",
                f"pad to {times(sizes)} has no room for the {times(x.spatial)} places that there are",
                "crop(like=…) takes a part of the places, upsample(like=…) resizes",
            )
            self._require_filling(x, placement)
            return x.with_sample(x.sample[0], *sizes)
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
        return Sliding(tuple([taps(1, start=-width) for width in numbers(self._pads(*inputs)[0])]))

    def identity(self, *inputs: TensorType) -> str | None:
        if self.like is not None:
            return None  # it says which size comes out, whatever comes in
        before, after = self._widths(inputs[0])
        return None if any((*before, *after)) else "no side gets any place"

    def selects(self, *inputs: TensorType) -> bool:
        return self.mode != "constant"

    def homogeneous(self, *inputs: TensorType) -> bool:
        return self.value == 0

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
            widths = tuple([width for pair in reversed(pairs) for width in pair])
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
        places, sizes = spatial_sizes(build, x), spatial_sizes(build, like)
        before, spare = self._placement(*inputs).onnx(build, places, sizes)
        if self.mode == "circular":
            return _wrapped(build, x, before, places, sizes, inputs[0].rank)
        widths = build.node("Concat", before, build.node("Sub", spare, before), axis=0)
        filler = build.floats(self.value) if self.value else ""
        axes = build.integers([*range(2, inputs[0].rank)])
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
            raise Refusal(
                "S0305", "pad takes padding or like, not both", argument="like", label="leave out one of the two"
            )
        if self.padding is None and self.like is None:
            helps = ("padding=1 adds a place on every side, like=… as many as another value has more",)
            raise Refusal("S0302", "pad needs padding or like", helps=helps)
        if self.offset != "center" and self.like is None:
            message = "offset says where the input begins in what it is padded to, and belongs to like"
            raise Refusal("S0305", message, argument="offset", label="padding has a width for each side")

    def _require_filling(self, x: TensorType, placement: Placement) -> None:
        """As `require_room`, for widths that depend on sizes."""
        if self.mode not in ("reflect", "circular"):
            return
        widest = 1 if self.mode == "reflect" else 0
        left = [n - width for widths in (placement.before, placement.after)
                for n, width in zip(x.spatial, widths, strict=True)]  # fmt: skip
        short = [AtLeast(places, widest) for places in left if not always_at_least(places, widest)]
        if short:
            claim = f"{self.mode} padding up to the sizes of like fits into an input of {times(x.spatial)}"
            if any(always_at_least(widest - 1 - claimed.size, 0) for claimed in short):
                raise Refusal("S0104", f"{claim} at no size", argument="like", cause=0)
            raise unproven(claim, short, argument="like")

    def _placement(self, x: TensorType, like: TensorType) -> Placement:
        return Placement(self, self.offset, x.spatial, like.spatial)

    def _pads(self, *inputs: TensorType) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
        """Places before and after each axis of a sample."""
        if self.like is None:
            return self._widths(inputs[0])
        placement = self._placement(*inputs)
        return (0, *placement.before), (0, *placement.after)

    def _widths(self, x: TensorType) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Those that ``padding`` says."""
        if not isinstance(self.padding, tuple):
            widths = (0, *(self.padding or 0,) * require_spatial(self, x))
            return widths, widths
        self._check_length(x, len(self.padding))
        pairs = [*zip(self.padding[0::2], self.padding[1::2], strict=True)]
        pairs += [(0, 0)] * (len(x.sample) - len(pairs))
        before, after = zip(*reversed(pairs), strict=True)
        return before, after

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


def _wrapped(build: Builder, x: Ref, before: Ref, places: Ref, sizes: Ref, rank: int) -> Ref:
    """Circular padding up to ``sizes``: place i of an axis is place (i - before) % n of the input."""
    zero, one = build.integers(0), build.integers(1)
    for axis in range(2, rank):
        first, size = (build.node("Gather", row, build.integers(axis - 2)) for row in (before, sizes))
        count = build.node("Range", zero, size, one)
        source = build.node(
            "Mod", build.node("Sub", count, first), build.node("Gather", places, build.integers(axis - 2))
        )
        x = build.node("Gather", x, source, axis=axis)
    return x


def slice_axis(build: Builder, x: Ref, axis: int, start: int, stop: int, step: int = 1) -> Ref:
    """``x[start:stop:step]`` along one axis; negative places count from the end, a stop of ``LARGEST`` is the end."""
    steps = () if step == 1 else (build.integers([step]),)
    return build.node("Slice", x, build.integers([start]), build.integers([stop]), build.integers([axis]), *steps)
