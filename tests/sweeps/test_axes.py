"""The values of a parameter, as they are written."""

from __future__ import annotations

import pytest

from specc.diagnostics import UsageError
from specc.elaborate.values import literal
from specc.sweeps.axes import axes_of, typed_axes


def values(written: object) -> list[object]:
    axis = axes_of({"x": written})["x"]
    return [axis.value(place) for place in range(axis.count)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("16", [16]),
        ("16, 32,64", [16, 32, 64]),
        ("2..6", [2, 3, 4, 5, 6]),
        ("2..9:3", [2, 5, 8]),
        ("-1..1", [-1, 0, 1]),
        ("0.1..0.5:0.1", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("1..2:0.5", [1.0, 1.5, 2.0]),
        ("16..256:x2", [16, 32, 64, 128, 256]),
        ("16..255:x2", [16, 32, 64, 128]),
        ("1..8:x1.5", [1.0, 1.5, 2.25, 3.375, 5.0625, 7.59375]),
        ("1k..2k:500", [1000, 1500, 2000]),
        ("16..256:log5", [16, 32, 64, 128, 256]),
        ("1..3:log9", [1, 2, 3]),
        ("8,16..64:x2,100", [8, 16, 32, 64, 100]),
        ("true,false,none", [True, False, None]),
        ('"a,b",[1,2],[]', ["a,b", (1, 2), ()]),
        (3, [3]),
        ([1, 0.5, (2, 3)], [1, 0.5, (2, 3)]),
        (range(2, 9, 3), [2, 5, 8]),
    ],
)
def test_what_is_written_is_what_it_takes(written: object, expected: list[object]) -> None:
    found = values(written)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


def test_ratios_are_equal() -> None:
    first, *_, last = found = values("1e-4..1e-1:log4")
    assert (first, last) == (1e-4, 1e-1)
    assert found == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])


def test_layers_are_written_as_the_language_does() -> None:
    for written in ("relu,leakyrelu(0.2)", ["relu", "leakyrelu(0.2)"]):
        assert [*map(literal, values(written))] == ["relu", "leakyrelu(0.2)"]


def test_a_long_range_takes_no_memory() -> None:
    axis = axes_of({"x": "1..1000000000000000000000"})["x"]
    assert axis.count == 10**21
    assert axis.value(10**20) == 10**20 + 1


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "there is no value"),
        ("1,,2", "there is no value"),
        ("1,2,1", "has 1 twice"),
        ("6..2", "6 is more than 2"),
        ("2..6:0", "a step is more than 0"),
        ("2..6:x1", "by a factor of more than 1"),
        ("0..8:x2", "a number above 0"),
        ("0..8:log3", "ratios begin above 0"),
        ("1..8:log1", "log takes 2 to"),
        ("1..2..3", "a value is a number"),
        ("relu(", "a value is a number"),
        ("0.0..0.5,1", "stands alone"),
        ([], "has no values"),
        (range(0), "has no values"),
        ([{}], "cannot be a parameter's value"),
    ],
)
def test_what_is_no_value_is_refused(written: object, words: str) -> None:
    with pytest.raises(UsageError, match="x") as caught:
        values(written)
    assert words in str(caught.value)


@pytest.mark.parametrize(("text", "words"), [("width", "NAME=VALUES"), ("1x=3", "NAME=VALUES")])
def test_what_is_typed_has_a_name(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        typed_axes([text])


def test_a_parameter_is_given_once() -> None:
    with pytest.raises(UsageError, match="gives width twice"):
        typed_axes(["width=1", "width=2"])


def test_between_two_numbers_lie_all() -> None:
    even, ratio, whole = (axes_of({"x": text})["x"] for text in ("0.0..0.5", "1e-4..1e-2:log", "16..256:log"))
    assert even.at(0.5) == 0.25
    assert ratio.at(0.5) == pytest.approx(1e-3)
    assert {type(whole.at(share)) for share in (0, 0.5, 0.999999)} == {int}
    assert (whole.at(0.0), whole.at(0.9999999)) == (16, 256)
    with pytest.raises(UsageError, match="say a step"):
        _ = even.count
