"""The program as an `ImportedNetwork`: attributes as arguments, tensors by name; what is left of ONNX is refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from specc.importing.naming import Names, identifier
from specc.importing.network import (
    Argument,
    Expression,
    ImportedNetwork,
    ImportedOutput,
    ImportedPort,
    ImportedStep,
    ImportedTensor,
    ValueOf,
)
from specc.importing.program import Foreign, Known, Program, Step
from specc.importing.symbols import FileSymbols
from specc.ir.size import Size
from specc.ir.targets import Value
from specc.weights.tensors import Array


def translated(
    program: Program,
    ports: tuple[ImportedPort, ...],
    outputs: Sequence[str],
    name: str,
    contract: FileSymbols,
) -> ImportedNetwork | list[str]:
    """The network, or what cannot be said: a line for each step.

    Args:
        outputs: what the origin calls them.
    """
    faults = [f"{step.origin}: {_why(step)}" for step in program if isinstance(step.op, Foreign)]
    inputs = {port.name for port in ports}
    read = {value for step in program for value in step.inputs}
    faults += [
        f"input {port.origin}: nothing reads it; onnxslim or an export without it takes it out"
        for port in ports
        if port.name not in read
    ]
    if any(value in inputs for value in program.outputs):
        faults.append("an output is an input: the network does nothing with it")
    if faults:
        return faults
    names = Names().of(program)
    tensors = _Tensors()
    steps = tuple(_step(step, names[step], tensors.of(step, names[step])) for step in program)
    taken = {port.name for port in ports} | contract.names
    if faults := [*_shared_with_arms(steps)]:
        return faults
    given: list[ImportedOutput] = []
    for origin, value in zip(outputs, program.outputs, strict=True):
        port = identifier(origin, taken, "output")
        taken.add(port)
        given.append(ImportedOutput(port, value, None, origin))
    notes, readings = tuple(program.notes), tuple(program.readings)
    return ImportedNetwork(name, ports, tuple(given), steps, tensors.all, contract.where, notes, readings)


def _shared_with_arms(steps: Sequence[ImportedStep]) -> Iterator[str]:
    """Steps of several values whose tensors are those of another one: a line each."""
    uses = Counter(tuple(step.tensors.values()) for step in steps if step.tensors)
    for step in steps:
        if step.tensors and uses[tuple(step.tensors.values())] > 1 and len(step.inputs) > 1:
            yield f"{step.origin}: its weights are used several times, and a shared step takes one value, not arms"


_MEANT = {
    "Factor": "it multiplies or divides by numbers that lie along several axes, or that are not finite",
    "Widening": "its numbers make the value that they meet wider, which no operator of the language does",
    "Shift": "it adds numbers that lie along several axes, or that are not finite",
    "Erf": "the error function stands in the language as part of gelu alone",
    "Reshape": "behind an instancenorm it means a groupnorm alone, and this is none",
    "Where": "what chooses between two values place by place is no operator of the language",
    "Gather": "it picks places in an order of which more than 16 slices would be needed",
    "Joined": "it joins axes with the batch, which stays as it is always, and nothing takes them apart",
    "BatchAt": "it moves the batch, which is the first axis always, and nothing moves it back",
    "Pad": "it pads with infinity, which only a maxpool behind it could mean",
}


def _why(step: Step) -> str:
    return _MEANT.get(step.kind, f"{step.kind} is no operator of the language, nor a part of one here")


def _step(step: Step, name: str, tensors: Mapping[str, str]) -> ImportedStep:
    arguments: dict[str, Argument] = {}
    for attribute, info in type(step.op).model_fields.items():  # type: ignore[union-attr] # no Foreign is left
        value = getattr(step.op, attribute)
        if info.is_required() or value != info.default:
            arguments[attribute] = _argument(value, step.inputs)
    return ImportedStep(name, step.kind, arguments, step.inputs, (step.value,), tensors, step.origin)


def _argument(value: Any, inputs: tuple[str, ...]) -> Argument:
    match value:
        case Value():
            return ValueOf(inputs[value.index])
        case Size():
            return Expression(formula(str(value)))
        case float() if over := _fraction(value):
            return Expression(f"1 / {over}")
        case tuple():
            return tuple(_argument(entry, inputs) for entry in value)
    result: Argument = value
    return result


def formula(text: str) -> str:
    """The text of a size in the language: ``floor((H + 15)/16)`` is ``(H + 15) // 16`` there."""
    floored = re.compile(r"floor\((\((?:[^()]|\([^()]*\))*\)|[^()/]*)/(\d+)\)")
    while (found := floored.search(text)) is not None:
        whole = f"({found[1]} // {found[2]})"
        text = text[: found.start()] + whole + text[found.end() :]
    return text


def _fraction(value: float) -> int:
    """n where the number is 1/n as nobody would write it out; else 0."""
    if not 0 < abs(value) < 1 or len(repr(value)) < 9:
        return 0
    over = round(1 / value)
    return over if 1 < over < 10_000 and np.float32(1 / over) == np.float32(value) else 0


class _Tensors:
    """Every tensor once, by a name."""

    def __init__(self) -> None:
        self.all: dict[str, ImportedTensor] = {}
        self._names: dict[tuple[object, ...], str] = {}
        self._paths: dict[tuple[object, ...], str] = {}
        self._counts: Counter[str] = Counter()

    def of(self, step: Step, path: str) -> dict[str, str]:
        """Its tensors; without a path they are called as the language would call them."""
        if step.tensors and not path:
            owner = (step.op, *(known.key for known in step.tensors.values()))
            if owner not in self._paths:
                self._counts[step.kind] += 1
                self._paths[owner] = f"{step.kind}{self._counts[step.kind]}"
            path = self._paths[owner]
        return {role: self._name(known, path, role) for role, known in step.tensors.items()}

    def _name(self, known: Known, path: str, role: str) -> str:
        """A tensor is shared by steps of one path; what a tool has stored once since it was equal is two tensors."""
        key = (path, role, *known.key)
        if key in self._names:
            return self._names[key]
        name = self._names[key] = free_name(f"{path}.{role}" if role else path, self.all)
        self.all[name] = ImportedTensor(known.shape, partial(_as_float32, known), known.name)
        return name


def free_name(wanted: str, taken: Mapping[str, object]) -> str:
    """The name, or with a number behind it where it is taken."""
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    return name


def _as_float32(known: Known) -> Array:
    return np.ascontiguousarray(known.read(), np.float32).reshape(known.shape)
