"""`specc sweep`: its table, its folder, and how it goes on."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from specc.sweeps import results as writing
from specc.sweeps.results import read_variants
from specc.sweeps.sweep import Sweep
from specc.sweeps.variant import Variant
from tests.cli.conftest import Specc
from tests.sweeps.conftest import SPEC, params

GRID = ("--set", "width=4,8", "--set", "depth=1..4")


@pytest.fixture
def net(here: Path) -> str:
    (here / "net.cnn").write_text(SPEC)
    return "net.cnn"


def test_the_table(specc: Specc, net: str) -> None:
    result = specc("sweep", net, *GRID)
    assert result.code == 0
    head, *rows = result.out.partition("\n\n")[0].splitlines()
    assert head.split() == ["width", "depth", "params", "MACs", "memory", "at", "once", "sees", "network's", "depth"]
    assert [row.split()[:3] for row in rows] == [
        [str(width), str(depth), f"{params(width, depth):,}"] for width in (4, 8) for depth in (1, 2, 3)
    ]
    assert "8 variants: 6 fit\n2 do not fit:\n  S0104 2  such as width=4,depth=4: net.cnn:5:46: " in result.out
    assert result.err == ""


def test_the_front_is_shown_alone(specc: Specc, net: str) -> None:
    result = specc("sweep", net, *GRID, "--pareto", "macs,-receptive_field")
    assert "6 fit, 3 on the front" in result.out
    assert [row.split()[:2] for row in result.out.splitlines()[1:4]] == [["4", "1"], ["4", "2"], ["4", "3"]]


def test_what_has_no_such_number_is_not_on_the_front(specc: Specc, here: Path) -> None:
    (here / "flat.cnn").write_text("model F(c = 4) : [N, 8] -> [N, c] { fc(c) }")
    result = specc("sweep", "flat.cnn", "--set", "c=2..4", "--pareto", "macs,-receptive_field")
    assert "3 fit, 0 on the front\n3 of them lack one of the numbers" in result.out


def test_lines_are_json(specc: Specc, net: str) -> None:
    result = specc("sweep", net, *GRID, "--format", "jsonl", "--where", "params < 1k")
    rows = [json.loads(text) for text in result.out.splitlines()]
    assert [row["variant"] for row in rows] == list(range(8))
    assert [row["kept"] for row in rows] == [row["fits"] and row["params"] < 1000 for row in rows]
    assert rows[3]["reasons"][0]["code"] == "S0104"
    assert rows[3]["params"] is None


def test_nothing_kept_is_a_finding(specc: Specc, net: str) -> None:
    assert "1 does not fit:" in specc("sweep", net, "--set", "depth=3,4").out
    assert specc("sweep", net, "--set", "depth=4").code == 1
    assert specc("sweep", net, "--set", "depth=3", "--where", "params < 3").code == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--set", "widht=1"), "did you mean width"),
        (("--set", "width=1..1000001"), "1,000,001 variants, and the limit is 1,000,000"),
        (("--set", "width=1", "--resume"), "add -o FOLDER"),
        (("--set", "width=1", "--pareto", "parms,macs"), "did you mean params"),
        (("--set", "act=relu", "--pareto", "act,macs"), "no number called act"),
        (("--set", "width=1,2", "--format", "jsonl", "--pareto", "params,macs"), "leave out one"),
        (("--set", "width=1", "-o", "net.cnn"), "net.cnn: it is a file, and results go to a folder"),
        (("--set", "width=1", "--where", " "), "--where is empty"),
        (("--set", "width=1", "--when", "width < 3 and params < 3"), "params is a number of the network"),
        (("--set", "width=1", "--when", "network.depth < 3"), "ask for it with --where"),
        (("--set", "width=1", "--at", "H=3"), "H"),
        ((), "nothing to sweep"),
    ],
)
def test_what_makes_no_sense_is_refused(specc: Specc, net: str, options: tuple[str, ...], words: str) -> None:
    result = specc("sweep", net, *options)
    assert result.code == 2
    assert words in result.err


def test_of_several_models_one_is_chosen(specc: Specc, here: Path) -> None:
    (here / "two.cnn").write_text("".join(f"model {name}(c) : [N, 8] -> [N, c] {{ fc(c) }}\n" for name in "AB"))
    assert "choose with --model A or --model B" in specc("sweep", "two.cnn", "--set", "c=1").err


def test_a_condition_is_shown_as_it_was_written(specc: Specc, net: str) -> None:
    result = specc("sweep", net, "--set", "depth=1", "--where", "parms < 3")
    assert "--where:1:1\n  |\n1 | parms < 3\n  | ^^^^^\n" in result.err


def test_a_grid_in_a_file_and_on_the_line(specc: Specc, net: str, here: Path) -> None:
    (here / "g.yaml").write_text("set: {width: [4, 8]}\n")
    assert "6 variants" in specc("sweep", net, "--grid", "g.yaml", "--set", "depth=1..3").out
    assert "width is in g.yaml" in specc("sweep", net, "--grid", "g.yaml", "--set", "width=1").err


class TestFolder:
    def test_it_has_the_results_and_what_they_are_of(self, specc: Specc, net: str, here: Path) -> None:
        assert specc("sweep", net, *GRID, "-o", "out/a").code == 0
        about = json.loads((here / "out/a/sweep.json").read_text())
        assert about["set"] == {"width": "4,8", "depth": "1..4"}
        assert len(about["sha256"]) == 64
        lines = specc("sweep", net, *GRID, "--format", "jsonl").out
        assert (here / "out/a/variants.jsonl").read_text() == lines
        assert [variant.number for variant in read_variants(here / "out/a")] == list(range(8))

    def test_a_second_sweep_into_it_is_refused(self, specc: Specc, net: str, here: Path) -> None:
        specc("sweep", net, *GRID, "-o", "out")
        before = (here / "out/variants.jsonl").read_bytes()
        assert "--resume goes on with it" in specc("sweep", net, *GRID, "-o", "out").err
        other = specc("sweep", net, "--set", "width=4", "-o", "out", "--resume")
        assert "another sweep: set was" in other.err
        (here / net).write_text(SPEC + "# edited\n")
        assert "net.cnn has been edited" in specc("sweep", net, *GRID, "-o", "out", "--resume").err
        assert (here / "out/variants.jsonl").read_bytes() == before

    def test_one_that_is_written_into_is_refused(self, specc: Specc, net: str, here: Path) -> None:
        specc("sweep", net, *GRID, "-o", "out")
        with open(here / "out/variants.jsonl", "ab") as file:
            writing.lock_file(file.fileno())
            assert "another sweep is writing into out" in specc("sweep", net, *GRID, "-o", "out", "--resume").err

    @pytest.mark.parametrize("kept", [0, 1, 700, 1200, None])
    def test_it_goes_on_wherever_it_was_killed(self, specc: Specc, net: str, here: Path, kept: int | None) -> None:
        whole = specc("sweep", net, *GRID, "-o", "out")
        path = here / "out/variants.jsonl"
        before = path.read_bytes()
        path.write_bytes(before[:kept])
        again = specc("sweep", net, *GRID, "-o", "out", "--resume")
        assert (again.code, again.out) == (whole.code, whole.out)
        assert path.read_bytes() == before

    def test_what_is_damaged_is_not_written_over(self, specc: Specc, net: str, here: Path) -> None:
        specc("sweep", net, *GRID, "-o", "out")
        path = here / "out/variants.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join([lines[0], "?\n", *lines[2:]]))
        result = specc("sweep", net, *GRID, "-o", "out", "--resume")
        assert "damaged behind line 1" in result.err
        assert path.read_text().count("\n") == 8
        (here / "out/sweep.json").unlink()
        assert "no sweep.json" in specc("sweep", net, *GRID, "-o", "out", "--resume").err

    def test_ctrl_c_keeps_what_is_done(
        self, specc: Specc, net: str, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Sweep.variants

        def interrupted(self: Sweep, begin: int = 0) -> Iterator[Variant]:
            for variant in real(self, begin):
                if variant.number == 5:
                    raise KeyboardInterrupt
                yield variant

        monkeypatch.setattr(Sweep, "variants", interrupted)
        result = specc("sweep", net, *GRID, "-o", "out")
        assert result.code == 130
        assert "5 of 8 variants are in out: --resume goes on" in result.err
        monkeypatch.setattr(Sweep, "variants", real)
        again = specc("sweep", net, *GRID, "-o", "out", "--resume")
        assert again.out == specc("sweep", net, *GRID).out

    def test_a_full_disk_keeps_what_was_written(
        self, specc: Specc, net: str, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writing, "_FLUSHED", 3)
        real = writing.open if hasattr(writing, "open") else open

        def small(path: Path, mode: str, **options: Any) -> Any:
            file = real(path, mode, **options)
            return Full(file) if mode == "ab+" else file

        monkeypatch.setattr(writing, "open", small, raising=False)
        result = specc("sweep", net, *GRID, "-o", "out")
        assert result.code == 2
        assert "the 3 variants before are there: make room, and --resume goes on" in result.err
        assert [variant.number for variant in read_variants(here / "out")] == [0, 1, 2]
        monkeypatch.undo()
        monkeypatch.chdir(here)


class Full:
    """A file on a disk that is full after a thousand bytes, in the middle of a line."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._room = 1000

    def write(self, data: bytes) -> int:
        part = data[: self._room]
        self._room -= len(part)
        if not part:
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self._file.write(part))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._file)
