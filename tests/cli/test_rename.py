"""``specc verify --rename``: which input or output of a file is which."""

from __future__ import annotations

import json
from pathlib import Path

import onnx

from tests.cli.conftest import Specc
from tests.verify.test_renamed import TEXT, THEIRS, renamed


def test_from_the_command_line(specc: Specc, here: Path) -> None:
    (here / "two.cnn").write_text(TEXT, encoding="utf-8")
    onnx.save(renamed(THEIRS), here / "theirs.onnx")
    doubt = specc("verify", "two.cnn", "theirs.onnx", "--seed", 0)
    assert doubt.code == 1
    assert "--rename x.1=NAME" in doubt.out
    said = ("--rename", "x.1=a", "--rename", "21=sum")
    proven = specc("verify", "two.cnn", "theirs.onnx", "--seed", 0, *said, "--format=json")
    assert proven.code == 0
    assert {"file": "x.3", "spec": "b"} in json.loads(proven.out)["renamed"]
    for wrong in ("x.1", "=a", "x.1=", ""):
        assert "is no NAME=NAME" in specc("verify", "two.cnn", "theirs.onnx", "--rename", wrong).err
    twice = specc("verify", "two.cnn", "theirs.onnx", "--rename", "x.1=a", "--rename", "x.1=b")
    assert (twice.code, "names x.1 twice" in twice.err) == (2, True)
    alone = specc("verify", "two.cnn", "--rename", "x.1=a")
    assert (alone.code, "rename is for a file from elsewhere" in alone.err) == (2, True)
