"""What one place of a value sees, box by box of a picture: in places, and in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from specc.analyses.dataflow import layouts
from specc.analyses.seen import Box, Seen, Untold, seen, whole
from specc.diagnostics import UsageError
from specc.ir.graph import Graph, Node
from specc.ir.traits import ChannelsFirst, Flat, Moved, Opaque, Whole
from specc.ir.types import TensorType, fixed, times
from specc.report import notation
from specc.report.costs import called

_PLACE = re.compile(r"(.+?)\s*\[([^\[\]]*)\]\s*", re.DOTALL)
_AXES = {1: ("places",), 2: ("rows", "columns"), 3: ("slices", "rows", "columns")}
_USUAL = 32
"""A size at which a picture can be read."""

Run = tuple[int, int]
"""The first and the last of places in a row."""


class Mark(NamedTuple):
    """What is seen of a value.

    Attributes:
        places: how many there are along each axis; empty where they are no rows and columns.
        parts: of them, those that are seen: runs along each axis, whose places in all combinations.
        lines: the same in words.
    """

    places: tuple[int, ...]
    parts: tuple[tuple[tuple[Run, ...], ...], ...]
    lines: tuple[str, ...]


class MarkedPlace(NamedTuple):
    """A place of a value, all its channels."""

    value: str
    place: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.value}[{', '.join(map(str, self.place))}]" if self.place else self.value


def target(graph: Graph, text: str) -> MarkedPlace:
    """``conv2[6, 6]``, or ``conv2`` for its middle.

    Raises:
        UsageError: the sizes are symbolic; there is no such step or output, or no such place.
    """
    if graph.symbols:
        raise UsageError(f"what a place sees depends on {notation.at_sizes(graph, _USUAL)}")
    written = _PLACE.fullmatch(text)
    try:
        value, place = _named(graph, text), None
    except UsageError:
        if written is None:
            raise
        value, place = _named(graph, written[1]), written[2]
    places = _places(graph.node(value).type)
    middle = tuple([size // 2 for size in places])
    if place is None:
        return MarkedPlace(value, middle)
    if not places:
        raise UsageError(f"{value} is {graph.node(value).type} and has no places: ask for {value}, all of it")
    axes = _AXES.get(len(places), tuple(f"axis {axis}" for axis in range(2, len(places) + 2)))
    numbers = [part.strip() for part in place.split(",")]
    if len(numbers) != len(places) or not all(number.isascii() and number.isdigit() for number in numbers):
        wanted = "a number" if len(places) == 1 else f"{len(places)} numbers"
        raise UsageError(
            f"{value} has {times(places)} places, and one of them is {wanted}, as in {MarkedPlace(value, middle)}"
        )
    for axis, number, size in zip(axes, numbers, places, strict=True):
        if len(number) > 9 or int(number) >= size:
            raise UsageError(f"{value} has {size} {axis}, 0 to {size - 1}, and {number} is none of them")
    return MarkedPlace(value, tuple(map(int, numbers)))


def _named(graph: Graph, name: str) -> str:
    """The value of a step, a block or an output."""
    try:
        found = called(graph, name)
    except UsageError:
        outputs = {port.name: value for port, value in graph.outputs}
        steps = {node.name for node in graph.nodes}
        if outputs.get(name) in steps:
            return outputs[name]
        raise
    value = found.name if isinstance(found, Node) else found[-1].output
    if all(node.name != value for node in graph.nodes):
        raise UsageError(f"{name} gives {value}, an input: it sees itself")
    return value


def _places(x: TensorType) -> tuple[int, ...]:
    return tuple(map(fixed, x.spatial))


def marks(graph: Graph, of: MarkedPlace) -> Mapping[str, Mark]:
    """What the place sees of every value that it depends on, by name."""
    types = {port.name: port.type for port in graph.inputs} | {node.name: node.type for node in graph.nodes}
    meanings = _meanings(graph)
    sights = seen(graph, of.value, of.place)
    return {name: _mark(types[name], sight, meanings[name]) for name, sight in sights.items()}


_Meaning = tuple[int, ...] | None
"""Of each axis of a sample which axis of an input it is, the channels being 0; None: that is not known."""


def _meanings(graph: Graph) -> dict[str, _Meaning]:
    meanings: dict[str, _Meaning] = {}
    layouts_of_inputs, _ = layouts(graph)
    for port in graph.inputs:
        letters = (layouts_of_inputs[port.name] or "")[1:]
        order = (
            [letters.index("C"), *(i for i, letter in enumerate(letters) if letter != "C")] if "C" in letters else []
        )
        meanings[port.name] = tuple(map(order.index, range(len(order)))) or tuple(range(len(port.type.sample)))
    for node in graph.nodes:
        meaning = meanings[node.inputs[0]]
        match node.op.window(*node.input_types):
            case Moved(axes) if meaning is not None:
                meaning = tuple([meaning[axis] for axis in axes])
            case Whole(_, dropped) if meaning is not None:
                meaning = tuple([axis for place, axis in enumerate(meaning) if place not in dropped])
            case Flat() | Opaque():
                meaning = None
        mixed = isinstance(node.op.axes(*node.input_types), ChannelsFirst) and (meaning or (0,))[0] != 0
        meanings[node.name] = None if mixed else meaning
    return meanings


def _mark(x: TensorType, sight: Seen, meaning: _Meaning) -> Mark:
    if isinstance(sight, Untold):
        return Mark((), (), (f"not told: {sight.step.name} lays", "places out anew"))
    everything = whole(x)
    names = _AXES.get(max(meaning or (0,)))
    if meaning is None or names is None or len(meaning) != len(everything):
        return Mark((), (), tuple(_lines(sight, everything, _axis_names(len(x.sample)), skip_channels=False)))
    order = sorted(range(len(meaning)), key=meaning.__getitem__)
    sight = tuple([tuple([box[axis] for axis in order]) for box in sight])
    everything = tuple([everything[axis] for axis in order])
    has_channels = 0 in meaning
    named = [("channels", *names)[axis] for axis in sorted(meaning)]
    lines = tuple(_lines(sight, everything, named, skip_channels=has_channels))
    parts = tuple([tuple(map(_runs, box[has_channels:])) for box in sight])
    return Mark(tuple(map(len, everything[has_channels:])), parts, lines)


def _axis_names(rank: int) -> tuple[str, ...]:
    return ("features",) if rank == 1 else tuple([f"axis {axis}:" for axis in range(1, rank + 1)])


def _lines(sight: tuple[Box, ...], everything: Box, names: Sequence[str], *, skip_channels: bool) -> Iterator[str]:
    """``rows 3..9 of 28``; of channels only where not all are seen."""
    for axis, (name, all_) in enumerate(zip(names, everything, strict=True)):
        part = frozenset().union(*(box[axis] for box in sight))
        first, last = min(part), max(part)
        if part == all_ and not axis and skip_channels:
            continue
        if part == all_ and len(all_) > 1:
            yield f"all {len(all_)} {name}" if not name.endswith(":") else f"{name} all {len(all_)}"
            continue
        one = name.removesuffix("s") if not name.endswith(":") else name
        span = f"{one} {first}" if first == last else f"{name} {first}..{last}"
        holes = "" if len(part) == last - first + 1 else f", {len(part)} of them"
        yield f"{span} of {len(all_)}{holes}"


def _runs(places: frozenset[int]) -> tuple[Run, ...]:
    runs: list[Run] = []
    for place in sorted(places):
        if runs and runs[-1][1] == place - 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return tuple(runs)
