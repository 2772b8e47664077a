"""What the commands print and how they end."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from tests.cli.conftest import Specc

EXAMPLES = Path(__file__).parents[2] / "examples"
LENET = EXAMPLES / "lenet.cnn"


def spec(folder: Path, text: str, name: str = "net.cnn") -> Path:
    path = folder / name
    path.write_text(text)
    return path


class TestCheck:
    def test_all_well(self, specc: Specc) -> None:
        result = specc("check", EXAMPLES)
        assert result.code == 0
        assert "all fit together" in result.out

    def test_findings(self, specc: Specc, tmp_path: Path) -> None:
        spec(tmp_path, "model M : [N, 3] { cf(3) }", "a.cnn")
        spec(tmp_path, "model M : [N, 3] { fc(0) }", "b.cnn")
        spec(tmp_path, "model M : [N, 3] { fc(1) }", "c.cnn")
        result = specc("check", tmp_path)
        assert result.code == 1
        assert result.out.index("a.cnn:1:20") < result.out.index("b.cnn:1:23")
        assert "2 errors in 2 of 3 files" in result.out
        assert result.err == ""

    def test_standard_input(self, specc: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
        stream = io.TextIOWrapper(io.BytesIO(b"model M : [N, 3] { fc(2) -> fc }"))
        monkeypatch.setattr(sys, "stdin", stream)
        result = specc("check", "-")
        assert result.code == 1
        assert "<stdin>:1:29" in result.out

    def test_nothing_to_check(self, specc: Specc, tmp_path: Path) -> None:
        assert specc("check", tmp_path).code == 3

    def test_a_missing_file_is_wrong_usage_and_the_others_are_checked(self, specc: Specc, tmp_path: Path) -> None:
        bad = spec(tmp_path, "model M : [N, 3] { cf(3) }")
        result = specc("check", tmp_path / "missing.cnn", bad)
        assert result.code == 2
        assert "missing.cnn: there is no such file" in result.err
        assert "S0201" in result.out

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "S0004"),
            (b"# only words\n", "S0004"),
            (b"model M : [N, 3] {\n  fc(3)\xff }", "S0001"),
            (b"model M : [N, 3] {\n  fc(3)\0 }", "S0001"),
            (b"a" * 10_000_000, "S0001"),
            (b"model M : [N, 3] { fc(3)", "S0003"),
            (b"model M : [N, 3] { fc(3) } }", "S0003"),
            (b"model M : [N, " + b"9" * 31 + b"] { fc(3) }", "S0601"),
        ],
        ids=["empty", "comment", "utf8", "nul", "10MB", "unclosed", "unopened", "huge"],
    )
    def test_bad_files_have_a_place_and_a_code(self, specc: Specc, tmp_path: Path, content: bytes, code: str) -> None:
        path = tmp_path / "bad.cnn"
        path.write_bytes(content)
        result = specc("check", path)
        assert result.code == 1
        assert f"error[{code}]" in result.out
        assert "bad.cnn:" in result.out

    def test_colour_only_where_asked_for(self, specc: Specc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        bad = spec(tmp_path, "model M : [N, 3] { cf(3) }")
        assert "\x1b[" not in specc("check", bad).out
        monkeypatch.setenv("FORCE_COLOR", "1")
        assert "\x1b[" in specc("check", bad).out
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b[" not in specc("check", bad).out


class TestShow:
    def test_table(self, specc: Specc) -> None:
        result = specc("show", LENET)
        assert result.code == 0
        assert "LeNet : input [N, 1, 32, 32] -> output [N, 10]" in result.out
        row = next(line for line in result.out.splitlines() if line.startswith("fc1"))
        assert row.split() == ["fc1", "fc(120)", "[N,", "120]", "69,240", "69.12", "k", "480", "B", "30", "x", "30"]
        assert "parameters         81,194" in result.out

    def test_settings(self, specc: Specc) -> None:
        movement = EXAMPLES / "timeseries.cnn"
        assert "-> output [N, 7]" in specc("show", movement, "--set", "classes=7").out
        assert "7 x 64 = 448" in specc("explain", f"{movement}:fc1", "--set", "classes=7").out
        result = specc("show", LENET, "--set", "classes=7")
        assert result.code == 1
        assert "params = 80,939" in result.err

    def test_models_side_by_side(self, specc: Specc) -> None:
        result = specc("show", EXAMPLES / "twins.cnn")
        rows = [line.split()[:2] for line in result.out.splitlines()[-2:]]
        assert rows == [["Convolution", "80"], ["FullyConnected", "4,923,520"]]

    @pytest.mark.parametrize("setting", ["classes", "classes=", "classes=(", "3=3", "classes=relu", "clases=3"])
    def test_bad_settings(self, specc: Specc, setting: str) -> None:
        result = specc("show", LENET, "--set", setting)
        assert result.code == 2
        assert result.err.startswith("error: ")


class TestExplain:
    def test_step(self, specc: Specc) -> None:
        result = specc("explain", f"{LENET}:conv2")
        assert result.code == 0
        assert "height: (15 + 2*0 - 3)/1 + 1 = 13" in result.out
        assert "weight: 16 x 6 x 3 x 3 = 864 (parameter)" in result.out
        assert "macs: 16 x 13 x 13 outputs * 6 x 3 x 3 = 146,016" in result.out

    def test_no_such_code(self, specc: Specc) -> None:
        result = specc("explain", "S9999")
        assert result.code == 2
        assert "there is no code S9999" in result.err

    def test_code(self, specc: Specc) -> None:
        assert specc("explain", "S0104").out.startswith("S0104: ")

    @pytest.mark.parametrize(
        ("what", "hint"),
        [(f"{LENET}:conv9", "did you mean conv"), ("conv1", "SPEC:STEP"), ("none.cnn:conv1", "no such")],
    )
    def test_wrong(self, specc: Specc, what: str, hint: str) -> None:
        result = specc("explain", what)
        assert result.code == 2
        assert hint in result.err


class TestCompile:
    def test_onnx_with_proof(self, specc: Specc, tmp_path: Path) -> None:
        path = tmp_path / "lenet.onnx"
        result = specc("compile", LENET, "-o", path)
        assert result.code == 0
        assert "parity proven" in result.out
        model = onnx.load(path)
        assert (model.ir_version, model.opset_import[0].version) == (8, 18)
        assert {t.name for t in model.graph.initializer} >= {"conv1.weight", "fc3.bias"}
        assert [v.name for v in (*model.graph.input, *model.graph.output)] == ["input", "output"]
        assert {"conv1", "relu1", "flatten1"} <= {name for node in model.graph.node for name in node.output}

    def test_settings_reach_the_file_and_the_proof(self, specc: Specc, tmp_path: Path) -> None:
        movement, path = EXAMPLES / "timeseries.cnn", tmp_path / "m.onnx"
        assert specc("compile", "--no-verify", movement, "-o", path, "--set", "classes=7").code == 0
        shape = onnx.load(path).graph.output[0].type.tensor_type.shape
        assert [d.dim_param or d.dim_value for d in shape.dim] == ["N", 7]
        assert specc("verify", movement, path, "--set", "classes=7").code == 0
        assert specc("verify", movement, path).code != 0

    def test_torch_with_weights(self, specc: Specc, tmp_path: Path) -> None:
        result = specc("compile", LENET, "-o", tmp_path / "net.py", "--save-weights", tmp_path / "net.safetensors")
        assert result.code == 0
        namespace: dict[str, type[torch.nn.Module]] = {}
        exec((tmp_path / "net.py").read_text(), namespace)
        module = namespace["LeNet"]()
        module.load_state_dict(load_file(tmp_path / "net.safetensors"))
        assert module(torch.zeros(2, 1, 32, 32)).shape == (2, 10)

    def test_default_output_is_named_after_the_model(
        self, specc: Specc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert specc("compile", "--no-verify", LENET).code == 0
        assert specc("compile", "--no-verify", "--target", "torch", LENET).code == 0
        assert sorted(p.name for p in tmp_path.iterdir()) == ["LeNet.onnx", "LeNet.py"]

    def test_weights_make_the_round(self, specc: Specc, tmp_path: Path) -> None:
        saved, first, second = (tmp_path / name for name in ("w.safetensors", "a.onnx", "b.onnx"))
        assert specc("compile", "--no-verify", LENET, "-o", first, "--seed", 7, "--save-weights", saved).code == 0
        assert specc("compile", "--no-verify", LENET, "-o", second, "--weights", saved).code == 0
        assert first.read_bytes() == second.read_bytes()
        assert specc("compile", "--no-verify", LENET, "-o", second, "--seed", 8).code == 0
        assert first.read_bytes() != second.read_bytes()

    @pytest.mark.parametrize(
        "options",
        [
            ["--seed", 1, "--weights", "w.safetensors"],
            ["--seed", 1, "-o", "net.py"],
            ["--weights", "w.safetensors", "-o", "net.py"],
            ["--opset", 19, "-o", "net.py"],
            ["--opset", 17],
            ["--opset", 99],
            ["--seed", -1],
            ["--seed", 2**63],
            ["--target", "torch", "-o", "net.onnx"],
            ["--target", "onnx", "-o", "net.py"],
            ["--provider", "cuda", "--no-verify"],
            ["-o", "missing/net.onnx"],
            ["-o", "."],
            ["-o", "/dev/full"],
            ["-o", "-"],
            ["-o", ""],
            ["--save-weights", "missing/w.safetensors"],
            ["--set", "classes=10", "--set", "classes=10"],
            ["--save-weights", "LeNet.onnx"],
            ["--weights", "missing.safetensors"],
            ["--model", "Other"],
            ["--frobnicate"],
        ],
        ids=lambda options: " ".join(map(str, options)),
    )
    def test_senseless_requests_are_refused_and_nothing_is_written(
        self, specc: Specc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[object]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        result = specc("compile", LENET, *options)
        assert result.code == 2
        assert result.err
        assert list(tmp_path.iterdir()) == []

    def test_a_spec_is_never_overwritten(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, LENET.read_text(), "net.onnx")
        assert specc("compile", path, "-o", path).code == 2
        assert path.read_text() == LENET.read_text()

    def test_a_failed_proof_leaves_the_old_file(
        self, specc: Specc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from specc.ir.onnx import Builder
        from specc.ops.activation import Relu

        def broken(self: Relu, build: Builder, values: tuple[str, ...], *inputs: object) -> str:
            return build.node("Abs", *values)

        monkeypatch.setattr(Relu, "onnx", broken)
        path = tmp_path / "lenet.onnx"
        path.write_bytes(b"the old one")
        result = specc("compile", LENET, "-o", path)
        assert result.code == 1
        assert "parity failed" in result.err
        assert path.read_bytes() == b"the old one"
        assert [p.name for p in tmp_path.iterdir()] == ["lenet.onnx"]

    def test_cuda_is_refused_where_it_cannot_run(self, specc: Specc, tmp_path: Path) -> None:
        if torch.cuda.is_available():
            pytest.skip("this machine has a GPU")
        result = specc("compile", LENET, "-o", tmp_path / "lenet.onnx", "--provider", "cuda")
        assert result.code == 2
        assert "cuda" in result.err.lower()
        assert list(tmp_path.iterdir()) == []

    def test_findings_go_to_the_error_stream(self, specc: Specc, tmp_path: Path) -> None:
        result = specc("compile", spec(tmp_path, "model M : [N, 3] { cf(3) }"), "-o", tmp_path / "x.onnx")
        assert (result.code, result.out) == (1, "")
        assert "S0201" in result.err


class TestVerify:
    def test_emitted(self, specc: Specc) -> None:
        result = specc("verify", EXAMPLES / "edges.cnn")
        assert result.code == 0
        assert "parity proven" in result.out

    def test_a_changed_file_fails(self, specc: Specc, tmp_path: Path) -> None:
        path = tmp_path / "edges.onnx"
        assert specc("compile", "--no-verify", EXAMPLES / "edges.cnn", "-o", path).code == 0
        assert specc("verify", EXAMPLES / "edges.cnn", path).code == 0
        model = onnx.load(path)
        model.graph.node[0].op_type = "Conv"
        del model.graph.node[0].attribute[:]
        model.graph.node[0].attribute.append(onnx.helper.make_attribute("pads", [0, 1, 0, 0]))
        onnx.save(model, path)
        result = specc("verify", EXAMPLES / "edges.cnn", path)
        assert result.code == 1
        assert "parity failed" in result.out

    def test_other_weights_fail(self, specc: Specc, tmp_path: Path) -> None:
        path = tmp_path / "lenet.onnx"
        assert specc("compile", "--no-verify", LENET, "-o", path, "--seed", 1).code == 0
        assert specc("verify", LENET, path, "--seed", 1).code == 0
        assert specc("verify", LENET, path, "--seed", 2).code == 1

    @pytest.mark.parametrize("content", [b"", b"not onnx at all", b"\x08\x08"])
    def test_a_foreign_file_is_wrong_usage(self, specc: Specc, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "x.onnx"
        path.write_bytes(content)
        result = specc("verify", LENET, path)
        assert result.code == 2
        assert "x.onnx" in result.err


class TestDoctor:
    def test_what_is_there(self, specc: Specc) -> None:
        result = specc("doctor")
        assert result.code == 0
        assert any(line.startswith("torch ") and torch.__version__ in line for line in result.out.splitlines())
        assert np.__version__ in result.out


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"], ["compile", "--help"]])
def test_help(specc: Specc, arguments: list[str]) -> None:
    result = specc(*arguments)
    assert result.code == (0 if arguments else 2)
    assert result.out or result.err
