"""Random choices that bytes make: a fuzzer that changes the bytes changes the choices, and keeps what runs new
lines."""

from __future__ import annotations

from random import Random


class ChoicesOf(Random):
    """A generator that the bytes drive, as long as there are any; from then on it is that of seed 0."""

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._data = data
        self._at = 0

    def _drawn(self, size: int) -> int | None:
        piece = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(piece, "little") if len(piece) == size else None

    def random(self) -> float:
        drawn = self._drawn(2)
        return super().random() if drawn is None else drawn / 2**16

    def getrandbits(self, k: int, /) -> int:
        drawn = self._drawn((k + 7) // 8)
        return super().getrandbits(k) if drawn is None else drawn % 2**k
