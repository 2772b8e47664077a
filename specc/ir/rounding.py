"""What float32 arithmetic a step is: how far a right engine's result may be from the exact one.

An operator states one of these. They say what is added and what is left of it, not how large the error may be: that is
`specc.verify.step_bounds`, which knows the numbers.
"""

from __future__ import annotations

from typing import ClassVar

from specc.ir.record import Record
from specc.ir.size import Dim


class Exact(Record):
    """Numbers are moved, chosen, or each the outcome of correctly rounded operations in a fixed order.

    IEEE 754 leaves no choice: every engine gives the same number, but for the sign of zeros, since the largest of 0.0
    and -0.0 is either.
    """

    __slots__ = ()
    why: ClassVar[str] = "moved, chosen, or rounded once in a fixed order: every right engine gives the same number"

    @property
    def rule(self) -> str:
        return "exact"


class Products(Record):
    """Each element is a sum of ``terms`` products with the step's own tensors or constants, and of its bias.

    Attributes:
        filters: the axis of the weight along which the filters lie.
    """

    __slots__ = __match_args__ = ("filters", "terms")
    why: ClassVar[str] = "errors of the partial sums, in proportion to the sum of absolute products"

    def __init__(self, terms: Dim, filters: int = 0) -> None:
        self.terms = terms
        self.filters = filters

    @property
    def rule(self) -> str:
        return "one product" if self.terms == 1 else f"sum of {self.terms} products"


Bins = tuple[tuple[int, tuple[range, ...]], ...]
"""An axis (the batch counted) and the places on it that are taken together, for each axis on which some are."""


class Averaged(Record):
    """Each element is a mean of ``terms`` elements, times a constant at most.

    Attributes:
        bins: which elements; none while a size is open.
    """

    __slots__ = __match_args__ = ("bins", "terms")
    why: ClassVar[str] = "errors of the partial sums, in proportion to the mean of absolute values"

    def __init__(self, terms: Dim, bins: Bins = ()) -> None:
        self.terms = terms
        self.bins = bins

    @property
    def rule(self) -> str:
        return f"mean of {self.terms}"


class PowerMean(Record):
    """Each element is the ``power``-th root of a sum of ``terms`` ``power``-th powers, all of them signed."""

    __slots__ = __match_args__ = ("power", "terms")
    why: ClassVar[str] = "errors of the sum of absolute powers, and what the root makes of them"

    def __init__(self, terms: Dim, power: float) -> None:
        self.terms = terms
        self.power = power

    @property
    def rule(self) -> str:
        return f"root of a sum of {self.terms} powers"


class Interpolated(Record):
    """Each element is a weighted mean of neighbours: of ``taps`` along each spatial axis.

    Attributes:
        exact_places: every place that is read between the input's lies at a multiple of a power of two, which float32
            holds; else the weights carry the rounding of a coordinate, which grows with the size of the axis.
    """

    __slots__ = __match_args__ = ("exact_places", "taps")
    why: ClassVar[str] = "errors of the weights and their sum, in proportion to the largest neighbour"

    def __init__(self, taps: int, exact_places: bool) -> None:
        self.taps = taps
        self.exact_places = exact_places

    @property
    def rule(self) -> str:
        return f"interpolation of {self.taps} neighbours an axis"


class Function(Record):
    """One function of each element.

    Attributes:
        inner: the size of what is rounded on the way, where that may be larger than the result: 1 for 1/(1 + e^-x),
            whose 1 + e^-x is rounded.
        gate: that size is in proportion to the element: x * sigmoid(x).
    """

    __slots__ = __match_args__ = ("gate", "inner")
    why: ClassVar[str] = "errors of the argument, of the result, and of values inside the function"

    def __init__(self, inner: float = 0.0, gate: bool = False) -> None:
        self.inner = inner
        self.gate = gate

    @property
    def rule(self) -> str:
        return "function of each element"


class SoftmaxOver(Record):
    """e^x over the sum of the ``terms`` e^x along ``axis`` (the batch counted), or the logarithm of that."""

    __slots__ = __match_args__ = ("axis", "log", "terms")
    why: ClassVar[str] = "errors of the differences from the largest element, and of the sum of exponentials"

    def __init__(self, axis: int, terms: Dim, log: bool) -> None:
        self.axis = axis
        self.terms = terms
        self.log = log

    @property
    def rule(self) -> str:
        return f"{'logarithm of softmax' if self.log else 'softmax'} over {self.terms}"


class Normalised(Record):
    """(x - mean)/sqrt(variance + eps) * weight + bias, by the statistics of ``terms`` elements that lie in a row.

    Attributes:
        centred: the mean is taken away; else it is left, and the variance is the mean of the squares.
        by_channel: weight and bias have one number for each channel; else they lie along the last axes.
    """

    __slots__ = __match_args__ = ("by_channel", "centred", "eps", "terms")
    why: ClassVar[str] = "errors of mean and variance, in proportion to the elements before the mean is taken away"

    def __init__(self, terms: Dim, eps: float, *, centred: bool = True, by_channel: bool = False) -> None:
        self.terms = terms
        self.eps = eps
        self.centred = centred
        self.by_channel = by_channel

    @property
    def rule(self) -> str:
        return f"{'mean and variance' if self.centred else 'mean square'} of {self.terms}"


class Quotient(Record):
    """x over (``offset`` + a multiple of the sum of ``terms`` squares) to the power of ``power``."""

    __slots__ = __match_args__ = ("offset", "power", "terms")
    why: ClassVar[str] = "errors of the sum of squares, and what the power makes of them"

    def __init__(self, terms: Dim, offset: float, power: float) -> None:
        self.terms = terms
        self.offset = offset
        self.power = power

    @property
    def rule(self) -> str:
        return f"quotient by {self.terms} squares"


Rounding = Exact | Products | Averaged | PowerMean | Interpolated | Function | SoftmaxOver | Normalised | Quotient
