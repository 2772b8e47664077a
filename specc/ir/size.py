"""Sizes known only as formulas of symbols: the ``H`` of a contract, and what steps make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Symbol:
    """A size of the contract known only by name, and every value it may take.

    The values are the whole numbers v with ``least`` <= v <= ``most`` and v % ``modulus`` == ``residue``.
    """

    name: str
    least: int = 1
    most: int | None = None
    modulus: int = 1
    residue: int = 0


class Size:
    """A whole number as a formula of symbols."""

    def __init__(self, symbol: Symbol) -> None:
        self._symbol = symbol

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols it depends on, by name."""
        return (self._symbol,)

    def at(self, values: Mapping[str, int]) -> int:
        """Its value where the symbols have these. Raises KeyError for a symbol without a value."""
        return values[self._symbol.name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self._symbol == other._symbol

    def __hash__(self) -> int:
        return hash(self._symbol)

    def __str__(self) -> str:
        return self._symbol.name

    def __repr__(self) -> str:
        return f"Size({self})"


Dim = int | Size


def symbol(name: str, *, least: int = 1, most: int | None = None, modulus: int = 1, residue: int = 0) -> Size:
    """The size called ``name``."""
    return Size(Symbol(name, least, most, modulus, residue))
