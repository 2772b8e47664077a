"""Records: equal by class and attributes, with the signature that their annotations say."""

from __future__ import annotations

import inspect

import pytest

from specc.ir.record import Record


class Point(Record):
    x: int
    y: int = 0


class Named(Point):
    name: str = ""


class Other(Record):
    x: int
    y: int = 0


class Nothing(Record):
    """No attributes."""


def test_attributes_are_arguments_in_order() -> None:
    assert str(inspect.signature(Point)) == "(x, y=0)"
    assert str(inspect.signature(Named)) == "(x, y=0, name='')"
    assert repr(Point(1, y=2)) == "Point(x=1, y=2)"
    assert repr(Nothing()) == "Nothing()"
    match Point(3):
        case Point(x, y):
            assert (x, y) == (3, 0)


def test_equal_by_class_and_attributes() -> None:
    assert Point(1) == Point(1, 0)
    assert hash(Point(1)) == hash(Point(1, 0))
    assert Point(1) != Point(2)
    assert Point(1) != Other(1)
    assert Point(1) != (1, 0)
    assert Nothing() == Nothing()


@pytest.mark.parametrize("arguments", [(), (1, 2, 3)])
def test_other_numbers_of_arguments_are_refused(arguments: tuple[int, ...]) -> None:
    with pytest.raises(TypeError):
        Point(*arguments)
