"""What a person sees while a proof runs, and what nobody sees who is not there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from specc.cli.output import progress_bar, time_left
from specc.verify.whole_progress import LOADING, WholeProgress
from tests.verify.networks import chain

pty = pytest.importorskip("pty", reason="Windows has no such terminals")

LENET = str(Path(__file__).parents[2] / "examples" / "lenet.cnn")


def test_a_bar_from_the_beginning(tmp_path: Path) -> None:
    """Before PyTorch is loaded it says so, and what is left of the whole, on standard error alone, in short lines."""
    columns = 40
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "specc", "compile", LENET, "-o", str(tmp_path / "lenet.onnx")]
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # Linux says so that the other side is closed
        pass
    os.close(ours)
    out, _ = process.communicate()
    assert process.returncode == 0
    assert out.startswith(bytes(tmp_path / "lenet.onnx") + b": LeNet, ")
    assert out.count(b"\n") == 1
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    lines = [line.strip() for line in re.split(r"[\r\n]+", plain) if line.strip()]
    assert all(len(line) <= columns for line in lines), lines
    assert lines[0].endswith("writing the file")
    loading = next(line for line in lines if " loading PyTorch" in line)
    assert re.match(r"0:0\d left (\S+ )?loading PyTorch", loading)
    assert all(re.match(r"0:\d\d left ", line) for line in lines[lines.index(loading) :]), lines


@pytest.mark.parametrize(("variable", "value"), [("TERM", "dumb"), ("FORCE_COLOR", "1")])
def test_without_a_terminal_nothing_is_shown(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor on one that cannot go back in a line; colours that are asked for make a file no terminal."""
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: variable == "TERM")
    with progress_bar("writing the file") as draw:
        assert draw is None
    assert capsys.readouterr() == ("", "")


def test_time_left_follows_the_machine() -> None:
    assert time_left(0, 0, 4000) == "0:04 left", "at first, that of a usual machine"
    assert time_left(100, 100_000, 225_000) == "2:05 left"
    assert time_left(1000, 100_000, 200_000) == "16:22 left", "one of a tenth of its speed"
    assert time_left(5, 5000, 5000) == "0:01 left"


def told(shape: str, steps: str, *, again: bool = False) -> list[tuple[str, int, int]]:
    heard: list[tuple[str, int, int]] = []
    progress = WholeProgress(lambda *each: heard.append(each), chain(shape, steps), "quick")
    progress(LOADING, 0, 1)
    progress.expect(again=again, once=False)
    progress("PyTorch in float64", 0, 6)
    return heard


def test_what_costs_most_is_said_where_it_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    convolutions = " -> ".join(["conv(64, 3, padding=1)"] * 40)
    first, second = told("[N, 3, H, W]", convolutions, again=True)
    assert (first[0], second[0]) == (LOADING, "PyTorch in float64")
    assert first[1] == 0
    assert first[2] < second[2], "it is to be done twice"
    monkeypatch.setattr("specc.verify.whole_progress.LONG", 1000)
    _, (what, *_) = told("[N, 3, H, W]", convolutions, again=True)
    sizes = "4 sizes, 20 x 28, 1 x 1, 3 x 2 and 23 x 29"
    assert re.fullmatch(rf"PyTorch in float64 \(normal and spikes numbers at {sizes}: [5-9]\d% of the time\)", what)
