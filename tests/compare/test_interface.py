"""What a caller may do before and after, held against plain counting: which shapes each contract takes."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from specc.compare import compare
from specc.compare.interface import PortChange
from specc.diagnostics import SpecError
from tests.compare.test_checkpoint import difference, model
from tests.elaborate.test_graphs import relaxed

LARGEST = 24
"""Sizes that are counted. Bounds and moduli are far below, so that nothing new happens above."""


class Symbol(NamedTuple):
    modulus: int
    residue: int
    least: int
    most: int | None

    def allows(self, value: int) -> bool:
        return (
            value % self.modulus == self.residue and self.least <= value and (self.most is None or value <= self.most)
        )

    def where(self, name: str) -> str:
        most = "" if self.most is None else f", {name} <= {self.most}"
        return f"{name} % {self.modulus} == {self.residue}, {name} >= {self.least}{most}"


class Contract(NamedTuple):
    """Two inputs of one spatial size each and one of both: ``axes`` are numbers, symbols, or twice a symbol."""

    axes: tuple[str, ...]
    symbols: dict[str, Symbol]

    @property
    def text(self) -> str:
        one, two, three, four = self.axes
        used = [name for name in self.symbols if name in self.axes]
        where = ", ".join(self.symbols[name].where(name) for name in used)
        ports = f"(a: [N, 1, {one}], b: [N, 1, {two}], c: [N, 1, {three}, {four}])"
        outputs = "-> (x: [N, 1], y: [N, 1], z: [N, 1])"
        body = " ".join(f"{p} -> globalavgpool -> {o}: flatten" for p, o in (("a", "x"), ("b", "y"), ("c", "z")))
        body = body.replace(" b ->", "\nb ->").replace(" c ->", "\nc ->")
        return f"model M : {ports} {outputs} {f'where {where}' if where else ''} {{\n{body}\n}}"

    def shapes(self) -> set[tuple[int, ...]]:
        names = list(self.symbols)
        found = set()
        for values in product(range(1, LARGEST + 1), repeat=len(names)):
            given = dict(zip(names, values, strict=True))
            if all(self.symbols[name].allows(value) for name, value in given.items()):
                found.add(tuple(eval(axis, {}, given) for axis in self.axes))
        return {shape for shape in found if max(shape) <= LARGEST}


@st.composite
def symbols(draw: Any) -> Symbol:
    modulus = draw(st.sampled_from([1, 1, 2, 3, 4, 6]))
    least = draw(st.integers(1, 6))
    return Symbol(modulus, draw(st.integers(0, modulus - 1)), least, draw(st.none() | st.integers(least + 6, 16)))


@st.composite
def contracts(draw: Any, *, formulas: bool) -> Contract:
    known = {name: draw(symbols()) for name in ("H", "W")}
    axes = tuple(draw(st.sampled_from(["H", "H", "W", "W", "6", "12"])) for _ in range(4))
    if formulas and axes[0] == "H":
        axes = (*axes[:3], "2 * H")
    return Contract(axes, {name: symbol for name, symbol in known.items() if name in axes})


def changes(before: Contract, after: Contract) -> list[PortChange]:
    try:
        one, other = model(before.text), model(after.text)
    except SpecError:
        assume(False)
    return [change for change in difference(one, other).interface.changes if change.side == "input"]


@settings(max_examples=100, **relaxed)
@given(contracts(formulas=False), contracts(formulas=False))
def test_breaking_is_what_no_longer_fits(before: Contract, after: Contract) -> None:
    old, new = before.shapes(), after.shapes()
    assume(old)
    assume(new)
    found = changes(before, after)
    assert any(change.breaking for change in found) == (not old <= new)
    if old != new:
        assert found


@settings(max_examples=60, **relaxed)
@given(contracts(formulas=True), contracts(formulas=True))
def test_with_formulas_nothing_that_breaks_is_missed(before: Contract, after: Contract) -> None:
    old, new = before.shapes(), after.shapes()
    found = changes(before, after)
    assert old <= new or any(change.breaking for change in found)


def one(text: str, other: str) -> list[tuple[str, str, str, bool]]:
    found = difference(model(text), model(other)).interface.changes
    return [(change.side, change.kind, change.name, change.breaking) for change in found]


HALVED = "model M : [N, 3, H] where H {} {{ maxpool(2) }}"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # H/2 and floor(H/2) are one size wherever H is even
        (HALVED.format("% 2 == 0"), HALVED.format(">= 2"),
         [("input", "where", "H", False), ("output", "shape", "output", False)]),
        # H/2 is 32 where H must be 64, also by a contract that counts H in steps of 16
        (HALVED.format("% 16 == 0"), "model M : [N, 3, 64] { maxpool(2) }",
         [("input", "shape", "input", True), ("output", "shape", "output", False)]),
        ("model M : [N, 3, 64] { maxpool(2) }", HALVED.format("% 16 == 0"),
         [("input", "shape", "input", False), ("output", "shape", "output", False)]),
        ("model M : [N, 4] { fc(10) }", "model M : [N, 4] { fc(12) }", [("output", "shape", "output", True)]),
        ("model M : [N, 4] { relu }", "model M : [N, 4, 4] { relu }",
         [("input", "shape", "input", True), ("output", "shape", "output", True)]),
        ("model M : [N, 4] { relu }", "model M : (x: [N, 4]) { relu }", [("input", "renamed", "x", True)]),
        ("model M : [N, 4] { relu }", "model M : (x: [N, 5]) { relu }",
         [("input", "removed", "input", True), ("input", "added", "x", True), ("output", "shape", "output", True)]),
        ("model M : [N, 4] { relu }", "model M : [N, 4] -> (x: [N, 4], y: [N, 4]) { x: relu -> y: relu }",
         [("output", "added", "y", True), ("output", "renamed", "x", True)]),
        ("model M : [N, 4] { relu }", "model O : [N, 4] { relu }", [("model", "renamed", "O", True)]),
        ("model M : [N, 4] { relu }", "model M : [B, 4] { relu }",
         [("input", "shape", "input", False), ("output", "shape", "output", False)]),
        ("model M : [N, 4] { relu }", "model M : [4, 4] { relu }",
         [("input", "shape", "input", True), ("output", "shape", "output", False)]),
        ("model M : [N, 1, H, W] { relu }", "model M : [N, 1, W, H] { relu }",
         [("input", "shape", "input", False), ("output", "shape", "output", False)]),
        ("model M : [N, 1, H, W] where W >= 2 { maxpool((1, 2)) }",
         "model M : [N, 1, W, H] where W >= 2 { maxpool((2, 1)) }",
         [("input", "shape", "input", True), ("output", "shape", "output", True)]),
    ],
)  # fmt: skip
def test_changes(before: str, after: str, expected: list[tuple[str, str, str, bool]]) -> None:
    assert one(before, after) == expected


def test_another_name_that_was_asked_for_is_no_change() -> None:
    before, after = model("model M : [N, 4] { relu }"), model("model O : [N, 4] { relu }")
    assert not compare(before.graph, after.graph, other_name=True).interface.changed


def sizes(before: str, after: str) -> tuple[dict[str, int], dict[str, int]]:
    cost = difference(model(before), model(after)).cost
    assert cost.comparable
    return dict(cost.sizes_before), dict(cost.sizes_after)


def test_costs_are_counted_at_sizes_that_both_allow() -> None:
    text = "model M : [N, 3, {}] {} {{ conv(4, 1) }}"
    even, threes = text.format("H", "where H % 2 == 0"), text.format("X", "where X % 3 == 0")
    assert sizes(even, threes) == ({"H": 228}, {"X": 228})
    assert sizes(even, text.format("64", "")) == ({"H": 64}, {})
    assert sizes(text.format("H", "where H <= 40"), even) == ({"H": 40}, {"H": 40})


def test_what_costs_more() -> None:
    text = "model M : [N, 3, 8, 8] {{ conv({}, {}, padding={}) }}"
    found = difference(model(text.format(4, 1, 0)), model(text.format(4, 3, 1))).cost
    numbers = {number.name: (number.before, number.after, number.grew) for number in found.numbers}
    # by hand: 4*3 + 4 and 4*3*9 + 4 parameters; 64 places * 4 * 3 (* 9); 4 * 64 numbers of 4 bytes, the input 3 * 64
    assert numbers == {
        "parameters": (16, 112, True),
        "trainable parameters": (16, 112, True),
        "MACs": (768, 6912, True),
        "activation memory": (1024, 1024, False),
        "peak memory": (1792, 1792, False),
        "receptive field": ((1, 1), (3, 3), False),
        "depth": (1, 1, False),
    }


def test_sizes_may_be_given() -> None:
    text = "model M : [N, 3, H] {{ conv({}, 1) }}"
    before, after = (model(text.format(n)) for n in (4, 8))
    found = compare(before.graph, after.graph, sizes={"H": 10})
    assert found.cost.sizes_before == found.cost.sizes_after == {"H": 10}
    assert next((n.before, n.after) for n in found.cost.numbers if n.name == "MACs") == (120, 240)
