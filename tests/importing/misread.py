"""Rules of the readers that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from specc.importing.building import Building

Edit = Callable[[tuple[str, ...], dict[str, Any]], "tuple[tuple[str, ...], dict[str, Any]]"]
"""What becomes of the inputs and the arguments of a step, its tensors among them."""


def breaks(patch: pytest.MonkeyPatch, kind: str, edit: Edit) -> None:
    """Let every rule that makes a step of this kind make another one."""
    right = Building.step

    def wrong(self: Building, made: str, *inputs: str, **arguments: Any) -> str:
        if made == kind:
            inputs, arguments = edit(inputs, arguments)
        return right(self, made, *inputs, **arguments)

    patch.setattr(Building, "step", wrong)
