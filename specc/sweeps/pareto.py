"""The variants that no other one beats in everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from specc.diagnostics import UsageError
from specc.diagnostics.spelling import advice
from specc.elaborate.assertions import NETWORK
from specc.sweeps.conditions import PARAMETER
from specc.sweeps.variant import NetworkNumbers, Variant

SHORT = {"memory": "activation_memory"}
"""Other names of numbers, as an assert knows them."""


class Objective(NamedTuple):
    """A number that is to be small, or large.

    Attributes:
        name: of a number of the network, or of a parameter.
        sign: 1 where less is better, -1 where more is.
        of_network: whose it is.
    """

    name: str
    sign: int
    of_network: bool

    def of(self, variant: Variant) -> float | None:
        """Less is better; None where the variant has no such number."""
        value = self.value(variant)
        return None if value is None else self.sign * value

    def value(self, variant: Variant) -> float | None:
        """The number; of a receptive field that of its least axis."""
        value = getattr(variant.numbers, self.name, None) if self.of_network else variant.settings.get(self.name)
        if isinstance(value, tuple):
            value = min(value)
        return value if isinstance(value, (int, float)) else None


def objectives(text: str, parameters: Sequence[str]) -> tuple[Objective, ...]:
    """``macs,-receptive_field``: few MACs, and a large field; ``set.depth`` is a parameter's. Raises UsageError."""
    numbers = {name: SHORT.get(name, name) for name in (*NetworkNumbers._fields, *SHORT)}
    own = {name: name for name in parameters}
    known: dict[str, list[tuple[str, bool]]] = {}
    for prefix, names, of_network in ((NETWORK, numbers, True), (PARAMETER, own, False)):
        for called, name in names.items():
            for way in (called, prefix + called):
                known.setdefault(way, []).append((name, of_network))
    every = f"there are {', '.join((*numbers, *parameters))}"
    found = []
    for part in map(str.strip, text.split(",")):
        called = part.removeprefix("-").strip()
        if called not in known:
            raise UsageError(f"--pareto has no number called {called or 'nothing'}; {advice(called, known, every)}")
        if len(known[called]) > 1:
            raise UsageError(
                f"--pareto {called} means two things here: write {NETWORK}{called} for the network's own {called}, "
                f"or {PARAMETER}{called} for the parameter"
            )
        ((name, of_network),) = known[called]
        found.append(Objective(name, -1 if part.startswith("-") else 1, of_network))
    if len({(one.name, one.of_network) for one in found}) < max(2, len(found)):
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
