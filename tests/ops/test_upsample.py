from __future__ import annotations

import random
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from specc.ir.size import symbol
from specc.ir.traits import EACH, Sliding, Taps
from specc.ir.types import TensorType
from tests.twins import check_twin, check_verdict, graph_of, make, onnx_bytes, refusal, run_onnx

EXACT = 0.0
"""Allowance of operators that only move elements."""

OPSETS = pytest.mark.parametrize("opset", [18, 23])
SAMPLES = [(3, 11), (3, 7, 10), (2, 5, 6, 7)]
SMOOTH = {1: "linear", 2: "bilinear", 3: "trilinear"}


def nearest_twin(sample: tuple[int, ...], opset: int = 18, **arguments: Any) -> None:
    """To the bit, against float32: PyTorch's nearest picks other places in float64 now and then (14 -> 46)."""
    op = make("upsample", **arguments)
    graph = graph_of(op, sample)
    x = torch.randn(2, *sample, generator=torch.Generator().manual_seed(0))
    expected = functional.interpolate(x, **arguments)
    assert tuple(expected.shape[1:]) == graph.nodes[0].type.sample
    model = onnx_bytes(graph, {}, opset)
    for optimised in (False, True):
        np.testing.assert_array_equal(run_onnx(model, [x], optimised), expected.numpy())


@OPSETS
@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(
    "arguments", [{"scale_factor": 2.0}, {"scale_factor": 3.0}, {"size": 14}, {"size": 3}, {"scale_factor": 1.5}]
)
def test_nearest(arguments: dict[str, Any], sample: tuple[int, ...], opset: int) -> None:
    nearest_twin(sample, opset, **arguments)


def test_nearest_at_every_small_size() -> None:
    """One size per column of a batch of models would be slow: here a row of 1 .. 24 places each, all results."""
    for n in range(1, 25):
        for o in (1, 2, n - 1, n, n + 1, 2 * n - 1, 2 * n, 3 * n, 8, 14):
            if o > 0:
                nearest_twin((1, n), size=o)


@pytest.mark.parametrize("seed", range(30))
def test_nearest_by_random_factors(seed: int) -> None:
    r = random.Random(seed)
    sample = (2, r.randint(3, 40), r.randint(3, 40))
    factors = tuple(round(r.uniform(0.4, 3), r.choice([1, 2, 12])) for _ in range(2))
    op = make("upsample", scale_factor=factors)
    if any(int(n * f) in (n, 2 * n) and f not in (1, 2) for n, f in zip(sample[1:], factors, strict=True)):
        assert refusal(op, sample).argument == "scale_factor"
    else:
        nearest_twin(sample, r.randint(18, 23), scale_factor=factors)


def test_a_factor_that_pytorch_sometimes_ignores_is_refused() -> None:
    line = torch.arange(30.0).reshape(1, 1, 30)
    volume = line.reshape(1, 1, 30, 1, 1).expand(1, 4, 30, 2, 2).contiguous()
    followed = functional.interpolate(line, scale_factor=1.03)[0, 0]
    ignored = functional.interpolate(line.unsqueeze(3), scale_factor=(1.03, 1.0))[0, 0, :, 0]
    in_3d = functional.interpolate(volume, scale_factor=(1.03, 1.0, 1.0))[0, 0, :, 0, 0]
    channels_last = volume.to(memory_format=torch.channels_last_3d)
    other_in_3d = functional.interpolate(channels_last, scale_factor=(1.03, 1.0, 1.0))[0, 0, :, 0, 0]
    assert not torch.equal(followed, ignored)
    assert not torch.equal(in_3d, other_in_3d)
    refused = refusal(make("upsample", scale_factor=1.03), (2, 30, 30))
    assert refused.code == "S0305"
    assert refused.helps == ("size=30 keeps 30 x 30, whatever the layout",)


@OPSETS
@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("align", [None, False, True])
@pytest.mark.parametrize(
    "arguments",
    [
        {"scale_factor": 2.0},
        {"scale_factor": 3.0},
        {"scale_factor": 0.5},
        {"scale_factor": 1.3},
        {"scale_factor": 0.7},
        {"size": 14},
        {"size": 3},
        {"size": 1},
    ],
)
def test_linear(arguments: dict[str, Any], align: bool | None, sample: tuple[int, ...], opset: int) -> None:
    arguments = {**arguments, "mode": SMOOTH[len(sample) - 1], "align_corners": align}
    check_twin(make("upsample", **arguments), nn.Upsample(**arguments), sample, opset=opset)


@OPSETS
@pytest.mark.parametrize("align", [None, False, True])
@pytest.mark.parametrize(
    "arguments",
    [
        {"scale_factor": 2.0},
        {"scale_factor": (3.0, 1.25)},
        {"scale_factor": 0.5},
        {"scale_factor": 1.3},
        {"scale_factor": 1.05},
        {"size": (14, 9)},
        {"size": (3, 10)},
        {"size": 1},
    ],
)
def test_bicubic(arguments: dict[str, Any], align: bool | None, opset: int) -> None:
    arguments = {**arguments, "mode": "bicubic", "align_corners": align}
    check_twin(make("upsample", **arguments), nn.Upsample(**arguments), (3, 7, 10), opset=opset)


@pytest.mark.parametrize(("places", "size"), [(300, 100), (300, 1), (48, 64), (65, 513), (210, 30), (512, 77)])
@pytest.mark.parametrize("mean", [0.0, 1000.0])
def test_places_far_from_the_origin(places: int, size: int, mean: float) -> None:
    """A float32 scale, as Resize has it, is wrong by the distance from the origin times its rounding."""
    options: dict[str, Any] = {"size": size, "mode": "linear"}
    check_twin(make("upsample", **options), nn.Upsample(**options), (2, places), mean=mean, scales=(1.0,))


@pytest.mark.parametrize("seed", range(30))
def test_random_interpolation(seed: int) -> None:
    r = random.Random(seed)
    axes = r.choice([1, 2, 2, 3])
    largest = {1: 200, 2: 40, 3: 9}[axes]
    sample = (2, *[r.randint(1, largest) for _ in range(axes)])
    options: dict[str, Any] = {"mode": r.choice([SMOOTH[axes], "bicubic"]), "align_corners": r.choice([None, True])}
    if r.random() < 0.5:
        options["size"] = tuple(r.randint(1, largest) for _ in range(axes))
    else:
        options["scale_factor"] = tuple(round(r.uniform(0.1, 2.5), r.choice([1, 2, 9])) for _ in range(axes))
    check_verdict(make("upsample", **options), nn.Upsample(**options), sample, opset=r.randint(18, 23), scales=(1.0,))


def test_whole_factors_are_one_resize() -> None:
    for options in ({"scale_factor": 2.0}, {"size": 22, "mode": "linear"}, {"scale_factor": 3.0, "mode": "linear"}):
        nodes = _node_types(make("upsample", **options), (2, 11))
        assert nodes == ["Resize"]


def _node_types(op: Any, sample: tuple[int, ...]) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(onnx_bytes(graph_of(op, sample), {})).graph.node]


def test_upsample_by_hand() -> None:
    """Halves between 0 and 8, the edges repeated: 0 2 6 8. With the corners aligned: thirds."""
    x = torch.tensor([[[0.0, 8.0]]])
    for align, expected in [(False, [0, 2, 6, 8]), (True, [0, 8 / 3, 16 / 3, 8])]:
        op = make("upsample", scale_factor=2, mode="linear", align_corners=align)
        np.testing.assert_allclose(run_onnx(onnx_bytes(graph_of(op, (1, 2)), {}), [x])[0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "sample", "code", "argument"),
    [
        ({}, (1, 4, 4), "S0302", None),
        ({"size": 2, "scale_factor": 2.0}, (1, 4, 4), "S0305", "scale_factor"),
        ({"size": 8, "align_corners": False}, (1, 4, 4), "S0305", "align_corners"),
        ({"size": 8, "mode": "linear"}, (1, 4, 4), "S0305", "mode"),
        ({"size": 8, "mode": "bicubic"}, (1, 4, 4, 4), "S0305", "mode"),
        ({"size": (8, 8, 8)}, (1, 4, 4), "S0303", "size"),
        ({"scale_factor": (2.0,)}, (1, 4, 4), "S0303", "scale_factor"),
        ({"scale_factor": 0.2}, (1, 4, 4), "S0100", "scale_factor"),
        ({"scale_factor": 1e9}, (1, 4, 4), "S0601", None),
        ({"size": 8}, (4,), "S0101", None),
    ],
)
def test_upsample_refusals(arguments: dict[str, Any], sample: tuple[int, ...], code: str, argument: str | None) -> None:
    refused = refusal(make("upsample", **arguments), sample)
    assert (refused.code, refused.argument) == (code, argument)


def test_a_mode_of_another_rank_names_the_one_that_fits() -> None:
    refused = refusal(make("upsample", size=8, mode="bilinear"), (1, 4))
    assert refused.message == 'mode="bilinear" is for 2 spatial axes, and the input of upsample has 1'
    assert refused.helps == ('mode="linear" gives 8',)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("upsample", {"scale_factor": 0}),
        ("upsample", {"scale_factor": -1.0}),
        ("upsample", {"scale_factor": float("inf")}),
        ("upsample", {"size": 0}),
        ("upsample", {"size": 8, "mode": "area"}),
        ("upsample", {"size": 8, "antialias": True}),
        ("pixelshuffle", {}),
        ("pixelunshuffle", {"downscale_factor": 0}),
        ("channelshuffle", {"groups": 0}),
    ],
)
def test_arguments_that_no_input_could_make_right(kind: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make(kind, **arguments)


@OPSETS
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_pixel_shuffles(factor: int, opset: int) -> None:
    check_twin(
        make("pixelshuffle", upscale_factor=factor), nn.PixelShuffle(factor), (36, 3, 4), opset=opset, allowance=EXACT
    )
    check_twin(
        make("pixelunshuffle", downscale_factor=factor),
        nn.PixelUnshuffle(factor),
        (2, 6, 12),
        opset=opset,
        allowance=EXACT,
    )


@OPSETS
@pytest.mark.parametrize("spatial", [(5,), (5, 3), (5, 3, 2)])
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_channelshuffle(groups: int, spatial: tuple[int, ...], opset: int) -> None:
    check_twin(
        make("channelshuffle", groups=groups), nn.ChannelShuffle(groups), (6, *spatial), opset=opset, allowance=EXACT
    )


@pytest.mark.parametrize(
    ("kind", "arguments", "sample", "code", "argument"),
    [
        ("pixelshuffle", {"upscale_factor": 2}, (6, 4, 4), "S0103", "upscale_factor"),
        ("pixelshuffle", {"upscale_factor": 1}, (6, 4), "S0101", None),
        ("pixelunshuffle", {"downscale_factor": 2}, (6, 4, 5), "S0103", "downscale_factor"),
        ("pixelunshuffle", {"downscale_factor": 2}, (6, 5, 4), "S0103", "downscale_factor"),
        ("channelshuffle", {"groups": 4}, (6, 4), "S0103", "groups"),
        ("channelshuffle", {"groups": 2}, (6,), "S0101", None),
    ],
)
def test_shuffle_refusals(
    kind: str, arguments: dict[str, Any], sample: tuple[int, ...], code: str, argument: str | None
) -> None:
    refused = refusal(make(kind, **arguments), sample)
    assert (refused.code, refused.argument) == (code, argument)


def test_the_numbers_of_a_refused_shuffle() -> None:
    refused = refusal(make("pixelshuffle", upscale_factor=2), (6, 4, 4))
    assert refused.message == (
        "upscale_factor = 2 takes a multiple of 2*2 = 4 channels, and the input of pixelshuffle has 6"
    )
    assert refused.label == "6 = 1*4 + 2"
    assert refusal(make("pixelunshuffle", downscale_factor=2), (6, 4, 5)).message == (
        "downscale_factor = 2 does not divide the 5 columns of pixelunshuffle"
    )


def test_windows() -> None:
    image = TensorType(symbol("N"), (4, 4, 6))
    double = Taps(1, (range(1), range(1)))
    assert make("upsample", scale_factor=2.0).window(image) == Sliding((EACH, double, double))
    # Place i lies at (i + 1/2)/2 - 1/2: -1/4, then 1/4.
    assert make("upsample", size=(8, 6), mode="bilinear").window(image) == Sliding(
        (EACH, Taps(1, (range(-1, 1), range(2)), bordered=True), EACH)
    )
    # (i + 1/2)*4/3 - 1/2: 1/6, 3/2, 17/6, which is for 4 places; (i + 1/2)*2 - 1/2: 1/2.
    assert make("upsample", size=3, mode="bicubic").window(image) == Sliding(
        (
            EACH,
            Taps(4, (range(-1, 3), range(4), range(1, 5)), fitted=True, bordered=True),
            Taps(2, (range(-1, 3),), bordered=True),
        )
    )
    assert make("pixelshuffle", upscale_factor=2).window(image) == Sliding((None, double, double))
    halves = Taps(2, (range(2),))
    assert make("pixelunshuffle", downscale_factor=2).window(image) == Sliding((None, halves, halves))
    # 0 1 | 2 3 becomes 0 2 1 3.
    shuffled = Taps(4, (range(1), range(2, 3), range(1, 2), range(3, 4)))
    assert make("channelshuffle", groups=2).window(image) == Sliding((shuffled, EACH, EACH))


@pytest.mark.parametrize(
    ("arguments", "length", "taps"),
    [
        ({"scale_factor": 1.5}, 6, Taps(2, (range(1), range(1), range(1, 2)))),
        ({"size": 9}, 6, Taps(2, (range(1), range(1), range(1, 2)))),
        # 0, 5/7, 10/7, 15/7, 20/7, 25/7, 30/7, for 5 places only
        ({"size": 7}, 5, Taps(5, tuple(range(i, i + 1) for i in (0, 0, 1, 2, 2, 3, 4)), fitted=True)),
        # (i + 1/2)/3 - 1/2: -1/3, 0, 1/3: the place in the middle is one of the input
        ({"scale_factor": 3, "mode": "linear"}, 4, Taps(1, (range(-1, 1), range(1), range(2)), bordered=True)),
        ({"scale_factor": 1 / 3, "mode": "linear"}, 9, Taps(3, (range(1, 2),), bordered=True)),
        # i*3/7
        (
            {"scale_factor": 2, "mode": "linear", "align_corners": True},
            4,
            Taps(
                3,
                (range(1), range(2), range(2), range(1, 3), range(1, 3), range(2, 4), range(2, 4)),
                fitted=True,
                bordered=True,
            ),
        ),
        ({"size": 4, "mode": "linear", "align_corners": True}, 4, EACH),
        ({"size": 5, "mode": "linear", "align_corners": True}, 1, Taps(0, (range(1),), bordered=True)),
    ],
)
def test_windows_along_an_axis(arguments: dict[str, Any], length: int, taps: Taps) -> None:
    assert make("upsample", **arguments).window(TensorType(symbol("N"), (4, length))).axes[1] == taps


def test_arithmetic() -> None:
    image = TensorType(symbol("N"), (4, 4, 6))
    assert make("upsample", scale_factor=(1.3, 2.0)).arithmetic(image) == (
        "height: floor(4*1.3) = 5",
        "width: floor(6*2.0) = 12",
    )
    assert make("upsample", size=9).arithmetic(image) == ()
    assert make("pixelshuffle", upscale_factor=2).arithmetic(image) == (
        "channels: 4/(2*2) = 1",
        "height: 4*2 = 8",
        "width: 6*2 = 12",
    )
    assert make("pixelunshuffle", downscale_factor=2).arithmetic(image) == (
        "channels: 4*2*2 = 16",
        "height: 4/2 = 2",
        "width: 6/2 = 3",
    )


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize("opset", [18, 23])
def test_depth_to_space_in_both_orders(mode: str, opset: int) -> None:
    """Against ONNX's own words for them: reshape, transpose, reshape."""

    def to_space(x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        if mode == "DCR":
            y = x.reshape(n, 2, 2, c // 4, h, w).permute(0, 3, 4, 1, 5, 2)
        else:
            y = x.reshape(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3)
        return y.reshape(n, c // 4, 2 * h, 2 * w)

    def to_depth(x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        y = x.reshape(n, c, h // 2, 2, w // 2, 2).permute(
            *((0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4))
        )
        return y.reshape(n, 4 * c, h // 2, w // 2)

    check_twin(make("depthtospace", blocksize=2, mode=mode), to_space, (12, 3, 4), opset=opset)
    check_twin(make("spacetodepth", blocksize=2, mode=mode), to_depth, (3, 6, 4), opset=opset)
