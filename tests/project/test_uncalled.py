"""Blocks that nothing has proven are named: neither more nor fewer than those that no model comes to."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Specc
from tests.project.specs import BAD, FINE, write

LIB = "block inner(c) {\n  conv(c, 3)\n}\nblock outer(c) { inner(c) }\nblock idle() { nonsense }\n"


def uncalled(specc: Specc, *arguments: str) -> list[str]:
    """``file:line name`` of each, twice: as found, and as the cache has it."""
    shown = [json.loads(specc("check", *arguments, "--format", "json").out)["uncalled"] for _ in range(2)]
    assert shown[0] == shown[1]
    return [f"{block['path']}:{block['line']} {block['name']}" for block in shown[0]]


def model(name: str, steps: str, source: str = "blocks.cnn") -> str:
    return f'from "{source}" import {name}\nmodel M : [N, 3, 32, 32] {{ {steps} }}\n'


def test_in_the_summary(specc: Specc, here: Path) -> None:
    write(here, lib__blocks=LIB, a=model("outer", "outer(4)", "lib/blocks.cnn"))
    out = "1 block is called by no model here, and so not proven: idle (lib/blocks.cnn:5)\n"
    for form in ("full", "concise", "github"):
        result = specc("check", "--format", form)
        assert (result.code, result.out.split("called\n")[1]) == (0, out)


@pytest.mark.parametrize(
    ("text", "idle"),
    [
        (FINE, ["inner", "outer", "idle"]),
        (model("outer", "outer(4)"), ["idle"]),
        (model("inner", "inner(4)"), ["outer", "idle"]),
        (model("outer", "relu"), ["inner", "outer", "idle"]),  # imported is not called
        (model("inner", "repeat 2 { inner(4) }"), ["outer", "idle"]),
        (model("inner", "relu\n repeat 0 { inner(4) }"), ["inner", "outer", "idle"]),
        (model("inner", "relu\n if 1 == 2 { inner(4) }"), ["inner", "outer", "idle"]),
        (model("inner", "shared s = inner(3)\n s -> s"), ["outer", "idle"]),
        (model("inner", "b(inner(8))").replace("model", "block b(layer) { layer }\nmodel"), ["outer", "idle"]),
        (model("inner", "add { | inner(4) | conv(4, 3) }"), ["outer", "idle"]),
    ],
)
def test_what_a_model_comes_to_is_called(specc: Specc, here: Path, text: str, idle: list[str]) -> None:
    write(here, blocks=LIB, net=text)
    assert specc("check").code == 0
    lines = {"inner": 1, "outer": 4, "idle": 5}
    assert uncalled(specc) == [f"blocks.cnn:{lines[name]} {name}" for name in idle]


def test_a_block_of_the_model_s_own_file(specc: Specc, here: Path) -> None:
    write(here, a="block one() { relu }\nblock two() { nonsense }\nmodel M : [N, 3] { one() }\n")
    assert uncalled(specc) == ["a.cnn:2 two"]


def test_a_model_of_another_file_calls_it(specc: Specc, here: Path) -> None:
    write(here, blocks=LIB, a=model("outer", "outer(4)"), b=model("idle", "relu"), c=model("inner", "inner(3)"))
    assert uncalled(specc) == ["blocks.cnn:5 idle"]
    assert uncalled(specc, "blocks.cnn", "c.cnn") == ["blocks.cnn:4 outer", "blocks.cnn:5 idle"]


def test_of_files_that_were_not_checked_nothing_is_said(specc: Specc, here: Path) -> None:
    write(here, blocks=LIB, a=model("outer", "outer(4)"))
    assert uncalled(specc, "a.cnn") == []


def test_by_whatever_name_the_file_is_known(specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(here, lib__blocks=LIB, nets__a=model("outer", "outer(4)", "../lib/../link/blocks.cnn"))
    (here / "link").symlink_to("lib")
    assert uncalled(specc) == ["lib/blocks.cnn:5 idle"]
    monkeypatch.chdir(here / "nets")
    assert uncalled(specc, "..", "a.cnn") == ["../lib/blocks.cnn:5 idle"]
    assert uncalled(specc, str(here)) == [f"{here}/lib/blocks.cnn:5 idle"]


def test_one_cache_for_two_names(specc: Specc, here: Path) -> None:
    """What is kept of a file holds wherever it is asked for."""
    write(here, blocks=LIB, a=model("outer", "outer(4)"))
    assert uncalled(specc) == uncalled(specc, ".") == uncalled(specc, "--no-cache") == ["blocks.cnn:5 idle"]


def test_a_model_that_does_not_fit_has_called_nothing(specc: Specc, here: Path) -> None:
    write(here, blocks=LIB, a=model("outer", "outer(4) -> rellu"), b=BAD)
    assert uncalled(specc) == ["blocks.cnn:1 inner", "blocks.cnn:4 outer", "blocks.cnn:5 idle"]
    assert "not proven" not in specc("check").out


def test_in_yaml(specc: Specc, here: Path) -> None:
    (here / "a.cnn.yaml").write_text(
        "- block: one\n  body: relu\n- block: two\n  body: nonsense\n- model: M\n  input: [N, 3]\n  body: one\n"
    )
    assert uncalled(specc) == ["a.cnn.yaml:3 two"]


def test_on_standard_input(specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"block b() { relu }\nmodel M : [N, 3] { relu }\n")))
    assert "not proven: b (<stdin>:1)\n" in specc("check", "-").out


def test_a_repeated_check_in_one_process_forgets_the_last(specc: Specc, here: Path) -> None:
    write(here, blocks=LIB, a=model("outer", "outer(4)"))
    assert uncalled(specc) == ["blocks.cnn:5 idle"]
    write(here, a=FINE)
    assert uncalled(specc) == ["blocks.cnn:1 inner", "blocks.cnn:4 outer", "blocks.cnn:5 idle"]
