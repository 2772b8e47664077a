"""What the commands print and how they end."""

from __future__ import annotations

import io
import json
import shlex
import sys
from importlib import metadata
from itertools import accumulate, pairwise, product
from pathlib import Path

import click
import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from specc.cli.commands import cli
from tests.cli.conftest import Specc

EXAMPLES = Path(__file__).parents[2] / "examples"
LENET = EXAMPLES / "lenet.cnn"

STAGES = """
default conv(bias = false)

block unit(c, stride = 1) {
  conv(c, 3, stride=stride, padding=1) -> bn -> relu
}

block stage(make, c, n) { repeat n { make(c) } }

model Plain : [N, 3, 16, 16] {
  stem: conv(8, 1) -> stage(unit, 8, 2) -> unit(16, stride=2)
  body: repeat 2 { conv(16, 1) -> relu }
}

model Siamese : (a: [N, 1, H, W], b: [N, 1, H, W]) -> (score: [N, 1], edge: [N, 1, H, W]) where H % 8 == 0 {
  shared tower = unit(4) -> globalavgpool -> flatten
  shared head = fc(2)
  a -> edge: conv(1, 3, padding=1, weight=[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], frozen=true)
  concat { | a -> tower -> head | b -> tower -> head }
  score: fc(1) -> sigmoid
}
"""


def spec(folder: Path, text: str, name: str = "net.cnn") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def rows_of(table: str) -> dict[str, list[str]]:
    """The columns of each row by its step; what is empty, or a column that is left out, is the empty text."""
    head, *lines = table.split("\n\n", maxsplit=1)[0].splitlines()[1:]
    layer, output = head.index("layer"), head.index("output")
    ends = [head.index(title) + len(title) if title in head else 0 for title in ("params", "MACs", "memory", "sees")]
    found = {}
    for line in lines:
        edges = list(accumulate([line.index("]", output) + 1, *ends], max))
        numbers = [line[start:end].strip() for start, end in pairwise(edges)]
        found[line.split()[0]] = [line[layer:output].strip(), line[output : edges[0]], *numbers]
    return found


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

    def test_a_file_of_blocks_alone(self, specc: Specc, tmp_path: Path) -> None:
        blocks = spec(tmp_path, "let c = 8\nblock pair(k) { conv(c, k) -> relu }", "blocks.cnn")
        result = specc("check", blocks)
        assert (result.code, result.out) == (0, "1 file of blocks alone, proven where they are called\n")
        spec(tmp_path, 'from "blocks.cnn" import pair\nmodel M : [N, 3, 8, 8] { pair(3) }')
        result = specc("check", tmp_path)
        proven = "2 files, 1 model: all fit together; 1 file of blocks alone, proven where they are called\n"
        assert (result.code, result.out) == (0, proven)
        assert specc("show", blocks).code == 1

    def test_a_mistake_that_several_models_come_to_is_said_once(self, specc: Specc, tmp_path: Path) -> None:
        spec(tmp_path, "block pair(c) { conv(c, 3, paddding=1) }", "blocks.cnn")
        for name in ("a", "b"):
            model = f'from "blocks.cnn" import pair\nmodel {name} : [N, 3, 8, 8] {{ pair(8) }}\n'
            spec(tmp_path, model + f"model {name}2 : [N, 3, 8, 8] {{ pair(9) }}", f"{name}.cnn")
        result = specc("check", tmp_path)
        assert result.out.count("error[S0301]") == 1
        assert "a.cnn:2:26" in result.out
        assert "in pair(c = 8)" in result.out
        assert result.out.endswith("1 error in 2 of 3 files\n")

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

    def test_a_setting_may_be_a_layer(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, "model M(act = relu) : [N, 3] { fc(4) -> act }")
        out = specc("show", path, "--set", "act=leakyrelu(0.1)").out
        assert rows_of(out)["leakyrelu1"][0] == "leakyrelu(negative_slope=0.1)"

    def test_models_side_by_side(self, specc: Specc) -> None:
        result = specc("show", EXAMPLES / "twins.cnn")
        rows = [line.split()[:2] for line in result.out.splitlines()[-2:]]
        assert rows == [["Convolution", "80"], ["FullyConnected", "4,923,520"]]

    def test_depth(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, STAGES)
        rows = rows_of(specc("show", path, "--model", "Plain", "--depth", 1).out)
        assert rows["stem"][:2] == ["conv(8, 1, bias=false)", "[N, 8, 16, 16]"]
        # By hand: a unit holds 9*in*out weights and 2*out of its norm, and multiplies the weights at every place.
        unit = 9 * 8 * 8 + 2 * 8
        assert rows["stage1"] == [
            "stage(make=unit, c=8, n=2)", "[N, 8, 16, 16]", f"{2 * unit:,}", "294.9 k",
            f"{2 * 3 * 8 * 256 * 4 // 1024} KiB", "5 x 5",
        ]  # fmt: skip
        assert rows["unit1"][:3] == ["unit(c=16, stride=2)", "[N, 16, 8, 8]", f"{9 * 8 * 16 + 32:,}"]
        assert rows["body"][:3] == ["repeat 2", "[N, 16, 8, 8]", "512"]
        assert list(rows) == ["stem", "stage1", "unit1", "body"]
        deeper = rows_of(specc("show", path, "--model", "Plain", "--depth", 2).out)
        assert list(deeper)[1:3] == ["stage1.0", "stage1.1"]
        assert deeper["stage1.0"][0] == "unit(c=8, stride=1)"
        whole, all_of_it = (specc("show", path, "--model", "Plain", *depth).out for depth in ([], ["--depth", 9]))
        assert whole == all_of_it
        assert specc("show", path, "--depth", 0).code == 2

    def test_shared_steps_are_counted_once(self, specc: Specc, tmp_path: Path) -> None:
        out = specc("show", spec(tmp_path, STAGES), "--model", "Siamese", "--depth", 1).out
        rows = rows_of(out)
        assert (rows["tower1"][2], rows["tower2"][2]) == (f"{9 * 4 + 8}", "shared")
        assert (rows["head1"][2], rows["head2"][2]) == ("10", "shared")
        assert f"parameters         {9 + 44 + 10 + 5}, 9 of them frozen" in out

    def test_symbolic_sizes(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, STAGES)
        out = specc("show", path, "--model", "Siamese").out
        assert out.startswith(
            "Siamese : a [N, 1, H, W], b [N, 1, H, W] -> score [N, 1], edge [N, 1, H, W] where H % 8 == 0\n"
        )
        assert rows_of(out)["edge"][1:] == ["[N, 1, H, W]", "9", "", "", ""]
        assert out.endswith(
            "MACs, memory and receptive field depend on H and W: add --at H=224 --at W=224, "
            "or any other sizes with H % 8 == 0\n\n"
        )
        out = specc("show", path, "--model", "Siamese", "--at", "H=16", "--at", "W=10").out
        assert rows_of(out)["edge"][1:] == ["[N, 1, 16, 10]", "9", "1,440", "640 B", "3 x 3"]
        assert "depend on" not in out

    @pytest.mark.parametrize(
        ("sizes", "reason"),
        [
            (["H=12", "W=8"], "H = 12 is not allowed"),
            (["H=8"], "W must be given too"),
            (["H=8", "W=0"], "W = 0 is not allowed"),
            (["H=8", "W=8", "D=8"], "no symbolic size called D"),
            (["H=8", "W=8", "N=8"], "no symbolic size called N"),
            (["H=8", "H=8"], "--at gives H twice"),
            (["H"], "--at takes NAME=SIZE"),
            (["H=8.0"], "--at takes NAME=SIZE"),
            (["H=-8"], "--at takes NAME=SIZE"),
            (["H=²"], "--at takes NAME=SIZE"),
        ],
    )
    def test_sizes_that_the_contract_does_not_allow(
        self, specc: Specc, tmp_path: Path, sizes: list[str], reason: str
    ) -> None:
        options = [part for size in sizes for part in ("--at", size)]
        path = spec(tmp_path, STAGES)
        for command in (["show", path], ["explain", f"{path}:edge"]):
            result = specc(*command, "--model", "Siamese", *options)
            assert result.code == 2
            assert reason in result.err

    def test_a_size_for_a_network_without_any_is_refused(self, specc: Specc) -> None:
        assert specc("show", LENET, "--at", "H=32").code == 2

    @pytest.mark.parametrize("setting", ["classes", "classes=", "classes=(", "3=3", "classes=rleu", "clases=3"])
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

    def test_a_step_in_blocks(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, STAGES)
        result = specc("explain", f"{path}:stage1.0.conv1", "--model", "Plain")
        assert result.code == 0
        assert result.out.splitlines()[:6] == [
            "stage1.0.conv1: conv(c, 3, stride=stride, padding=1)",
            "  is conv(8, 3, padding=1, bias=false)",
            f"  at {path}:5:3",
            "  in stage1.0: unit(c=8, stride=1)",
            "  in stage1: stage(make=unit, c=8, n=2)",
            "",
        ]
        assert "  takes   stem [N, 8, 16, 16]" in result.out

    def test_a_block(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, STAGES)
        out = specc("explain", f"{path}:stage1", "--model", "Plain").out
        assert "  takes   stem [N, 8, 16, 16]\n  gives   [N, 8, 16, 16]\n" in out
        assert "  holds   6 steps: 0, 1\n  parameters: 1,184\n" in out

    def test_what_is_written_as_it_is_meant_is_not_said_again(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, "model M(k = 3) : [N, 3, 8, 8] { conv(8,(3, 5), bias=false, padding=1) -> conv(8, k) }")
        assert "  is " not in specc("explain", f"{path}:conv1").out
        assert "  is conv(8, 3)\n" in specc("explain", f"{path}:conv2").out

    def test_a_spec_without_a_step_is_told_one_of_its_own(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, "model M : [N, 3, 8, 8] { edge: conv(8, 3) }")
        told = f"{path} names no step: write {path}:STEP, as in {path}:edge"
        assert specc("explain", str(path)).err == f"error: {told}\n"

    def test_comments_inside_a_call_are_left_out(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, 'model M : [N, 3, 8, 8] {\n  conv(8, # {\n    3, padding_mode="circular") # #\n}')
        assert specc("explain", f"{path}:conv1").out.startswith('conv1: conv(8, 3, padding_mode="circular")\n  at ')

    def test_what_a_step_gives_is_said_in_a_sentence(self, specc: Specc, tmp_path: Path) -> None:
        """That of the reference of the operators; a step over no places sees none."""
        out = specc("explain", f"{spec(tmp_path, 'model M : [N, 8] { dropout }')}:dropout1").out
        assert "\n  Zeroes elements with probability p and scales the rest by 1/(1 - p), in training only.\n" in out
        assert "\n  sees: no single window of the input\n" in out

    def test_shared_steps(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, STAGES)
        sizes = ["--at", "H=8", "--at", "W=8"]
        out = specc("explain", f"{path}:head2", "--model", "Siamese", *sizes).out
        assert "  parameters: 10, shared with head1\n  MACs: 8 a sample" in out
        out = specc("explain", f"{path}:tower1", "--model", "Siamese", *sizes).out
        assert "  parameters: 44, shared with tower2\n" in out
        assert "depend on H and W" in specc("explain", f"{path}:tower1", "--model", "Siamese").out

    @pytest.mark.parametrize(
        ("name", "steps"), [("tower.conv1", "tower1.conv1 and tower2.conv1"), ("tower", "tower1 and tower2")]
    )
    def test_shared_steps_by_the_name_of_their_tensors(
        self, specc: Specc, tmp_path: Path, name: str, steps: str
    ) -> None:
        text = """model Siamese : (a: [N, 1, 8, 8], b: [N, 1, 8, 8]) -> [N, 4, 8, 8] {
  shared tower = conv(4, 3, padding=1) -> relu
  add { | a -> tower | b -> tower }
}
"""
        result = specc("explain", f"{spec(tmp_path, text)}:{name}")
        assert result.code == 2
        assert result.err == (
            f"error: Siamese has no step called {name}: its tensors are shared by {steps}; ask for one of these\n"
        )

    def test_no_such_step_among_many(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, STAGES)
        near = specc("explain", f"{path}:stage1.0.cnov1", "--model", "Plain")
        assert "did you mean stage1.0.conv1" in near.err
        far = specc("explain", f"{path}:xyz", "--model", "Plain")
        assert far.err == "error: Plain has no step called xyz; it has stem, stage1, unit1, body\n"

    def test_no_such_code(self, specc: Specc) -> None:
        result = specc("explain", "S9999")
        assert result.code == 2
        assert "there is no code S9999" in result.err

    def test_code(self, specc: Specc) -> None:
        assert specc("explain", "S0104").out.startswith("S0104: ")
        assert "--at is about a step, and S0104 is a code" in specc("explain", "S0104", "--at", "H=3").err

    def test_a_step_as_a_matrix(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, "model M : [N, 1, H] -> [N, 1, H - 1] where H >= 2 { conv(1, 2) }")
        assert "add --at H=6" in specc("explain", "--as-matrix", f"{path}:conv1").err
        rows = specc("explain", "--as-matrix", f"{path}:conv1", "--at", "H=3").out
        assert "  y0  w0  w1   .  + b\n  y1   .  w0  w1  + b\n" in rows
        np.savez(
            tmp_path / "w.npz", **{"net.conv1.weight": np.float32([[[3, 0.25]]]), "net.conv1.bias": np.float32([1])}
        )
        weighed = ["explain", "--as-matrix", f"{path}:conv1", "--at", "H=3", "--weights", str(tmp_path / "w.npz")]
        told = specc(*weighed)
        assert "  y1     .     3  0.25  + 1\n" in told.out
        assert f"numbers: conv1.weight and conv1.bias, from {tmp_path / 'w.npz'}\n" in told.out
        assert "note: " in told.err
        assert specc(*weighed, "--format", "csv").out.splitlines()[1:3] == ["0,0,3,3.0", "0,1,0.25,0.25"]
        for option in (["--format", "json"], ["--weights", "w.npz"]):
            refused = specc("explain", f"{path}:conv1", *option)
            assert (refused.code, refused.err) == (
                2,
                f"error: {option[0]} is about the matrix of a step: add --as-matrix\n",
            )

    @pytest.mark.parametrize(
        ("what", "hint"),
        [(f"{LENET}:conv9", "there are conv1 and conv2"), ("conv1", "SPEC:STEP"), ("none.cnn:conv1", "no such")],
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

    def test_layers_that_are_set_are_named_as_they_are_written(self, specc: Specc, tmp_path: Path) -> None:
        spec, path = tmp_path / "m.cnn", tmp_path / "m.py"
        spec.write_text(
            "model M(c = 4, act = relu, acts = [relu]) : [N, 3, 8, 8] { conv(c, 1) -> act -> for a in acts { a } }"
        )
        given = ("act=leakyrelu(negative_slope=0.25)", "acts=[relu6, gelu]", "c=20000")
        options = [part for setting in given for part in ("--set", setting)]
        assert specc("compile", "--no-verify", spec, "-o", path, *options).code == 0
        words = shlex.split(path.read_text().split('"""')[1].partition("With ")[2])
        assert sorted(words[1::2]) == sorted(given)
        assert specc("compile", "--no-verify", spec, "-o", tmp_path / "m.onnx", *options).code == 0
        sidecar = json.loads((tmp_path / "m.specc.json").read_text())
        assert sidecar["settings"] == dict(setting.split("=", 1) for setting in given)

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
        assert sorted(p.name for p in tmp_path.iterdir()) == ["LeNet.onnx", "LeNet.py", "LeNet.specc.json"]

    def test_weights_make_the_round(self, specc: Specc, tmp_path: Path) -> None:
        saved, first, second = (tmp_path / name for name in ("w.safetensors", "a.onnx", "b.onnx"))
        assert specc("compile", "--no-verify", LENET, "-o", first, "--seed", 7, "--save-weights", saved).code == 0
        assert specc("compile", "--no-verify", LENET, "-o", second, "--weights", saved).code == 0
        assert onnx.load(first).graph == onnx.load(second).graph  # that they are of a seed is metadata
        assert specc("compile", "--no-verify", LENET, "-o", second, "--seed", 8).code == 0
        assert onnx.load(first).graph != onnx.load(second).graph

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
            ["-o", "net.pt"],
            ["-o", "net.txt"],
            ["-o", "net"],
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

    @pytest.mark.parametrize("name", ["net.pt", "net.txt", "net", "net.onnx.bak", "net.ONNX"])
    def test_a_name_that_says_not_what_to_write(self, specc: Specc, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        assert specc("compile", "--no-verify", LENET, "-o", path).err == (
            f"error: -o {path} does not say what to write: let it end in .onnx or .py, "
            "or add --target onnx or --target torch\n"
        )
        assert specc("compile", "--no-verify", LENET, "-o", path, "--target", "torch").code == 0
        assert "class LeNet" in path.read_text()
        assert specc("compile", "--no-verify", LENET, "-o", path, "--target", "onnx").code == 0
        onnx.checker.check_model(onnx.load(path, format="protobuf"))

    def test_a_spec_is_never_overwritten(self, specc: Specc, tmp_path: Path) -> None:
        path = spec(tmp_path, LENET.read_text(), "net.onnx")
        assert specc("compile", path, "-o", path).code == 2
        assert path.read_text() == LENET.read_text()

    def test_a_failed_proof_leaves_the_old_file(
        self, specc: Specc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from specc.ir.targets import Builder
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
        # PyPI's builds for CUDA call themselves 2.13.0+cu130, and their distribution 2.13.0.
        installed = metadata.version("torch")
        assert any(line.startswith("torch ") and installed in line for line in result.out.splitlines())
        assert np.__version__ in result.out


def given(option: click.Option, name: str) -> list[str]:
    """The option with a value of its kind."""
    if option.is_flag:
        return [name]
    kinds = {click.Choice: lambda kind: str(kind.choices[0]), click.IntRange: lambda kind: "1"}
    value = kinds.get(type(option.type), lambda kind: "1" if kind is click.INT else "x=1")
    return [name, value(option.type)]


CONTEXT = click.Context(cli)
OPTIONS = [
    (command, option)
    for name in cli.list_commands(CONTEXT)
    if (command := cli.get_command(CONTEXT, name)) is not None
    for option in command.params
    if isinstance(option, click.Option)
]


class TestOptions:
    """Of every command, as it really is."""

    single = pytest.mark.parametrize(
        ("command", "option"),
        [(command, option) for command, option in OPTIONS if not option.multiple],
        ids=lambda value: value.name,
    )

    def test_there_are_some(self) -> None:
        """The tests below run over these."""
        found = {(command.name, option.opts[-1]) for command, option in OPTIONS if not option.multiple}
        assert found > {("verify", "--output-file"), ("compile", "--functions"), ("show", "--depth")}
        repeated = {(command.name, option.opts[-1]) for command, option in OPTIONS if option.multiple}
        others = {option for command, option in repeated if command != "diff"}
        assert others == {"--set", "--at", "--runs-on", "--rename", "--labels", "--when", "--input"}
        assert {option for command, option in repeated if command == "diff"} == {
            "--set",
            "--at",
            "--model",
            "--fail-on",
        }

    @single
    def test_what_can_be_given_once_is_refused_twice(
        self, specc: Specc, command: click.Command, option: click.Option
    ) -> None:
        said = "/".join(option.opts)
        for names in product(option.opts, repeat=2):
            words = [word for name in names for word in given(option, name)]
            result = specc(command.name, LENET, *words)
            assert (result.code, result.out) == (2, "")
            assert result.err == f"error: {said} is given twice, and it can only be given once\n"

    def test_wherever_they_are(self, specc: Specc) -> None:
        result = specc("compile", "--seed=1", "--opset", 18, LENET, "--seed", 1, "-o", "a.onnx", "--seed", 2)
        assert (result.code, result.err) == (2, "error: --seed is given 3 times, and it can only be given once\n")

    def test_help_is_still_given(self, specc: Specc) -> None:
        result = specc("compile", "--seed", 1, "--seed", 2, "--help")
        assert result.code == 0
        assert result.out.startswith("Usage: specc compile")

    def test_what_may_be_repeated(self, specc: Specc) -> None:
        assert specc("show", EXAMPLES / "zoo" / "unet.cnn", "--at", "H=32", "--at", "W=32").code == 0


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"], ["compile", "--help"]])
def test_help(specc: Specc, arguments: list[str]) -> None:
    result = specc(*arguments)
    assert result.code == (0 if arguments else 2)
    assert result.out or result.err


def test_the_list_of_commands_is_not_cut(specc: Specc) -> None:
    rows = specc("--help").out.partition("Commands:\n")[2].splitlines()
    assert len(rows) == len(cli.list_commands(CONTEXT))
    assert all(row.endswith(".") and not row.endswith("...") for row in rows)


class TestOutput:
    """-o, --output and --output-file are one option, in every command that writes a file."""

    COMMANDS = (
        ("check", "net.cnn"),
        ("diff", "net.cnn", "net.cnn"),
        ("compile", "net.cnn", "--no-verify"),
        ("verify", "net.cnn"),
    )

    @pytest.fixture(autouse=True)
    def net(self, here: Path) -> None:
        (here / "net.cnn").write_text("model Net : [N, 3, 8, 8] { conv(4, 3) -> relu }\n")

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
    def test_it_is_spelled_alike(self, specc: Specc, here: Path, command: tuple[str, ...]) -> None:
        name = "out.onnx" if command[0] == "compile" else "out.txt"
        written = []
        for spelling in ("-o", "--output", "--output-file"):
            assert specc(*command, spelling, name).code == 0
            written.append((here / name).read_bytes())
            (here / name).unlink()
        assert written[0]
        assert len(set(written)) == 1
        assert specc(*command, "-o", name, "--output-file", name).code == 2

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("-", "-o needs the name of a file"),
            ("", "-o needs the name of a file"),
            ("net.cnn", "net.cnn is read by this command: write to another file"),
        ],
    )
    def test_it_is_refused_alike(self, specc: Specc, command: tuple[str, ...], name: str, message: str) -> None:
        target = ("--target", "onnx") if command[0] == "compile" else ()
        result = specc(*command, *target, "--output-file", name)
        assert (result.code, result.err) == (2, f"error: {message}\n")
