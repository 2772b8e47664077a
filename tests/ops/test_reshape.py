"""Moving elements: exact, and never from one sample into another."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from specc.ir.op import Refusal
from specc.ir.size import symbol
from specc.ir.traits import EACH, Flat, Moved, Opaque, Pointwise, Sliding, Taps
from specc.ir.types import TensorType
from tests.twins import check_twin, graph_of, make, onnx_bytes, run_onnx

N = symbol("N")
OPSETS = pytest.mark.parametrize("opset", [18, 23])


def check(op: Any, reference: Any, sample: tuple[int, ...], opset: int) -> None:
    """As `check_twin`, and equal to the bit, for several batches."""
    check_twin(op, reference, sample, opset=opset, scales=(1.0,))
    model = onnx_bytes(graph_of(op, sample), {}, opset)
    for batch in (1, 2, 7):
        x = torch.randn(batch, *sample)
        assert (run_onnx(model, [x]) == reference(x).numpy()).all()


@OPSETS
@pytest.mark.parametrize("sample", [(5,), (3, 4), (3, 4, 2), (2, 3, 2, 2)])
def test_identity(sample: tuple[int, ...], opset: int) -> None:
    check(make("identity"), nn.Identity(), sample, opset)


@OPSETS
@pytest.mark.parametrize(
    ("sample", "start", "end"),
    [
        ((5,), 1, -1),
        ((3, 4), 1, -1),
        ((3, 4, 2), 1, -1),
        ((3, 4, 2), 2, -1),
        ((3, 4, 2), 1, 2),
        ((3, 4, 2), -2, 3),
        ((3, 4, 2), 2, 2),
        ((2, 3, 2, 2), 2, 3),
    ],
)
def test_flatten(sample: tuple[int, ...], start: int, end: int, opset: int) -> None:
    op = make("flatten", start_dim=start, end_dim=end)
    check(op, lambda x: torch.flatten(x, start, end), sample, opset)


@OPSETS
@pytest.mark.parametrize(
    ("sample", "shape"),
    [
        ((16, 5, 5), (-1, 400)),
        ((400,), (-1, 16, 25)),
        ((400,), (N, 16, -1, 5)),
        ((3, 4), (N, -1)),
        ((3, 4), (-1, 3, 4)),
        ((3, 4), (-1, 1, 3, 1, 4)),
        ((1,), (-1,)),
    ],
)
def test_reshape(sample: tuple[int, ...], shape: tuple[Any, ...], opset: int) -> None:
    def reference(x: torch.Tensor) -> torch.Tensor:
        return torch.reshape(x, tuple(x.shape[0] if size is N else size for size in shape))

    check(make("reshape", shape=shape), reference, sample, opset)


def test_reshape_of_a_known_batch() -> None:
    assert make("reshape", shape=(4, 2, -1)).infer(TensorType(4, (6,))) == TensorType(4, (2, 3))


@OPSETS
@pytest.mark.parametrize(
    ("sample", "dims"),
    [((5,), (0, 1)), ((3, 4), (0, 2, 1)), ((3, 4, 2), (0, 2, 3, 1)), ((3, 4, 2), (0, -1, -3, 2)),
     ((2, 3, 4, 5), (-5, 4, 2, 1, 3))],
)  # fmt: skip
def test_permute(sample: tuple[int, ...], dims: tuple[int, ...], opset: int) -> None:
    check(make("permute", dims=dims), lambda x: torch.permute(x, dims), sample, opset)


@OPSETS
@pytest.mark.parametrize(
    ("sample", "start", "stop", "dim"),
    [
        ((5,), 0, 5, 1),
        ((5,), 1, -1, 1),
        ((5,), -3, -1, -1),
        ((6, 4), 2, 3, 1),
        ((6, 4), 1, 4, 2),
        ((6, 4, 5), -2, 4, -2),
        ((2, 3, 2, 4), 0, 1, 4),
    ],
)
def test_slice(sample: tuple[int, ...], start: int, stop: int, dim: int, opset: int) -> None:
    """The oracle is Python's own slice, not the torch.narrow that specc writes."""

    def reference(x: torch.Tensor) -> torch.Tensor:
        places = [slice(None)] * x.dim()
        places[dim] = slice(start, stop)
        return x[tuple(places)]

    check(make("slice", start=start, stop=stop, dim=dim), reference, sample, opset)


@pytest.mark.parametrize(
    ("kind", "arguments", "sample", "code", "words"),
    [
        ("flatten", {"start_dim": 0}, (3, 4), "S0106", "flatten over axis 0 would mix the samples"),
        ("flatten", {"start_dim": 3}, (3, 4), "S0303", "start_dim = 3 is no axis of [N, 3, 4]"),
        ("flatten", {"start_dim": 2, "end_dim": 1}, (3, 4), "S0305", "start_dim = 2 lies behind end_dim = 1"),
        ("flatten", {}, (), "S0303", "start_dim = 1 is no axis of [N]"),
        ("permute", {"dims": (1, 0, 2)}, (3, 4), "S0106", "permute keeps the batch first"),
        ("permute", {"dims": (0, 1, 1)}, (3, 4), "S0303", "must name each of the 3 axes of [N, 3, 4] once"),
        ("permute", {"dims": (0, 2)}, (3, 4), "S0303", "must name each of the 3 axes"),
        ("permute", {"dims": (0, 1, 3)}, (3, 4), "S0303", "must name each of the 3 axes"),
        ("slice", {"start": 0, "stop": 6}, (5,), "S0303", "stop = 6 lies outside axis 1 of [N, 5]"),
        ("slice", {"start": -6, "stop": 2}, (5,), "S0303", "start = -6 lies outside axis 1 of [N, 5]"),
        ("slice", {"start": 3, "stop": 3}, (5,), "S0305", "slice(3, 3) of 5 elements is empty"),
        ("slice", {"start": -2, "stop": 0}, (5,), "S0305", "is empty"),
        ("slice", {"start": 0, "stop": 1, "dim": 0}, (5,), "S0106", "slice over axis 0 would mix the samples"),
    ],
)
def test_refusal(kind: str, arguments: dict[str, Any], sample: tuple[int, ...], code: str, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        make(kind, **arguments).infer(TensorType(N, sample))
    assert refused.value.code == code
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("shape", "code", "words", "fix"),
    [
        ((), "S0106", "would mix the samples", "reshape((-1, 400))"),
        ((400,), "S0106", "would mix the samples", "reshape((-1, 400))"),
        ((16, 25), "S0106", "reshape to 16, 25 would mix the samples", "reshape((-1, 16, 25))"),
        ((8, 20, 20), "S0106", "would mix the samples", "reshape((-1, 20, 20))"),
        ((symbol("M"), 400), "S0106", "reshape to M, 400 would mix the samples", "reshape((-1, 400))"),
        ((N, 4, N), "S0303", "needs whole numbers above 0 after the batch", "reshape((-1, 400))"),
        ((-1, 0, 400), "S0303", "needs whole numbers above 0 after the batch", "reshape((-1, 400))"),
        ((-1, 16, -1), "S0303", "-1 stands in two places", "with _.batch for the batch, one other size may be -1"),
        ((N, -1, -1), "S0303", "-1 stands in two places", "with _.batch for the batch, one other size may be -1"),
        ((-1, 200), "S0107", "a sample of [N, 16, 5, 5] has 400 elements, which is not 200", "reshape((-1, 400))"),
        ((N, 7, -1), "S0107", "which is no multiple of 7", "reshape((-1, 400))"),
    ],
)
def test_reshape_never_mixes_samples(shape: tuple[Any, ...], code: str, words: str, fix: str) -> None:
    x = TensorType(N, (16, 5, 5))
    with pytest.raises(Refusal) as refused:
        make("reshape", shape=shape).infer(x)
    assert refused.value.code == code
    assert words in refused.value.message
    assert refused.value.helps[0].startswith(fix)


def test_reshape_to_another_batch_is_refused() -> None:
    with pytest.raises(Refusal, match="would mix the samples"):
        make("reshape", shape=(2, 12)).infer(TensorType(4, (6,)))


def test_windows() -> None:
    image = TensorType(N, (3, 4, 5))
    assert make("flatten").window(image) == Flat()
    assert make("flatten").window(TensorType(N, (3,))) == Pointwise()
    assert make("flatten", start_dim=2).window(image) == Opaque()
    assert make("reshape", shape=(-1, 60)).window(image) == Flat()
    assert make("reshape", shape=(-1, 3, 4, 5)).window(image) == Pointwise()
    assert make("reshape", shape=(-1, 4, 3, 5)).window(image) == Opaque()
    assert make("permute", dims=(0, 2, 3, 1)).window(image) == Moved((1, 2, 0))
    assert make("slice", start=0, stop=2).window(image) == Sliding((EACH, EACH, EACH))
    assert make("slice", start=-3, stop=-1, dim=3).window(image) == Sliding((EACH, EACH, Taps(1, (range(2, 3),))))


def test_arithmetic() -> None:
    assert make("flatten").arithmetic(TensorType(N, (16, 5, 5))) == ("16*5*5 = 400",)
    assert make("slice", start=-3, stop=-1).arithmetic(TensorType(N, (5,))) == ("axis 1: 4 - 2 = 2",)
