"""What may be written behind a value, and in calls of what is imported, of texts that are half written."""

from __future__ import annotations

import pytest

from specc.elaborate.evaluation import ATTRIBUTES
from specc.filesystem import Memory
from specc.server.completion import offers
from specc.server.workspace import Workspace

PATH = f"{Memory.TOP}/net.cnn"
LIBRARY = "block back(c, act = relu) -> (c3, c4) { hidden: relu -> c3: conv(c, 3) -> c4: conv(c, 3) }\n"
SPEC = """\
from "lib.cnn" import back
let wide = back(8)
block neck(f, c4) {
  relu
  BLOCK
}
model M : [N, 3, 32, 32] {
  body: back(8)
  neck(body, 3)
  down: repeat 3 { skip: conv(3, 1) -> inner: { deep: relu -> "block1-0": relu } }
  MODEL
}
"""


def words(model: str, block: str = "") -> list[str]:
    """Those offered at the mark in a line of the model, or of the block."""
    text = SPEC.replace("MODEL", model).replace("BLOCK", block)
    at, text = text.index("<>"), text.replace("<>", "")
    workspace = Workspace(Memory({"net.cnn": text, "lib.cnn": LIBRARY}))
    source, file = workspace.source(PATH), workspace.tree(PATH)
    assert source
    return [one.word for one in offers(source, file, at, workspace.bindings(PATH, importers=False) if file else None)]


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        ("body.<>", ["c3", "c4"]),
        ("add { | body.c<> | _ }", ["c3", "c4"]),
        ("conv(body.<>", ["c3", "c4"]),
        ("down[0].<>", ["inner", "skip"]),
        ("down[-1].inner.<>", ["deep"]),
        ("down.<>", []),
        ("nobody.<>", []),
    ],
)
def test_behind_a_value_are_the_labels_that_are_seen_there_and_its_sizes(line: str, labels: list[str]) -> None:
    found = words(line)
    assert sorted(set(found) - set(ATTRIBUTES)) == labels
    assert set(ATTRIBUTES) <= set(found)


def test_names_are_those_of_the_file_and_of_the_model_or_block_around() -> None:
    everywhere = {"back", "wide", "neck", "relu"}
    inside = {"M": {"body", "down", "skip", "deep", "N"}, "neck": {"f", "c4", "narrow", "x"}}
    for name, found in {"M": words("<>"), "neck": words("relu", "let narrow = [x for x in [c4]] <>")}.items():
        assert everywhere | inside[name] <= set(found)
        assert not inside["neck" if name == "M" else "M"] & set(found)


def test_a_parameter_has_what_the_calls_hand_over() -> None:
    assert {"c3", "c4"} <= set(words("relu", "f.<>"))
    assert set(words("relu", "c4.<>")) == set(ATTRIBUTES)


def test_arguments_of_imported_blocks_and_of_those_that_have_some() -> None:
    assert words("back(<>") == ["c", "act"]
    assert words("wide(<>") == ["act"]
    assert "out_channels" in words("conv(0.<>5")


def test_an_assert_is_about_numbers_of_the_network() -> None:
    assert words("assert pa<>")[:3] == ["params", "trainable_params", "macs"]
    assert "params" not in words("pa<>")
