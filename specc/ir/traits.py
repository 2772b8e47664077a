"""Traits: what is true of a step's result whatever its weights and its input are, beyond its type.

An operator claims them (`specc.ir.op.Op`), lints and analyses ask for them. The contract test over the registry tries
every claim in PyTorch, and what is not claimed as well. Four kinds: between which numbers the result lies and what
the layer is, for lints; where axes go, for layouts; which places are read, for receptive fields; and the matrix of a
step that is linear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from math import inf, prod
from typing import NamedTuple

from specc.ir.record import Record
from specc.ir.size import Dim


class Range(NamedTuple):
    """The numbers from ``least`` to ``most``, both included and rounded as the tensors are; NaN lies in every range."""

    least: float
    most: float

    def lies_in(self, other: Range) -> bool:
        return other.least <= self.least and self.most <= other.most

    @property
    def signs(self) -> Range:
        """What is left of it by means, sums, and factors of at least 0, whose rounding changes any number but 0."""
        if self.least >= 0:
            return NON_NEGATIVE
        return NON_POSITIVE if self.most <= 0 else ANY

    def clipped(self, to: Range) -> Range:
        """The range of min(max(x, to.least), to.most)."""
        return Range(min(max(self.least, to.least), to.most), min(max(self.most, to.least), to.most))

    def times(self, other: Range) -> Range:
        """The range of products. An end stays where a factor of it is 0, 1 or infinite: others may be rounded."""
        ends = [(a * b if a and b else 0.0, {abs(a), abs(b)} & {0, 1, inf}) for a in self for b in other]
        (least, low), (most, high) = min(ends, key=lambda end: end[0]), max(ends, key=lambda end: end[0])
        around = Range(least, most).signs
        return Range(least if low else around.least, most if high else around.most)


ANY = Range(-inf, inf)
NON_NEGATIVE = Range(0, inf)
NON_POSITIVE = Range(-inf, 0)


def hull(ranges: Iterable[Range]) -> Range:
    """The least range that contains all of them."""
    lows, highs = zip(*ranges, strict=True)
    return Range(min(lows), max(highs))


class Norm(Record):
    """What a normalisation does with mean and variance while the network is trained.

    Attributes:
        centres: each channel by itself loses its mean, over all its places (and maybe samples): a number added to a
            whole channel changes nothing.
        over_batch: one statistic is over all samples of a batch.
        running: they are recorded, and the records take their place after training.
    """

    centres: bool = False
    over_batch: bool = False
    running: bool = False


class Scaling(Record):
    """Every element x becomes (x - mean)/std, by numbers that are known.

    Attributes:
        mean, std: one number for all, or one for each place of ``axis``.
        axis: the axis of a sample that they lie along; None: there is one for all.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    axis: int | None


class Convolution(Record):
    """Learned filters that slide, one entry for each spatial axis.

    Attributes:
        padded: whether there is any padding.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padded: bool
    transposed: bool = False


# ---- axes: what layouts are computed from --------------------------------------------------------------------------
#
# Here and below, axes are counted without the batch: 0 is the channel (or feature) axis, 1 the first spatial axis.

Group = tuple[tuple[int, ...], tuple[int, ...]]
"""Axes of the input that become axes of the result, in row-major order."""


class ChannelsFirst(Record):
    """The step is defined on (channels, places …), and gives the same: a convolution, a pool, a batch norm."""


class AxisMap(Record):
    """The step knows no channels: its axes mean what those of its inputs (each of the same rank) mean.

    Attributes:
        groups: which axis becomes which; an axis in none of them ends here, or is new.
        mixed: the axis, the same before and after, whose elements are combined into others, as `linear` does it with
            the last: channels are channels afterwards, places are none.
    """

    groups: tuple[Group, ...]
    mixed: int | None = None


Axes = ChannelsFirst | AxisMap

UNKNOWN = AxisMap(())
"""No axis is followed."""


def same(rank: int, mixed: int | None = None) -> AxisMap:
    """Every axis of a sample of ``rank`` axes stays where it is."""
    return AxisMap(tuple([((axis,), (axis,)) for axis in range(rank)]), mixed)


def regrouped(before: tuple[Dim, ...], after: tuple[Dim, ...]) -> AxisMap:
    """A reshape: a cut wherever as many elements precede a place in both shapes. It holds for symbolic sizes too.

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


# ---- windows: what receptive fields are computed from, at sizes that are numbers ----------------------------------

MOST_PHASES = 2**16
"""Phases of `Taps`: beyond it nothing is claimed, since each takes its time."""


class Taps(Record):
    """Which places of an axis the places of the result read.

    Place q * len(phases) + r reads the places ``phases[r]``, each q * ``advance`` further on. A convolution has one
    phase and its stride as advance; upsampling by 3 has three phases and an advance of 1. Places below 0 or behind the
    end lie in the padding, whatever it is filled with.

    Attributes:
        fitted: where the places lie depends on how many there are, so that nothing is claimed of others.
        bordered: there is no padding: of the places below 0 or behind the end none is read.
        outside: what stands there: "zeros", or any other constant; or what is inside, by "reflect", "replicate" or
            "circular".
    """

    advance: int
    phases: tuple[range, ...]
    fitted: bool = False
    bordered: bool = False
    outside: str = "zeros"

    def source(self, place: int, size: int) -> int | None:
        """The place of ``size`` whose number stands at one that is read; None: a constant does."""
        if 0 <= place < size:
            return place
        match self.outside:
            case "replicate":
                return min(max(place, 0), size - 1)
            case "circular":
                return place % size
            case "reflect":
                return size - 1 - abs(size - 1 - abs(place))
        return None

    def at(self, place: int) -> range:
        """The places that one of the result reads."""
        rounds, phase = divmod(place, len(self.phases))
        window, further = self.phases[phase], rounds * self.advance
        return range(window.start + further, window.stop + further, window.step)


def taps(kernel: int, stride: int = 1, dilation: int = 1, start: int = 0, outside: str = "zeros") -> Taps:
    """A window that slides. ``start``: the place that its first one begins at, -1 for a padding of 1."""
    return Taps(stride, (range(start, start + dilation * (kernel - 1) + 1, dilation),), outside=outside)


EACH = taps(1)
"""Each place reads the one place that it is."""


def every(places: int) -> Taps:
    """Each place reads all of ``places``."""
    return Taps(0, (range(places),))


def grouped(inputs: int, outputs: int) -> Taps | None:
    """Channels in groups: each of the ``outputs`` channels of a group reads the ``inputs`` ones of it."""
    if outputs > MOST_PHASES:
        return None
    return EACH if inputs == outputs == 1 else Taps(inputs, (range(inputs),) * outputs)


class Sliding(Record):
    """A window over the axes of a sample, the channels first.

    None for an axis whose elements are moved to or from other axes, or along which their places are not known.
    """

    axes: tuple[Taps | None, ...]


class Pointwise(Record):
    """Each element reads the same place of each input, an axis of size 1 being widened."""


class Joined(Record):
    """The inputs lie end to end along an axis."""

    axis: int


class Whole(Record):
    """Each element reads the whole extent of ``axes``; None: of every axis.

    The axes ``dropped`` are no longer there afterwards.
    """

    axes: tuple[int, ...] | None = None
    dropped: tuple[int, ...] = ()


class Moved(Record):
    """Axes change place: axis i of the result is axis ``order[i]`` of the input."""

    order: tuple[int, ...]


class Flat(Record):
    """The axes end here, the places are not mixed (flatten)."""


class Opaque(Record):
    """Places move in a way no window describes (reshape): no receptive field is claimed from here on."""


Window = Sliding | Pointwise | Joined | Whole | Moved | Flat | Opaque


# ---- matrices: what a linear step multiplies a sample by, at sizes that are numbers ---------------------------------

Places = tuple[int, ...]
"""One along each axis of a sample."""


class Coefficient(NamedTuple):
    """So many times one element of the input, as an addend of one element of the result.

    Attributes:
        row: the element of the result.
        column: that of the input.
        weight: the element of the step's weight, its first tensor, that is a factor too; None: there is none.
    """

    row: int
    column: int
    weight: int | None = None
    factor: float = 1.0


def sliding_taps(window: Sliding) -> tuple[Taps, ...] | None:
    """The window along each axis; None where elements are moved from one axis to another."""
    known = tuple([taps for taps in window.axes if taps is not None])
    return known if len(known) == len(window.axes) else None


def whole_taps(axes: Iterable[int], sizes: Places) -> tuple[Taps, ...]:
    """A window that reads the whole of ``axes`` of an input of these sizes."""
    return tuple([every(size) if axis in axes else EACH for axis, size in enumerate(sizes)])


def windows(axes: tuple[Taps, ...], result: Places) -> Iterator[tuple[Places, Iterator[Places]]]:
    """Each place of a result of these sizes, and the places that it reads; these may lie outside."""
    for place in product(*map(range, result)):
        yield place, product(*(taps.at(at) for taps, at in zip(axes, place, strict=True)))


def row_major(place: Iterable[int | None], sizes: Places) -> int | None:
    """The number of a place; None where it lies outside."""
    number = 0
    for at, size in zip(place, sizes, strict=True):
        if at is None or not 0 <= at < size:
            return None
        number = number * size + at
    return number


def read_from(axes: tuple[Taps, ...], place: Places, sizes: Places) -> int | None:
    """The number of the element that stands at a place that is read; None: a constant does."""
    return row_major((taps.source(*at) for taps, *at in zip(axes, place, sizes, strict=True)), sizes)


def filtered(
    axes: tuple[Taps, ...],
    before: Places,
    result: Places,
    filter_axis: int,
) -> Iterator[Coefficient]:
    """A filter for each place of one axis of the result: its weights in the order in which its window reads.

    Args:
        before: sizes of the input.
        padded: which place stands at one that lies outside.
    """
    for row, (place, read) in enumerate(windows(axes, result)):
        sources = [*read]
        first = place[filter_axis] * len(sources)
        for weight, source in enumerate(sources, start=first):
            if (column := read_from(axes, source, before)) is not None:
                yield Coefficient(row, column, weight)


def summed(
    axes: tuple[Taps, ...],
    before: Places,
    result: Places,
    divisor: Callable[[Places], float] = lambda place: 1,
) -> Iterator[Coefficient]:
    """The sum of what each place reads, over a number of its own; arguments as of `filtered`."""
    for row, (place, read) in enumerate(windows(axes, result)):
        factor = 1 / divisor(place)
        for source in read:
            if (column := read_from(axes, source, before)) is not None:
                yield Coefficient(row, column, factor=factor)


def averaged(axes: tuple[Taps, ...], before: Places, result: Places) -> Iterator[Coefficient]:
    """The mean of what each place reads, which lies inside."""

    def divisor(place: Places) -> int:
        return prod(len(taps.at(at)) for taps, at in zip(axes, place, strict=True))

    return summed(axes, before, result, divisor)


def interpolated(
    axes: list[list[tuple[list[int], list[float]]]], before: Places, result: Places
) -> Iterator[Coefficient]:
    """Products of weights along each axis.

    Args:
        axes: of each axis its taps: the place that each place of the result reads, and the weight.
    """
    for row, place in enumerate(product(*map(range, result))):
        for taps in product(*axes):
            read = [(places[at], weights[at]) for (places, weights), at in zip(taps, place, strict=True)]
            column = row_major(tuple([source for source, _ in read]), before)
            factor = prod(weight for _, weight in read)
            if column is not None and factor:
                yield Coefficient(row, column, factor=factor)


def scaled(factors: Iterable[float]) -> Iterator[Coefficient]:
    """Each element by itself, with so many factors as there are elements."""
    return (Coefficient(place, place, factor=factor) for place, factor in enumerate(factors))


def moved(window: Window, before: Places, result: Places) -> Iterator[Coefficient] | None:
    """Elements that go from place to place; None where the window does not say from which one."""
    if isinstance(window, Moved):
        return _permuted(window.order, before, result)
    axes = sliding_taps(window) if isinstance(window, Sliding) else None
    if axes is None or any(len(places) != 1 for taps in axes for places in taps.phases):
        return None
    return summed(axes, before, result)


def _permuted(order: tuple[int, ...], before: Places, result: Places) -> Iterator[Coefficient]:
    for row, place in enumerate(product(*map(range, result))):
        column = row_major(tuple([place[order.index(axis)] for axis in range(len(before))]), before)
        if column is not None:
            yield Coefficient(row, column)
