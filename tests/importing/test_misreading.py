"""Rules that read something wrongly: the node or call is named that they have misread, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, numpy_helper
from torch import Tensor, nn

import specc
from specc.diagnostics import ParityError
from specc.importing import import_onnx
from specc.importing.fusions import activations
from specc.options import ProofOptions
from specc.report.proof_wording import failed_import
from specc.verify import extraction
from tests.importing.misread import Edit, breaks
from tests.importing.onnx_files import agrees, draw, model, node


def told(proto: ModelProto, folder: Path) -> str:
    """What is said of a file that is misread."""
    source = folder / "net.onnx"
    onnx.save(proto, source)
    with pytest.raises(ParityError) as caught:
        import_onnx(source, folder / "net.cnn", folder / "net.safetensors", ProofOptions(), failed_import)
    assert [path.name for path in folder.iterdir()] == ["net.onnx"]
    return "\n".join(caught.value.lines)


def network() -> ModelProto:
    """Of steps whose arguments are easily mistaken."""
    tensors = {
        "conv.weight": draw(4, 4, 3, 3),
        **{f"norm.{name}": np.abs(draw(4)) for name in ("weight", "bias", "mean", "var")},
        "pads": np.array([0, 0, 1, 0, 0, 0, 0, 1]),
    }
    nodes = [
        node("Pad", "x pads", "padded"),
        node("Conv", "padded conv.weight", "a", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "a norm.weight norm.bias norm.mean norm.var", "b", epsilon=0.1),
        node("Softmax", "b", "c", axis=3),
        node("Sigmoid", "b", "s"),
        node("Mul", "b s", "d"),
        node("Sub", "d c", "e"),
        node("Transpose", "e", "f", perm=[0, 2, 3, 1]),
        node("LeakyRelu", "f", "y", alpha=0.2),
    ]
    return model(nodes, ["N", 4, 4, 4], tensors)


def _with(**others: Any) -> Edit:
    return lambda inputs, arguments: (inputs, arguments | others)


def _without(name: str) -> Edit:
    return lambda inputs, arguments: (inputs, {key: value for key, value in arguments.items() if key != name})


@pytest.mark.parametrize(
    ("kind", "edit", "said"),
    [
        ("softmax", _with(dim=2), "node 3 c_node (Softmax)\n  has become the step softmax1, softmax(dim=2): "),
        ("pad", _with(padding=(0, 1, 0, 1)), "node 0 padded_node (Pad)"),
        ("conv", _without("padding"), "node 1 a_node (Conv)"),
        ("sub", lambda inputs, arguments: (inputs[::-1], arguments), "node 6 e_node (Sub)"),
        ("batchnorm", _without("eps"), "node 2 b_node (BatchNormalization)"),
        ("permute", _with(dims=(0, 3, 2, 1)), "node 7 f_node (Transpose)"),
        ("leakyrelu", _without("negative_slope"), "node 8 y_node (LeakyRelu)"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_wrong_rule(kind: str, edit: Edit, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    breaks(monkeypatch, kind, edit)
    text = told(network(), tmp_path)
    assert text.startswith("specc has read the file wrongly: this is a bug of specc, and no fault of the file")
    assert said in text
    assert "nothing was written; please report it" in text


def test_a_wrong_fusion(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(activations._GATES, "sigmoid", "hardswish")
    text = told(network(), tmp_path)
    assert "node 5 d_node (Mul) with node 4 s_node (Sigmoid)\n  has become the step " in text
    assert ", hardswish: its value is 0.1" in text


def test_a_fault_that_the_files_own_numbers_hide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Behind it is a norm whose weight begins at zero, as that of a residual branch does."""
    numbers = {"weight": np.zeros(4), "bias": np.full(4, 0.5), "mean": np.full(4, 0.1), "var": np.ones(4)}
    tensors = {f"norm.{name}": each for name, each in numbers.items()}
    nodes = [node("LeakyRelu", "x", "a", alpha=0.2), node("BatchNormalization", f"a {' '.join(tensors)}", "y")]
    breaks(monkeypatch, "leakyrelu", _without("negative_slope"))
    assert "node 0 a_node (LeakyRelu)" in told(model(nodes, ["N", 4, 3, 3], tensors), tmp_path)


def _swapped(inputs: tuple[str, ...], arguments: dict[str, Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Bias and mean, which nobody has trained: both are zeros."""
    tensors = arguments["tensors"]
    turned = {"bias": "running_mean", "running_mean": "bias"}
    return inputs, arguments | {"tensors": {name: tensors[turned.get(name, name)] for name in tensors}}


class Twice(nn.Module):
    """A call that is changed in place, and one on a part of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.LeakyReLU(0.3, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        left, right = torch.chunk(self.act(self.norm(x)), 2, 1)
        return torch.softmax(left - right, 2)


@pytest.mark.parametrize(
    ("kind", "edit", "said"),
    [
        ("softmax", _with(dim=3), "forward: softmax (softmax)"),
        ("leakyrelu", _without("negative_slope"), "act: leaky_relu_ (leaky_relu_)"),
        ("batchnorm", _swapped, "norm: batch_norm (batch_norm)"),
        ("sub", lambda inputs, arguments: (inputs[::-1], arguments), "forward: sub (sub)"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_wrong_rule_for_modules(
    kind: str, edit: Edit, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    breaks(monkeypatch, kind, edit)
    with pytest.raises(ParityError) as caught:
        specc.from_torch(Twice(), "[N, 4, 5, 6]", tmp_path / "net.cnn")
    assert not list(tmp_path.iterdir())
    verdict, where, *_ = caught.value.lines
    assert verdict == "specc has read the module wrongly: this is a bug of specc, and no fault of the module"
    assert where == f"  {said}"


def test_our_own_tests_name_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    breaks(monkeypatch, "batchnorm", _without("eps"))
    with pytest.raises(AssertionError, match=r"a bug of specc.*\n.*node 2 b_node \(BatchNormalization\)"):
        agrees(network())


def _beside(folder: Path, monkeypatch: pytest.MonkeyPatch, large: int) -> Path:
    """A file whose tensors are in another one, and are together more than one message takes."""
    monkeypatch.setattr(extraction, "MOST_BYTES", 300)
    monkeypatch.setattr(extraction, "LARGE", large)
    source = folder / "net.onnx"
    proto = network()
    proto.graph.initializer.append(numpy_helper.from_array(draw(50), "taken by nothing"))
    onnx.save(proto, source, save_as_external_data=True, location="net.data", size_threshold=100)
    return source


def test_tensors_above_the_limit_are_handed_over_beside_the_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = _beside(tmp_path, monkeypatch, 100)
    parity = import_onnx(source, tmp_path / "a.cnn", tmp_path / "a.safetensors", ProofOptions(), failed_import).parity
    assert parity is not None
    assert parity.passed
    assert any(note.startswith("found by their values") for note in parity.notes), parity.notes
    breaks(monkeypatch, "softmax", _with(dim=2))
    with pytest.raises(ParityError, match="node 3 c_node"):
        import_onnx(source, tmp_path / "b.cnn", tmp_path / "b.safetensors", ProofOptions(), failed_import)


def test_what_has_to_be_inside_and_is_too_large_is_said_with_its_numbers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = _beside(tmp_path, monkeypatch, 2**24)
    parity = import_onnx(source, tmp_path / "a.cnn", tmp_path / "a.safetensors", ProofOptions(), failed_import).parity
    assert parity is not None
    assert parity.passed
    (note,) = (note for note in parity.notes if note.startswith("judged as a whole only"))
    assert "would have to be in one message, which takes 300; conv.weight alone has 576, as float32" in note
