"""The algebra under sizes: polynomials with whole coefficients over symbols and floors.

A polynomial is a dict from monomials to coefficients other than 0. A monomial is a sorted tuple of factors: the
name of a symbol (which stands for the symbol's *index*, see `Symbol`) or a `Floor`. The empty monomial is 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd, lcm, prod
from typing import TypeGuard

MOST_TERMS = 200
MOST_FACTORS = 64
"""Bounds on a formula. Real ones have a handful of terms; a program could square a size again and again."""
MOST_NESTED = 1000
"""Characters of what stands in a floor. Sums of floors in floors double with each level, as does evaluating them."""


class Unwieldy(ValueError):
    """A formula is larger than `MOST_TERMS`, `MOST_FACTORS` or `MOST_NESTED`."""


class Floor:
    """floor(terms / divisor), with every coefficient of ``terms`` in 0 … divisor - 1.

    So it is at least 0 and never falls while the indices are at least 0 and rise.
    """

    __slots__ = ("divisor", "key", "names", "opposite", "terms")

    def __init__(self, terms: Terms, divisor: int) -> None:
        self.terms = terms
        self.divisor = divisor
        self.names = names(terms)
        self.key = f"[{_key(terms)}]/{divisor}"
        self.opposite: Terms | None = None
        if len(self.key) > MOST_NESTED:
            raise Unwieldy("a size has a formula of too many floors in floors")

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Floor) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.key


Factor = str | Floor
Monomial = tuple[Factor, ...]
Terms = dict[Monomial, int]


def _key(terms: Terms) -> str:
    return "+".join(sorted("*".join([str(c), *map(str, monomial)]) for monomial, c in terms.items()))


def names(terms: Terms) -> frozenset[str]:
    """The symbols in it, in floors too."""
    found = set[str]()
    for monomial in terms:
        for factor in monomial:
            if isinstance(factor, str):
                found.add(factor)
            else:
                found |= factor.names
    return frozenset(found)


def floors(terms: Terms) -> list[Floor]:
    """The floors among its factors (not those in floors), in a fixed order."""
    found = {factor for monomial in terms for factor in monomial if not isinstance(factor, str)}
    return sorted(found, key=str)


def is_bare(monomial: Monomial) -> TypeGuard[tuple[Floor]]:
    """Whether it is one floor and nothing else."""
    return len(monomial) == 1 and isinstance(monomial[0], Floor)


def constant(value: int) -> Terms:
    return {(): value} if value else {}


def plus(a: Terms, b: Terms, times: int = 1) -> Terms:
    """a + times * b."""
    total = dict(a)
    for monomial, coefficient in b.items():
        total[monomial] = total.get(monomial, 0) + times * coefficient
    return {monomial: coefficient for monomial, coefficient in total.items() if coefficient}


def scaled(a: Terms, by: int) -> Terms:
    return {monomial: by * coefficient for monomial, coefficient in a.items()} if by else {}


def product(a: Terms, b: Terms) -> Terms:
    """a * b. Raises Unwieldy where it passes `MOST_TERMS` or `MOST_FACTORS`."""
    total: Terms = {}
    for left, c in a.items():
        for right, d in b.items():
            monomial = tuple(sorted(left + right, key=str)) if left and right else left or right
            total[monomial] = total.get(monomial, 0) + c * d
    if len(total) > MOST_TERMS or max(map(len, total), default=0) > MOST_FACTORS:
        raise Unwieldy(f"a size has a formula of more than {MOST_TERMS} terms or {MOST_FACTORS} factors")
    return {monomial: coefficient for monomial, coefficient in total.items() if coefficient}


def floored(terms: Terms, divisor: int) -> Terms:
    """floor(terms / divisor) for a divisor of at least 1: a polynomial plus at most one floor."""
    whole: Terms = {}
    while divisor > 1:
        terms = _facing_up(terms)
        whole = plus(whole, {monomial: c // divisor for monomial, c in terms.items()})
        terms = {monomial: c % divisor for monomial, c in terms.items() if c % divisor}
        common = gcd(divisor, *(c for monomial, c in terms.items() if monomial))
        if common > 1:  # floor((2x + c) / 2d) = floor((x + floor(c / 2)) / d)
            divisor //= common
            terms = {monomial: c // common for monomial, c in terms.items() if c // common}
        nested = _nested(terms)
        if divisor == 1 or nested is None:
            break
        rest = {monomial: c for monomial, c in terms.items() if monomial != (nested,)}
        terms = plus(nested.terms, rest, nested.divisor)  # floor((floor(p / a) + q) / b) = floor((p + aq) / ab)
        divisor *= nested.divisor
    if divisor == 1 or not any(terms):  # a constant below the divisor is gone
        return plus(whole, terms) if divisor == 1 else whole
    return plus(whole, {(Floor(terms, divisor),): 1})


def _nested(terms: Terms) -> Floor | None:
    """The only floor in it, where that stands alone and once."""
    found = [monomial for monomial in terms if any(not isinstance(factor, str) for factor in monomial)]
    if len(found) == 1 and is_bare(found[0]) and terms[found[0]] == 1:
        return found[0][0]
    return None


def _facing_up(terms: Terms) -> Terms:
    """The same with p + floor(…) for p - floor(…), where that is the only floor."""
    found = floors(terms)
    if len(found) == 1 and terms.get((found[0],)) == -1 and sum(found[0] in monomial for monomial in terms) == 1:
        return replaced(terms, found[0])
    return terms


def opposite(floor: Floor) -> Terms:
    """The same number by the floor of the opposite: floor(p / d) = -1 - floor((-p - 1) / d)."""
    if floor.opposite is None:
        turned = floored(plus(constant(-1), floor.terms, -1), floor.divisor)
        floor.opposite = plus(constant(-1), turned, -1)
    return floor.opposite


def replaced(terms: Terms, floor: Floor) -> Terms:
    """The same with `opposite` for the floor."""
    total: Terms = {}
    for monomial, coefficient in terms.items():
        part: Terms = {(): coefficient}
        for factor in monomial:
            part = product(part, opposite(floor) if factor == floor else {(factor,): 1})
        total = plus(total, part)
    return total


def tidy(terms: Terms) -> Terms:
    """The same, written so that equal formulas mostly look alike.

    Of a floor and its opposite at most one is kept, so that ceil(H/2) + floor(H/2) is H; and no floor that stands
    alone is subtracted: ceil(H/2) = H - floor(H/2) is floor((H + 1)/2).
    """
    found = floors(terms)
    for floor in found:
        if any(other in found and str(floor) < str(other) for other in floors(opposite(floor))):
            terms = replaced(terms, floor)
    for floor in floors(terms):
        if terms.get((floor,), 0) < 0 and sum(floor in monomial for monomial in terms) == 1:
            terms = replaced(terms, floor)
    return terms


def substituted(terms: Terms, by: Mapping[str, Terms]) -> Terms:
    """The same with polynomials for the symbols."""
    total: Terms = {}
    for monomial, coefficient in terms.items():
        part: Terms = {(): coefficient}
        for factor in monomial:
            part = product(part, _substitute(factor, by))
        total = plus(total, part)
    return total


def _substitute(factor: Factor, by: Mapping[str, Terms]) -> Terms:
    if isinstance(factor, str):
        return by.get(factor, {(factor,): 1})
    return floored(substituted(factor.terms, by), factor.divisor)


def length(terms: Terms) -> int:
    """How many sums and products it is written with, in floors too."""
    inner = (length(factor.terms) for monomial in terms for factor in monomial if not isinstance(factor, str))
    return len(terms) + sum(inner)


def evaluated(terms: Terms, at: Mapping[str, int]) -> int:
    """Its value where the symbols have these indices. Raises KeyError for one without."""
    return sum(c * prod(_value(factor, at) for factor in monomial) for monomial, c in terms.items())


def _value(factor: Factor, at: Mapping[str, int]) -> int:
    return at[factor] if isinstance(factor, str) else evaluated(factor.terms, at) // factor.divisor


def period(terms: Terms, name: str) -> int:
    """A period of the symbol: for index = period * t + r, every floor is a polynomial of t."""
    return lcm(*(_period(factor, name) for monomial in terms for factor in monomial))


def _period(factor: Factor, name: str) -> int:
    """Of floor(p / d): that of every monomial of p, times what the coefficient leaves of d."""
    if isinstance(factor, str) or name not in factor.names:
        return 1
    return lcm(
        *(
            period({monomial: 1}, name) * (factor.divisor // gcd(factor.divisor, coefficient))
            for monomial, coefficient in factor.terms.items()
            if name in names({monomial: 1})
        )
    )


def degree(terms: Terms, name: str) -> int:
    """A bound on its degree in the symbol."""
    return max((sum(_degree(factor, name) for factor in monomial) for monomial in terms), default=0)


def _degree(factor: Factor, name: str) -> int:
    if isinstance(factor, str):
        return int(factor == name)
    return degree(factor.terms, name)
