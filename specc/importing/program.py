"""The network while it is read: typed steps in order, which the fusions rewrite until they are those of the language.

A step is an operator of the language, or for the time being something `Foreign`: what it is a part of may be known once
the steps behind it are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from math import prod
from typing import Any

import numpy as np
from pydantic import ValidationError

from specc.importing.network import Reading
from specc.ir.op import Op, Refusal
from specc.ir.size import Size
from specc.ir.types import TensorType
from specc.ops.fields import expected
from specc.ops.registry import find
from specc.weights.tensors import Array

Numbers = Callable[[], Array]

Tensors = Any
"""Of a step, ``Mapping[str, Known] | None``: as such, mypy would hold all its arguments against it."""


class Unsayable(Exception):
    """Something of the network that cannot be said, or is not read: why, as the end of a sentence.

    Attributes:
        refusal: of a step that an operator of the language refuses.
    """

    def __init__(self, reason: str, refusal: Refusal | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refusal = refusal


@dataclass(frozen=True, eq=False)
class Known:
    """Numbers that are known while the network is read: weights, constants, and sizes.

    Attributes:
        dtype: ``object`` of sizes, whole numbers and formulas of symbols.
        read: gives them; large ones are read from the file each time.
        name: what the file calls them, or those that they are made of by moving elements; empty: nothing.
        is_learned: whether they seem to have been learned: what the file stores under a name that a person gave.
        key: the same of tensors with the same numbers.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Numbers
    name: str = ""
    is_learned: bool = False
    key: tuple[object, ...] = field(default_factory=lambda: (object(),))

    @classmethod
    def of(cls, numbers: object, name: str = "") -> Known:
        array = np.asarray(numbers)
        return cls(array.shape, array.dtype, lambda: array, name)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def is_size(self) -> bool:
        return self.dtype == object

    @property
    def is_float(self) -> bool:
        return self.dtype.kind == "f"

    def moved(self, what: tuple[object, ...], shape: tuple[int, ...], move: Callable[[Array], Array]) -> Known:
        """The same elements in another shape and order; what is moved alike of one tensor is one tensor."""
        return replace(self, shape=shape, read=lambda: move(self.read()), key=(*self.key, what))

    def reshaped(self, *shape: int) -> Known:
        if shape == self.shape:
            return self
        return self.moved(("reshape", shape), shape, lambda numbers: numbers.reshape(shape))

    def transposed(self, *order: int) -> Known:
        if order == tuple(range(len(order))):
            return self
        if len(self.key) > 1 and self.key[-1] == ("transpose", *np.argsort(order)):  # back again
            old = tuple(self.shape[axis] for axis in order)
            return replace(self.moved((), old, lambda numbers: numbers.transpose(order)), key=self.key[:-1])
        shape = tuple(self.shape[axis] for axis in order)
        return self.moved(("transpose", *order), shape, lambda numbers: numbers.transpose(order))

    def mapped(self, function: Callable[[Array], Array], shape: tuple[int, ...] | None = None) -> Known:
        """Other numbers, computed of these when they are asked for: they are learned if these are."""
        return replace(self, shape=shape or self.shape, read=lambda: function(self.read()), key=(object(),))


def as_float32(known: Known) -> Known:
    """Numbers of any floating-point type as float32. Raises Unsayable of others."""
    if not known.is_float:
        raise Unsayable(f"{known.name or 'a constant'} is {known.dtype}, and floating-point numbers should stand there")
    if known.dtype == np.float32:
        return known
    name, learned = known.name, known.is_learned
    read, key = known.read, (*known.key, "float32")
    return Known(known.shape, np.dtype(np.float32), lambda: read().astype(np.float32), name, learned, key)


def real(number: Any) -> float:
    """A float32 as the shortest decimal number that means it: 0.1, and not 0.10000000149011612."""
    return float(str(np.float32(number)))


@dataclass(frozen=True)
class Foreign:
    """What is no operator of the language by itself."""

    kind: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Step:
    """A step of the program; the fusions change it in place.

    Attributes:
        value: what it gives, by its name.
        tensors: by the names that the operator has for them.
        origin: where it comes from, for messages.
        paths: what the file calls its place, the best guess first.
    """

    value: str
    op: Op | Foreign
    inputs: tuple[str, ...]
    type: TensorType
    tensors: dict[str, Known] = field(default_factory=dict)
    origin: str = ""
    paths: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.op.kind

    def __getitem__(self, attribute: str) -> Any:
        """An attribute of its operator."""
        return self.op.attributes[attribute] if isinstance(self.op, Foreign) else getattr(self.op, attribute)


class Program:
    """The steps so far.

    Attributes:
        is_own: whether specc has written it, so that a step that has a name is a step by itself.
        is_tensorflow: whether tf2onnx has written it, so that axes of size 1 come and go for its sake alone.
        types: of every value, those of the inputs too.
        outputs: the values that the network gives out.
        origin, paths: of what is being read: every new step has them.
        readings: what each value of the origin was read as, in its order.
        notes: what whoever imports should know.
    """

    def __init__(self, *, is_own: bool = False, is_tensorflow: bool = False) -> None:
        self.is_own = is_own
        self.is_tensorflow = is_tensorflow
        self.types: dict[str, TensorType] = {}
        self.outputs: list[str] = []
        self.steps: list[Step] = []
        self.origin = ""
        self.paths: tuple[str, ...] = ()
        self.readings: list[Reading] = []
        self.notes: list[str] = []
        self._numbers = count()  # no name comes again, not that of a step that was swept out either
        self._made: dict[str, Step] = {}
        self._uses: dict[str, list[Step]] = {}

    def step(self, kind: str, *inputs: str, tensors: Tensors = None, **arguments: object) -> str:
        """Append a step of the language, and give its value.

        Raises:
            Unsayable: the operator refuses it.
        """
        types = [self.types[value] for value in inputs]
        op = operator(kind, **arguments)
        return self._append(Step("", op, inputs, inferred(op, *types, tensors=tensors), dict(tensors or {})))

    def foreign(self, kind: str, *inputs: str, type: TensorType | None = None, **attributes: object) -> str:
        """Append what may be a part of something, and give its value."""
        given = type or self.types[inputs[0]]
        return self._append(Step("", Foreign(kind, attributes), inputs, given))

    def _append(self, step: Step) -> str:
        step.value, step.origin, step.paths = f"v{next(self._numbers)}", self.origin, self.paths
        self.steps.append(step)
        self.types[step.value] = step.type
        self._made[step.value] = step
        for value in step.inputs:
            self._uses.setdefault(value, []).append(step)
        return step.value

    # ---- for those who rewrite it ------------------------------------------------------------------------------

    def maker(self, value: str, *kinds: str) -> Step | None:
        """The step that makes a value, if it is of one of these kinds."""
        step = self._made.get(value)
        return step if step is not None and (not kinds or step.kind in kinds) else None

    def inner(self, value: str, *kinds: str) -> Step | None:
        """As `maker`, where nothing else reads the value."""
        return self.maker(value, *kinds) if self.readers(value) == 1 else None

    def readers(self, value: str) -> int:
        """How often a value is read, an output included."""
        return len(self._uses.get(value, ())) + self.outputs.count(value)

    def users(self, value: str) -> tuple[Step, ...]:
        return tuple(self._uses.get(value, ()))

    def become(self, step: Step, kind: str, *inputs: str, tensors: Tensors = None, **arguments: object) -> bool:
        """Make the step another one of the same value; False, and nothing is changed, where that would not fit."""
        try:
            op = operator(kind, **arguments)
            type = inferred(op, *(self.types[value] for value in inputs), tensors=tensors)
        except Unsayable:
            return False
        if type != step.type:
            return False
        step.op, step.tensors = op, dict(tensors or {})
        self._rewire(step, inputs)
        return True

    def pass_on(self, step: Step, value: str) -> None:
        """Let every reader of the step's value read another one instead."""
        for user in self.users(step.value):
            self._rewire(user, tuple(value if each == step.value else each for each in user.inputs))
        self.outputs = [value if each == step.value else each for each in self.outputs]

    def before(self, step: Step, kind: str, *inputs: str, tensors: Tensors = None,
               **arguments: object) -> str:  # fmt: skip
        """As `step`, but in front of another one, from whose place it comes."""
        self.origin, self.paths = step.origin, step.paths
        value = self.step(kind, *inputs, tensors=tensors, **arguments)
        self.steps.insert(self.steps.index(step), self.steps.pop())
        return value

    def foreign_before(self, step: Step, kind: str, *inputs: str, **attributes: Any) -> str:
        """As `foreign`, but in front of another one, from whose place it comes."""
        self.origin, self.paths = step.origin, step.paths
        value = self.foreign(kind, *inputs, **attributes)
        self.steps.insert(self.steps.index(step), self.steps.pop())
        return value

    def _rewire(self, step: Step, inputs: tuple[str, ...]) -> None:
        for value in step.inputs:
            self._uses[value].remove(step)
        step.inputs = inputs
        for value in inputs:
            self._uses.setdefault(value, []).append(step)

    def sweep(self) -> None:
        """Leave out the steps that lead to no output."""
        live = set(self.outputs)
        left = []
        for step in reversed(self.steps):
            if step.value in live:
                live.update(step.inputs)
                left.append(step)
            else:
                del self._made[step.value]
                for value in step.inputs:
                    self._uses[value].remove(step)
        self.steps = left[::-1]

    def __iter__(self) -> Iterator[Step]:
        return iter(tuple(self.steps))


def operator(kind: str, **arguments: object) -> Op:
    """The operator with these attributes. Raises Unsayable where it does not take them."""
    found = find(kind)
    assert found is not None, kind
    fields = found.model_fields
    usual = {name for name in arguments if name in fields and fields[name].default == arguments[name]}
    try:
        return found(**{name: value for name, value in arguments.items() if name not in usual})
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        value = arguments.get(name)
        raise Unsayable(f"{name} of {kind} must be {expected(found.model_fields[name])}, not {value}") from None


def inferred(op: Op, *types: TensorType, tensors: Tensors = None) -> TensorType:
    """The type of the result, where the operator takes these inputs and has tensors of just these shapes.

    Raises:
        Unsayable: it does not.
    """
    try:
        type = op.infer(*types)
        shapes = {p.name: p.shape for p in op.parameters(*types) if not p.integer}
    except Refusal as refusal:
        raise Unsayable(refusal.message, refusal) from None
    given = {name: known.shape for name, known in (tensors or {}).items()}
    if shapes != given:
        raise Unsayable(f"{op.kind} would have the tensors {shapes}, and it has {given}")
    return type


def has_sizes(value: object) -> bool:
    """Whether an attribute is, or has in it, a formula of symbolic sizes."""
    return isinstance(value, Size) or (isinstance(value, tuple) and any(map(has_sizes, value)))
