"""What the rules of every reader add steps through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specc.importing.program import Program, Tensors
from specc.ir.types import TensorType


class Building:
    """The program so far, to which a rule adds the steps that its node or call is."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def type(self, value: str) -> TensorType:
        return self.program.types[value]

    def step(self, kind: str, *inputs: str, tensors: Tensors = None, **arguments: object) -> str:
        """See `Program.step`."""
        return self.program.step(kind, *inputs, tensors=tensors, **arguments)


def plain(values: Sequence[Any]) -> Any:
    """A single number where all are alike."""
    return values[0] if len(set(values)) == 1 else tuple(values)
