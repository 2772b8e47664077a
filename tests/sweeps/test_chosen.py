"""The variants that are left, built."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from specc import UsageError, load, sweep
from specc.onnxfile import OnnxFile
from specc.sweeps import chosen
from specc.sweeps.chosen import file_names, latencies, require_sizes
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


def test_what_could_not_be_built_is_refused_before_any_is_checked(
    specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "net.cnn").write_text(SPEC)
    (here / "there").mkdir()
    (here / "there/net.onnx").touch()
    (here / "file").touch()

    def refusal(*options: str) -> str:
        result = specc("sweep", "net.cnn", "--set", "width=2", *options)
        assert (result.code, result.out) == (2, "")
        return result.err

    assert "cannot write file" in refusal("--compile", "file")
    assert "there is not empty" in refusal("--compile", "there")
    assert "cannot be the folder of both" in refusal("--compile", "new", "-o", "./new")
    monkeypatch.setattr(chosen, "find_spec", lambda name: None)
    assert "a proof needs torch" in refusal("--compile", "new")
    assert "a latency needs onnxruntime" in refusal("--latency")
    assert not (here / "new").exists()


@pytest.mark.swept
def test_parquet_and_pages_have_latencies(specc: Specc, here: Path) -> None:
    from pyarrow import parquet

    (here / "net.cnn").write_text(SPEC)
    command = ("sweep", "net.cnn", "--set", "width=2,4", "--latency", "--pareto", "params,macs", "-o", "out")
    assert specc(*command, "--parquet", "v.parquet", "--plot", "p.html").code == 0
    (line,) = (here / "out/latency.jsonl").read_text().splitlines()
    median = json.loads(line)["median"]
    rows = parquet.read_table(here / "v.parquet").to_pylist()
    assert [row["latency"] for row in rows] == [median, None]
    assert [row["settings"]["width"] for row in rows] == [2, 4]
    page = (here / "p.html").read_text()
    assert "<th>latency</th>" in page
    assert f"<td>{median:.3g} ms</td>" in page
