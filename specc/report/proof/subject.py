"""What a proof is about."""

from __future__ import annotations

from typing import NamedTuple

OWN_WEIGHTS = "the file's own, compared with nothing"
"""Where the weights come from, if nothing says what they should be."""


class Evidence(NamedTuple):
    """A file that was judged: who has it can tell that it is this very one. ``size`` in bytes."""

    name: str
    size: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.name}, {self.size:,} bytes"


class Subject(NamedTuple):
    """``model`` in ``file``, as it was named; None: in the file that compile would write.

    Attributes:
        files: the file, and those beside it that its weights are in; none without a file.
        weights: what the weights had to be: ``seed 0``, the name of a file, or `OWN_WEIGHTS`; empty if not known.
        claimed: where the weights come from as the file says of itself; empty where it does not.
    """

    model: str
    file: str | None
    files: tuple[Evidence, ...] = ()
    weights: str = ""
    claimed: str = ""

    @property
    def title(self) -> str:
        return f"{self.model} in {self.file}" if self.file else f"{self.model}, as specc writes it"
