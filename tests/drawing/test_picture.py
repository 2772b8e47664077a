"""What a picture shows: of small networks worked out by hand, of the zoo held against the graph."""

from __future__ import annotations

from pathlib import Path

import pytest

import specc
from specc.drawing.picture import FAMILY_KINDS, Box, Frame, Picture, kind_of, picture
from specc.ops.families import FAMILIES
from specc.syntax import parse, read

ZOO = sorted((Path(__file__).parents[2] / "examples").rglob("*.cnn"))


def drawn(text: str, depth: int = 1) -> Picture:
    return picture(specc.loads(text).graph, depth)


def rows(shown: Picture) -> list[list[str]]:
    return [[row.text for row in box.rows] for box in shown.boxes]


def arrows(shown: Picture) -> list[tuple[str, str, str, bool]]:
    return [(arrow.source, arrow.target, str(arrow.type), arrow.measures) for arrow in shown.arrows]


def test_steps_that_follow_share_a_box() -> None:
    shown = drawn(
        "model M : [N, 3, 8, 8] -> [N, 4, 8, 8] { conv(4, 3, padding=1) -> bn -> relu -> conv(4, 1) -> act: relu }"
    )
    assert rows(shown) == [
        ["input"],
        ["conv1: conv(4, 3, padding=1)", "batchnorm1: batchnorm", "relu"],
        ["conv2: conv(4, 1)", "act: relu"],
        ["output"],
    ]
    assert arrows(shown) == [
        ("in:input", "conv1", "[N, 3, 8, 8]", False),
        ("conv1", "conv2", "[N, 4, 8, 8]", False),
        ("conv2", "out:output", "[N, 4, 8, 8]", False),
    ]


def test_a_value_that_is_used_twice_ends_a_box() -> None:
    shown = drawn("model M : [N, 3, 8, 8] -> [N, 4, 8, 8] { conv(4, 1) -> add { | _ | relu } }")
    assert rows(shown) == [["input"], ["conv1: conv(4, 1)"], ["relu"], ["add"], ["output"]]
    assert [arrow[:2] for arrow in arrows(shown)] == [
        ("in:input", "conv1"),
        ("conv1", "relu1"),
        ("conv1", "add1"),
        ("relu1", "add1"),
        ("add1", "out:output"),
    ]


BLOCKS = """block unit(c) { conv(c, 3, padding=1) -> relu }
block pair(c) { unit(c) -> add { | _ | unit(c) } }
model M : [N, 3, 8, 8] -> [N, 4, 8, 8] { stem: pair(4) -> relu }"""


def test_blocks_are_opened_to_the_depth() -> None:
    assert rows(drawn(BLOCKS)) == [["input"], ["stem: pair(c=4)"], ["relu"], ["output"]]
    opened = drawn(BLOCKS, 2)
    (frame,) = (member for member in opened.members if isinstance(member, Frame))
    assert (frame.name, frame.title) == ("stem", "stem: pair(c=4)")
    assert [row.text for box in frame.members if isinstance(box, Box) for row in box.rows] == [
        "unit1: unit(c=4)",
        "unit2: unit(c=4)",
        "add",
    ]
    whole = drawn(BLOCKS, 9)
    assert ["conv1: conv(4, 3, padding=1)", "relu"] in rows(whole)
    assert len(arrows(whole)) == 6


def test_what_has_no_call_says_what_is_in_it() -> None:
    shown = drawn(
        "model M : [N, 3, 8, 8] -> [N, 4, 8, 8] {\n"
        "  body: { conv(4, 3, padding=1) -> relu }\n"
        "  side: { add { | _ | relu } }\n"
        "  down: repeat 2 { conv(4, 1) -> bn }\n"
        "}"
    )
    assert rows(shown)[1:4] == [["body: conv(4, 3, padding=1) -> relu"], ["side: group"], ["down: repeat 2"]]


def test_sizes_alone() -> None:
    """Dotted, but where the value itself goes the same way."""
    text = "model M : (a: [N, 2, H, W], b: [N, 2, H, W]) -> [N, 2, H, W] where H % 2 == 0, W % 2 == 0 {\n"
    shown = drawn(
        text
        + "  a -> maxpool(2) -> upsample(like=b)\n}".replace("upsample(like=b)", "upsample(like=b) -> add { | _ | b }")
    )
    assert ("in:b", "upsample1", "[N, 2, H, W]", True) in arrows(shown)
    assert ("in:b", "add1", "[N, 2, H, W]", False) in arrows(shown)


def test_several_inputs_and_outputs() -> None:
    shown = drawn(
        "model M : (a: [N, 2], b: [N, 2]) -> (both: [N, 2], half: [N, 2]) {\n  both: add { | a | b }\n  half: relu\n}"
    )
    assert rows(shown)[:2] + rows(shown)[-2:] == [["a"], ["b"], ["both"], ["half"]]
    assert {arrow[:2] for arrow in arrows(shown)} == {
        ("in:a", "both"),
        ("in:b", "both"),
        ("both", "half"),
        ("both", "out:both"),
        ("half", "out:half"),
    }


def test_an_input_of_bytes() -> None:
    shown = drawn("model M : (image: uint8 [N, 3, 8, 8]) -> [N, 4, 8, 8] { conv(4, 1) }")
    assert rows(shown)[0] == ["image: uint8"]


@pytest.mark.parametrize("path", ZOO, ids=lambda path: path.name)
def test_nothing_is_left_out(path: Path) -> None:
    """Opened whole, every step is a row, and every value that a step takes from another box has its arrow; closed, the
    arrows are those between what is closed."""
    for model in parse(read(path)).models:
        graph = specc.load(path, model=model.name).graph
        whole = picture(graph, 99)
        assert sum(len(box.rows) for box in whole.boxes) == len(graph.nodes) + len(graph.inputs) + len(graph.outputs)
        assert sorted(
            row.kind for box in whole.boxes for row in box.rows if row.kind not in ("port", "block")
        ) == sorted(kind_of(node) for node in graph.nodes)
        closed = picture(graph, 1)
        box = {port.name: f"in:{port.name}" for port in graph.inputs}
        names = {each.name for each in closed.boxes}
        last = ""
        for node in graph.nodes:
            parts = node.name.split(".")
            scopes = (".".join(parts[: i + 1]) for i in range(len(parts)))
            last = box[node.name] = next((scope for scope in scopes if scope in names), last)  # or in the box before it
        expected = {(box[value], box[node.name]) for node in graph.nodes for value in node.inputs}
        expected |= {(box[value], f"out:{port.name}") for port, value in graph.outputs}
        assert {(arrow.source, arrow.target) for arrow in closed.arrows} == {
            pair for pair in expected if len({*pair}) == 2
        }


def test_colours_are_of_families_that_are_there() -> None:
    assert FAMILY_KINDS.keys() <= {*FAMILIES.values()}
