"""Constant factors and shifts, and the learned factor for each channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from specc.backends.torch import torch_source
from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.ir.init import Constant
from specc.ir.op import Refusal
from specc.ir.size import symbol
from specc.ir.targets import Own, TorchCall, Value
from specc.ir.types import TensorType
from specc.source import Source
from specc.syntax import parse
from tests.twins import STEP, check_twin, graph_of, make


@pytest.mark.parametrize("sample", [(6,), (3, 5), (3, 4, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize(("factor", "offset"), [(0.17, 0.0), (-1.0, 1.0), (0.0, 0.5), (1.0, -1e-3), (3e4, 7.0)])
@pytest.mark.parametrize("opset", [18, 23])
def test_affine(factor: float, offset: float, sample: tuple[int, ...], opset: int) -> None:
    def reference(x: torch.Tensor) -> torch.Tensor:
        return x * factor + offset

    check_twin(make("affine", factor=factor, offset=offset), reference, sample, opset=opset)


@pytest.mark.parametrize(
    ("dim", "sample", "shape"),
    [(1, (3, 4, 3), (3, 1, 1)), (1, (3,), (3,)), (-1, (3, 4, 3), (3,)), (2, (3, 3, 2), (3, 1))],
)
@pytest.mark.parametrize("opset", [18, 23])
def test_numbers_for_each_channel(dim: int, sample: tuple[int, ...], shape: tuple[int, ...], opset: int) -> None:
    """(3, 4, 3) and (3, 3, 2): numbers laid along the last axis would go unnoticed."""
    first, second = (0.485, -0.456, 1e-3), (0.229, 224.0, -0.225)

    def along(numbers: tuple[float, ...], x: torch.Tensor) -> torch.Tensor:
        return torch.tensor(numbers, dtype=x.dtype).reshape(shape)

    def affine(x: torch.Tensor) -> torch.Tensor:
        return x * along(first, x) + along(second, x)

    def standardized(x: torch.Tensor) -> torch.Tensor:
        return (x - along(first, x)) / along(second, x)

    check_twin(make("affine", factor=first, offset=second, dim=dim), affine, sample, opset=opset)
    check_twin(make("standardize", mean=first, std=second, dim=dim), standardized, sample, opset=opset)


@pytest.mark.parametrize(("mean", "std"), [(0.5, 0.25), (0.5, 1.0), ((0.5, 0.1, 0.2), 0.25), (0.0, (1.0, 2.0, 3.0))])
def test_standardize(mean: Any, std: Any) -> None:
    def reference(x: torch.Tensor) -> torch.Tensor:
        columns = [torch.tensor(numbers, dtype=x.dtype).reshape(-1, 1) for numbers in (mean, std)]
        return (x - columns[0]) / columns[1]

    check_twin(make("standardize", mean=mean, std=std), reference, (3, 4))


@pytest.mark.parametrize(
    ("kind", "arguments", "code", "words"),
    [
        ("affine", {"factor": (1.0, 2.0)}, "S0107", "factor has 2 numbers, and axis 1 of [N, 3, 4] has 3 places"),
        ("standardize", {"mean": (1.0,)}, "S0107", "mean has 1 number, and axis 1 of [N, 3, 4] has 3 places"),
        ("standardize", {"mean": 0.5, "std": (1.0, 0.0, 1.0)}, "S0305", "std must not be 0"),
        ("standardize", {"mean": (1.0, 1.0), "dim": 0}, "S0106", "axis 0 would mix the samples"),
    ],
)
def test_refused(kind: str, arguments: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        make(kind, **arguments).infer(TensorType(symbol("N"), (3, 4)))
    assert refused.value.code == code
    assert words in refused.value.message


def test_it_is_told_from_a_length() -> None:
    with pytest.raises(SpecError) as caught:
        check_file(parse(Source("m.cnn", "model M : [N, 3, 4] { normalize(mean=[1, 2, 3], std=1) }")))
    (finding, _) = caught.value.diagnostics
    assert finding.helps == ("standardize(mean=[…], std=[…]) takes numbers that are known",)


def test_it_reads_as_a_person_would_write_it() -> None:
    (checked,) = check_file(parse(Source("m.cnn", "model M : [N, 4] { affine(0.5) -> affine(-1, 1) }")))
    source = torch_source(checked.graph)
    assert "x = x * 0.5  #" in source
    assert "x = (x * -1.0) + 1.0  #" in source
    (checked,) = check_file(parse(Source("m.cnn", "model M : [N, 2, 4] { standardize([0.5, 0.25], 2) }")))
    written = "x = (x - torch.tensor([[0.5], [0.25]], dtype=x.dtype, device=x.device)) / 2.0"
    assert written in torch_source(checked.graph)


class Factor(nn.Module):
    """``x * gamma``, where gamma stands in the state dict under no name of its own."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gamma

    def named_parameters(self, *_: Any, **__: Any) -> Iterator[tuple[str, nn.Parameter]]:
        yield "", self.gamma

    def state_dict(self, *_: Any, **__: Any) -> dict[str, torch.Tensor]:
        return {"": self.gamma.detach()}


@pytest.mark.parametrize(
    ("sample", "shape"), [((5,), (5,)), ((3, 3), (3, 1)), ((3, 4, 3), (3, 1, 1)), ((2, 2, 3, 2), (2, 1, 1, 1))]
)
@pytest.mark.parametrize("opset", [18, 23])
def test_scale(sample: tuple[int, ...], shape: tuple[int, ...], opset: int) -> None:
    """(3, 3) and (3, 4, 3): a factor laid along the last axis would go unnoticed."""
    check_twin(make("scale"), Factor(*shape), sample, opset=opset)


@pytest.mark.parametrize(
    ("dim", "sample", "shape"), [(-1, (3, 4, 3), (3,)), (3, (3, 4, 3), (3,)), (2, (3, 3, 2), (3, 1)), (-1, (5,), (5,))]
)
def test_scale_along_another_axis(dim: int, sample: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """The layer scale of a ConvNeXt whose channels are last."""
    check_twin(make("scale", dim=dim), Factor(*shape), sample)


@pytest.mark.parametrize("sample", [(5,), (3, 4), (3, 4, 5)])
def test_one_factor_for_all(sample: tuple[int, ...]) -> None:
    """ReZero, and the gamma of self-attention in GANs."""
    check_twin(make("scale", dim=None), Factor(1), sample)


def test_the_factor_is_the_step_itself() -> None:
    graph = graph_of(make("scale", init=1e-6), (4, 7, 7))
    ((path, factor),) = graph.state
    assert (path, factor.shape, factor.init, factor.trainable) == (STEP, (4, 1, 1), Constant(1e-6), True)
    assert graph.nodes[0].op.torch(*graph.nodes[0].input_types) == TorchCall("torch.mul", (Value(), Own("")))


def test_scale_along_the_batch() -> None:
    with pytest.raises(Refusal, match="axis 0 would mix the samples"):
        make("scale", dim=0).infer(TensorType(symbol("N"), (4, 3)))


def test_refusal_of_scale() -> None:
    with pytest.raises(Refusal, match=r"scale takes at least \[N, F\]"):
        make("scale").infer(TensorType(symbol("N"), ()))
