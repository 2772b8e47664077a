"""Which input or output of one network is which of the other, and their symbolic sizes in common terms.

Sizes of one network and of the other cannot be compared as they are: ``H`` of one contract may be ``X``, or 224, in the
other, and may be allowed other values. Both are therefore said in symbols of their own, one for every set of symbols
that stand at the same places of the inputs, with the values that all of them allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from specc.ir.conditions import always_at_least, divides, known_most
from specc.ir.graph import Graph, Port
from specc.ir.size import Dim, Size
from specc.ir.size import symbol as size_of
from specc.ir.symbols import USUAL, Symbol, restrict


class Paired(NamedTuple):
    """Ports of two networks: those that both have, in the order of the old one, and those of one alone."""

    pairs: tuple[tuple[Port, Port], ...]
    removed: tuple[Port, ...]
    added: tuple[Port, ...]


class Ports(NamedTuple):
    """All ports of two networks."""

    inputs: Paired
    outputs: Paired


def pair_ports(before: Graph, after: Graph) -> Ports:
    """Pair the ports by name; of the others, those of one shape, in order: they are renamed."""
    outputs = [port for port, _ in before.outputs], [port for port, _ in after.outputs]
    return Ports(_paired(before.inputs, after.inputs), _paired(*outputs))


def _paired(before: Sequence[Port], after: Sequence[Port]) -> Paired:
    left = {port.name: port for port in after}
    partner = {port.name: left.pop(port.name) for port in before if port.name in left}
    for port in before:
        alike = [new for new in left.values() if str(new.type) == str(port.type)]
        if port.name not in partner and alike:
            partner[port.name] = left.pop(alike[0].name)
    pairs = tuple((port, partner[port.name]) for port in before if port.name in partner)
    return Paired(pairs, tuple(port for port in before if port.name not in partner), tuple(left.values()))


_Key = tuple[bool, str]
"""Whether it is the new network's, and the symbol's name."""


class Sizes(NamedTuple):
    """What the symbols of each network are at the sizes that both allow: a number, or a symbol common to both."""

    before: Mapping[str, Dim]
    after: Mapping[str, Dim]


def common(before: Graph, after: Graph, inputs: Paired) -> Sizes | None:
    """The sizes that both networks allow; None where there are none."""
    symbols = {(new, s.name): s for new, graph in ((False, before), (True, after)) for s in _symbols(graph)}
    sets = _Sets(symbols)
    for old, new in inputs.pairs:
        for size, other in zip(old.type.shape, new.type.shape, strict=False):
            sets.join(size, other)
    try:
        sizes = sets.sizes()
    except ValueError:  # in words, that no value is left
        return None
    return Sizes(*({name: size for (new, name), size in sizes.items() if new is side} for side in (False, True)))


def _symbols(graph: Graph) -> Iterator[Symbol]:
    """Those of its inputs, the batch too."""
    for port in graph.inputs:
        for size in port.type.shape:
            yield from size.symbols if isinstance(size, Size) else ()


class _Sets:
    """Symbols of both networks, in sets that have one value."""

    def __init__(self, symbols: Mapping[_Key, Symbol]) -> None:
        self._symbols = symbols
        self._set: dict[_Key, list[_Key]] = {key: [key] for key in symbols}
        self._numbers: dict[_Key, int] = {}

    def join(self, old: Dim, new: Dim) -> None:
        """Both stand at one place. Of a formula nothing is learnt."""
        keys = [(side, str(size)) for side, size in ((False, old), (True, new)) if is_symbol(size)]
        numbers = [size for size in (old, new) if isinstance(size, int)]
        if len(keys) == 2:
            one, other = (self._set[key] for key in keys)
            if one is not other:
                one.extend(other)
                self._set |= dict.fromkeys(other, one)
        elif keys and numbers:
            self._numbers.setdefault(keys[0], numbers[0])

    def sizes(self) -> dict[_Key, Dim]:
        """Raises ValueError where a set has no value."""
        found: dict[_Key, Dim] = {}
        for number, key in enumerate(self._set):
            if key not in found:
                size = self._size(self._set[key], str(number))
                found |= dict.fromkeys(self._set[key], size)
        return found

    def _size(self, keys: list[_Key], name: str) -> Dim:
        every = Symbol(name)
        for key in keys:
            symbol = self._symbols[key]
            number = self._numbers.get(key)
            every = restrict(
                every, least=symbol.least, most=symbol.most, modulus=symbol.modulus, residue=symbol.residue
            )
            every = restrict(every, least=number, most=number)
        return size_of(name, least=every.least, most=every.most, modulus=every.modulus, residue=every.residue)


def is_symbol(size: Dim) -> bool:
    """Whether it is a symbol itself, no formula of symbols."""
    return isinstance(size, Size) and len(size.symbols) == 1 and str(size) == size.symbols[0].name


def in_common_terms(size: Dim, given: Mapping[str, Dim]) -> Dim:
    """A size of one network in the symbols common to both.

    Args:
        given: `Sizes.before` or `Sizes.after`, whichever network's it is.
    """
    for symbol in size.symbols if isinstance(size, Size) else ():
        assert isinstance(size, Size), "as many symbols as are left"
        to = given[symbol.name]
        facts: tuple[int, int | None, int, int]
        if isinstance(to, int):
            facts = to, to, 1, 0
        else:
            (own,) = to.symbols
            facts = own.least, own.most, own.modulus, own.residue
        narrower = Symbol(symbol.name, *facts)
        size = size.narrowed(narrower)
        if isinstance(size, int):
            return size
        if narrower in size.symbols:
            size = size.merged(Symbol(str(to), *facts), narrower)
            if isinstance(size, int):
                return size
    return size


def takes(old: Port, new: Port, bound: dict[str, Dim], same: bool) -> bool:
    """Whether the new input takes every tensor that the old one takes. What is not proven does not hold.

    Args:
        bound: what the new network's symbols are in the old one's sizes, as far as the inputs before have said;
            what this one says is added.
        same: whether the two types are the same where both are allowed: it decides where sizes are formulas.
    """
    if old.type.rank != new.type.rank:
        return False
    places = zip(old.type.shape, new.type.shape, strict=True)
    return not [place for place in places if not _takes(*place, bound, same)]


def _takes(old: Dim, new: Dim, bound: dict[str, Dim], same: bool) -> bool:
    if isinstance(new, int):
        return old == new
    if not is_symbol(new):
        return same
    (symbol,) = new.symbols
    return bound.setdefault(symbol.name, old) == old and allows(symbol, old)


def allows(symbol: Symbol, size: Dim) -> bool:
    """Whether it is proven that the symbol may take every value of ``size``."""
    if isinstance(size, int):
        return symbol.allows(size)
    most = known_most(size)
    below = symbol.most is None or (most is not None and most <= symbol.most)
    return below and always_at_least(size, symbol.least) and divides(symbol.modulus, size - symbol.residue)


def examples(sizes: Sizes | None, before: Graph, after: Graph) -> tuple[dict[str, int], dict[str, int]] | None:
    """Sizes for the two networks at which costs are compared, the same ones for both; None where there are none.

    Each is `USUAL`, or the next above it that both contracts allow, else the greatest.
    """
    if sizes is None:
        return None
    found = []
    for graph, common in ((before, sizes.before), (after, sizes.after)):
        dims = {symbol.name: common[symbol.name] for symbol in graph.symbols}
        found.append({name: dim if isinstance(dim, int) else dim.symbols[0].near(USUAL) for name, dim in dims.items()})
    return found[0], found[1]
