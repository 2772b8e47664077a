"""Pools whose window slides, against PyTorch's."""

from __future__ import annotations

import random
from math import inf
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from specc.ir.size import symbol
from specc.ir.traits import EACH, Sliding, Taps
from specc.ir.types import TensorType
from tests.twins import check_sizes, check_twin, check_verdict, graph_of, make, onnx_bytes, refusal, run_onnx

EXACT = 0.0
"""Allowance of operators that only choose among their inputs."""

OPSETS = pytest.mark.parametrize("opset", [18, 23])


@OPSETS
@pytest.mark.parametrize("sample", [(3, 11), (3, 7, 10), (2, 5, 6, 7)])
@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel": 2},
        {"kernel": 3, "stride": 2, "padding": 1},
        {"kernel": 3, "stride": 1, "padding": 1, "dilation": 2},
        {"kernel": 2, "stride": 2, "ceil_mode": True},
        {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        {"kernel": 2, "stride": 3, "padding": 1, "dilation": 2, "ceil_mode": True},
        {"kernel": 2, "stride": 5, "padding": 1, "ceil_mode": True},
    ],
)
def test_maxpool(arguments: dict[str, Any], sample: tuple[int, ...], opset: int) -> None:
    module = getattr(nn, f"MaxPool{len(sample) - 1}d")
    check_twin(
        make("maxpool", **arguments),
        module(*arguments.values())
        if len(arguments) == 1
        else module(arguments["kernel"], **{k: v for k, v in arguments.items() if k != "kernel"}),
        sample,
        opset=opset,
        allowance=EXACT,
    )


def test_maxpool_of_unlike_axes() -> None:
    op = make("maxpool", kernel=(3, 2, 1), stride=(1, 2, 3), padding=(1, 1, 0), dilation=(2, 1, 1))
    check_twin(op, nn.MaxPool3d((3, 2, 1), (1, 2, 3), (1, 1, 0), (2, 1, 1)), (2, 7, 6, 8), allowance=EXACT)


@OPSETS
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_dilated_window_over_nothing_but_padding_is_minus_infinity(axes: int, opset: int) -> None:
    """Places -1 and 1 of an input that has place 0 only."""
    op = make("maxpool", kernel=2, stride=1, padding=1, dilation=2)
    check_twin(op, getattr(nn, f"MaxPool{axes}d")(2, 1, 1, 2), (1,) * (axes + 1), opset=opset, allowance=EXACT)
    graph = graph_of(op, (1,) * (axes + 1))
    got = run_onnx(onnx_bytes(graph, {}, opset), [torch.ones(2, *(1,) * (axes + 1))])
    assert (got == -np.inf).all()


@OPSETS
@pytest.mark.parametrize(
    ("places", "geometry"),
    [
        (1, (2, 1, 1, 2)),
        (2, (2, 1, 1, 3)),
        (2, (4, 1, 2, 3)),
        (2, (5, 2, 2, 4)),
        (3, (4, 2, 2, 2)),
        (9, (3, 4, 1, 3)),
        (1, (4, 3, 2, 5)),
    ],
)
@pytest.mark.parametrize("ceil", [True, False])
def test_dilated_windows_over_short_inputs(
    ceil: bool, places: int, geometry: tuple[int, int, int, int], opset: int
) -> None:
    kernel, stride, padding, dilation = geometry
    op = make("maxpool", kernel=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil)
    for axes in (1, 2):
        module = getattr(nn, f"MaxPool{axes}d")(kernel, stride, padding, dilation, ceil_mode=ceil)
        check_verdict(op, module, (1, *(places,) * axes), opset=opset, allowance=EXACT)


@OPSETS
@pytest.mark.parametrize("sample", [(3, 11), (3, 7, 10), (2, 5, 6, 7)])
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("ceil", [True, False])
def test_avgpool(ceil: bool, include: bool, sample: tuple[int, ...], opset: int) -> None:
    module = getattr(nn, f"AvgPool{len(sample) - 1}d")
    for kernel, stride, padding in [(2, None, 0), (3, 2, 1), (4, 3, 2), (2, 5, 1), (5, 1, 2)]:
        op = make("avgpool", kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil, count_include_pad=include)
        check_twin(op, module(kernel, stride, padding, ceil, include), sample, opset=opset)


@OPSETS
@pytest.mark.parametrize("sample", [(3, 7, 10), (2, 5, 6, 7)])
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("ceil", [True, False])
@pytest.mark.parametrize("divisor", [1, 7])
def test_avgpool_with_another_divisor(
    divisor: int, ceil: bool, include: bool, sample: tuple[int, ...], opset: int
) -> None:
    op = make(
        "avgpool", kernel=3, stride=2, padding=1, ceil_mode=ceil, count_include_pad=include, divisor_override=divisor
    )
    module = getattr(nn, f"AvgPool{len(sample) - 1}d")
    check_twin(op, module(3, 2, 1, ceil, include, divisor), sample, opset=opset)


def test_what_ceil_mode_adds_is_never_counted() -> None:
    """Hand-computed: 7 ones, kernel 3, stride 3, padding 1: windows [0 1 1] [1 1 1] [1 1 0]: padding counts.

    8 ones: [0 1 1] [1 1 1] [1 1 1] [0 .]: the last would start in the padding and is dropped.
    5 ones, kernel 3, stride 3, no padding: [1 1 1] [1 1 .]: the mean of what is there, 1.
    """
    for places, padding, expected in [
        (7, 1, [2 / 3, 1, 2 / 3]),
        (8, 1, [2 / 3, 1, 1]),
        (5, 0, [1, 1]),
    ]:
        op = make("avgpool", kernel=3, stride=3, padding=padding, ceil_mode=True)
        got = run_onnx(onnx_bytes(graph_of(op, (1, places)), {}), [torch.ones(1, 1, places)])
        np.testing.assert_allclose(got[0, 0], expected, rtol=1e-6)


@OPSETS
@pytest.mark.parametrize("sample", [(3, 11), (3, 7, 10), (2, 5, 6, 7)])
@pytest.mark.parametrize("norm", [1, 2, 4, 2.5, 3])
@pytest.mark.parametrize("ceil", [True, False])
def test_lppool(ceil: bool, norm: float, sample: tuple[int, ...], opset: int) -> None:
    """Odd and fractional norms give NaN for negative sums, in the same places."""
    module = getattr(nn, f"LPPool{len(sample) - 1}d")
    op = make("lppool", norm_type=norm, kernel=3, stride=2, ceil_mode=ceil)
    check_twin(op, module(norm, 3, 2, ceil), sample, opset=opset, scales=(1.0, 1e3))


def test_lppool_by_hand() -> None:
    """sqrt(9 + 16) = 5, and cube root of 1 - 9 = NaN."""
    x = torch.tensor([[[3.0, 4.0]]])
    op = make("lppool", norm_type=2, kernel=2)
    assert run_onnx(onnx_bytes(graph_of(op, (1, 2)), {}), [x]) == pytest.approx(5)
    odd = make("lppool", norm_type=3, kernel=2)
    assert np.isnan(run_onnx(onnx_bytes(graph_of(odd, (1, 2)), {}), [torch.tensor([[[1.0, -2.0]]])]))


@pytest.mark.parametrize("kernel", [2, (2,)])
def test_the_call_of_lp_pool1d_takes_its_kernel_as_a_number(kernel: int | tuple[int]) -> None:
    call = make("lppool", norm_type=2, kernel=kernel, stride=(1,)).torch(TensorType(2, (1, 5)))
    assert call.args[2] == 2
    assert call.kwargs == {"stride": (1,)}


@pytest.mark.parametrize("seed", range(40))
def test_random_pools(seed: int) -> None:
    """What PyTorch takes is equal, what PyTorch refuses is refused."""
    r = random.Random(seed)
    axes = r.choice([1, 2, 2, 3])
    sample = (r.randint(1, 3), *[r.randint(1, 9) for _ in range(axes)])

    def some(low: int, high: int) -> int | tuple[int, ...]:
        return r.randint(low, high) if r.random() < 0.6 else tuple(r.randint(low, high) for _ in range(axes))

    kernel, stride, padding, dilation = some(1, 5), r.choice([None, some(1, 6)]), some(0, 2), some(1, 3)
    ceil, include = r.random() < 0.5, r.random() < 0.5
    options: dict[str, Any] = {"opset": r.randint(18, 23), "scales": (1.0,), "seed": seed}
    check_verdict(
        make("maxpool", kernel=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil),
        getattr(nn, f"MaxPool{axes}d")(kernel, stride, padding, dilation, ceil_mode=ceil),
        sample,
        allowance=EXACT,
        **options,
    )
    check_verdict(
        make("avgpool", kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil, count_include_pad=include),
        getattr(nn, f"AvgPool{axes}d")(kernel, stride, padding, ceil, include),
        sample,
        **options,
    )
    plain = kernel[0] if axes == 1 and isinstance(kernel, tuple) else kernel
    check_verdict(
        make("lppool", norm_type=2, kernel=kernel, stride=stride, ceil_mode=ceil),
        getattr(nn, f"LPPool{axes}d")(2, plain, stride, ceil),
        sample,
        **options,
    )


def test_both_verdicts_occur_among_the_random_pools() -> None:
    taken = [
        check_verdict(make("maxpool", kernel=kernel, padding=padding), nn.MaxPool1d(kernel, None, padding), (1, 4))
        for kernel in range(1, 7)
        for padding in range(3)
    ]
    assert set(taken) == {True, False}


def test_windows() -> None:
    image = TensorType(symbol("N"), (3, 8, 12))
    assert make("maxpool", kernel=3, stride=(1, 2), padding=1, dilation=2).window(image) == Sliding(
        (EACH, Taps(1, (range(-1, 4, 2),)), Taps(2, (range(-1, 4, 2),)))
    )
    assert make("avgpool", kernel=(2, 3)).window(image) == Sliding((EACH, Taps(2, (range(2),)), Taps(3, (range(3),))))
    halves = Taps(2, (range(2),))
    assert make("lppool", norm_type=2, kernel=2).window(image) == Sliding((EACH, halves, halves))


def test_arithmetic() -> None:
    line = TensorType(symbol("N"), (3, 8))
    assert make("maxpool", kernel=3, stride=2, padding=1).arithmetic(line) == ("length: (8 + 2*1 - 3)/2 + 1 = 4",)
    assert make("avgpool", kernel=3, stride=2, ceil_mode=True).arithmetic(line) == (
        "length: ceil((8 + 2*0 - 3)/2) + 1 = 4",
    )
    assert make("avgpool", kernel=3, stride=3, padding=1, ceil_mode=True).arithmetic(line) == (
        "length: ceil((8 + 2*1 - 3)/3) + 1 = 4, and the last starts in the padding: 3",
    )


def test_a_kernel_larger_than_its_input() -> None:
    refused = refusal(make("maxpool", kernel=5), (3, 2, 2))
    assert refused.code == "S0104"
    assert refused.message == "kernel 5 is larger than its input of 2 x 2"
    assert refused.argument == "kernel"
    assert refused.notes == ("(2 + 2*0 - 5)/5 + 1 = 0",)
    assert refused.helps == ("kernel=2 gives 1 x 1", "ceil_mode=true gives 1 x 1")


def test_no_suggestion_that_does_not_work() -> None:
    """ceil((1 - 3)/1) + 1 is still below 1."""
    assert refusal(make("maxpool", kernel=3, stride=1, dilation=3), (3, 1)).helps == ("kernel=1 keeps 1",)


def test_averages_in_3d_need_room_for_the_kernel() -> None:
    refused = refusal(make("avgpool", kernel=4, padding=2), (1, 7, 1, 8))
    assert refused.notes == ("PyTorch averages in 3-D only where the kernel fits without padding",)
    with pytest.raises(RuntimeError, match="smaller than kernel size"):
        functional.avg_pool3d(torch.zeros(1, 1, 7, 1, 8), 4, padding=2)


@pytest.mark.parametrize(
    ("kind", "arguments", "sample", "code", "argument"),
    [
        ("maxpool", {"kernel": 3, "padding": 2}, (1, 9), "S0305", "padding"),
        ("avgpool", {"kernel": (3, 2), "padding": (1, 2)}, (1, 9, 9), "S0305", "padding"),
        ("avgpool", {"kernel": 2, "divisor_override": 3}, (1, 9), "S0305", "divisor_override"),
        ("maxpool", {"kernel": (2, 2)}, (1, 9), "S0303", "kernel"),
        ("maxpool", {"kernel": 2, "stride": (2, 2, 2)}, (1, 9, 9), "S0303", "stride"),
        ("maxpool", {"kernel": 2}, (9,), "S0101", None),
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
        ("maxpool", {}),
        ("maxpool", {"kernel": 0}),
        ("maxpool", {"kernel": 2, "return_indices": True}),
        ("avgpool", {"kernel": 2, "divisor_override": 0}),
        ("lppool", {"norm_type": 0, "kernel": 2}),
    ],
)
def test_arguments_that_no_input_could_make_right(kind: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make(kind, **arguments)


@pytest.mark.parametrize(
    ("sample", "padding", "widths"),
    [
        ((3, 8), ((1, 0),), (1, 0)),
        ((3, 6, 7), ((0, 1), (2, 0)), (2, 0, 0, 1)),
        ((2, 3, 4, 5), ((0, 1),) * 3, (0, 1) * 3),
    ],
)
@pytest.mark.parametrize("opset", [18, 23])
def test_padding_of_each_side(
    sample: tuple[int, ...], padding: tuple[tuple[int, int], ...], widths: tuple[int, ...], opset: int
) -> None:
    def by_hand(x: torch.Tensor) -> torch.Tensor:
        pool = getattr(functional, f"max_pool{len(sample) - 1}d")
        result: torch.Tensor = pool(functional.pad(x, widths, value=-inf), 3, stride=2)
        return result

    check_twin(make("maxpool", kernel=3, stride=2, padding=padding), by_hand, sample, opset=opset)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (2, 2), (1, 2), (4, 3), (3, 1)])
@pytest.mark.parametrize("opset", [18, 23])
def test_same_as_tensorflow_pads_at_any_size(kernel: int, stride: int, opset: int) -> None:
    """By its own words: ceil(n/s) windows, half of what is missing before, the rest behind."""

    def by_hand(x: torch.Tensor) -> torch.Tensor:
        widths: list[int] = []
        for n in reversed(x.shape[2:]):
            along = max((-(-n // stride) - 1) * stride + kernel - n, 0)
            widths += [along // 2, along - along // 2]
        return functional.max_pool2d(functional.pad(x, widths, value=-inf), kernel, stride=stride)

    op = make("maxpool", kernel=kernel, stride=stride, padding="same_upper")
    for sample in ((3, 5, 5), (3, 6, 7), (3, 8, 4)):
        check_twin(op, by_hand, sample, opset=opset)
    sizes = [{"H": h, "W": w} for h, w in ((1, 2), (5, 5), (6, 7), (8, 4))]
    check_sizes(op, by_hand, (3, symbol("H"), symbol("W")), sizes=sizes, opset=opset)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"padding": (0, 1, 0, 1)}, "which side is which"),
        ({"padding": ((0, 3), (0, 0))}, "padding = 3 lets a window of kernel 3 see nothing else"),
        ({"padding": ((0, 1), (0, 1)), "dilation": 2}, "goes without dilation"),
        ({"padding": "same_upper", "ceil_mode": True}, "goes without ceil_mode"),
    ],
)
def test_padding_that_is_refused(arguments: dict[str, Any], words: str) -> None:
    assert words in refusal(make("maxpool", kernel=3, **arguments), (3, 8, 8)).message
