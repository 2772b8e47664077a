"""Tensor types: what is known of a value before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Literal

from specc.ir.size import Dim, Size

DType = Literal["float32", "uint8", "float16"]
"""What the elements of an input may be; float16 in an ONNX file alone, which `specc diff` compares."""

DTYPES: tuple[DType, ...] = ("float32", "uint8")
"""Those that the language has."""


class TensorType:
    """The shape of a float32 tensor: the batch, then the shape of one sample.

    Axis 0 is always the batch, and no operator mixes samples, so every cost is counted per sample.
    ``sample`` is (channels, *spatial) or (features,). Any size may be symbolic; what an operator needs
    as a number, such as the channels of a convolution, it asks for and refuses otherwise.
    """

    __slots__ = ("_hash", "batch", "sample")

    def __init__(self, batch: Dim, sample: tuple[Dim, ...]) -> None:
        self.batch = batch
        self.sample = sample
        self._hash = hash((batch, sample))  # once: every step asks what is known of its inputs' types

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TensorType):
            return NotImplemented
        return self is other or (
            self.sample == other.sample and (self.batch is other.batch or self.batch == other.batch)
        )

    def __hash__(self) -> int:
        return self._hash

    @property
    def shape(self) -> tuple[Dim, ...]:
        return (self.batch, *self.sample)

    @property
    def rank(self) -> int:
        return 1 + len(self.sample)

    @property
    def channels(self) -> int:
        """Raises TypeError where they are symbolic: operators refuse that before they ask."""
        return fixed(self.sample[0])

    @property
    def spatial(self) -> tuple[Dim, ...]:
        """The sizes after batch and channels."""
        return self.sample[1:]

    @property
    def elements(self) -> Dim:
        """Number of elements of one sample."""
        return prod(self.sample)

    @property
    def is_fixed(self) -> bool:
        """Whether every size of a sample is a number; the batch may be symbolic all the same."""
        return all(isinstance(size, int) for size in self.sample)

    def with_sample(self, *sample: Dim) -> TensorType:
        return TensorType(self.batch, sample)

    def at(self, sizes: Mapping[str, int]) -> TensorType:
        """The type where the symbols of its sample have these values; the batch stays as it is."""
        return self if self.is_fixed else self.with_sample(*(at(size, sizes) for size in self.sample))

    def __repr__(self) -> str:
        return f"TensorType{self}"

    def __str__(self) -> str:
        return "[" + ", ".join(map(str, self.shape)) + "]"


def fixed(size: Dim) -> int:
    """``size`` as the number it is. Raises TypeError where it is symbolic."""
    if isinstance(size, int):
        return size
    raise TypeError(f"{size} is no number")


def at(size: Dim, sizes: Mapping[str, int]) -> int:
    """The number that ``size`` is where the symbols have these values."""
    return size.at(sizes) if isinstance(size, Size) else size


def times(sizes: tuple[Dim, ...]) -> str:
    """Sizes as people write them: ``16 x 5 x 5``."""
    return " x ".join(map(str, sizes))
