"""What the rules of every reader add steps through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specc.importing.program import Program, Tensors, Unsayable
from specc.ir.size import Dim
from specc.ir.targets import Value as InputOf
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

    def note(self, text: str) -> None:
        """Something that whoever imports should know, told once with the place that it is about."""
        self.program.notes.append(f"{self.program.origin}: {text}")

    def upsampled(self, x: str, sizes: tuple[Dim, ...], arguments: dict[str, Any]) -> str:
        """By a whole factor where it is one at every size, else up to the sizes of the last value that has them."""
        try:
            return self.step("upsample", x, size=plain(sizes), **arguments)
        except Unsayable:
            for value, other in reversed(self.program.types.items()):
                if other.spatial == sizes and value != x:
                    return self.step("upsample", x, value, like=InputOf(1), **arguments)
            raise


def plain(values: Sequence[Any]) -> Any:
    """A single number where all are alike."""
    return values[0] if len(set(values)) == 1 else tuple(values)
