"""Pictures in which is marked what one place sees: the grids, the words, what is faded, and what is refused."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

import specc
from specc.diagnostics import UsageError
from specc.drawing.grid import LENGTH, MOST_SLICES, NOTHING, SIDE, grid
from specc.drawing.layout import laid_out
from specc.drawing.marks import Mark, marks, target
from specc.drawing.picture import picture
from specc.drawing.svg import SEEN, SEEN_COLOUR

SVG = "{http://www.w3.org/2000/svg}"
LENET = Path(__file__).parents[2] / "examples/lenet.cnn"
BRANCHES = """block unit(c) { conv(c, 3, padding=1) -> relu }
model M : [N, 1, 9, 12] -> [N, 2, 9, 12] {
  a: conv(2, 1)
  deep: { unit(2) -> unit(2) }
  concat { | _ | a } -> groupnorm(1) -> last: conv(2, 1)
}"""


def lines(text: str, of: str) -> dict[str, tuple[str, ...]]:
    graph = specc.loads(text).graph
    return {name: mark.lines for name, mark in marks(graph, target(graph, of)).items()}


def test_a_stack_by_hand() -> None:
    """Place 2 of a pool by 2 reads 4 and 5, these by a kernel of 3 with a place of padding 3 to 6; a border, less."""
    text = "model M : [N, 1, 9] { conv(2, 3, padding=1) -> maxpool(2) }"
    assert lines(text, "maxpool1") == {
        "maxpool1": ("place 2 of 4",),
        "conv1": ("places 4..5 of 9",),
        "input": ("places 3..6 of 9",),
    }
    assert lines(text, "maxpool1[0]")["input"] == ("places 0..2 of 9",)
    assert lines(text, "output [ 3 ]")["input"] == ("places 5..8 of 9",)


def test_holes_and_the_whole() -> None:
    text = "model M : [N, 1, 9, 5] { conv(2, (3, 5), dilation=(2, 1)) -> flatten -> fc(3) }"
    assert lines(text, "conv1[1, 0]")["input"] == ("rows 1..5 of 9, 3 of them", "all 5 columns")
    assert lines(text, "fc1") == {
        "fc1": ("all 3 features",),
        "flatten1": ("all 10 features",),
        "conv1": ("all 5 rows", "column 0 of 1"),
        "input": ("all 9 rows", "all 5 columns"),
    }


def test_other_layouts() -> None:
    text = "model M : [N, 4, 6, 2] { permute(0, 3, 1, 2) -> c: conv(1, 3) -> permute(0, 2, 3, 1) }"
    told = lines(text, "c[0, 1]")
    assert told["input"] == told["permute1"] == ("rows 0..2 of 4", "columns 1..3 of 6")
    astray = lines("model M : [N, 1, 4, 4] { reshape(-1, 1, 2, 8) -> relu }", "relu1[0, 3]")
    assert astray["input"] == ("not told: reshape1 lays", "places out anew")


def test_the_grid() -> None:
    """Four rows and six columns, of which two rows and every other of three columns are in colour."""
    drawn = grid(Mark((4, 6), ((((1, 2),), ((0, 0), (2, 2), (4, 4))),), ()))
    assert (drawn.width, drawn.height) == (72, 48)
    assert [tuple(part) for part in drawn.seen] == [(0, 12, 12, 24), (24, 12, 12, 24), (48, 12, 12, 24)]
    assert len(drawn.lines) == 5 + 3
    large = grid(Mark((480, 640), ((((100, 163),), ((0, 639),)),), ()))
    assert (large.width, large.height, large.lines) == (SIDE, SIDE * 480 / 640, ())
    assert [tuple(map(round, part)) for part in large.seen] == [(0, 19, 120, 12)]
    assert grid(Mark((48_000,), ((((0, 23_999),),),), ())).seen == ((0, 0, LENGTH / 2, 12),)
    slices = grid(Mark((3, 2, 2), ((((1, 2),), ((0, 0),), ((1, 1),)),), ()))
    assert [part.x for part in slices.frames] == [0, 30, 60]
    assert [tuple(part) for part in slices.seen] == [(42, 0, 12, 12), (72, 0, 12, 12)]
    assert grid(Mark((MOST_SLICES + 1, 2, 2), (), ())) == NOTHING == grid(Mark((), (), ("all 3 features",)))
    many = grid(Mark((99, 99), (((*((i, i) for i in range(0, 99, 2)),),) * 2,), ()))
    assert [tuple(map(round, part)) for part in many.seen] == [(0, 0, 120, 120)]


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_the_document(tmp_path: Path, theme: str) -> None:
    model = specc.load(LENET)
    for name in ("a.svg", "b.svg"):
        model.draw(tmp_path / name, theme=theme, field="conv2[6, 6]")  # type: ignore[arg-type]
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    root = ElementTree.fromstring(text)
    assert (root.findtext(f"{SVG}title") or "").startswith("what conv2[6, 6] sees in LeNet : ")
    texts = ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]
    for line in ("rows 12..19 of 32", "columns 12..17 of 30", "rows 6..8 of 15", "row 6 of 13", SEEN):
        assert line in texts
    faded = [group for group in root.iter(f"{SVG}g") if group.get("class") == "unseen"]
    assert ["".join(group.itertext()).strip() for group in faded if group.find(f"{SVG}rect") is not None][
        -1
    ] == "output"
    assert len(faded) == 2 * 6  # six boxes behind it, and the arrow to each
    seen = [each for each in root.iter(f"{SVG}rect") if each.get("class") == SEEN]
    assert len(seen) == 4 + 1  # four values, and the legend
    style = next(root.iter(f"{SVG}style")).text or ""
    assert (SEEN_COLOUR[1] in style, SEEN_COLOUR[0] in style) == (theme != "light", theme != "dark")


def test_grids_lie_in_their_boxes_and_closed_blocks_have_one() -> None:
    graph = specc.loads(BRANCHES).graph
    shown = picture(graph, 1, "last")
    assert shown.marks is not None
    assert {*shown.marks} == {"in:input", "a", "deep", "concat1", "last", "out:output"}
    assert shown.marks["deep"].lines == ("all 9 rows", "all 12 columns")
    laid = laid_out(shown)
    for name, mark in shown.marks.items():
        drawn, box = grid(mark), laid.boxes[name]
        assert drawn.width <= box.width
        assert drawn.height + 20 * len(mark.lines) < box.height
    inner = picture(graph, 3, "deep.unit2.conv1[0, 0]")
    assert inner.marks is not None
    assert inner.marks["a"].lines == ("rows 0..2 of 9", "columns 0..2 of 12")
    assert "last" not in inner.marks


def test_mermaid_has_the_numbers(tmp_path: Path) -> None:
    specc.load(LENET).draw(tmp_path / "a.md", field="maxpool2[0, 3]")
    text = (tmp_path / "a.md").read_text()
    assert '(["input<br>rows 0..9 of 32<br>columns 12..21 of 32"])' in text
    assert '["flatten"]' in text


REFUSED = {
    "conv9": "M has no step called conv9",
    "conv9[1, 2]": r"M has no step called conv9;",
    "a[3]": r"^a has 9 x 12 places, and one of them is 2 numbers, as in a\[4, 6\]$",
    "a[9, 0]": "^a has 9 rows, 0 to 8, and 9 is none of them$",
    "a[0, 12]": "^a has 12 columns, 0 to 11, and 12 is none of them$",
    "a[-1, 0]": "^a has 9 x 12 places, and one of them is 2 numbers",
    "a[" + 20 * "9" + ", 0]": "^a has 9 rows, 0 to 8, and 9{20} is none of them$",
    "a[": r"no step called a\[",
    "deep.unit1.conv1": "^deep.unit1.conv1 lies in deep, which is closed: --depth 3 opens it$",
    "input": "M has no step called input",
}


@pytest.mark.parametrize(("of", "said"), REFUSED.items(), ids=REFUSED)
def test_what_is_refused(tmp_path: Path, of: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        specc.loads(BRANCHES).draw(tmp_path / "a.svg", field=of)
    assert not [*tmp_path.iterdir()]


def test_sizes_and_places_that_there_are_not(tmp_path: Path) -> None:
    open_ = specc.loads(
        "model M : [N, 1, H] -> [N, 3] where H >= 3 { c: conv(1, 3) -> globalavgpool -> flatten -> f: fc(3) }"
    )
    with pytest.raises(
        UsageError, match=r"^what a place sees depends on H: add --at H=32, or any other sizes with H >= 3$"
    ):
        open_.draw(tmp_path / "a.svg", field="c")
    with pytest.raises(UsageError, match=r"^f is \[N, 3\] and has no places: ask for f, all of it$"):
        open_.at(H=8).draw(tmp_path / "a.svg", field="f[0]")
    open_.at(H=8).draw(tmp_path / "a.svg", field="f")
