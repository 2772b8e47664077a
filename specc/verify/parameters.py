"""The tensors of a file against those that it should hold: the same, moved, merged, or other numbers.

A file made elsewhere may rename tensors, turn them round, share equal ones and multiply a batch norm into the layer
before it. Each of these is recomputed and compared; nothing is taken on trust, and nothing depends on who made it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from specc.backends.onnx import stored_name
from specc.ir.graph import Graph, Node
from specc.ir.op import Parameter
from specc.ir.torch import TorchModule
from specc.verify.files import read_tensor
from specc.verify.pieces import inlined, used
from specc.verify.result import TensorRow
from specc.weights import Weights, tensor
from specc.words import listed, plural

PROBES = 16
"""Elements that are looked at before a tensor is compared as a whole."""

MOST_AXES = 5
"""Of tensors that may be turned round: those of a 3-D convolution. 120 orders are tried at most."""

ROUNDINGS = 8
"""Float32 roundings that a batch norm may be off by when it is multiplied into the layer before it: five operations."""

U = 2.0**-24
TINY = 2.0**-126

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)

LAYERS = ("nn.Conv", "nn.Linear")
"""What a batch norm can be multiplied into, by the beginning of PyTorch's name."""

Values = NDArray[Any]


def compare_tensors(graph: Graph, proto: onnx.ModelProto, folder: Path, weights: Weights) -> tuple[TensorRow, ...]:
    """What has become in the file of every tensor of ``graph``, in the order of the state dict; counters are left out.

    Args:
        proto: the file, its external data left in ``folder``.
        weights: what its tensors should be.

    Raises:
        UsageError: the file's tensors, or ``weights``, cannot be read.
    """
    file = _File(proto, folder)
    rows: dict[str, TensorRow] = {}
    for fold in _folds(graph):
        rows |= {row.path: row for row in _folded(fold, file, weights)}
    for path, parameter in graph.state:
        if not parameter.integer and path not in rows:
            rows[path] = _compare(path, parameter, file, tensor(weights, path, parameter))
    return tuple(rows[path] for path, _ in graph.state if path in rows)


@dataclass(frozen=True)
class _Entry:
    """A tensor of the file: an initializer, or what a Constant node gives."""

    name: str
    proto: TensorProto
    folder: Path

    @property
    def size(self) -> int:
        return prod(self.proto.dims)

    @property
    def dtype(self) -> str:
        return str(TensorProto.DataType.Name(self.proto.data_type)).lower()

    @property
    def is_single(self) -> bool:
        return bool(self.proto.data_type == TensorProto.FLOAT)

    def values(self) -> Values:
        """In the file's shape and type. Read anew each time: a file may be larger than memory."""
        return read_tensor(self.proto, self.folder, self.name)

    @cached_property
    def probes(self) -> Values:
        return np.asarray(_probed(self.values().reshape(-1)), np.float64)

    @cached_property
    def content(self) -> int:
        return _content(self.values())


class _File:
    """The tensors that the nodes of a file really use, by name and by number of elements."""

    def __init__(self, proto: onnx.ModelProto, folder: Path) -> None:
        nodes = tuple(inlined(proto))
        needed = {name for node in nodes for name in used(node)} | {value.name for value in proto.graph.output}
        found = [*proto.graph.initializer, *_constants(nodes)]
        self.entries = {stored.name: _Entry(stored.name, stored, folder) for stored in found if stored.name in needed}
        self._by_size: dict[int, list[_Entry]] = {}
        for entry in self.entries.values():
            self._by_size.setdefault(entry.size, []).append(entry)
        self._same = {node.output[0]: node.input[0] for node in nodes if node.op_type == "Identity"}
        self._users = [node for node in nodes if len(node.input) > 2]

    def called(self, path: str, parameter: Parameter) -> _Entry | None:
        """The tensor of that path, as specc or another calls it."""
        return self.entries.get(stored_name(path, parameter)) or self.entries.get(path)

    def of(self, size: int) -> Iterator[_Entry]:
        """The floating-point tensors of so many elements."""
        return (entry for entry in self._by_size.get(size, ()) if entry.proto.data_type in FLOATS)

    def beside(self, weight: _Entry) -> list[_Entry]:
        """The biases that the file applies together with ``weight``: one, but where layers share their weight."""
        with_it = [node.input[2] for node in self._users if self._origin(node.input[1]) == weight.name]
        return [self.entries[name] for name in map(self._origin, with_it) if name in self.entries]

    def rounded(self, name: str, size: int) -> _Entry | None:
        """What tools that quantise make of the tensor ``name``: integers under its name with an ending."""
        alike = (e for e in self._by_size.get(size, ()) if e.name.startswith(name) and e.proto.data_type not in FLOATS)
        return next(alike, None)

    def _origin(self, name: str) -> str:
        while name in self._same:
            name = self._same[name]
        return name


def _constants(nodes: Iterable[onnx.NodeProto]) -> Iterator[TensorProto]:
    for node in nodes:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                constant = TensorProto()
                constant.CopyFrom(attribute.t)
                constant.name = node.output[0]
                yield constant
            elif attribute.name in {"value_float", "value_floats"}:
                numbers = np.asarray(onnx.helper.get_attribute_value(attribute), np.float32)
                yield numpy_helper.from_array(numbers, node.output[0])


def _compare(path: str, parameter: Parameter, file: _File, wanted: Values) -> TensorRow:
    """A tensor by itself: under its own name, else by its numbers anywhere in the file."""
    entry = file.called(path, parameter)
    if entry is not None:
        return _named(path, entry, wanted)
    for other in file.of(wanted.size):
        moved = _moved(other, wanted)
        if moved is not None:
            where = f"in the file as {other.name}"
            return TensorRow(path, "reordered", f"{moved}, {where}" if moved else where)
    rounded = file.rounded(path, wanted.size)
    if rounded is not None:
        return TensorRow(path, "different", f"quantised to {rounded.dtype} ({rounded.name})")
    lower = next((other for other in file.of(wanted.size) if _is_rounding_of(other, wanted)), None)
    if lower is not None:
        return TensorRow(path, "different", f"stored as {lower.dtype} ({lower.name})")
    return TensorRow(path, "absent", "nothing in the file has these numbers")


def _named(path: str, entry: _Entry, wanted: Values) -> TensorRow:
    moved = _moved(entry, wanted)
    if moved is not None:
        return TensorRow(path, "reordered" if moved else "same", moved)
    return TensorRow(path, "different", _difference(entry, wanted.astype(np.float64)))


def _moved(entry: _Entry, wanted: Values) -> str | None:
    """How the tensor holds the numbers of ``wanted``: empty where in their order and to the bit; None: it does not."""
    if entry.size != wanted.size or entry.proto.data_type not in FLOATS:
        return None
    if entry.is_single and _is_equal(entry, wanted):
        return ""
    if entry.is_single and 1 < wanted.ndim <= MOST_AXES and entry.content == _content(wanted):
        return _turned(entry.values(), wanted)
    if not entry.is_single and np.array_equal(entry.values().reshape(-1).astype(np.float64), wanted.reshape(-1)):
        return f"the same numbers as {entry.dtype}"
    return None


def _is_equal(entry: _Entry, wanted: Values) -> bool:
    probes = entry.probes.astype(np.float32)
    return np.array_equal(_bits(probes), _bits(_probed(wanted.reshape(-1)))) and np.array_equal(
        _bits(entry.values()), _bits(wanted)
    )


def _turned(values: Values, wanted: Values) -> str | None:
    """The order of axes in which ``wanted`` is stored."""
    for order in permutations(range(wanted.ndim)):
        turned = wanted.transpose(order)
        if _long(turned.shape) == _long(values.shape) and np.array_equal(_bits(turned), _bits(values)):
            return "transposed" if wanted.ndim == 2 else f"with its axes in the order {listed(map(str, order))}"
    return None


def _long(shape: Sequence[int]) -> list[int]:
    """The axes that have more than one element."""
    return [size for size in shape if size != 1]


def _is_rounding_of(entry: _Entry, wanted: Values) -> bool:
    """Whether the tensor, of another floating-point type, is ``wanted`` rounded to it, in order or transposed."""
    if entry.is_single:
        return False
    values = entry.values()
    with np.errstate(over="ignore"):
        rounded = wanted.astype(values.dtype)
    flat = values.reshape(-1)
    return np.array_equal(rounded.reshape(-1), flat) or np.array_equal(rounded.T.reshape(-1), flat)


def _difference(entry: _Entry, wanted: Values) -> str:
    """In words: how the tensor differs from ``wanted``, float64."""
    if entry.proto.data_type not in FLOATS:
        return f"quantised to {entry.dtype}"
    if entry.size != wanted.size:
        return f"has shape {list(entry.proto.dims)} in the file, {list(wanted.shape)} in the spec"
    found = entry.values().reshape(-1).astype(np.float64)
    stored = "" if entry.is_single else f"stored as {entry.dtype}: "
    return stored + _largest(found, wanted)


def _largest(found: Values, wanted: Values) -> str:
    """``3 of 864 elements differ, most at [0, 1, 2, 2]: 0.1 in the file, 0.125 as given``"""
    flat = wanted.reshape(-1)
    differ = found != flat
    count = int(np.count_nonzero(differ))
    with np.errstate(invalid="ignore"):  # infinity less infinity
        distance = np.where(differ, np.nan_to_num(np.abs(found - flat), nan=np.inf), -1.0)
    worst = int(distance.argmax())
    place = [int(i) for i in np.unravel_index(worst, wanted.shape)]
    verb = "differs" if count == 1 else "differ"
    values = f"{found[worst]:.7g} in the file, {flat[worst]:.7g} as given"
    return f"{count:,} of {plural(flat.size, 'element')} {verb}, most at {place}: {values}"


def _probed(flat: Values) -> Values:
    """Evenly spread elements of a flat tensor."""
    return flat[np.linspace(0, max(flat.size - 1, 0), min(PROBES, flat.size)).astype(np.intp)]


def _bits(values: Values) -> Values:
    return np.ascontiguousarray(values, np.float32).reshape(-1).view(np.uint32)


def _content(values: Values) -> int:
    """A number that does not depend on the order of the elements: the sum of their bits."""
    return int(_bits(values).sum(dtype=np.uint64))


@dataclass(frozen=True)
class _Fold:
    """A layer and the batch norm behind it, which alone takes its result."""

    layer: Node
    norm: Node

    def tensors(self, weights: Weights) -> Mapping[str, tuple[str, Parameter, Values]]:
        """By the names that the formulas use: path, parameter and float64 numbers; what a step lacks is left out."""
        found = {}
        for prefix, node in (("", self.layer), ("norm.", self.norm)):
            for parameter in node.parameters:
                if not parameter.integer:
                    path = node.path(parameter)
                    numbers = tensor(weights, path, parameter).astype(np.float64)
                    found[prefix + parameter.name] = path, parameter, numbers
        return found


@dataclass(frozen=True)
class _Merged:
    """What a fold must be: ``weight`` in the layer's shape, ``bias``, and how far rounding may take each of them."""

    weight: Values
    bias: Values
    slack: Values


def _folds(graph: Graph) -> Iterator[_Fold]:
    takers = Counter(value for node in graph.nodes for value in node.inputs)
    takers.update(value for _, value in graph.outputs)
    modules = Counter(node.module for node in graph.nodes)
    steps = {node.name: node for node in graph.nodes}
    for norm in graph.nodes:
        layer = steps.get(norm.inputs[0]) if norm.inputs else None
        if layer is None or takers[layer.name] > 1 or max(modules[layer.module], modules[norm.module]) > 1:
            continue
        if _module(norm).startswith("nn.BatchNorm") and _module(layer).startswith(LAYERS) and _by_channel(layer):
            yield _Fold(layer, norm)


def _module(node: Node) -> str:
    step = node.op.torch(*node.input_types)
    return step.name if isinstance(step, TorchModule) else ""


def _option(node: Node, name: str, default: Any) -> Any:
    """An argument of the step's PyTorch module; ``default`` is PyTorch's, where it is left out."""
    step = node.op.torch(*node.input_types)
    return step.kwargs.get(name, default)


def _by_channel(layer: Node) -> bool:
    """Whether the layer makes the channels that a norm scales; a Linear over more axes makes the last axis instead."""
    return not _module(layer).startswith("nn.Linear") or len(layer.type.sample) == 1


def _merge(fold: _Fold, given: Mapping[str, tuple[str, Parameter, Values]]) -> _Merged:
    """weight * f and beta + (bias - mean) * f, where f = gamma/sqrt(variance + eps), in float64."""
    mean, variance = given["norm.running_mean"][2], given["norm.running_var"][2]
    factor = 1 / np.sqrt(variance + _option(fold.norm, "eps", 1e-5))
    shift = np.zeros_like(factor)
    if "norm.weight" in given:
        factor, shift = factor * given["norm.weight"][2], given["norm.bias"][2]
    bias = given["bias"][2] if "bias" in given else np.zeros_like(factor)
    sizes = np.abs(shift) + (np.abs(bias) + np.abs(mean)) * np.abs(factor)
    return _Merged(_scaled(fold.layer, given["weight"][2], factor), shift + (bias - mean) * factor, sizes)


def _scaled(layer: Node, weight: Values, factor: Values) -> Values:
    """The layer's weight times one factor per output channel; a transposed convolution has them on its second axis."""
    if not _module(layer).startswith("nn.ConvTranspose"):
        return weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    groups = _option(layer, "groups", 1)
    parts = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], -1)
    return (parts * factor.reshape(groups, 1, -1, 1)).reshape(weight.shape)


def _folded(fold: _Fold, file: _File, weights: Weights) -> Iterator[TensorRow]:
    """The rows of both steps' tensors where the norm is merged into the layer's weight; none where it is not."""
    given = fold.tensors(weights)
    path, parameter, weight = given["weight"]
    own = file.called(path, parameter)
    if own is not None and _moved(own, weight.astype(np.float32)) is not None:
        return
    merged = _merge(fold, given)
    entry = _close_entry(file, own, merged.weight)
    if entry is None:
        return
    bias = _bias_beside(file, entry, merged)
    wrong = "" if bias is None else _bias_fault(bias, merged)
    if bias is None and merged.bias.any():
        wrong = "the bias that this gives is not in the file"
    blamed = next(name for name in ("norm.bias", "bias", "norm.running_mean") if name in given)
    for name, (tensor_path, _, _) in given.items():
        if wrong and name == blamed:
            yield TensorRow(tensor_path, "different", f"{fold.norm.name} is folded into {fold.layer.name}: {wrong}")
        else:
            yield TensorRow(tensor_path, "folded", f"into {listed([e.name for e in (entry, bias) if e])}")


def _bias_beside(file: _File, weight: _Entry, merged: _Merged) -> _Entry | None:
    """The folded bias: that of ``weight`` where it has one, right or wrong; else what has its numbers."""
    beside = file.beside(weight)
    right = (entry for entry in beside or file.of(merged.bias.size) if not _bias_fault(entry, merged))
    return next(right, beside[0] if beside else None)


def _close_entry(file: _File, own: _Entry | None, weight: Values) -> _Entry | None:
    """The tensor that is ``weight`` but for rounding, in order or transposed; that of its own name before others."""
    first = [own] if own is not None and own.size == weight.size and own.is_single else []
    for wanted in (weight, weight.T) if weight.ndim == 2 else (weight,):
        flat = wanted.reshape(-1)
        for entry in (*first, *file.of(weight.size)):
            if _is_close(entry.probes, _probed(flat)) and _is_close(entry.values().reshape(-1), flat):
                return entry
    return None


def _is_close(found: Values, wanted: Values) -> bool:
    return bool((np.abs(found - wanted) <= ROUNDINGS * U * np.abs(wanted) + TINY).all())


def _bias_fault(entry: _Entry, merged: _Merged) -> str:
    """Empty where the tensor is the folded bias but for rounding."""
    if entry.size != merged.bias.size or entry.proto.data_type not in FLOATS:
        return f"{entry.name} has shape {list(entry.proto.dims)}, not {list(merged.bias.shape)}"
    found = entry.values().reshape(-1).astype(np.float64)
    right = np.abs(found - merged.bias) <= ROUNDINGS * U * merged.slack + TINY
    if right.all():
        return ""
    return f"of the bias {entry.name}, {_largest(np.where(right, merged.bias, found), merged.bias)}"
