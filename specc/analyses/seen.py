"""What one place of a value sees of every value before it: exact, back through the windows of the steps.

A receptive field (`specc.analyses.receptive_field`) goes the other way, from the input on, and says how far any place
of a value sees. Here one place is followed, with all its channels, and where it lies matters: at a border it sees less.
What it sees of a value are boxes: places along each axis, and all that lie on all of them. Where arms meet that see
different ones, there are several.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from specc.ir.graph import Graph, Node
from specc.ir.traits import AxisMap, Flat, Joined, Moved, Opaque, Pointwise, Sliding, Taps, Whole
from specc.ir.types import TensorType, fixed

Axis = frozenset[int]
Box = tuple[Axis, ...]
"""Places along each axis of a sample, the channels first; a place that is on all of them is seen."""

_MOST_BOXES = 64
"""Of one value."""


class Untold(NamedTuple):
    """Nothing is claimed of what is seen of a value: from this step on."""

    step: Node


Seen = tuple[Box, ...] | Untold


def seen(graph: Graph, value: str, place: tuple[int, ...]) -> Mapping[str, Seen]:
    """What a place of a value sees of each value that it depends on, itself among them.

    Args:
        graph: its sizes are numbers.
        value: the name of a step or of an input.
        place: one of each axis of its sample but the first, all of which is meant.
    """
    types = {port.name: port.type for port in graph.inputs} | {node.name: node.type for node in graph.nodes}
    first, *_ = whole(types[value])
    sights: dict[str, Seen] = {value: ((first, *(frozenset((at,)) for at in place)),)}
    for node in reversed(graph.nodes):
        if node.name not in sights:
            continue
        for index, name in enumerate(node.reads):
            back = _back(node, sights[node.name], index)
            sights[name] = _united(sights.get(name, ()), back, node)
    return {name: sight for name, sight in sights.items() if sight}


def whole(x: TensorType) -> Box:
    """All there is of a value."""
    return tuple([frozenset(range(fixed(size))) for size in x.sample])


def _back(node: Node, sight: Seen, index: int) -> Seen:
    """What is seen of an input of a step, by what is seen of its result."""
    if isinstance(sight, Untold):
        window = node.op.window(*node.input_types)
        return (whole(node.input_types[index]),) if window == Whole() else sight  # any part of it reads everything
    boxes: Seen = ()
    for box in sight:
        read = whole(node.input_types[index]) if box == whole(node.type) and _mixes(node) else _read(node, box, index)
        if read is None:
            return Untold(node)
        boxes = _united(boxes, (read,) if all(read) else (), node)
    return boxes


def _mixes(node: Node) -> bool:
    """Whether all of its result reads all that it is given, be it laid out as it may."""
    return isinstance(node.op.window(*node.input_types), (Flat, Opaque))


def _read(node: Node, box: Box, index: int) -> Box | None:
    """What a part of a step's result reads of an input; None where no window says it."""
    x = node.input_types[index]
    everything = whole(x)
    match node.op.window(*node.input_types):
        case Pointwise():
            return tuple([axis if len(all_) > 1 else all_ for axis, all_ in zip(box, everything, strict=True)])
        case Joined(along):
            before = sum(fixed(other.sample[along]) for other in node.input_types[:index])
            part = frozenset(place - before for place in box[along]) & everything[along]
            return (*box[:along], part, *box[along + 1 :])
        case Moved(order):
            return tuple([box[order.index(axis)] for axis in range(len(box))])
        case Whole(along, dropped):
            left = iter(box)
            known = [all_ if axis in dropped else next(left) for axis, all_ in enumerate(everything)]
            read = zip(known, everything, strict=True)
            return tuple([all_ if along is None or axis in along else part for axis, (part, all_) in enumerate(read)])
        case Sliding(axes):
            parts = [
                _behind(taps, part, all_, fixed(size))
                for taps, part, all_, size in zip(axes, box, everything, node.type.sample, strict=True)
            ]
            known_parts = [part for part in parts if part is not None]
            return tuple(known_parts) if len(known_parts) == len(parts) else None
        case Flat() | Opaque():
            return _laid_out(node, box, everything)


def _behind(taps: Taps | None, part: Axis, everything: Axis, size: int) -> Axis | None:
    """The places of an axis that ``part`` of another, of ``size`` places, reads; None where no window says it."""
    if taps is None:
        return everything if len(part) == size else None
    windows = {taps.at(at) for at in part}  # all channels read the same: of 4,096 one is gone through, not each
    read = (taps.source(place, len(everything)) for window in windows for place in window)
    return frozenset(place for place in read if place is not None)


def _laid_out(node: Node, box: Box, everything: Box) -> Box | None:
    """Through a reshape, along the axes that stay what they are, or that are seen as a whole."""
    axes = node.op.axes(*node.input_types)
    if not isinstance(axes, AxisMap) or len(node.reads) > 1:
        return None
    parts: list[Axis | None] = [all_ if len(all_) == 1 else None for all_ in everything]
    result = whole(node.type)
    for ours, theirs in axes.groups:
        if all(box[axis] == result[axis] for axis in theirs):
            for axis in ours:
                parts[axis] = everything[axis]
        elif len(ours) == len(theirs) == 1:
            parts[ours[0]] = box[theirs[0]]
    known = [part for part in parts if part is not None]
    return tuple(known) if len(known) == len(parts) else None


def _united(one: Seen, other: Seen, node: Node) -> Seen:
    """Both together, without boxes that lie in others."""
    if isinstance(one, Untold) or isinstance(other, Untold):
        return one if isinstance(one, Untold) else other
    boxes: list[Box] = []
    for box in (*one, *other):
        if any(_lies_in(box, each) for each in boxes):
            continue
        boxes = [each for each in boxes if not _lies_in(each, box)] + [box]
    return tuple(boxes) if len(boxes) <= _MOST_BOXES else Untold(node)


def _lies_in(one: Box, other: Box) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True))
