"""The one list of operators. Names, suggestions, schema and documentation all come from it."""

from collections.abc import Callable
from typing import TypeVar

from specc.ir.op import Op

_BY_NAME: dict[str, type[Op]] = {}

AnyOp = TypeVar("AnyOp", bound=type[Op])


def register(op: AnyOp) -> AnyOp:
    """Enter an operator under its kind and aliases. A name claimed twice is our bug: ValueError."""
    for name in (op.kind, *op.aliases):
        if name in _BY_NAME:
            raise ValueError(f"operator name {name!r} is claimed by {_BY_NAME[name].__name__} and {op.__name__}")
        _BY_NAME[name] = op
    return op


find: Callable[[str], type[Op] | None] = _BY_NAME.get
"""The operator of that name or alias. Every label of every step asks for it."""


def names() -> tuple[str, ...]:
    """Every name and alias, sorted."""
    return tuple(sorted(_BY_NAME))


def operators() -> tuple[type[Op], ...]:
    """Every operator once, sorted by kind."""
    return tuple(sorted(set(_BY_NAME.values()), key=lambda op: op.kind))
