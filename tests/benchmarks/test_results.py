"""The run that measures everything: what it keeps, what it leaves out, and what the documents say of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import specc
from benchmarks import bench, latency, tables
from benchmarks.bench import Row, check, joined, measure, plain
from benchmarks.exports import Network, write_module
from benchmarks.latency import Latency
from benchmarks.processes import Cost, Spread
from benchmarks.tables import PUBLISHED, between, latency_line, long, spread

ROOT = Path(__file__).parents[2]


def counted(names: Iterable[str], rounds: int) -> dict[str, list[Cost]]:
    return {name: [Cost(place + 1.0, 2.0, 3_000_000)] * rounds for place, name in enumerate(names)}


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is run: the first command takes a second, the next two."""
    monkeypatch.setattr(bench, "in_turn", counted)


@pytest.fixture
def results() -> dict[str, Any]:
    single = Spread(1.0, 1.0, 1.0)
    rows = [
        Latency("A", {}, batch, tool, (9, 7), single, single, Spread(ratio, ratio - 0.01, ratio + 0.01))
        for batch, factor in ((1, 1.0), (16, 1.02))
        for tool, ratio in (("specc", 1.0), ("dynamo", 0.9 * factor), ("script", 1.0 * factor))
    ]
    row = Row("check", "LeNet", "specc", Spread(0.1234, 0.12, 0.13), single, 40_000_000)
    other = Row("check", "LeNet", "nnef", Spread(12.34, 12, 13), single, 400_000, "specc", Spread(0.01, 0.01, 0.02))
    return joined({"check": plain([row, other]), "latency/A": plain(rows)})


class TestRun:
    def test_what_is_measured_is_kept(self, tmp_path: Path) -> None:
        runs = []
        parts = {"a": lambda: runs.append("a") or 1.23456, "b/c": lambda: runs.append("b") or [Spread(1, 2, 3)]}
        found = dict(measure(parts, tmp_path, anew=False))
        assert found == {"a": 1.235, "b/c": [{"median": 1, "least": 2, "most": 3}]}
        assert dict(measure(parts, tmp_path, anew=False)) == found
        assert runs == ["a", "b"]
        assert dict(measure(parts, tmp_path, anew=True)) == found
        assert runs == ["a", "b", "a", "b"]

    def test_an_interrupted_run_goes_on(self, tmp_path: Path) -> None:
        def interrupted() -> float:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            dict(measure({"a": lambda: 1.0, "b": interrupted}, tmp_path, anew=False))
        again = measure({"a": interrupted, "b": lambda: 2.0}, tmp_path, anew=False)
        assert dict(again) == {"a": 1.0, "b": 2.0}

    def test_other_packages_are_measured_anew(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        dict(measure({"a": lambda: 1.0}, tmp_path, anew=False))
        monkeypatch.setattr(bench, "versions", lambda: {"torch": "another"})
        assert dict(measure({"a": lambda: 2.0}, tmp_path, anew=False)) == {"a": 2.0}

    def test_a_peer_that_is_missing_is_said_and_left_out(
        self, monkeypatch: pytest.MonkeyPatch, instant: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        monkeypatch.setattr(bench, "missing", lambda package: package in ("nnef", "spox", "matplotlib"))
        assert [row.tool for row in check(1)] == ["specc", "import torch", "Keras", "torchinfo"]
        monkeypatch.setattr(bench, "parts", lambda quick, rounds: {"check": lambda: check(1)})
        monkeypatch.setattr(sys, "argv", ["bench", "--into", str(tmp_path)])
        bench.main()
        printed = capsys.readouterr().out
        assert "nnef is not installed: left out (requirements-bench.txt has it)" in printed
        assert "Not installed, and left out: nnef, spox." in printed
        assert json.loads((tmp_path / "results.json").read_text("utf-8"))["missing"] == ["nnef", "spox"]
        assert (tmp_path / "table.md").read_text("utf-8").strip() in printed

    def test_without_an_exporter_nothing_is_exported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bench, "missing", lambda package: package == "onnxscript")
        assert not [name for quick in (True, False) for name in bench.parts(quick) if name.startswith("latency")]

    def test_our_part_is_of_theirs(self, monkeypatch: pytest.MonkeyPatch, instant: None) -> None:
        monkeypatch.setattr(bench, "missing", lambda package: package != "nnef")
        ours, torch, nnef = check(3)
        assert (ours.ratio, torch.ratio, nnef.ratio) == (None, Spread(0.5, 0.5, 0.5), Spread(1 / 3, 1 / 3, 1 / 3))
        assert (nnef.processor.median, nnef.wall.median, nnef.memory, nnef.beside) == (3.0, 2.0, 3_000_000, "specc")


def test_what_an_exporter_is_told_of_a_network(tmp_path: Path) -> None:
    spec = tmp_path / "small.cnn"
    spec.write_text("model Small : (image: [N, 3, H, W]) -> (score: [N, 3, H, W]) { relu }\n", encoding="utf-8")
    facts = json.loads(write_module(Network(str(spec)), tmp_path, {"H": 5, "W": 7}).read_text("utf-8"))
    assert facts["inputs"] == [{"name": "image", "shape": [2, 3, 5, 7], "sizes": ["N", None, "H", "W"]}]
    assert (facts["name"], facts["outputs"]) == ("Small", ["score"])
    assert (tmp_path / "network.py").exists()


def test_every_network_of_the_zoo_has_its_sizes() -> None:
    """What has other symbols than these needs a line of its own in `latency.NETWORKS`."""
    every = latency.further() | latency.NETWORKS
    assert len(every) > len(list((ROOT / "examples" / "zoo").glob("*.cnn")))
    for network, sizes in every.values():
        assert {symbol.name for symbol in network.graph.symbols} - {"N"} == sizes.keys()


@pytest.mark.parametrize(
    ("ratio", "slower"), [((1.0, 0.9, 1.1), False), ((1.3, 0.99, 1.4), False), ((1.1, 1.01, 1.2), True)]
)
def test_slower_is_what_every_process_says(ratio: tuple[float, float, float], slower: bool) -> None:
    one = Spread(1, 1, 1)
    assert Latency("A", {}, 1, "dynamo", (1, 1), one, one, Spread(*ratio)).is_slower is slower


class TestWords:
    def test_numbers(self) -> None:
        assert spread({"median": 0.421, "least": 0.4, "most": 0.45}) == "0.42 (0.40 to 0.45)"
        assert spread({"median": 0.421, "least": 0.421, "most": 0.421}) == "0.42"
        assert [tables.seconds(each) for each in (0.1234, 9.994, 12.34)] == ["0.12 s", "9.99 s", "12 s"]
        assert [tables.megabytes(each) for each in (326_837, 46_800_000, 1_234_000_000)] == [
            "0.33 MB",
            "47 MB",
            "1,234 MB",
        ]

    def test_the_long_table(self, results: dict[str, Any]) -> None:
        text = long(results)
        assert "| nnef: parse, infer shapes | 12 s | 1.00 s | 0.40 MB | 0.01 (0.01 to 0.02) |" in text
        assert "| A | 16 | 1,000 ms | 1,000 ms | 1,000 ms | 0.92 (0.91 to 0.93) | 1.02 (1.01 to 1.03) | 9 → 7," in text

    def test_a_busy_machine_is_said_to_be(self, results: dict[str, Any]) -> None:
        results["machine"]["cores"] = "2"
        assert "busy" not in long(results | {"load": 3.0})
        assert "up to 13 processes wanted its 2 cores" in long(results | {"load": 12.7})

    def test_the_extremes_in_a_sentence(self, results: dict[str, Any]) -> None:
        assert latency_line(results) == (
            "In onnxruntime, specc's files of 1 networks take 0.91 of the dynamo exporter's processor time, "
            "0.90 (A, batch 1) to 0.92 (A, batch 16); and 1.01 of the TorchScript exporter's processor time, "
            "1.00 (A, batch 1) to 1.02 (A, batch 16)."
        )

    def test_a_file_that_does_not_run(self, results: dict[str, Any]) -> None:
        """The TorchScript exporter's of a TCN: it begins a slice at no element."""
        broken = Latency("B", {}, 1, "script", (5, 0), fault="does not run: a shape of 0")
        results["latency"] += plain([broken, *(Latency("B", {}, 1, each, (5, 4)) for each in ("specc", "dynamo"))])
        assert "| B | 1 | 0 ms | 0 ms | does not run | 0.00 |  | 5 → 4, 5 → 4, 5 |" in long(results)
        assert latency_line(results).endswith(" The TorchScript exporter's file of B does not run.")
        assert not broken.is_slower

    def test_only_what_is_between_the_marks_changes(self) -> None:
        text = f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n"
        assert between(text, "new\n") == f"before\n{tables.BEGIN}\n\nnew\n\n{tables.END}\nafter\n"
        with pytest.raises(ValueError, match="once"):
            between("no marks", "new")


def test_the_plots_are_the_same_twice(results: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="requirements-bench.txt has it")
    from benchmarks.plots import draw

    first, second = ([*map(Path.read_bytes, draw(results, tmp_path / name))] for name in "ab")
    assert [path.name for path in draw(results, tmp_path)] == ["latency.svg", "latency.png"]
    assert first[0] == second[0]


@pytest.mark.parametrize("name", tables.DOCUMENTS)
def test_the_documents_say_what_was_measured(name: str) -> None:
    """`make figures` measures and writes."""
    published = json.loads(PUBLISHED.read_text("utf-8"))
    text = (ROOT / name).read_text("utf-8")
    assert text == between(text, tables.DOCUMENTS[name](published))


def test_files_run_in_turn(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.onnx" for name in ("ours", "same", "other")]
    for file, step in zip(files, ("relu -> relu", "relu", "tanh"), strict=True):
        specc.loads(f"model M : (x: [N, 3]) -> [N, 3] {{ {step} }}").to_onnx(file, verify=False)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    ours, same, other, wrong = map(str, (*files, broken))
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "sessions.py"),
        '{"x": [3]}',
        "1,2",
        ours,
        wrong,
        other,
        same,
        ours,
    ]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["faults"][other] == "gives other numbers"
    assert found["faults"][wrong].startswith("does not run: ")
    assert found["nodes"] == {same: 1, ours: 2}
    for batch in ("1", "2"):
        assert found[batch].keys() == {same, ours}
        assert found[batch][ours]["ratio"] == 1
        assert all(each["processor"] > 0 for each in found[batch].values())
