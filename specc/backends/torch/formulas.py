"""What stands in a hole, in terms of its class's arguments: ``4 * c``, ``in_channels // 2 + 3 * growth``, ``k // 2``.

A block computes its numbers from its arguments and its input, and the graph has nothing but the results. So a formula
is looked for that holds in every use, among those that people write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeGuard, TypeVar

from specc.backends.torch.python import Expr, Listing, Offset
from specc.backends.torch.step_code import literal

Term = TypeVar("Term")

Key = tuple[str, tuple[str, ...]]
"""What columns that are one argument have in common: their kind, and their values to the last bit and type."""

Counts = tuple[int, ...]
"""Positive whole numbers, one for each use."""

_FACTORS = (*range(2, 9), 16, 32)
"""``4 * c`` is how the author thought of it; 57 * c is a coincidence."""

_SCALES = ((1, 1), (1, 2), (1, 4), (2, 1), (4, 1))
"""Factors and divisors of what grows: after a halving the channels start from half."""

_SHARES = (2, 4)
"""A transition of a dense network halves all that has grown."""


@dataclass(frozen=True, slots=True)
class ConstantValue:
    """The same value everywhere."""

    value: object


@dataclass(frozen=True, slots=True)
class Formula(Generic[Term]):
    """``(factor * base // divisor + offset * unit) // share``; without a unit, ``offset`` is the number itself.

    A term is the `Key` of an argument while arguments are looked for, and its index in the constructor afterwards.
    """

    base: Term
    factor: int = 1
    divisor: int = 1
    offset: int = 0
    unit: Term | None = None
    share: int = 1

    @property
    def terms(self) -> tuple[Term, ...]:
        return (self.base,) if self.unit is None else (self.base, self.unit)


@dataclass(frozen=True, slots=True)
class TupleOf:
    """A tuple of such."""

    items: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class ModuleValue:
    """A module of the class ``family``, by the values of its constructor's arguments."""

    family: int
    values: tuple[object, ...]


Binding = ConstantValue | Formula[int] | TupleOf
"""What stands in a hole."""


def written(binding: Binding, names: Sequence[str]) -> Expr:
    """The text of what stands in a hole.

    Args:
        names: of the arguments.
    """
    match binding:
        case ConstantValue(value):
            return literal(value)
        case TupleOf(items):
            return Listing(tuple(written(item, names) for item in items))
        case Formula(base, factor, divisor, offset, unit, share):
            times = f"{factor} * " if factor > 1 else ""
            over = f" // {divisor}" if divisor > 1 else ""
            grown = Offset(f"{times}{names[base]}{over}", str(offset), "" if unit is None else names[unit])
            return grown if share == 1 else f"({grown}) // {share}"


def in_terms_of(binding: Binding, outer: Sequence[Binding]) -> Binding:
    """What stands in a sequence's hole where the sequence stands, ``outer`` being what its arguments are there."""
    match binding:
        case Formula(base, offset=offset):
            return increased(outer[base], offset)
        case TupleOf(items):
            return TupleOf(tuple(in_terms_of(item, outer) for item in items))
    return binding


def increased(count: Binding, number: int) -> Binding:
    """The number of rounds and so many more."""
    match count:
        case _ if number == 0:
            return count
        case ConstantValue(int(value)):
            return ConstantValue(value + number)
        case Formula(unit=None, share=1):
            return replace(count, offset=count.offset + number)
    raise TypeError(f"{count} is no number of rounds")


def are_counts(values: tuple[object, ...]) -> TypeGuard[Counts]:
    return all(type(value) is int and value > 0 for value in values)


class Bases:
    """The arguments that channels may be computed from, with their values in every use.

    Args:
        values: the block's own arguments, those that count channels first; then the channels of its input.
        entry: which one is that of the input.
        counted: all numbers of channels in the block, as text.
    """

    def __init__(self, values: Mapping[Key, Counts], entry: Key, counted: set[tuple[str, ...]]) -> None:
        self._values = values
        self._counted = counted
        self._growing = sorted((key for key in values if len({*key[1]}) > 1), key=lambda key: key != entry)
        self._multiples: dict[int, list[Formula[Key]]] = {}
        for key, (first, *_) in values.items():
            for factor in _FACTORS:
                self._multiples.setdefault(factor * first, []).append(Formula(key, factor))
                self._multiples.setdefault(first // factor, []).append(Formula(key, 1, factor))

    def multiple(self, values: Counts, *, without: Key | None = None, is_whole: bool = False) -> Formula[Key] | None:
        """The first small multiple or fraction of a base that the values are; rather one that leaves no rest.

        Args:
            without: a base that is not looked at.
            is_whole: no fraction.
        """
        fitting = [
            formula
            for formula in self._multiples.get(values[0], ())
            if formula.base != without
            and not (is_whole and formula.divisor > 1)
            and values == tuple(formula.factor * n // formula.divisor for n in self._values[formula.base])
        ]
        return min(fitting, key=lambda formula: not self._is_exact(formula), default=None)

    def share(self, values: Counts) -> Formula[Key] | None:
        """The first small multiple or fraction that leaves no rest: groups have so many channels each."""
        formula = self.multiple(values)
        return formula if formula and self._is_exact(formula) else None

    def _is_exact(self, formula: Formula[Key]) -> bool:
        return all(number % formula.divisor == 0 for number in self._values[formula.base])

    def sum(self, values: Counts) -> Formula[Key] | None:
        """The values as a base, or a part of it, and what has been added in every use alike."""
        for share in _SHARES:
            total = tuple(share * number for number in values)
            if tuple(map(repr, total)) in self._counted and (formula := next(self._grown(total, (1, 1)), None)):
                return replace(formula, share=share)
        return next((formula for scale in _SCALES for formula in self._grown(values, scale)), None)

    def _grown(self, values: Counts, scale: tuple[int, int]) -> Iterator[Formula[Key]]:
        """The values as a base, scaled so, and what has been added: one number, or so many times another argument."""
        factor, divisor = scale
        for key in self._growing:
            added = [value - factor * n // divisor for value, n in zip(values, self._values[key], strict=True)]
            if added[0] and len({*added}) == 1:
                yield Formula(key, factor, divisor, added[0])
            for unit in self._growing:
                numbers = self._values[unit]
                times = added[0] // numbers[0]
                if unit != key and times and added == [times * number for number in numbers]:
                    yield Formula(key, factor, divisor, times, unit)


def half(values: tuple[object, ...], kernels: Iterable[tuple[Key, tuple[object, ...]]]) -> Formula[Key] | None:
    """A padding as half of a kernel: ``k // 2``."""
    for key, kernel in kernels:
        if all(type(k) is int and k // 2 == value for k, value in zip(kernel, values, strict=True)):
            return Formula(key, divisor=2)
    return None
