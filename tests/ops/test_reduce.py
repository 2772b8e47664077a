"""Whole axes as one number: mean, sum and amax."""

from __future__ import annotations

from typing import Any

import onnx
import pytest
import torch
from onnx import numpy_helper

from specc.ir.op import Refusal
from specc.ir.size import Dim, symbol
from specc.ir.traits import Whole
from specc.ir.types import TensorType
from tests.twins import check_twin, graph_of, make, onnx_bytes

N, H, W = symbol("N"), symbol("H"), symbol("W")
FUNCTIONS = {"mean": torch.mean, "sum": torch.sum, "amax": torch.amax}


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize(
    ("dim", "sample"),
    [(1, (3, 4)), (-1, (3, 4, 5)), ((2, 3), (3, 4, 5)), ((-1, 1), (3, 4, 5)), ((2, 3, 4), (2, 3, 4, 5))],
)
@pytest.mark.parametrize("opset", [18, 23])
def test_twin(kind: str, dim: Any, sample: tuple[int, ...], keepdim: bool, opset: int) -> None:
    def reference(x: torch.Tensor) -> torch.Tensor:
        return FUNCTIONS[kind](x, dim=dim, keepdim=keepdim)

    check_twin(make(kind, dim=dim, keepdim=keepdim), reference, sample, opset=opset)


@pytest.mark.parametrize("keepdim", [False, True])
def test_any_size_is_averaged(keepdim: bool) -> None:
    x = TensorType(N, (4, H, W))
    expected = (4, 1, 1) if keepdim else (4,)
    assert make("mean", dim=(2, 3), keepdim=keepdim).infer(x).sample == expected
    assert make("mean", dim=1, keepdim=False).infer(x).sample == (H, W)


def test_a_long_mean_keeps_its_digits() -> None:
    check_twin(make("mean", dim=(2, 3)), lambda x: x.mean((2, 3)), (1, 200, 200), mean=1000.0, scales=(1.0,))
    check_twin(make("sum", dim=(2, 3)), lambda x: x.sum((2, 3)), (1, 200, 200), mean=1000.0, scales=(1.0,))


@pytest.mark.parametrize(("kind", "arguments"), [("mean", {"dim": (2, 3), "keepdim": True}), ("globalavgpool", {})])
@pytest.mark.parametrize(("sample", "axes"), [((4, H, W), [[2, 3]]), ((4, 200, 200), [[3], [2]])])
def test_only_a_sum_that_is_known_to_be_long_is_taken_axis_by_axis(
    kind: str, arguments: dict[str, Any], sample: tuple[Dim, ...], axes: list[list[int]]
) -> None:
    """A MobileNetV3 took a tenth more time axis by axis."""
    graph = onnx.load_from_string(onnx_bytes(graph_of(make(kind, **arguments), sample), {})).graph
    constants = {tensor.name: numpy_helper.to_array(tensor).tolist() for tensor in graph.initializer}
    assert [(node.op_type, constants[node.input[1]]) for node in graph.node] == [("ReduceMean", each) for each in axes]


def test_what_it_sees() -> None:
    x = TensorType(N, (4, 5, 6))
    assert make("mean", dim=(2, 3)).window(x) == Whole((1, 2), dropped=(1, 2))
    assert make("amax", dim=1, keepdim=True).window(x) == Whole((0,))
    assert make("amax", dim=1, keepdim=True).window(TensorType(N, (4,))) == Whole(None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"dim": 0}, "axis 0 would mix the samples of a batch"),
        ({"dim": 4}, r"dim = 4 is no axis of \[N, 4, 5, 6\]"),
        ({"dim": (2, -2)}, "names an axis twice"),
        ({"dim": ()}, "names no axis"),
        ({"dim": (1, 2, 3)}, r"over every axis of \[N, 4, 5, 6\] leaves one number"),
    ],
)
def test_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        make("mean", **arguments).infer(TensorType(N, (4, 5, 6)))
