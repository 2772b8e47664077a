"""What a sidecar says of a network: ranges, layouts, labels, costs, budgets."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch

import specc
from specc import ops
from specc.bundle.description import labels_by_output
from specc.diagnostics import UsageError

RANGES = {
    "relu": (0, inf),
    "relu6": (0, 6),
    "sigmoid": (0, 1),
    "hardsigmoid": (0, 1),
    "softmax": (0, 1),
    "logsoftmax": (-inf, 0),
    "softplus": (0, inf),
    "tanh": (-1, 1),
    "softsign": (-1, 1),
    "hardtanh": (-1, 1),
    "abs": (0, inf),
    "exp": (0, inf),
    "logsigmoid": (-inf, 0),
    "softmin": (0, 1),
}
"""By the mathematics of each."""

ANYWHERE = set(
    "adaptiveavgpool adaptivemaxpool add affine alphadropout amax avgpool batchnorm celu channelshuffle concat conv "
    "convtranspose dropout elu fc flatten gelu globalavgpool globalmaxpool groupnorm hardswish identity instancenorm "
    "layernorm leakyrelu linear lppool lrn maximum maxpool mean mish mul pad permute pixelshuffle pixelunshuffle prelu "
    "reshape rmsnorm scale selu silu slice stochasticdepth sub upsample neg log sqrt pow clamp threshold softshrink "
    "hardshrink tanhshrink glu minimum div sum normalize standardize depthtospace spacetodepth "
    "matmul multiheadattention fuse expand crop".split()
)
"""Those whose result may be any number, or NaN, or whose arguments say what it may be; or no bound is claimed."""

EXTREMES = np.array(
    [[a, b, c, 0.5] for a in (-3e38, -1e4, -90, -1e-30, 0) for b in (0, 1e-6, 1, 90, 3e38) for c in (-20, 20)],
    np.float32,
)


def sidecar(folder: Path, text: str, name: str = "M", **options: Any) -> dict[str, Any]:
    """Of a network that is not proven: that is tried elsewhere."""
    (folder / "net.cnn").write_text(text)
    specc.load(folder / "net.cnn", model=name).to_onnx(folder / "net.onnx", verify=False, **options)
    value: dict[str, Any] = json.loads((folder / "net.specc.json").read_text())
    return value


def output(folder: Path, body: str, shape: str = "[N, 4]") -> dict[str, Any]:
    (port,) = sidecar(folder, f"model M : {shape} {{ {body} }}")["outputs"]
    assert isinstance(port, dict)
    return port


class TestRange:
    def test_every_operator_is_in_one_of_the_lists(self) -> None:
        assert {kind.kind for kind in ops.operators()} == {*RANGES, *ANYWHERE}
        assert not ANYWHERE & set(RANGES)

    @pytest.mark.parametrize("kind", sorted(RANGES))
    def test_is_claimed_and_kept_by_both_engines(self, tmp_path: Path, kind: str) -> None:
        least, most = RANGES[kind]
        found = output(tmp_path, kind)["range"]
        assert found == [None if bound in (-inf, inf) else bound for bound in (least, most)]
        session = ort.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
        (ours,) = session.run(None, {"input": EXTREMES})
        theirs = specc.load(tmp_path / "net.cnn").to_torch()(torch.from_numpy(EXTREMES)).numpy()
        for values in (ours, theirs):
            assert ((values >= least) & (values <= most)).all()
        # and no bound is idle
        assert most == inf or theirs.max() > most - 0.1
        assert least == -inf or theirs.min() < least + 0.1

    @pytest.mark.parametrize("body", ["fc(3)", "gelu", "silu", "relu -> fc(2)", "leakyrelu", "affine(2)", "relu -> bn"])
    def test_is_not_claimed_where_there_is_none(self, tmp_path: Path, body: str) -> None:
        assert output(tmp_path, body)["range"] is None

    @pytest.mark.parametrize(
        ("body", "least", "most"),
        [
            ("sigmoid -> flatten", 0, 1),
            ("hardtanh(-2, 3) -> maxpool(2)", -2, 3),
            ("relu -> globalavgpool -> flatten", 0, None),
            ("logsoftmax -> permute(0, 2, 3, 1)", None, 0),
        ],
    )
    def test_goes_through_what_keeps_it(self, tmp_path: Path, body: str, least: float, most: float) -> None:
        assert output(tmp_path, body, "[N, 4, 6, 6]")["range"] == [least, most]

    def test_of_an_input_is_what_was_tried(self, tmp_path: Path) -> None:
        (tmp_path / "net.cnn").write_text("model M : [N, 40] { relu }")
        specc.load(tmp_path / "net.cnn").to_onnx(tmp_path / "net.onnx")
        (port,) = json.loads((tmp_path / "net.specc.json").read_text())["inputs"]
        least, most = port["tried"]
        assert least < -1000
        assert most > 1000
        assert port["range"] == port["tried"]  # its first name


def test_what_cannot_be_described_is_neither_written_nor_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proof takes long: nothing that is known without it may fail behind it."""

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("no description")

    (tmp_path / "net.cnn").write_text("model M : [N, 40] { relu }")
    monkeypatch.setattr("specc.bundle.delivery.described", fails)
    monkeypatch.setattr("specc.bundle.delivery._prove", lambda *_: pytest.fail("the proof has started"))
    with pytest.raises(RuntimeError, match="no description"):
        specc.load(tmp_path / "net.cnn").to_onnx(tmp_path / "net.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["net.cnn"]


class TestNormalisation:
    @pytest.mark.parametrize(
        ("shape", "body", "said"),
        [
            ("[N, 3]", "standardize([1, 2, 3], 0.5)", {"mean": [1, 2, 3], "std": [0.5] * 3, "axis": 1}),
            ("uint8 [N, 4]", "affine(1 / 255)", {"mean": [0], "std": [255], "axis": None}),
            ("[N, 4]", "fc(2)", None),
            ("[N, 4]", "affine(1e-309)", None),
        ],
    )
    def test_is_said_of_inputs(self, tmp_path: Path, shape: str, body: str, said: object) -> None:
        assert sidecar(tmp_path, f"model M : {shape} {{ {body} }}")["inputs"][0]["normalisation"] == said

    def test_in_as_many_digits_as_a_float32_has(self, tmp_path: Path) -> None:
        """torchvision's numbers of 0 to 1, times 255."""
        body = "affine(1 / 255) -> standardize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) -> conv(2, 1)"
        (port,) = sidecar(tmp_path, f"model M : uint8 [N, 3, 8, 8] {{ {body} }}")["inputs"]
        assert port["normalisation"] == {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375], "axis": 1}


class TestPorts:
    def test_layouts(self, tmp_path: Path) -> None:
        """What they are is shown in `tests/test_layout.py`."""
        value = sidecar(tmp_path, "model M : [N, 8, 8, 3] { permute(0, 3, 1, 2) -> conv(2, 1) }")
        assert (value["inputs"][0]["layout"], value["outputs"][0]["layout"]) == ("NHWC", "NCHW")

    def test_symbols_with_their_conditions(self, tmp_path: Path) -> None:
        text = "model M : [N, 3, H, W] where H % 4 == 0, W >= 9, W <= 99 { maxpool(2) -> maxpool(2) }"
        value = sidecar(tmp_path, text)
        assert value["outputs"][0]["shape"] == ["N", 3, "H/4", "floor(W/4)"]
        assert value["symbols"] == {
            "N": {"least": 1, "most": None, "modulus": 1, "residue": 0},
            "H": {"least": 4, "most": None, "modulus": 4, "residue": 0},
            "W": {"least": 9, "most": 99, "modulus": 1, "residue": 0},
        }
        assert value["costs"]["macs"] is None
        assert value["costs"]["params"] == 0

    def test_several_inputs_and_outputs(self, tmp_path: Path) -> None:
        value = sidecar(tmp_path, TestLabels.NET)
        assert [port["name"] for port in value["inputs"]] == ["a", "b"]
        assert [(port["name"], port["range"]) for port in value["outputs"]] == [("s", [0, None]), ("t", [-1, 1])]


class TestLabels:
    NET = "model M : (a: [N, 2], b: [N, 3]) -> (s: [N, 5], t: [N, 2]) { concat { | a | b } -> s: relu\n a -> t: tanh }"

    def test_of_the_only_output(self, tmp_path: Path) -> None:
        value = sidecar(tmp_path, "model M : [N, 3] { fc(2) }", labels=["cat", "dog"])
        assert value["outputs"][0]["labels"] == ["cat", "dog"]

    def test_of_the_output_with_as_many_channels(self, tmp_path: Path) -> None:
        value = sidecar(tmp_path, self.NET, labels=["x", "y"])
        assert [port["labels"] for port in value["outputs"]] == [None, ["x", "y"]]

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (["a"] * 3, "there are 3 labels, and s has 5 channels and t has 2 channels"),
            ([], "there are 0 labels"),
            (["a", " "], "label 2 is empty"),
            (["a\nb", "c"], "label 1 is of several lines"),
        ],
    )
    def test_that_do_not_fit_are_refused_before_anything_is_written(
        self, tmp_path: Path, labels: list[str], message: str
    ) -> None:
        with pytest.raises(UsageError, match=message):
            sidecar(tmp_path, self.NET, labels=labels)
        assert [path.name for path in tmp_path.iterdir()] == ["net.cnn"]

    def test_that_two_outputs_could_have(self, tmp_path: Path) -> None:
        (tmp_path / "net.cnn").write_text("model M : [N, 2] -> (s: [N, 2], t: [N, 2]) { s: relu\n in -> t: tanh }")
        with pytest.raises(UsageError, match="s and t have as many channels each"):
            labels_by_output(specc.load(tmp_path / "net.cnn").graph, ["a", "b"])

        with pytest.raises(UsageError, match=r"--labels s=FILE \(labels=\{'s': \[…\]\} in Python\)"):
            labels_by_output(specc.load(tmp_path / "net.cnn").graph, ["a", "b"])

    def test_by_output(self, tmp_path: Path) -> None:
        texts = {"t": ["x", "y"], "s": list("abcde")}
        value = sidecar(tmp_path, self.NET, labels=texts)
        assert {port["name"]: port["labels"] for port in value["outputs"]} == texts
        assert sidecar(tmp_path, self.NET, labels={"t": ["x", "y"]})["outputs"][0]["labels"] is None

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            ({"u": ["x"]}, "labels are for u, and there is no such output"),
            ({"s": ["x", "y"]}, "2 labels for s, which has 5 channels: one for each is needed"),
            ({"t": ["x", ""]}, "label 2 of t is empty"),
            ({"t": "xy"}, "labels are a list of texts, one for each channel, and not 'xy'"),
        ],
    )
    def test_by_output_that_do_not_fit(self, tmp_path: Path, labels: dict[str, list[str]], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            sidecar(tmp_path, self.NET, labels=labels)
        assert not (tmp_path / "net.onnx").exists()

    def test_need_a_sidecar(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="labels stand in the sidecar"):
            sidecar(tmp_path, "model M : [N, 3] { fc(2) }", labels=["cat", "dog"], sidecar=False)


class TestCosts:
    def test_are_those_of_show(self, tmp_path: Path) -> None:
        value = sidecar(tmp_path, "model M : [N, 3, 8, 8] { conv(4, 3, bias=false) -> conv(2, 1, frozen=true) }")
        assert value["costs"] == {
            "params": 4 * 27 + 10,
            "trainable_params": 4 * 27,
            "macs": 36 * 4 * 27 + 36 * 8,
            "activation_memory": 4 * (36 * 4 + 36 * 2),
            "peak_memory": 4 * (3 * 64 + 36 * 4),
        }

    def test_budgets_of_the_project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / ".git").mkdir()
        monkeypatch.chdir(tmp_path)
        (tmp_path / "specc.toml").write_text(
            '[budget]\nparams = 50\n[budget."net.cnn"]\nmacs = "1k"\nat = { H = 10 }\n[budget."other.cnn"]\nmemory = 1'
        )
        text = "model M : [N, 1, H] where H >= 3 { conv(2, 3) }\nmodel L : [N, 1, W] where W >= 3 { conv(2, 3) }"
        assert sidecar(Path(), text)["budgets"] == [
            {"cost": "params", "most": 50, "has": 8, "at": {}},
            {"cost": "macs", "most": 1000, "has": 48, "at": {"H": 10}},
        ]
        assert sidecar(Path(), text, "L")["budgets"][1] == {"cost": "macs", "most": 1000, "has": None, "at": {}}

    def test_a_broken_configuration_is_told_before_anything_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".git").mkdir()
        (tmp_path / "specc.toml").write_text("budgets = 1")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UsageError, match="there is no setting budgets"):
            sidecar(Path(), "model M : [N, 3] { fc(2) }")
        assert not (tmp_path / "net.onnx").exists()


def test_settings_as_the_language_writes_them(tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text("model M(c = 1, act = relu, bias = true) : [N, 3] { fc(c, bias=bias) -> act }")
    """In full, and so that ``--set`` reads them back."""
    model = specc.load(tmp_path / "net.cnn", c=20_000, bias=False)
    model.to_onnx(tmp_path / "net.onnx", verify=False)
    value = json.loads((tmp_path / "net.specc.json").read_text())
    assert value["settings"] == {"c": "20000", "bias": "false"}
    assert value["outputs"][0]["shape"] == ["N", 20_000]
