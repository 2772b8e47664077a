"""What float32 arithmetic a step is: how far a right engine's result may be from the exact one.

An operator states one of these. They say what is added and what is left of it, not how large the error may be: that is
`specc.verify.step_bounds`, which knows the numbers.
"""

from __future__ import annotations

from specc.ir.record import Record
from specc.ir.size import Dim


class Exact(Record):
    """Numbers are moved, chosen, or each the outcome of correctly rounded operations in a fixed order.

    IEEE 754 leaves no choice: every engine gives the same number, but for the sign of zeros, since the largest of 0.0
    and -0.0 is either.
    """

    why = "moved, chosen, or rounded once in a fixed order: every right engine gives the same number"

    @property
    def rule(self) -> str:
        return "exact"


class Products(Record):
    """Each element is a sum of ``terms`` products with the step's own tensors or constants, and of its bias.

    Attributes:
        filters: the axis of the weight along which the filters lie.
    """

    why = "errors of the partial sums, in proportion to the sum of absolute products"

    terms: Dim
    filters: int = 0

    @property
    def rule(self) -> str:
        return "one product" if self.terms == 1 else f"sum of {self.terms} products"


Bins = tuple[tuple[int, tuple[range, ...]], ...]
"""An axis (the batch counted) and the places on it of each mean, for each axis along which means are computed."""


class Averaged(Record):
    """Each element is a mean of ``terms`` elements, times a constant at most.

    Attributes:
        bins: which elements; none while a size is open.
    """

    why = "errors of the partial sums, in proportion to the mean of absolute values"

    terms: Dim
    bins: Bins = ()

    @property
    def rule(self) -> str:
        return f"mean of {self.terms}"


class Summed(Averaged):
    """Each element is a sum of ``terms`` elements."""

    why = "errors of the partial sums, in proportion to the sum of absolute values"

    @property
    def rule(self) -> str:
        return f"sum of {self.terms}"


class PowerMean(Record):
    """Each element is the ``power``-th root of a sum of ``terms`` ``power``-th powers, all of them signed."""

    why = "errors of the sum of absolute powers, and what the root makes of them"

    terms: Dim
    power: float

    @property
    def rule(self) -> str:
        return f"root of a sum of {self.terms} powers"


class Interpolated(Record):
    """Each element is a weighted mean of neighbours: of ``taps`` along each spatial axis.

    Attributes:
        exact_places: every place that is read between the input's lies at a multiple of a power of two, which float32
            holds; else the weights carry the rounding of a coordinate, which grows with the size of the axis.
    """

    why = "errors of the weights and their sum, in proportion to the largest neighbour"

    taps: int
    exact_places: bool

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

    why = "errors of the argument, of the result, and of values inside the function"

    inner: float = 0.0
    gate: bool = False

    @property
    def rule(self) -> str:
        return "function of each element"


class Power(Record):
    """Each element to the power of ``exponent``."""

    why = "errors of the argument, of the exponent where float32 does not hold it, and of the result"

    exponent: float

    @property
    def rule(self) -> str:
        return f"power {self.exponent:g} of each element"


class Fused(Record):
    """Each element is a sum of ``terms`` inputs, each times a share of at least 0 that is computed from weights."""

    why = "errors of the shares and of the sum, in proportion to the sum of absolute products"

    terms: int

    @property
    def rule(self) -> str:
        return f"weighted mean of {self.terms}"


class Gated(Record):
    """One half of an axis times the sigmoid of the other.

    Attributes:
        axis: it is halved, the batch counted.
    """

    why = "errors of the argument and of the sigmoid, in proportion to what it is the factor of"

    axis: int

    @property
    def rule(self) -> str:
        return "product with a sigmoid"


class SoftmaxOver(Record):
    """e^x over the sum of the ``terms`` e^x along ``axis`` (the batch counted), or the logarithm of that.

    Attributes:
        negated: it is of -x.
    """

    why = "errors of the differences from the largest element, and of the sum of exponentials"

    axis: int
    terms: Dim
    log: bool
    negated: bool = False

    @property
    def rule(self) -> str:
        name = "logarithm of softmax" if self.log else "softmax"
        return f"{name}{' of -x' if self.negated else ''} over {self.terms}"


class Attention(Record):
    """Linear layers, and between them means by softmax of products, in ``heads`` parts of the features.

    Attributes:
        terms: how many places each mean is of.
    """

    why = "errors of the projections, of the weights that follow from their products, and of the means by these"

    heads: int
    terms: Dim

    @property
    def rule(self) -> str:
        return f"attention over {self.terms}"


class Normalised(Record):
    """(x - mean)/sqrt(variance + eps) * weight + bias, by the statistics of ``terms`` elements that lie in a row.

    Attributes:
        centred: the mean is subtracted; else it is left, and the variance is the mean of the squares.
        by_channel: weight and bias have one number for each channel; else they lie along the last axes.
    """

    why = "errors of mean and variance, in proportion to the elements before the mean is taken away"

    terms: Dim
    eps: float
    centred: bool = True
    by_channel: bool = False

    @property
    def rule(self) -> str:
        return f"{'mean and variance' if self.centred else 'mean square'} of {self.terms}"


class Quotient(Record):
    """x over (``offset`` + a multiple of the sum of ``terms`` squares) to the power of ``power``.

    Attributes:
        of: what is added.
    """

    why = "errors of the sum, and what the power makes of them"

    terms: Dim
    offset: float
    power: float
    of: str = "squares"

    @property
    def rule(self) -> str:
        return f"quotient by {self.terms} {self.of}"


Rounding = (
    Exact
    | Products
    | Averaged
    | PowerMean
    | Interpolated
    | Function
    | Power
    | Fused
    | Gated
    | SoftmaxOver
    | Attention
    | Normalised
    | Quotient
)
