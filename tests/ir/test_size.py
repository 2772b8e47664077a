"""Sizes against plain whole numbers: what a formula says is what the numbers do."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from specc.ir.size import Dim, Size, quotient, symbol
from specc.ir.symbols import Symbol
from specc.ir.terms import Unwieldy, probes
from tests.ir.formulas import allowed, domains, formulas, grid, on_grid, read

H, W = symbol("H"), symbol("W")

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def at(size: Dim, values: dict[str, int]) -> int:
    return size if isinstance(size, int) else size.at(values)


def ceil(size: Dim, divisor: int) -> Dim:
    return -(-size // divisor)


def conv(size: Dim, kernel: int, stride: int, padding: int) -> Dim:
    return (size + 2 * padding - kernel) // stride + 1


@relaxed
@given(st.data())
def test_a_formula_has_the_value_that_whole_numbers_give(data: st.DataObject) -> None:
    symbols = data.draw(domains("HW"))
    size, plain = data.draw(formulas(symbols))
    values = {s.name: data.draw(st.sampled_from([*allowed(s, 60), allowed(s, 5000)[-1]])) for s in symbols}
    assert at(size, values) == plain(values)


@relaxed
@given(st.data())
def test_a_printed_formula_says_the_same(data: st.DataObject) -> None:
    symbols = data.draw(domains("HW"))
    size, plain = data.draw(formulas(symbols))
    table = grid(symbols, 7)
    for values in (dict(zip(table, map(int, each), strict=True)) for each in zip(*table.values(), strict=True)):
        assert read(str(size), values) == plain(values), str(size)


@relaxed
@given(st.data())
def test_bounds_are_never_passed(data: st.DataObject) -> None:
    symbols = data.draw(domains("HW"))
    size, plain = data.draw(formulas(symbols))
    found = on_grid(plain, grid(symbols, 50))
    assert isinstance(size, int) or size.least is None or size.least <= found.min()
    assert isinstance(size, int) or size.most is None or size.most >= found.max()


@relaxed
@given(st.data())
def test_bounds_over_one_symbol_are_reached(data: st.DataObject) -> None:
    (of,) = data.draw(domains("H"))
    size, plain = data.draw(formulas([of], 3))
    assume(isinstance(size, Size))
    found = on_grid(plain, grid([of], 4000))
    assert size.least == found.min() if size.least is not None else found.min() < -50
    assert size.most == found.max() if size.most is not None else found.max() > 50


def test_bounds_of_symbols_below_0() -> None:
    below = symbol("H", least=-4)
    assert (below * below).least == 0
    assert (below.least, (below * W).least) == (-4, None)


def test_bounds_of_formulas_of_too_many_classes_are_still_bounds() -> None:
    far, wide = symbol("H", most=10_006), symbol("W", most=10_006)
    size = far // 5003 - wide // 5003 + 10
    assert size.least is not None
    assert size.most is not None
    assert size.least <= 8
    assert size.most >= 12
    below = symbol("W", least=-4, most=4)
    size = below * below - below * (far // 5003)
    assert size.least is None or size.least <= -1
    assert size.most is None or size.most >= 24


@relaxed
@given(st.data())
def test_sizes_are_equal_where_they_are_at_every_value(data: st.DataObject) -> None:
    symbols = data.draw(domains("HW"))
    (a, plain_a), (b, plain_b) = data.draw(st.tuples(formulas(symbols, 2), formulas(symbols, 2)))
    values = grid(symbols, 64)
    same = np.array_equal(on_grid(plain_a, values), on_grid(plain_b, values))
    assert (a == b) == same
    assert not same or hash(a) == hash(b)


@relaxed
@given(st.data())
def test_a_size_that_is_the_same_everywhere_is_a_number(data: st.DataObject) -> None:
    symbols = data.draw(domains("HW"))
    size, plain = data.draw(formulas(symbols, 3))
    found = on_grid(plain, grid(symbols, 64))
    assert isinstance(size, int) == (found.min() == found.max())


@relaxed
@given(st.data())
def test_equal_sizes_found_by_another_way_are_equal(data: st.DataObject) -> None:
    """floor((x + r)/d) over all r is x; nested floors; ceil by way of the negative."""
    symbols = data.draw(domains("HW"))
    x, _ = data.draw(formulas(symbols, 1))
    a, b = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    assert sum((x + r) // a for r in range(a)) == x
    assert x // a // b == x // (a * b)
    assert ceil(x, a) == (x + a - 1) // a
    assert hash(ceil(x, a)) == hash((x + a - 1) // a)
    assert x % a + x // a * a == x


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (H, "H"),
        (2 * H + 1, "2*H + 1"),
        (10 - H, "10 - H"),
        (-H, "-H"),
        (H - W, "H - W"),
        (H * W * 3 - H, "3*H*W - H"),
        (H // 2, "floor(H/2)"),
        (conv(H, 3, 2, 1), "floor((H + 1)/2)"),
        (conv(H, 2, 2, 0), "floor(H/2)"),
        (conv(H, 1, 2, 0), "floor((H + 1)/2)"),
        (conv(conv(H, 7, 2, 3), 3, 2, 1), "floor((H + 3)/4)"),
        (ceil(H, 2), "floor((H + 1)/2)"),
        (ceil(ceil(H, 2), 2), "floor((H + 3)/4)"),
        (2 * ceil(H, 2), "2*floor((H + 1)/2)"),
        (H // 2 + 1, "floor(H/2) + 1"),
        ((H - 31) // 32, "floor((H - 31)/32)"),
        (H % 2, "H - 2*floor(H/2)"),
        ((H // 2) * (W // 2), "floor(H/2)*floor(W/2)"),
        (ceil(H, 2) * W, "W*floor((H + 1)/2)"),
        (symbol("H", modulus=16) // 2, "H/2"),
        (symbol("H", modulus=16) * 3 // 4 + 1, "3*H/4 + 1"),
        (symbol("H", modulus=16) // 2 * (symbol("W", modulus=2) // 2), "H*W/4"),
        (symbol("H", modulus=16) // 32, "floor(H/32)"),
        (symbol("H", modulus=2, residue=1) // 2, "(H - 1)/2"),
        (symbol("H", modulus=2, residue=1) // 2 + symbol("W", modulus=2, residue=1) // 2, "(H + W - 2)/2"),
    ],
)
def test_sizes_read_as_people_write_them(size: Dim, text: str) -> None:
    assert str(size) == text


def test_a_u_net_of_four_halvings_fits_where_16_divides() -> None:
    free, held = H, symbol("H", modulus=16)
    for _ in range(4):
        free, held = free // 2, held // 2
    assert free * 16 != H
    assert held * 16 == symbol("H", modulus=16)


def test_shortcut_and_body_of_a_strided_block_agree() -> None:
    size: Dim = H
    for _ in range(5):
        assert conv(size, 3, 2, 1) == conv(size, 1, 2, 0)
        size = conv(size, 3, 2, 1)
    assert size == ceil(H, 32)
    assert [at(size, {"H": n}) for n in (1, 32, 33, 224)] == [1, 1, 2, 7]


def test_what_cancels_leaves_a_number() -> None:
    assert (H + 3) - H == 3
    assert H // 2 + ceil(H, 2) - H == 0
    assert (H * H + H) % 2 == 0
    assert (W - W) * H == 0
    assert symbol("H", modulus=8) % 4 == 0
    assert symbol("H", modulus=8, residue=3) % 4 == 3


def test_a_polynomial_may_be_0_at_all_of_few_values() -> None:
    few = symbol("H", most=3)
    assert (few - 1) * (few - 2) * (few - 3) == 0
    assert (few - 1) * (few - 2) != 0


def test_what_cancels_leaves_no_symbol() -> None:
    assert (H + W - W).symbols == (Symbol("H"),)
    assert (H * W + H % 3).symbols == (Symbol("H"), Symbol("W"))


def test_a_symbol_of_one_value_is_a_number() -> None:
    assert symbol("H", least=224, most=224) == 224
    assert symbol("H", least=30, most=40, modulus=32) == 32


@pytest.mark.parametrize(
    "ask", [bool, int, float, lambda s: s < 3, lambda s: s >= W, lambda s: max(s, 3), lambda s: s / 2]
)
def test_what_depends_on_the_symbols_is_not_answered(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(TypeError):
        ask(H)


@pytest.mark.parametrize("wrong", [lambda: H // 0, lambda: H // -2, lambda: H % 0, lambda: H % -1])
def test_sizes_are_divided_by_positive_numbers(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match="divided by at least 1"):
        wrong()


def test_a_size_is_not_divided_by_a_size() -> None:
    with pytest.raises(TypeError):
        H // W
    with pytest.raises(TypeError):
        8 % H


ODD, HALF = symbol("K", modulus=2, residue=1), (H + 1) // 2


@pytest.mark.parametrize(
    ("a", "b", "result"),
    [
        (12, 4, 3),
        (13, 4, None),
        (6 * H, 4, None),
        (symbol("E", modulus=4), 2, symbol("E", modulus=4) // 2),
        (12, H, None),
        (4 * H * W, 2 * H, 2 * W),
        (ODD * W, ODD, W),
        (8 * HALF * ((W + 1) // 2), HALF * 2, 4 * ((W + 1) // 2)),
        ((H + 1) * (W + 2), W + 2, H + 1),
        ((H + 1) * (W + 2), W + 1, None),
        (H * W, HALF, None),
        (H, 2 * H, None),
    ],
)
def test_a_quotient_is_found_where_there_is_one(a: Dim, b: Dim, result: Dim | None) -> None:
    assert quotient(a, b) == result
    assert result is None or result * b == a


def test_two_symbols_of_one_name_do_not_meet() -> None:
    other = symbol("H", modulus=16)
    assert other != H
    assert symbol("H", least=2) != H
    assert other // 2 != H // 2
    with pytest.raises(ValueError, match="two symbols are called H"):
        H + other
    with pytest.raises(ValueError, match="two symbols are called H"):
        (H * W) - other // 2


def test_a_formula_has_values_only_where_its_symbols_do() -> None:
    size = symbol("H", least=32, modulus=16) + W
    assert size.at({"H": 48, "W": 2, "D": 7}) == 50
    with pytest.raises(KeyError):
        size.at({"H": 48})
    for wrong in (16, 40):
        with pytest.raises(ValueError, match=f"H = {wrong} is not allowed: H % 16 == 0, H >= 32"):
            size.at({"H": wrong, "W": 1})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"least": 5, "most": 4}, "H >= 5, H <= 4 contradict each other"),
        ({"least": 17, "most": 31, "modulus": 16}, "H % 16 == 0, H >= 17, H <= 31 contradict each other"),
        ({"modulus": 4, "residue": 4}, "H % 4 is never 4"),
        ({"modulus": 0}, "H % 0: a size is divided by 1"),
        ({"modulus": 2**31 + 1}, "a size is divided by 1"),
    ],
)
def test_a_symbol_has_a_value(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Symbol("H", **arguments)


def test_formulas_do_not_grow_without_end() -> None:
    size = H + W + symbol("D")
    for _ in range(4):
        size = size * size
    with pytest.raises(ValueError, match="more than 200 terms"):
        size * size


def test_sizes_that_cannot_be_decided_count_as_different() -> None:
    """(x * x + x) % 2 is 0; but this x has too many residue classes to go through."""
    x = (H + W) // 1009 + (H + 2 * W) // 997
    odd = (x * x + x) % 2
    assert isinstance(odd, Size)
    assert odd != 0
    assert {odd.at({"H": h, "W": 5000 - h}) for h in range(1, 5000, 7)} == {0}
    assert odd.least is None or odd.least <= 0


def test_equal_symbols_are_one() -> None:
    assert Symbol("N") == Symbol("N")
    assert Symbol("N") != Symbol("N", least=2)
    assert len({Symbol("N"), Symbol("N"), Symbol("M")}) == 2
    assert symbol("N") is symbol("N")
    assert {H: 1}[symbol("H")] == 1


def test_sample_points_are_values() -> None:
    narrow = (Symbol("H", 3, 5), Symbol("W", -9, None, 4, 3))
    for point in probes(narrow):
        for of in narrow:
            assert of.allows(of.value(point[of.name]))


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, specc.ir.conditions; print(sorted({'numpy', 'torch', 'onnx', 'fractions'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_floors_that_double_are_refused_at_once() -> None:
    """L + floor((L + 1)/2), again and again: each level evaluates the one before it twice."""

    def doubled(times: int) -> Dim:
        size: Dim = symbol("L", least=2)
        for _ in range(times):
            size += (size + 1) // 2
        return size

    assert isinstance(doubled(4), Size)
    with pytest.raises(Unwieldy, match="too many floors in floors"):
        doubled(40)
