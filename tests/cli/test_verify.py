"""``specc verify``: what it takes, what it refuses, where its words go."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.torch import load_file

from specc.cli import verify
from specc.verify import parity
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

    @pytest.mark.parametrize(("ending", "form"), [("json", "json"), ("html", "html"), ("HTM", "html"), ("txt", "full")])
    def test_the_ending_says_the_format(self, specc: Specc, small: str, ending: str, form: str) -> None:
        printed = specc("verify", small, "--format", form)
        assert specc("verify", small, "-o", f"report.{ending}").code == 0
        assert Path(f"report.{ending}").read_bytes() == printed.out.encode()

    def test_what_it_was_about(self, specc: Specc, small: str) -> None:
        data = Path("small.onnx").read_bytes()
        found = json.loads(specc("verify", small, "small.onnx", "--format", "json").out)
        (about,) = found["files"]
        assert about == {"name": "small.onnx", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        assert found["weights"] == "the file's own, compared with nothing"
        assert found["claimed"] == "seed 0"
        written = json.loads(specc("verify", small, "--format", "json").out)
        assert (written["files"], written["weights"]) == ([], "seed 0")

    def test_weights_beside_the_file_are_told_too(self, specc: Specc, small: str) -> None:
        onnx.save(onnx.load("small.onnx"), "apart.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
        found = json.loads(specc("verify", small, "apart.onnx", "--format", "json").out)
        assert [file["name"] for file in found["files"]] == ["apart.onnx", "w.bin"]
        assert found["files"][1]["sha256"] == hashlib.sha256(Path("w.bin").read_bytes()).hexdigest()

    def test_another_seed_is_the_cause(self, specc: Specc, small: str) -> None:
        said = specc("verify", small, "small.onnx", "--seed", "1").out.splitlines()[-1]
        assert said.startswith(
            "parity failed: the weights are not those of seed 1: 4 of 4 tensors differ; "
            "the file says of itself: seed 0; with them conv1 (small.cnn:2:3) and 1 more step diverge"
        )

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


class TestWeightsThatDoNotFit:
    """The report is written whatever the verdict: CI must not keep yesterday's."""

    @pytest.fixture
    def unfit(self, small: str) -> str:
        """A file that holds NaN."""
        proto = onnx.load("small.onnx")
        stored = next(tensor for tensor in proto.graph.initializer if tensor.name == "conv2.bias")
        values = numpy_helper.to_array(stored).copy()
        values[1] = float("nan")
        stored.CopyFrom(numpy_helper.from_array(values, stored.name))
        onnx.save(proto, "unfit.onnx")
        return "unfit.onnx"

    @pytest.mark.parametrize("ending", ["json", "html", "txt"])
    def test_the_report_is_written(self, specc: Specc, small: str, unfit: str, ending: str) -> None:
        report = Path(f"report.{ending}")
        report.write_text("yesterday's", encoding="utf-8")
        result = specc("verify", small, unfit, "-o", report)
        assert result.code == 1
        assert result.out.startswith(
            "parity failed: the weights in unfit.onnx do not fit the spec: conv2.bias holds NaN"
        )
        assert "error: the weights in unfit.onnx do not fit the spec:\n  conv2.bias holds NaN or infinity" in result.err
        assert "conv2.bias holds NaN" in report.read_text(encoding="utf-8")

    def test_json(self, specc: Specc, small: str, unfit: str) -> None:
        found = json.loads(specc("verify", small, unfit, "--format", "json").out)
        assert found["passed"] is False
        (check,) = found["checks"]
        assert (check["case"], check["passed"]) == ("weights", False)
        assert "conv2.bias holds NaN" in check["reason"]
        assert found["files"][0]["name"] == unfit

    def test_on_a_terminal(self, specc: Specc, small: str, unfit: str) -> None:
        result = specc("verify", small, unfit)
        assert (result.code, result.err) == (1, "")
        assert "\n  conv2.bias holds NaN or infinity\n" in result.out

    @pytest.mark.parametrize("form", ["json", "html"])
    def test_a_spec_with_mistakes_is_a_failure_too(self, specc: Specc, small: str, form: str) -> None:
        Path(small).write_text(SPEC.replace("relu", "rleu").replace("conv(5", "cnov(5"), encoding="utf-8")
        result = specc("verify", small, "small.onnx", "-o", f"report.{form}")
        assert result.code == 1
        assert result.out.startswith("parity failed: the spec has mistakes: small.cnn:2:17: error[S0201] no layer is")
        assert " --> small.cnn:2:17\n" in result.err
        assert result.err.count("error[") == 2
        report = Path(f"report.{form}").read_text(encoding="utf-8")
        assert "small.cnn:2:17: error[S0201] no layer is called rleu" in report
        assert "small.cnn:3:" in report

    def test_to_people_mistakes_are_shown_once(self, specc: Specc, small: str) -> None:
        Path(small).write_text(SPEC.replace("relu", "rleu"), encoding="utf-8")
        result = specc("verify", small, "small.onnx")
        assert (result.code, result.out) == (1, "")

    def test_a_file_that_cannot_be_read_leaves_the_report_alone(self, specc: Specc, small: str) -> None:
        Path("report.html").write_text("yesterday's", encoding="utf-8")
        assert specc("verify", small, "no.onnx", "-o", "report.html").code == 2
        assert Path("report.html").read_text(encoding="utf-8") == "yesterday's"


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
        assert result.err.startswith(f"error: {option} is a number from 0 on")


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
            (["-o", "r.html", "--format", "json"], "-o r.html is the name of a file for --format html"),
            (["-o", "r.json", "--format", "full"], "-o r.json is the name of a file for --format json"),
            (["--all", "-o", "r.json"], "json has every row anyway"),
            (["small.onnx", "wrong.onnx"], 'for file in small.onnx wrong.onnx; do specc verify small.cnn "$file"'),
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

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["a.onnx", "b.onnx"], "neither a.onnx nor b.onnx is a spec: specc verify SPEC a.onnx proves one"),
            (["a.onnx", "b c.onnx", "d.onnx"], """for file in a.onnx 'b c.onnx' d.onnx; do specc verify "$file" """),
            (["a.onnx", "a.specc.json"], "specc verify a.onnx --sidecar a.specc.json"),
            (["a.specc.json", "b.onnx"], "specc verify b.onnx --sidecar a.specc.json"),
            (["a.specc.json"], "specc verify a.onnx --sidecar a.specc.json"),
        ],
    )
    def test_places(self, specc: Specc, here: Path, arguments: list[str], said: str) -> None:
        result = specc("verify", *arguments)
        assert (result.code, result.out) == (2, "")
        assert said in result.err

    @pytest.mark.parametrize("command", ["check", "show", "compile", "fmt"])
    def test_an_onnx_file_is_no_spec(self, specc: Specc, small: str, command: str) -> None:
        result = specc(command, "small.onnx")
        assert result.code == 2
        assert "small.onnx is an ONNX file, not a spec: specc inspect small.onnx" in result.out + result.err
        assert "UTF-8" not in result.out + result.err

    def test_a_file_of_onnxruntimes_own(self, specc: Specc, small: str) -> None:
        Path("small.onnx").rename("small.ort")
        result = specc("verify", "small.ort")
        assert (result.code, result.out) == (2, "")
        assert "small.ort is in onnxruntime's own format" in result.err

    def test_what_compile_writes_stands_behind_o(self, specc: Specc, small: str) -> None:
        result = specc("compile", small, "new.onnx")
        assert (result.code, result.out) == (2, "")
        assert result.err == "error: new.onnx is what to write: specc compile small.cnn -o new.onnx\n"
        assert specc("compile", small, small).code == 2

    def test_what_may_not_be_written_is_told_before_the_proof(
        self, specc: Specc, small: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(**options: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
        monkeypatch.setattr(parity, "verify_emitted", lambda *_, **__: pytest.fail("it was proven first"))
        for option in (["-o", "r.html"], ["--repro", "new"]):
            result = specc("verify", small, *option)
            assert (result.code, result.out) == (2, "")
            assert f"cannot write {option[1]}: no permission to make or replace a file in its folder" in result.err


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
        proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value += 1
        onnx.save(proto, "other.onnx")
        result = specc("verify", small, "other.onnx", "--repro", "out")
        assert result.code == 1
        assert result.err == "out is not written: no step diverges by itself: what fails is the file as a whole\n"


class TestAnOnnxFileAlone:
    """What is done with it is for the tests of recheck.py; here, that it gets there with its options."""

    def test_it_is_handed_on(self, specc: Specc, small: str, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []
        fields = ("spec", "sidecar", "provider", "form", "output")
        monkeypatch.setattr(
            verify, "_recheck", lambda asked: seen.append(tuple(getattr(asked, f) for f in fields)) or 1
        )
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
        typed = " ".join(options)
        assert (
            result.err == f"error: {options[0]} is for a spec and its ONNX file: specc verify SPEC small.onnx {typed}\n"
        )

    def test_one_that_is_not_there(self, specc: Specc, small: str) -> None:
        result = specc("verify", "smal.onnx")
        assert (result.code, result.err) == (2, "error: there is no smal.onnx; did you mean small.onnx?\n")
        assert specc("verify", "quite-another.onnx").err == "error: there is no quite-another.onnx\n"

    def test_what_is_no_onnx_file(self, specc: Specc, small: str) -> None:
        Path("page.onnx").write_text("<html>", encoding="utf-8")
        Path("folder.onnx").mkdir()
        assert specc("verify", "page.onnx").err == "error: page.onnx is no ONNX file, or is cut short\n"
        assert specc("verify", "folder.onnx").err.startswith("error: folder.onnx is a folder")


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
def test_a_bar_on_a_terminal(small: str) -> None:
    out, said = on_a_terminal(["verify", small])
    assert "step by step" in said
    assert "━" in said or "-" in said
    assert "step by step" not in out
    assert said.endswith(("\x1b[2K", "\x1b[?25h"))  # the line is cleared, the cursor is back
