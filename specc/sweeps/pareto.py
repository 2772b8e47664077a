"""The variants that no other one beats in everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from specc.diagnostics import UsageError
from specc.diagnostics.spelling import advice
from specc.sweeps.variant import Numbers, Variant

SHORT = {"memory": "activation_memory"}
"""Other names of numbers, as an assert knows them."""


class Objective(NamedTuple):
    """A number that is to be small, or large.

    Attributes:
        name: of a number of the network, or of a parameter.
        sign: 1 where less is better, -1 where more is.
    """

    name: str
    sign: int

    def of(self, variant: Variant) -> float | None:
        """Less is better; None where the variant has no such number."""
        value = self.value(variant)
        return None if value is None else self.sign * value

    def value(self, variant: Variant) -> float | None:
        """The number; of a receptive field that of its least axis."""
        value = variant.settings.get(self.name)
        if self.name in Numbers._fields:
            value = getattr(variant.numbers, self.name, None)
        if isinstance(value, tuple):
            value = min(value)
        return value if isinstance(value, (int, float)) else None


def objectives(text: str, parameters: Sequence[str]) -> tuple[Objective, ...]:
    """``macs,-receptive_field``: few MACs, and a large field. Raises UsageError."""
    known = [*Numbers._fields, *SHORT, *parameters]
    found = []
    for part in map(str.strip, text.split(",")):
        name = part.removeprefix("-").strip()
        if name not in known:
            raise UsageError(f"--pareto has no number called {name or 'nothing'}; {advice(name, known)}")
        if name in Numbers._fields and name in parameters:
            raise UsageError(f"--pareto {name} means two things here: a parameter, and the network's own {name}")
        found.append(Objective(SHORT.get(name, name), -1 if part.startswith("-") else 1))
    if len({one.name for one in found}) < max(2, len(found)):
        raise UsageError(
            f"--pareto sets two or more numbers beside each other, as in macs,-receptive_field, not {text}"
        )
    return tuple(found)


class Front:
    """The variants that none beats: no other one is as good in all and better in one; it grows with each added."""

    def __init__(self, by: Sequence[Objective]) -> None:
        self.by = tuple(by)
        self.unknown = 0
        """Variants that lack one of the numbers, and are not on it."""
        self._points: list[tuple[tuple[float, ...], Variant]] = []

    def add(self, variant: Variant) -> None:
        point = []
        for objective in self.by:
            value = objective.of(variant)
            if value is None:
                self.unknown += 1
                return
            point.append(value)
        new = tuple(point)
        if not any(_beats(other, new) for other, _ in self._points):
            self._points = [(other, one) for other, one in self._points if not _beats(new, other)]
            self._points.append((new, variant))

    @property
    def variants(self) -> list[Variant]:
        """From the least of the first objective on."""
        return [variant for _, variant in sorted(self._points, key=lambda one: (one[0], one[1].number))]


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
