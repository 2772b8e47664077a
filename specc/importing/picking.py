"""Elements along one axis at places that are known: in another order, backwards, some of them."""

from __future__ import annotations

from collections.abc import Sequence

from specc.importing.building import Building
from specc.importing.program import Unsayable
from specc.ir.types import TensorType

MOST_RUNS = 16
"""Slices that are joined: of more a spec is nothing that a person reads."""


def backwards(build: Building, x: str, axis: int) -> str:
    """The elements along an axis from the last to the first."""
    n = build.type(x).shape[axis]
    if not isinstance(n, int) or axis == 0:
        raise Unsayable(f"it turns axis {axis} of {build.type(x)} round, whose size has to be known")
    return picked(build, x, axis, range(n)[::-1])


def picked(build: Building, x: str, axis: int, places: Sequence[int]) -> str:
    """The elements at these places of an axis: a slice, or for the time being a ``Gather``."""
    kind = build.type(x)
    n = kind.shape[axis]
    if axis == 0:
        raise Unsayable("it takes some samples of a batch")
    if isinstance(n, int):
        places = [place + n if place < 0 else place for place in places]
        if not all(0 <= place < n for place in places):
            raise Unsayable(f"it takes places that are not among the {n} of axis {axis}")
    if not places or min(places) < 0:
        raise Unsayable(f"it takes the places {list(places)} of axis {axis}")
    first = places[0]
    if list(places) == list(range(first, first + len(places))):
        if len(places) == n:
            return x
        return build.step("slice", x, start=first, stop=first + len(places), dim=axis)
    given = TensorType(kind.batch, (*kind.sample[: axis - 1], len(places), *kind.sample[axis:]))
    return build.program.foreign("Gather", x, type=given, axis=axis, places=tuple(places), shape=(len(places),))


def runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Start and stop of places that follow each other."""
    found: list[tuple[int, int]] = []
    for place in places:
        if found and found[-1][1] == place:
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
    return found
