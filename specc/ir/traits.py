"""Traits: what is true of a step's result whatever its weights and its input are, beyond its type.

An operator claims them (`specc.ir.op.Op`), lints and reports ask for them. The contract test over the registry tries
every claim in PyTorch, and what is not claimed as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import NamedTuple

from specc.ir.record import Record


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
        return Range(*(min(max(end, to.least), to.most) for end in self))

    def times(self, other: Range) -> Range:
        """The range of products. An end is kept where a factor of it is 0, 1 or infinite: others may be rounded."""
        ends = [(a * b if a and b else 0.0, {abs(a), abs(b)} & {0, 1, inf}) for a in self for b in other]
        (least, low), (most, high) = min(ends, key=lambda end: end[0]), max(ends, key=lambda end: end[0])
        around = Range(least, most).signs
        return Range(least if low else around.least, most if high else around.most)


ANY = Range(-inf, inf)
NON_NEGATIVE = Range(0, inf)
NON_POSITIVE = Range(-inf, 0)


def hull(ranges: Iterable[Range]) -> Range:
    """The least range that holds all of them."""
    lows, highs = zip(*ranges, strict=True)
    return Range(min(lows), max(highs))


class Norm(Record):
    """What a normalisation does with mean and variance while the network is trained.

    Attributes:
        centres: each channel by itself loses its mean, taken over all its places (and maybe samples): a number added
            to a whole channel changes nothing.
        over_batch: the statistics are those of all samples of a batch together.
        running: they are recorded, and the records take their place after training.
    """

    __slots__ = __match_args__ = ("centres", "over_batch", "running")

    def __init__(self, *, centres: bool = False, over_batch: bool = False, running: bool = False) -> None:
        self.centres = centres
        self.over_batch = over_batch
        self.running = running


class Convolution(Record):
    """Learned filters that slide, one entry for each spatial axis.

    Attributes:
        padded: whether there is any padding.
    """

    __slots__ = __match_args__ = ("kernel", "stride", "padded", "transposed")

    def __init__(
        self, kernel: tuple[int, ...], stride: tuple[int, ...], *, padded: bool, transposed: bool = False
    ) -> None:
        self.kernel = kernel
        self.stride = stride
        self.padded = padded
        self.transposed = transposed
