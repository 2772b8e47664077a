"""Normalisations against PyTorch, also where the mean dwarfs the deviation."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import nn
from torch.nn import functional

from specc.backends import onnx as backend
from specc.ir.init import Constant, Fixed
from specc.ir.op import Refusal
from specc.ir.size import symbol
from specc.ir.traits import EACH, Pointwise, Sliding, Taps, Whole, every
from specc.ir.types import TensorType
from tests.twins import check_twin, graph_of, make, onnx_bytes, run_onnx

N = symbol("N")
BATCH_NORMS = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
INSTANCE_NORMS = {1: nn.InstanceNorm1d, 2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
SAMPLES = [(6,), (6, 5), (6, 4, 5), (6, 3, 2, 4)]


class Rms(nn.RMSNorm):
    """PyTorch's, whose eps=None means another number once the module is made float64."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **{"eps": torch.finfo(torch.float32).eps} | keywords)


def check(op: Any, reference: Any, *samples: tuple[int, ...]) -> None:
    """Every scale of semantics.md, at the oldest and the newest opset."""
    for opset in (18, 23):
        check_twin(op, reference, *samples, opset=opset, batch=3, scales=(1.0, 1e3, 1e-6))
        check_twin(op, reference, *samples, opset=opset, mean=1000.0, scales=(1.0,))


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("options", [{}, {"eps": 0.1, "momentum": None}, {"affine": False, "momentum": 0.3}])
def test_batchnorm(sample: tuple[int, ...], options: dict[str, Any]) -> None:
    check(make("bn", **options), BATCH_NORMS[len(sample) - 1](sample[0], **options), sample)


@pytest.mark.parametrize("sample", SAMPLES[1:])
@pytest.mark.parametrize(
    "options",
    [{}, {"affine": True, "eps": 0.1}, {"track_running_stats": True}, {"affine": True, "track_running_stats": True}],
)
def test_instancenorm(sample: tuple[int, ...], options: dict[str, Any]) -> None:
    check(make("instancenorm", **options), INSTANCE_NORMS[len(sample) - 1](sample[0], **options), sample)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("options", [{}, {"eps": 0.1}, {"affine": False}])
def test_groupnorm(sample: tuple[int, ...], options: dict[str, Any]) -> None:
    check(make("groupnorm", num_groups=2, **options), nn.GroupNorm(2, sample[0], **options), sample)


def test_groupnorm_of_one_and_of_all() -> None:
    check(make("groupnorm", num_groups=1), nn.GroupNorm(1, 4), (4, 3, 2))
    check(make("groupnorm", num_groups=4), nn.GroupNorm(4, 4), (4, 3, 2))


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"eps": 0.1}, {"bias": False}, {"elementwise_affine": False}])
def test_layernorm(sample: tuple[int, ...], axes: int, options: dict[str, Any]) -> None:
    shape = sample[-axes:]
    check(make("layernorm", normalized_shape=shape, **options), nn.LayerNorm(shape, **options), sample)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"eps": 0.1}, {"elementwise_affine": False}])
def test_rmsnorm(sample: tuple[int, ...], axes: int, options: dict[str, Any]) -> None:
    shape = sample[-axes:]
    check(make("rmsnorm", normalized_shape=shape, **options), Rms(shape, **options), sample)


def test_last_axis_is_the_default() -> None:
    check(make("layernorm"), nn.LayerNorm(5), (3, 4, 5))
    check(make("rmsnorm"), Rms(5), (3, 4, 5))
    check(make("layernorm", normalized_shape=5), nn.LayerNorm(5), (3, 4, 5))


def test_rmsnorm_names_its_eps_in_pytorch() -> None:
    """eps=None would mean 2^-23 or 2^-52, whichever type the module has at the time."""
    assert make("rmsnorm").torch(TensorType(N, (4,))).kwargs["eps"] == torch.finfo(torch.float32).eps


@pytest.mark.parametrize("sample", [(1, 4), (7, 5), (7, 4, 3), (5, 2, 3, 2)])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 12])
def test_lrn(sample: tuple[int, ...], size: int) -> None:
    check(make("lrn", size=size), nn.LocalResponseNorm(size), sample)
    options = {"alpha": 0.3, "beta": 0.5, "k": 2.0}
    check(make("lrn", size=size, **options), nn.LocalResponseNorm(size, **options), sample)


def test_lrn_of_even_size_looks_further_back_than_forward() -> None:
    """A one in channel 1 of 4, size 2: it weighs on channels 1 and 2, not on channel 0."""
    x = torch.ones(1, 4, 1)
    x[0, 1] = 3.0
    ours = run_onnx(onnx_bytes(graph_of(make("lrn", size=2, alpha=1.0, beta=1.0, k=0.0), (4, 1)), {}), [x])
    assert ours.ravel().tolist() == pytest.approx([1 / (1 / 2), 3 / (10 / 2), 1 / (10 / 2), 1 / (2 / 2)])


@pytest.mark.parametrize("kind", ["layernorm", "groupnorm", "instancenorm"])
def test_far_mean(kind: str) -> None:
    """E[x²] - E[x]² would lose everything here: with a mean of 1000 and a deviation of 1e-2 it is noise.

    PyTorch's own float32 error is 0.003 to 0.01.
    """
    arguments = {"num_groups": 2} if kind == "groupnorm" else {}
    references = {"layernorm": nn.LayerNorm(64), "groupnorm": nn.GroupNorm(2, 4), "instancenorm": nn.InstanceNorm1d(4)}
    check_twin(make(kind, **arguments), references[kind], (4, 64), mean=1000.0, scales=(1e-2,), allowance=4.0)


@pytest.mark.parametrize(
    ("kind", "options", "module"),
    [
        ("batchnorm", {}, nn.BatchNorm2d(4)),
        ("batchnorm", {"affine": False}, nn.BatchNorm2d(4, affine=False)),
        ("instancenorm", {}, nn.InstanceNorm2d(4)),
        (
            "instancenorm",
            {"affine": True, "track_running_stats": True},
            nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
        ),
        ("groupnorm", {"num_groups": 2}, nn.GroupNorm(2, 4)),
        ("layernorm", {}, nn.LayerNorm(6)),
        ("layernorm", {"bias": False}, nn.LayerNorm(6, bias=False)),
        ("rmsnorm", {}, nn.RMSNorm(6)),
    ],
)
def test_starts_as_pytorch_does(kind: str, options: dict[str, Any], module: nn.Module) -> None:
    parameters = make(kind, **options).parameters(TensorType(N, (4, 5, 6)))
    state = module.state_dict()
    assert [p.name for p in parameters] == list(state)
    for p in parameters:
        assert isinstance(p.init, Constant)
        assert torch.equal(torch.full(p.shape, p.init.value, dtype=state[p.name].dtype), state[p.name])
        assert p.trainable == (p.name in dict(module.named_parameters()))


@pytest.mark.parametrize(
    ("kind", "arguments", "sample", "code", "words"),
    [
        ("bn", {"track_running_stats": False}, (4, 5), "S0106", "would mix the samples"),
        ("bn", {}, (), "S0101", "batchnorm takes [N, F] or [N, C, L] or"),
        ("bn", {}, (1, 2, 3, 4, 5), "S0101", "its input is [N, 1, 2, 3, 4, 5]"),
        ("instancenorm", {}, (4,), "S0101", "instancenorm takes [N, C, L]"),
        ("instancenorm", {}, (4, 1, 1), "S0100", "more than one place in a channel"),
        ("groupnorm", {"num_groups": 4}, (6, 2), "S0103", "num_groups = 4 does not divide the 6 channels"),
        ("groupnorm", {"num_groups": 4}, (4, 1, 1), "S0100", "leaves one element to each group of 4 x 1 x 1"),
        ("groupnorm", {"num_groups": 4}, (), "S0101", "its input is [N]"),
        ("layernorm", {}, (), "S0101", "its input is [N]"),
        ("layernorm", {"normalized_shape": 4}, (4, 5), "S0107", "normalized_shape is 4, and the input of layernorm is"),
        ("layernorm", {"normalized_shape": (2, 4, 5)}, (4, 5), "S0107", "normalized_shape is 2 x 4 x 5"),
        ("rmsnorm", {"normalized_shape": ()}, (4, 5), "S0107", "normalized_shape is empty"),
        ("lrn", {"size": 3}, (4,), "S0101", "lrn takes [N, C, L]"),
    ],
)
def test_refusal(kind: str, arguments: dict[str, Any], sample: tuple[int, ...], code: str, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        make(kind, **arguments).infer(TensorType(N, sample))
    assert refused.value.code == code
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("kind", "arguments", "argument", "against"),
    [
        ("layernorm", {"elementwise_affine": False, "bias": True}, "bias", "elementwise_affine"),
        ("instancenorm", {"momentum": 0.1}, "momentum", "track_running_stats"),
        ("instancenorm", {"momentum": 0.2, "track_running_stats": False}, "momentum", "track_running_stats"),
    ],
)
def test_what_says_something_of_nothing(kind: str, arguments: dict[str, Any], argument: str, against: str) -> None:
    with pytest.raises(Refusal) as refused:
        make(kind, **arguments).infer(TensorType(N, (2, 3)))
    assert (refused.value.code, refused.value.argument, refused.value.against) == ("S0305", argument, against)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("batchnorm", {"affine": False, "bias": False, "scale": False}),
        ("layernorm", {"elementwise_affine": False, "bias": False}),
    ],
)
def test_what_leaves_the_parameters_out_twice_says_nothing_wrong(kind: str, arguments: dict[str, Any]) -> None:
    op, x = make(kind, **arguments), TensorType(N, (2, 3))
    assert op.infer(x) == x
    assert all(parameter.buffer for parameter in op.parameters(x))


def test_pytorch_refuses_the_same() -> None:
    for module, shape in [(nn.InstanceNorm2d(4), (2, 4, 1, 1)), (nn.GroupNorm(4, 4), (1, 4, 1, 1))]:
        with pytest.raises(ValueError, match="Expected more than 1"):
            module.eval()(torch.zeros(shape))
    with pytest.raises(ValueError, match="3D or higher"):
        nn.LocalResponseNorm(3)(torch.zeros(2, 4))


def test_running_statistics_carry_a_single_place() -> None:
    options = {"track_running_stats": True}
    check_twin(make("instancenorm", **options), nn.InstanceNorm2d(4, **options), (4, 1, 1))


def test_bad_eps() -> None:
    for kind, eps in [("bn", 0.0), ("layernorm", -1e-5), ("groupnorm", -1.0)]:
        with pytest.raises(ValueError, match="eps"):
            make(kind, eps=eps, **({"num_groups": 1} if kind == "groupnorm" else {}))


def test_windows_and_arithmetic() -> None:
    image = TensorType(N, (8, 5, 6))
    assert make("bn").window(image) == Pointwise()
    assert make("instancenorm").window(image) == Whole((1, 2))
    assert make("instancenorm", track_running_stats=True).window(image) == Pointwise()
    assert make("groupnorm", num_groups=1).window(image) == Whole()
    assert make("groupnorm", num_groups=2).window(image) == Sliding((Taps(4, (range(4),) * 4), every(5), every(6)))
    assert make("layernorm").window(image) == Whole((2,))
    assert make("rmsnorm", normalized_shape=(5, 6)).window(image) == Whole((1, 2))
    assert make("layernorm").window(TensorType(N, (8,))) == Whole()
    assert make("lrn", size=4).window(image) == Sliding((Taps(1, (range(-2, 2),)), EACH, EACH))
    assert make("groupnorm", num_groups=2).arithmetic(image) == (
        "channels in a group: 8/2 = 4",
        "each mean and variance: 4 x 5 x 6 = 120 elements",
    )


@pytest.mark.parametrize("kind", ["bn", "instancenorm"])
@pytest.mark.parametrize("momentum", [0.1, 0.3, 1.0, 0.0])
def test_momentum_means_in_the_file_what_it_means_in_pytorch(kind: str, momentum: float) -> None:
    """ONNX's is what a batch leaves of the running mean: asked of its reference, put into training."""
    options = {"track_running_stats": True} if kind == "instancenorm" else {}
    (node,) = backend.checked(graph_of(make(kind, momentum=momentum, **options), (3, 4, 4))).model.graph.node
    assert ("momentum" in [attribute.name for attribute in node.attribute]) == (momentum != 0.1)
    node = onnx.NodeProto.FromString(node.SerializeToString())
    node.attribute.append(onnx.helper.make_attribute("training_mode", 1))
    node.output.extend(["mean", "var"])
    x, before = torch.randn(1, 3, 4, 4), torch.tensor([1.0, -2.0, 30.0])
    given = [x, torch.ones(3), torch.zeros(3), before, torch.ones(3)]
    feeds = dict(zip(node.input, (value.numpy() for value in given), strict=True))
    _, mean, _ = ReferenceEvaluator(node).run(None, feeds)
    module = (nn.InstanceNorm2d if options else nn.BatchNorm2d)(3, momentum=momentum, **options).train()
    module.running_mean.copy_(before)
    module(x)
    np.testing.assert_allclose(mean, module.running_mean.numpy(), rtol=1e-5)


def test_the_average_over_all_batches_has_no_momentum_in_onnx() -> None:
    """PyTorch's own exporter writes 1 too, by which the running statistics stay as they are."""
    (node,) = backend.checked(graph_of(make("bn", momentum=None), (3, 4, 4))).model.graph.node
    assert {attribute.name: attribute.f for attribute in node.attribute}["momentum"] == 1.0


@pytest.mark.parametrize(("dim", "sample"), [(1, (7,)), (1, (8, 3, 5)), (-1, (3, 4, 6)), (2, (3, 9, 2)), (1, (600, 2))])
@pytest.mark.parametrize("options", [{}, {"p": 1.0}, {"eps": 0.5}, {"p": 1.0, "eps": 3.0}])
@pytest.mark.parametrize("opset", [18, 23])
def test_normalize(dim: int, sample: tuple[int, ...], options: dict[str, Any], opset: int) -> None:
    def reference(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(x, dim=dim, **options)

    check_twin(make("normalize", dim=dim, **options), reference, sample, opset=opset, scales=(1.0, 1e3, 1e-6))


def test_a_vector_of_zeros_has_no_direction() -> None:
    ours = run_onnx(onnx_bytes(graph_of(make("normalize"), (4,)), {}), [torch.zeros(1, 4)])
    assert (ours == 0).all()


@pytest.mark.parametrize("p", [0.0, 3.0, -1.0])
def test_other_lengths_are_refused(p: float) -> None:
    with pytest.raises(Refusal, match="divides by the length with p = 1 or 2, not"):
        make("normalize", p=p).infer(TensorType(N, (4,)))


class Halves(nn.Module):
    """A batch norm with one of its two tensors, as Keras's scale=False and center=False leave it."""

    def __init__(self, channels: int, *, weight: bool) -> None:
        super().__init__()
        name, start = ("weight", 1.0) if weight else ("bias", 0.0)
        self.register_parameter(name, nn.Parameter(torch.full((channels,), start)))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        own = dict(self.named_parameters())
        return functional.batch_norm(x, self.running_mean, self.running_var, own.get("weight"), own.get("bias"))


@pytest.mark.parametrize("sample", [(5,), (3, 4), (3, 4, 5), (2, 3, 4, 2)])
@pytest.mark.parametrize("opset", [18, 23])
def test_batchnorm_without_one_of_the_two(sample: tuple[int, ...], opset: int) -> None:
    check_twin(make("batchnorm", scale=False), Halves(sample[0], weight=False), sample, opset=opset)
    check_twin(make("batchnorm", bias=False), Halves(sample[0], weight=True), sample, opset=opset)
    check_twin(make("batchnorm", bias=False, scale=False), nn.BatchNorm1d(5, affine=False), (5,), opset=opset)


def test_numbers_of_a_batchnorm() -> None:
    state = {"weight": (1.5, -2.0), "bias": (0.25, 0.5), "running_mean": (3.0, 4.0), "running_var": (0.5, 2.0)}
    op = make("batchnorm", **state)
    starts = {p.name: p.init for p in op.parameters(TensorType(N, (2, 3))) if not p.integer}
    assert starts == {name: Fixed(numbers) for name, numbers in state.items()}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ({"affine": False, "bias": True}, "S0305", "affine=false leaves out weight and bias, and bias=true asks"),
        ({"affine": False, "scale": True}, "S0305", "affine=false leaves out weight and bias, and scale=true asks"),
        ({"affine": False, "bias": (1.0, 2.0)}, "S0305", "bias gives the numbers of one of them"),
        ({"scale": False, "weight": (1.0, 2.0)}, "S0305", "batchnorm has no weight here"),
        ({"weight": (1.0,)}, "S0107", "weight has shape 1, and there are 2 outputs"),
        ({"bias": ()}, "S0303", "bias holds an empty list"),
        ({"running_mean": (1.0, 2.0, 3.0)}, "S0107", "running_mean has shape 3, and there are 2 outputs"),
        ({"running_var": (1.0, -1.0)}, "S0305", "running_var holds a number below 0"),
    ],
)
def test_what_a_batchnorm_cannot_start_with(arguments: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        make("batchnorm", **arguments).infer(TensorType(N, (2, 3)))
    assert refused.value.code == code
    assert words in refused.value.message
