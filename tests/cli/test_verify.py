"""``specc verify``: what it takes, what it refuses, where its words go."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.torch import load_file

from specc.cli import golden
from tests.cli.conftest import Specc

ROOT = Path(__file__).parents[2]
SPEC = "model Small : [N, 3, 9, 7] {\n  conv(4, 3) -> relu\n  conv(5, 2)\n}\n"


@pytest.fixture
def small(here: Path, specc: Specc) -> str:
    """A spec, and beside it small.onnx, which is right, and wrong.onnx, in which relu is Abs."""
    (here / "small.cnn").write_text(SPEC, encoding="utf-8")
    assert specc("compile", "small.cnn", "-o", "small.onnx", "--no-verify").code == 0
    proto = onnx.load("small.onnx")
    next(node for node in proto.graph.node if node.op_type == "Relu").op_type = "Abs"
    onnx.save(proto, "wrong.onnx")
    return "small.cnn"


class TestReport:
    def test_a_right_file(self, specc: Specc, small: str) -> None:
        result = specc("verify", small, "small.onnx")
        assert (result.code, result.err) == (0, "")
        lines = result.out.splitlines()
        assert lines[0] == "Small in small.onnx"
        assert [line.split()[0] for line in lines if re.match(r"(conv|relu)\d", line)] == ["conv1", "relu1", "conv2"]
        assert lines[-1].startswith("parity proven on cpu: 3 steps by themselves and ")

    def test_a_wrong_one(self, specc: Specc, small: str) -> None:
        result = specc("verify", small, "wrong.onnx")
        assert result.code == 1
        assert "error: the file's relu1 is not the spec's\n --> small.cnn:2:17\n" in result.out
        assert "^^^^ not equal to the bit" in result.out
        assert result.out.splitlines()[-1].startswith("parity failed at relu1 (small.cnn:2:17): ")

    def test_an_absolute_path_below_is_shown_as_it_lies(self, specc: Specc, small: str) -> None:
        result = specc("verify", Path(small).absolute(), Path("wrong.onnx").absolute(), "--format", "html")
        assert "small.cnn:2:17" in result.out
        assert "in wrong.onnx" in result.out
        assert str(Path.cwd()) not in result.out

    def test_json(self, specc: Specc, small: str) -> None:
        names = ("small.onnx", "wrong.onnx")
        right, wrong = (json.loads(specc("verify", small, name, "--format", "json").out) for name in names)
        assert (right["passed"], right["first_divergence"]) == (True, None)
        assert (wrong["passed"], wrong["first_divergence"]) == (False, "relu1")
        assert [step["name"] for step in wrong["steps"]] == ["conv1", "relu1", "conv2"]
        assert wrong["steps"][1]["error_onnx"] == "infinity"
        assert wrong["onnx"] == "wrong.onnx"

    @pytest.mark.parametrize("form", ["full", "json", "html"])
    def test_into_a_file(self, specc: Specc, small: str, form: str) -> None:
        printed = specc("verify", small, "--format", form)
        filed = specc("verify", small, "--format", form, "-o", "report")
        assert (printed.code, filed.code) == (0, 0)
        assert Path("report").read_bytes() == printed.out.encode()
        assert filed.out.startswith("parity proven")
        assert filed.out.count("\n") == 1

    def test_notes_on_weights_leave_json_alone(self, specc: Specc, small: str) -> None:
        assert specc("compile", small, "--no-verify", "-o", "x.onnx", "--save-weights", "x.safetensors").code == 0
        torch.save({"epoch": 1, "state_dict": load_file("x.safetensors")}, "x.pt")
        found = json.loads(specc("verify", small, "x.onnx", "--weights", "x.pt", "--format", "json").out)
        assert "x.pt: the weights are its entry state_dict; not read: epoch" in found["notes"]
        assert {tensor["status"] for tensor in found["tensors"]} == {"same"}


class TestTolerance:
    @pytest.fixture
    def nearly(self, small: str) -> str:
        """A file whose bias is 1e-4 off."""
        proto = onnx.load("small.onnx")
        stored = next(tensor for tensor in proto.graph.initializer if tensor.name == "conv2.bias")
        values = numpy_helper.to_array(stored)
        stored.CopyFrom(numpy_helper.from_array(values + values.dtype.type(1e-4), stored.name))
        onnx.save(proto, "nearly.onnx")
        return "nearly.onnx"

    def test_it_judges_and_says_so(self, specc: Specc, small: str, nearly: str) -> None:
        assert specc("verify", small, nearly).code == 0  # its own weights, which are right for themselves
        assert specc("verify", small, nearly, "--atol", "1e-5", "--rtol", "1e-6").code == 1
        result = specc("verify", small, "small.onnx", "--atol", "1e-3", "--rtol", "1e-5")
        assert result.code == 0
        assert "proven" not in result.out.splitlines()[-1]
        assert "atol 0.001 and rtol 1e-05" in result.out.splitlines()[-1]

    @pytest.mark.parametrize("option", ["--atol", "--rtol"])
    @pytest.mark.parametrize("value", ["-1", "inf", "nan"])
    def test_what_would_allow_everything(self, specc: Specc, small: str, option: str, value: str) -> None:
        result = specc("verify", small, option, value)
        assert (result.code, result.out) == (2, "")
        assert f"{option} is a number from 0 on" in result.err


class TestRefused:
    """What would change nothing, or overwrite something, before anything is computed."""

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--sidecar", "x.json"], "--sidecar is for an ONNX file without its spec"),
            (["--all", "--format", "json"], "json has every row anyway"),
            (["--all", "--format", "html"], "html has every row anyway"),
            (["--tf32"], "add --provider cuda"),
            (["--atol", "1e-3", "--repro", "new"], "judge the outputs only"),
            (["-o", "small.cnn"], "small.cnn is read by this command"),
            (["small.onnx", "-o", "small.onnx"], "small.onnx is read by this command"),
            (["-o", "-"], "-o needs the name of a file"),
            (["-o", "no/such/report.html"], "the folder no/such does not exist"),
            (["--repro", "."], "name a new folder"),
            (["--repro", "full"], "the folder is not empty"),
            (["--repro", "small.cnn"], "it is a file"),
            (["--repro", "new", "-o", "new/report.html"], "the folder new does not exist"),
            (["--repro", "empty", "-o", "empty/report.html"], "lies in empty, which --repro writes whole"),
            (["--match", "order"], "add --weights FILE"),
        ],
    )
    def test_options(self, specc: Specc, small: str, options: list[str], said: str) -> None:
        Path("full").mkdir()
        Path("full/mine.txt").write_text("mine", encoding="utf-8")
        Path("empty").mkdir()
        before = sorted(Path().rglob("*"))
        result = specc("verify", small, *options)
        assert (result.code, result.out) == (2, "")
        assert said in result.err
        assert sorted(Path().rglob("*")) == before

    def test_the_wrong_order(self, specc: Specc, small: str) -> None:
        result = specc("verify", "small.onnx", small)
        assert (result.code, result.err) == (2, "error: the spec comes first: specc verify small.cnn small.onnx\n")


class TestRepro:
    def test_what_fails_is_written(self, specc: Specc, small: str) -> None:
        result = specc("verify", small, "wrong.onnx", "--repro", "out")
        assert (result.code, result.err) == (1, "out: relu1 by itself; run it with python out/repro.py\n")
        done = subprocess.run([sys.executable, "-I", "out/repro.py"], capture_output=True, check=False)
        assert done.returncode == 1

    def test_where_all_holds_there_is_nothing(self, specc: Specc, small: str) -> None:
        result = specc("verify", small, "small.onnx", "--repro", "out")
        assert (result.code, result.err) == (0, "out is not written: no step diverges by itself\n")
        assert not Path("out").exists()

    def test_where_the_file_is_another_networks(self, specc: Specc, small: str) -> None:
        proto = onnx.load("small.onnx")
        proto.graph.input[0].name = proto.graph.node[0].input[0] = "other"
        onnx.save(proto, "other.onnx")
        result = specc("verify", small, "other.onnx", "--repro", "out")
        assert result.code == 1
        assert result.err == "out is not written: no step diverges by itself: what fails is the file as a whole\n"


class TestAnOnnxFileAlone:
    """What is done with it is for the tests of golden.py; here, that it gets there with its options."""

    def test_it_is_handed_on(self, specc: Specc, small: str, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []
        monkeypatch.setattr(golden, "run", lambda *arguments: seen.append(arguments) or 1)
        assert specc("verify", "small.onnx").code == 1
        options = ["--sidecar", "s.json", "--provider", "cuda", "--format", "json", "-o", "r.json"]
        assert specc("verify", "small.onnx", *options).code == 1
        assert seen == [
            ("small.onnx", None, "cpu", "full", None),
            ("small.onnx", "s.json", "cuda", "json", "r.json"),
        ]

    @pytest.mark.parametrize(
        "options",
        [
            ["--seed", "0"], ["--weights", "x"], ["--match", "name"], ["--repro", "d"], ["--atol", "0"],
            ["--rtol", "1"], ["--all"], ["--tf32"], ["--model", "M"], ["--set", "a=1"],
        ],
    )  # fmt: skip
    def test_what_needs_a_spec(self, specc: Specc, small: str, options: list[str]) -> None:
        result = specc("verify", "small.onnx", *options)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith(
            f"error: {options[0]} is for a spec and its ONNX file: specc verify SPEC small.onnx"
        )


def on_a_terminal(arguments: list[str]) -> tuple[str, str]:
    """What the command prints to standard output, a file, and to standard error, a terminal."""
    ours, theirs = os.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    environment |= {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(
        [sys.executable, "-m", "specc", *arguments], stdout=subprocess.PIPE, stderr=theirs, env=environment
    ) as running:
        os.close(theirs)
        said = b""
        try:
            while piece := os.read(ours, 1 << 16):
                said += piece
        except OSError:  # Linux's way of saying that the other end is closed
            pass
        assert running.stdout is not None
        out = running.stdout.read()
    os.close(ours)
    assert running.returncode == 0
    return out.decode(), said.decode()


@pytest.mark.slow
@pytest.mark.parametrize("command", [["verify", "small.cnn"], ["compile", "small.cnn", "-o", "new.onnx"]])
def test_a_bar_on_a_terminal(small: str, command: list[str]) -> None:
    out, said = on_a_terminal(command)
    assert "step by step" in said
    assert "━" in said or "-" in said
    assert "step by step" not in out
    assert said.endswith(("\x1b[2K", "\x1b[?25h"))  # the line is cleared, the cursor is back


@pytest.mark.slow
def test_no_bar_in_a_pipe(small: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "FORCE_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "specc", "verify", small], env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
