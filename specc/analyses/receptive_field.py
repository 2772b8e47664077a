"""Receptive fields from the windows of the steps.

Along each axis of the network's input, with size r and jump j before the step (both 1 at the input), a
window of kernel k, stride s and dilation d gives r' = r + d(k - 1)j and j' = js (Araujo, Norris and Sim,
"Computing Receptive Fields of Convolutional Neural Networks", 2019). Padding is not subtracted: as in the
literature, a field may be larger than the input. A step that sees a whole axis of n places is a window of n.

Where several inputs meet, the field is the largest of theirs along each axis; where these have different
numbers of axes there is none to tell.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import NamedTuple

from specc.ir.graph import Graph, Node
from specc.ir.types import TensorType, fixed
from specc.ir.window import Flat, Moved, Opaque, Pointwise, Sliding, Whole, Window


class _Field(NamedTuple):
    """Size, jump and number of places along each spatial axis of the network's input.

    ``axes[t]`` is the input axis that axis t of the sample lies along; None for channels and features.
    A jump of 0: the whole axis is seen already, nothing can be added.
    """

    sizes: tuple[Fraction, ...]
    jumps: tuple[Fraction, ...]
    places: tuple[int, ...]
    axes: tuple[int | None, ...]

    def widen(self, axis: int, reach: int, stride: Fraction) -> _Field:
        sizes, jumps = list(self.sizes), list(self.jumps)
        sizes[axis] += reach * jumps[axis]
        jumps[axis] *= stride
        return self._replace(sizes=tuple(sizes), jumps=tuple(jumps))


def receptive_fields(graph: Graph) -> dict[str, tuple[int, ...] | None]:
    """The receptive field of every step of a graph without symbols, in elements per spatial axis of the inputs."""
    fields: dict[str, _Field | None] = {port.name: _start(port.type) for port in graph.inputs}
    for node in graph.nodes:
        fields[node.name] = _after(node, _joined([fields[value] for value in node.inputs]))
    return {node.name: _reported(fields[node.name]) for node in graph.nodes}


def _start(x: TensorType) -> _Field:
    axes = len(x.spatial)
    ones = (Fraction(1),) * axes
    return _Field(ones, ones, tuple(map(fixed, x.spatial)), (None, *range(axes)))


def _joined(fields: list[_Field | None]) -> _Field | None:
    """What a merge sees: along each axis the largest of its arms."""
    known = [field for field in fields if field is not None]
    if len(known) < len(fields):
        return None
    first = known[0]
    if len(known) == 1:
        return first
    if any(len(field.axes) != len(first.axes) or len(field.sizes) != len(first.sizes) for field in known):
        return None
    laid_out = [field.axes for field in known]
    axes = tuple(next((a for a in column if a is not None), None) for column in zip(*laid_out, strict=True))
    columns = [
        tuple(max(values) for values in zip(*(getattr(f, part) for f in known), strict=True))
        for part in ("sizes", "jumps", "places")
    ]
    return _Field(columns[0], columns[1], columns[2], axes)


def _after(node: Node, field: _Field | None) -> _Field | None:
    if field is None:
        return None
    seen = _through(node.op.window(*node.input_types), field)
    if seen is None:
        return None
    places = list(seen.places)
    for axis, size in zip(seen.axes, node.type.sample, strict=True):
        if axis is not None:
            places[axis] = fixed(size)
    return seen if tuple(places) == seen.places else seen._replace(places=tuple(places))


def _through(window: Window, field: _Field) -> _Field | None:
    match window:
        case Pointwise():
            return field
        case Opaque():
            return None
        case Flat():
            return field._replace(axes=(None,))
        case Moved(order):
            return field._replace(axes=tuple(field.axes[axis] for axis in order))
        case Whole(axes, dropped):
            seen = field.axes if axes is None else [field.axes[axis] for axis in axes]
            everything = range(len(field.sizes)) if axes is None else [a for a in seen if a is not None]
            for axis in everything:
                field = field.widen(axis, field.places[axis] - 1, Fraction(0))
            return field._replace(axes=tuple(a for axis, a in enumerate(field.axes) if axis not in dropped))
        case Sliding(kernel, stride, dilation):
            for along, k, s, d in zip(field.axes[1:], kernel, stride, dilation, strict=True):
                if along is not None:
                    field = field.widen(along, d * (k - 1), s)
            return field


def _reported(field: _Field | None) -> tuple[int, ...] | None:
    return tuple(map(ceil, field.sizes)) if field and field.sizes else None
