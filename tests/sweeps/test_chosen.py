"""The variants that are left, built."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from specc import UsageError, load, sweep
from specc.onnxfile import OnnxFile
from specc.sweeps.chosen import compile_all, file_names, latencies, require_sizes
from specc.sweeps.variant import Variant
from tests.cli.conftest import Specc
from tests.sweeps.conftest import SPEC


def variant(number: int, **settings: object) -> Variant:
    return Variant(number, settings, None, {}, (), True)


def test_files_are_named_by_their_settings() -> None:
    assert file_names([variant(0, width=8, act="leakyrelu(0.2)"), variant(1, width=8, act='"a/b"')]) == [
        "width=8,act=leakyrelu_0.2_.onnx",
        "width=8,act=_a_b_.onnx",
    ]


def test_no_two_are_the_same() -> None:
    """Nor where capitals are the same letters."""
    names = file_names([variant(0, a='"x"'), variant(1, a="'x'"), variant(2, a="'X'"), variant(3, a="y" * 300)])
    assert len({name.lower() for name in names}) == 4
    assert max(map(len, names)) < 200


@pytest.mark.swept
def test_they_are_proven_and_what_was_asked_for(specc: Specc, here: Path) -> None:
    (here / "net.cnn").write_text(SPEC)
    command = ("sweep", "net.cnn", "--set", "width=2,3", "--set", "depth=3..4", "-o", "out", "--compile", "onnx")
    result = specc(*command)
    assert result.code == 0
    assert "onnx: 2 ONNX files, proven" in result.out
    assert sorted(path.name for path in (here / "onnx").glob("*.onnx")) == [
        "width=2,depth=3.onnx",
        "width=3,depth=3.onnx",
    ]
    for width in (2, 3):
        path = here / f"onnx/width={width},depth=3.onnx"
        onnx.checker.check_model(onnx.load(path))
        assert load("net.cnn", width=width, depth=3).verify(OnnxFile(path)).passed
    before = {path: path.stat().st_mtime_ns for path in (here / "onnx").iterdir()}
    (here / "onnx/width=3,depth=3.onnx").unlink()
    assert "is not empty" in specc("sweep", "net.cnn", "--set", "width=2", "--compile", "onnx").err
    assert (
        "another sweep" in specc("sweep", "net.cnn", "--set", "width=2", "-o", "b", "--resume", "--compile", "onnx").err
    )
    again = specc(*command, "--resume")
    assert "onnx: 1 ONNX file, proven; 1 were there" in again.out
    assert (here / "onnx/width=2,depth=3.onnx").stat().st_mtime_ns == before[here / "onnx/width=2,depth=3.onnx"]


def test_latencies_are_of_the_sizes_that_were_given(tmp_path: Path) -> None:
    path = tmp_path / "any.cnn"
    path.write_text("model A(c = 4) : uint8 [N, 3, H, W] -> [N, c] { conv(c, 1) -> globalavgpool -> flatten }")
    ((number, one),) = latencies(sweep(path, {"c": [2, 3]}, at={"H": 8, "W": 9}), [1])
    assert number == 1
    assert 0 < one.least <= one.median
    assert one.runs >= 5
    with pytest.raises(UsageError, match="--at"):
        require_sizes(sweep(path, {"c": [2]}))


def test_they_stand_in_the_table_and_the_folder(specc: Specc, here: Path) -> None:
    (here / "net.cnn").write_text(SPEC)
    result = specc("sweep", "net.cnn", "--set", "width=2,4", "--latency", "--pareto", "params,macs", "-o", "out")
    assert result.out.splitlines()[0].endswith("latency")
    assert result.out.splitlines()[1].endswith(" ms")
    (line,) = (here / "out/latency.jsonl").read_text().splitlines()
    assert json.loads(line)["variant"] == 0


def test_a_folder_is_not_begun_where_there_is_a_file(net: Path) -> None:
    of = sweep(net, {"width": [2]})
    with pytest.raises(UsageError, match="cannot write"):
        next(compile_all(of, [variant(0)], net, resume=False))
