"""What a step does with the axes of its input: the ground of layouts.

Axes are counted without the batch: 0 is the channel (or feature) axis, 1 the first spatial axis. No size is looked at
but to follow a reshape, so that every answer holds for symbolic sizes too.
"""

from math import prod

from specc.ir.record import Record
from specc.ir.size import Dim

Group = tuple[tuple[int, ...], tuple[int, ...]]
"""Axes of the input that become axes of the result, taken together, in row-major order."""


class ChannelsFirst(Record):
    """The step is defined on (channels, places …), and gives the same: a convolution, a pool, a batch norm."""

    __slots__ = ()


class AxisMap(Record):
    """The step knows no channels: its axes mean what those of its inputs (each of the same rank) mean.

    Attributes:
        groups: which axis becomes which; an axis in none of them is given up, or new.
        mixed: the axis, the same before and after, whose elements are combined into others, as `linear` does it with
            the last: channels are channels afterwards, places are none.
    """

    __slots__ = __match_args__ = ("groups", "mixed")

    def __init__(self, groups: tuple[Group, ...], mixed: int | None = None) -> None:
        self.groups = groups
        self.mixed = mixed


Axes = ChannelsFirst | AxisMap

UNKNOWN = AxisMap(())
"""Nothing is said."""


def same(rank: int, mixed: int | None = None) -> AxisMap:
    """Every axis of a sample of ``rank`` axes stays where it is."""
    return AxisMap(tuple(((axis,), (axis,)) for axis in range(rank)), mixed)


def regrouped(before: tuple[Dim, ...], after: tuple[Dim, ...]) -> AxisMap:
    """A sample laid out anew in row-major order, cut wherever as many elements lie before a place in both shapes.

    Axes of a single place can be put anywhere, and are followed only where nothing changes.
    """
    if before == after:
        return same(len(before))
    ours, theirs = ([axis for axis, size in enumerate(sizes) if size != 1] for sizes in (before, after))
    inside = [prod(before[axis] for axis in ours[:count]) for count in range(len(ours) + 1)]
    groups: list[Group] = []
    first, start = 0, 0
    for stop in range(1, len(theirs) + 1):
        elements = prod(after[axis] for axis in theirs[:stop])
        if elements in inside[first + 1 :]:
            last = inside.index(elements, first + 1)
            groups.append((tuple(ours[first:last]), tuple(theirs[start:stop])))
            first, start = last, stop
    return AxisMap(tuple(groups))
