"""What a proof is about."""

from __future__ import annotations

from typing import NamedTuple


class Subject(NamedTuple):
    """``model`` in ``file``, as it was named; None: in the file that compile would write."""

    model: str
    file: str | None

    @property
    def title(self) -> str:
        return f"{self.model} in {self.file}" if self.file else f"{self.model}, as specc writes it"
