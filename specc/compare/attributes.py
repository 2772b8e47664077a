"""What the attributes of a step mean, however they are spelled: ``kernel=3`` and ``kernel=[3, 3]`` are one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from specc.compare.pairing import Sizes, in_common_terms
from specc.ir.graph import Graph, Node
from specc.ir.size import Dim, Size
from specc.ir.types import TensorType

Values = Mapping[str, object]
_Reading = Callable[[object, Values, TensorType], object]
"""An attribute's value, those of all attributes, and the type of the step's input."""


def meanings(node: Node) -> dict[str, object]:
    """The attributes of a step, each in the one spelling that stands for all that mean the same for its input."""
    values = {name: getattr(node.op, name) for name in type(node.op).model_fields}
    if not node.input_types:
        return values
    x = node.input_types[0]
    if node.op.kind == "reshape":
        return {"shape": node.type.sample}
    readings = _OF_KIND.get(node.op.kind, _READINGS)
    return {name: readings[name](value, values, x) if name in readings else value for name, value in values.items()}


def _per_axis(value: object, given: Values, x: TensorType) -> object:
    return (value,) * len(x.spatial) if type(value) in (int, float) and x.spatial else value


def _stride(value: object, given: Values, x: TensorType) -> object:
    """Of a pool that has none it is the kernel."""
    return _per_axis(given["kernel"] if value is None else value, given, x)


def _padding(value: object, given: Values, x: TensorType) -> object:
    """``"same"`` is as many places on both sides, where their number is even."""
    if value == "valid":
        return (0,) * len(x.spatial)
    if value != "same":
        return _per_axis(value, given, x)
    kernel, dilation = (_numbers(_per_axis(given[name], given, x)) for name in ("kernel", "dilation"))
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return value if any(total % 2 for total in totals) else tuple(total // 2 for total in totals)


def _widths(value: object, given: Values, x: TensorType) -> object:
    """Before and after each axis, the last axis first; axes that are left out are not padded."""
    widths = list(_numbers((value,) * (2 * len(x.spatial)) if isinstance(value, int) else value))
    while widths[-2:] == [0, 0]:
        del widths[-2:]
    return tuple(widths)


def _bins(value: object, given: Values, x: TensorType) -> object:
    """None keeps the size of an axis."""
    sizes = _per_axis(value, given, x)
    if not isinstance(sizes, tuple) or len(sizes) != len(x.spatial):
        return sizes
    return tuple(size if bins is None else bins for bins, size in zip(sizes, x.spatial, strict=True))


def _axis(value: object, given: Values, x: TensorType) -> object:
    return value + x.rank if isinstance(value, int) and value < 0 else value


def _axes(value: object, given: Values, x: TensorType) -> object:
    """Of several axes the order does not matter."""
    axes = _numbers(value if isinstance(value, tuple) else (value,))
    return tuple(sorted(axis + x.rank if axis < 0 else axis for axis in axes))


def _order(value: object, given: Values, x: TensorType) -> object:
    return tuple(axis + x.rank if axis < 0 else axis for axis in _numbers(value))


def _place(value: object, given: Values, x: TensorType) -> object:
    axis = _axis(given["dim"], given, x)
    if not isinstance(value, int) or value >= 0 or not isinstance(axis, int):
        return value
    size: Dim = x.shape[axis]
    return size + value


def _trailing(value: object, given: Values, x: TensorType) -> object:
    """The last sizes of the input; left out, the last one."""
    if value is None:
        return x.sample[-1:]
    return value if isinstance(value, tuple) else (value,)


def _numbers(value: object) -> tuple[int, ...]:
    assert isinstance(value, tuple)
    return value


_READINGS: Mapping[str, _Reading] = {
    "kernel": _per_axis,
    "stride": _stride,
    "padding": _padding,
    "dilation": _per_axis,
    "output_padding": _per_axis,
    "size": _bins,
    "scale_factor": _per_axis,
    "align_corners": lambda value, values, x: False if value is None else value,
    "dim": _axis,
    "start_dim": _axis,
    "end_dim": _axis,
    "dims": _order,
    "start": _place,
    "stop": _place,
    "normalized_shape": _trailing,
}
_OF_KIND: Mapping[str, Mapping[str, _Reading]] = {
    "lrn": {},
    "pad": {"padding": _widths},
    "mean": {"dim": _axes},
    "amax": {"dim": _axes},
}


StepKey = tuple[object, ...]
_UNORDERED = frozenset({"add", "mul", "maximum"})
"""Merges that give the same whatever the order of their arms; a sum or product of three or more is at most rounded
otherwise."""


def is_unordered(node: Node) -> bool:
    """Whether the order of the values that the step takes does not matter."""
    return node.op.kind in _UNORDERED


def _value(value: object, given: Mapping[str, object]) -> object:
    """The value as it is compared: of symbolic sizes what they are in terms of both networks.

    In Python True is 1; as attributes they differ, and 1 is 1.0.
    """
    if isinstance(value, tuple):
        return tuple(_value(entry, given) for entry in value)
    if isinstance(value, Size):
        return in_common_terms(value, given) if given else str(value)  # type: ignore[arg-type]
    return (type(value).__name__, value) if isinstance(value, bool) else value


class Attributes(NamedTuple):
    """The attributes of a step, by name: as they are written, and what they mean for its input."""

    written: Mapping[str, object]
    meant: Mapping[str, object]


class KeyedGraph(NamedTuple):
    """A network with what every step does, in terms that both networks share.

    Attributes:
        keys: by step: two steps with equal ones are the same function of their inputs and tensors.
        attributes: by step.
    """

    graph: Graph
    keys: Mapping[str, StepKey]
    attributes: Mapping[str, Attributes]


def differing(before: KeyedGraph, after: KeyedGraph, old: Node, new: Node) -> tuple[str, ...] | None:
    """The attributes of two steps that differ, in how they are written and in what they mean: of another input alone,
    ``reshape((N, -1))`` is what it was. None: the steps are of other kinds."""
    if type(old.op) is not type(new.op):
        return None
    one, other = before.attributes[old.name], after.attributes[new.name]
    names = one.written
    return tuple(n for n in names if one.written[n] != other.written[n] and one.meant[n] != other.meant[n])


def keyed_graphs(before: Graph, after: Graph, sizes: Sizes | None) -> tuple[KeyedGraph, KeyedGraph]:
    """The two networks in common terms; ``sizes`` are what their symbols are in these."""
    common = ({}, {}) if sizes is None else (sizes.before, sizes.after)
    return _keyed(before, common[0]), _keyed(after, common[1])


def _keyed(graph: Graph, sizes: Mapping[str, object]) -> KeyedGraph:
    attributes = {}
    for node in graph.nodes:
        written = {name: _value(getattr(node.op, name), sizes) for name in type(node.op).model_fields}
        meant = {name: _value(value, sizes) for name, value in meanings(node).items()}
        attributes[node.name] = Attributes(written, meant)
    keys = {node.name: (node.op.kind, *attributes[node.name].meant.values()) for node in graph.nodes}
    return KeyedGraph(graph, keys, attributes)
