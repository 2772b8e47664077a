"""Linear layers of many weights are computed a few rows at a time, with the numbers that they would have at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from specc.verify import verify
from specc.verify.large_layers import InSlices, widen
from specc.weights import Initialised
from tests.verify.networks import chain, emitted

GRAPH = chain("[N, 2, 6, 5]", "conv(3, 2) -> relu -> flatten -> fc1: fc(40) -> fc2: fc(4, bias=false)")


@pytest.fixture(autouse=True)
def _every_layer_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specc.verify.large_layers.LARGE", 100)
    monkeypatch.setattr("specc.verify.large_layers.SLICE", 150)


@pytest.mark.parametrize("bias", [True, False])
def test_slices_give_what_the_whole_gives(bias: bool) -> None:
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(60, 11, bias=bias), torch.randn(3, 60)
    with torch.no_grad():
        exact = layer.double()(x.double()).numpy()
        magnitude = torch.nn.functional.linear(x.abs(), layer.weight.abs().float()).numpy()
        mixed = widen(layer.float())
        assert mixed.weight.dtype == torch.float32
        assert not bias or mixed.bias.dtype == torch.float64
        with InSlices():
            assert np.allclose(mixed(x.double()).numpy(), exact, rtol=1e-14, atol=1e-14)
        without = torch.nn.Linear(60, 11, bias=False)
        without.weight.data = layer.weight
        with InSlices(absolute=True):
            assert np.allclose(without(x.abs()).numpy(), magnitude, rtol=1e-6)


def test_only_large_linear_layers_stay_in_float32() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(20, 20, 1), torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(200))
    assert {t.dtype for t in widen(network).state_dict().values()} == {torch.float64, torch.int64}


def test_a_proof_is_the_same_and_finds_a_single_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    model = emitted(GRAPH, Initialised(0))
    sliced = verify(GRAPH, model.SerializeToString(), Initialised(0))
    assert sliced.passed
    wrong = next(t for t in model.graph.initializer if t.name == "fc1.weight")
    numbers = np.frombuffer(wrong.raw_data, np.float32).copy()
    numbers[7] += 1e-3
    wrong.raw_data = numbers.tobytes()
    broken = verify(GRAPH, model.SerializeToString(), Initialised(0))
    assert broken.first_divergence is not None
    assert broken.first_divergence.name == "fc1"
    monkeypatch.setattr("specc.verify.large_layers.LARGE", 2**30)
    at_once = verify(GRAPH, emitted(GRAPH, Initialised(0)).SerializeToString(), Initialised(0))
    assert [row.error_onnx for row in sliced.steps] == pytest.approx([row.error_onnx for row in at_once.steps])
