"""Pools whose window slides, against PyTorch's."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from itertools import product
from math import floor, inf
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from specc.ir.op import Op
from specc.ir.size import symbol
from specc.ir.traits import EACH, Sliding, Taps
from specc.ir.types import TensorType
from tests.ops.test_registry import twin
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
    assert make("maxpool", kernel=3, stride=2, padding=1).arithmetic(line) == (
        "length: floor((8 + 2*1 - 3)/2) + 1 = 4",
    )
    assert make("avgpool", kernel=3, stride=2, ceil_mode=True).arithmetic(line) == (
        "length: ceil((8 + 2*0 - 3)/2) + 1 = 4",
    )
    assert make("avgpool", kernel=3, stride=3, padding=1, ceil_mode=True).arithmetic(line) == (
        "length: ceil((8 + 2*1 - 3)/3) + 1 = 4, and the last starts in the padding: 3",
    )


@pytest.mark.parametrize("kind", ["conv", "maxpool", "avgpool"])
def test_the_formula_of_a_size_comes_out_as_it_says(kind: str) -> None:
    """Read by Python; what comes out even is not said to be rounded."""
    channels = {"out_channels": 1} if kind == "conv" else {}
    for size, kernel, stride, padding in product((7, 8, 13), (2, 3), (1, 2, 3), (0, 1)):
        op = make(kind, kernel=kernel, stride=stride, padding=padding, **channels)
        formula, result = op.arithmetic(TensorType(symbol("N"), (1, size)))[0].removeprefix("length: ").split(" = ")
        assert eval(formula, {"floor": floor}) == int(result)
        assert ("floor" in formula) == ((size + 2 * padding - kernel) % stride != 0)


def test_a_kernel_larger_than_its_input() -> None:
    refused = refusal(make("maxpool", kernel=5), (3, 2, 2))
    assert refused.code == "S0104"
    assert refused.message == "kernel 5 is larger than its input of 2 x 2"
    assert refused.argument == "kernel"
    assert refused.notes == ("floor((2 + 2*0 - 5)/5) + 1 = 0",)
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


def by_definition(
    x: torch.Tensor,
    *,
    kernel: int,
    stride: int,
    padding: tuple[tuple[int, int], ...],
    dilation: int = 1,
    ceil_mode: bool = False,
    mean: str = "",
) -> torch.Tensor:
    """Window after window: the largest element in it, or the mean of what is "inside" the input or "padded".

    A window ends within the padding; with ``ceil_mode`` it may end beyond, and begins before the padding at the end.
    """
    for axis, (before, after) in enumerate(padding, start=2):
        n = x.shape[axis]
        reach, end = dilation * (kernel - 1) + 1, n + after
        windows = []
        for i in range(-before, end, stride):
            if i + reach > end and not (ceil_mode and i < n and i - stride + reach < end):
                break
            places = [p for p in range(i, i + reach, dilation) if p < end]
            inside = x.index_select(axis, torch.tensor([p for p in places if 0 <= p < n], dtype=torch.int64))
            if mean:
                count = len(places) if mean == "padded" else inside.shape[axis]
                windows.append(inside.sum(axis, keepdim=True) / count)
            else:
                nothing = torch.full_like(x.narrow(axis, 0, 1), -inf)
                windows.append(torch.cat([inside, nothing], axis).amax(axis, keepdim=True))
        x = torch.cat(windows, axis)
    return x


SIDES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((3, 8), {"kernel": 3, "stride": 2, "padding": ((1, 0),)}),
    ((3, 6, 7), {"kernel": 3, "stride": 2, "padding": ((0, 1), (2, 0))}),
    ((2, 3, 4, 5), {"kernel": 3, "stride": 2, "padding": ((0, 1),) * 3}),
    ((3, 6, 7), {"kernel": 3, "stride": 2, "padding": ((1, 1), (1, 1))}),
    ((3, 6, 7), {"kernel": 3, "stride": 1, "padding": ((2, 2), (2, 2))}),
    ((2, 2, 4, 5), {"kernel": 3, "stride": 2, "padding": ((1, 1),) * 3}),
    ((3, 8, 9), {"kernel": 3, "stride": 3, "padding": ((0, 0), (1, 0)), "ceil_mode": True}),
    ((3, 7), {"kernel": 4, "stride": 3, "padding": ((2, 1),), "ceil_mode": True}),
]


@pytest.mark.parametrize(
    ("sample", "arguments"),
    [
        *SIDES,
        ((3, 8, 9), {"kernel": 2, "stride": 3, "padding": ((0, 1), (1, 0)), "ceil_mode": True}),
        ((3, 8, 9), {"kernel": 3, "stride": 2, "padding": ((0, 1), (3, 2)), "dilation": 2}),
        ((3, 7), {"kernel": 2, "stride": 3, "padding": ((0, 3),), "dilation": 3, "ceil_mode": True}),
    ],
)
@pytest.mark.parametrize("opset", [18, 23])
def test_the_largest_with_padding_of_each_side(sample: tuple[int, ...], arguments: dict[str, Any], opset: int) -> None:
    op = make("maxpool", **arguments)
    check_twin(op, partial(by_definition, **arguments), sample, opset=opset)
    check_torch(op, partial(by_definition, **arguments), sample)


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize(("sample", "arguments"), SIDES)
@pytest.mark.parametrize("opset", [18, 23])
def test_the_mean_with_padding_of_each_side(
    sample: tuple[int, ...], arguments: dict[str, Any], include: bool, opset: int
) -> None:
    op = make("avgpool", **arguments, count_include_pad=include)
    by_hand = partial(by_definition, **arguments, mean="padded" if include else "inside")
    check_twin(op, by_hand, sample, opset=opset)
    check_torch(op, by_hand, sample)


def check_torch(op: Op, by_hand: Callable[[torch.Tensor], torch.Tensor], sample: tuple[int, ...]) -> None:
    """What is written for PyTorch."""
    x = torch.randn(2, *sample, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(twin(op, (TensorType(symbol("N"), sample),))(x), by_hand(x), rtol=1e-14, atol=1e-14)


def test_divisors_with_padding_of_each_side() -> None:
    """Each window over 5, however much of it is padding."""
    op = make("avgpool", kernel=3, stride=2, padding=((0, 1), (2, 1)), ceil_mode=True, divisor_override=5)

    def by_hand(x: torch.Tensor) -> torch.Tensor:
        """Of 6 rows and 7 columns: 3 windows along the rows, 5 along the columns, the last reaches a place too far."""
        return functional.avg_pool2d(functional.pad(x, (2, 2, 0, 1)), 3, 2, divisor_override=5)

    check_twin(op, by_hand, (3, 6, 7))
    check_torch(op, by_hand, (3, 6, 7))


def test_means_and_maxima_as_tensorflow_has_them() -> None:
    """Of 1 2 3 4, windows of 3 with stride 2: there are two, and a place behind that is not counted: [1 2 3], [3 4 .].

    Of 1 2 3 4 5 6, windows of 4 with stride 3: two, and a place behind; with stride 1 a place before and two behind.
    """
    for places, kernel, stride, means, largest in [
        (4, 3, 2, [2, 3.5], [3, 4]),
        (6, 4, 3, [2.5, 5], [4, 6]),
        (6, 4, 1, [2, 2.5, 3.5, 4.5, 5, 5.5], [3, 4, 5, 6, 6, 6]),
    ]:
        x = torch.arange(1.0, places + 1).reshape(1, 1, 1, places)
        types = (TensorType(symbol("N"), (1, 1, places)),)
        shared: dict[str, Any] = {"kernel": (1, kernel), "stride": (1, stride), "padding": "same_upper"}
        mean, most = make("avgpool", **shared, count_include_pad=False), make("maxpool", **shared)
        assert twin(mean, types)(x).flatten().tolist() == means
        assert twin(most, types)(x).flatten().tolist() == largest


TENSORFLOW = [(3, 2, 1), (2, 2, 1), (1, 2, 1), (4, 3, 1), (3, 1, 1), (2, 3, 1), (3, 5, 1), (3, 2, 2), (2, 3, 2)]


@pytest.mark.parametrize(("kernel", "stride", "dilation"), TENSORFLOW)
@pytest.mark.parametrize("opset", [18, 23])
def test_the_largest_as_tensorflow_pads_at_any_size(kernel: int, stride: int, dilation: int, opset: int) -> None:
    arguments = {"kernel": kernel, "stride": stride, "dilation": dilation}
    by_hand = partial(as_tensorflow, **arguments)
    op = make("maxpool", **arguments, padding="same_upper")
    for sample in ((3, 5, 5), (3, 6, 7), (3, 8, 4)):
        check_twin(op, by_hand, sample, opset=opset)
    check_any_size(op, by_hand, opset)


@pytest.mark.parametrize(("kernel", "stride"), [(k, s) for k, s, d in TENSORFLOW if d == 1])
@pytest.mark.parametrize("opset", [18, 23])
def test_the_mean_as_tensorflow_pads_at_any_size(kernel: int, stride: int, opset: int) -> None:
    by_hand = partial(as_tensorflow, kernel=kernel, stride=stride, mean="inside")
    op = make("avgpool", kernel=kernel, stride=stride, padding="same_upper", count_include_pad=False)
    check_twin(op, by_hand, (3, 6, 7), opset=opset)
    check_any_size(op, by_hand, opset)


def as_tensorflow(x: torch.Tensor, *, kernel: int, stride: int, **arguments: Any) -> torch.Tensor:
    """By its own words: ceil(n/s) windows, half of what is missing before, the rest behind."""
    sides = []
    for n in x.shape[2:]:
        reach = arguments.get("dilation", 1) * (kernel - 1) + 1
        along = max((-(-n // stride) - 1) * stride + reach - n, 0)
        sides.append((along // 2, along - along // 2))
    return by_definition(x, kernel=kernel, stride=stride, padding=tuple(sides), **arguments)


def check_any_size(op: Op, by_hand: Callable[[torch.Tensor], torch.Tensor], opset: int) -> None:
    """One file and one line of PyTorch for all sizes, small ones too."""
    sizes = [{"H": h, "W": w} for h, w in ((1, 2), (5, 5), (6, 7), (8, 4), (3, 9))]
    sample = (3, symbol("H"), symbol("W"))
    check_sizes(op, by_hand, sample, sizes=sizes, opset=opset)
    module = twin(op, (TensorType(symbol("N"), sample),))
    for size in sizes:
        x = torch.randn(2, 3, size["H"], size["W"], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(module(x), by_hand(x), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("maxpool", {"padding": (0, 1, 0, 1)}, "which side is which"),
        ("avgpool", {"padding": (0, 1, 0, 1)}, "which side is which"),
        ("maxpool", {"padding": ((0, 3), (0, 0))}, "padding = 3 lets a window of kernel 3 see nothing else"),
        ("maxpool", {"padding": ((0, 5), (0, 0)), "dilation": 2}, "padding = 5 lets a window of kernel 3 see nothing"),
        ("maxpool", {"padding": "same_upper", "ceil_mode": True}, "and so does ceil_mode"),
        ("avgpool", {"padding": "same_upper"}, "of the elements in the input alone"),
        ("avgpool", {"padding": ((0, 2),) * 2, "stride": 2, "ceil_mode": True}, "begins a further window"),
    ],
)
def test_padding_that_is_refused(kind: str, arguments: dict[str, Any], words: str) -> None:
    assert words in refusal(make(kind, kernel=3, **arguments), (3, 7, 8)).message
