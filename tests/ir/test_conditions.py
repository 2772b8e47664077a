"""What is said to follow from a condition does follow, and does not without it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from specc.diagnostics.finding import NO_CONDITION, Clause, Condition, conjunction
from specc.ir.conditions import (
    always_at_least,
    where_at_least,
    where_equal,
    where_fixed,
)
from specc.ir.size import Dim, symbol
from specc.ir.symbols import Symbol, restrict, samples
from tests.ir.formulas import Values, allowed, domains, formulas, grid, on_grid

H, W, D = symbol("H"), symbol("W"), symbol("D")

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def holds(condition: Condition, values: Values) -> Any:
    """Whether the values satisfy the clauses, read as Python; for each where they are arrays."""
    assert all(re.fullmatch(r"\w+ (% \d+ == \d+|[<>=]= -?\d+|== \w+)", str(c)) for c in condition.clauses), condition
    return np.logical_and.reduce([eval(str(clause), {}, dict(values)) for clause in condition.clauses], initial=True)


def halved(size: Dim, times: int) -> Dim:
    for _ in range(times):
        size = size // 2
    return size


@relaxed
@given(st.data())
def test_sizes_are_equal_where_the_condition_holds(data: st.DataObject) -> None:
    symbols = data.draw(domains("HW"))
    (a, plain_a), (b, plain_b) = data.draw(st.tuples(formulas(symbols, 2), formulas(symbols, 2)))
    condition = where_equal(a, b)
    assume(condition is not None)
    values = grid(symbols, 64)
    same, within = on_grid(plain_a, values) == on_grid(plain_b, values), holds(condition, values)
    assert (same | ~within).all()
    assert not condition.necessary or (same == within).all()
    assert (not condition) == same.all()


@relaxed
@given(st.data())
def test_a_size_is_divided_where_the_condition_holds_and_only_there(data: st.DataObject) -> None:
    (of,) = data.draw(domains("H"))
    factor, offset, number = data.draw(st.tuples(st.integers(1, 4), st.integers(-5, 5), st.integers(1, 12)))
    condition = where_equal((symbol(of.name, **facts(of)) * factor + offset) % number, 0)
    right = [v for v in allowed(of, 200) if (v * factor + offset) % number == 0]
    assert (condition is not None) == bool(right)
    assert condition is None or condition.necessary
    assert condition is None or [v for v in allowed(of, 200) if holds(condition, {"H": v})] == right


@relaxed
@given(st.data())
def test_a_size_is_large_enough_where_the_condition_holds(data: st.DataObject) -> None:
    symbols = data.draw(domains("HW"))
    size, plain = data.draw(formulas(symbols, 3))
    number = data.draw(st.integers(-5, 40))
    condition = where_at_least(size, number)
    assert (condition == NO_CONDITION) == always_at_least(size, number)
    assume(condition is not None)
    values = grid(symbols, 50)
    enough, within = on_grid(plain, values) >= number, holds(condition, values)
    assert (enough | ~within).all()
    assert not condition.necessary or (enough == within).all()


@relaxed
@given(st.integers(1, 40), st.integers(1, 5), st.integers(-20, 20), st.integers(1, 4), st.sampled_from([1, 2, 16]))
def test_the_bound_is_the_smallest(number: int, factor: int, offset: int, divisor: int, modulus: int) -> None:
    size = (symbol("H", modulus=modulus) * factor + offset) // divisor
    found = min(v for v in range(modulus, 500, modulus) if (v * factor + offset) // divisor >= number)
    condition = where_at_least(size, number)
    assert condition is not None
    assert str(condition) == ("" if found == modulus else f"H >= {found}")
    assert condition.necessary


def facts(of: Symbol) -> dict[str, int | None]:
    return {"least": of.least, "most": of.most, "modulus": of.modulus, "residue": of.residue}


@pytest.mark.parametrize(
    ("a", "b", "clauses"),
    [
        (halved(H, 4) * 16, H, "H % 16 == 0"),
        (halved(H, 2) * 4 * W, H * W, "H % 4 == 0"),
        (H // 2 * (W // 2) * 4, H * W, "H % 2 == 0, W % 2 == 0"),
        (H // 2 * (W // 4 * 8) * (D // 2 * 2), H * W * D, "D % 2 == 0, H % 2 == 0, W % 4 == 0"),
        (H // 4 * 4 + 1, H, "H % 4 == 1"),
        ((H + 1) // 2, H // 2, "H % 2 == 0"),
        (symbol("H", modulus=3, residue=1) // 2 * 2, symbol("H", modulus=3, residue=1), "H % 2 == 0"),
        (symbol("H", modulus=8) // 16 * 16, symbol("H", modulus=8), "H % 16 == 0"),
        (H, W, "H == W"),
        (H // 2 * 2, W, "H == W, H % 2 == 0"),
        (symbol("W", modulus=2), H % 2, None),
        (H, 8, "H == 8"),
        (10 - H, 4, "H == 6"),
        (H // 32, 7, "H >= 224, H <= 255"),
        (H // 32, 0, "H <= 31"),
        (H + 2, 2 + H, ""),
        (H, H + 1, None),
        (symbol("H", modulus=2) // 2 * 2, symbol("H", modulus=2) + 1, None),
        (H + W, 0, None),
        (3, 4, None),
        (4, 4, ""),
    ],
)
def test_the_weakest_condition_is_named(a: Dim, b: Dim, clauses: str | None) -> None:
    condition = where_equal(a, b)
    assert (None if condition is None else str(condition)) == clauses


@pytest.mark.parametrize(
    ("condition", "necessary"),
    [
        (where_equal(halved(H, 4) * 16, H), True),
        (where_equal(H // 2 * (W // 2) * 4, H * W), True),
        (where_equal(H, W), True),
        (where_equal(2 * W, 2 * H), True),
        (where_equal(H // 2, W // 2), False),  # 2 and 3 will do as well
        (where_equal(H // 2 * 2, W), False),  # 3 and 2
        (where_equal(H // 32, 7), True),
        (where_at_least(halved(H, 5), 1), True),
        (where_at_least(halved(H, 5) * halved(W, 4), 1), True),
        (where_at_least(H * W, 2), False),  # 5 x 1 has five places
        (where_at_least(H + W, 3), False),
        (where_at_least(10 - H, 2), True),
    ],
)
def test_which_conditions_are_necessary(condition: Condition | None, necessary: bool) -> None:
    assert condition is not None
    assert condition.necessary == necessary


@pytest.mark.parametrize(
    ("size", "clauses"),
    [
        (H - 2 * (H // 2), "H % 2 == 0"),
        (2 * ((H + 1) // 2) - H, "H % 2 == 0"),
        (symbol("H", modulus=2, residue=1) - 4 * (symbol("H", modulus=2, residue=1) // 4), "H % 4 == 1"),
        (H - W, "H == W"),
        (W // 2 * 2 - W + H // 2 * 2 - H, "H % 2 == 0, W % 2 == 0"),
        (7, ""),
        (H, None),
        (H + W, None),
    ],
)
def test_what_makes_a_size_a_number(size: Dim, clauses: str | None) -> None:
    condition = where_fixed(size)
    assert (None if condition is None else str(condition)) == clauses


def test_conditions_come_together() -> None:
    at_least, halves = Condition((Clause("H", ">=", 8),), True), Condition((Clause("H", "==", 0, 2),), True)
    least = Condition((Clause("H", ">=", 3), Clause("W", "==", 1, 3)))
    assert str(conjunction([at_least, halves, halves, least])) == "H % 2 == 0, W % 3 == 1, H >= 8"
    assert conjunction([at_least, halves]) == Condition((Clause("H", "==", 0, 2), Clause("H", ">=", 8)), True)
    assert conjunction([at_least, None]) is None
    assert conjunction([]) == NO_CONDITION
    assert [
        c.is_general for c in (at_least, Condition((Clause("H", "<=", 8),)), Condition((Clause("H", "==", 8),)))
    ] == [
        True,
        False,
        False,
    ]
    assert Condition((Clause("H", "==", "W"), Clause("D", ">=", 2))).names == {"H", "W", "D"}


@pytest.mark.parametrize(
    ("size", "number", "clauses"),
    [
        ((H - 31) // 32 + 1, 1, "H >= 31"),
        ((H - 1) // 32 + 1, 1, ""),
        ((H - 31) // 32, 1, "H >= 63"),
        (halved(H, 5), 1, "H >= 32"),
        (halved(H, 5) * halved(W, 4), 1, "H >= 32, W >= 16"),
        (H * W, 100, "H >= 10, W >= 10"),
        (symbol("H", modulus=16) - 20, 1, "H >= 32"),
        (symbol("H", most=40) * W, 1000, "H >= 32, W >= 32"),
        (symbol("H", most=20) * W, 1000, "H == 20, W >= 50"),
        (10 - H, 2, "H <= 8"),
        (H - W, 1, None),
        (symbol("H", most=40), 41, None),
        (4, 5, None),
        (5, 5, ""),
    ],
)
def test_the_least_bounds_are_named(size: Dim, number: int, clauses: str | None) -> None:
    assert always_at_least(size, number) == (clauses == "")
    condition = where_at_least(size, number)
    assert (None if condition is None else str(condition)) == clauses


def test_numbers_and_sizes_are_asked_alike() -> None:
    size = symbol("H", least=3, most=9)
    assert (size.least, size.most) == (3, 9)
    assert ((H - W).least, H.most) == (None, None)
    assert always_at_least(size, 3)
    assert not always_at_least(size, 4)
    assert always_at_least(4, 4)
    assert not always_at_least(H - W, 0)
    assert symbol("H", modulus=8) % 4 == 0
    assert symbol("H", modulus=2) % 4 != 0


@relaxed
@given(st.data())
def test_a_restricted_symbol_has_the_values_that_are_left(data: st.DataObject) -> None:
    (of,) = data.draw(domains("H"))
    modulus = data.draw(st.integers(1, 12))
    residue, least = data.draw(st.integers(0, modulus - 1)), data.draw(st.integers(-10, 60))
    most = data.draw(st.none() | st.integers(0, 90))
    left = [v for v in range(-10, 3000) if of.allows(v) and v % modulus == residue and v >= least]
    left = [v for v in left if most is None or v <= most]
    if left:
        narrower = restrict(of, least=least, most=most, modulus=modulus, residue=residue)
        assert [v for v in range(-10, 3000) if narrower.allows(v)] == left
    else:
        with pytest.raises(ValueError, match="contradict"):
            restrict(of, least=least, most=most, modulus=modulus, residue=residue)


def test_what_cannot_be_restricted_is_said() -> None:
    with pytest.raises(ValueError, match="H % 4 == 1 contradicts H % 2 == 0"):
        restrict(Symbol("H", modulus=2), modulus=4, residue=1)
    with pytest.raises(ValueError, match=re.escape("at most 2**31 can be reasoned about")):
        restrict(Symbol("H", modulus=65536), modulus=65537)
    with pytest.raises(ValueError, match="H % 4 is never 9"):
        restrict(Symbol("H"), modulus=4, residue=9)


@relaxed
@given(st.data(), st.integers(1, 12))
def test_samples_are_values_from_the_least_on(data: st.DataObject, count: int) -> None:
    (of,) = data.draw(domains("H"))
    some, values = samples(of, count), allowed(of, 5000)
    assert some == sorted(set(some))
    assert set(some) <= set(values)
    assert some[:2] == values[: min(2, count)]
    assert len(some) == min(count, len(values))


def test_samples_spread() -> None:
    assert samples(Symbol("H"), 6) == [1, 2, 3, 5, 8, 13]
    assert samples(Symbol("H", modulus=16), 4) == [16, 32, 48, 80]
    assert samples(Symbol("H", most=6), 6) == [1, 2, 3, 4, 5, 6]


def test_what_takes_too_much_work_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """That there is no condition is never said, only that none is known."""
    size = halved(H, 4) * 16 - H
    assert None not in (where_equal(size, 0), where_at_least(H // 2, 5))
    monkeypatch.setattr("specc.ir.conditions.MOST_WORK", 1)
    assert [where_equal(size, 0), where_at_least(H // 2, 5)] == [None, None]
