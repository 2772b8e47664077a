"""Small values: told apart by their class and what they hold."""

from __future__ import annotations


class Record:
    """Base of values that do not change. A subclass lists its attributes, in the order of ``__init__``.

    No dataclass: making one takes as long as making eighty of these, and `specc check` waits for it at every start.
    """

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and type(self) is type(other) and self._held() == other._held()

    def __hash__(self) -> int:
        return hash((type(self), self._held()))

    def __repr__(self) -> str:
        held = ", ".join(f"{name}={value!r}" for name, value in zip(self.__match_args__, self._held(), strict=True))
        return f"{type(self).__name__}({held})"

    def _held(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__match_args__])
