"""The one list of operators. Names, suggestions, schema and documentation all come from it.

An operator is loaded, with the others of its file, when it is first asked for: a check builds the models of those that
its networks have, and not of all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from specc.ops.families import FAMILIES

if TYPE_CHECKING:
    from specc.ir.op import Op

_LOADED: dict[str, type[Op]] = {}

AnyOp = TypeVar("AnyOp", bound="type[Op]")


def register(op: AnyOp) -> AnyOp:
    """Enter an operator under its kind and aliases. A name claimed twice is our bug: ValueError."""
    for name in (op.kind, *op.aliases):
        if name in _LOADED:
            raise ValueError(f"operator name {name!r} is claimed by {_LOADED[name].__name__} and {op.__name__}")
        _LOADED[name] = op
    return op


def find(name: str) -> type[Op] | None:
    """The operator of that name or alias. Every label of every step asks for it."""
    op = _LOADED.get(name)
    if op is None and name in FAMILIES:
        import_module(f"specc.ops.{FAMILIES[name]}")
        op = _LOADED[name]
    return op


def names() -> tuple[str, ...]:
    """Every name and alias, sorted."""
    return tuple(FAMILIES)


def operators() -> tuple[type[Op], ...]:
    """Every operator once, sorted by kind: of all files of the package, whether `FAMILIES` has them or not."""
    from pkgutil import iter_modules

    for module in iter_modules(import_module("specc.ops").__path__, "specc.ops."):
        import_module(module.name)
    return tuple(sorted(set(_LOADED.values()), key=lambda op: op.kind))


def families() -> dict[str, str]:
    """What `FAMILIES` should be: the file of every name and alias, sorted by name."""
    found = {name: op.__module__.rpartition(".")[2] for op in operators() for name in (op.kind, *op.aliases)}
    return dict(sorted(found.items()))
