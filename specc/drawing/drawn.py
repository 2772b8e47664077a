"""A network drawn into a file, in the form that its name says."""

from __future__ import annotations

from pathlib import Path

from specc.atomic import replace
from specc.diagnostics import UsageError
from specc.drawing.mermaid import markdown
from specc.drawing.picture import picture
from specc.drawing.svg import THEMES, Theme, png, svg
from specc.ir.graph import Graph

SUFFIXES = (".svg", ".png", ".md")


def draw(graph: Graph, path: Path, *, depth: int = 1, theme: Theme | None = None, field: str | None = None) -> None:
    """Draw a network into a file, which is there as a whole or not at all.

    Args:
        path: its name ends in .svg, .png or .md (a Mermaid flowchart).
        depth: how deep blocks are opened: those at this depth are a box each.
        theme: "light", "dark", or "auto" (if left out): the reader's own, light in PNG. None for Markdown, whose reader
            draws it.
        field: the place of which is marked what it sees of every value: ``conv2[6, 6]``, ``conv2`` for its middle.

    Raises:
        UsageError: another name; a theme where there is none; too many boxes; no font; the file cannot be written; no
            such place, or symbolic sizes with ``field``.
        MissingDependency: Graphviz or the renderer is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: the name of a picture ends in .svg, .png or .md")
    if theme is not None and path.suffix == ".md":
        raise UsageError(f"--theme is for .svg and .png: {path} is drawn by whoever shows it, in its own colours")
    if theme is not None and theme not in THEMES:
        raise UsageError(f"theme {theme!r} is none of auto, light and dark")
    if type(depth) is not int or depth < 1:
        raise UsageError(f"blocks are opened to a depth of 1 or more, not {depth!r}")
    drawn = picture(graph, depth, field)
    match path.suffix:
        case ".md":
            content = markdown(drawn).encode()
        case ".png":
            content = png(drawn, theme or "auto")
        case _:
            content = svg(drawn, theme or "auto").encode()
    with replace(path) as file:
        file.write(content)
