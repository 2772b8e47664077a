"""One ONNX model, in a file or in memory: parsed once, asked for ports, nodes, tensors, metadata and seal.

`weights_of` takes its tensors for a network's weights.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # protobuf ships no types
from onnx import ModelProto, StringStringEntryProto, TensorProto, TypeProto, ValueInfoProto
from onnx.external_data_helper import uses_external_data

from specc.atomic import require_regular
from specc.backends.onnx import claimed_weights, entries_of, initializer_name, is_sealed, serialise
from specc.diagnostics import ParityError, UsageError
from specc.diagnostics.words import visible
from specc.ir.graph import Graph
from specc.ir.init import Fixed
from specc.ir.op import Parameter
from specc.onnxfile.damage import damage
from specc.onnxfile.inlining import NondeterministicNode, in_order, inlined, nondeterministic
from specc.onnxfile.lean import parse_lean
from specc.onnxfile.tensor_data import Place, place_of, reference_of
from specc.onnxfile.tensor_index import FileTensor, TensorIndex, dense, dtype_name
from specc.weights.tensors import Array

OPEN = "?"
"""A size that the file does not declare."""

_CONTAINERS = {"sequence_type": "sequence of", "optional_type": "optional", "map_type": "map to"}
"""What holds something else, by its field in ONNX's type."""

SHOWN = 20
"""Faults named in one message; the rest is counted."""


@dataclass(frozen=True, slots=True)
class PortInfo:
    """An input or output as the file declares it.

    Attributes:
        dtype: ``float32``; of what is no tensor, what it is: ``sequence of float32``.
        shape: None where it declares none, and of what is no tensor. A size is a number, a name, or `OPEN`.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...] | None
    is_tensor: bool = True

    def __str__(self) -> str:
        if not self.is_tensor:
            return f"{self.name}: {self.dtype}"
        sizes = "of no declared shape" if self.shape is None else f"[{', '.join(map(str, self.shape))}]"
        return f"{self.name}: {self.dtype} {sizes}"

    @classmethod
    def of(cls, value: ValueInfoProto) -> PortInfo:
        if value.type.WhichOneof("value") not in ("tensor_type", None):
            return cls(value.name, _type_name(value.type), None, is_tensor=False)
        tensor = value.type.tensor_type
        sizes = [d.dim_value if d.HasField("dim_value") else d.dim_param or OPEN for d in tensor.shape.dim]
        return cls(value.name, dtype_name(tensor.elem_type), tuple(sizes) if tensor.HasField("shape") else None)


def _type_name(x: TypeProto) -> str:
    """``sequence of float32``, however deep."""
    field = x.WhichOneof("value")
    if field in _CONTAINERS:
        inner = getattr(x, field)
        return f"{_CONTAINERS[field]} {_type_name(inner.value_type if field == 'map_type' else inner.elem_type)}"
    if field in ("tensor_type", "sparse_tensor_type"):
        return f"{'sparse ' if field == 'sparse_tensor_type' else ''}{dtype_name(getattr(x, field).elem_type)}"
    return "of no known type"


class OnnxFile:
    """A model that is parsed at the first question that needs it, and never again.

    Args:
        source: the file, or the bytes of a model without external data.
        proto: what is in the file, where whoever wrote it still has it.
        origin: of a model in memory, or of a copy, the file that it was made of, for messages.

    Raises:
        UsageError, by whatever needs the content: the file or a sparse tensor cannot be read, is cut short, or is no
            ONNX file.
    """

    def __init__(self, source: Path | bytes, proto: ModelProto | None = None, origin: Path | None = None) -> None:
        self.source = source
        self.origin = origin or (source if isinstance(source, Path) else None)
        self._message = proto
        self._places: dict[int, Place] = {}

    @property
    def path(self) -> Path | None:
        """None of a model in memory."""
        return self.source if isinstance(self.source, Path) else None

    @property
    def name(self) -> str:
        """For messages."""
        return "the model" if self.origin is None else str(self.origin)

    @property
    def folder(self) -> Path:
        """Where the external data lies."""
        return self.source.parent if isinstance(self.source, Path) else Path()

    @cached_property
    def proto(self) -> ModelProto:
        """The message: without external data and, of a large file, without the numbers of large tensors, which
        `stored` reads; and with sparse initializers made dense.
        """
        proto = self._message or self._parsed()
        proto.graph.initializer.extend(dense(tensor, self.folder) for tensor in proto.graph.sparse_initializer)
        del proto.graph.sparse_initializer[:]
        return proto

    def _parsed(self) -> ModelProto:
        try:
            if isinstance(self.source, bytes):
                proto = onnx.load_from_string(self.source)
            else:
                require_regular(self.source)
                if (lean := parse_lean(self.source)) is not None:
                    proto, self._places = lean
                else:
                    # Whatever its name ends in, the file is protobuf: runtimes read no other format.
                    proto = onnx.load(self.source, format="protobuf", load_external_data=False)
        except OSError as error:
            raise UsageError(f"{self.name} cannot be read: {error.strerror}") from None
        except (DecodeError, UnicodeDecodeError):
            raise UsageError(f"{self.name} is no ONNX file, or is cut short") from None
        if not proto.ir_version or not proto.graph.node:
            raise UsageError(f"{self.name} is no ONNX file: it holds no network")
        if fault := damage(proto):
            raise UsageError(f"{self.name} is damaged: {visible(fault)}")
        return proto

    @property
    def is_lean(self) -> bool:
        """Whether the numbers of large tensors were left in the file."""
        _ = self.proto  # parsed now, if not before
        return bool(self._places)

    @cached_property
    def inputs(self) -> tuple[PortInfo, ...]:
        """What is fed in. Before IR version 4 initializers had to be among the inputs, too: these are no inputs."""
        tensors = {tensor.name for tensor in self.proto.graph.initializer}
        return tuple(PortInfo.of(value) for value in self.proto.graph.input if value.name not in tensors)

    @cached_property
    def outputs(self) -> tuple[PortInfo, ...]:
        return tuple(map(PortInfo.of, self.proto.graph.output))

    @cached_property
    def nodes(self) -> tuple[onnx.NodeProto, ...]:
        """All nodes, each behind those that give what it takes, and each call of a function replaced by its body.

        Raises:
            UsageError: that would be too much.
        """
        try:
            return tuple(in_order(tuple(inlined(self.proto))))
        except ValueError as error:
            raise UsageError(f"{self.name} cannot be read: {error}") from None

    @cached_property
    def nondeterministic(self) -> tuple[NondeterministicNode, ...]:
        """The nodes for which no run says what the next one gives."""
        return tuple(nondeterministic(self.nodes, self.proto.graph.initializer))

    @cached_property
    def tensors(self) -> TensorIndex:
        """The tensors that nodes or outputs use, by name and by size."""
        inputs, outputs = ({port.name for port in ports} for ports in (self.inputs, self.outputs))
        return TensorIndex(self.nodes, self.initializers.values(), self.folder, inputs, outputs)

    @cached_property
    def initializers(self) -> dict[str, FileTensor]:
        return {tensor.name: tensor for tensor in self.stored}

    @cached_property
    def stored(self) -> tuple[FileTensor, ...]:
        """Every initializer in the order of the file, though two should have one name."""
        return tuple(
            FileTensor(t.name, t, self.folder, None if uses_external_data(t) else self._places.get(place))
            for place, t in enumerate(self.proto.graph.initializer)
        )

    def given_beside(self) -> tuple[bytes, dict[str, Array]] | None:
        """The model without the numbers that were left in the file, and these by name; None where there are none.

        So onnxruntime needs no copy of its own, of which it makes three where it reads a file.

        Raises:
            UsageError: they cannot be read.
        """
        left = {tensor.name: tensor for tensor in self.stored if tensor.place is not None}
        if not left:
            return None
        model = ModelProto()
        model.CopyFrom(self.proto)
        for tensor in model.graph.initializer:
            if tensor.name in left:
                tensor.ClearField("raw_data")
                tensor.data_location = TensorProto.EXTERNAL
                tensor.external_data.append(StringStringEntryProto(key="location", value="beside"))
        return serialise(model), {name: tensor.values() for name, tensor in left.items()}

    @property
    def metadata(self) -> dict[str, str]:
        """Every entry, in order."""
        return entries_of(self.proto)

    @cached_property
    def is_sealed(self) -> bool | None:
        """Whether the file is as it was when specc wrote its metadata; None where it does not say how it was."""
        return None if self.path is None else is_sealed(self.path, self.proto)

    @property
    def claimed_weights(self) -> str:
        """Where the file says that its weights come from: ``seed 0``, or a hash; empty where it does not say."""
        return claimed_weights(self.proto)

    @cached_property
    def data_files(self) -> dict[str, int]:
        """The files beside this one that hold initializers, by their names in it, with how many are in each.

        Raises:
            UsageError: one is a link to elsewhere; one that is named elsewhere is refused when the file is parsed.
        """
        counts: dict[str, int] = {}
        for tensor in filter(uses_external_data, self.proto.graph.initializer):
            location = reference_of(tensor).location  # which was looked at when the file was parsed
            counts[location] = counts.get(location, 0) + 1
        # Where the model is a link too, as in a cache of downloads, its data may lie where that leads.
        folders = [Path(os.path.realpath(folder)) for folder in (self.folder, Path(os.path.realpath(self.name)).parent)]
        for location in counts:
            if not any(Path(os.path.realpath(self.folder / location)).is_relative_to(folder) for folder in folders):
                raise UsageError(f"{self.name} has tensors in {visible(location)}, which is a link out of its folder")
        return counts

    @property
    def size(self) -> int:
        """Bytes of the file itself."""
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    @property
    def data_sizes(self) -> dict[str, int | None]:
        """Bytes of each of the `data_files`; None of one that is not there.

        Raises:
            UsageError: as `data_files` does.
        """
        paths = {location: self.folder / location for location in self.data_files}
        return {location: path.stat().st_size if path.is_file() else None for location, path in paths.items()}

    @property
    def opsets(self) -> dict[str, int]:
        """The version of each domain."""
        return {imported.domain or "ai.onnx": imported.version for imported in self.proto.opset_import}

    @property
    def producer(self) -> str:
        """Whoever wrote the file, with the version."""
        return f"{self.proto.producer_name} {self.proto.producer_version}".strip()

    def stamp(self) -> tuple[object, ...]:
        """What the file system says of the file and of those with its tensors: another one where a file was changed.

        A proof reads the file at several times, and onnxruntime reads it by itself: what was changed or cut short in
        between would be judged by parts of two files.
        """
        if self.path is None:
            return ()
        paths = [self.path]
        with suppress(UsageError):  # whoever reads the tensors says what is wrong
            paths += [self.folder / location for location in self.data_files]
        stats = [path.stat() if os.path.exists(path) else None for path in paths]
        return tuple(stat and (stat.st_size, stat.st_mtime_ns, stat.st_ino) for stat in stats)

    def require_data(self) -> None:
        """Raises UsageError where initializers are in a file that is not there, or is too short."""
        for tensor in filter(uses_external_data, self.proto.graph.initializer):
            name, location = visible(tensor.name), reference_of(tensor).location
            if not os.path.isfile(self.folder / location):
                raise UsageError(
                    f"{name} and other weights of {self.name} are in {visible(location)}, which is not beside it"
                )
            try:
                place = place_of(tensor, self.folder)
            except ValueError as error:
                why = visible(str(error))
                raise UsageError(f"{self.name} does not say rightly where the numbers of {name} are: {why}") from None
            if place.path.stat().st_size < (end := place.offset + place.length):
                shown = self.folder / visible(location)
                raise UsageError(f"{shown} is cut short: {name} of {self.name} ends at byte {end:,} of it")


def as_onnx_file(model: OnnxFile | Path | bytes) -> OnnxFile:
    """The file itself where it is one already: so it is parsed once, however many ask."""
    return model if isinstance(model, OnnxFile) else OnnxFile(model)


# ---- its tensors as a network's weights ----------------------------------------------------------------------


def weights_of(model: OnnxFile | Path, graph: Graph) -> FileWeights:
    """The weights inside an ONNX file, found by the graph's parameter paths.

    A tensor may be stored in another shape with the same elements (prelu's slope as (C, 1, 1)).

    Raises:
        UsageError: the file or its external data cannot be read, or it is no ONNX file.
        ParityError: it lacks tensors, or holds some of another size or type, with NaN or infinity, or other
            numbers than those that the spec fixes. One message lists them all; there are no checks to hold.
    """
    file = as_onnx_file(model)
    weights = FileWeights(file)
    faults = [fault for path, p in graph.state if (fault := weights.fault(path, p))]
    if not faults:
        return weights
    more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
    advice = ""
    if not all(p.integer or initializer_name(path, p) in file.initializers for path, p in graph.state):
        # A batch norm that is missing is usually folded into the layer before it.
        advice = (
            "A file from elsewhere may fold, rename or share them. Say what they should be, with --weights FILE or "
            "--seed N: then the file is proven against those, and every tensor is looked for by its numbers"
        )
    headline = f"the weights in {file.name} do not fit the spec:"
    raise ParityError(headline, None, (*faults[:SHOWN], *more), advice)


class FileWeights:
    """The initializers of an ONNX file, as `specc.weights.Weights`. Made by `weights_of`."""

    def __init__(self, file: OnnxFile) -> None:
        self._initializers = file.initializers

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        """One piece: it is in memory as a whole."""
        return iter((self._values(path, parameter),))

    def fault(self, path: str, parameter: Parameter) -> str | None:
        """What is wrong with one tensor, in words; None where nothing is. Raises UsageError if unreadable."""
        tensor = self._initializers.get(initializer_name(path, parameter))
        if tensor is None:
            return None if parameter.integer else f"{path} is missing"
        dtype = "int64" if parameter.integer else "float32"
        if tensor.dtype != dtype:
            return f"{path} is {tensor.dtype}, not {dtype}"
        if tensor.size != prod(parameter.shape):
            return f"{path} has shape {tuple(tensor.proto.dims)}, the spec's has {parameter.shape}"
        values = self._values(path, parameter)
        if not np.isfinite(values).all():
            return f"{path} holds NaN or infinity"
        fixed = parameter.init if isinstance(parameter.init, Fixed) and not parameter.trainable else None
        if fixed and not np.array_equal(values, np.asarray(fixed.values, np.float32)):
            return f"{path} is not the constant that the spec gives"
        return None

    def _values(self, path: str, parameter: Parameter) -> Array:
        tensor = self._initializers.get(initializer_name(path, parameter))
        if tensor is None:  # an integer tensor: a step counter that inference does not need
            return np.zeros(parameter.shape, np.int64).reshape(-1)
        return tensor.values().reshape(-1)
