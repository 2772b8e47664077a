"""A network that was read from elsewhere, in the language's terms, before it has a text: a flat list of steps.

Readers make it, of ONNX nodes or of PyTorch modules; what finds blocks and loops, and what writes the spec, take it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from specc.weights.tensors import Array


@dataclass(frozen=True, slots=True)
class Expression:
    """An argument, or a part of one, that is computed from sizes: its text in the language."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class ValueOf:
    """An argument that is a value of the network (``like``), by its name; the step has it as its last input, too."""

    name: str


Argument: TypeAlias = "int | float | bool | str | Expression | ValueOf | tuple[Argument, ...] | None"
"""Numbers, truth values, words (``"same_upper"``, a `str` stands in quotes), ``none``, lists of them, or a formula."""


@dataclass(frozen=True, slots=True)
class ImportedTensor:
    """The numbers of a parameter or a running statistic, read when they are needed.

    Attributes:
        shape: as PyTorch stores it.
        read: gives them in that shape, as float32.
        origin: what the file calls that which they are made of, for messages; empty where nothing has a name.
    """

    shape: tuple[int, ...]
    read: Callable[[], Array]
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ImportedStep:
    """One step of a network that was read: an operator of the language with its arguments, and the values it reads.

    Attributes:
        name: the path that its origin gives it, with dots: ``layer1.0.conv1``; empty where it gives none. No two steps
            have the same, unless they are one module that is applied several times.
        operator: as the language calls it: ``conv``, ``relu``, ``add``, ``concat``.
        arguments: by their names in the language, in its order; those that are not the default, and all that have none.
        inputs: the values that it reads, by name: the arms of a merge in their order, a value of ``like`` last.
        outputs: the value that it gives, by a name that no other has.
        tensors: its parameters and running statistics by their names in the language (``weight``, ``running_mean``;
            of ``scale``, which is its own parameter, the empty one), each with its name in `ImportedNetwork.tensors`.
            Steps with the same names here have one set of weights.
        origin: where it stands in the file, for messages: ``node 17 conv1/Conv (Conv)``.
    """

    name: str
    operator: str
    arguments: Mapping[str, Argument]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A value of the origin, and the one of the network that it was read as.

    Attributes:
        name: what the origin calls it.
        value: of a step, an input, or one that a fusion has made another of.
        origin: where it comes from, for messages: of a node or a call.
        takes: the values of the origin that it is computed of.
    """

    name: str
    value: str
    origin: str
    takes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportedPort:
    """An input: the batch first, then numbers and symbols.

    Attributes:
        name: a name of the language; also that of its value.
        dtype: ``float32`` or ``uint8``.
        origin: what the file calls it.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: str = "float32"
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ImportedOutput:
    """An output, and the value that it is.

    Attributes:
        name: a name of the language.
        shape: where the origin states it, with the symbols of the inputs; None where it is open.
        origin: what the file calls it.
    """

    name: str
    value: str
    shape: tuple[int | str, ...] | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ImportedNetwork:
    """A network as a flat list of steps in topological order.

    Attributes:
        name: of the model, a name of the language.
        tensors: by the names that the file gives them (``layer1.0.conv1.weight``), or else those of their steps.
        where: conditions on the symbols, as the language writes them.
        notes: what whoever imports should know: what is in the file and makes no step.
        readings: in the order of the origin.
    """

    name: str
    inputs: tuple[ImportedPort, ...]
    outputs: tuple[ImportedOutput, ...]
    steps: tuple[ImportedStep, ...]
    tensors: Mapping[str, ImportedTensor]
    where: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()
