"""Pictures as files: read back as XML, as pixels and as Mermaid, and held against what they show."""

from __future__ import annotations

import re
import struct
import sys
import zlib
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import specc
from specc.diagnostics import MissingDependency, UsageError
from specc.drawing import layout, svg
from specc.drawing.layout import Rectangle, laid_out, width_of
from specc.drawing.mermaid import markdown
from specc.drawing.picture import KINDS, Box, Frame, picture
from specc.drawing.svg import COLOURS, GROUND

EXAMPLES = Path(__file__).parents[2] / "examples"
NETWORKS = [
    ("lenet.cnn", None, 1),
    ("zoo/unet.cnn", None, 2),
    ("zoo/googlenet.cnn", "GoogLeNet", 2),
    ("zoo/fpn.cnn", None, 9),
]
SVG = "{http://www.w3.org/2000/svg}"


def graph(path: str, model: str | None = None):  # type: ignore[no-untyped-def]
    return specc.load(EXAMPLES / path, model=model).graph


def inside(one: Rectangle, other: Rectangle) -> bool:
    return (
        other.x <= one.x + 0.1
        and other.y <= one.y + 0.1
        and one.x + one.width <= other.x + other.width + 0.1
        and one.y + one.height <= other.y + other.height + 0.1
    )


def apart(one: Rectangle, other: Rectangle) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


@pytest.mark.parametrize(("path", "model", "depth"), NETWORKS, ids=str)
def test_boxes_stand_apart_and_in_their_frames(path: str, model: str | None, depth: int) -> None:
    shown = picture(graph(path, model), depth)
    laid = laid_out(shown)
    page = Rectangle(0, 0, laid.width, laid.height)
    assert laid == laid_out(shown)
    assert all(apart(laid.boxes[one.name], laid.boxes[other.name]) for one, other in combinations(shown.boxes, 2))

    def held(members: tuple[Box | Frame, ...], around: Rectangle) -> None:
        for member in members:
            at = laid.frames[member.name] if isinstance(member, Frame) else laid.boxes[member.name]
            assert inside(at, around)
            if isinstance(member, Frame):
                held(member.members, at)

    held(shown.members, page)
    for arrow, path_ in zip(shown.arrows, laid.paths, strict=True):
        source, target = laid.boxes[arrow.source], laid.boxes[arrow.target]
        for (x, y), box in ((path_.points[0], source), (path_.tip, target)):  # on the border of each
            assert inside(Rectangle(x, y, 0, 0), Rectangle(box.x - 2, box.y - 2, box.width + 4, box.height + 4))


def test_a_box_is_wider_with_more_channels() -> None:
    box = Box("a", (), None)
    widths = [
        width_of(box._replace(rows=picture(graph("lenet.cnn"), 1).boxes[1].rows, channels=c))
        for c in (None, 1, 64, 128)
    ]
    assert widths[0] == widths[1] < widths[2] < widths[3]


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_the_document(tmp_path: Path, theme: str) -> None:
    model = specc.load(EXAMPLES / "zoo/unet.cnn")
    model.draw(tmp_path / "a.svg", depth=2, theme=theme)  # type: ignore[arg-type]
    model.draw(tmp_path / "b.svg", depth=2, theme=theme)  # type: ignore[arg-type]
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    root = ElementTree.fromstring(text)
    texts = [each.text or "".join(each.itertext()) for each in root.iter(f"{SVG}text")]
    shown = picture(model.graph, 2)
    for box in shown.boxes:
        for row in box.rows:
            assert row.shown in texts or row.text + row.shown in texts
    assert [text for text in texts if text.startswith("[N")] == [
        str(arrow.type) for arrow in shown.arrows if not arrow.measures
    ]
    assert len([path for path in root.iter(f"{SVG}path") if path.get("class") == "head"]) == len(shown.arrows)
    width, height = (float(root.get(side) or 0) for side in ("width", "height"))
    for rectangle in root.iter(f"{SVG}rect"):
        assert rectangle.get("width") == "100%" or float(rectangle.get("width") or 0) <= width
    assert height > width
    style = next(root.iter(f"{SVG}style")).text or ""
    assert (theme == "auto") == ("prefers-color-scheme" in style)
    assert (GROUND["dark"][0] in style) == (theme != "light")
    assert (GROUND["light"][0] in style) == (theme != "dark")


def test_names_are_no_markup(tmp_path: Path) -> None:
    model = specc.loads('model M : [N, 2] -> [N, 2] { "a<b>&`#": { fc(2) -> relu } }')
    model.draw(tmp_path / "m.svg")
    texts = ["".join(each.itertext()) for each in ElementTree.parse(tmp_path / "m.svg").iter(f"{SVG}text")]
    assert "a<b>&`#: fc(2) -> relu" in texts
    model.draw(tmp_path / "m.md")
    assert '["a#lt;b#gt;#amp;#96;#35;: fc(2) -#gt; relu"]' in (tmp_path / "m.md").read_text()


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_texts_can_be_read_on_every_colour(kind: str) -> None:
    for theme, colour in zip(("light", "dark"), COLOURS[kind], strict=True):
        assert contrast(colour, GROUND[theme][1]) > 7
    assert all(contrast(ground[0], ground[2]) > 4.5 for ground in GROUND.values())


def pixels(png: bytes) -> tuple[int, int, tuple[int, ...]]:
    """Width, height, and the first pixel: no filter of PNG's changes it (https://www.w3.org/TR/png-3/#9Filters)."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, depth, colours = struct.unpack(">IIBB", png[16:26])
    assert depth == 8
    data = b"".join(
        png[at + 8 : at + 8 + int.from_bytes(png[at : at + 4], "big")]
        for at in (match.start() - 4 for match in re.finditer(b"IDAT", png))
    )
    return width, height, tuple(zlib.decompress(data)[1 : 1 + {2: 3, 6: 4}[colours]])


def has_font() -> bool:
    import resvg_py

    return svg._rendered(resvg_py, svg._TEXT) != svg._rendered(resvg_py, svg._NO_TEXT)


def test_png(tmp_path: Path) -> None:
    """Where there is a font; else the refusal."""
    model = specc.load(EXAMPLES / "lenet.cnn")
    model.draw(tmp_path / "a.svg")
    if not has_font():
        with pytest.raises(UsageError, match="no font"):
            model.draw(tmp_path / "a.png")
        return
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    for theme, colour in (("auto", (255, 255, 255)), ("light", (255, 255, 255)), ("dark", (13, 17, 23))):
        model.draw(tmp_path / "a.png", theme=theme)  # type: ignore[arg-type]
        width, height, first = pixels((tmp_path / "a.png").read_bytes())
        assert (width, height) == (2 * int(root.get("width") or 0), 2 * int(root.get("height") or 0))
        assert first[:3] == colour


def test_a_machine_without_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_TEXT", svg._NO_TEXT)
    with pytest.raises(UsageError, match="no font for the texts of a PNG: install one"):
        specc.load(EXAMPLES / "lenet.cnn").draw(tmp_path / "a.png")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(("package", "name"), [("pygraphviz", "a.svg"), ("pygraphviz", "a.png"), ("resvg_py", "a.png")])
def test_what_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, name: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    model = specc.load(EXAMPLES / "lenet.cnn")
    with pytest.raises(MissingDependency, match=rf"needs {package}, .*pip install 'specc-nn\[draw\]'"):
        model.draw(tmp_path / name)
    assert not [*tmp_path.iterdir()]
    model.draw(tmp_path / "a.md")


def test_too_many_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MOST", 9)
    model = specc.load(EXAMPLES / "lenet.cnn")
    with pytest.raises(UsageError, match=r"^10 boxes are no picture, 9 at most are drawn: open fewer blocks"):
        model.draw(tmp_path / "a.svg")
    model.draw(tmp_path / "a.md")


def test_mermaid() -> None:
    """Every box is a node, every frame a subgraph around its own, every arrow a link between the two."""
    shown = picture(graph("zoo/unet_any_size.cnn"), 2)
    _, text, _ = markdown(shown).split("```")
    first, *lines = text.strip().splitlines()
    assert first == "mermaid"
    nodes: dict[str, str] = {}
    links, open_frames = [], 0
    for line in lines[1:]:
        if node := re.fullmatch(r' *(b\d+)(?:\(\["(.*)"\]\)|\["(.*)"\])', line):
            nodes[node[1]] = node[2] or node[3]
        elif re.fullmatch(r' *subgraph f\d+\["[^"]*"\]', line):
            open_frames += 1
        elif line.strip() == "end":
            open_frames -= 1
        else:
            link = re.fullmatch(r'  (b\d+) (?:-- "(\[N.*\])" -->|-\. "sizes" \.->) (b\d+)', line)
            assert link is not None
            links.append((link[1], link[3], link[2]))
    assert open_frames == 0
    names = {box.name: f"b{i}" for i, box in enumerate(shown.boxes)}
    assert {*nodes} == {*names.values()}
    assert links == [(names[a.source], names[a.target], None if a.measures else str(a.type)) for a in shown.arrows]
    assert 'subgraph f1["down: for i in range(depth)"]' in text


@pytest.mark.parametrize(
    ("name", "spec", "options"),
    [("unet.svg", "zoo/unet.cnn", {}), ("field.svg", "lenet.cnn", {"field": "maxpool2[1, 4]"})],
)
def test_the_pictures_of_the_documents(tmp_path: Path, name: str, spec: str, options: dict[str, Any]) -> None:
    specc.load(EXAMPLES / spec).draw(tmp_path / name, **options)
    assert (Path(__file__).parents[2] / "docs/pictures" / name).read_text() == (tmp_path / name).read_text()
