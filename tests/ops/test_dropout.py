"""Dropout: nothing at inference, PyTorch's own noise in training."""

from __future__ import annotations

import onnx
import pytest
import torch
from torch import nn

from specc.ir.op import Refusal
from specc.ir.size import symbol
from specc.ir.targets import TorchModule
from specc.ir.types import TensorType
from tests.ops.test_registry import module_of
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


@pytest.mark.parametrize("sample", [(5,), (3, 4), (3, 4, 2), (3, 4, 2, 2)])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_stochastic_depth(sample: tuple[int, ...], p: float) -> None:
    check_twin(make("stochasticdepth", p=p), nn.Identity(), sample)


@pytest.mark.parametrize("sample", [(5,), (3, 4), (3, 4, 2), (3, 4, 2, 2)])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_stochastic_depth_in_training_drops_whole_samples(sample: tuple[int, ...], p: float) -> None:
    """As torchvision.ops.stochastic_depth: each sample is zeroed, or divided by the probability to survive."""
    made = make("stochasticdepth", p=p).torch(TensorType(symbol("N"), sample))
    assert isinstance(made, TorchModule)
    layer = module_of(made)
    torch.manual_seed(3)
    x = torch.randn(400, *sample)
    factors = (layer(x) / x).flatten(1)
    assert torch.allclose(factors, factors[:, :1].expand_as(factors), atol=1e-5)
    kept = factors[:, 0] > 0
    assert torch.allclose(factors[kept], torch.tensor(1 / (1 - p) if p < 1 else 1.0))
    assert abs(kept.float().mean() - (1 - p)) < 0.1


@pytest.mark.parametrize(
    ("arguments", "sample", "words"),
    [
        ({"mode": "batch"}, (3, 4, 4), "all samples of a batch or none"),
        ({}, (3, 4, 4, 4, 4), r"channels and 1 to 3 spatial axes, and its input is \[N, 3, 4, 4, 4, 4\]"),
        ({}, (), r"takes \[N, F\], or channels"),
    ],
)
def test_stochastic_depth_is_refused(arguments: dict[str, str], sample: tuple[int, ...], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        make("stochasticdepth", p=0.1, **arguments).infer(TensorType(symbol("N"), sample))
