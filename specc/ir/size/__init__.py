"""Sizes known only as formulas of symbols: the ``H`` of a contract, and what steps make of it."""

from specc.ir.size.formula import Dim, Size, symbol
from specc.ir.size.symbols import USUAL, Symbol, asked_of
from specc.ir.size.terms import Unwieldy

__all__ = ["USUAL", "Dim", "Size", "Symbol", "Unwieldy", "asked_of", "symbol"]
