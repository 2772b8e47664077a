"""What one element of a step's result sees of its input: the ground of receptive fields.

Axes are counted without the batch: 0 is the channel (or feature) axis, 1 the first spatial axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from specc.ir.record import Record

if TYPE_CHECKING:
    from fractions import Fraction


class Sliding(Record):
    """A window over the spatial axes, one entry per axis.

    ``stride`` below 1 enlarges (transposed convolution, upsampling by 2 has stride 1/2).
    """

    __slots__ = __match_args__ = ("kernel", "stride", "dilation")

    def __init__(self, kernel: tuple[int, ...], stride: tuple[Fraction, ...], dilation: tuple[int, ...]) -> None:
        self.kernel = kernel
        self.stride = stride
        self.dilation = dilation


class Pointwise(Record):
    """Each element sees the same place of the input (channels may mix freely)."""

    __slots__ = ()


class Whole(Record):
    """Each element sees the whole extent of the given axes; None: of every axis.

    The axes ``dropped`` are no longer there afterwards.
    """

    __slots__ = __match_args__ = ("axes", "dropped")

    def __init__(self, axes: tuple[int, ...] | None = None, dropped: tuple[int, ...] = ()) -> None:
        self.axes = axes
        self.dropped = dropped


class Moved(Record):
    """Axes change place: axis i of the result is axis ``order[i]`` of the input."""

    __slots__ = __match_args__ = ("order",)

    def __init__(self, order: tuple[int, ...]) -> None:
        self.order = order


class Flat(Record):
    """The axes are given up, the places are not mixed (flatten)."""

    __slots__ = ()


class Opaque(Record):
    """Places move in a way no window describes (reshape): no receptive field is claimed from here on."""

    __slots__ = ()


Window = Sliding | Pointwise | Whole | Moved | Flat | Opaque
