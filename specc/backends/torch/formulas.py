"""What a number is in terms of the arguments of a class: ``4 * c``, ``in_channels // 2 + 3 * growth``, ``k // 2``.

A block computes its numbers from its arguments and its input, and the graph has nothing but the results. So a formula
is looked for that holds in every use, among those that people write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

Key = tuple[str, tuple[str, ...]]
"""What arguments that are one have in common: their kind, and their values to the last bit and type."""

Counts = tuple[int, ...]
"""Positive whole numbers, one for each use."""

_FACTORS = (*range(2, 9), 16, 32)
"""``4 * c`` is how the author thought of it; 57 * c is a coincidence."""

_SCALES = ((1, 1), (1, 2), (1, 4), (2, 1), (4, 1))
"""Factors and divisors of what grows: after a halving the channels start from half."""

_SHARES = (2, 4)
"""A transition of a dense network halves all that has grown."""


@dataclass(frozen=True, slots=True)
class Formula:
    """``(factor * base // divisor + offset * unit) // share``; without a unit, ``offset`` is the number itself."""

    base: Key
    factor: int = 1
    divisor: int = 1
    offset: int = 0
    unit: Key | None = None
    share: int = 1

    @property
    def keys(self) -> tuple[Key, ...]:
        """What it speaks of."""
        return (self.base,) if self.unit is None else (self.base, self.unit)


def are_counts(values: tuple[object, ...]) -> TypeGuard[Counts]:
    return all(type(value) is int and value > 0 for value in values)


class Bases:
    """What channels may be told from, with its values in every use.

    Args:
        values: the block's own arguments, those that count channels first; then the channels of its input.
        entry: which one is that of the input.
        counted: all numbers of channels in the block, as text.
    """

    def __init__(self, values: Mapping[Key, Counts], entry: Key, counted: set[tuple[str, ...]]) -> None:
        self._values = values
        self._counted = counted
        self._growing = sorted((key for key in values if len({*key[1]}) > 1), key=lambda key: key != entry)
        self._multiples: dict[int, list[Formula]] = {}
        for key, (first, *_) in values.items():
            for factor in _FACTORS:
                self._multiples.setdefault(factor * first, []).append(Formula(key, factor))
                self._multiples.setdefault(first // factor, []).append(Formula(key, 1, factor))

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def multiple(self, values: Counts, *, without: Key | None = None, is_whole: bool = False) -> Formula | None:
        """The first small multiple or fraction of a base that the values are; rather one that leaves no rest.

        Args:
            without: a base that is not looked at.
            is_whole: no fraction.
        """
        found = [
            formula
            for formula in self._multiples.get(values[0], ())
            if formula.base != without and not (is_whole and formula.divisor > 1) and self._holds(formula, values)
        ]
        return min(found, key=lambda formula: not self._is_exact(formula), default=None)

    def share(self, values: Counts) -> Formula | None:
        """The first small multiple or fraction that leaves no rest: groups have so many channels each."""
        formula = self.multiple(values)
        return formula if formula and self._is_exact(formula) else None

    def _is_exact(self, formula: Formula) -> bool:
        return all(number % formula.divisor == 0 for number in self._values[formula.base])

    def _holds(self, formula: Formula, values: Counts) -> bool:
        base = self._values[formula.base]
        pairs = zip(base, values, strict=True)
        return all(formula.factor * number // formula.divisor == value for number, value in pairs)

    def sum(self, values: Counts) -> Formula | None:
        """The values as a base, or a part of it, and what has been added in every use alike."""
        return next(self._sums(values), None)

    def _sums(self, values: Counts) -> Iterator[Formula]:
        for share in _SHARES:
            whole = [share * number for number in values]
            if tuple(map(repr, whole)) in self._counted:
                yield from (replace(formula, share=share) for formula in self._grown(whole, (1, 1)))
        for scale in _SCALES:
            yield from self._grown(values, scale)

    def _grown(self, values: Sequence[int], scale: tuple[int, int]) -> Iterator[Formula]:
        """The values as a base, scaled so, and what has been added."""
        factor, divisor = scale
        for key in self._growing:
            differences = [a - factor * b // divisor for a, b in zip(values, self._values[key], strict=True)]
            yield from (Formula(key, factor, divisor, number, unit) for number, unit in self._steps(key, differences))

    def _steps(self, base: Key, differences: Sequence[int]) -> Iterator[tuple[int, Key | None]]:
        """The differences as one number, or as so many times another argument."""
        first = differences[0]
        if first and all(difference == first for difference in differences):
            yield first, None
        for unit in self._growing:
            numbers = self._values[unit]
            times, rest = divmod(first, numbers[0])
            if unit == base or rest or not times:
                continue
            if all(difference == times * number for difference, number in zip(differences, numbers, strict=True)):
                yield times, unit


def half(values: tuple[object, ...], kernels: Iterable[tuple[Key, tuple[object, ...]]]) -> Formula | None:
    """A padding as half of a kernel: ``k // 2``."""
    for key, kernel in kernels:
        if all(type(k) is int and k // 2 == value for k, value in zip(kernel, values, strict=True)):
            return Formula(key, divisor=2)
    return None
