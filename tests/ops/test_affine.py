"""Constant factors and shifts, and the learned factor for each channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from specc.backends.torch import torch_source
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


def test_it_reads_as_a_person_would_write_it() -> None:
    (checked,) = check_file(parse(Source("m.cnn", "model M : [N, 4] { affine(0.5) -> affine(-1, 1) }")))
    source = torch_source(checked.graph)
    assert "x = x * 0.5  #" in source
    assert "x = (x * -1.0) + 1.0  #" in source


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
