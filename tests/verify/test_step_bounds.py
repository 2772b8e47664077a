"""The bounds of single steps: against arithmetic by hand, against real engines, and against slight faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import e, exp, log, sqrt
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from specc import ops
from specc.backends.torch import torch_module
from specc.ir.graph import Graph
from specc.ir.op import Op
from specc.ir.rounding import Exact
from specc.ir.targets import Value
from specc.verify.cases import Case
from specc.verify.growth import TF32_U, U
from specc.verify.step_bounds import allowed, is_exact, rule, why
from specc.weights import Randomised
from tests.twins import Given, graph_of, make, onnx_bytes, run_onnx

IMAGE, VOLUME = (6, 13, 9), (4, 5, 6, 7)
Sample = tuple[int, ...]
Array = np.ndarray

CASES = (
    Case("normal", 2),
    Case("zeros", 1, scale=0.0),
    Case("x 1e3", 1, scale=1e3),
    Case("x 1e-6", 1, scale=1e-6),
    Case("mean 1000", 1, mean=1000.0),
    Case("spikes", 1, spikes=True),
    Case("equal", 1, scale=0.0, mean=0.7),
)
SOURCE = Randomised(0)


@dataclass
class Step:
    """One step with random weights, and what it should give."""

    graph: Graph
    weights: Given

    @classmethod
    def of(cls, op: Op, *samples: Sample, **tensors: Any) -> Step:
        """``tensors``: numbers for weights by name, instead of random ones."""
        graph = graph_of(op, *samples)
        drawn = {path: np.concatenate([*SOURCE.chunks(path, p)]).reshape(p.shape) for path, p in graph.state}
        given = {f"step1.{name}": np.array(value, np.float32) for name, value in tensors.items()}
        return cls(graph, Given(drawn | given))

    @cached_property
    def wide(self) -> torch.nn.Module:
        """In float64: the truth."""
        return torch_module(self.graph, self.weights).double()

    @cached_property
    def narrow(self) -> torch.nn.Module:
        return torch_module(self.graph, self.weights)

    def allowed(self, *inputs: Any, u: float = U) -> Array:
        given = [np.asarray(value, np.float64) for value in inputs]
        return allowed(self.graph.nodes[0], self.wide, given, self.run(given, torch.float64), u)

    @cached_property
    def tries(self) -> list[Try]:
        return [Try.of(self, case) for case in CASES]

    def run(self, inputs: list[Array], dtype: torch.dtype) -> Array:
        module = self.wide if dtype == torch.float64 else self.narrow
        with torch.no_grad():
            result = module(*(torch.from_numpy(np.asarray(x)).to(dtype) for x in inputs))
        return result.numpy()

    def onnx(self) -> bytes:
        return onnx_bytes(self.graph, self.weights.tensors)

    def worst(self, model: bytes, optimised: bool) -> float:
        """The largest part that a file needs of what is allowed, over the cases."""
        return max(tried.part(run_onnx(model, tried.inputs, optimised)) for tried in self.tries)


@dataclass
class Try:
    """The inputs of a case, and what PyTorch makes of them; the bound is None where the step claims to be exact."""

    inputs: list[torch.Tensor]
    exact: Array
    single: Array
    bound: Array | None

    @classmethod
    def of(cls, step: Step, case: Case) -> Try:
        inputs = [*case.inputs(step.graph, 0).values()]
        exact, single = (step.run(inputs, dtype) for dtype in (torch.float64, torch.float32))
        bound = None if is_exact(step.graph.nodes[0]) else step.allowed(*inputs)
        return cls([torch.from_numpy(x) for x in inputs], exact, single, bound)

    def part(self, result: Array) -> float:
        """The error of ``result`` as a part of what is allowed; infinite where bits differ that must not."""
        if self.bound is None:
            return 0.0 if np.array_equal(result, self.single, equal_nan=True) else float("inf")
        finite = np.isfinite(self.single)
        bound = self.bound[finite]
        assert np.isfinite(bound).all()
        return float((np.abs(result[finite] - self.exact[finite]) / bound).max(initial=0.0))


def line(*values: float) -> Array:
    """One sample of flat features."""
    return np.array([values])


# ---- by hand ---------------------------------------------------------------------------------------------


def test_sum_of_products() -> None:
    """2*(-3) + 1: absolute products 7; 4 * sqrt(1 + 2) roundings."""
    step = Step.of(make("fc", out_features=1), (1,), weight=[[-3.0]], bias=[1.0])
    assert step.allowed(line(2.0)) == pytest.approx(4 * sqrt(3) * U * 7)
    assert step.allowed(line(2.0), u=TF32_U) == pytest.approx((4 * sqrt(3) * U + 2 * (TF32_U - U)) * 7), (
        "factors rounded to u"
    )


def test_running_statistics() -> None:
    """(3 - 5)/sqrt(4) * -2 + 1, whose absolute terms are (3 + 5)/2*2 + 1 = 9."""
    numbers = {"weight": [-2.0], "bias": [1.0], "running_mean": [5.0], "running_var": [4.0]}
    step = Step.of(make("bn", eps=1e-12), (1,), **numbers)
    assert step.allowed(line(3.0)) == pytest.approx(4 * sqrt(3) * U * 9)


def test_mean() -> None:
    """|1| and |-3|: 2 on average; 4 + 2/2 roundings."""
    step = Step.of(make("avgpool", kernel=2), (1, 2))
    assert step.allowed([[[1.0, -3.0]]]) == pytest.approx(5 * U * 2)


def test_equal_weights() -> None:
    """Three of one size in a filter: half as many roundings more; two may be chance, and zeros are no terms."""
    bound = [1.0 * size * U for size in (4 * sqrt(8), 4 * sqrt(8) + 1.5, 4 * sqrt(8) + 3)]
    for weight, expected in (
        ([2.0, -2.0, 1.0, 0.0, 0.0, 0.0], bound[0]),
        ([2.0, -2.0, 2.0, 0.0, 0.0, 0.0], bound[1]),
        ([2.0, -2.0, 2.0, 2.0, 2.0, 2.0], bound[2]),
    ):
        step = Step.of(make("fc", out_features=2, bias=False), (6,), weight=[weight, [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]])
        size = sum(abs(number) for number in weight)
        assert step.allowed(np.ones((1, 6)))[0, 0] == pytest.approx(expected * size)


def test_filters_of_a_transposed_convolution_lie_along_the_other_axis() -> None:
    weight = np.arange(1.0, 19.0).reshape(6, 3, 1)
    weight[:, 1] = 0.5
    step = Step.of(make("convtranspose", out_channels=3, kernel=1, bias=False), (6, 1), weight=weight)
    sums = np.array([51, 3, 63])
    assert step.allowed(np.ones((1, 6, 1)))[0, :, 0] == pytest.approx((4 * sqrt(8) + 3) * U * sums)


def test_long_mean() -> None:
    """128 elements of 2^24 + 1 ones: from the left every 1 is lost, so the sum is 127 off; twice that, over 128."""
    x = np.ones((1, 1, 128))
    x[0, 0, 0] = 2.0**24
    expected = 4 * sqrt(130) * U * x.mean() + 2 * 127 / 128
    assert Step.of(make("globalavgpool"), (1, 128)).allowed(x) == pytest.approx(expected)
    assert Step.of(make("globalavgpool"), (1, 128)).allowed(x[..., ::-1].copy()) == pytest.approx(expected)
    pool = Step.of(make("avgpool", kernel=128, padding=1, stride=1), (1, 128))
    assert pool.allowed(x)[0, 0, 1] == pytest.approx(expected)


def test_tf32_bears_on_products_alone() -> None:
    x = np.ones((1, 1, 128))
    for step in (Step.of(make("globalavgpool"), (1, 128)), Step.of(make("avgpool", kernel=2), (1, 128))):
        assert np.array_equal(step.allowed(x, u=TF32_U), step.allowed(x))


def test_power_mean() -> None:
    """(9 + 16)^(1/2) = 5: the sum is 4 + 2/2 roundings off, the root half as many, and some of its own."""
    step = Step.of(make("lppool", norm_type=2.0, kernel=2), (1, 2))
    assert step.allowed([[[3.0, -4.0]]]) == pytest.approx((5 / 2 + 4 * (1 + log(25) / 2)) * U * 5, rel=1e-5)


def test_function() -> None:
    """Four roundings of x times the slope, eight of the result and of the 1 in 1 + e^-x."""
    at = 1 / (1 + e**-2)
    slope = at * (1 - at)
    expected = 4 * U * 2 * slope + 8 * U * (at + 1)
    assert Step.of(make("sigmoid"), (1,)).allowed(line(2.0)) == pytest.approx(expected, rel=1e-5)
    silu = 4 * U * 2 * (at + 2 * slope) + 8 * U * (2 * at + 2)
    assert Step.of(make("silu"), (1,)).allowed(line(2.0)) == pytest.approx(silu, rel=1e-5)


def test_function_with_a_jump() -> None:
    """At its threshold softplus jumps from log(1 + e) to 1: a rounding of x decides on which side it is."""
    step = Step.of(make("softplus", threshold=1.0), (2,))
    near, far = step.allowed(line(1.0, 0.5))[0]
    assert near == pytest.approx(log(1 + e) - 1, rel=1e-4)
    assert far < 50 * U


def test_softmax() -> None:
    """Of 0 and -1: the smaller is e^-1/(1 + e^-1) = p; its exponent is 2 roundings off, and so is part p of the sum."""
    p = exp(-1) / (1 + exp(-1))
    bound = Step.of(make("softmax"), (2,)).allowed(line(0.0, -1.0))[0]
    assert bound == pytest.approx([(5 + 2 * p) * U * (1 - p), (5 + 2 + 2 * p) * U * p])
    bound = Step.of(make("logsoftmax"), (2,)).allowed(line(0.0, -1.0))[0]
    assert bound[1] == pytest.approx((5 + 2 + 2 * p + 2 * -log(p)) * U)


def test_normalised() -> None:
    """1 and 5: mean 3, deviation 2, mean size 3. (1 + 3)/2 for the mean; 1 * (1 + 3/2) for the variance."""
    step = Step.of(make("layernorm", eps=1e-12), (2,), weight=[-3.0, 1.0], bias=[0.5, -0.25])
    grown = 3 + 4 * sqrt(4)
    first, second = grown * (2 + 2.5) * 3 + 4 * 0.5, grown * (4 + 2.5) + 4 * 0.25
    assert step.allowed(line(1.0, 5.0))[0] == pytest.approx([first * U, second * U])


def test_normalised_by_channel() -> None:
    """Weight and bias belong to the channels, also where these are as many as the places."""
    step = Step.of(make("instancenorm", affine=True, eps=1e-12), (2, 2), weight=[10.0, 1.0], bias=[0.0, 0.0])
    bound = step.allowed([[[1.0, 5.0], [1.0, 5.0]]])[0]
    assert bound[0] == pytest.approx(10 * bound[1])


def test_root_mean_square() -> None:
    """3 and 4 over sqrt(25/2), times 2: the quotient and the variance, each in proportion to the result."""
    step = Step.of(make("rmsnorm", eps=1e-12), (2,), weight=[2.0, 2.0])
    sizes = np.array([3, 4]) / sqrt(12.5) * 2
    assert step.allowed(line(3.0, 4.0))[0] == pytest.approx(2 * (3 + 4 * sqrt(4)) * U * sizes)


def test_quotient() -> None:
    """1/(3 - 2*1²)^1 of lrn with k = 3 and alpha = -2: what cancels in the base, 3 + 2 over 1, is kept."""
    step = Step.of(make("lrn", size=1, alpha=-2.0, k=3.0, beta=1.0), (1, 1))
    assert step.allowed([[[1.0]]]) == pytest.approx((2 * (1 + 1 / 64) * 5 + 4) * U, rel=1e-5)


def test_quotient_of_power_zero() -> None:
    assert Step.of(make("lrn", size=3, beta=0.0), (4, 1)).allowed(np.ones((1, 4, 1))) == pytest.approx(2 * U)


def test_attention_to_one_place() -> None:
    """Its weight is 1 whatever the scores are: 2*3 of the value through two layers, and what a mean of one adds."""
    weights = {"in_proj_weight": [[5.0], [7.0], [2.0]], "out_proj.weight": [[3.0]]}
    step = Step.of(make("multiheadattention", num_heads=1, bias=False), (1, 1), **weights)
    layers, softmax, mean = 2 * 4 * sqrt(3), 4 + 1 / 2, 4 * sqrt(3)
    assert step.allowed([[[1.0]]]) == pytest.approx((layers + softmax + mean) * U * 6, rel=1e-5)


def test_attention_to_two_places() -> None:
    """Scores 0 and 1 by exact weights: what the keys are off by moves the weights by p(1 - p) of it, twice."""
    weights = {"in_proj_weight": [[1.0], [1.0], [1.0]], "out_proj.weight": [[1.0]]}
    step = Step.of(make("multiheadattention", num_heads=1, bias=False), (1, 1), (2, 1), **weights)
    p, layer, score = 1 / (1 + e), 4 * sqrt(3) * U, 4 * sqrt(3) * U + 4 * U
    off = 2 * layer + score  # of the score 1; that of 0 is exact
    softmax = (4 + 1 + 2 * p) * U * (1 - p)  # of the place with the value 1
    mean = (1 - p) * (layer + 4 * sqrt(4) * U)
    expected = p * (1 - p) * off + softmax + mean + (1 - p) * layer
    assert step.allowed([[[1.0]]], [[[0.0], [1.0]]]) == pytest.approx(expected, rel=1e-4)


def test_interpolation() -> None:
    """Two neighbours, exact places: four roundings of the largest element nearby. An inexact coordinate: 4*3 more."""
    x = [[[1.0, -8.0, 1.0]]]
    exact = Step.of(make("upsample", mode="linear", scale_factor=2.0), (1, 3))
    assert exact.allowed(x) == pytest.approx(4 * U * 8)
    other = Step.of(make("upsample", mode="linear", scale_factor=3.0), (1, 3))
    assert other.allowed(x) == pytest.approx((4 + 12) * U * 8)


def test_interpolation_looks_no_further_than_it_reads() -> None:
    bound = Step.of(make("upsample", mode="linear", scale_factor=2.0), (1, 32)).allowed([[[1e6] + [1.0] * 31]])[0, 0]
    assert bound[0] > 1e5 * bound[-1]


def test_exact_steps_allow_nothing() -> None:
    assert not Step.of(make("relu"), (3,)).allowed(line(1.0, -2.0, 0.0)).any()


def test_underflow_is_allowed_for() -> None:
    """Products of numbers near the smallest: an engine may flush them to zero."""
    step = Step.of(make("fc", out_features=1, bias=False), (1,), weight=[[1e-30]])
    assert step.allowed(line(1e-10)) > 1e-30 * 1e-10


def test_words() -> None:
    (node,) = Step.of(make("conv", out_channels=2, kernel=3), (3, 5, 5)).graph.nodes
    assert rule(node) == "sum of 27 products"
    assert "absolute products" in why(node)
    assert not is_exact(node)


# ---- real engines -----------------------------------------------------------------------------------------

STEPS: tuple[tuple[str, tuple[Sample, ...], dict[str, Any]], ...] = (
    ("abs", (IMAGE,), {}),
    ("adaptiveavgpool", (IMAGE,), {"size": (5, 4)}),
    ("adaptiveavgpool", ((2, 60, 50),), {"size": 3}),
    ("adaptivemaxpool", (IMAGE,), {"size": 5}),
    ("add", (IMAGE, IMAGE, IMAGE), {}),
    ("affine", (IMAGE,), {"factor": -0.17, "offset": 0.3}),
    ("affine", (IMAGE,), {"factor": (1.0, 0.2, -0.3, 0.4, 5.0, 6.0), "offset": 0.1}),
    ("alphadropout", (IMAGE,), {}),
    ("amax", (IMAGE,), {"dim": (1, 3)}),
    ("avgpool", (IMAGE,), {"kernel": 3, "stride": 2, "padding": 1}),
    ("avgpool", ((2, 40, 40),), {"kernel": 16}),
    ("batchnorm", (IMAGE,), {}),
    ("celu", (IMAGE,), {"alpha": 0.1}),
    ("channelshuffle", (IMAGE,), {"groups": 3}),
    ("clamp", (IMAGE,), {"min": -0.1, "max": 0.7}),
    ("concat", (IMAGE, IMAGE), {}),
    ("conv", (IMAGE,), {"out_channels": 8, "kernel": 5, "padding": 2}),
    ("conv", ((512, 5, 5),), {"out_channels": 8, "kernel": 3}),
    ("conv", (VOLUME,), {"out_channels": 4, "kernel": 3, "padding": 1, "padding_mode": "circular"}),
    ("convtranspose", (IMAGE,), {"out_channels": 4, "kernel": 3, "stride": 2}),
    ("crop", (IMAGE, (2, 5, 7)), {"like": Value(1)}),
    ("depthtospace", ((8, 5, 6),), {"blocksize": 2}),
    ("div", (IMAGE, (6, 1, 1)), {}),
    ("dropout", (IMAGE,), {}),
    ("elu", (IMAGE,), {"alpha": 5.0}),
    ("exp", (IMAGE,), {}),
    ("expand", ((6, 1, 9), IMAGE), {"like": Value(1)}),
    ("fc", ((4608,),), {"out_features": 16}),
    ("flatten", (IMAGE,), {}),
    ("fuse", (IMAGE, IMAGE, IMAGE), {}),
    ("gelu", ((3, 80, 70),), {}),
    ("gelu", (IMAGE,), {"approximate": "tanh"}),
    ("globalavgpool", ((4, 56, 56),), {}),
    ("globalmaxpool", (IMAGE,), {}),
    ("glu", (IMAGE,), {"dim": 1}),
    ("groupnorm", (IMAGE,), {"num_groups": 2}),
    ("hardshrink", (IMAGE,), {"lambd": 0.3}),
    ("hardsigmoid", (IMAGE,), {}),
    ("hardswish", (IMAGE,), {}),
    ("hardtanh", (IMAGE,), {"min_val": -0.1, "max_val": 0.7}),
    ("identity", (IMAGE,), {}),
    ("instancenorm", ((3, 64, 64),), {"affine": True}),
    ("layernorm", ((3, 768),), {}),
    ("layernorm", (IMAGE,), {}),
    ("leakyrelu", (IMAGE,), {"negative_slope": 0.2}),
    ("linear", ((5, 96),), {"out_features": 7}),
    ("log", (IMAGE,), {}),
    ("logsigmoid", (IMAGE,), {}),
    ("logsoftmax", ((1000,),), {}),
    ("lppool", (IMAGE,), {"norm_type": 2.0, "kernel": 3}),
    ("lppool", (IMAGE,), {"norm_type": 2.7, "kernel": 2}),
    ("lrn", (IMAGE,), {"size": 4, "alpha": 0.3, "beta": 2.0}),
    ("matmul", ((3, 7, 300), (3, 300, 5)), {}),
    ("maximum", (IMAGE, IMAGE), {}),
    ("maxpool", (IMAGE,), {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ("mean", ((768, 5),), {"dim": 1}),
    ("minimum", (IMAGE, IMAGE), {}),
    ("mish", (IMAGE,), {}),
    ("mul", (IMAGE, (6, 1, 1)), {}),
    ("multiheadattention", ((20, 48),), {"num_heads": 3}),
    ("multiheadattention", ((5, 32), (70, 32)), {"num_heads": 2, "bias": False}),
    ("neg", (IMAGE,), {}),
    ("normalize", ((300, 7),), {}),
    ("normalize", (IMAGE,), {"p": 1.0, "dim": -1}),
    ("pad", (IMAGE,), {"padding": 2, "mode": "reflect"}),
    ("permute", (IMAGE,), {"dims": (0, 2, 3, 1)}),
    ("pixelshuffle", ((8, 5, 6),), {"upscale_factor": 2}),
    ("pixelunshuffle", ((2, 6, 8),), {"downscale_factor": 2}),
    ("pow", (IMAGE,), {"exponent": 2.7}),
    ("pow", (IMAGE,), {"exponent": -0.5}),
    ("pow", (IMAGE,), {"exponent": 3.0}),
    ("prelu", (IMAGE,), {"num_parameters": 6}),
    ("relu", (IMAGE,), {}),
    ("relu6", (IMAGE,), {}),
    ("reshape", (IMAGE,), {"shape": (-1, 13, 54)}),
    ("rmsnorm", (IMAGE,), {}),
    ("scale", (IMAGE,), {}),
    ("scale", (IMAGE,), {"dim": None}),
    ("selu", (IMAGE,), {}),
    ("sigmoid", (IMAGE,), {}),
    ("silu", (IMAGE,), {}),
    ("slice", (IMAGE,), {"start": 1, "stop": 5}),
    ("softmin", ((4, 300, 5),), {"dim": 2}),
    ("softmax", ((4, 300, 5),), {"dim": 2}),
    ("softplus", (IMAGE,), {"beta": 0.3, "threshold": 1.0}),
    ("softshrink", (IMAGE,), {"lambd": 0.3}),
    ("softsign", (IMAGE,), {}),
    ("spacetodepth", ((2, 6, 8),), {"blocksize": 2}),
    ("sqrt", (IMAGE,), {}),
    ("standardize", (IMAGE,), {"mean": 0.485, "std": (1.0, 0.2, 0.3, 0.4, 5.0, 6.0)}),
    ("stochasticdepth", (IMAGE,), {"p": 0.3}),
    ("sub", (IMAGE, IMAGE), {}),
    ("sum", (IMAGE,), {"dim": (2, 3)}),
    ("sum", ((768, 5),), {"dim": 1}),
    ("tanh", ((3, 80, 70),), {}),
    ("tanhshrink", ((3, 80, 70),), {}),
    ("threshold", (IMAGE,), {"threshold": 0.1, "value": 2.0}),
    ("upsample", (IMAGE,), {"scale_factor": 1.7}),
    ("upsample", ((3, 60, 50),), {"scale_factor": 1.7, "mode": "bilinear"}),
    ("upsample", (IMAGE,), {"scale_factor": 2.0, "mode": "bicubic"}),
    ("upsample", (VOLUME,), {"scale_factor": 2.0, "mode": "trilinear", "align_corners": True}),
)
"""At least one real step of every operator."""

MARGIN = 0.7
"""The most that a right engine may need of the bound, so that other processors and versions have room."""


def test_every_operator_is_tried() -> None:
    assert {kind for kind, _, _ in STEPS} == {op.kind for op in ops.operators()}


@pytest.mark.parametrize(("kind", "samples", "arguments"), STEPS)
def test_right_engines_are_within(kind: str, samples: tuple[Sample, ...], arguments: dict[str, Any]) -> None:
    """PyTorch in float32 and ONNX Runtime; a step that claims to be exact must be so to the last number."""
    step = Step.of(make(kind, **arguments), *samples)
    assert max(tried.part(tried.single) for tried in step.tries) <= MARGIN
    model = step.onnx()
    for optimised in (False, True):
        assert step.worst(model, optimised) <= MARGIN


@pytest.mark.parametrize("kind", ["sigmoid", "batchnorm", "globalavgpool"])
def test_a_wrong_claim_of_exactness_fails(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.find(kind), "rounding", lambda *_: Exact())
    step = Step.of(make(kind), IMAGE)
    assert step.worst(step.onnx(), False) == float("inf")


# ---- slight faults ----------------------------------------------------------------------------------------

FAULTS: tuple[tuple[str, Sample, dict[str, Any], dict[str, Any], float], ...] = (
    ("batchnorm", IMAGE, {}, {"eps": 1e-6}, 8),
    ("instancenorm", (8, 56, 56), {}, {"eps": 1e-6}, 1e3),
    ("layernorm", (5, 768), {}, {"eps": 1e-6}, 1e3),
    ("groupnorm", IMAGE, {"num_groups": 2}, {"eps": 1e-6}, 1e3),
    ("rmsnorm", (5, 768), {}, {"eps": 1e-6}, 1e3),
    ("gelu", IMAGE, {}, {"approximate": "tanh"}, 100),
    ("multiheadattention", (20, 48), {"num_heads": 3}, {"num_heads": 4}, 1e4),
    ("leakyrelu", IMAGE, {}, {"negative_slope": 0.01001}, 1e9),
    ("affine", IMAGE, {"factor": 2.0, "offset": 0.3}, {"offset": 0.30000004}, 1e9),
    ("elu", IMAGE, {}, {"alpha": 1.0001}, 50),
    ("celu", IMAGE, {}, {"alpha": 1.0001}, 10),
    ("softplus", IMAGE, {}, {"beta": 1.0001}, 50),
    ("avgpool", IMAGE, {"kernel": 3, "padding": 1}, {"count_include_pad": False}, 1e5),
    ("avgpool", IMAGE, {"kernel": 3}, {"divisor_override": 10}, 1e4),
    ("lppool", IMAGE, {"kernel": 3, "norm_type": 2.0}, {"norm_type": 4.0}, 1e4),
    ("lrn", IMAGE, {"size": 5}, {"alpha": 1.001e-4}, 100),
    ("lrn", IMAGE, {"size": 5}, {"size": 4}, 1e4),
    ("upsample", IMAGE, {"scale_factor": 2.0, "mode": "bilinear"}, {"align_corners": True}, 1e4),
    ("upsample", IMAGE, {"scale_factor": 2.0, "mode": "bicubic"}, {"align_corners": True}, 1e4),
    ("upsample", IMAGE, {"scale_factor": 2.0, "mode": "bicubic"}, {"mode": "bilinear"}, 1e4),
    ("softmax", (4, 5, 5), {"dim": 2}, {"dim": 3}, 1e4),
)


@pytest.mark.parametrize(("kind", "sample", "right", "change", "times"), FAULTS)
def test_slight_faults_are_beyond(
    kind: str, sample: Sample, right: dict[str, Any], change: dict[str, Any], times: float
) -> None:
    step, wrong = Step.of(make(kind, **right), sample), graph_of(make(kind, **(right | change)), sample)
    model = onnx_bytes(wrong, step.weights.tensors)
    assert step.worst(model, True) > times


def changed(model: bytes, change: Callable[[Array], Array]) -> bytes:
    """The weights, of two axes or more, put through ``change``."""
    file = onnx.load_from_string(model)
    tensor = next(t for t in file.graph.initializer if len(t.dims) > 1)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), tensor.name))
    return file.SerializeToString()


def without_one(weight: Array) -> Array:
    weight.reshape(-1)[3] = 0
    return weight


@pytest.mark.parametrize(
    ("kind", "sample", "arguments"),
    [
        ("conv", (64, 9, 8), {"out_channels": 8, "kernel": 3}),
        ("convtranspose", (64, 5, 4), {"out_channels": 8, "kernel": 3, "stride": 2}),
        ("fc", (400,), {"out_features": 16}),
    ],
)
def test_slightly_other_weights_are_beyond(kind: str, sample: Sample, arguments: dict[str, Any]) -> None:
    step = Step.of(make(kind, **arguments), sample)
    halved = changed(step.onnx(), lambda weight: weight.astype(np.float16).astype(np.float32))
    assert step.worst(halved, True) > 20
    assert step.worst(changed(step.onnx(), without_one), True) > 100


@pytest.mark.parametrize("side", [64, 224])
def test_slightly_scaled_means_are_beyond(side: int) -> None:
    """However many elements: 1.0001 times the mean is another number."""
    step = Step.of(make("globalavgpool"), (3, side, side))
    x = np.maximum(np.random.default_rng(0).standard_normal((1, 3, side, side), np.float32), 0)
    exact = step.run([x], torch.float64)
    assert (np.abs(step.run([x], torch.float32) * np.float32(1.0001) - exact) > step.allowed(x)).any()
    assert (np.abs(step.run([x], torch.float32) - exact) <= MARGIN * step.allowed(x)).all()


def test_equal_weights_on_equal_elements() -> None:
    """Errors of one sign in every filter."""
    step = Step.of(make("conv", out_channels=2, kernel=29, bias=False), (1, 31, 31), weight=np.ones((2, 1, 29, 29)))
    model = step.onnx()
    for number in np.random.default_rng(0).uniform(0.01, 1, 20).astype(np.float32):
        x = np.full((1, 1, 31, 31), number)
        exact = step.run([x], torch.float64)
        for result in (step.run([x], torch.float32), run_onnx(model, [torch.from_numpy(x)])):
            assert (np.abs(result - exact) <= MARGIN * step.allowed(x)).all()


@pytest.mark.parametrize(("side", "kernel"), [(14, 14), (16, 4)])
def test_equal_elements_added_one_by_one(side: int, kernel: int) -> None:
    """What the bound of means is for: of equal numbers all errors have one sign. 64 different ones."""
    step = Step.of(make("avgpool", kernel=kernel), (64, side, side))
    numbers = np.random.default_rng(0).uniform(0.01, 1000, (1, 64, 1, 1)).astype(np.float32)
    x = np.broadcast_to(numbers, (1, 64, side, side)).copy()
    result = run_onnx(step.onnx(), [torch.from_numpy(x)])
    exact, bound = step.run([x], torch.float64), step.allowed(x)
    part = np.maximum(np.abs(result - exact), np.abs(step.run([x], torch.float32) - exact)) / bound
    assert 0.1 < part.max() <= MARGIN
