"""The list of fusions, by the kind of step that each begins with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from specc.importing.program import Program, Step

Fusion = Callable[[Program, Step], bool]
"""Rewrites the step, if it is the last one of what it looks for; says whether it did."""

_FUSIONS: dict[str, list[Fusion]] = {}

AnyFusion = TypeVar("AnyFusion", bound=Fusion)


def fusion(*kinds: str) -> Callable[[AnyFusion], AnyFusion]:
    """Enter a function that rewrites steps of these kinds."""

    def enter(function: AnyFusion) -> AnyFusion:
        for kind in kinds:
            _FUSIONS.setdefault(kind, []).append(function)
        return function

    return enter


def fusions_of(kind: str) -> tuple[Fusion, ...]:
    return tuple(_FUSIONS.get(kind, ()))
