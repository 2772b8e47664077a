"""S0505, S0511: windows that do not reach the end of their input, and a convolution with PyTorch's three numbers."""

from __future__ import annotations

from contextlib import suppress
from math import prod
from typing import NamedTuple

from specc.diagnostics import Code
from specc.diagnostics.words import plural
from specc.ir.graph import Node
from specc.ir.op import Op, Refusal
from specc.ir.traits import Convolution, Sliding
from specc.ir.types import TensorType, fixed, times
from specc.lint.lints import Lint, Match, Network

_LARGE = 8
"""From this number on, a first argument is more often a number of channels than a kernel."""
_FEW = 4
"""Input channels of images and signals, of which no network makes as many by a stride of 3 or more."""

_LONGEST = 1 << 20
"""Places of an axis that are marked one by one; a window with holes that is longer has no finding."""

_WORDS = {1: ("place",), 2: ("row", "column"), 3: ("slice", "row", "column")}


class _Axis(NamedTuple):
    """Windows of ``kernel`` places ``dilation`` apart, by steps of ``stride``, the first ``padding`` places early."""

    size: int
    kernel: int
    dilation: int
    stride: int
    padding: int
    windows: int

    @property
    def reach(self) -> int:
        return self.dilation * (self.kernel - 1) + 1

    @property
    def coverage(self) -> tuple[int, int]:
        """How many places some window sees, and where the last of them ends."""
        if self.dilation > 1:
            return self._coverage_with_holes()
        below = self.size + self.padding
        if self.kernel < self.stride:  # gaps between the windows
            seen = self._seen_before(below) - self._seen_before(self.padding)
        else:
            end = (self.windows - 1) * self.stride + self.kernel
            seen = min(below, end) - min(self.padding, end)
        last = min((below - 1) // self.stride, self.windows - 1)
        return seen, max(0, min(below, last * self.stride + self.kernel) - self.padding)

    def _seen_before(self, below: int) -> int:
        """How many places before ``below``, counted from the first window, lie in windows with gaps between them."""
        whole, rest = divmod(below, self.stride)
        return min(whole, self.windows) * self.kernel + (min(rest, self.kernel) if whole < self.windows else 0)

    def _coverage_with_holes(self) -> tuple[int, int]:
        # What all windows but those at the ends see repeats itself with every step.
        spare = 2 * (self.reach // self.stride + 2) + self.padding // self.stride
        same = max(0, self.windows - spare)
        size = self.size - same * self.stride
        if max(size, self.reach) > _LONGEST:
            return self.size, self.size
        marks = bytearray(size)
        # The places of the first window, and each with those that the other windows see in its stead.
        for place in range(-self.padding, self.reach - self.padding, self.dilation):
            last = place + (self.windows - same - 1) * self.stride
            places = range(place % self.stride if place < 0 else place, min(size, last + 1), self.stride)
            if places:
                marks[places.start : places.stop : self.stride] = b"\1" * len(places)
        of_each = len({place * self.dilation % self.stride for place in range(self.kernel)})
        return sum(marks) + same * of_each, marks.rfind(1) + 1 + same * self.stride

    @property
    def lost(self) -> int:
        """Places at the end that are not seen; 0 where they are no more than the gap between two windows."""
        behind = self.size - self.coverage[1]
        return behind if behind > max(0, self.stride - self.reach) else 0

    @property
    def fitting(self) -> tuple[int, ...]:
        """The sizes next to this one of which nothing is left over: the smaller, if there is one, and the larger."""
        over = (self.size + 2 * self.padding - self.reach) % self.stride
        windows = (self.size - over + 2 * self.padding - self.reach) // self.stride + 1
        smaller = self._replace(size=self.size - over, windows=windows)
        larger = self._replace(size=smaller.size + self.stride, windows=windows + 1)
        return tuple(axis.size for axis in (smaller, larger) if axis.size > 0 and axis.windows > 0 and not axis.lost)


def _input_dropped(node: Node, network: Network) -> Match | None:
    x = node.input_types[0]
    if node.type is x or node.type.sample[1:] == x.sample[1:]:
        return None  # windows of most steps go by steps of one: to ask for them takes a fifth of the time of all lints
    axes = _axes(node, node.op, node.type)
    if not any(axis.lost for axis in axes):
        return None
    everything = prod(axis.size for axis in axes)
    unseen = everything - prod(axis.coverage[0] for axis in axes)
    between = unseen - (everything - prod(axis.size - axis.lost for axis in axes))
    share = f"{unseen:,} of {everything:,} places are never seen: {100 * unseen / everything:.2g}%"
    gaps = f", {between:,} of them in gaps before the end" if between else ""
    words = _WORDS[len(axes)]
    named = dict(zip(reversed(axes), reversed(words), strict=True))  # of axes that are alike, the first
    lost = [
        f"the last {word}" if axis.lost == 1 else f"the last {axis.lost} {word}s"
        for word, axis in zip(words, axes, strict=True)
        if axis.lost
    ]
    return Match(
        node,
        f"{node.op.kind} leaves out {' and '.join(lost)} of its input of {times(tuple(axis.size for axis in axes))}",
        f"no window sees {'it' if sum(axis.lost for axis in axes) == 1 else 'them'}",
        notes=(
            *(
                f"{plural(axis.windows, 'window')} of {axis.kernel}"
                f"{f' places {axis.dilation} apart' * (axis.dilation > 1)} by steps of {axis.stride} "
                f"{'ends' if axis.windows == 1 else 'end'} at {named[axis]} {axis.coverage[1]} of {axis.size}"
                for axis in dict.fromkeys(axes)
                if axis.lost
            ),
            share + gaps,
        ),
        helps=_helps(node, axes),
    )


def _axes(node: Node, op: Op, result: TensorType) -> tuple[_Axis, ...]:
    """Where the windows of ``op`` are on the spatial axes of what the step takes; none where they do not slide.

    Of layers with weights only those that cut the input into patches are looked at: windows that overlap leave out less
    than they share, and published stems do so (SqueezeNet's, 7 wide by steps of 2). A kernel of 1 is a choice of every
    second place.
    """
    (x, *_) = node.input_types
    window = op.window(*node.input_types) if all(x.is_fixed for x in node.input_types) else None
    if not isinstance(window, Sliding):
        return ()
    axes = []
    for taps, size, windows in zip(window.axes[1:], map(fixed, x.spatial), result.spatial, strict=True):
        if taps is None or taps.fitted or taps.bordered or len(taps.phases) > 1 or not taps.advance:
            return ()
        (first,) = taps.phases
        axis = _Axis(size, len(first), first.step, taps.advance, -first.start, fixed(windows))
        if node.parameters and (axis.kernel == 1 or axis.reach > axis.stride):
            return ()
        axes.append(axis)
    return tuple(axes) if any(axis.kernel > 1 and axis.stride > 1 for axis in axes) else ()


def _helps(node: Node, axes: tuple[_Axis, ...]) -> tuple[str, ...]:
    """One more window, where the operator takes it and it sees all that is left; and sizes of which nothing is left."""
    helps = []
    if "ceil_mode" in type(node.op).model_fields:
        wider = node.op.model_copy(update={"ceil_mode": True})
        with suppress(Refusal):
            result = wider.infer(*node.input_types)
            wide = _axes(node, wider, result)
            if not any(axis.lost for axis in wide):
                does = "sees them too" if all(axis.coverage[0] == axis.size for axis in wide) else "reaches the end"
                helps.append(
                    f"ceil_mode=true {does}, and gives {times(result.spatial)} instead of {times(node.type.spatial)}"
                )
    by_size: dict[str, list[str]] = {}
    for word, axis in zip(_WORDS[len(axes)], axes, strict=True):
        if axis.lost:
            by_size.setdefault(" or ".join(map(str, axis.fitting)), []).append(f"{word}s")
    if "" not in by_size:
        sizes = " and ".join(f"{size} {' and '.join(words)}" for size, words in by_size.items())
        helps.append(f"an input of {sizes} leaves nothing over")
    return tuple(helps)


# ---- three numbers as PyTorch takes them ----------------------------------------------------------------------


def _input_channels_given(node: Node, network: Network) -> Match | None:
    """Only where the numbers make no sense as they are read: ``conv(64, 3, 2)`` on 64 channels halves an image."""
    (x,), op = node.input_types, node.op
    channels = x.channels
    if node.type.channels != channels or (filters := op.convolution(x)) is None or not _is_doubtful(filters, channels):
        return None
    kernel, stride, module = filters.kernel[0], filters.stride[0], op.torch(x)
    return Match(
        node,
        f"{op.kind}({channels}, {kernel}, {stride}) makes {plural(channels, 'channel')} by a kernel of {kernel} and "
        f"steps of {stride}, unlike torch.{module.name}({channels}, {kernel}, {stride})",
        f"is it {plural(kernel, 'channel')} and a kernel of {stride}?",
        notes=("how many channels the input has is known here, and not written",),
        helps=(f"write {op.kind}({kernel}, {stride}) for that; or stride={stride} by its name, if it is meant",),
        literal=True,
        positional=3,
    )


def _is_doubtful(filters: Convolution, channels: int) -> bool:
    """Whether one that keeps its channels is hardly ever called with such a kernel and stride.

    An odd stride of 3 or more, with windows that overlap, and are large or, of images, even and without padding; a
    large even kernel that goes by single steps without padding, or is many times as wide as its steps. Transposed ones
    are often as wide as two steps; as four, without padding, hardly ever.
    """
    kernel, stride = filters.kernel[0], filters.stride[0]
    if len({*filters.kernel}) > 1 or len({*filters.stride}) > 1 or (filters.transposed and kernel <= 2 * stride):
        return False
    is_bare = kernel % 2 == 0 and not filters.padded
    if filters.transposed and is_bare and kernel >= max(_LARGE, 4 * stride):
        return stride > 1
    if stride % 2 == 0:
        return kernel >= max(2 * _LARGE, _LARGE * stride)
    if stride == 1:
        return kernel >= 2 * _LARGE and is_bare
    return kernel > stride and (kernel >= _LARGE or channels <= _FEW or (is_bare and len(filters.kernel) > 1))


LINTS = (
    Lint(Code.INPUT_DROPPED, "window", _input_dropped, everywhere=False, unless=("activation", "norm")),
    Lint(Code.INPUT_CHANNELS_GIVEN, "convolution", _input_channels_given, everywhere=True),
)
