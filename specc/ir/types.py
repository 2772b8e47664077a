"""Tensor types: what is known of a value before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class Symbol:
    """A size known only by name, as ``N`` in ``[N, 3, 32, 32]``."""

    name: str

    def __str__(self) -> str:
        return self.name


Dim = int | Symbol


@dataclass(frozen=True, slots=True)
class TensorType:
    """The shape of a float32 tensor: the batch, then the shape of one sample.

    Axis 0 is always the batch, and no operator mixes samples, so every cost is counted per sample
    and only the batch may be symbolic. ``sample`` is (channels, *spatial) or (features,).
    """

    batch: Dim
    sample: tuple[int, ...]

    @property
    def shape(self) -> tuple[Dim, ...]:
        return (self.batch, *self.sample)

    @property
    def rank(self) -> int:
        return 1 + len(self.sample)

    @property
    def channels(self) -> int:
        return self.sample[0]

    @property
    def spatial(self) -> tuple[int, ...]:
        """The sizes after batch and channels."""
        return self.sample[1:]

    @property
    def elements(self) -> int:
        """Number of elements of one sample."""
        return prod(self.sample)

    def with_sample(self, *sample: int) -> TensorType:
        return TensorType(self.batch, sample)

    def __str__(self) -> str:
        return "[" + ", ".join(map(str, self.shape)) + "]"


def times(sizes: tuple[int, ...]) -> str:
    """Sizes as people write them: ``16 x 5 x 5``."""
    return " x ".join(map(str, sizes))
