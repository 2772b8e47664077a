"""S0505: a pool whose windows do not reach the end of its input."""

from __future__ import annotations

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

_WORDS = {1: ("place",), 2: ("row", "column"), 3: ("plane", "row", "column")}


class _Axis(NamedTuple):
    """``windows`` of ``reach`` places along an axis, ``stride`` apart, the first one ``padding`` places early."""

    size: int
    reach: int
    stride: int
    padding: int
    windows: int

    @property
    def end(self) -> int:
        """Places up to the end of the last window."""
        return min(self.size, (self.windows - 1) * self.stride + self.reach - self.padding)

    @property
    def lost(self) -> int:
        """Places behind it that a further window would have seen; in a gap between windows, none would."""
        return max(0, self.size - self.end - max(0, self.stride - self.reach))

    @property
    def fitting(self) -> tuple[int, ...]:
        """The sizes next to this one of which nothing is left over: the smaller, if there is one, and the larger."""
        over = (self.size + 2 * self.padding - self.reach) % self.stride
        return tuple(size for size in (self.size - over, self.size - over + self.stride) if size > 0)


def _look(node: Node, network: Network) -> Spot | None:
    if getattr(node.op, "stride", None) == 1:
        return None
    axes = _axes(node)
    if not any(axis.lost for axis in axes):
        return None
    everything = prod(axis.size for axis in axes)
    unseen = everything - prod(axis.size - axis.lost for axis in axes)
    share = f"{unseen:,} of {everything:,} places are never seen: {100 * unseen / everything:.2g}%"
    return Spot(
        node,
        f"{node.op.kind} leaves out {_lost(axes)} of its input of {times(tuple(axis.size for axis in axes))}",
        f"no window sees {'it' if sum(axis.lost for axis in axes) == 1 else 'them'}",
        notes=(*_formulas(axes), share),
        helps=_helps(node, axes),
    )


def _axes(node: Node) -> tuple[_Axis, ...]:
    (x,) = node.input_types
    if not x.is_fixed:
        return ()
    return _of_pool(node.op, x) if isinstance(node.op, Pool) else _of_patches(node, x)


def _of_pool(op: Pool, x: TensorType) -> tuple[_Axis, ...]:
    grid = op.grid(len(x.spatial))
    windows = numbers(grid.sizes(x.spatial))
    return tuple(map(_Axis, numbers(x.spatial), grid.reach, grid.stride, grid.padding, windows))


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
    reach = reach_of(kernel, dilation)
    if any(r > s or r == 1 for r, s in zip(reach, stride, strict=True)):
        return ()
    return tuple(map(_Axis, numbers(x.spatial), reach, stride, padding, numbers(node.type.spatial)))


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
        f"{axis.windows} windows of {axis.reach} by steps of {axis.stride} "
        f"end at {words[axis]} {axis.end} of {axis.size}"
        for axis in dict.fromkeys(axes)
        if axis.lost
    )


def _helps(node: Node, axes: tuple[_Axis, ...]) -> tuple[str, ...]:
    by_size: dict[str, list[str]] = {}
    for word, axis in zip(_WORDS[len(axes)], axes, strict=True):
        if axis.lost:
            by_size.setdefault(" or ".join(map(str, axis.fitting)), []).append(f"{word}s")
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
    if any(axis.lost for axis in _of_pool(wider, x)):
        return ()
    return (f"ceil_mode=true sees them too, and gives {times(result.spatial)} instead of {times(node.type.spatial)}",)


RULES = (Rule(Code.INPUT_DROPPED, ("maxpool", "avgpool", "lppool", "conv"), _look, everywhere=False),)
