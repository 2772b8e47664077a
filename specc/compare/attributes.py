"""What the attributes of a step mean, however they are spelled: ``kernel=3`` and ``kernel=[3, 3]`` are one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from specc.compare.interface import SymbolMap, in_common_terms
from specc.ir.graph import Graph, Node
from specc.ir.size import Dim, Size
from specc.ir.symbols import USUAL
from specc.ir.types import TensorType

Values = Mapping[str, Any]
_Reading = Callable[[Any, Values, TensorType], object]
"""An attribute's value, those of all attributes, and the type of the step's input."""
StepKeys = Mapping[str, tuple[object, ...]]
"""For each step by its name what it is: two steps with equal keys are the same function of their inputs and tensors."""

_UNORDERED = frozenset({"add", "mul", "maximum", "minimum"})
"""Merges that give the same whatever the order of their arms; a sum or product of three or more is at most rounded
otherwise."""


def _attributes(node: Node) -> dict[str, Any]:
    """As they are spelled, without those that are values: these are compared as what the step takes."""
    op = node.op
    return {name: getattr(op, name) for name in type(op).model_fields if name not in op.measures}


def canonical_attributes(node: Node) -> dict[str, object]:
    """The attributes of a step, each in one spelling for all that mean the same for its input."""
    values = _attributes(node)
    if not node.input_types:
        return values
    x = node.input_types[0]
    if node.op.kind == "reshape":
        return {"shape": node.type.sample}
    readings = _OF_KIND.get(node.op.kind, _READINGS)
    return {name: readings[name](value, values, x) if name in readings else value for name, value in values.items()}


def _per_axis(value: Any, values: Values, x: TensorType) -> Any:
    return (value,) * len(x.spatial) if type(value) in (int, float) and x.spatial else value


def _padding(value: Any, values: Values, x: TensorType) -> object:
    """``"same"`` is as many places on both sides, where their number is even."""
    if value == "valid":
        return (0,) * len(x.spatial)
    if value != "same":
        return _per_axis(value, values, x)
    kernel, dilation = (_per_axis(values[name], values, x) for name in ("kernel", "dilation"))
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return value if any(total % 2 for total in totals) else tuple(total // 2 for total in totals)


def _pad_widths(value: Any, values: Values, x: TensorType) -> object:
    """Before and after each axis, the last axis first; padding of 0 at the end says nothing."""
    if value is None:
        return None
    widths = [value] * (2 * len(x.spatial)) if isinstance(value, int) else list(value)
    while widths[-2:] == [0, 0]:
        del widths[-2:]
    return tuple(widths)


def _output_size(value: Any, values: Values, x: TensorType) -> object:
    """None keeps the size of an axis."""
    sizes = _per_axis(value, values, x)
    if not isinstance(sizes, tuple) or len(sizes) != len(x.spatial):
        return sizes
    return tuple(size if bins is None else bins for bins, size in zip(sizes, x.spatial, strict=True))


def _per_channel(value: Any, values: Values, x: TensorType) -> object:
    """A list of one number again and again is that number."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def _axis(value: Any, values: Values, x: TensorType) -> Any:
    return value + x.rank if isinstance(value, int) and value < 0 else value


def _axes(value: Any, values: Values, x: TensorType) -> tuple[int, ...]:
    return tuple(_axis(axis, values, x) for axis in value)


def _position(value: Any, values: Values, x: TensorType) -> object:
    """Of a slice: negative ones count from the end of its axis."""
    axis = _axis(values["dim"], values, x)
    if not isinstance(value, int) or value >= 0 or not isinstance(axis, int):
        return value
    size: Dim = x.shape[axis]
    return size + value


_READINGS: Mapping[str, _Reading] = {
    "kernel": _per_axis,
    # A pool without a stride takes its kernel.
    "stride": lambda value, values, x: _per_axis(values["kernel"] if value is None else value, values, x),
    "padding": _padding,
    "dilation": _per_axis,
    "output_padding": _per_axis,
    "size": _output_size,
    "offset": _per_axis,
    "scale_factor": _per_axis,
    "align_corners": lambda value, values, x: False if value is None else value,
    "dim": _axis,
    "start_dim": _axis,
    "end_dim": _axis,
    "dims": _axes,
    "start": _position,
    "stop": _position,
    # The last sizes of the input; without any, the last one.
    "normalized_shape": lambda value, values, x: (
        x.sample[-1:] if value is None else value if isinstance(value, tuple) else (value,)
    ),
}
_REDUCED: Mapping[str, _Reading] = {
    # Of several axes the order does not matter.
    "dim": lambda value, values, x: tuple(sorted(_axes(value if isinstance(value, tuple) else (value,), values, x))),
}
_CONSTANTS: Mapping[str, _Reading] = {
    **dict.fromkeys(("factor", "offset", "mean", "std"), _per_channel),
    # Where no list lies along it, it says nothing.
    "dim": lambda value, values, x: (
        _axis(value, values, x) if any(len(set(v)) > 1 for v in values.values() if isinstance(v, tuple)) else None
    ),
}
_OF_KIND: Mapping[str, Mapping[str, _Reading]] = {
    "lrn": {},  # its size is of channels
    "pad": {"padding": _pad_widths},
    "mean": _REDUCED,
    "amax": _REDUCED,
    "affine": _CONSTANTS,
    "standardize": _CONSTANTS,
}


def is_unordered(node: Node) -> bool:
    """Whether the order of the values that the step takes does not matter."""
    return node.op.kind in _UNORDERED


class Attributes(NamedTuple):
    """The attributes of a step, by name: as they are spelled, and what they mean for its input."""

    spelled: Mapping[str, object]
    canonical: Mapping[str, object]


@dataclass(frozen=True)
class KeyedGraph:
    """A network with what every step does, in terms that both networks share.

    Attributes:
        sizes: at which shapes and costs are compared, the same ones for both networks: `USUAL`, or the next above it
            that both allow, else the greatest; None where no sizes are allowed by both.
        keys: by step: two steps with equal ones are the same function of their inputs and tensors.
        attributes: by step.
        common: the symbols that both networks share; None where no sizes are allowed by both.
    """

    graph: Graph
    sizes: Mapping[str, int] | None
    keys: StepKeys
    attributes: Mapping[str, Attributes]
    common: SymbolMap | None

    @classmethod
    def of(cls, graph: Graph, common: SymbolMap | None, written: StepKeys | None = None) -> KeyedGraph:
        """
        Args:
            written: by step what it is to a file; then that is its key.
        """
        attributes = {}
        for node in graph.nodes:
            spelled = {name: _in_common_terms(value, common) for name, value in _attributes(node).items()}
            canonical = {name: _in_common_terms(value, common) for name, value in canonical_attributes(node).items()}
            attributes[node.name] = Attributes(spelled, canonical)
        keys = written or {node.name: (node.op.kind, *attributes[node.name].canonical.values()) for node in graph.nodes}
        sizes = None if common is None else {s.name: common[s.name].nearest(USUAL) for s in graph.symbols}
        return cls(graph, sizes, keys, attributes, common)

    def shape(self, node: Node) -> tuple[object, ...]:
        """Of what a step gives, in terms that both networks share."""
        return tuple(_in_common_terms(size, self.common) for size in node.type.shape)

    @cached_property
    def types(self) -> dict[str, tuple[object, ...]]:
        """Of each step the shapes that it takes and gives; two networks that are one need none."""
        nodes = (self.graph if self.sizes is None else self.graph.at(self.sizes)).nodes
        taken = {node.name: (*node.input_types, node.type) for node in nodes}
        return {name: tuple(x.sample if x.is_fixed else str(x.sample) for x in xs) for name, xs in taken.items()}


def _in_common_terms(value: object, common: SymbolMap | None) -> object:
    """An attribute's value as it is compared. In Python True is 1; as attributes they differ, and 1 is 1.0."""
    if isinstance(value, tuple):
        return tuple(_in_common_terms(entry, common) for entry in value)
    if isinstance(value, Size):
        return str(value) if common is None else in_common_terms(value, common)
    return (type(value).__name__, value) if isinstance(value, bool) else value


def differing(before: KeyedGraph, after: KeyedGraph, old: Node, new: Node) -> tuple[str, ...] | None:
    """The attributes of two steps that differ, in how they are spelled and in what they mean: of another input alone,
    ``reshape((N, -1))`` is what it was. None: the steps are of other kinds."""
    if before.keys[old.name] == after.keys[new.name]:
        return ()
    if type(old.op) is not type(new.op):
        return None
    one, other = before.attributes[old.name], after.attributes[new.name]
    names = one.spelled
    return tuple(n for n in names if one.spelled[n] != other.spelled[n] and one.canonical[n] != other.canonical[n])
