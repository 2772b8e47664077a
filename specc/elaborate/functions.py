"""The functions of the language."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from specc.elaborate.scope import MOST_ENTRIES
from specc.elaborate.values import Value, display, kind_of


class Misuse(ValueError):
    """A function's own words for what is wrong with its arguments."""


def listed(values: list[Value]) -> str:
    return ", ".join(map(display, values)) or "no arguments"


def _numbers(name: str, values: tuple[Value, ...]) -> tuple[int | float, ...]:
    given = values[0] if len(values) == 1 and isinstance(values[0], tuple) else values
    if not given or any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in given):
        raise Misuse(f"{name} takes numbers, not {listed(list(values))}")
    return tuple(given)


def _one_number(name: str, function: Callable[[Value], Value]) -> Callable[[Value], Value]:
    def checked(value: Value) -> Value:
        if isinstance(value, tuple):
            raise Misuse(f"{name} takes one number, not {kind_of(value)}")
        return function(_numbers(name, (value,))[0])

    return checked


def _length(value: Value) -> int:
    if not isinstance(value, (tuple, str)):
        raise Misuse(f"len takes a list, not {kind_of(value)}")
    return len(value)


def _range(*bounds: Value) -> tuple[int, ...]:
    if any(isinstance(b, bool) or not isinstance(b, int) for b in bounds):
        raise Misuse("range takes whole numbers")
    numbers = range(*bounds)
    if len(numbers) > MOST_ENTRIES:
        raise Misuse(f"range would give {len(numbers):,} numbers, and a file may hold {MOST_ENTRIES:,}")
    return tuple(numbers)


FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "min": lambda *values: min(_numbers("min", values)),
    "max": lambda *values: max(_numbers("max", values)),
    "abs": _one_number("abs", abs),
    "ceil": _one_number("ceil", math.ceil),
    "floor": _one_number("floor", math.floor),
    "round": _one_number("round", round),
    "len": _length,
    "range": _range,
}
