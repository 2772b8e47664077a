"""Where the boxes of a picture stand and how its arrows go: Graphviz's layered layout (dot).

The size of every text is reckoned here, so that no font of the machine has a say: a picture is the same everywhere.
Lengths are in points, from the top left corner.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from math import log2
from typing import Any, NamedTuple

from specc.diagnostics import MissingDependency, UsageError
from specc.drawing.grid import grid
from specc.drawing.marks import Mark
from specc.drawing.picture import Box, Frame, Picture

CHARACTER, LINE, PAD = 7.25, 20.0, 14.0
"""Of the texts: the width of a character, the height of a row, what is left beside them."""
_OCTAVE = 9.0
"""A box is this much wider where it has twice the channels."""
_POINTS = 72.0
"""An inch of Graphviz's."""
MOST = 1_500
"""Boxes; dot takes minutes for more."""

_DEFAULTS = (
    "graph [rankdir=TB, nodesep=0.35, ranksep=0.3, newrank=true]",
    'node [shape=box, fixedsize=true, label=""]',
)

Engine = Callable[[str], str]
"""Lays a graph in Graphviz's language out by dot, and gives its JSON (``json0``)."""
Point = tuple[float, float]


class Rectangle(NamedTuple):
    x: float
    y: float
    width: float
    height: float


class Path(NamedTuple):
    """An arrow.

    Attributes:
        points: of a Bézier curve: one, and three for each piece.
        tip: where its head ends.
        label: the middle of its text, where it has one.
    """

    points: tuple[Point, ...]
    tip: Point
    label: Point | None


class Layout(NamedTuple):
    """Attributes:
    boxes, frames: by name.
    paths: of the picture's arrows, in order.
    """

    width: float
    height: float
    boxes: dict[str, Rectangle]
    frames: dict[str, Rectangle]
    paths: tuple[Path, ...]


def laid_out(picture: Picture, engine: Engine | None = None) -> Layout:
    """Where all of a picture stands.

    Args:
        engine: Graphviz, where it is not that of this machine.

    Raises:
        MissingDependency: Graphviz is not installed.
        UsageError: there are too many boxes.
    """
    boxes = picture.boxes
    if len(boxes) > MOST:
        raise UsageError(
            f"{len(boxes):,} boxes are no picture, {MOST:,} at most are drawn: open fewer blocks (--depth)"
        )
    names = {box.name: f"b{i}" for i, box in enumerate(boxes)}
    frames: dict[str, str] = {}
    lines = ["digraph {", *_DEFAULTS, *_members(picture.members, names, frames, picture.marks or {})]
    for i, arrow in enumerate(picture.arrows):
        space = '""' if arrow.measures else _space(len(str(arrow.type)) * CHARACTER + PAD, LINE)
        lines.append(f"{names[arrow.source]} -> {names[arrow.target]} [key=e{i}, id=e{i}, label={space}]")
    answer = (engine or _graphviz)("\n".join([*lines, "}"]))
    return _read(json.loads(answer), names, frames, len(picture.arrows))


def _graphviz(graph: str) -> str:
    try:
        from pygraphviz import AGraph
    except ModuleNotFoundError as error:
        if error.name != "pygraphviz":
            raise
        raise MissingDependency("drawing SVG and PNG", "pygraphviz", "draw") from None
    drawn: bytes = AGraph(string=graph).draw(format="json0", prog="dot")
    return drawn.decode()


def width_of(box: Box) -> float:
    longest = max(len(row.shown) for row in box.rows) * CHARACTER + PAD
    return longest + _OCTAVE * log2(max(box.channels or 1, 1))


def height_of_mark(mark: Mark) -> float:
    """Below the rows of a box: its grid, and its words."""
    high = grid(mark).height
    return (high + PAD if high else 0) + LINE * len(mark.lines)


def _width_of_mark(mark: Mark) -> float:
    return max(grid(mark).width, *(len(line) * CHARACTER for line in mark.lines), 0) + PAD


def _members(
    members: tuple[Box | Frame, ...], names: dict[str, str], frames: dict[str, str], marks: Mapping[str, Mark]
) -> Iterator[str]:
    """Boxes and frames in Graphviz's language; ``frames`` gets the names that frames have there."""
    for member in members:
        if isinstance(member, Box):
            width, height = width_of(member), LINE * len(member.rows)
            if member.name in marks:
                width = max(width, _width_of_mark(marks[member.name]))
                height += height_of_mark(marks[member.name])
            yield f"{names[member.name]} [width={width / _POINTS}, height={height / _POINTS}]"
        else:
            cluster = f"cluster{len(frames)}"
            frames[cluster] = member.name
            title = _space(len(member.shown) * CHARACTER + PAD, LINE)
            yield f"subgraph {cluster} {{ label={title}; labeljust=l; margin=10"
            yield from _members(member.members, names, frames, marks)
            yield "}"


def _space(width: float, height: float) -> str:
    """A label that is empty and takes room."""
    size = f'WIDTH="{width:.0f}" HEIGHT="{height:.0f}"'
    return f'<<TABLE BORDER="0" CELLPADDING="0" CELLSPACING="0"><TR><TD FIXEDSIZE="TRUE" {size}></TD></TR></TABLE>>'


def _read(laid: dict[str, Any], names: dict[str, str], frames: dict[str, str], arrows: int) -> Layout:
    """What dot says: points from the bottom left."""
    _, _, width, height = map(float, laid["bb"].split(","))

    def point(text: str) -> Point:
        x, y = map(float, text.split(","))
        return round(x, 1), round(height - y, 1)

    found, own = {each["name"]: each for each in laid["objects"]}, {given: name for name, given in names.items()}
    boxes = {}
    for given, name in own.items():
        x, y = point(found[given]["pos"])
        wide, high = (_POINTS * float(found[given][side]) for side in ("width", "height"))
        boxes[name] = Rectangle(x - wide / 2, y - high / 2, wide, high)
    bounds = {}
    for given, name in frames.items():
        left, bottom, right, top = map(float, found[given]["bb"].split(","))
        bounds[name] = Rectangle(left, height - top, right - left, top - bottom)
    paths: dict[str, Path] = {}
    for edge in laid.get("edges", ()):
        tip, *points = edge["pos"].removeprefix("e,").split()
        label = point(edge["lp"]) if "lp" in edge else None
        paths[edge["id"]] = Path(tuple(map(point, points)), point(tip), label)
    return Layout(width, height, boxes, bounds, tuple(paths[f"e{i}"] for i in range(arrows)))
