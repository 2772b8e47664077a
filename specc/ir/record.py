"""Small values with attributes: equal where their class and their attributes are."""

from __future__ import annotations

from typing import Any, ClassVar, dataclass_transform


@dataclass_transform(frozen_default=True)
class Record:
    """Base of values that do not change. A subclass annotates its attributes, as a dataclass does.

    No dataclass: it takes 15 times as long to make one, and `specc check` would wait 20 ms for them at every start. No
    named tuple: two of different classes would be equal, and each would be a tuple where tuples are values.
    """

    __match_args__: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        names = tuple(dict.fromkeys((*cls.__match_args__, *cls.__annotations__)))  # those of the class above come first
        cls.__match_args__ = names  # type: ignore[misc]
        # Written out, as dataclasses and named tuples do it: a loop over the attributes takes three times as long, and
        # every tensor of a network is one of these.
        lines = [f"def __init__({', '.join(('self', *names))}):", "    pass", *(f"    self.{n} = {n}" for n in names)]
        namespace: dict[str, Any] = {}
        exec("\n".join(lines), namespace)
        namespace["__init__"].__defaults__ = tuple([getattr(cls, name) for name in names if hasattr(cls, name)])
        cls.__init__ = namespace["__init__"]  # type: ignore[method-assign]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"
