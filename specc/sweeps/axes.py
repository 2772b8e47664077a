"""The values that a parameter takes in a sweep, as they are written: lists, ranges, ranges by a factor.

16,32,64        these
2..6            2, 3, 4, 5, 6
0.1..0.5:0.1    in steps of 0.1
16..256:x2      each twice the one before: 16, 32, 64, 128, 256
16..256:log5    five values at equal ratios
0.0..0.5        anything between them: for samples alone;  1e-4..1e-1:log    the same by ratios
relu,gelu       layers, texts, lists: whatever --set takes elsewhere
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from math import exp, floor, log, log1p
from typing import Any, NamedTuple

from specc.diagnostics import SpecError, UsageError
from specc.elaborate import constant
from specc.elaborate.values import Value, literal
from specc.options import model_arguments
from specc.report.snippets import headline
from specc.source import Source
from specc.syntax import parse

_NUMBER = r"-?[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?[kMG]?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::(?:(x)?({_NUMBER})|(log)([0-9]{{0,9}})))?")
_UNITS = {"k": 10**3, "M": 10**6, "G": 10**9}
_HOW = "a range is 2..6, in steps 2..10:2, by a factor 16..256:x2, or at equal ratios 16..256:log5"
_MOST_COMPARED = 100_000
"""Values of an axis among which a repetition is looked for; as many are not written by hand."""


class Progression(NamedTuple):
    """Numbers from ``first`` on, each ``step`` more than the one before, or ``step`` times that.

    Attributes:
        number: how many.
        whole: whether they are whole numbers.
    """

    first: Decimal
    step: Decimal
    number: int
    whole: bool
    by_factor: bool = False

    def value(self, place: int) -> Value:
        number = self.first * self.step**place if self.by_factor else self.first + self.step * place
        return int(number) if self.whole else float(number)


class Listed(NamedTuple):
    """Values one by one."""

    values: tuple[Value, ...]

    @property
    def number(self) -> int:
        return len(self.values)

    def value(self, place: int) -> Value:
        return self.values[place]


class NumberRange(NamedTuple):
    """All numbers between two, evenly or by their ratios: there is no list of them, and samples are drawn from it."""

    low: Decimal
    high: Decimal
    by_ratio: bool
    whole: bool

    def at(self, share: float) -> Value:
        """The number at a share of it, from 0 up to 1."""
        low, high = float(self.low), float(self.high) + (1 if self.whole else 0)
        number = low * exp(log(high / low) * share) if self.by_ratio else low + (high - low) * share
        return min(floor(number), int(self.high)) if self.whole else number


class Axis:
    """A parameter and what it takes.

    Attributes:
        name: of the parameter.
        written: its values as they were written.
        span: where it takes any number between two, and has no list of values.
    """

    def __init__(self, name: str, written: str, parts: Sequence[Progression | Listed | NumberRange]) -> None:
        self.name = name
        self.written = written
        spans = [part for part in parts if isinstance(part, NumberRange)]
        self.span = spans[0] if spans else None
        self._parts = [part for part in parts if not isinstance(part, NumberRange)]
        if spans and len(parts) > 1:
            raise UsageError(f"{name}={written}: a range without steps stands alone; {_HOW}")
        self._ends = [*accumulate(part.number for part in self._parts)]
        if not spans and self.count <= _MOST_COMPARED:
            self._refuse_repetitions()

    @property
    def count(self) -> int:
        """How many values it has in a grid. Raises UsageError where there is no list of them."""
        if self.span is not None:
            what = "values at equal ratios, as in log5" if self.span.by_ratio else "a step, as in :0.1"
            raise UsageError(
                f"{self.name}={self.written} has no end of values: say {what}, or draw --random N or --latin N"
            )
        return self._ends[-1]

    def value(self, place: int) -> Value:
        part = bisect_right(self._ends, place)
        return self._parts[part].value(place - (self._ends[part - 1] if part else 0))

    @property
    def progression(self) -> Progression | None:
        """Its only part, where that is a range."""
        only = self._parts[0] if len(self._parts) == 1 else None
        return only if isinstance(only, Progression) else None

    @property
    def kinds(self) -> set[type]:
        """What types its values have; a layer is one of its own."""
        if self.span is not None:
            return {int if self.span.whole else float}
        kinds: set[type] = set()
        for part in self._parts:
            kinds |= {int if part.whole else float} if isinstance(part, Progression) else {*map(type, part.values)}
        return kinds

    def at(self, share: float) -> Value:
        """The value at a share of the axis, from 0 up to 1."""
        return self.span.at(share) if self.span is not None else self.value(int(share * self.count))

    def _refuse_repetitions(self) -> None:
        seen = set()
        for place in range(self.count):
            text = literal(self.value(place))
            if text in seen:
                raise UsageError(f"{self.name}={self.written} has {text} twice")
            seen.add(text)


def axes_of(grid: Mapping[str, object], option: str = "") -> dict[str, Axis]:
    """The axes of a grid: by parameter a text as it is written, one value, or a list of them.

    Args:
        option: what stands before a parameter where a message shows it: ``--set ``.

    Raises:
        UsageError: a value that is none.
    """
    return {name: _axis(name, values, option) for name, values in grid.items()}


def typed_axes(texts: Iterable[str]) -> dict[str, Axis]:
    """Each ``NAME=VALUES`` of ``--set``. Raises UsageError."""
    grid: dict[str, object] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier() or "\n" in text:
            raise UsageError(f"--set takes NAME=VALUES, as in width=16,32,64 or depth=2..6, not {text}")
        if name in grid:
            raise UsageError(f"--set gives {name} twice: put its values into one list, as in {name}=1,2")
        grid[name] = values
    return axes_of(grid, "--set ")


def _axis(name: str, values: object, option: str) -> Axis:
    if isinstance(values, str):
        parts = [_part(part, f"{option}{name}={values}") for part in _split(values)]
        return Axis(name, values.strip(), parts)
    if isinstance(values, range):
        listed: list[Progression | Listed | NumberRange] = [
            Progression(Decimal(values.start), Decimal(values.step), len(values), True)
        ]
        written = f"{values.start}..{values[-1]}:{values.step}" if values else ""
    else:
        entries = list(values) if isinstance(values, Iterable) and not isinstance(values, Mapping) else [values]
        read = tuple(
            value_of(entry, f"{option}{name}: {entry}") if isinstance(entry, str) else _given(name, entry, option)
            for entry in entries
        )
        listed, written = [Listed(read)], ",".join(map(literal, read))
    if not written:
        raise UsageError(f"{option}{name} has no values")
    return Axis(name, written, listed)


def _given(name: str, entry: object, option: str) -> Any:
    try:
        return model_arguments({name: entry})[name]
    except UsageError as error:
        raise UsageError(f"{option}{name}: {error}") from None


def value_of(text: str, shown: str) -> Any:
    """A value as the language writes it. Raises UsageError."""
    try:
        return constant(parse(Source("--set", f"let value = {text}")))
    except SpecError as error:
        kinds = "a number, true, false, a list, a layer or a quoted text"
        raise UsageError(f"{shown}: {headline(error)}; a value is {kinds}, and {_HOW}") from None


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no bracket and no text."""
    parts, depth, quote = [""], 0, ""
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[place - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and not depth:
            parts.append("")
            continue
        parts[-1] += character
    return [part.strip() for part in parts]


def _part(text: str, shown: str) -> Progression | Listed | NumberRange:
    match = _RANGE.fullmatch(text)
    if match is None:
        if not text:
            raise UsageError(f"{shown}: between two commas, or behind one, there is no value")
        return Listed((value_of(text, shown),))
    low, high = _number(match[1]), _number(match[2])
    whole = _is_whole(match[1]) and _is_whole(match[2])
    if low > high:
        raise UsageError(f"{shown}: {match[1]} is more than {match[2]}: a range begins with the lesser one")
    if match[5]:
        return _by_ratio(low, high, whole, match[6], shown)
    if match[4] is None:
        return (
            Progression(low, Decimal(1), int(high - low) + 1, True) if whole else NumberRange(low, high, False, False)
        )
    step = _number(match[4])
    whole = whole and _is_whole(match[4])
    if match[3] is None:
        if step <= 0:
            raise UsageError(f"{shown}: a step is more than 0, and not {match[4]}")
        return Progression(low, step, int((high - low) / step) + 1, whole)
    if step <= 1 or low <= 0:
        raise UsageError(f"{shown}: by a factor of more than 1 a range goes from a number above 0, as in 16..256:x2")
    count = 1
    while low * step**count <= high:
        count += 1
    return Progression(low, step, count, whole, by_factor=True)


def _by_ratio(low: Decimal, high: Decimal, whole: bool, count: str, shown: str) -> Listed | NumberRange:
    if low <= 0:
        raise UsageError(f"{shown}: ratios begin above 0, and not at {low}")
    if not count:
        return NumberRange(low, high, True, whole)
    number = int(count)
    if not 2 <= number <= _MOST_COMPARED:
        raise UsageError(f"{shown}: log takes 2 to {_MOST_COMPARED:,} values, as in log5, and not {number:,}")
    ratio = log1p(float(high / low) - 1) / (number - 1)
    values = [float(low) * exp(ratio * place) for place in range(number)]
    values[0], values[-1] = float(low), float(high)
    return Listed(tuple(dict.fromkeys(map(round, values)) if whole else values))


def _number(text: str) -> Decimal:
    unit = _UNITS.get(text[-1], 1)
    return Decimal(text.rstrip("kMG").replace("_", "")) * unit


def _is_whole(text: str) -> bool:
    """Whether the language takes it for a whole number: written without point and exponent, or made so by a suffix."""
    return not re.search(r"[.eE]", text) or (text[-1] in _UNITS and _number(text) == int(_number(text)))
