"""Products of matrices, whatever the origin calls them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from specc.importing.building import Building
from specc.importing.program import Known, Unsayable, as_float32


def linear_layer(build: Building, x: str, tensors: Mapping[str, Known]) -> str:
    """A layer with a weight of (outputs, inputs), and a bias or none: ``fc`` of vectors, else ``linear``."""
    kind = "fc" if build.type(x).rank == 2 else "linear"
    outputs = tensors["weight"].shape[0]
    return build.step(kind, x, tensors=dict(tensors), out_features=outputs, bias="bias" in tensors)


_EQUATION = re.compile(r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)")


def summed_over_a_letter(build: Building, equation: str, operands: Sequence[str | Known]) -> str:
    """An ``einsum`` over one letter that two values share, or a value and numbers: a product of matrices."""
    equation = equation.replace(" ", "")
    found = _EQUATION.fullmatch(equation)
    if found is None or len(operands) != 2 or any(len(set(letters)) < len(letters) for letters in found.groups()):
        raise Unsayable(f'"{equation}" is no product of two operands, each letter once in each')
    (first, second, result), (a, b) = found.groups(), operands
    if isinstance(a, Known):
        first, second, a, b = second, first, b, a
    if not isinstance(a, str):
        raise Unsayable("it computes with constants alone")
    summed = [letter for letter in first if letter in second and letter not in result]
    alone = [letter for letter in second if letter not in first]
    if len(summed) != 1 or set(first + second) != {*result, *summed}:
        raise Unsayable(f'"{equation}" does not sum over one letter that both have')
    if isinstance(b, Known):
        if len(second) != 2 or len(alone) != 1:
            raise Unsayable(f'"{equation}" multiplies by numbers along other axes than those of a matrix')
        order = [letter for letter in first if letter not in summed]
        weight = as_float32(b)
        weight = weight if second[1] == summed[0] else weight.transposed(1, 0)
        product = linear_layer(build, _ordered(build, a, first, [*order, *summed]), {"weight": weight})
        return _ordered(build, product, [*order, *alone], result)
    own = [letter for letter in first if letter not in second]
    batch = [letter for letter in first if letter in second and letter in result]
    if len(own) != 1 or len(alone) != 1 or batch[:1] != [first[0]] or result[0] != first[0]:
        raise Unsayable(f'"{equation}" is no product of matrices of each sample')
    left = _ordered(build, a, first, [*batch, *own, *summed])
    right = _ordered(build, b, second, [*batch, *summed, *alone])
    return _ordered(build, build.step("matmul", left, right), [*batch, *own, *alone], result)


def _ordered(build: Building, x: str, letters: str | list[str], wanted: str | list[str]) -> str:
    """The axes of a value in another order, each known by its letter."""
    dims = tuple(letters.index(letter) for letter in wanted)
    return x if dims == tuple(range(len(dims))) else build.step("permute", x, dims=dims)
