"""Formulas as people write them: ``2*H + 1``, ``H/2``, ``floor((H + 1)/2)``.

A formula is kept over the indices of symbols and written over their values. ``/`` divides without a rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import gcd, lcm, prod

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

Symbols = dict[str, Symbol]

MOST_REWRITTEN = 4
"""Formulas of more floors than this are written as they are kept, which is right but not always shortest."""


def written(terms: Terms, domain: tuple[Symbol, ...]) -> str:
    """Of the forms that come naturally one that subtracts least, then the shortest: floor((H + 1)/2)."""
    return _written(frozenset(terms.items()), domain)


@lru_cache(maxsize=4096)
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
