"""Merges: what agrees is merged as PyTorch does it, what does not is refused with both shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import numpy as np
import pytest
import torch

from specc.backends.torch import torch_module
from specc.ir.op import Refusal
from specc.ir.size import symbol
from specc.ir.targets import TorchCall, Value
from specc.ir.traits import Joined, Pointwise
from specc.ir.types import TensorType
from specc.weights import Initialised
from tests.twins import check_sizes, check_twin, graph_of, make, onnx_bytes, run_onnx

N = symbol("N")


def types(*samples: tuple[int, ...]) -> tuple[TensorType, ...]:
    return tuple(TensorType(N, sample) for sample in samples)


def left_to_right(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda *values: reduce(function, values)


@pytest.mark.parametrize("sample", [(5,), (4, 3), (3, 4, 2), (2, 3, 2, 2)])
@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("opset", [18, 23])
def test_element_by_element(sample: tuple[int, ...], count: int, opset: int) -> None:
    functions = {"add": torch.add, "sub": torch.sub, "maximum": torch.maximum, "mul": torch.mul}
    functions |= {"minimum": torch.minimum, "div": torch.div}
    for kind, function in functions.items():
        check_twin(make(kind), left_to_right(function), *[sample] * count, opset=opset)


def test_sums_run_from_left_to_right_on_both_sides() -> None:
    """(1e8 + 1) - 1e8 = 0 and (1e8 - 1e8) + 1 = 1 in float32: the order is part of the result."""
    values = [torch.full((1, 4), v) for v in (1e8, 1.0, -1e8, 0.25)]
    for order in ([0, 1, 2, 3], [0, 2, 1, 3], [3, 1, 0, 2]):
        inputs = [values[i] for i in order]
        expected = ((inputs[0] + inputs[1]) + inputs[2]) + inputs[3]
        ours = run_onnx(onnx_bytes(graph_of(make("add"), *[(4,)] * 4), {}), inputs)
        assert (ours == expected.numpy()).all()


def test_quotients_of_zero_are_those_of_pytorch() -> None:
    values = [torch.tensor([[1.0, -1.0, 0.0, 1.0, 0.0]]), torch.tensor([[0.0, 0.0, 0.0, -0.0, 3.0]])]
    ours = run_onnx(onnx_bytes(graph_of(make("div"), (5,), (5,)), {}), values)
    np.testing.assert_array_equal(ours, torch.div(*values).numpy())


def test_calls_are_nested_from_the_left() -> None:
    a, b, c = (Value(i) for i in range(3))
    assert make("add").torch(*types((4,), (4,))) == TorchCall("torch.add", (a, b))
    nested = TorchCall("torch.mul", (TorchCall("torch.mul", (a, b)), c))
    assert make("mul").torch(*types((4,), (4,), (4,))) == nested


@pytest.mark.parametrize(
    "samples",
    [
        ((8, 4, 5), (8, 1, 1)),
        ((8, 1, 1), (8, 4, 5)),
        ((1, 4, 5), (8, 1, 1)),
        ((8, 1, 5), (1, 4, 1), (8, 4, 1)),
        ((1,), (6,)),
    ],
)
def test_products_and_quotients_widen_sizes_of_one(samples: tuple[tuple[int, ...], ...]) -> None:
    check_twin(make("mul"), left_to_right(torch.mul), *samples)
    check_twin(make("div"), left_to_right(torch.div), *samples)


@pytest.mark.parametrize(
    ("samples", "dim"),
    [
        (((3,), (4,)), 1),
        (((3, 5), (4, 5), (1, 5)), 1),
        (((3, 5), (3, 2)), 2),
        (((3, 5), (3, 2)), -1),
        (((3, 4, 5), (3, 2, 5)), -2),
        (((2, 3, 2, 2), (2, 3, 2, 5)), 4),
    ],
)
@pytest.mark.parametrize("opset", [18, 23])
def test_concat(samples: tuple[tuple[int, ...], ...], dim: int, opset: int) -> None:
    check_twin(make("concat", dim=dim), lambda *values: torch.cat(values, dim), *samples, opset=opset)


def test_concat_is_exact() -> None:
    x, y = torch.randn(2, 3, 4), torch.randn(2, 2, 4)
    ours = run_onnx(onnx_bytes(graph_of(make("concat"), (3, 4), (2, 4)), {}), [x, y])
    np.testing.assert_array_equal(ours, torch.cat((x, y), 1).numpy())


@pytest.mark.parametrize(
    ("kind", "arguments", "samples", "cause", "words"),
    [
        ("add", {}, ((4, 8, 8), (4, 8, 8), (4, 4, 4)), 2, "[N, 4, 8, 8] and, as arm 3, [N, 4, 4, 4]"),
        ("add", {}, ((3, 5, 5), (1, 5, 5)), 1, "the arms of add differ"),
        ("add", {}, ((3, 5, 5), (3,)), 1, "the arms of add differ"),
        ("mul", {}, ((3, 5, 5), (3, 5, 2)), 1, "[N, 3, 5, 5] and, as arm 2, [N, 3, 5, 2]"),
        ("mul", {}, ((3, 1), (3, 5), (3, 4)), 2, "[N, 3, 5] and, as arm 3, [N, 3, 4]"),
        ("mul", {}, ((8, 5, 5), (8,)), 1, "the arms of mul differ"),
        ("concat", {}, ((3, 5, 5), (4, 5, 4)), 1, "[N, 3, 5, 5] and, as arm 2, [N, 4, 5, 4]"),
        ("concat", {"dim": 2}, ((3, 5), (4, 5)), 1, "the arms of concat differ"),
        ("concat", {}, ((3, 5), (3,)), 1, "the arms of concat differ"),
    ],
)
def test_arms_that_differ(
    kind: str, arguments: dict[str, Any], samples: tuple[tuple[int, ...], ...], cause: int, words: str
) -> None:
    with pytest.raises(Refusal) as refused:
        make(kind, **arguments).infer(*types(*samples))
    assert (refused.value.code, refused.value.cause) == ("S0105", cause)
    assert words in refused.value.message
    assert refused.value.notes


def test_the_note_names_the_axis() -> None:
    with pytest.raises(Refusal) as refused:
        make("add").infer(*types((4, 8, 8), (4, 4, 8)))
    assert refused.value.notes == ("axis 2: 8 and 4",)


def test_a_flat_gate_is_told_how_to_fit() -> None:
    with pytest.raises(Refusal) as refused:
        make("mul").infer(*types((8, 5, 5), (8,)))
    assert refused.value.helps == ("reshape(-1, 8, 1, 1) makes the 8 features a factor for each channel",)
    gate = make("reshape", shape=(-1, 8, 1, 1)).infer(*types((8,)))
    assert make("mul").infer(*types((8, 5, 5)), gate).sample == (8, 5, 5)


@pytest.mark.parametrize("kind", ["add", "mul", "concat"])
def test_batches_must_be_the_same(kind: str) -> None:
    for other in (1, 4, symbol("M")):
        with pytest.raises(Refusal) as refused:
            make(kind).infer(TensorType(N, (4, 5)), TensorType(other, (4, 5)))
        assert refused.value.code == "S0105"
    assert make(kind).infer(TensorType(4, (2, 5)), TensorType(4, (2, 5))).batch == 4


@pytest.mark.parametrize("dim", [0, -3])
def test_samples_are_never_joined(dim: int) -> None:
    with pytest.raises(Refusal, match="concat over axis 0 would mix the samples"):
        make("concat", dim=dim).infer(*types((4, 5), (4, 5)))


def test_windows() -> None:
    pair = types((3, 5, 5), (3, 5, 5))
    assert make("add").window(*pair) == Pointwise()
    assert make("concat").window(*pair) == Joined(0)
    assert make("concat", dim=-1).window(*pair) == Joined(2)
    assert make("concat").arithmetic(*pair) == ("axis 1: 3 + 3 = 6",)


@pytest.mark.parametrize(
    ("first", "second"), [((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 1)), ((1, 7), (7, 7)), ((2, 3, 2, 4), (2, 3, 4, 5))]
)
@pytest.mark.parametrize("opset", [18, 23])
def test_matmul(first: tuple[int, ...], second: tuple[int, ...], opset: int) -> None:
    check_twin(make("matmul"), torch.matmul, first, second, opset=opset)


def test_matmul_of_any_length() -> None:
    h = symbol("H")
    sizes = [{"H": 1}, {"H": 5}]
    check_sizes(make("matmul"), torch.matmul, (4, h, 3), (4, 3, h), sizes=sizes)
    check_sizes(make("matmul"), torch.matmul, (4, h, h), (4, h, 3), sizes=sizes)


@pytest.mark.parametrize(
    ("samples", "code", "words"),
    [
        (((3, 4), (3, 4)), "S0105", "the arms of matmul do not fit: [N, 3, 4] and, as arm 2, [N, 3, 4]"),
        (((2, 3, 4), (4, 5)), "S0105", "the arms of matmul do not fit"),
        (((2, 3, 4), (1, 4, 5)), "S0105", "the arms of matmul do not fit"),
        (((4,), (4, 5)), "S0101", "matmul takes matrices, [N, …, n, k], and one of its arms is [N, 4]"),
    ],
)
def test_matmul_is_refused(samples: tuple[tuple[int, ...], ...], code: str, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        make("matmul").infer(*types(*samples))
    assert refused.value.code == code
    assert words in refused.value.message


class Fused(torch.nn.Module):
    """By the paper's words, arm by arm; the weights stand in the state dict under no name of their own."""

    def __init__(self, arms: int, eps: float) -> None:
        super().__init__()
        self.eps, self.weights = eps, torch.nn.Parameter(torch.ones(arms))

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        weights = self.weights.relu()
        result: torch.Tensor = sum(w * x for w, x in zip(weights, values, strict=True)) / (self.eps + weights.sum())
        return result

    def named_parameters(self, *_: Any, **__: Any) -> Iterator[tuple[str, torch.nn.Parameter]]:
        yield "", self.weights

    def state_dict(self, *_: Any, **__: Any) -> dict[str, torch.Tensor]:
        return {"": self.weights.detach()}


@pytest.mark.parametrize("sample", [(5,), (3, 4), (3, 4, 2)])
@pytest.mark.parametrize(("arms", "eps"), [(2, 1e-4), (3, 0.5)])
@pytest.mark.parametrize("opset", [18, 23])
def test_fuse(sample: tuple[int, ...], arms: int, eps: float, opset: int) -> None:
    check_twin(make("fuse", eps=eps), Fused(arms, eps), *[sample] * arms, opset=opset)


@pytest.mark.parametrize("init", [-0.5, 0.0, 1e-3, 1.0])
def test_weights_of_fuse_that_start_at_0_or_below_stay_there(init: float) -> None:
    module = torch_module(graph_of(make("fuse", init=init), (3, 4), (3, 4)), Initialised(0)).train()
    module(*(torch.randn(2, 3, 4) for _ in range(2))).square().sum().backward()
    (weight,) = module.parameters()
    assert weight.grad is not None
    assert (make("fuse", init=init).stuck() is not None) == (not weight.grad.any())
    assert make("fuse", init=init, frozen=True).stuck() is None
