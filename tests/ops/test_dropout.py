"""Dropout: nothing at inference, PyTorch's own noise in training."""

from __future__ import annotations

import onnx
import pytest
import torch
from torch import nn

from specc.ir.size import symbol
from specc.ir.torch import TorchModule
from specc.ir.types import TensorType
from tests.twins import check_twin, graph_of, make, onnx_bytes

MODULES = {"dropout": nn.Dropout, "alphadropout": nn.AlphaDropout}


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sample", [(5,), (3, 4, 2)])
@pytest.mark.parametrize("opset", [18, 23])
def test_twin(kind: str, p: float, sample: tuple[int, ...], opset: int) -> None:
    check_twin(make(kind, p=p), MODULES[kind](p), sample, opset=opset)


@pytest.mark.parametrize("kind", MODULES)
def test_same_noise_in_training(kind: str) -> None:
    made = make(kind, p=0.3).torch(TensorType(symbol("N"), (64,)))
    assert made == TorchModule(f"nn.{MODULES[kind].__name__}", (), {"p": 0.3})
    x = torch.randn(8, 64)
    ours, theirs = MODULES[kind](*made.args, **made.kwargs), MODULES[kind](0.3)
    torch.manual_seed(1)
    noisy = ours(x)
    torch.manual_seed(1)
    assert torch.equal(noisy, theirs(x))
    assert not torch.equal(noisy, x)


@pytest.mark.parametrize("kind", MODULES)
def test_nothing_of_it_is_left_in_the_file(kind: str) -> None:
    model = onnx.load_from_string(onnx_bytes(graph_of(make(kind), (5,)), {}))
    assert [node.op_type for node in model.graph.node] == ["Identity"]


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_bad_probability(p: float) -> None:
    with pytest.raises(ValueError, match="p"):
        make("dropout", p=p)
