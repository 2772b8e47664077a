"""A call of an ATen operator as its rule asks it: no argument of it may go unasked.

A rule says what one operator of ATen means, and asks for its arguments by their names in PyTorch's own schema; one that
nobody asked for is refused, unless it is the default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from specc.importing.building import Building
from specc.importing.program import Known, Program, Unsayable, as_float32
from specc.ir.size import Size

Rule = Callable[["CallReader"], Any]
"""Gives a value, several of them as a list, or a size."""

_RULES: dict[str, Rule] = {}

AnyRule = TypeVar("AnyRule", bound=Rule)


def rule(*names: str) -> Callable[[AnyRule], AnyRule]:
    """Enter a function as the rule of these operators: ``relu``, or one overload alone: ``conv2d.padding``."""

    def enter(function: AnyRule) -> AnyRule:
        for name in names:
            if name in _RULES:
                raise ValueError(f"two rules for {name}")
            _RULES[name] = function
        return function

    return enter


def rule_of(name: str, overload: str) -> Rule | None:
    """That of the overload, or of all of them; what works in place is the operator itself here."""
    plain = name.removesuffix("_") if not name.endswith("__") else name
    return _RULES.get(f"{plain}.{overload}") or _RULES.get(plain)


class CallReader(Building):
    """One call, and the program that its rule adds steps to.

    Attributes:
        name: of the operator, without ``aten`` and the overload.
    """

    def __init__(self, name: str, arguments: Mapping[str, Any], defaults: Mapping[str, Any], program: Program) -> None:
        super().__init__(program)
        self.name = name
        self._arguments = arguments
        self._defaults = defaults
        self._asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        """An argument as it is."""
        self._asked.add(name)
        return self._arguments.get(name, self._defaults.get(name))

    def ignore(self, *names: str) -> None:
        """Of arguments that change nothing, whatever they are."""
        self._asked.update(names)

    def demand(self, name: str, *allowed: object) -> None:
        """Refuse an argument that has none of these values."""
        value = self[name]
        if value not in allowed:
            raise Unsayable(f"{name} = {value} is not supported: only {' or '.join(map(str, allowed))}")

    def data(self, name: str) -> str:
        """A value of the network."""
        value = self[name]
        if not isinstance(value, str):
            raise Unsayable(f"its {name} is a constant, and should depend on the network's inputs")
        return value

    def weight(self, name: str) -> Known:
        """Floating-point numbers."""
        value = self[name]
        if not isinstance(value, Known):
            raise Unsayable(f"its {name} is computed while the network runs, and has to be known")
        return as_float32(value)

    def tensors(self, *names: str) -> dict[str, Known]:
        """Those of these numbers that there are."""
        return {name: self.weight(name) for name in names if self[name] is not None}

    def numbers(self, name: str) -> tuple[int, ...]:
        """Whole numbers; a single one, too."""
        value = self[name]
        given = tuple(value) if isinstance(value, list | tuple) else (value,)
        if not all(isinstance(n, int) for n in given):
            raise Unsayable(f"its {name} is {shown(given)}, and has to be known")
        return given

    def spread(self, name: str, count: int) -> Any:
        """Whole numbers, one for each spatial axis: a single one where all are alike."""
        given = self.numbers(name)
        if len(set(given)) == 1:
            return given[0]
        if len(given) != count:
            raise Unsayable(f"its {name} is {shown(given)}, for {count} spatial axes")
        return given

    def axis(self, name: str, value: str) -> int:
        """One axis of a value, counted from the start."""
        axis = self[name]
        return int(axis) % self.type(value).rank

    def axes(self, name: str, value: str) -> tuple[int, ...] | None:
        """Axes of a value in order; None where it means all."""
        if self[name] is None:
            return None
        return tuple(sorted(axis % self.type(value).rank for axis in self.numbers(name)))

    def finish(self) -> None:
        """Raises Unsayable where something was not asked for."""
        left = [
            name
            for name, value in self._arguments.items()
            if name not in self._asked and not _is(value, self._defaults.get(name))
        ]
        if left:
            raise Unsayable(f"its argument{'' if len(left) == 1 else 's'} {', '.join(left)} would be ignored")


def _is(value: object, default: object) -> bool:
    return type(value) is type(default) and value == default


def is_size(value: object) -> bool:
    """Whether it is a whole number, or a formula of symbolic sizes."""
    return isinstance(value, int | Size) and not isinstance(value, bool)


def shown(values: Sequence[Any]) -> str:
    return f"[{', '.join(map(str, values))}]"
