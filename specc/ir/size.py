"""Sizes as formulas of symbols: the ``H`` of a contract, and what steps make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from math import gcd, lcm, prod

from specc.ir import terms as algebra
from specc.ir.symbols import Symbol
from specc.ir.terms import Domain, Factor, Floor, Monomial, Terms, constant, floors, plus, product, scaled


class Size:
    """A whole number as a formula of symbols: sums, products, and floors of quotients by whole numbers.

    It is made by `symbol`, `of` and arithmetic; arithmetic gives an int where the formula has the same value
    wherever its symbols are. Two sizes are equal where they are at every value that their symbols may take (and where
    that can be decided: see `is_zero`). Sizes are not ordered and have no truth: ask `always_at_least`.

    Symbols of one name must be the same symbol. Arithmetic raises ValueError where they are not.
    """

    def __init__(self, terms: Terms, domain: Domain) -> None:
        self._terms = terms
        self._domain = domain

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols it depends on, by name."""
        return self._domain

    def at(self, values: Mapping[str, int]) -> int:
        """Its value where the symbols have these.

        Raises:
            KeyError: for a symbol without a value.
            ValueError: for a value that the symbol may not take.
        """
        return algebra.evaluated(self._terms, {s.name: s.index(values[s.name]) for s in self._domain})

    @property
    def least(self) -> int | None:
        """It is never smaller; None where no such number is known."""
        return self._bounds[0]

    @property
    def most(self) -> int | None:
        """It is never larger; None where no such number is known."""
        return self._bounds[1]

    @cached_property
    def _bounds(self) -> algebra.Bounds:
        return algebra.bounds(self._terms, self._domain)

    def narrowed(self, *symbols: Symbol) -> Dim:
        """The same with narrower symbols for its own of the same names; others change nothing."""
        narrower = {symbol.name: symbol for symbol in symbols}
        domain = tuple(narrower.get(symbol.name, symbol) for symbol in self._domain)
        indices: dict[str, Terms] = {}
        for old, new in zip(self._domain, domain, strict=True):
            if (old.modulus, old.residue) != (new.modulus, new.residue):
                start, step = (new.residue - old.residue) // old.modulus, new.modulus // old.modulus
                indices[new.name] = {(new.name,): step, **constant(start)}
        return _dim(algebra.tidy(algebra.substituted(self._terms, indices)) if indices else self._terms, domain)

    @property
    def work(self) -> int:
        """The cost of a proof about it: its terms, once for each residue class, in which it is a polynomial."""
        return algebra.cases(self._terms, self._domain) * algebra.length(self._terms)

    def period(self, symbol: Symbol) -> int:
        """A period of the symbol's values: its residue by it decides all about floors and divisibility."""
        return algebra.period(self._terms, symbol.name) * symbol.modulus

    def merged(self, one: Symbol, other: Symbol) -> Dim:
        """The same with ``one`` for ``other``: two symbols that differ only in name."""
        terms = algebra.substituted(self._terms, {other.name: {(one.name,): 1}})
        return _dim(algebra.tidy(terms), _by_name({*self._domain, one} - {other}))

    def __add__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            return Size(plus(self._terms, constant(other)), self._domain) if other else self
        if isinstance(other, Size):
            return _dim(algebra.tidy(plus(self._terms, other._terms)), _joined(self, other))
        return NotImplemented

    __radd__ = __add__

    def __mul__(self, other: Dim) -> Dim:
        if isinstance(other, Size):
            return _dim(algebra.tidy(product(self._terms, other._terms)), _joined(self, other))
        if not isinstance(other, int):
            return NotImplemented
        if other in (0, 1):
            return self if other else 0
        terms = scaled(self._terms, other)
        return Size(algebra.tidy(terms) if other < 0 else terms, self._domain)

    __rmul__ = __mul__

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            return self + -other
        if isinstance(other, Size):
            return _dim(algebra.tidy(plus(self._terms, other._terms, -1)), _joined(self, other))
        return NotImplemented

    def __rsub__(self, other: int) -> Dim:
        return -self + other

    def __floordiv__(self, divisor: int) -> Dim:
        if not isinstance(divisor, int):
            return NotImplemented
        if divisor < 1:
            raise ValueError(f"({self}) // {divisor}: a size is divided by at least 1")
        if divisor == 1:
            return self
        return _dim(algebra.tidy(algebra.floored(self._terms, divisor)), self._domain)

    def __mod__(self, divisor: int) -> Dim:
        if not isinstance(divisor, int):
            return NotImplemented
        return self - (self // divisor) * divisor

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Size):
            return False
        if self._terms == other._terms:
            return self._domain == other._domain
        if hash(self) != hash(other) or _conflict(self, other):
            return False
        return algebra.is_zero(plus(self._terms, other._terms, -1), _joined(self, other))

    @cached_property
    def _hash(self) -> int:
        return hash(tuple([algebra.evaluated(self._terms, probe) for probe in algebra.probes(self._domain)]))

    def __hash__(self) -> int:
        return self._hash

    def __bool__(self) -> bool:
        raise TypeError(f"whether the size {self} is 0 depends on its symbols")

    @cached_property
    def _text(self) -> str:
        """Of the forms that come naturally one that subtracts least, then the shortest: ``floor((H + 1)/2)``."""
        symbols = {symbol.name: symbol for symbol in self._domain}
        if len(symbols) == 1 and self == of(self._domain[0]):
            return self._domain[0].name  # most sizes that are shown, and the only one of many a check: no algebra
        texts = {_text_of(form, symbols) for form in _forms(self._terms)}
        return min(texts, key=lambda text: (text.count("-"), len(text), text))

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Size({self})"


Dim = int | Size
"""The size of an axis."""


def of(symbol: Symbol) -> Dim:
    """The symbol as a size: a number where it may take only one value."""
    if symbol.count == 1:
        return symbol.value(symbol.first)
    return Size({(symbol.name,): symbol.modulus, **constant(symbol.residue)}, (symbol,))


@lru_cache(maxsize=1024)  # each port of a block says its sizes again: 15 % of the elaboration of the small examples
def symbol(name: str, *, least: int = 1, most: int | None = None, modulus: int = 1, residue: int = 0) -> Dim:
    """The size called ``name``, of the values that `Symbol` says: a number where there is only one.

    Raises ValueError where there is none.
    """
    return of(Symbol(name, least, most, modulus, residue))


def quotient(a: Dim, b: Dim) -> Dim | None:
    """The size that times ``b`` is ``a``, wherever the symbols are; None where none is found."""
    if isinstance(b, int):
        return a // b if a % b == 0 else None
    if isinstance(a, int):
        return None
    terms = algebra.quotient(a._terms, b._terms)
    return None if terms is None else _dim(algebra.tidy(terms), _joined(a, b))


def _conflict(a: Size, b: Size) -> Symbol | None:
    """A symbol of ``a`` that is another one in ``b``."""
    if a._domain is b._domain or a._domain == b._domain:
        return None
    return next((s for s in a._domain for t in b._domain if s.name == t.name and s != t), None)


def _joined(a: Size, b: Size) -> Domain:
    """The symbols of both, by name."""
    if a._domain is b._domain or a._domain == b._domain:
        return a._domain
    conflict = _conflict(a, b)
    if conflict is not None:
        raise ValueError(f"two symbols are called {conflict.name}: one with {conflict.condition or 'no condition'}")
    return _by_name({*a._domain, *b._domain})


def _by_name(symbols: set[Symbol]) -> Domain:
    return tuple(sorted(symbols, key=lambda symbol: symbol.name))


def _dim(terms: Terms, domain: Domain) -> Dim:
    """The size that these tidy terms are: a number where they have one value only."""
    left = algebra.names(terms)
    domain = domain if len(left) == len(domain) else tuple([symbol for symbol in domain if symbol.name in left])
    value = algebra.evaluated(terms, next(algebra.probes(domain)))
    return value if algebra.is_zero(plus(terms, {(): -value}), domain) else Size(terms, domain)


# ---- text: 2*H + 1, H/2, floor((H + 1)/2); a formula is over indices and its text over values ---------------------

Symbols = dict[str, Symbol]

MOST_REWRITTEN = 4
"""Of formulas of more floors than this only the form that they have is tried: it is right, but not always shortest."""


def _forms(terms: Terms) -> Iterator[Terms]:
    """The same number: with floors or their opposites, beside the rest or around it."""
    forms = [terms]
    if len(floors(terms)) <= MOST_REWRITTEN:
        for floor in floors(terms):
            forms += [algebra.replaced(form, floor) for form in forms]
    for form in forms:
        yield form
        for monomial in form:
            if algebra.is_bare(monomial):
                yield from _absorbed(form, monomial[0])


def _absorbed(terms: Terms, floor: Floor) -> Iterator[Terms]:
    """p + c * floor(q / d) as c * floor((d * p / c + q) / d): with the whole of p, and with p but for its constant."""
    times = terms[(floor,)]
    inside = {m: c // times for m, c in terms.items() if c % times == 0 and all(isinstance(f, str) for f in m)}
    for part in (inside, {m: c for m, c in inside.items() if m}):
        left = plus(terms, {**scaled(part, times), (floor,): times}, -1)
        yield plus(left, {(Floor(plus(floor.terms, part, floor.divisor), floor.divisor),): times})


def _text_of(terms: Terms, symbols: Symbols) -> str:
    over, divisor = _over_values(terms, symbols)
    if all(_divides(monomial, coefficient, divisor, symbols) for monomial, coefficient in over.items()):
        return _sum(over, divisor, symbols)
    return _quotient(over, divisor, symbols)


def _over_values(terms: Terms, symbols: Symbols) -> tuple[Terms, int]:
    """A polynomial over the values, and what it is to be divided by: index = (value - residue) / modulus."""
    divisors = {m: prod(symbols[factor].modulus for factor in m if isinstance(factor, str)) for m in terms}
    divisor = lcm(*divisors.values())
    total: Terms = {}
    for monomial, coefficient in terms.items():
        part: Terms = {(): coefficient * divisor // divisors[monomial]}
        for factor in monomial:
            rest = symbols[factor].residue if isinstance(factor, str) else 0
            part = product(part, plus({(factor,): 1}, constant(rest), -1))
        total = plus(total, part)
    common = gcd(divisor, *total.values())
    return {monomial: c // common for monomial, c in total.items()}, divisor // common


def _divides(monomial: Monomial, coefficient: int, divisor: int, symbols: Symbols) -> bool:
    """Whether the term by itself can be divided, whatever the values."""
    values: Terms = {(): coefficient}
    for factor in monomial:
        symbol = symbols[factor] if isinstance(factor, str) else None
        value: Terms = {(factor,): symbol.modulus, **constant(symbol.residue)} if symbol else {(factor,): 1}
        values = product(values, value)
    return all(c % divisor == 0 for c in values.values())


def _sum(over: Terms, divisor: int, symbols: Symbols) -> str:
    """The terms, each divided by ``divisor``, that with the most factors first, if possible not a negative one."""
    ordered = sorted(over.items(), key=lambda term: (-len(term[0]), len(floors({term[0]: 1})), [*map(str, term[0])]))
    first = next((term for term in ordered if term[1] > 0), ordered[0])
    ordered.remove(first)
    text = "-" if first[1] < 0 else ""
    for monomial, coefficient in [first, *ordered]:
        if monomial is not first[0]:
            text += " - " if coefficient < 0 else " + "
        common = gcd(coefficient, divisor)
        times, below = abs(coefficient) // common, divisor // common
        factors = [_factor(factor, symbols) for factor in monomial]
        text += "*".join(factors if times == 1 and factors else [str(times), *factors])
        text += "" if below == 1 else f"/{below}"
    return text


def _factor(factor: Factor, symbols: Symbols) -> str:
    if isinstance(factor, str):
        return factor
    over, divisor = _over_values(factor.terms, symbols)
    return f"floor({_quotient(over, divisor * factor.divisor, symbols)})"


def _quotient(over: Terms, divisor: int, symbols: Symbols) -> str:
    text = _sum(over, 1, symbols)
    if divisor == 1:
        return text
    return f"({text})/{divisor}" if len(over) > 1 else f"{text}/{divisor}"
