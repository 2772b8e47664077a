"""The algebra under sizes: polynomials with whole coefficients over symbols and floors, and what is proven of them.

A polynomial is a dict from monomials to coefficients other than 0. A monomial is a sorted tuple of factors: the
name of a symbol (whose value is the symbol's *index*, see `Symbol`) or a `Floor`. The empty monomial is 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product as combinations
from math import comb, gcd, lcm, prod
from typing import TypeGuard

from specc.ir.symbols import Symbol

MOST_TERMS = 200
MOST_FACTORS = 64
"""Bounds on a formula. Real ones have a handful of terms; a program could square a size again and again."""
MOST_NESTED = 1000
"""Characters of a floor's inside. Sums of floors in floors double with each level, as does evaluating them."""

MOST_CASES = 20_000
"""Combinations of residue classes beyond which nothing is decided."""
MOST_CASES_OF_BOUNDS = 4_000

LONGEST_SCAN = 4_096
"""Up to here every value of a polynomial of one variable is tried for the least."""


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
        products = sorted("*".join([str(c), *map(str, monomial)]) for monomial, c in terms.items())
        self.key = f"[{'+'.join(products)}]/{divisor}"
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

Domain = tuple[Symbol, ...]
Tops = Mapping[str, int | None]
Bounds = tuple[int | None, int | None]


def names(terms: Terms) -> frozenset[str]:
    """The symbols in it, in floors too."""
    symbols = set[str]()
    for monomial in terms:
        for factor in monomial:
            if isinstance(factor, str):
                symbols.add(factor)
            else:
                symbols |= factor.names
    return frozenset(symbols)


def floors(terms: Terms) -> list[Floor]:
    """The floors among its factors (not those in floors), in a fixed order."""
    factors = {factor for monomial in terms for factor in monomial if not isinstance(factor, str)}
    return sorted(factors, key=str)


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


def quotient(a: Terms, b: Terms) -> Terms | None:
    """The polynomial that times ``b`` is ``a``; None where there is none with whole coefficients.

    Long division by the greatest monomial; floors are variables like others.
    """
    result: Terms = {}
    leading = max(b, key=_rank)
    while a:
        first = max(a, key=_rank)
        left = list(first)
        for factor in leading:
            if factor not in left:
                return None
            left.remove(factor)
        if a[first] % b[leading]:
            return None
        part: Terms = {tuple(left): a[first] // b[leading]}
        result, a = plus(result, part), plus(a, product(part, b), -1)
    return result


def _rank(monomial: Monomial) -> tuple[int, list[str]]:
    """An order of monomials that products keep: by degree, then by factors."""
    return len(monomial), [str(factor) for factor in monomial]


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
    if divisor == 1 or not any(terms):  # a constant below the divisor is 0 then
        return plus(whole, terms) if divisor == 1 else whole
    return plus(whole, {(Floor(terms, divisor),): 1})


def _nested(terms: Terms) -> Floor | None:
    """The only floor in it, where that is a term of its own with coefficient 1."""
    with_floors = [monomial for monomial in terms if any(not isinstance(factor, str) for factor in monomial)]
    if len(with_floors) == 1 and is_bare(with_floors[0]) and terms[with_floors[0]] == 1:
        return with_floors[0][0]
    return None


def _facing_up(terms: Terms) -> Terms:
    """The same with p + floor(…) for p - floor(…), where that is the only floor."""
    its_floors = floors(terms)
    if (
        len(its_floors) == 1
        and terms.get((its_floors[0],)) == -1
        and sum(its_floors[0] in monomial for monomial in terms) == 1
    ):
        return replaced(terms, its_floors[0])
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
    """The same in a form in which equal formulas are mostly identical.

    Of a floor and its opposite at most one remains, so that ceil(H/2) + floor(H/2) is H; and no floor that is
    a term of its own is subtracted: ceil(H/2) = H - floor(H/2) is floor((H + 1)/2).
    """
    its_floors = floors(terms)
    for floor in its_floors:
        if any(other in its_floors and str(floor) < str(other) for other in floors(opposite(floor))):
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
            if isinstance(factor, Floor):
                part = product(part, floored(substituted(factor.terms, by), factor.divisor))
            else:
                part = product(part, by.get(factor, {(factor,): 1}))
        total = plus(total, part)
    return total


def length(terms: Terms) -> int:
    """How many sums and products it has, in floors too."""
    inner = (length(factor.terms) for monomial in terms for factor in monomial if not isinstance(factor, str))
    return len(terms) + sum(inner)


def evaluated(terms: Terms, at: Mapping[str, int]) -> int:
    """Its value where the symbols have these indices. Raises KeyError for one without."""
    total = 0
    for monomial, value in terms.items():
        for factor in monomial:
            value *= at[factor] if isinstance(factor, str) else evaluated(factor.terms, at) // factor.divisor  # noqa: PLW2901
        total += value
    return total


def period(terms: Terms, name: str) -> int:
    """A period of the symbol: for index = period * t + r, every floor is a polynomial of t.

    Of floor(p / d): that of every monomial of p, times what the coefficient leaves of d.
    """
    return lcm(
        *(
            period({inner: 1}, name) * (factor.divisor // gcd(factor.divisor, coefficient))
            for monomial in terms
            for factor in monomial
            if isinstance(factor, Floor)
            for inner, coefficient in factor.terms.items()
            if name in names({inner: 1})
        )
    )


def degree(terms: Terms, name: str) -> int:
    """A bound on its degree in the symbol."""
    degrees = (
        sum(int(factor == name) if isinstance(factor, str) else degree(factor.terms, name) for factor in monomial)
        for monomial in terms
    )
    return max(degrees, default=0)


# ---- what holds at every value of the symbols: whether it is 0, and its bounds -----------------------------------
#
# Plain equivalent: try every value. There may be no end of them; so every symbol is split into the residue classes of a
# period, index = first + r + period * t. In each class every floor is a polynomial of t >= 0, and so is the formula,
# which is 0 everywhere exactly where its coefficients are.


def is_zero(terms: Terms, domain: Domain) -> bool:
    """Whether it is 0 at every value of its symbols; False where that is too much to decide."""
    if not terms or any(evaluated(terms, probe) for probe in probes(domain)):
        return not terms
    parts = _cases(terms, domain, MOST_CASES)
    return parts is not None and not any(part for part, _ in parts)


def probes(domain: Domain) -> Iterator[dict[str, int]]:
    """A few indices for every symbol: the least, then odd and even ones further up.

    They depend on the symbol alone, so that hashes of equal sizes are equal, and differ from symbol to symbol.
    """
    for number in range(4):
        probe = {}
        for symbol in domain:
            stride = 10_007 + sum(place * ord(letter) for place, letter in enumerate(symbol.name, 1))
            offset = number * stride + number // 2
            probe[symbol.name] = symbol.first + (offset if symbol.count is None else offset % symbol.count)
        yield probe


def bounds(terms: Terms, domain: Domain) -> Bounds:
    """Numbers that it never falls below or passes; None where there is none, or none is known.

    Exact for formulas that rise with every symbol, and for those of one symbol where its period is manageable.
    """
    if all(symbol.first >= 0 for symbol in domain) and all(c > 0 for monomial, c in terms.items() if monomial):
        return _bounds_rising(terms, domain)
    parts = _cases(terms, domain, MOST_CASES_OF_BOUNDS)
    if parts is None:
        return _bounds_by_terms(terms, domain)
    lows, opposites = zip(*((_least(part, tops), _least(scaled(part, -1), tops)) for part, tops in parts), strict=True)
    return None if None in lows else min(lows), None if None in opposites else -min(opposites)


def _bounds_rising(terms: Terms, domain: Domain) -> Bounds:
    low = evaluated(terms, {symbol.name: symbol.first for symbol in domain})
    tops = {symbol.name: symbol.last for symbol in domain if symbol.last is not None}
    return low, evaluated(terms, tops) if len(tops) == len(domain) else None


def cases(terms: Terms, domain: Domain) -> int:
    """In how many combinations of residue classes it is a polynomial each: what a proof about it goes through."""
    classes = ((period(terms, symbol.name), symbol.count) for symbol in _involved(terms, domain))
    return prod(length if count is None else min(length, count) for length, count in classes)


def _involved(terms: Terms, domain: Domain) -> Domain:
    known = names(terms)
    return tuple(symbol for symbol in domain if symbol.name in known)


def _cases(terms: Terms, domain: Domain, limit: int) -> Iterator[tuple[Terms, Tops]] | None:
    """The polynomial in every combination of residue classes, with the greatest value of each of its variables.

    None where there are more than ``limit``.
    """
    if cases(terms, domain) > limit:
        return None
    involved = _involved(terms, domain)
    by_name = (
        {symbol.name: residue_class for symbol, residue_class in zip(involved, combination, strict=True)}
        for combination in combinations(*(_classes(symbol, terms) for symbol in involved))
    )
    return (
        (substituted(terms, {name: index for name, (index, _) in by.items()}), {name: t for name, (_, t) in by.items()})
        for by in by_name
    )


def _classes(symbol: Symbol, terms: Terms) -> list[tuple[Terms, int | None]]:
    """Its index as a polynomial of t in every residue class, with the greatest t; or one by one where they are few.

    Few: no more than the degree allows roots, so that a polynomial might be 0 at all of them.
    """
    count, classes = symbol.count, period(terms, symbol.name)
    if count is not None and count <= classes * (1 + degree(terms, symbol.name)):
        return [(constant(symbol.first + i), 0) for i in range(count)]
    starts = range(symbol.first, symbol.first + classes)
    tops = [None if symbol.last is None else (symbol.last - start) // classes for start in starts]
    return [({**constant(start), (symbol.name,): classes}, top) for start, top in zip(starts, tops, strict=True)]


def _least(terms: Terms, tops: Tops) -> int | None:
    """The least value of a polynomial whose variables run from 0 to ``tops``; None where none is known."""
    involved = names(terms)
    if len(involved) != 1 or max(map(len, terms)) == 1:
        return _least_by_terms(terms, tops)
    (name,) = involved
    coefficients = [terms.get((name,) * power, 0) for power in range(1 + max(map(len, terms)))]
    top = tops[name]
    if top is None and coefficients[-1] < 0:
        return None
    last = _monotone_from(coefficients, top)
    if last is None:
        return _least_by_terms(terms, tops)
    return min(evaluated(terms, {name: t}) for t in (*range(last + 1), last if top is None else top))


def _monotone_from(coefficients: list[int], top: int | None) -> int | None:
    """A t from which on the polynomial only rises, or only falls; None where that is too far to go there."""
    t, powers = 0, range(len(coefficients))
    while t <= LONGEST_SCAN and (top is None or t < top):
        # The coefficients of p(x + t) but for the constant: where none changes sign, p is monotone from t on.
        shifted = [sum(coefficients[k] * comb(k, i) * t ** (k - i) for k in powers[i:]) for i in powers[1:]]
        if all(c >= 0 for c in shifted) or all(c <= 0 for c in shifted):
            return t
        t = 2 * t + 1
    return top if top is not None and top <= LONGEST_SCAN else None


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
        least, most = _bounds_rising({monomial: 1}, _involved({monomial: 1}, domain))
        if coefficient < 0:
            least, most = most, least
        low = None if low is None or least is None else low + coefficient * least
        high = None if high is None or most is None else high + coefficient * most
    return low, high
