"""Each ONNX file is parsed once, by whatever command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Specc
from tests.onnxfile.parses import counted_parses

SPEC = "model Net : [N, 2, 6, 5] {\n  conv1: conv(3, 2) -> bn1: bn -> relu\n}\n"


def test_a_file_is_parsed_once(here: Path, specc: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "net.cnn").write_text(SPEC)
    parsed = counted_parses(monkeypatch)
    assert specc("compile", "net.cnn", "-o", "net.onnx").code == 0
    assert len(parsed) == 1, "the file on its way to its place"
    for arguments in (
        ["verify", "net.cnn", "net.onnx"],
        ["verify", "net.cnn", "net.onnx", "--seed", "0", "-o", "report.html"],
        ["verify", "net.onnx", "-o", "report.txt"],
        ["inspect", "net.onnx"],
        ["embed", "net.onnx", "--language", "js"],
    ):
        parsed.clear()
        assert specc(*arguments).code == 0
        assert parsed == ["net.onnx"], arguments
