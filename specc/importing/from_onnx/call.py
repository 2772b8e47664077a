"""A node as its rule asks it: nothing of it may go unasked.

A rule says what one operator of ONNX means. It asks for every attribute and every input that it heeds; what is left
over when it is done is refused, so that no file is read as if something in it were not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from onnx import AttributeProto, NodeProto, helper

from specc.importing.building import Building
from specc.importing.program import Known, Program, Unsayable, as_float32, real

Value = str | Known
"""A value of the file: one of the program, by name, or numbers that are known."""

Rule = Callable[["NodeReader"], "Value | Sequence[Value]"]

_RULES: dict[tuple[str, str], Rule] = {}

AnyRule = TypeVar("AnyRule", bound=Rule)

_Default = TypeVar("_Default")

_KINDS: dict[type, tuple[int, ...]] = {
    int: (AttributeProto.INT,),
    float: (AttributeProto.FLOAT,),
    str: (AttributeProto.STRING,),
    tuple: (AttributeProto.INTS, AttributeProto.FLOATS, AttributeProto.STRINGS),
}


def rule(*names: str, domain: str = "") -> Callable[[AnyRule], AnyRule]:
    """Enter a function as the rule of these operators."""

    def enter(function: AnyRule) -> AnyRule:
        for name in names:
            if (domain, name) in _RULES:
                raise ValueError(f"two rules for {name}")
            _RULES[domain, name] = function
        return function

    return enter


def rule_of(domain: str, name: str) -> Rule | None:
    """Raises nothing: an operator without a rule is for the caller to refuse."""
    return _RULES.get((domain, name))


class NodeReader(Building):
    """One node, and the program that its rule adds steps to.

    Attributes:
        outputs: the names of its results; empty of one that nobody reads.
        opset: the version of the operator's domain that the file is written in.
    """

    def __init__(
        self, node: NodeProto, opset: int, inputs: Sequence[Value | None], outputs: Sequence[str], program: Program
    ) -> None:
        super().__init__(program)
        self._node = node
        self._attributes = {attribute.name: attribute for attribute in node.attribute}
        self._inputs = inputs
        self._asked: set[str | int] = set()
        self.outputs = tuple(outputs)
        self.opset = opset

    @property
    def op_type(self) -> str:
        return self._node.op_type

    # ---- attributes --------------------------------------------------------------------------------------------

    def attribute(self, name: str, default: _Default) -> _Default:
        """An attribute of the type that its default has. Raises Unsayable where it is of another one."""
        found = self._attributes.get(name)
        self._asked.add(name)
        if found is None:
            return default
        if found.type not in _KINDS[type(default)]:
            raise Unsayable(f"its attribute {name} is of another type than ONNX says")
        value: Any = helper.get_attribute_value(found)
        if isinstance(default, str):
            return value.decode()  # type: ignore[no-any-return] # UTF-8: the file was looked at
        return type(default)(value) if isinstance(default, tuple) else value

    def has(self, name: str) -> bool:
        return name in self._attributes

    def required(self, name: str, default: _Default) -> _Default:
        """An attribute without which the node means nothing; the default only says the type."""
        if name not in self._attributes:
            raise Unsayable(f"it lacks its attribute {name}")
        return self.attribute(name, default)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.attribute(name, int(default))
        if value not in (0, 1):
            raise Unsayable(f"its attribute {name} is {value}, and ONNX knows 0 and 1")
        return bool(value)

    def demand(self, name: str, *allowed: object) -> None:
        """Refuse an attribute that is there and has none of these values."""
        value = self.attribute(name, allowed[0])
        if value not in allowed:
            raise Unsayable(f"{name} = {value} is not supported: only {' or '.join(map(str, allowed))}")

    def ignore(self, name: str) -> None:
        """Of an attribute that changes nothing, whatever it is."""
        self._asked.add(name)

    def tensor_attribute(self, name: str) -> AttributeProto | None:
        """As the file has it."""
        self._asked.add(name)
        return self._attributes.get(name)

    # ---- inputs ------------------------------------------------------------------------------------------------

    @property
    def arity(self) -> int:
        """How many inputs there are, but for empty ones at the end."""
        count = len(self._inputs)
        while count and self._inputs[count - 1] is None:
            count -= 1
        return count

    def has_input(self, place: int) -> bool:
        return place < len(self._inputs) and self._inputs[place] is not None

    def value(self, place: int) -> Value:
        """Raises Unsayable where there is none."""
        self._asked.add(place)
        value = self._inputs[place] if place < len(self._inputs) else None
        if value is None:
            raise Unsayable(f"it lacks its input {place}")
        return value

    def values(self) -> tuple[Value, ...]:
        return tuple(self.value(place) for place in range(self.arity))

    def data(self, place: int) -> str:
        """A value of the network."""
        value = self.value(place)
        if isinstance(value, Known):
            raise Unsayable(f"its input {place} is a constant, and should depend on the network's inputs")
        return value

    def known(self, place: int) -> Known:
        """Numbers."""
        value = self.value(place)
        if isinstance(value, str):
            raise Unsayable(f"its input {place} is computed while the network runs, and has to be known")
        return value

    def weight(self, place: int) -> Known:
        """Floating-point numbers."""
        return as_float32(self.known(place))

    def sizes(self, place: int) -> tuple[Any, ...]:
        """Whole numbers, or sizes, of a tensor with at most one axis."""
        known = self.known(place)
        if known.dtype.kind not in "iuO" or len(known.shape) > 1:
            raise Unsayable(f"its input {place} should be a list of whole numbers")
        return tuple(_plain(size) for size in known.read().reshape(-1))

    def integers(self, place: int) -> tuple[int, ...]:
        """Whole numbers alone."""
        sizes = self.sizes(place)
        if not all(isinstance(size, int) for size in sizes):
            raise Unsayable(
                f"its input {place} depends on symbolic sizes, {list(map(str, sizes))}, and has to be known"
            )
        return sizes

    def number(self, place: int, default: float | None = None) -> float | None:
        """A single number; the default where the input is left out."""
        if not self.has_input(place):
            return default
        known = self.known(place)
        if known.size != 1 or known.is_size:
            raise Unsayable(f"its input {place} should be a single number, and has shape {list(known.shape)}")
        return real(known.read().reshape(-1)[0])

    def integers_either(self, name: str, place: int) -> tuple[int, ...] | None:
        """What older opsets have as an attribute, and newer ones as an input; None where it is left out."""
        if self.has_input(place):
            return self.integers(place)
        return self.attribute(name, ()) if self.has(name) else None

    def finish(self) -> None:
        """Raises Unsayable where something was not asked for."""
        left = [name for name in self._attributes if name not in self._asked]
        if left:
            raise Unsayable(f"its attribute{'' if len(left) == 1 else 's'} {', '.join(left)} would be ignored")
        places = [str(place) for place in range(self.arity) if self.has_input(place) and place not in self._asked]
        if places:
            raise Unsayable(f"its input{'' if len(places) == 1 else 's'} {', '.join(places)} would be ignored")


def _plain(size: Any) -> Any:
    return int(size) if isinstance(size, np.integer | int) else size
