"""The matrix of a linear step: row-major elements of its result from those of its input, sparse and tied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import Enum
from itertools import islice
from math import prod

from specc.ir.graph import Node
from specc.ir.op import Parameter
from specc.ir.record import Record
from specc.ir.traits import Pointwise
from specc.ir.types import fixed

Addends = Mapping[int | None, float]
"""What an entry adds up: by element of the weight (None: no weight) its factor."""


class Nonlinear(Enum):
    """Why a step has no matrix."""

    SEVERAL = "it takes several values"
    CURVE = "it bends each element"
    CHOICE = "the numbers decide which elements go on"
    RANDOM = "in training it is another one at every draw"
    STATISTICS = "it divides by what it computes from its input"
    OTHER = "what it makes of a sum is not the sum of what it makes of the addends"


class NoMatrix(Exception):
    """The step has no matrix."""

    def __init__(self, reason: Nonlinear) -> None:
        super().__init__(reason)
        self.reason = reason


class TooMany(Exception):
    """The matrix has more addends than were asked for."""


class StepMatrix(Record):
    """A linear step as result = matrix * input + bias.

    Attributes:
        rows, columns: elements of a sample of the result, and of the input.
        entries: those that are not 0 whatever the weight is, by row and column, in this order.
    """

    node: Node
    rows: int
    columns: int
    entries: Mapping[tuple[int, int], Addends]

    @property
    def weight(self) -> Parameter | None:
        """The tensor whose elements the entries have as factors."""
        owned = self.node.parameters
        return owned[0] if owned else None

    @property
    def bias(self) -> Parameter | None:
        return next((tensor for tensor in self.node.parameters if tensor.name == "bias"), None)

    @property
    def uses(self) -> Counter[int]:
        """In how many entries each element of the weight stands."""
        return Counter(weight for addends in self.entries.values() for weight in addends if weight is not None)

    def bias_of(self, row: int) -> int:
        """The element of the bias that is added to a row."""
        sample = tuple(map(fixed, self.node.type.sample))
        axis = self.node.op.bias_axis(*self.node.input_types) or 0
        return row // prod(sample[axis + 1 :]) % sample[axis]


def step_matrix(node: Node, most: int) -> StepMatrix:
    """The matrix of a step whose sizes are numbers.

    Args:
        most: addends of its entries.

    Raises:
        Unlike: the step is not linear.
        TooMany: it has more addends than ``most``.
    """
    coefficients = node.op.matrix(*node.input_types) if len(node.reads) == 1 else None
    if coefficients is None:
        raise NoMatrix(_reason(node))
    entries: dict[tuple[int, int], dict[int | None, float]] = {}
    for number, (row, column, weight, factor) in enumerate(islice(coefficients, most + 1)):
        if number == most:
            raise TooMany
        addends = entries.setdefault((row, column), {})
        addends[weight] = addends.get(weight, 0.0) + factor
    rows, columns = fixed(node.type.elements), fixed(node.input_types[0].elements)
    return StepMatrix(node, rows, columns, dict(sorted(entries.items())))


def _reason(node: Node) -> Nonlinear:
    op, types = node.op, node.input_types
    if len(node.reads) > 1:
        return Nonlinear.SEVERAL
    if op.activation and isinstance(op.window(*types), Pointwise):
        return Nonlinear.CURVE
    if op.zeroed():
        return Nonlinear.RANDOM
    if op.selects(*types):
        return Nonlinear.CHOICE
    return Nonlinear.OTHER if op.norm(*types) is None else Nonlinear.STATISTICS
