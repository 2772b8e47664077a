"""Sizes as formulas of symbols: the ``H`` of a contract, and what steps make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import gcd, lcm, prod

from specc.ir.size import decide
from specc.ir.size import terms as algebra
from specc.ir.size.symbols import Symbol
from specc.ir.size.terms import (
    Factor,
    Floor,
    Monomial,
    Terms,
    constant,
    floors,
    is_bare,
    plus,
    product,
    replaced,
    scaled,
)


class Size:
    """A whole number as a formula of symbols: sums, products, and floors of quotients by whole numbers.

    It is made by `symbol`, `of` and arithmetic; arithmetic gives an int where the formula has the same value
    wherever its symbols are. Two sizes are equal where they are at every value that their symbols may take (and where
    that can be decided: see `specc.ir.size.decide`). Sizes are not ordered and have no truth: ask `always_at_least`.

    Symbols of one name must be the same symbol. Arithmetic raises ValueError where they are not.
    """

    __slots__ = ("_bounds", "_domain", "_hash", "_terms", "_text")

    def __init__(self, terms: Terms, domain: decide.Domain) -> None:
        self._terms = terms
        self._domain = domain
        self._hash: int | None = None
        self._bounds: decide.Bounds | None = None
        self._text: str | None = None

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
        return self._known_bounds()[0]

    @property
    def most(self) -> int | None:
        """It is never larger; None where no such number is known."""
        return self._known_bounds()[1]

    def _known_bounds(self) -> decide.Bounds:
        if self._bounds is None:
            self._bounds = decide.bounds(self._terms, self._domain)
        return self._bounds

    def narrowed(self, symbol: Symbol) -> Dim:
        """The same with a narrower symbol of the name of one of its own; itself where it has none of that name."""
        old = next((s for s in self._domain if s.name == symbol.name), symbol)
        domain = tuple(symbol if s is old else s for s in self._domain)
        if (old.modulus, old.residue) == (symbol.modulus, symbol.residue):
            return _dim(self._terms, domain)
        start, step = (symbol.residue - old.residue) // old.modulus, symbol.modulus // old.modulus
        index: Terms = {(symbol.name,): step, **algebra.constant(start)}
        return _dim(algebra.tidy(algebra.substituted(self._terms, {symbol.name: index})), domain)

    @property
    def work(self) -> int:
        """What a proof about it takes: as often as it is a polynomial of its own, its terms are gone through."""
        return decide.cases(self._terms, self._domain) * algebra.length(self._terms)

    def period(self, symbol: Symbol) -> int:
        """A period of the symbol's values: its residue by it decides all about floors and divisibility."""
        return algebra.period(self._terms, symbol.name) * symbol.modulus

    def merged(self, one: Symbol, other: Symbol) -> Dim:
        """The same with ``one`` for ``other``: two symbols that differ only in name."""
        terms = algebra.substituted(self._terms, {other.name: {(one.name,): 1}})
        return _dim(algebra.tidy(terms), tuple(sorted({*self._domain, one} - {other}, key=_name)))

    def __add__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            return Size(algebra.plus(self._terms, algebra.constant(other)), self._domain) if other else self
        if isinstance(other, Size):
            return _dim(algebra.tidy(algebra.plus(self._terms, other._terms)), _joined(self, other))
        return NotImplemented

    __radd__ = __add__

    def __mul__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            return self._times(other)
        if isinstance(other, Size):
            return _dim(algebra.tidy(algebra.product(self._terms, other._terms)), _joined(self, other))
        return NotImplemented

    __rmul__ = __mul__

    def _times(self, number: int) -> Dim:
        if number == 0:
            return 0
        terms = algebra.scaled(self._terms, number)
        return self if number == 1 else Size(algebra.tidy(terms) if number < 0 else terms, self._domain)

    def __neg__(self) -> Dim:
        return self._times(-1)

    def __sub__(self, other: Dim) -> Dim:
        if isinstance(other, int):
            return self + -other
        if isinstance(other, Size):
            return _dim(algebra.tidy(algebra.plus(self._terms, other._terms, -1)), _joined(self, other))
        return NotImplemented

    def __rsub__(self, other: int) -> Dim:
        return self._times(-1) + other

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
        return decide.is_zero(algebra.plus(self._terms, other._terms, -1), _joined(self, other))

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(tuple(algebra.evaluated(self._terms, point) for point in decide.points(self._domain)))
        return self._hash

    def __bool__(self) -> bool:
        raise TypeError(f"whether the size {self} is 0 depends on its symbols")

    def __str__(self) -> str:
        if self._text is None:
            self._text = written(self._terms, self._domain)
        return self._text

    def __repr__(self) -> str:
        return f"Size({self})"


Dim = int | Size
"""The size of an axis."""


def of(symbol: Symbol) -> Dim:
    """The size that the symbol stands for: a number where it may take only one value."""
    return _dim({(symbol.name,): symbol.modulus, **algebra.constant(symbol.residue)}, (symbol,))


@lru_cache(maxsize=1024)  # each port of a block says its sizes again: 15 % of the elaboration of the small examples
def symbol(name: str, *, least: int = 1, most: int | None = None, modulus: int = 1, residue: int = 0) -> Dim:
    """The size called ``name``, of the values that `Symbol` says: a number where there is only one.

    Raises ValueError where there is none.
    """
    return of(Symbol(name, least, most, modulus, residue))


def _conflict(a: Size, b: Size) -> Symbol | None:
    """A symbol of ``a`` that is another one in ``b``."""
    if a._domain is b._domain or a._domain == b._domain:
        return None
    return next((s for s in a._domain for t in b._domain if s.name == t.name and s != t), None)


def _joined(a: Size, b: Size) -> decide.Domain:
    """The symbols of both, by name."""
    if a._domain is b._domain or a._domain == b._domain:
        return a._domain
    conflict = _conflict(a, b)
    if conflict is not None:
        raise ValueError(f"two symbols are called {conflict.name}: one with {conflict.condition or 'no condition'}")
    return tuple(sorted({*a._domain, *b._domain}, key=_name))


def _name(symbol: Symbol) -> str:
    return symbol.name


def _dim(terms: Terms, domain: decide.Domain) -> Dim:
    """The size that these tidy terms are: a number where they have one value only."""
    left = algebra.names(terms)
    domain = domain if len(left) == len(domain) else tuple(symbol for symbol in domain if symbol.name in left)
    value = algebra.evaluated(terms, next(decide.points(domain)))
    return value if decide.is_zero(algebra.plus(terms, {(): -value}), domain) else Size(terms, domain)


# ---- as people write them: 2*H + 1, H/2, floor((H + 1)/2); a formula is kept over indices and written over values ----

Symbols = dict[str, Symbol]

MOST_REWRITTEN = 4
"""Formulas of more floors than this are written as they are kept, which is right but not always shortest."""


def written(terms: Terms, domain: tuple[Symbol, ...]) -> str:
    """Of the forms that come naturally one that subtracts least, then the shortest: floor((H + 1)/2)."""
    return _written(frozenset(terms.items()), domain)


def _written(terms: frozenset[tuple[Monomial, int]], domain: tuple[Symbol, ...]) -> str:
    symbols = {symbol.name: symbol for symbol in domain}
    texts = {_sum(form, symbols) for form in _forms(dict(terms))}
    return min(texts, key=lambda text: (text.count("-"), len(text), text))


def _forms(terms: Terms) -> Iterator[Terms]:
    """The same number: with floors or their opposites, apart from the rest or around it."""
    forms = [terms]
    if len(floors(terms)) <= MOST_REWRITTEN:
        for floor in floors(terms):
            forms += [replaced(form, floor) for form in forms]
    for form in forms:
        yield form
        yield from (absorbed for monomial in form if is_bare(monomial) for absorbed in _absorbed(form, monomial[0]))


def _absorbed(terms: Terms, floor: Floor) -> Iterator[Terms]:
    """p + c * floor(q / d) as c * floor((d * p / c + q) / d): with the whole of p, and with p but for its constant."""
    times = terms[(floor,)]
    inside = {m: c // times for m, c in terms.items() if c % times == 0 and all(isinstance(f, str) for f in m)}
    for part in (inside, {m: c for m, c in inside.items() if m}):
        left = plus(terms, {**scaled(part, times), (floor,): times}, -1)
        yield plus(left, {(Floor(plus(floor.terms, part, floor.divisor), floor.divisor),): times})


def _sum(terms: Terms, symbols: Symbols) -> str:
    over, divisor = _over_values(terms, symbols)
    if all(_divides(monomial, coefficient, divisor, symbols) for monomial, coefficient in over.items()):
        return _added(over, divisor, symbols)
    return _quotient(over, divisor, symbols)


def _over_values(terms: Terms, symbols: Symbols) -> tuple[Terms, int]:
    """A polynomial over the values, and what it is to be divided by: index = (value - residue) / modulus."""
    divisors = {monomial: _moduli(monomial, symbols) for monomial in terms}
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


def _moduli(monomial: Monomial, symbols: Symbols) -> int:
    return prod(symbols[factor].modulus for factor in monomial if isinstance(factor, str))


def _divides(monomial: Monomial, coefficient: int, divisor: int, symbols: Symbols) -> bool:
    """Whether the term by itself can be divided, whatever the values."""
    values: Terms = {(): coefficient}
    for factor in monomial:
        symbol = symbols[factor] if isinstance(factor, str) else None
        value: Terms = {(factor,): symbol.modulus, **constant(symbol.residue)} if symbol else {(factor,): 1}
        values = product(values, value)
    return all(c % divisor == 0 for c in values.values())


def _added(over: Terms, divisor: int, symbols: Symbols) -> str:
    """The terms, each divided by ``divisor``, that with the most factors first, if possible not a negative one."""
    ordered = sorted(over.items(), key=lambda term: (-len(term[0]), len(floors({term[0]: 1})), [*map(str, term[0])]))
    first = next((term for term in ordered if term[1] > 0), ordered[0])
    ordered.remove(first)
    texts = [_term(monomial, abs(c), divisor, symbols) for monomial, c in [first, *ordered]]
    signs = ["-" if first[1] < 0 else "", *(" - " if c < 0 else " + " for _, c in ordered)]
    return "".join(sign + text for sign, text in zip(signs, texts, strict=True))


def _term(monomial: Monomial, coefficient: int, divisor: int, symbols: Symbols) -> str:
    common = gcd(coefficient, divisor)
    times, over = coefficient // common, divisor // common
    factors = [_factor(factor, symbols) for factor in monomial]
    text = "*".join(factors if times == 1 and factors else [str(times), *factors])
    return text if over == 1 else f"{text}/{over}"


def _factor(factor: Factor, symbols: Symbols) -> str:
    if isinstance(factor, str):
        return factor
    over, divisor = _over_values(factor.terms, symbols)
    return f"floor({_quotient(over, divisor * factor.divisor, symbols)})"


def _quotient(over: Terms, divisor: int, symbols: Symbols) -> str:
    text = _added(over, 1, symbols)
    if divisor == 1:
        return text
    return f"({text})/{divisor}" if len(over) > 1 else f"{text}/{divisor}"
