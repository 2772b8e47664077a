"""One object for a file: parsed once in a whole command, and one that changes meanwhile is refused."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from specc.diagnostics import UsageError
from specc.onnxfile import OnnxFile
from specc.verify import verify
from specc.weights import Initialised, Randomised
from tests.onnxfile.parses import counted_parses
from tests.verify.networks import chain, emitted

GRAPH = chain("[N, 2, 6, 5]", "conv1: conv(3, 2) -> bn1: bn -> relu")


def test_what_is_asked_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(emitted(GRAPH, Initialised(0)), path)
    parsed = counted_parses(monkeypatch)
    file = OnnxFile(path)
    assert parsed == [], "nothing is read before it is asked for"
    assert file.nodes is file.nodes
    assert file.tensors is file.tensors
    assert [port.name for port in (*file.inputs, *file.outputs)] == ["input", "output"]
    assert parsed == ["net.onnx"]


def external(folder: Path) -> tuple[Path, Path]:
    path = folder / "net.onnx"
    onnx.save(emitted(GRAPH, Initialised(0)), path, save_as_external_data=True, location="w.data", size_threshold=0)
    return path, folder / "w.data"


@pytest.mark.parametrize("which", [0, 1], ids=["the file", "its tensors"])
def test_a_file_that_shrinks_while_it_is_proven(which: int, tmp_path: Path) -> None:
    paths = external(tmp_path)
    size = paths[which].stat().st_size

    def shrink(what: str, done: int, of: int) -> None:
        if what == "step by step" and paths[which].stat().st_size == size:
            paths[which].write_bytes(paths[which].read_bytes()[: size // 2])

    with pytest.raises(UsageError, match=r"net\.onnx, or a file with its weights, was changed while it was proven"):
        verify(GRAPH, paths[0], Initialised(0), stress=False, progress=shrink)


def test_tensors_that_vanish_are_named(tmp_path: Path) -> None:
    path, data = external(tmp_path)
    data.write_bytes(data.read_bytes()[:100])
    file = OnnxFile(path)
    with pytest.raises(UsageError, match=r"w\.data is cut short: \S+ of .*net\.onnx ends at byte"):
        file.require_data()
    data.unlink()
    with pytest.raises(UsageError, match=r"conv1\.weight cannot be read: "):
        file.initializers["conv1.weight"].values()


def test_the_copy_with_random_numbers_is_judged_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large tensors of it lie outside, so that the file is not in memory twice."""
    model = emitted(GRAPH, Randomised(3)).SerializeToString()
    inside = verify(GRAPH, model, Randomised(3), stress=True)
    monkeypatch.setattr("specc.verify.stress.LARGE_TENSOR", 0)
    assert verify(GRAPH, model, Randomised(3), stress=True) == inside
    assert inside.passed
