"""What one element of a step's result sees of its input: the ground of receptive fields.

Axes are counted without the batch: 0 is the channel (or feature) axis, 1 the first spatial axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Sliding:
    """A window over the spatial axes, one entry per axis.

    ``stride`` below 1 enlarges (transposed convolution, upsampling by 2 has stride 1/2).
    """

    kernel: tuple[int, ...]
    stride: tuple[Fraction, ...]
    dilation: tuple[int, ...]


@dataclass(frozen=True)
class Pointwise:
    """Each element sees the same place of the input (channels may mix freely)."""


@dataclass(frozen=True)
class Whole:
    """Each element sees the whole extent of the given axes; None: of every axis.

    The axes ``dropped`` are no longer there afterwards.
    """

    axes: tuple[int, ...] | None = None
    dropped: tuple[int, ...] = ()


@dataclass(frozen=True)
class Moved:
    """Axes change place: axis i of the result is axis ``order[i]`` of the input."""

    order: tuple[int, ...]


@dataclass(frozen=True)
class Flat:
    """The axes are given up, the places are not mixed (flatten)."""


@dataclass(frozen=True)
class Opaque:
    """Places move in a way no window describes (reshape): no receptive field is claimed from here on."""


Window = Sliding | Pointwise | Whole | Moved | Flat | Opaque
