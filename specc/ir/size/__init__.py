"""Sizes known only as formulas of symbols: the ``H`` of a contract, and what steps make of it."""

from specc.ir.size.formula import Dim, Size, symbol
from specc.ir.size.symbols import Symbol
from specc.ir.size.terms import Unwieldy

__all__ = ["Dim", "Size", "Symbol", "Unwieldy", "symbol"]
