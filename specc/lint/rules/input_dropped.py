"""S0505: a pool whose windows do not reach the end of its input."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

from specc.diagnostics import Code
from specc.ir.graph import Node
from specc.ir.op import Refusal
from specc.ir.types import TensorType, times
from specc.lint.network import Network
from specc.lint.spot import Rule, Spot
from specc.ops.conv import Conv
from specc.ops.pool import Pool
from specc.ops.shapes import numbers, per_axis, reach_of

_LONGEST = 1 << 20
"""Places of an axis that are gone through one by one; of a window with holes that is longer, nothing is said."""

_WORDS = {1: ("place",), 2: ("row", "column"), 3: ("plane", "row", "column")}


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
    def seen(self) -> int:
        """How many places some window sees."""
        return _seen(self)[0]

    @property
    def end(self) -> int:
        """Places up to the last one that is seen."""
        return _seen(self)[1]

    @property
    def lost(self) -> int:
        """Places at the end that are not seen; 0 where they are no more than the gap between two windows."""
        behind = self.size - self.end
        return behind if behind > max(0, self.stride - self.reach) else 0

    @property
    def fitting(self) -> tuple[int, ...]:
        """The sizes next to this one of which nothing is left over: the smaller, if there is one, and the larger."""
        over = (self.size + 2 * self.padding - self.reach) % self.stride
        windows = (self.size - over + 2 * self.padding - self.reach) // self.stride + 1
        smaller = self._replace(size=self.size - over, windows=windows)
        larger = self._replace(size=smaller.size + self.stride, windows=windows + 1)
        return tuple(axis.size for axis in (smaller, larger) if axis.size > 0 and axis.windows > 0 and not axis.lost)


@lru_cache(maxsize=256)
def _seen(axis: _Axis) -> tuple[int, int]:
    """How many places of an axis are seen, and where the last of them ends."""
    if axis.dilation == 1:
        below = axis.size + axis.padding
        return _passed(axis, below) - _passed(axis, axis.padding), max(0, _last(axis, below) - axis.padding)
    # Windows with holes. What all windows but those at the ends see repeats itself with every step.
    spare = 2 * (axis.reach // axis.stride + 2) + axis.padding // axis.stride
    same = max(0, axis.windows - spare)
    size = axis.size - same * axis.stride
    if max(size, axis.reach) > _LONGEST:
        return axis.size, axis.size
    marks = bytearray(size)
    for place in range(-axis.padding, axis.reach - axis.padding, axis.dilation):  # of the first window, then of each
        last = place + (axis.windows - same - 1) * axis.stride
        places = range(place % axis.stride if place < 0 else place, min(size, last + 1), axis.stride)
        if places:
            marks[places.start : places.stop : axis.stride] = b"\1" * len(places)
    of_each = len({place * axis.dilation % axis.stride for place in range(axis.kernel)})
    return sum(marks) + same * of_each, marks.rfind(1) + 1 + same * axis.stride


def _passed(axis: _Axis, below: int) -> int:
    """How many places before ``below`` are seen by windows without holes and without padding."""
    whole, rest = divmod(below, axis.stride)
    if axis.kernel >= axis.stride:
        return min(below, (axis.windows - 1) * axis.stride + axis.kernel)
    return axis.windows * axis.kernel if whole >= axis.windows else whole * axis.kernel + min(rest, axis.kernel)


def _last(axis: _Axis, below: int) -> int:
    """Where the last of these places ends."""
    whole = min((below - 1) // axis.stride, axis.windows - 1)
    return min(below, whole * axis.stride + axis.kernel)


def _look(node: Node, network: Network) -> Spot | None:
    op = node.op
    stride = getattr(op, "stride", None)
    if stride == 1 or (isinstance(op, Conv) and _overlap(op.kernel, stride)):
        return None
    axes = _axes(node)
    if not any(axis.lost for axis in axes):
        return None
    everything = prod(axis.size for axis in axes)
    unseen = everything - prod(axis.seen for axis in axes)
    between = unseen - (everything - prod(axis.size - axis.lost for axis in axes))
    share = f"{unseen:,} of {everything:,} places are never seen: {100 * unseen / everything:.2g}%"
    gaps = f", {between:,} of them in gaps before the end" if between else ""
    return Spot(
        node,
        f"{node.op.kind} leaves out {_lost(axes)} of its input of {times(tuple(axis.size for axis in axes))}",
        f"no window sees {'it' if sum(axis.lost for axis in axes) == 1 else 'them'}",
        notes=(*_formulas(axes), share + gaps),
        helps=_helps(node, axes),
    )


def _overlap(kernel: object, stride: object) -> bool:
    """Whether windows that are alike along every axis share places, or see a single one: see `_of_patches`."""
    return isinstance(kernel, int) and isinstance(stride, int) and (kernel > stride or kernel == 1)


def _axes(node: Node) -> tuple[_Axis, ...]:
    (x,) = node.input_types
    if not x.is_fixed:
        return ()
    return _of_pool(node.op, x) if isinstance(node.op, Pool) else _of_patches(node, x)


def _of_pool(op: Pool, x: TensorType) -> tuple[_Axis, ...]:
    grid = op.grid(len(x.spatial))
    windows = numbers(grid.sizes(x.spatial))
    return tuple(map(_Axis, numbers(x.spatial), grid.kernel, grid.dilation, grid.stride, grid.padding, windows))


def _of_patches(node: Node, x: TensorType) -> tuple[_Axis, ...]:
    """Of convolutions only those that cut the input into patches.

    Windows that overlap leave out less than they share, and published stems do so (SqueezeNet's, 7 wide by steps of
    2); a kernel of 1 is a choice of every second place.
    """
    assert isinstance(node.op, Conv), "the other kind that is looked at"
    axes = len(x.spatial)
    if isinstance(node.op.padding, str):
        return ()
    kernel, stride = (per_axis(value, axes, node.op, "") for value in (node.op.kernel, node.op.stride))
    padding, dilation = (per_axis(value, axes, node.op, "") for value in (node.op.padding, node.op.dilation))
    if any(r > s or r == 1 for r, s in zip(reach_of(kernel, dilation), stride, strict=True)):
        return ()
    return tuple(map(_Axis, numbers(x.spatial), kernel, dilation, stride, padding, numbers(node.type.spatial)))


def _lost(axes: tuple[_Axis, ...]) -> str:
    """``the last row and the last 2 columns``"""
    words = _WORDS[len(axes)]
    parts = [
        f"the last {word}" if axis.lost == 1 else f"the last {axis.lost} {word}s"
        for word, axis in zip(words, axes, strict=True)
        if axis.lost
    ]
    return " and ".join(parts)


def _formulas(axes: tuple[_Axis, ...]) -> tuple[str, ...]:
    """Of axes that are alike, only the first."""
    words = dict(zip(reversed(axes), reversed(_WORDS[len(axes)]), strict=True))
    return tuple(
        f"{axis.windows} windows of {axis.kernel}{_apart(axis)} by steps of {axis.stride} "
        f"end at {words[axis]} {axis.end} of {axis.size}"
        for axis in dict.fromkeys(axes)
        if axis.lost
    )


def _apart(axis: _Axis) -> str:
    return f" places {axis.dilation} apart" if axis.dilation > 1 else ""


def _helps(node: Node, axes: tuple[_Axis, ...]) -> tuple[str, ...]:
    by_size: dict[str, list[str]] = {}
    for word, axis in zip(_WORDS[len(axes)], axes, strict=True):
        if axis.lost:
            by_size.setdefault(" or ".join(map(str, axis.fitting)), []).append(f"{word}s")
    if "" in by_size:
        return _ceil_mode(node)
    sizes = " and ".join(f"{size} {' and '.join(words)}" for size, words in by_size.items())
    return (*_ceil_mode(node), f"an input of {sizes} leaves nothing over")


def _ceil_mode(node: Node) -> tuple[str, ...]:
    """One more window, where the operator takes it and it sees all that is left."""
    if not isinstance(node.op, Pool):
        return ()
    wider = node.op.model_copy(update={"ceil_mode": True})
    (x,) = node.input_types
    try:
        result = wider.infer(x)
    except Refusal:
        return ()
    axes = _of_pool(wider, x)
    if any(axis.lost for axis in axes):
        return ()
    does = "sees them too" if all(axis.seen == axis.size for axis in axes) else "reaches the end"
    return (f"ceil_mode=true {does}, and gives {times(result.spatial)} instead of {times(node.type.spatial)}",)


RULES = (Rule(Code.INPUT_DROPPED, ("maxpool", "avgpool", "lppool", "conv"), _look, everywhere=False),)
