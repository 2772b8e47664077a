"""A value's places as a small grid, with those in colour that are seen."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import NamedTuple

from specc.drawing.marks import Mark, Run

SIDE, LENGTH = 120.0, 240.0
"""The longest side of a grid of rows and columns; of a row of places, or of slices side by side."""
CELL, LEAST = 12.0, 5.0
"""A place is at most so large, and drawn by itself where it is at least so."""
VISIBLE = 1.5
"""At least so large is what is in colour."""
GAP = 6.0
"""Between slices."""
MOST_SLICES = 8
"""Slices that are drawn; of more there are words alone."""
MOST_PARTS = 400
"""Rectangles in colour; where there are more, what lies between them is in colour too, as the words say."""


class GridPart(NamedTuple):
    """A rectangle, from the grid's upper left corner."""

    x: float
    y: float
    width: float
    height: float


class PlaceGrid(NamedTuple):
    """Attributes:
    frames: the whole, or each slice of it.
    lines: between places, where these can be told apart.
    seen: what is in colour.
    """

    width: float
    height: float
    frames: tuple[GridPart, ...]
    lines: tuple[GridPart, ...]
    seen: tuple[GridPart, ...]


NOTHING = PlaceGrid(0, 0, (), (), ())


def grid(mark: Mark) -> PlaceGrid:
    """The drawing of a mark; `NOTHING` where its value has no places, or too many slices."""
    if not mark.places or (len(mark.places) == 3 and mark.places[0] > MOST_SLICES):
        return NOTHING
    slices, rows, columns = (*(1,) * (3 - len(mark.places)), *mark.places)
    longest = max(rows, columns)
    room = LENGTH if len(mark.places) == 1 else SIDE if slices == 1 else min(SIDE, LENGTH / slices)
    cell = min(CELL, room / longest)
    cell = float(int(cell)) if cell >= LEAST else cell
    width, height = max(LEAST, columns * cell), max(LEAST, rows * cell) if len(mark.places) > 1 else CELL
    across, down = width / columns, height / rows
    corners = [slice_ * (width + GAP) for slice_ in range(slices)]
    lines = []
    if cell >= LEAST:
        for x in corners:
            lines += [GridPart(x + column * across, 0, 0, height) for column in range(1, columns)]
            lines += [GridPart(x, row * down, width, 0) for row in range(1, rows)]
    seen = []
    for part in mark.parts:
        runs = part if prod(map(len, part)) <= MOST_PARTS else tuple([((axis[0][0], axis[-1][1]),) for axis in part])
        for chosen in product(*runs):
            spans: list[Run] = [(0, 0)] * (3 - len(chosen)) + [*chosen]
            (first, last), (top, bottom), (left, right) = spans
            for slice_ in range(first, last + 1):
                x, y = corners[slice_] + left * across, top * down
                wide, high = (right - left + 1) * across, (bottom - top + 1) * down
                seen.append(GridPart(x, y, max(VISIBLE, wide), max(VISIBLE, high)))
    frames = tuple([GridPart(x, 0, width, height) for x in corners])
    return PlaceGrid(corners[-1] + width, height, frames, tuple(lines), tuple(dict.fromkeys(seen)))
