"""Random formulas as sizes and as plain Python functions, and a reader of printed formulas: the oracle of sizes.

A plain function takes whole numbers, or arrays of them: a formula is tried on thousands of values at once.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from specc.ir.size import Dim, symbol
from specc.ir.symbols import Symbol

Values = Mapping[str, Any]
"""A whole number for each name, or an array of them."""

Formula = tuple[Dim, Callable[[Values], Any]]


@st.composite
def domains(draw: st.DrawFn, names: str) -> list[Symbol]:
    """One symbol per letter; about half of them bounded, some with few values only."""
    drawn = []
    for name in names:
        modulus = draw(st.sampled_from([1, 1, 1, 2, 3, 4, 6]))
        least = draw(st.sampled_from([1, 1, 1, 0, 2, 5, -4, 30]))
        most = draw(st.sampled_from([None, None, modulus - 1, 2 * modulus, 17, 40]))
        bound = None if most is None else least + most
        drawn.append(Symbol(name, least, bound, modulus, draw(st.integers(0, modulus - 1))))
    return drawn


def size_of(of: Symbol) -> Dim:
    return symbol(of.name, least=of.least, most=of.most, modulus=of.modulus, residue=of.residue)


def formulas(symbols: list[Symbol], depth: int = 4) -> st.SearchStrategy[Formula]:
    """Sums, products, quotients and rests, at most ``depth`` deep."""
    names = st.sampled_from(symbols).map(lambda s: (size_of(s), lambda values: values[s.name]))
    if depth == 0:
        return names | st.integers(-9, 9).map(lambda n: (n, lambda values: n))
    part = formulas(symbols, depth - 1)
    divisor = st.sampled_from([1, 2, 2, 2, 3, 4])
    return st.one_of(
        names,
        st.builds(lambda a, b: (a[0] + b[0], lambda v: a[1](v) + b[1](v)), part, part),
        st.builds(lambda a, b: (a[0] - b[0], lambda v: a[1](v) - b[1](v)), part, part),
        st.builds(lambda a, b: (a[0] * b[0], lambda v: a[1](v) * b[1](v)), part, formulas(symbols, 0)),
        st.builds(lambda a, d: (a[0] // d, lambda v: a[1](v) // d), part, divisor),
        st.builds(lambda a, d: (a[0] % d, lambda v: a[1](v) % d), part, divisor),
        st.builds(lambda a: (-a[0], lambda v: -a[1](v)), part),
    )


def allowed(of: Symbol, count: int) -> list[int]:
    """Its ``count`` smallest values, found by trying every number."""
    top = of.least + count * of.modulus if of.most is None else of.most
    tried = np.arange(of.least, top + 1)
    return [int(value) for value in tried[tried % of.modulus == of.residue][:count]]


def grid(symbols: list[Symbol], count: int) -> dict[str, NDArray[np.int64]]:
    """Every combination of the ``count`` smallest values of each symbol."""
    axes = np.meshgrid(*(allowed(s, count) for s in symbols))
    return {s.name: axis.reshape(-1) for s, axis in zip(symbols, axes, strict=True)}


def on_grid(plain: Callable[[Values], Any], values: dict[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    """What a plain function gives for each combination; one that takes no symbol gives the same for all."""
    return np.broadcast_to(plain(values), next(iter(values.values())).shape)


def read(text: str, values: Mapping[str, int]) -> int:
    """The value of a printed formula. Raises AssertionError where ``/`` leaves a rest outside floor()."""
    result = _read(ast.parse(text, mode="eval").body, values)
    assert result.denominator == 1, text
    return int(result)


def _read(node: ast.expr, values: Mapping[str, int], whole: bool = True) -> Fraction:
    match node:
        case ast.Constant(int(number)):
            return Fraction(number)
        case ast.Name(name):
            return Fraction(values[name])
        case ast.UnaryOp(ast.USub(), operand):
            return -_read(operand, values, whole)
        case ast.Call(ast.Name("floor"), [argument], []):
            return Fraction(floor(_read(argument, values, whole=False)))
        case ast.BinOp(left, operator, right):
            return _calculated(operator, _read(left, values, whole), _read(right, values, whole), whole)
    raise AssertionError(ast.dump(node))


def _calculated(operator: ast.operator, left: Fraction, right: Fraction, whole: bool) -> Fraction:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            assert not whole or (left / right).denominator == 1
            return left / right
    raise AssertionError(ast.dump(operator))
