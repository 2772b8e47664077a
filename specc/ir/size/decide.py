"""What holds of a formula at every value of its symbols: whether it is 0, and its bounds.

Plain equivalent: try every value. There may be no end of them; so every symbol is split into the residue classes of a
period, index = first + r + period * t. In each class every floor is a polynomial of t >= 0, and so is the formula,
which is 0 everywhere exactly where its coefficients are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product as combinations
from math import comb, prod

from specc.ir.size.symbols import Symbol
from specc.ir.size.terms import Monomial, Terms, constant, degree, evaluated, names, period, scaled, substituted

Domain = tuple[Symbol, ...]
Tops = Mapping[str, int | None]
Bounds = tuple[int | None, int | None]

MOST_CASES = 20_000
"""Combinations of residue classes beyond which nothing is decided."""

MOST_CASES_OF_BOUNDS = 4_000

LONGEST_SCAN = 4_096
"""So far the least value of a polynomial of one variable is searched one by one."""


def is_zero(terms: Terms, domain: Domain) -> bool:
    """Whether it is 0 at every value of its symbols; False where that is too much to decide."""
    if not terms or any(evaluated(terms, point) for point in points(domain)):
        return not terms
    found = _cases(terms, domain, MOST_CASES)
    return found is not None and not any(case for case, _ in found)


def points(domain: Domain) -> Iterator[dict[str, int]]:
    """A few indices for every symbol; they depend on the symbol alone and differ from symbol to symbol."""
    for number in range(4):
        yield {symbol.name: _point(symbol, number) for symbol in domain}


def _point(symbol: Symbol, number: int) -> int:
    """The least index for number 0, then odd and even ones further up."""
    stride = 10_007 + sum(place * ord(letter) for place, letter in enumerate(symbol.name, 1))
    offset = number * stride + number // 2
    return symbol.first + (offset if symbol.last is None else offset % (symbol.last - symbol.first + 1))


def bounds(terms: Terms, domain: Domain) -> Bounds:
    """Numbers that it never falls below or passes; None where there is none, or none is known.

    Exact for formulas that rise with every symbol, and for those of one symbol where its period is manageable.
    """
    if all(symbol.first >= 0 for symbol in domain) and all(c > 0 for monomial, c in terms.items() if monomial):
        return _bounds_rising(terms, domain)
    found = _cases(terms, domain, MOST_CASES_OF_BOUNDS)
    if found is None:
        return _bounds_by_terms(terms, domain)
    lows, highs = zip(*(_polynomial_bounds(case, tops) for case, tops in found), strict=True)
    return None if None in lows else min(lows), None if None in highs else max(highs)


def _bounds_rising(terms: Terms, domain: Domain) -> Bounds:
    low = evaluated(terms, {symbol.name: symbol.first for symbol in domain})
    tops = {symbol.name: symbol.last for symbol in domain if symbol.last is not None}
    return low, evaluated(terms, tops) if len(tops) == len(domain) else None


def cases(terms: Terms, domain: Domain) -> int:
    """In how many combinations of residue classes it is a polynomial each: what a proof about it goes through."""
    known = names(terms)
    classes = ((period(terms, symbol.name), _count(symbol)) for symbol in domain if symbol.name in known)
    return prod(length if count is None else min(length, count) for length, count in classes)


def _cases(terms: Terms, domain: Domain, limit: int) -> Iterator[tuple[Terms, Tops]] | None:
    """The polynomial in every combination of residue classes, with the greatest value of each of its variables.

    None where there are more than ``limit``.
    """
    if cases(terms, domain) > limit:
        return None
    known = names(terms)
    involved = [symbol for symbol in domain if symbol.name in known]
    choices = [_classes(symbol, terms) for symbol in involved]
    return (_case(terms, involved, chosen) for chosen in combinations(*choices))


def _case(terms: Terms, involved: list[Symbol], chosen: tuple[tuple[Terms, int | None], ...]) -> tuple[Terms, Tops]:
    by = {symbol.name: index for symbol, (index, _) in zip(involved, chosen, strict=True)}
    return substituted(terms, by), {symbol.name: top for symbol, (_, top) in zip(involved, chosen, strict=True)}


def _count(symbol: Symbol) -> int | None:
    """How many values it may take; None: no end of them."""
    return None if symbol.last is None else symbol.last - symbol.first + 1


def _classes(symbol: Symbol, terms: Terms) -> list[tuple[Terms, int | None]]:
    """Its index as a polynomial of t in every residue class, with the greatest t; or one by one where they are few.

    Few: no more than the degree allows roots, so that a polynomial might be 0 at all of them.
    """
    count, classes = _count(symbol), period(terms, symbol.name)
    if count is not None and count <= classes * (1 + degree(terms, symbol.name)):
        return [(constant(symbol.first + i), 0) for i in range(count)]
    starts = range(symbol.first, symbol.first + classes)
    tops = [None if symbol.last is None else (symbol.last - start) // classes for start in starts]
    return [({**constant(start), (symbol.name,): classes}, top) for start, top in zip(starts, tops, strict=True)]


def _polynomial_bounds(terms: Terms, tops: Tops) -> Bounds:
    """Of a polynomial whose variables run from 0 to ``tops``."""
    high = _polynomial_least(scaled(terms, -1), tops)
    return _polynomial_least(terms, tops), None if high is None else -high


def _polynomial_least(terms: Terms, tops: Tops) -> int | None:
    involved = names(terms)
    if len(involved) != 1 or max(map(len, terms)) == 1:
        return _least_by_terms(terms, tops)
    (name,) = involved
    coefficients = [terms.get((name,) * power, 0) for power in range(1 + max(map(len, terms)))]
    top = tops[name]
    if top is None and coefficients[-1] < 0:
        return None
    last = _settled(coefficients, top)
    if last is None:
        return _least_by_terms(terms, tops)
    return min(evaluated(terms, {name: t}) for t in (*range(last + 1), last if top is None else top))


def _settled(coefficients: list[int], top: int | None) -> int | None:
    """A t from which on the polynomial only rises, or only falls; None where that is too far to go there."""
    t = 0
    while t <= LONGEST_SCAN and (top is None or t < top):
        shifted = _shifted(coefficients, t)[1:]
        if all(c >= 0 for c in shifted) or all(c <= 0 for c in shifted):
            return t
        t = 2 * t + 1
    return top if top is not None and top <= LONGEST_SCAN else None


def _shifted(coefficients: list[int], by: int) -> list[int]:
    """The coefficients of p(t + by)."""
    powers = range(len(coefficients))
    return [sum(coefficients[k] * comb(k, i) * by ** (k - i) for k in powers[i:]) for i in powers]


def _least_by_terms(terms: Terms, tops: Tops) -> int | None:
    """The sum of the least values of its terms: exact where each variable occurs once, or all coefficients are > 0."""
    total = terms.get((), 0)
    for monomial, coefficient in terms.items():
        if monomial and coefficient < 0:
            factors = [tops[str(factor)] for factor in monomial]
            if None in factors and 0 not in factors:
                return None
            total += coefficient * prod(factor or 0 for factor in factors)
    return total


def _bounds_by_terms(terms: Terms, domain: Domain) -> Bounds:
    """The sums of the bounds of its terms; none where a symbol may be below 0, so that factors change sign."""
    if any(symbol.first < 0 for symbol in domain):
        return None, None
    low: int | None = 0
    high: int | None = 0
    for monomial, coefficient in terms.items():
        least, most = _bounds_of_monomial(monomial, domain)
        if coefficient < 0:
            least, most = most, least
        low = None if low is None or least is None else low + coefficient * least
        high = None if high is None or most is None else high + coefficient * most
    return low, high


def _bounds_of_monomial(monomial: Monomial, domain: Domain) -> Bounds:
    return _bounds_rising({monomial: 1}, tuple(symbol for symbol in domain if symbol.name in names({monomial: 1})))
