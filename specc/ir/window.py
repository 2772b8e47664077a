"""What one place of a step's result reads of its input: the ground of receptive fields.

Axes are counted without the batch: 0 is the channel (or feature) axis, 1 the first spatial axis. Windows are asked for
where sizes are numbers.
"""

from __future__ import annotations

from specc.ir.record import Record

MOST_PHASES = 2**16
"""Phases of `Taps`: beyond it nothing is claimed, since each takes its time."""


class Taps(Record):
    """Which places of an axis the places of the result read.

    Place q * len(phases) + r reads the places ``phases[r]``, each q * ``advance`` further on. A convolution has one
    phase and its stride as advance; upsampling by 3 has three phases and an advance of 1. Places below 0 or behind the
    end lie in the padding, whatever it is filled with.

    Attributes:
        fitted: where the places lie depends on how many there are, so that nothing is said of others.
        bordered: there is no padding: of the places below 0 or behind the end none is read.
    """

    __slots__ = __match_args__ = ("advance", "phases", "fitted", "bordered")

    def __init__(
        self, advance: int, phases: tuple[range, ...], *, fitted: bool = False, bordered: bool = False
    ) -> None:
        self.advance = advance
        self.phases = phases
        self.fitted = fitted
        self.bordered = bordered


def taps(kernel: int, stride: int = 1, dilation: int = 1, start: int = 0) -> Taps:
    """A window that slides. ``start``: the place that its first one begins at, -1 for a padding of 1."""
    return Taps(stride, (range(start, start + dilation * (kernel - 1) + 1, dilation),))


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

    None for an axis whose elements are moved to or from other axes, or along which it cannot be told where they are.
    """

    __slots__ = __match_args__ = ("axes",)

    def __init__(self, axes: tuple[Taps | None, ...]) -> None:
        self.axes = axes


class Pointwise(Record):
    """Each element reads the same place of each input, an axis of size 1 being widened."""

    __slots__ = ()


class Joined(Record):
    """The inputs lie end to end along an axis."""

    __slots__ = __match_args__ = ("axis",)

    def __init__(self, axis: int) -> None:
        self.axis = axis


class Whole(Record):
    """Each element reads the whole extent of the given axes; None: of every axis.

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


Window = Sliding | Pointwise | Joined | Whole | Moved | Flat | Opaque
