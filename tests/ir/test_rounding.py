"""What operators state of their arithmetic, against numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from specc import ops
from specc.ir.op import Op
from specc.ir.rounding import (
    Averaged,
    Exact,
    Function,
    Interpolated,
    Normalised,
    PowerMean,
    Products,
    Quotient,
    Rounding,
    SoftmaxOver,
)
from specc.ir.size import symbol
from specc.ir.types import TensorType
from tests.twins import make

N, H, W = symbol("N"), symbol("H", least=8), symbol("W", least=8)
IMAGE = (6, 12, 10)


def stated(kind: str, *samples: tuple[Any, ...], **arguments: Any) -> Rounding:
    return make(kind, **arguments).rounding(*(TensorType(N, sample) for sample in samples))


@pytest.mark.parametrize(
    ("kind", "sample", "arguments", "expected"),
    [
        ("conv", (3, 8, 8), {"out_channels": 4, "kernel": 3}, Products(27)),
        ("conv", IMAGE, {"out_channels": 6, "kernel": (3, 5), "groups": 2}, Products(3 * 15)),
        ("convtranspose", IMAGE, {"out_channels": 4, "kernel": 2, "groups": 2}, Products(3 * 4, filters=1)),
        ("fc", (400,), {"out_features": 7}, Products(400)),
        ("linear", (3, 5), {"out_features": 7}, Products(5)),
        ("batchnorm", IMAGE, {}, Products(1)),
        ("instancenorm", IMAGE, {"track_running_stats": True}, Products(1)),
        ("instancenorm", IMAGE, {"eps": 0.1}, Normalised(120, 0.1, by_channel=True)),
        ("groupnorm", IMAGE, {"num_groups": 3}, Normalised(240, 1e-5, by_channel=True)),
        ("layernorm", IMAGE, {"normalized_shape": (12, 10)}, Normalised(120, 1e-5)),
        ("rmsnorm", IMAGE, {}, Normalised(10, 2.0**-23, centred=False)),
        ("lrn", IMAGE, {"size": 5, "k": 2.0}, Quotient(5, 2.0, 0.75)),
        ("globalavgpool", IMAGE, {}, Averaged(120, ((2, (range(12),)), (3, (range(10),))))),
        ("mean", IMAGE, {"dim": (1, 3)}, Averaged(60, ((1, (range(6),)), (3, (range(10),))))),
        ("lppool", IMAGE, {"norm_type": 3.0, "kernel": 2}, PowerMean(4, 3.0)),
        ("softmax", IMAGE, {}, SoftmaxOver(1, 6, log=False)),
        ("logsoftmax", IMAGE, {"dim": -1}, SoftmaxOver(3, 10, log=True)),
        ("sigmoid", IMAGE, {}, Function(inner=1)),
        ("silu", IMAGE, {}, Function(inner=1, gate=True)),
        ("elu", IMAGE, {"alpha": -2.0}, Function(inner=2)),
        ("softplus", IMAGE, {"beta": 4.0}, Function(inner=0.25)),
        ("tanh", IMAGE, {}, Function()),
        ("upsample", IMAGE, {"scale_factor": 1.7}, Exact()),
        ("pad", IMAGE, {"padding": 1, "mode": "reflect"}, Exact()),
        ("affine", IMAGE, {"factor": 2.0, "offset": 1.0}, Exact()),
    ],
)
def test_steps(kind: str, sample: tuple[int, ...], arguments: dict[str, Any], expected: Rounding) -> None:
    assert stated(kind, sample, **arguments) == expected


def bins(*axes: list[tuple[int, int]]) -> tuple[Any, ...]:
    """By the first place and the one behind the last."""
    return tuple((axis, tuple(range(*ends) for ends in places)) for axis, places in enumerate(axes, start=2))


def test_windows_of_means() -> None:
    """What lies in the padding is no element of a window; of 12 places, 5 bins start at 12*i/5, rounded down."""
    windows = bins([(0, 2), (1, 5), (4, 8), (7, 11), (10, 12)], [(0, 5), (5, 10)])
    pool = {"kernel": (4, 5), "stride": (3, 5), "padding": (2, 0), "ceil_mode": True}
    assert stated("avgpool", IMAGE, **pool) == Averaged(20, windows)
    uneven = [(0, 3), (2, 5), (4, 8), (7, 10), (9, 12)]
    single = [(place, place + 1) for place in range(10)]
    assert stated("adaptiveavgpool", IMAGE, size=(5, 10)) == Averaged(4, bins(uneven, single))


@pytest.mark.parametrize(
    ("arguments", "exact"),
    [
        ({"scale_factor": 2.0}, True),
        ({"scale_factor": (0.5, 4.0)}, True),
        ({"size": (24, 5)}, True),
        ({"size": (24, 30)}, False),  # 10 -> 30: places lie at thirds
        ({"scale_factor": 2.0, "align_corners": True}, False),
        ({"scale_factor": 1.7}, False),
    ],
)
def test_places_of_interpolation(arguments: dict[str, Any], exact: bool) -> None:
    assert stated("upsample", IMAGE, mode="bilinear", **arguments) == Interpolated(2, exact)
    assert stated("upsample", IMAGE, mode="bicubic", **arguments) == Interpolated(4, exact)


def test_symbolic_sizes() -> None:
    """What depends on them is said as a formula, which becomes the number."""
    open_image = (6, H, W)
    assert stated("globalavgpool", open_image).rule == "mean of H*W"
    assert stated("adaptiveavgpool", open_image, size=(1, None)).rule == "mean of H"
    assert stated("instancenorm", open_image).rule == "mean and variance of H*W"
    assert stated("groupnorm", open_image, num_groups=2).rule == "mean and variance of 3*H*W"
    assert stated("softmax", open_image, dim=2).rule == "softmax over H"
    assert stated("upsample", open_image, mode="bilinear", scale_factor=4.0) == Interpolated(2, True)
    assert stated("upsample", open_image, mode="bilinear", scale_factor=3.0) == Interpolated(2, False)
    assert stated("conv", open_image, out_channels=4, kernel=3) == Products(54)


def test_rules_in_words() -> None:
    assert stated("conv", (3, 8, 8), out_channels=4, kernel=3).rule == "sum of 27 products"
    assert stated("bn", IMAGE).rule == "one product"
    assert stated("relu", IMAGE).rule == "exact"
    assert stated("gelu", IMAGE).rule == "function of each element"
    assert stated("rmsnorm", IMAGE).rule == "mean square of 10"
    assert stated("logsoftmax", IMAGE).rule == "logarithm of softmax over 6"


def test_there_is_no_default() -> None:
    assert getattr(Op.rounding, "__isabstractmethod__", False)
    assert all(op.rounding is not Op.rounding for op in ops.operators())
