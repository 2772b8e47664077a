"""What is drawn: boxes of steps, frames of opened blocks around them, arrows for the values between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from specc.diagnostics import UsageError
from specc.drawing.marks import Mark, MarkedPlace, marks, target
from specc.ir.graph import Graph, Node, Port, Region, result
from specc.ir.types import TensorType
from specc.ops.families import FAMILIES
from specc.report import notation

LONGEST = 52
"""Characters of a row or title that are shown; the rest is in SVG's tooltips."""
PORT, BLOCK, OTHER = "port", "block", "other"
FAMILY_KINDS = {
    "conv": "convolution",
    "linear": "dense",
    "pool": "pooling",
    "adaptive": "pooling",
    "reduce": "pooling",
    "norm": "normalisation",
    "affine": "normalisation",
    "activation": "activation",
    "elementary": "activation",
    "glu": "activation",
    "shrink": "activation",
    "dropout": "dropout",
    "merge": "merge",
    "fuse": "merge",
    "quotient": "merge",
    "matmul": "merge",
}
"""What a colour stands for, by the family of the operator; the families that are not here move numbers: ``other``."""
KINDS = (PORT, *dict.fromkeys(FAMILY_KINDS.values()), OTHER, BLOCK)
"""In the order of a legend."""
_FOLLOWING = ("normalisation", "activation", "dropout")
"""Kinds that share a box with the step whose value they take, where nothing else takes it."""


class BoxRow(NamedTuple):
    """A line of a box: a step, a closed block, an input or an output.

    Attributes:
        text: as in the spec: ``conv1: conv(6, 3)``.
        kind: one of `KINDS`.
    """

    text: str
    kind: str

    @property
    def shown(self) -> str:
        return notation.cut(self.text, LONGEST)


class Box(NamedTuple):
    """Steps in a row, or one closed block.

    Attributes:
        name: the path of the first of them; what arrows call it.
        channels: of its result, where they are known.
        values: names of those that it gives, or has inside.
    """

    name: str
    rows: tuple[BoxRow, ...]
    channels: int | None
    values: tuple[str, ...] = ()


class Frame(NamedTuple):
    """An opened block and what is in it.

    Attributes:
        title: its label and its call.
    """

    name: str
    title: str
    members: tuple[Box | Frame, ...]

    @property
    def shown(self) -> str:
        return notation.cut(self.title, LONGEST)


class Arrow(NamedTuple):
    """A value, from the box that gives it to one that takes it.

    Attributes:
        type: of the value.
        measures: whether its sizes alone are taken.
    """

    source: str
    target: str
    type: TensorType
    measures: bool


class Picture(NamedTuple):
    """Attributes:
    title: the network and its interface.
    marks: by the name of a box what is seen of its value, where one place is followed; a box that has none is not seen.
    """

    title: str
    members: tuple[Box | Frame, ...]
    arrows: tuple[Arrow, ...]
    marks: Mapping[str, Mark] | None = None

    @property
    def boxes(self) -> tuple[Box, ...]:
        return tuple(_boxes(self.members))


def picture(graph: Graph, depth: int, field: str | None = None) -> Picture:
    """What is drawn of a network.

    Args:
        depth: how deep blocks are opened, as in `specc show`: those at this depth are a box each.
        field: the place whose receptive field is marked: ``conv2[6, 6]``, ``conv2`` for its middle.

    Raises:
        UsageError: the sizes are symbolic, there is no such place, or it lies in a block that is closed.
    """
    inputs = [
        Box(_port(port.name), (BoxRow(_taken(port), PORT),), _channels(port.type), (port.name,))
        for port in graph.inputs
    ]
    outputs = [
        Box(_port(port.name, "out"), (BoxRow(port.name, PORT),), _channels(port.type)) for port, _ in graph.outputs
    ]
    uses = Counter(value for node in graph.nodes for value in node.inputs)
    uses.update(value for _, value in graph.outputs)
    members = (*inputs, *_drawn(graph.members, depth, "", uses), *outputs)
    home = {value: box.name for box in _boxes(members) for value in box.values}
    types = {port.name: port.type for port in graph.inputs} | {node.name: node.type for node in graph.nodes}
    arrows: dict[Arrow, None] = {}
    for node in graph.nodes:
        for place, value in enumerate(node.inputs):
            if home[value] != home[node.name]:
                arrows[Arrow(home[value], home[node.name], types[value], place >= len(node.reads))] = None
    for port, value in graph.outputs:
        arrows[Arrow(home[value], _port(port.name, "out"), types[value], measures=False)] = None
    sized = (arrow for arrow in arrows if not (arrow.measures and arrow._replace(measures=False) in arrows))
    drawn = Picture(f"{graph.name} : {notation.interface(graph)}", members, tuple(sized))
    return drawn if field is None else _marked(graph, drawn, target(graph, field), home)


def _marked(graph: Graph, drawn: Picture, of: MarkedPlace, home: Mapping[str, str]) -> Picture:
    """With the receptive field of a place, whose own box gives its value or has it as a row."""
    known = marks(graph, of)
    regions = {region.name: region for region in _regions(graph.members)}
    boxes: dict[str, Mark] = {}
    for box in drawn.boxes:
        given = [regions[box.name].output] if box.rows[0].kind == BLOCK else []
        values = [value for value in (*box.values, *given) if value in known]  # the last one is what the box shows
        if box.name == home[of.value] and given not in ([], [of.value]):
            inside = sum(of.value.startswith(f"{name}.") for name in regions)
            raise UsageError(f"{of.value} lies in {box.name}, which is closed: --depth {inside + 1} opens it")
        if values:
            boxes[box.name] = known[values[-1]]
    boxes |= {_port(port.name, "out"): Mark((), (), ()) for port, value in graph.outputs if value == of.value}
    return drawn._replace(title=f"what {of} sees in {drawn.title}", marks=boxes)


def _regions(members: Iterable[Node | Region]) -> Iterator[Region]:
    for member in members:
        if isinstance(member, Region):
            yield member
            yield from _regions(member.members)


def _boxes(members: Iterable[Box | Frame]) -> Iterator[Box]:
    for member in members:
        if isinstance(member, Box):
            yield member
        else:
            yield from _boxes(member.members)


def _port(name: str, end: str = "in") -> str:
    return f"{end}:{name}"  # no path has a colon


def _taken(port: Port) -> str:
    return f"{port.name}: {port.dtype}" if port.is_cast else port.name


def _channels(type: TensorType) -> int | None:
    channels = type.sample[0] if type.sample else None
    return channels if isinstance(channels, int) else None


def _drawn(
    members: tuple[Node | Region, ...], depth: int, scope: str, uses: Mapping[str, int]
) -> Iterator[Box | Frame]:
    for group in _grouped(members, depth, uses):
        first = group[0]
        if isinstance(first, Node):
            rows = tuple(BoxRow(_said(node, scope), kind_of(node)) for node in group if isinstance(node, Node))
            yield Box(first.name, rows, _channels(first.type), tuple(node.name for node in group))
            continue
        if depth > 1:
            title = _named(first.name, scope, notation.block(first))
            yield Frame(first.name, title, tuple(_drawn(first.members, depth - 1, f"{first.name}.", uses)))
        else:
            given = next((_channels(node.type) for node in first.nodes if node.name == first.output), None)
            row = BoxRow(_named(first.name, scope, _closed(first)), BLOCK)
            yield Box(first.name, (row,), given, tuple(node.name for node in first.nodes))


def _grouped(members: tuple[Node | Region, ...], depth: int, uses: Mapping[str, int]) -> Iterator[list[Node | Region]]:
    """The members, with the steps together that share a box."""
    group: list[Node | Region] = []
    for member in members:
        if group and not (isinstance(member, Node) and _follows(member, group[-1], uses)):
            yield group
            group = []
        group.append(member)
    if group:
        yield group


def _follows(node: Node, before: Node | Region, uses: Mapping[str, int]) -> bool:
    return (
        isinstance(before, Node)
        and node.inputs == (before.name,)
        and uses[before.name] == 1
        and node.type == before.type
        and kind_of(node) in _FOLLOWING
    )


def kind_of(node: Node) -> str:
    """What its colour stands for."""
    return FAMILY_KINDS.get(FAMILIES[node.op.kind], OTHER)


def _said(node: Node, scope: str) -> str:
    """``conv1: conv(6, 3)``; a step without tensors that nobody named by its call alone."""
    own = node.name.removeprefix(scope)
    unnamed = own.rstrip("0123456789") == node.op.kind and not node.parameters
    return notation.step(node) if unnamed else _named(node.name, scope, notation.step(node))


def _closed(region: Region) -> str:
    """Its call; of a group or a round, which have none, what is in it where that is one after the other."""
    members = region.members
    if region.kind in ("block", "loop") or any(
        member.inputs != (result(before),) for before, member in pairwise(members)
    ):
        return notation.block(region)
    calls = (notation.step(member) if isinstance(member, Node) else _closed(member) for member in members)
    return " -> ".join(calls)


def _named(name: str, scope: str, call: str) -> str:
    return f"{name.removeprefix(scope)}: {call}"
