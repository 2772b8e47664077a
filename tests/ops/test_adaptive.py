"""Pools whose result has a given size, against PyTorch's."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from specc.ir.size import symbol
from specc.ir.traits import EACH, Sliding, Taps, Whole
from specc.ir.types import TensorType
from tests.twins import check_twin, check_verdict, graph_of, make, onnx_bytes, refusal, run_onnx

EXACT = 0.0
"""Allowance of operators that only choose among their inputs."""

OPSETS = pytest.mark.parametrize("opset", [18, 23])


@OPSETS
@pytest.mark.parametrize("sample", [(3, 12), (3, 12, 10), (2, 6, 4, 8)])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 12, 13])
def test_adaptive_pools(size: int, sample: tuple[int, ...], opset: int) -> None:
    axes = len(sample) - 1
    check_twin(make("adaptiveavgpool", size=size), getattr(nn, f"AdaptiveAvgPool{axes}d")(size), sample, opset=opset)
    check_twin(
        make("adaptivemaxpool", size=size),
        getattr(nn, f"AdaptiveMaxPool{axes}d")(size),
        sample,
        opset=opset,
        allowance=EXACT,
    )


@pytest.mark.parametrize("size", [(None, 3), (4, None), (None, None), (5, 2), (1, 7)])
def test_adaptive_pools_of_unlike_axes(size: tuple[int | None, int | None]) -> None:
    check_twin(make("adaptiveavgpool", size=size), nn.AdaptiveAvgPool2d(size), (2, 8, 7))
    check_twin(make("adaptivemaxpool", size=size), nn.AdaptiveMaxPool2d(size), (2, 8, 7), allowance=EXACT)


@OPSETS
@pytest.mark.parametrize("sample", [(3, 11), (3, 7, 10), (2, 5, 6, 7), (4, 1, 1)])
def test_global_pools(sample: tuple[int, ...], opset: int) -> None:
    axes = len(sample) - 1
    check_twin(make("globalavgpool"), getattr(nn, f"AdaptiveAvgPool{axes}d")(1), sample, opset=opset)
    check_twin(make("globalmaxpool"), getattr(nn, f"AdaptiveMaxPool{axes}d")(1), sample, opset=opset, allowance=EXACT)


@pytest.mark.parametrize("sample", [(2, 20_000), (2, 224, 224), (1, 40, 40, 40)])
@pytest.mark.parametrize("kind", ["globalavgpool", "adaptiveavgpool"])
def test_the_mean_of_a_large_map_far_from_zero_stays_accurate(kind: str, sample: tuple[int, ...]) -> None:
    """GlobalAveragePool of ONNX Runtime adds one by one: at 224 x 224 and mean 1000 it loses 20 times as much."""
    op = make(kind) if kind == "globalavgpool" else make(kind, size=1)
    axes = len(sample) - 1
    check_twin(op, getattr(nn, f"AdaptiveAvgPool{axes}d")(1), sample, mean=1000.0, scales=(1.0,), batch=1)


@pytest.mark.parametrize("seed", range(40))
def test_random_adaptive_pools(seed: int) -> None:
    """What PyTorch takes is equal, what PyTorch refuses is refused."""
    r = random.Random(seed)
    axes = r.choice([1, 2, 2, 3])
    sample = (r.randint(1, 3), *[r.randint(1, 9) for _ in range(axes)])
    size = r.randint(1, 11) if r.random() < 0.6 else tuple(r.randint(1, 11) for _ in range(axes))
    options: dict[str, Any] = {"opset": r.randint(18, 23), "scales": (1.0,), "seed": seed}
    check_verdict(make("adaptiveavgpool", size=size), getattr(nn, f"AdaptiveAvgPool{axes}d")(size), sample, **options)
    check_verdict(
        make("adaptivemaxpool", size=size),
        getattr(nn, f"AdaptiveMaxPool{axes}d")(size),
        sample,
        allowance=EXACT,
        **options,
    )


def test_windows() -> None:
    image = TensorType(symbol("N"), (3, 8, 12))
    # 8 in 3: [0, 3) [2, 6) [5, 8). 12 kept. 8 in 4: pairs, which say nothing of 8.
    thirds = Taps(8, (range(3), range(2, 6), range(5, 8)), fitted=True)
    assert make("adaptiveavgpool", size=(3, None)).window(image) == Sliding((EACH, thirds, EACH))
    assert make("adaptiveavgpool", size=(4, None)).window(image).axes[1] == Taps(2, (range(2),))
    # 8 in 6 as 4 in 3.
    assert make("adaptivemaxpool", size=(6, None)).window(image).axes[1] == Taps(
        4, (range(2), range(1, 3), range(2, 4))
    )
    assert make("globalmaxpool").window(image) == Whole((1, 2))


def test_arithmetic() -> None:
    line = TensorType(symbol("N"), (3, 8))
    assert make("adaptivemaxpool", size=3).arithmetic(line) == ("length: 8 places in 3 bins of at most 4",)
    assert make("globalavgpool").arithmetic(TensorType(2, (3, 4, 5))) == (
        "each of the 3 channels: the mean of 4 x 5 = 20 elements",
    )


@pytest.mark.parametrize(
    ("kind", "arguments", "sample", "code", "argument"),
    [
        ("globalavgpool", {}, (9,), "S0101", None),
        ("adaptiveavgpool", {"size": (1, 2, 3)}, (1, 9, 9), "S0303", "size"),
        ("adaptivemaxpool", {"size": (None,)}, (1, 9), "S0303", "size"),
    ],
)
def test_refusals(
    kind: str, arguments: dict[str, Any], sample: tuple[int, ...], code: str, argument: str | None
) -> None:
    refused = refusal(make(kind, **arguments), sample)
    assert (refused.code, refused.argument) == (code, argument)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("adaptiveavgpool", {"size": None}),
        ("adaptiveavgpool", {"size": 0}),
        ("globalavgpool", {"size": 1}),
    ],
)
def test_arguments_that_no_input_could_make_right(kind: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make(kind, **arguments)


@pytest.mark.parametrize("kind", ["adaptiveavgpool", "adaptivemaxpool"])
def test_adaptive_tables_are_bounded(kind: str) -> None:
    assert refusal(make(kind, size=10**9), (1, 7)).code == "S0601"
    assert make(kind, size=1).infer(TensorType(symbol("N"), (1, 10**8))).sample == (1, 1)


@pytest.mark.parametrize("kind", ["adaptiveavgpool", "adaptivemaxpool"])
@pytest.mark.parametrize("bins", [2, 3, 7])
def test_bins_of_symbolic_sizes_are_pytorchs_at_every_size(kind: str, bins: int) -> None:
    """One file, from fewer places than bins to many: every remainder."""
    length = symbol("L")
    file = onnx_bytes(graph_of(make(kind, size=bins), (2, length)), {})
    pool = functional.adaptive_avg_pool1d if kind == "adaptiveavgpool" else functional.adaptive_max_pool1d
    for places in (*range(1, 16), 50, 224, 511):
        x = torch.randn(1, 2, places, generator=torch.Generator().manual_seed(places))
        result = run_onnx(file, [x], optimised=False)
        np.testing.assert_allclose(result, pool(x.double(), bins).numpy(), rtol=0, atol=1e-6 if "avg" in kind else 1e-7)
