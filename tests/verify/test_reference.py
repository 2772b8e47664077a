"""What rounding may do: the noise model against arithmetic by hand and against real float32."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it
from torch import nn

from specc.verify.reference import PATTERNS, Expected, Rounding, U, expectations


class Function(nn.Module):
    """A module of a function alone."""

    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        return self.function(*values)


def noise(function: object, x: torch.Tensor, patterns: int = 40) -> torch.Tensor:
    """The largest move of each element of the result."""
    exact, most = function(x), torch.zeros(())
    for pattern in range(patterns):
        with Rounding(pattern):
            moved = function(x)
        most = torch.maximum(most, (moved - exact).abs())
    return most


X = torch.linspace(-3, 3, 24, dtype=torch.float64).reshape(1, 2, 3, 4)


def test_one_operand_moves_by_one_roundoff() -> None:
    moved = noise(torch.relu, X)
    assert torch.allclose(moved, U * torch.relu(X), rtol=1e-6, atol=0)


def test_a_product_moves_by_two() -> None:
    moved = noise(lambda x: x * x, X)
    assert torch.allclose(moved, 2 * U * X * X, rtol=1e-6, atol=0)


def test_a_sum_that_cancels_moves_by_its_terms() -> None:
    moved = noise(lambda x: (x + 1000) - 1000, X)
    assert (moved > 900 * U).all()
    assert (moved < 1100 * U).all()


def test_views_and_operations_in_place_are_exact() -> None:
    def transposed(x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).reshape(-1)[None].squeeze(0)

    assert not noise(lambda x: x.view(-1).t(), X).any()
    kept = X.clone()
    with Rounding(0):
        result = X.clone()
        result.add_(1)
        transposed(X)
    assert torch.equal(X, kept)
    assert torch.allclose(result, X + 1, atol=1e-6)


def test_weights_are_left_alone() -> None:
    layer = nn.Conv2d(2, 3, 2).double()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    with torch.no_grad(), Rounding(1):
        layer(X)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_equal_elements_move_together_in_odd_patterns() -> None:
    ones = torch.ones(1, 2, 5, 5, dtype=torch.float64)
    with Rounding(1):
        moved = ones * 1.0
    assert [len(channel.unique()) for channel in moved[0]] == [1, 1]
    with Rounding(0):
        moved = ones * 1.0
    assert len(moved[0, 0].unique()) > 1


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("elu", F.elu),
        ("celu", F.celu),
        ("gelu", F.gelu),
        ("gelu tanh", lambda x: F.gelu(x, approximate="tanh")),
        ("silu", F.silu),
        ("mish", F.mish),
        ("sigmoid", torch.sigmoid),
        ("softplus", F.softplus),
        ("log softmax", lambda x: F.log_softmax(x, 1)),
    ],
)
def test_functions_of_a_fixed_size_move_by_that_size(name: str, function: object) -> None:
    """At an input of 1e-9 the result of elu is 1e-9 as well, and the 1 inside it is rounded all the same."""
    x = torch.full((1, 4), -30.0, dtype=torch.float64)
    moved = noise(function, x)
    assert (moved >= 0.5 * U).all()
    assert (moved <= 100 * U).all()


@pytest.mark.parametrize(
    "made",
    [
        partial(nn.Conv1d, 8, 8, 5),
        partial(nn.Conv2d, 8, 16, 3, groups=4),
        partial(nn.Conv3d, 4, 4, 2),
        partial(nn.ConvTranspose2d, 8, 4, 3, stride=2, groups=2),
        partial(nn.Linear, 512, 30),
        partial(nn.InstanceNorm2d, 8),
        partial(nn.GroupNorm, 2, 8),
        partial(nn.LayerNorm, 32),
        partial(nn.BatchNorm2d, 8),
        partial(nn.AvgPool2d, 3),
        partial(nn.AvgPool3d, 2),
        partial(nn.AdaptiveAvgPool2d, 1),
        partial(nn.AdaptiveAvgPool2d, 3),
        partial(nn.AdaptiveAvgPool3d, 2),
        partial(nn.LocalResponseNorm, 5),
        partial(nn.LPPool2d, 2, 2),
        partial(nn.Softmax, 1),
    ],
    ids=lambda made: made.func.__name__,
)
def test_float32_stays_within_a_few_units(made: Callable[[], nn.Module]) -> None:
    """The unit is the right size: PyTorch's own float32 is neither far beyond it nor far below."""
    torch.manual_seed(0)
    layer = made()
    shape = {"Linear": (2, 512), "Conv1d": (2, 8, 32), "Conv3d": (2, 4, 6, 6, 6), "AvgPool3d": (2, 4, 6, 6, 6),
             "AdaptiveAvgPool3d": (2, 4, 6, 6, 6)}.get(type(layer).__name__, (2, 8, 17, 32))  # fmt: skip
    inputs = {"x": np.random.default_rng(0).standard_normal(shape).astype(np.float32)}
    (((expected),),) = expectations(layer.eval(), [inputs])
    assert 0.01 < expected.error(expected.single) < 3


def test_expectations_are_float64_of_the_same_weights() -> None:
    layer = nn.Linear(3, 2)
    weight, bias = layer.weight.detach().clone().double(), layer.bias.detach().clone().double()
    x = np.array([[0.1, 0.2, 0.3]], np.float32)
    ((expected,),) = expectations(layer, [{"x": x}])
    assert expected.exact.dtype == np.float64
    assert expected.single.dtype == np.float32
    assert np.allclose(expected.exact, (torch.from_numpy(x).double() @ weight.T + bias).numpy(), rtol=1e-15, atol=0)
    assert expected.unit.shape == (1, 2)


def test_unit_is_per_sample_and_channel() -> None:
    """A channel a million times smaller than its neighbour is judged by its own size."""
    x = np.ones((2, 2, 3, 3), np.float32)
    x[:, 1] = 1e-6
    ((expected,),) = expectations(Function(torch.relu), [{"x": x}])
    assert expected.unit.shape == (2, 2, 1, 1)
    assert expected.unit[0, 0] == pytest.approx(1e6 * expected.unit[0, 1], rel=1e-3)
    wrong = x.copy()
    wrong[0, 1, 0, 0] *= 1.001
    assert expected.error(wrong) > 1000


def test_several_outputs() -> None:
    ((first, second),) = expectations(
        Function(lambda a, b: (a + b, a - b)), [{"a": np.ones((1, 2), np.float32), "b": np.ones((1, 2), np.float32)}]
    )
    assert first.exact.tolist() == [[2, 2]]
    assert second.exact.tolist() == [[0, 0]]


def test_nan_and_infinity_stay_out_of_the_error() -> None:
    exact = np.array([[1.0, np.nan, np.inf, 2.0]])
    expected = Expected(exact, exact.astype(np.float32), np.full((1, 4), U))
    assert expected.error(np.array([[1, 5, 5, 2]], np.float32)) == 0
    assert expected.error(np.array([[1 + 2**-20, 5, 5, 2]], np.float32)) == 16


def test_finite_float32_is_the_truth_where_float64_has_no_number() -> None:
    def only_single(x: torch.Tensor) -> torch.Tensor:
        return x if x.dtype == torch.float32 else x * torch.tensor([[1.0, torch.nan, torch.inf]], dtype=x.dtype)

    ((expected,),) = expectations(Function(only_single), [{"x": np.array([[1, 2, 3]], np.float32)}])
    assert expected.exact.tolist() == [[1, 2, 3]]
    assert expected.error(np.array([[1, 2, 3]], np.float32)) == 0
    assert expected.error(np.array([[1, 2.001, 3]], np.float32)) > 1000
    assert expected.error(np.array([[1, 2, 3.001]], np.float32)) > 1000


def test_patterns_are_of_both_kinds() -> None:
    assert PATTERNS // 2 >= 2, "a large network takes half of them, and needs an even and an odd one"
