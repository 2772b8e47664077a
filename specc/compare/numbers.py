"""The numbers in two files: which tensors have others, and how far they are from what they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from specc.weights.tensors import Array

Reader = Mapping[str, Callable[[], Array]]
"""For each tensor by its name what reads its numbers, as float32."""


class TensorNumbers(NamedTuple):
    """A tensor whose numbers are others.

    Attributes:
        before, after: its names.
        elements: how many there are, and ``differing`` how many of them are others.
        largest: the largest difference; infinite where a number is none.
        scale: the largest number before, whatever its sign.
        is_rounding: the numbers of the one are those of the other rounded to float16.
    """

    before: str
    after: str
    elements: int
    differing: int
    largest: float
    scale: float
    is_rounding: bool


class NumbersChange(NamedTuple):
    """The numbers of two files.

    Attributes:
        compared: how many tensors stand for one another, and have been compared.
        left_out: how many of either file stand for none of the other, or for one of another shape.
        changed: those with other numbers, the largest difference first.
    """

    compared: int
    left_out: int
    tensors: tuple[TensorNumbers, ...]

    @property
    def changed(self) -> bool:
        return bool(self.tensors)

    @property
    def is_rounding(self) -> bool:
        """Whether all that has changed is rounded to float16, or was."""
        return bool(self.tensors) and all(tensor.is_rounding for tensor in self.tensors)


def compare_numbers(pairs: Iterable[tuple[str, str]], before: Reader, after: Reader) -> NumbersChange:
    """Compare the tensors of each pair: one pair is in memory at a time.

    Raises:
        UsageError: numbers cannot be read.
    """
    compared, changed = 0, []
    for old, new in pairs:
        if old in before and new in after:
            one, other = before[old]().reshape(-1), after[new]().reshape(-1)
            if one.size == other.size:
                compared += 1
                changed += _differing(old, new, one, other)
    return NumbersChange(
        compared,
        len(before) + len(after) - 2 * compared,
        tuple(sorted(changed, key=lambda tensor: tensor.largest, reverse=True)),
    )


def _differing(old: str, new: str, one: Array, other: Array) -> list[TensorNumbers]:
    differs = ~((one == other) | (np.isnan(one) & np.isnan(other)))
    if not differs.any():
        return []
    a, b = one[differs].astype(np.float64), other[differs].astype(np.float64)
    with np.errstate(all="ignore"):
        distance = np.abs(a - b)
        halves = np.array_equal(a.astype(np.float16), b) or np.array_equal(b.astype(np.float16), a)
        scale = float(np.abs(one, dtype=np.float64).max(initial=0.0, where=np.isfinite(one)))
    largest = float(distance.max()) if np.isfinite(distance).all() else float("inf")
    return [TensorNumbers(old, new, one.size, int(differs.sum()), largest, scale, halves)]
