"""A picture as SVG, light or dark, and as PNG."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any, Literal

from specc.diagnostics import MissingDependency, UsageError
from specc.drawing.grid import grid
from specc.drawing.layout import CHARACTER, LINE, PAD, Engine, Layout, Path, Point, Rectangle, height_of_mark, laid_out
from specc.drawing.marks import Mark
from specc.drawing.picture import KINDS, PORT, Arrow, Box, Frame, Picture

Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")

_MARGIN = 16.0
_SIZE = 12
"""Of the texts, in pixels; a character of this face is 0.6 of it wide."""
_FACE = "Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
GROUND = {"light": ("#ffffff", "#1f2328", "#59636e", "#8c959f"), "dark": ("#0d1117", "#e6edf3", "#9198a1", "#6e7681")}
"""The ground, the texts, the shapes on the arrows, the lines."""
COLOURS = {
    "port": ("#ffffff", "#0d1117"),
    "convolution": ("#bcd7ff", "#1c4a84"),
    "dense": ("#d8c8f7", "#4d3584"),
    "pooling": ("#ffd3c2", "#7d3a22"),
    "normalisation": ("#d4efd0", "#20552a"),
    "activation": ("#fff0b3", "#594b10"),
    "dropout": ("#e7e9ec", "#3a414a"),
    "merge": ("#c5ecec", "#135457"),
    "other": ("#eceff2", "#30363d"),
    "block": ("#dfe7f3", "#283c57"),
}
"""Of each kind, light and dark: the texts on it keep a contrast of more than 7."""
SEEN = "seen"
SEEN_COLOUR = ("#f28c28", "#d9730d")
"""Of the places that are seen, light and dark."""
_SCALE = 2
"""Pixels of PNG for one of SVG."""


def svg(picture: Picture, theme: Theme = "auto", engine: Engine | None = None) -> str:
    """The picture as an SVG document; in "auto" the reader's own preference for light or dark decides.

    Args:
        engine: as of `laid_out`.

    Raises:
        MissingDependency: Graphviz is not installed.
        UsageError: there are too many boxes.
    """
    return _document(picture, laid_out(picture, engine), theme)


def png(picture: Picture, theme: Theme) -> bytes:
    """The picture in pixels, light where the theme is "auto".

    Raises:
        MissingDependency: Graphviz or the renderer is not installed.
        UsageError: there are too many boxes, or no font that could write the texts.
    """
    document = svg(picture, "light" if theme == "auto" else theme)
    try:
        import resvg_py
    except ModuleNotFoundError as error:
        if error.name != "resvg_py":
            raise
        raise MissingDependency("drawing PNG", "resvg_py", "draw") from None
    if _rendered(resvg_py, _TEXT) == _rendered(resvg_py, _NO_TEXT):
        raise UsageError(
            "this machine has no font for the texts of a PNG: install one (fonts-dejavu-core in Debian), or draw an SVG"
        )
    return _rendered(resvg_py, document, zoom=_SCALE)


_NO_TEXT = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"></svg>'
_TEXT = _NO_TEXT.replace("></svg>", f'><text y="15" style="font: {_SIZE}px {_FACE}">x</text></svg>')


def _rendered(resvg_py: Any, document: str, zoom: float = 1) -> bytes:
    return bytes(resvg_py.svg_to_bytes(svg_string=document, zoom=zoom))


def _document(picture: Picture, layout: Layout, theme: Theme) -> str:
    kinds = [kind for kind in KINDS if any(row.kind == kind for box in picture.boxes for row in box.rows)][1:]
    marks = picture.marks
    if marks is not None:
        kinds.append(SEEN)
    width = max(layout.width, len(picture.title) * CHARACTER, _legend_width(kinds)) + 2 * _MARGIN
    shift = (width - layout.width) / 2, _MARGIN + 2 * LINE
    height = layout.height + 2 * _MARGIN + 3.5 * LINE
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<title>{escape(picture.title)}</title>",
        f"<style>{_style(theme, is_marked=marks is not None)}</style>",
        '<rect class="ground" width="100%" height="100%"/>',
        _text(width / 2, _MARGIN + LINE / 2, picture.title, "title"),
        f'<g transform="translate({_number(shift[0])} {_number(shift[1])})">',
        *_frames(picture.members, layout),
        *(
            line
            for arrow, path in zip(picture.arrows, layout.paths, strict=True)
            for line in _arrow(arrow, path, is_seen=marks is None or {arrow.source, arrow.target} <= marks.keys())
        ),
        *(
            line
            for box in picture.boxes
            for line in _box(
                box,
                layout.boxes[box.name],
                None if marks is None else marks.get(box.name),
                is_seen=marks is None or box.name in marks,
            )
        ),
        *_titles(picture.members, layout),
        "</g>",
        *_legend(kinds, (width - _legend_width(kinds)) / 2, height - _MARGIN - LINE),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _style(theme: Theme, *, is_marked: bool) -> str:
    common = (
        f"text {{ font: {_SIZE}px {_FACE}; text-anchor: middle; dominant-baseline: central }} "
        ".title { font-weight: bold } .left { text-anchor: start } path.arrow { fill: none } "
        ".measures { stroke-dasharray: 2 3 } .frame { fill-opacity: 0.35 } "
    )
    if is_marked:
        common += ".unseen { opacity: 0.4 } path.lines { fill: none; stroke-width: 0.5; stroke-opacity: 0.6 } "
    if theme != "auto":
        return common + _palette(theme, is_marked=is_marked)
    light, dark = (_palette(each, is_marked=is_marked) for each in ("light", "dark"))
    return f"{common}{light} @media (prefers-color-scheme: dark) {{ {dark} }}"


def _palette(theme: Literal["light", "dark"], *, is_marked: bool) -> str:
    ground, text, shape, line = GROUND[theme]
    rules = {
        ".ground": f"fill: {ground}",
        "text": f"fill: {text}",
        "text.shape": f"fill: {shape}",
        "rect, path": f"stroke: {line}",
        ".ground, .halo": "stroke: none",
        ".halo": f"fill: {ground}; fill-opacity: 0.85",
        "path.head": f"fill: {line}",
        **{f".{kind}": f"fill: {colours[theme == 'dark']}" for kind, colours in COLOURS.items()},
    }
    if is_marked:
        rules |= {".panel, .grid": f"fill: {ground}", f".{SEEN}": f"fill: {SEEN_COLOUR[theme == 'dark']}; stroke: none"}
    return " ".join(f"{of} {{ {what} }}" for of, what in rules.items())


def _frames(members: tuple[Box | Frame, ...], layout: Layout) -> Iterator[str]:
    for frame in members:
        if isinstance(frame, Frame):
            yield _rectangle(layout.frames[frame.name], "frame block", radius=6)
            yield from _frames(frame.members, layout)


def _titles(members: tuple[Box | Frame, ...], layout: Layout) -> Iterator[str]:
    """Of the frames: above the arrows, which go through their place."""
    for frame in members:
        if isinstance(frame, Frame):
            x, y, _, _ = layout.frames[frame.name]
            yield from _on_ground(x + 4, y + 4, frame.shown, "left", frame.title)
            yield from _titles(frame.members, layout)


def _box(box: Box, at: Rectangle, mark: Mark | None, *, is_seen: bool) -> Iterator[str]:
    if not is_seen:
        yield '<g class="unseen">'
    if mark is not None and mark.lines:
        yield from _mark(mark, at, at.y + LINE * len(box.rows))
    for i, row in enumerate(box.rows):
        y = at.y + i * LINE
        is_round = row.kind == PORT and not (mark and mark.lines)
        yield _rectangle(Rectangle(at.x, y, at.width, LINE), row.kind, LINE / 2 if is_round else 2)
        yield _text(at.x + at.width / 2, y + LINE / 2, row.shown, tip=row.text)
    if not is_seen:
        yield "</g>"


def _mark(mark: Mark, at: Rectangle, top: float) -> Iterator[str]:
    """The panel below the rows of a box: what is seen of its value, drawn and in words."""
    yield _rectangle(Rectangle(at.x, at.y, at.width, at.height), "panel", 2)
    drawn = grid(mark)
    left, below = at.x + (at.width - drawn.width) / 2, top + PAD / 2
    for parts, kind in ((drawn.frames, "grid"), (drawn.seen, SEEN)):
        for x, y, width, height in parts:
            yield _rectangle(Rectangle(left + x, below + y, width, height), kind)
    if drawn.lines:
        moves = (f"M{_point((left + x, below + y))} l{_point((w, h))}" for x, y, w, h in drawn.lines)
        yield f'<path class="lines" d="{" ".join(moves)}"/>'
    words = top + height_of_mark(mark) - LINE * len(mark.lines)
    for i, line in enumerate(mark.lines):
        yield _text(at.x + at.width / 2, words + (i + 0.5) * LINE - 2, line)


def _arrow(arrow: Arrow, path: Path, *, is_seen: bool) -> Iterator[str]:
    if not is_seen:
        yield '<g class="unseen">'
    start, *rest = path.points
    curve = f"M{_point(start)} C{' '.join(map(_point, rest))}"
    yield f'<path class="arrow{" measures" if arrow.measures else ""}" d="{curve}"/>'
    yield f'<path class="head" d="{_head(path.points[-1], path.tip)}"/>'
    if path.label is not None and not arrow.measures:
        shape = str(arrow.type)
        x, y = path.label
        yield from _on_ground(x - len(shape) * CHARACTER / 2, y - LINE / 2 + 2, shape, "left shape")
    if not is_seen:
        yield "</g>"


def _on_ground(x: float, y: float, text: str, kind: str, tip: str = "") -> Iterator[str]:
    """A text from its left upper corner, what is below it faded."""
    yield _rectangle(Rectangle(x, y, len(text) * CHARACTER, LINE - 4), "halo")
    yield _text(x, y + LINE / 2 - 2, text, kind, tip)


def _head(end: Point, tip: Point) -> str:
    (x, y), (u, v) = end, tip
    across = (v - y) * 0.4, (x - u) * 0.4
    return f"M{_point(tip)} L{_point((x + across[0], y + across[1]))} L{_point((x - across[0], y - across[1]))} Z"


def _legend_width(kinds: list[str]) -> float:
    return sum(len(kind) * CHARACTER + 2 * LINE for kind in kinds)


def _legend(kinds: list[str], x: float, y: float) -> Iterator[str]:
    for kind in kinds:
        yield _rectangle(Rectangle(x, y + 4, LINE - 8, LINE - 8), kind, 2)
        yield _text(x + LINE - 2, y + LINE / 2, kind, "left")
        x += len(kind) * CHARACTER + 2 * LINE


def _rectangle(at: Rectangle, kind: str, radius: float = 0) -> str:
    x, y, width, height = map(_number, at)
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="{_number(radius)}"/>'


def _text(x: float, y: float, text: str, kind: str = "", tip: str = "") -> str:
    """``tip`` is the whole text, which a reader shows under the mouse, where ``text`` is cut."""
    named = f' class="{kind}"' if kind else ""
    whole = f"<title>{escape(tip)}</title>" if tip not in ("", text) else ""
    return f'<text{named} x="{_number(x)}" y="{_number(y)}">{whole}{escape(text)}</text>'


def _point(point: Point) -> str:
    return ",".join(map(_number, point))


def _number(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
