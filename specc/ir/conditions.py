"""What is proven of sizes, and which condition on their symbols would let it be."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import combinations, islice, product
from math import isqrt
from typing import NamedTuple

from specc.diagnostics.finding import NO_CONDITION, Clause, Condition
from specc.ir.size import Dim, Size, of
from specc.ir.symbols import LARGEST_MODULUS, Symbol, restrict, samples
from specc.ir.types import at

MOST_TRIES = 2_000
"""Conditions of one form that are tried before the next form is."""

MOST_RESIDUES = 64
"""H % m == r is tried for every r below this, larger ones are no condition that anybody wants."""

MOST_CLASSES = 256
"""Residue classes that are tried to show that a condition is necessary."""

LARGEST_BOUND = 2**32
"""H >= n is tried up to this n."""

MOST_POINTS = 1_000
"""Combinations of sizes at which a claim is tried, to show where it fails."""

MOST_WORK = 50_000
"""What all proofs of one search may take (`Size.work`): about half a second."""

_SAMPLES = 12
"""Values at which a bound is tried before it is proven: most bounds that are tried fail at one of them."""


class _TooMuch(Exception):
    """A search has cost more than `MOST_WORK`, and ends without a condition."""


class _Search:
    """One search for a condition, whose proofs together may take `MOST_WORK`: each raises _TooMuch beyond."""

    def __init__(self) -> None:
        self._left = MOST_WORK

    def narrowed(self, size: Size, symbols: Iterable[Symbol]) -> Dim:
        """The size with these symbols for its own of the same names, to prove something of it."""
        self._left -= size.work
        if self._left < 0:
            raise _TooMuch
        return size.narrowed(*symbols)

    def vanishes(self, difference: Size, symbols: list[Symbol]) -> bool:
        """Whether it is 0 everywhere with these symbols for its own of the same names."""
        if any(_at_samples(difference, symbols, 3)):
            return False  # most conditions fail here
        return self.narrowed(difference, symbols) == 0

    def vanishes_where(self, difference: Size, congruences: Iterable[tuple[Symbol, int, int]]) -> bool:
        """Whether it is 0 wherever each symbol % modulus == residue; False where there is no such place."""
        try:
            symbols = [restrict(symbol, modulus=m, residue=r % m) for symbol, m, r in congruences]
        except ValueError:
            return False
        return self.vanishes(difference, symbols)

    def reaches(self, size: Dim, number: int, symbols: list[Symbol]) -> bool:
        """Whether size >= number everywhere with these symbols for its own of the same names."""
        if isinstance(size, int):
            return size >= number
        if any(value < number for value in _at_samples(size, symbols, _SAMPLES)):
            return False
        return always_at_least(self.narrowed(size, symbols), number)


class Equal(NamedTuple):
    """The claim that two sizes are one."""

    a: Dim
    b: Dim

    def condition(self) -> Condition | None:
        """As of `where_equal`."""
        return where_equal(self.a, self.b)

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether it does where the symbols have these values."""
        return at(self.a, sizes) == at(self.b, sizes)


class AtLeast(NamedTuple):
    """The claim that a size is no smaller than a number."""

    size: Dim
    number: int

    def condition(self) -> Condition | None:
        """As of `where_at_least`."""
        return where_at_least(self.size, self.number)

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether it does where the symbols have these values."""
        return at(self.size, sizes) >= self.number


Claim = Equal | AtLeast


def points(sizes: Iterable[Dim], within: Condition = NO_CONDITION) -> Iterator[dict[str, int]]:
    """Values for the symbols of ``sizes``, up to `MOST_POINTS` combinations, the small ones first.

    Args:
        within: a condition on them that can hold; of two symbols that it calls equal, the values need not be.
    """
    symbols = {symbol.name: symbol for size in sizes if isinstance(size, Size) for symbol in size.symbols}
    for clause in within.clauses:
        if isinstance(clause.value, int):
            bounded = {">=": ("least",), "<=": ("most",), "==": ("least", "most")}[clause.sign]
            limits = dict.fromkeys(bounded if clause.modulus is None else ("residue",), clause.value)
            symbols[clause.name] = restrict(symbols[clause.name], modulus=clause.modulus, **limits)
    for values in islice(product(*(samples(symbol, 8) for symbol in symbols.values())), MOST_POINTS):
        yield dict(zip(symbols, values, strict=True))


def assigned(sizes: Mapping[str, int]) -> str:
    """``H = 5, W = 1``"""
    return ", ".join(f"{name} = {value}" for name, value in sizes.items())


def always_at_least(size: Dim, number: int) -> bool:
    """Whether it is proven that size >= number for every value of its symbols."""
    if isinstance(size, int):
        return size >= number
    if any(value < number for value in _at_samples(size, size.symbols, _SAMPLES)):
        return False
    return size.least is not None and size.least >= number


def where_equal(a: Dim, b: Dim, search: _Search | None = None) -> Condition | None:
    """A condition under which a == b: ``H % 16 == 0``.

    The forms are tried from weak to strong: one symbol's residue, several symbols' residues, ``H == W`` (and what is
    needed besides), ``H == 8``. In each form the weakest is named. Empty where a == b anyway, None where no condition
    is found in `MOST_WORK`.

    Args:
        search: what this is a part of.
    """
    difference, search = a - b, search or _Search()
    if isinstance(difference, int):
        return None if difference else NO_CONDITION
    try:
        clauses = (
            _residue(difference, search)
            or _residues(difference, search)
            or _same(difference, search)
            or _values(difference, search)
        )
    except _TooMuch:
        return None
    if clauses is None:
        return None

    def is_never_zero(size: Dim) -> bool:
        return always_at_least(size, 1) or always_at_least(-size, 1)

    return Condition(clauses, _is_needed(clauses, difference, is_never_zero, search))


def where_fixed(size: Dim) -> Condition | None:
    """A condition under which the size is one number: of those that leave sizes without end, that of the least number.

    Empty where it is a number, None where no condition is found.
    """
    if isinstance(size, int):
        return NO_CONDITION
    search = _Search()
    for number in sorted({size.at(point) for point in islice(points((size,)), 64)}, key=abs):
        condition = where_equal(size, number, search)
        if condition is not None and condition.is_general:
            return condition._replace(necessary=False)  # another number might do as well
    return None


def where_at_least(size: Dim, number: int) -> Condition | None:
    """Bounds on its symbols within which size >= number: ``H >= 32, W >= 32``.

    One common lower bound, as small as it can be, and then each as small as the others allow; an upper bound where
    the size falls with its only symbol. Empty where size >= number anyway, None where no bounds are found.
    """
    if always_at_least(size, number):
        return NO_CONDITION
    if isinstance(size, int):
        return None
    search = _Search()
    try:
        raised = _raised(size, number, search)
        if raised is None:
            clauses = _at_most(size, number, search)
        else:
            pairs = zip(size.symbols, raised, strict=True)
            clauses = tuple([clause for old, new in pairs for clause in _clauses(old, new)])
    except _TooMuch:
        return None
    if clauses is None:
        return None
    return Condition(clauses, _is_needed(clauses, size, lambda other: always_at_least(number - 1 - other, 0), search))


def _is_needed(clauses: Sequence[Clause], size: Size, fails: Callable[[Dim], bool], search: _Search) -> bool:
    """Whether it is proven that a claim about ``size`` fails wherever one of the clauses does not hold.

    Args:
        fails: whether the claim fails at every value of the size.
    """
    symbols = {symbol.name: symbol for symbol in size.symbols}
    pairs = [(symbols[clause.name], symbols[clause.value]) for clause in clauses if isinstance(clause.value, str)]
    if pairs:
        # c * (one - other) is 0 where the two are equal, and nowhere else.
        one, other = pairs[0]
        most = samples(one, 3)[-1]
        y = next(value for value in samples(other, 3) if value != most)
        factor = size.at({one.name: most, other.name: y}) // (most - y) if len(clauses) == 1 else 0
        return factor != 0 and size == factor * (of(one) - of(other))
    if any(clause.modulus is not None and clause.modulus > MOST_CLASSES for clause in clauses):
        return False
    parts = (outside for clause in clauses for outside in _outside(clause, symbols[clause.name]))
    try:
        return all(fails(search.narrowed(size, [outside])) for outside in parts)
    except _TooMuch:
        return False


def _outside(clause: Clause, symbol: Symbol) -> Iterator[Symbol]:
    """The symbol with the values at which the clause does not hold, in as many parts as it takes."""
    assert isinstance(clause.value, int), "a clause on two symbols has no such parts"
    below, above = {"most": clause.value - 1}, {"least": clause.value + 1}
    limits = {">=": [below], "<=": [above], "==": [below, above]}[clause.sign]
    if clause.modulus is not None:
        limits = [{"modulus": clause.modulus, "residue": r} for r in range(clause.modulus) if r != clause.value]
    for limit in limits:
        with suppress(ValueError):  # no value is left
            yield restrict(symbol, **limit)


def _at_most(size: Size, number: int, search: _Search) -> tuple[Clause, ...] | None:
    """``H <= 8``: the largest bound up to which a size that falls with its one symbol is at least ``number``."""
    (symbol, *others), low = size.symbols, _raised(number - size, 1, search)
    if others or low is None or low[0].first == symbol.first:
        return None
    narrower = restrict(symbol, most=low[0].value(low[0].first - 1))
    return _clauses(symbol, narrower) if search.reaches(size, number, [narrower]) else None


def _residue(difference: Size, search: _Search) -> tuple[Clause, ...] | None:
    """``H % m == r``: the smallest m that will do, r = 0 first."""
    for symbol in difference.symbols:
        tries = ((m, r) for m in _divisors(difference, symbol) for r in range(min(m, MOST_RESIDUES)))
        for modulus, residue in islice(tries, MOST_TRIES):
            if search.vanishes_where(difference, [(symbol, modulus, residue)]):
                return (Clause(symbol.name, "==", residue, modulus),)
    return None


def _residues(difference: Size, search: _Search) -> tuple[Clause, ...] | None:
    """``H % m == r, W % n == s``: first with the whole period for m and n, then each with the least that will do."""
    symbols = difference.symbols
    divisors = [[1, *_divisors(difference, symbol)] for symbol in symbols]
    moduli = [of_symbol[-1] for of_symbol in divisors]
    for residues in islice(product(*(range(min(m, MOST_RESIDUES)) for m in moduli)), MOST_TRIES):
        if search.vanishes_where(difference, zip(symbols, moduli, residues, strict=True)):
            break
    else:
        return None
    for axis, of_axis in enumerate(divisors):
        weaker = ([*moduli[:axis], m, *moduli[axis + 1 :]] for m in of_axis)
        moduli = next(m for m in weaker if search.vanishes_where(difference, zip(symbols, m, residues, strict=True)))
    clauses = zip(symbols, moduli, residues, strict=True)
    return tuple([Clause(symbol.name, "==", r % m, m) for symbol, m, r in clauses if m > 1])


def _divisors(difference: Size, symbol: Symbol) -> list[int]:
    """The divisors above 1 of its period in the symbol's values, ascending."""
    period = difference.period(symbol)
    if period > LARGEST_MODULUS:
        return []
    small = [n for n in range(1, isqrt(period) + 1) if period % n == 0]
    return sorted({*small, *(period // n for n in small)} - {1})


def _at_samples(size: Size, symbols: Iterable[Symbol], count: int) -> Iterator[int]:
    """Its values at a few places that the symbols leave, the least first."""
    narrower = {symbol.name: symbol for symbol in symbols}
    values = {s.name: samples(narrower.get(s.name, s), count) for s in size.symbols}
    for i in range(count):
        yield size.at({name: some[min(i, len(some) - 1)] for name, some in values.items()})


def _same(difference: Size, search: _Search) -> tuple[Clause, ...] | None:
    """``H == W``, if need be with residues."""
    for one, other in combinations(difference.symbols, 2):
        try:
            both = restrict(one, least=other.least, most=other.most, modulus=other.modulus, residue=other.residue)
        except ValueError:
            continue  # they are never equal
        twin = Symbol(other.name, both.least, both.most, both.modulus, both.residue)
        merged = difference.narrowed(both, twin)
        merged = merged.merged(both, twin) if isinstance(merged, Size) else merged
        same = Clause(one.name, "==", other.name)
        if merged == 0:
            return (same,)
        if isinstance(merged, Size) and (besides := _residue(merged, search) or _residues(merged, search)):
            return (same, *besides)
    return None


def _values(difference: Size, search: _Search) -> tuple[Clause, ...] | None:
    """``H == 8``, or ``H >= 224, H <= 255``: of one symbol with which the difference rises or falls."""
    if len(difference.symbols) > 1:
        return None
    (symbol,) = difference.symbols
    for rising in (difference, difference * -1):
        start, stop = _raised(rising, 0, search), _raised(rising, 1, search)
        if start and (not stop or stop[0].first > start[0].first):
            most = stop[0].value(stop[0].first - 1) if stop else symbol.most
            range_ = restrict(start[0], most=most)
            if search.vanishes(difference, [range_]):
                return _clauses(symbol, range_)
    return None


def _clauses(old: Symbol, new: Symbol) -> tuple[Clause, ...]:
    """How the bounds of ``new`` are narrower: ``H >= 8``, ``H <= 15``, both, or ``H == 8``."""
    if new.first == new.last:
        return (Clause(new.name, "==", new.value(new.first)),)
    lower = (Clause(new.name, ">=", new.value(new.first)),) if new.first > old.first else ()
    upper = (Clause(new.name, "<=", new.value(new.last)),) if new.last is not None and new.last != old.last else ()
    return lower + upper


def _raised(size: Dim, number: int, search: _Search) -> list[Symbol] | None:
    """The symbols of the size from the bounds on from which it is at least ``number``; None where there are none.

    The bounds are one for all, as small as possible, and then each as small as the others allow.
    """
    if isinstance(size, int):
        return None
    symbols = list(size.symbols)
    common = _first(lambda bound: search.reaches(size, number, [_from(s, bound) for s in symbols]), symbols)
    if common is None:
        return None
    raised = [_from(symbol, common) for symbol in symbols]
    for axis, symbol in enumerate(symbols):

        def reaches(bound: int, axis: int = axis, symbol: Symbol = symbol) -> bool:
            return search.reaches(size, number, [*raised[:axis], _from(symbol, bound), *raised[axis + 1 :]])

        least = _first(reaches, [symbol])
        raised[axis] = raised[axis] if least is None else _from(symbol, least)
    return raised


def _first(holds: Callable[[int], bool], symbols: list[Symbol]) -> int | None:
    """The least bound that holds, where every larger one does; None where none does up to `LARGEST_BOUND`."""
    low = min(symbol.value(symbol.first) for symbol in symbols)
    if holds(low):
        return low
    step = 1
    while not holds(low + step):
        low, step = low + step, 2 * step
        if low > LARGEST_BOUND:
            return None
    return low + 1 + bisect_left(range(low + 1, low + step), True, key=holds)


def _from(symbol: Symbol, bound: int) -> Symbol:
    """The symbol from ``bound`` on; but for its greatest value where it has none that large."""
    greatest = None if symbol.last is None else symbol.value(symbol.last)
    return restrict(symbol, least=bound if greatest is None else min(bound, greatest))
