"""Birds and planes drawn from a seed: colour images of 32 x 32 that need no download."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

SIZE = 32
Floats = NDArray[np.float64]


def bird_or_plane(generator: Generator, is_plane: bool) -> NDArray[np.uint8]:
    """One image, [3, 32, 32]: a bird is curved, a plane is straight; place, size, angle and colours are drawn."""
    angle, length = generator.uniform(0, 2 * np.pi), generator.uniform(9, 14)
    x0, y0 = generator.uniform(-4, 4, 2) + (SIZE - 1) / 2
    rows, columns = np.mgrid[:SIZE, :SIZE]
    along = ((columns - x0) * np.cos(angle) + (rows - y0) * np.sin(angle)) / length
    across = ((rows - y0) * np.cos(angle) - (columns - x0) * np.sin(angle)) / length
    shape = _plane(along, across) if is_plane else _bird(along, across)

    sky, body = generator.uniform([90, 130, 190], [170, 200, 255]), generator.uniform(0, 110, 3)
    light = 1 + generator.uniform(-0.2, 0.2) * (rows / SIZE - 0.5)
    colours = np.where(shape, body[:, None, None], sky[:, None, None]) * light
    noise = generator.normal(0, 12, colours.shape)
    image: NDArray[np.uint8] = np.clip(colours + noise, 0, 255).astype(np.uint8)
    return image


def _bird(along: Floats, across: Floats) -> NDArray[np.bool_]:
    """Two wings in an arc, and a short body."""
    arc = 0.9 * np.abs(across) ** 1.5 - 0.15
    wings = (np.abs(along - arc) < 0.16 * (1.1 - np.abs(across))) & (np.abs(across) < 1)
    return wings | (along**2 / 0.2 + across**2 / 0.03 < 1)


def _plane(along: Floats, across: Floats) -> NDArray[np.bool_]:
    """A long fuselage, straight wings across it, and a tail."""
    fuselage = (np.abs(along) < 1) & (np.abs(across) < 0.13)
    wings = (np.abs(along - 0.1) < 0.16) & (np.abs(across) < 0.95)
    tail = (np.abs(along + 0.85) < 0.12) & (np.abs(across) < 0.4)
    return fuselage | wings | tail
