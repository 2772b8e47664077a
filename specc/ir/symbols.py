"""Symbols: sizes known by name only, and the values they may take."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd, lcm

from specc.diagnostics.finding import Clause, Condition

LARGEST_MODULUS = 2**31
"""Far beyond any condition of a network."""
USUAL = 224
"""The size at which a symbolic network is shown by default: that of ImageNet's images."""


class Symbol:
    """A size of the contract known only by name, and every value it may take. It does not change.

    The values are the whole numbers v with ``least`` <= v <= ``most`` and v % ``modulus`` == ``residue``.
    The value number i is ``modulus * i + residue``; formulas are over these numbers, the *index*, so that H // 16
    is a polynomial where H % 16 == 0.

    Attributes:
        first: the least index.
        last: the greatest index; None: there is none.
        count: how many values there are; None: no end of them.

    Raises:
        ValueError: where there is no such value.
    """

    # No dataclass: making one takes longer than all else that `specc check` does with sizes.
    __slots__ = ("_facts", "_hash", "count", "first", "last", "least", "modulus", "most", "name", "residue")

    def __init__(self, name: str, least: int = 1, most: int | None = None, modulus: int = 1, residue: int = 0) -> None:
        self.name, self.least, self.most, self.modulus, self.residue = name, least, most, modulus, residue
        if not 1 <= modulus <= LARGEST_MODULUS:
            raise ValueError(f"{name} % {modulus}: a size is divided by 1 … 2**31")
        if not 0 <= residue < modulus:
            raise ValueError(f"{name} % {modulus} is never {residue}")
        self.first = -((residue - least) // modulus)
        self.last = None if most is None else (most - residue) // modulus
        self.count = None if self.last is None else self.last - self.first + 1
        if self.count is not None and self.count < 1:
            raise ValueError(f"{self.condition} contradict each other")
        self._facts = (name, least, most, modulus, residue)
        self._hash = hash(self._facts)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Symbol) and self._facts == other._facts)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Symbol({self.condition or self.name})"

    @property
    def condition(self) -> Condition:
        """What a contract asks of its values, each clause once: ``H % 16 == 0, H >= 33``; empty of any size."""
        clauses = [Clause(self.name, "==", self.residue, self.modulus)] if self.modulus > 1 else []
        if self.least == self.most:
            return Condition((*clauses, Clause(self.name, "==", self.least)), necessary=True)
        if self.least > max(1, self.residue or self.modulus):  # a multiple of 16 is at least 16 anyway
            clauses.append(Clause(self.name, ">=", self.least))
        if self.most is not None:
            clauses.append(Clause(self.name, "<=", self.most))
        return Condition(tuple(clauses), necessary=True)

    def value(self, index: int) -> int:
        """The value number ``index``."""
        return self.modulus * index + self.residue

    def allows(self, value: int) -> bool:
        """Whether it may take this value."""
        return (
            self.least <= value and (self.most is None or value <= self.most) and value % self.modulus == self.residue
        )

    def refusal(self, value: object) -> str:
        """Why it may not take this value, for the user."""
        return f"{self.name} = {value} is not allowed: {self.condition or 'a size is a whole number from 1 on'}"

    def nearest(self, value: int) -> int:
        """The least of its values from ``value`` on, else the greatest."""
        index = max(self.first, -((self.residue - value) // self.modulus))
        return self.value(index if self.last is None else min(index, self.last))

    def index(self, value: int) -> int:
        """The number of ``value``. Raises ValueError for a value that it may not take."""
        if not self.allows(value):
            raise ValueError(self.refusal(value))
        return (value - self.residue) // self.modulus


def contract_condition(symbols: Iterable[Symbol]) -> Condition:
    """What a contract asks of its symbolic sizes, as one condition."""
    return Condition(tuple(clause for symbol in symbols for clause in symbol.condition.clauses))


def restrict(
    symbol: Symbol,
    *,
    least: int | None = None,
    most: int | None = None,
    modulus: int | None = None,
    residue: int | None = None,
) -> Symbol:
    """The symbol narrowed by one more condition; ``residue`` is 0 where only ``modulus`` is given.

    Raises:
        ValueError: in words, where no value is left or the moduli together pass 2**31.
    """
    if modulus is not None:
        Symbol(symbol.name, modulus=modulus, residue=residue or 0)
    floor = symbol.least if least is None else max(symbol.least, least)
    ceiling = most if symbol.most is None or (most is not None and most < symbol.most) else symbol.most
    # The one congruence that says what the two say (Chinese remainder theorem).
    modulus, residue = modulus or 1, residue or 0
    shared = gcd(symbol.modulus, modulus)
    if (residue - symbol.residue) % shared:
        raise ValueError(
            f"{symbol.name} % {modulus} == {residue} contradicts {symbol.name} % {symbol.modulus} == {symbol.residue}"
        )
    common = lcm(symbol.modulus, modulus)
    if common > LARGEST_MODULUS:
        raise ValueError(
            f"{symbol.name} % {symbol.modulus} and {symbol.name} % {modulus} together ask for "
            f"{symbol.name} % {common}; at most 2**31 can be reasoned about"
        )
    step = (residue - symbol.residue) // shared * pow(symbol.modulus // shared, -1, modulus // shared)
    return Symbol(symbol.name, floor, ceiling, common, (symbol.residue + symbol.modulus * step) % common)


def samples(symbol: Symbol, count: int) -> list[int]:
    """Up to ``count`` of its values, ascending: the least ones, then ever larger ones of both parities.

    The indices above the least are 0, 1, 2, 4, 7, 12 … (Fibonacci numbers less one), as far as there are values;
    where those run out, the gaps are filled from below.
    """
    number = count if symbol.count is None else min(count, symbol.count)
    offsets, one, two = set[int](), 1, 2
    while len(offsets) < count and (symbol.count is None or one - 1 < symbol.count):
        offsets.add(one - 1)
        one, two = two, one + two
    filler = iter(range(number))
    while len(offsets) < number:
        offsets.add(next(filler))
    return [symbol.value(symbol.first + offset) for offset in sorted(offsets)]
