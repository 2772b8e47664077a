"""Activations against PyTorch, where numbers are ordinary, tiny, huge or not numbers at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn
from torch.nn import functional

from specc.ir.op import Refusal
from specc.ir.size import symbol
from specc.ir.traits import Pointwise, Whole
from specc.ir.types import TensorType
from tests.twins import check_twin, graph_of, make, onnx_bytes, run_onnx

N = symbol("N")
TWINS: dict[str, tuple[str, dict[str, object], Callable[[torch.Tensor], torch.Tensor]]] = {
    "relu": ("relu", {}, nn.ReLU()),
    "relu6": ("relu6", {}, nn.ReLU6()),
    "leakyrelu": ("leakyrelu", {}, nn.LeakyReLU()),
    "leakyrelu-slope": ("leakyrelu", {"negative_slope": -0.3}, nn.LeakyReLU(-0.3)),
    "elu": ("elu", {}, nn.ELU()),
    "elu-alpha": ("elu", {"alpha": 0.3}, nn.ELU(0.3)),
    "selu": ("selu", {}, nn.SELU()),
    "celu": ("celu", {}, nn.CELU()),
    "celu-alpha": ("celu", {"alpha": 2.5}, nn.CELU(2.5)),
    "gelu": ("gelu", {}, nn.GELU()),
    "gelu-tanh": ("gelu", {"approximate": "tanh"}, nn.GELU("tanh")),
    "silu": ("silu", {}, nn.SiLU()),
    "mish": ("mish", {}, nn.Mish()),
    "sigmoid": ("sigmoid", {}, nn.Sigmoid()),
    "tanh": ("tanh", {}, nn.Tanh()),
    "softplus": ("softplus", {}, nn.Softplus()),
    "softplus-beta": ("softplus", {"beta": 3.0}, nn.Softplus(3.0)),
    "softplus-threshold": ("softplus", {"beta": 0.5, "threshold": 0.25}, nn.Softplus(0.5, 0.25)),
    "softsign": ("softsign", {}, nn.Softsign()),
    "hardsigmoid": ("hardsigmoid", {}, nn.Hardsigmoid()),
    "hardswish": ("hardswish", {}, nn.Hardswish()),
    "hardtanh": ("hardtanh", {}, nn.Hardtanh()),
    "hardtanh-range": ("hardtanh", {"min_val": 0.25, "max_val": 2.0}, nn.Hardtanh(0.25, 2.0)),
    "logsigmoid": ("logsigmoid", {}, nn.LogSigmoid()),
    "softshrink": ("softshrink", {}, nn.Softshrink()),
    "softshrink-lambd": ("softshrink", {"lambd": 0.1}, nn.Softshrink(0.1)),
    "hardshrink": ("hardshrink", {}, nn.Hardshrink()),
    "hardshrink-lambd": ("hardshrink", {"lambd": 1.1}, nn.Hardshrink(1.1)),
    "tanhshrink": ("tanhshrink", {}, nn.Tanhshrink()),
    "threshold": ("threshold", {"threshold": 0.1, "value": 20.0}, nn.Threshold(0.1, 20.0)),
    "threshold-below": ("threshold", {"threshold": -0.3, "value": -7.0}, nn.Threshold(-0.3, -7.0)),
    "abs": ("abs", {}, torch.abs),
    "neg": ("neg", {}, torch.neg),
    "exp": ("exp", {}, torch.exp),
    "log": ("log", {}, torch.log),
    "sqrt": ("sqrt", {}, torch.sqrt),
    "clamp": ("clamp", {"min": -0.3, "max": 0.7}, lambda x: torch.clamp(x, -0.3, 0.7)),
    "clamp-below": ("clamp", {"min": 0.1}, lambda x: torch.clamp(x, min=0.1)),
    "clamp-above": ("clamp", {"max": 0.1}, lambda x: torch.clamp(x, max=0.1)),
    **{
        f"pow {exponent}": ("pow", {"exponent": exponent}, partial(torch.pow, exponent=exponent))
        for exponent in (-3.0, -2.0, -1.0, -0.5, 0.0, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 2.2)
    },
    "softmin": ("softmin", {}, nn.Softmin(1)),
    "softmin-last": ("softmin", {"dim": -1}, nn.Softmin(-1)),
    "softmax": ("softmax", {}, nn.Softmax(1)),
    "softmax-last": ("softmax", {"dim": -1}, nn.Softmax(-1)),
    "logsoftmax": ("logsoftmax", {}, nn.LogSoftmax(1)),
    "logsoftmax-last": ("logsoftmax", {"dim": -1}, nn.LogSoftmax(-1)),
}


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("mean", [0.0, 1000.0, -1000.0])
@pytest.mark.parametrize("opset", [18, 23])
def test_twin(name: str, mean: float, opset: int) -> None:
    kind, arguments, reference = TWINS[name]
    # Of x - tanh(x) nothing is left of small numbers, in PyTorch's float32 either.
    scales = (1.0, 1e3) if kind == "tanhshrink" else (1.0, 1e3, 1e-3, 1e-6)
    check_twin(make(kind, **arguments), reference, (6, 5, 7), opset=opset, mean=mean, scales=scales)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("sample", [(9,), (3, 8), (2, 3, 2, 4)])
def test_any_rank(name: str, sample: tuple[int, ...]) -> None:
    kind, arguments, reference = TWINS[name]
    check_twin(make(kind, **arguments), reference, sample, scales=(1.0,))


@pytest.mark.parametrize("name", [n for n in TWINS if not n.startswith(("softm", "logsoftm"))])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -0.0, 1e30, -1e30, 90.0, -90.0])
def test_extremes(name: str, value: float) -> None:
    """Against float64: of gelu(inf), oneDNN's float32 kernel makes NaN, PyTorch's own infinity."""
    kind, arguments, reference = TWINS[name]
    x = torch.full((2, 16), value)
    op = make(kind, **arguments)
    ours = run_onnx(onnx_bytes(graph_of(op, (16,)), {}), [x])
    np.testing.assert_allclose(ours, reference(x.double()).float().numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["elu", "selu", "celu"])
def test_exponential_keeps_its_digits_near_zero(kind: str) -> None:
    """ONNX Runtime's own Elu, Selu and Celu are wrong by up to 100 % here."""
    x = -torch.logspace(-9, -1, 64).reshape(2, 32)
    ours = run_onnx(onnx_bytes(graph_of(make(kind), (32,)), {}), [x])
    np.testing.assert_allclose(ours, getattr(functional, kind)(x.double()).numpy(), rtol=2e-6)


@pytest.mark.parametrize("opset", [18, 23])
@pytest.mark.parametrize(
    ("count", "sample"), [(1, (4, 3, 4)), (4, (4, 3, 4)), (4, (4,)), (3, (3, 3)), (2, (2, 2, 3, 2))]
)
def test_prelu(count: int, sample: tuple[int, ...], opset: int) -> None:
    """(4, 3, 4) and (3, 3): a slope laid along the last axis would go unnoticed."""
    op = make("prelu", num_parameters=count)
    check_twin(op, nn.PReLU(count), sample, opset=opset, scales=(1.0, 1e3, 1e-6))


def test_prelu_starts_as_pytorch_does() -> None:
    (weight,) = make("prelu", init=0.1).parameters(TensorType(N, (4, 2)))
    assert torch.equal(torch.full(weight.shape, weight.init.value), nn.PReLU(init=0.1).weight.detach())


@pytest.mark.parametrize(
    ("kind", "arguments", "sample", "code", "words"),
    [
        ("prelu", {"num_parameters": 3}, (4, 5), "S0107", "num_parameters = 3, and the input of prelu has 4 channels"),
        ("prelu", {"num_parameters": 3}, (), "S0107", "has no channels"),
        ("hardtanh", {"min_val": 2.0}, (4,), "S0305", "max_val = 1.0 must be above min_val = 2.0"),
        ("hardtanh", {"min_val": 1.0, "max_val": 1.0}, (4,), "S0305", "must be above"),
        ("clamp", {}, (4,), "S0305", "clamp needs min, max or both"),
        ("clamp", {"min": 2.0, "max": 1.0}, (4,), "S0305", "max = 1.0 must be above min = 2.0"),
        ("glu", {}, (4, 3), "S0103", "glu halves axis 2 of [N, 4, 3], and 3 is odd"),
        ("glu", {"dim": 0}, (4,), "S0106", "glu over axis 0 would mix the samples"),
        ("softmax", {"dim": 0}, (4,), "S0106", "softmax over axis 0 would mix the samples"),
        ("softmax", {"dim": -2}, (4,), "S0106", "would mix the samples"),
        ("logsoftmax", {"dim": 3}, (4, 5), "S0303", "dim = 3 is no axis of [N, 4, 5]"),
        ("softmax", {}, (), "S0303", "dim = 1 is no axis of [N]"),
    ],
)
def test_refusal(kind: str, arguments: dict[str, object], sample: tuple[int, ...], code: str, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        make(kind, **arguments).infer(TensorType(N, sample))
    assert refused.value.code == code
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("softshrink", {"lambd": -0.5}),
        ("hardshrink", {"lambd": -0.5}),
        ("celu", {"alpha": 0.0}),
        ("softplus", {"beta": 0.0}),
        ("gelu", {"approximate": "erf"}),
        ("elu", {"alpha": 1e39}),
    ],
)
def test_bad_argument(kind: str, arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        make(kind, **arguments)


def test_windows() -> None:
    image = TensorType(N, (3, 4, 5))
    assert make("relu").window(image) == Pointwise()
    assert make("softmax").window(image) == Whole((0,))
    assert make("softmax", dim=-1).window(image) == Whole((2,))
    assert make("softmax").window(TensorType(N, (3,))) == Whole()


@pytest.mark.parametrize("opset", [18, 23])
@pytest.mark.parametrize(
    ("dim", "sample"), [(-1, (6,)), (1, (6,)), (1, (4, 5, 3)), (2, (3, 4, 5)), (-1, (3, 5, 2)), (2, (2, 4, 3, 2))]
)
def test_glu(dim: int, sample: tuple[int, ...], opset: int) -> None:
    check_twin(make("glu", dim=dim), nn.GLU(dim), sample, opset=opset, scales=(1.0, 1e3, 1e-6))


def test_glu_takes_any_other_size() -> None:
    x = TensorType(N, (6, symbol("H"), symbol("W")))
    assert make("glu", dim=1).infer(x) == TensorType(N, (3, symbol("H"), symbol("W")))
    with pytest.raises(Refusal, match="glu takes a fixed number of elements to halve, and here it is W"):
        make("glu").infer(x)


def test_a_softshrink_keeps_what_is_not_a_number() -> None:
    """ONNX Runtime's own Shrink makes 0 of it."""
    x = torch.tensor([[float("nan"), 3.0, 0.2, -0.5]])
    for kind in ("softshrink", "hardshrink"):
        ours = run_onnx(onnx_bytes(graph_of(make(kind), (4,)), {}), [x])
        np.testing.assert_array_equal(ours, getattr(functional, kind)(x).numpy())


@pytest.mark.parametrize(("kind", "fused"), [("gelu", "Gelu"), ("silu", "QuickGelu")])
def test_onnx_runtime_finds_its_own_operator(kind: str, fused: str, tmp_path: Path) -> None:
    """Which does the step in one pass, where its nodes by themselves take three to five."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(onnx_bytes(graph_of(make(kind), (3, 8)), {}), options, providers=["CPUExecutionProvider"])
    assert [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node] == [fused]
