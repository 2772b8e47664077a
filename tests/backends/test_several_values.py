"""Blocks that give and take several values: classes that give tuples, functions of ONNX with several outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

import specc
from specc.api import Model
from tests.backends.test_torch import images
from tests.backends.test_torch_blocks import listed
from tests.backends.test_torch_script import check_scripted

SPEC = Path(__file__).parent / "several_values.cnn"
MODELS = ["Outputs", "Inputs", "Shared", "Rounds", "Bundle"]


def lines(model: Model, of_class: str) -> list[str]:
    """The code of a class, without comments."""
    text = model.torch_source().partition(f"class {of_class}(")[2].partition("\n\n\n")[0]
    return [line.partition("  #")[0].strip() for line in text.splitlines()]


def test_a_class_gives_what_its_block_states_whatever_is_read() -> None:
    model = specc.load(SPEC, model="Outputs")
    assert model.torch_source().count("class ") == 2
    assert "return a, m, x" in lines(model, "Backbone")
    assert lines(model, "Outputs")[-7:-4] == [
        "_, left_m, left_z = self.left(x)",
        "right_a, _, right_z = self.right(left_z)",
        "x = self.conv1(left_m)",
    ]


def test_a_class_of_several_inputs_calls_them_as_the_spec_does() -> None:
    model = specc.load(SPEC, model="Inputs")
    head = "def forward(self, fine: torch.Tensor, coarse: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:"
    assert head in " ".join(lines(model, "Fuse")).replace("( ", "(").replace(" ) ->", ") ->")
    assert "m_sum, m_both = self.m(p, q)" in lines(model, "Inputs")
    assert "n_sum, n_both = self.n(m_both, m_sum)" in lines(model, "Inputs")


def test_shared_steps_are_one_module_whatever_is_read_of_each() -> None:
    model = specc.load(SPEC, model="Shared")
    assert lines(model, "Shared").count("self.tower = Backbone()") == 1
    assert "l_a, _, l_z = self.tower(p)" in lines(model, "Shared")


def test_the_values_of_rounds_have_their_numbers() -> None:
    model = specc.load(SPEC, model="Rounds")
    assert "return x, skip0, skip1, skip2" in lines(model, "Down")
    assert "x, down_0_skip, down_1_skip, down_2_skip = self.down(x)" in lines(model, "Rounds")
    assert "x = self.up(x, down_2_skip, down_1_skip, down_0_skip)" in lines(model, "Rounds")


def test_a_block_that_takes_a_list_of_values_has_a_name_for_each() -> None:
    spec = SPEC.parents[1] / "elaborate" / "corpus" / "accepted" / "lists_of_values.cnn"
    head = "def forward(self, features0: torch.Tensor, features1: torch.Tensor) -> torch.Tensor:"
    assert head in lines(specc.load(spec), "Neck")


@pytest.mark.filterwarnings("ignore:`torch.jit.:DeprecationWarning")
@pytest.mark.parametrize("name", MODELS)
def test_what_is_emitted_can_be_scripted(name: str) -> None:
    graph = specc.load(SPEC, model=name).graph
    check_scripted(graph, *(images(2, *port.type.sample) for port in graph.inputs))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("functions", [False, True])
def test_onnx_computes_what_pytorch_computes(name: str, functions: bool, tmp_path: Path) -> None:
    model = specc.load(SPEC, model=name)
    parity = model.to_onnx(tmp_path / "net.onnx", functions=functions)
    assert parity is not None
    assert parity.passed
    session = ort.InferenceSession(tmp_path / "net.onnx")
    inputs = {port.name: images(2, *port.type.sample) for port in model.graph.inputs}
    with torch.no_grad():
        expected = listed(model.to_torch()(*inputs.values()))
    results = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    for ours, theirs in zip(results, expected, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


@pytest.mark.parametrize(("name", "outputs"), [("Outputs", ["a", "m", "z"]), ("Shared", ["a", "m", "z"])])
def test_calls_of_a_block_are_one_function_whatever_is_read(name: str, outputs: list[str], tmp_path: Path) -> None:
    specc.load(SPEC, model=name).to_onnx(tmp_path / "net.onnx", functions=True)
    (function,) = onnx.load(tmp_path / "net.onnx").functions
    assert list(function.output) == outputs
