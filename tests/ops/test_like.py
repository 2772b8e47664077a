"""Steps that take the sizes of another value, against PyTorch at sizes of every kind: one file for all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional

from specc.ir.size import symbol
from specc.ir.targets import SizeFormula, SizeOf, SpatialSizesOf, TorchCall, Value
from specc.ir.traits import EACH, Sliding, taps
from specc.ir.types import TensorType
from tests.twins import check_sizes, check_twin, graph_of, make, onnx_bytes, refusal, run_onnx

N, H, W, A, B = map(symbol, ("N", "H", "W", "A", "B"))
LIKE = Value(1)
ROUNDING = 2.0**-24

PAIRS = [
    *((n, o) for n in (1, 2, 3, 7) for o in (1, 2, 3, 5, 7, 14)),
    *((14, 8), (14, 46), (26, 22), (30, 58), (33, 67), (64, 64), (96, 128), (210, 30), (255, 256), (300, 1)),
]
"""Sizes before and behind: of one place, of whole factors, where float32 and float64 read other places (14 -> 46),
where ONNX's scale is inexact and PyTorch's is not (210 -> 30)."""


@cache
def model(*samples: tuple[Any, ...], **arguments: Any) -> bytes:
    return onnx_bytes(graph_of(make("upsample", like=LIKE, **arguments), *samples), {})


@pytest.mark.parametrize(("n", "o"), PAIRS)
def test_nearest_reads_the_places_that_pytorch_reads(n: int, o: int) -> None:
    x, like = torch.arange(1.0, n + 1).reshape(1, 1, n).expand(2, 3, n), torch.zeros(2, 1, o)
    result = run_onnx(model((3, H), (1, A)), [x, like], optimised=False)
    np.testing.assert_array_equal(result, functional.interpolate(x, size=o).numpy())


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("n", "o"), PAIRS)
def test_smooth_modes_are_as_exact_as_pytorch(n: int, o: int, mode: str, aligned: bool) -> None:
    """Twice as far from float64 as PyTorch in float32 at most, and a few roundings of the largest number."""
    x, like = torch.randn(1, 2, n, 6, generator=torch.Generator().manual_seed(n)), torch.zeros(1, 1, o, 5)
    options: dict[str, Any] = {"mode": mode, "align_corners": aligned}
    result = run_onnx(model((2, H, W), (1, A, B), **options), [x, like], optimised=False)
    single = functional.interpolate(x, size=(o, 5), **options)
    exact = functional.interpolate(x.double(), size=(o, 5), **options)
    theirs = (single - exact).abs().max()
    largest = x.abs().max()
    # Where the corners are aligned PyTorch multiplies by a rounded step, and Resize does not.
    assert np.abs(result - exact.numpy()).max() <= 2 * theirs + (16 if mode == "bicubic" else 6) * ROUNDING * largest


def test_the_computed_places_are_nearer_than_those_of_resize() -> None:
    """What `Resize` would do with the sizes, measured: the reason for writing the places out."""
    x, like = torch.randn(1, 2, 255, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 1, 256, 3)
    graph = onnx.parser.parse_graph(
        "g (float[N, C, H, W] x, float[N, D, A, B] y) => (float[N, C, A, B] z) {"
        " s = Shape <start = 2> (y)"
        ' z = Resize <axes = [2, 3], mode = "linear", coordinate_transformation_mode = "half_pixel"> (x, , , s) }'
    )
    plain = onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 18)])
    exact = functional.interpolate(x.double(), size=(256, 3), mode="bilinear").numpy()
    ours, theirs = (
        np.abs(run_onnx(file, [x, like], optimised=False) - exact).max()
        for file in (model((2, H, W), (1, A, B), mode="bilinear"), plain.SerializeToString())
    )
    assert ours < 2e-6
    assert theirs > 2e-5


def node_types(kind: str, *samples: tuple[Any, ...], **arguments: Any) -> list[str]:
    file = onnx.load_from_string(onnx_bytes(graph_of(make(kind, like=LIKE, **arguments), *samples), {}))
    return [node.op_type for node in file.graph.node]


def test_a_size_is_asked_for_only_where_it_must_be() -> None:
    assert node_types("upsample", (2, 4, 5), (1, 7, 9), mode="bilinear").count("Shape") == 0
    assert node_types("upsample", (2, H, W), (1, 2 * H, 3 * W), mode="bilinear") == ["Resize"]
    assert node_types("upsample", (2, H, W), (1, H, W)) == ["Resize"]
    assert node_types("upsample", (2, 1, 1), (1, H, W), mode="bilinear") == ["Shape", "Concat", "Expand"]
    assert node_types("upsample", (2, H, 4), (1, A, 4), mode="bilinear").count("Gather") == 2
    aligned = node_types("upsample", (2, H, W), (1, A, B), mode="bilinear", align_corners=True)
    assert aligned == ["Shape", "Resize"]
    assert node_types("pad", (2, H, W), (1, H + 3, W + 1)) == ["Pad"]
    assert node_types("pad", (2, 2 * (H // 2), W), (1, H, W), offset=0) == [
        "Shape",
        "Shape",
        "Sub",
        "Sub",
        "Concat",
        "Pad",
    ]
    assert node_types("pad", (2, H, W), (1, H, W)) == ["Identity"]
    assert node_types("reshape", (2, H * W), (1, H, W)) == ["Shape", "Concat", "Reshape"]
    assert node_types("reshape", (2, H, W), (2, H, W), shape=(N, 1, 2, H, W)) == ["Shape", "Concat", "Reshape"]
    assert node_types("crop", (2, H + 3, W + 1), (1, H, W)) == ["Slice"]
    assert node_types("crop", (2, H + A, W), (1, H, W), offset=0) == ["Shape", "Shape", "Sub", "Add", "Slice"]


def unet(x: torch.Tensor, like: torch.Tensor, **options: Any) -> torch.Tensor:
    """As the well-known U-Net in PyTorch has it (github.com/milesial/Pytorch-UNet, unet_parts.py)."""
    diff_y, diff_x = like.size(2) - x.size(2), like.size(3) - x.size(3)
    return functional.pad(x, [diff_x // 2, diff_x - diff_x // 2, diff_y // 2, diff_y - diff_y // 2], **options)


def at_the_end(x: torch.Tensor, like: torch.Tensor, **options: Any) -> torch.Tensor:
    return functional.pad(x, [0, like.size(3) - x.size(3), 0, like.size(2) - x.size(2)], **options)


def at_the_beginning(x: torch.Tensor, like: torch.Tensor, **options: Any) -> torch.Tensor:
    return functional.pad(x, [like.size(3) - x.size(3), 0, like.size(2) - x.size(2), 0], **options)


def fcn(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """As the FCN in PyTorch crops (github.com/wkentaro/pytorch-fcn): from place 5 on."""
    return x[:, :, 5 : 5 + like.size(2), 5 : 5 + like.size(3)]


def centre(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    top, left = (x.size(2) - like.size(2)) // 2, (x.size(3) - like.size(3)) // 2
    return x[:, :, top : top + like.size(2), left : left + like.size(3)]


def last(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return x[:, :, x.size(2) - like.size(2) :, x.size(3) - like.size(3) :]


AROUND = [("constant", 0.0), ("constant", -1.5), ("reflect", 0.0), ("replicate", 0.0), ("circular", 0.0)]


@pytest.mark.parametrize("opset", [18, 23])
@pytest.mark.parametrize(("mode", "value"), AROUND)
@pytest.mark.parametrize(("offset", "theirs"), [("center", unet), (0, at_the_end), ("end", at_the_beginning)])
def test_pad(offset: Any, theirs: Callable[..., torch.Tensor], mode: str, value: float, opset: int) -> None:
    options: dict[str, Any] = {"mode": mode} | ({"value": value} if value else {})
    height, width = symbol("H", least=4), symbol("W", least=4)
    large = (height + height // 2, width + 2 * (width // 4))
    op = make("pad", like=LIKE, offset=offset, **options)
    file = onnx_bytes(graph_of(op, (2, height, width), (1, *large)), {}, opset)
    for h, w in ((4, 4), (5, 7), (6, 8), (9, 11)):
        x, like = torch.randn(2, 2, h, w), torch.zeros(2, 1, h + h // 2, w + 2 * (w // 4))
        for optimised in (False, True):
            np.testing.assert_array_equal(run_onnx(file, [x, like], optimised), theirs(x, like, **options).numpy())


@pytest.mark.parametrize("opset", [18, 23])
@pytest.mark.parametrize(("offset", "theirs"), [("center", centre), (5, fcn), ("end", last)])
def test_crop(offset: Any, theirs: Callable[..., torch.Tensor], opset: int) -> None:
    small = (H, W)
    large = (H + 5 + H // 2, W + 6 + W % 3)
    file = onnx_bytes(graph_of(make("crop", like=LIKE, offset=offset), (2, *large), (1, *small)), {}, opset)
    for h, w in ((1, 1), (2, 5), (3, 4), (7, 9)):
        x, like = torch.randn(2, 2, h + 5 + h // 2, w + 6 + w % 3), torch.zeros(2, 1, h, w)
        for optimised in (False, True):
            np.testing.assert_array_equal(run_onnx(file, [x, like], optimised), theirs(x, like).numpy())


LAID_OUT: list[tuple[Any, Any, dict[str, Any], Callable[..., torch.Tensor]]] = [
    ((3, H * W), (1, H, W), {}, lambda x, y: x.unflatten(2, y.shape[2:])),
    ((2, 3, H * W), (5, H, W), {}, lambda x, y: x.flatten(1, 2).unflatten(2, y.shape[2:])),
    ((H * W,), (1, H, W), {}, lambda x, y: x.unflatten(1, (1, *y.shape[2:]))),
    ((6 * H * W,), (1, H, W), {}, lambda x, y: x.unflatten(1, (6, *y.shape[2:]))),
    ((3, 5 * (W // 2 + 1) * H), (1, H, 5, W // 2 + 1), {}, lambda x, y: x.unflatten(2, y.shape[2:])),
    ((3, H, W), (1, H * W), {}, lambda x, y: x.flatten(2)),
    ((H * W, 6), (1, H, W), {"shape": (N, H, W, 3, 2)}, lambda x, y: x.unflatten(1, y.shape[2:]).unflatten(3, (3, 2))),
    ((6, H * W), (H, W), {"shape": (-1, 2, 3, H, W)}, lambda x, y: x.unflatten(2, y.shape[1:]).unflatten(1, (2, 3))),
    ((3, H * W * W), (1, H, W), {"shape": (N, 3, H, W, -1)}, lambda x, y: x.unflatten(2, (*y.shape[2:], y.size(3)))),
]


@pytest.mark.parametrize("opset", [18, 23])
@pytest.mark.parametrize(("sample", "like", "arguments", "theirs"), LAID_OUT)
def test_reshape(
    sample: Any, like: Any, arguments: dict[str, Any], theirs: Callable[..., torch.Tensor], opset: int
) -> None:
    sizes = [{"H": h, "W": w} for h, w in ((1, 1), (3, 2), (4, 7))]
    check_sizes(make("reshape", like=LIKE, **arguments), theirs, sample, like, sizes=sizes, opset=opset)


# ---- what PyTorch is told, windows, arithmetic --------------------------------------------------------------


def test_source_asks_the_value() -> None:
    x, like = TensorType(N, (2, H, W)), TensorType(N, (1, H + 2 * A, W))
    assert make("upsample", like=LIKE, mode="bilinear").torch(x, like) == TorchCall(
        "F.interpolate", (Value(),), {"size": SpatialSizesOf(1), "mode": "bilinear"}
    )
    height, width = (SizeFormula("-", (SizeOf(axis, 1), SizeOf(axis, 0))) for axis in (2, 3))
    assert make("pad", like=LIKE, offset=0).torch(x, like) == TorchCall("F.pad", (Value(), (0, width, 0, height)))
    one = make("pad", like=LIKE, offset=0, dim=2).torch(x, like)
    assert one == TorchCall("F.pad", (Value(), (0, 0, 0, height)))
    assert make("crop", like=LIKE, offset=0, dim=2).torch(like, x) == TorchCall(
        "torch.narrow", (Value(0), 2, 0, SizeOf(2, 1))
    )


def test_windows() -> None:
    small, large = TensorType(N, (2, 4, 5)), TensorType(N, (1, 9, 8))
    assert make("crop", like=LIKE).window(large, small) == Sliding((EACH, taps(1, start=2), taps(1, start=1)))
    assert make("crop", like=LIKE, offset=(3, 0)).window(large, small) == Sliding((EACH, taps(1, start=3), EACH))
    assert make("pad", like=LIKE).window(small, large) == Sliding((EACH, taps(1, start=-2), taps(1, start=-1)))
    assert make("crop", like=LIKE, dim=3).window(large, small) == Sliding((EACH, EACH, taps(1, start=1)))
    assert make("pad", like=LIKE, dim=2).window(small, large) == Sliding((EACH, taps(1, start=-2), EACH))
    assert make("upsample", like=LIKE).window(small, large) == make("upsample", size=(9, 8)).window(small)


def test_arithmetic() -> None:
    small, large = TensorType(N, (2, 4, 5)), TensorType(N, (1, 9, 8))
    assert make("crop", like=LIKE).arithmetic(large, small) == (
        "height: 2 before and 3 behind are left out of 9: 4",
        "width: 1 before and 2 behind are left out of 8: 5",
    )
    assert make("crop", like=LIKE, dim=3).arithmetic(large, small) == (
        "width: 1 before and 2 behind are left out of 8: 5",
    )
    assert make("pad", like=LIKE).arithmetic(small, large) == ("height: 2 + 4 + 3 = 9", "width: 1 + 5 + 2 = 8")


# ---- refusals -----------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[str, dict[str, Any], tuple[Any, Any], str, str, str | None]] = {
    "a flat value": (
        "upsample",
        {},
        ((2, H, W), (10,)),
        "S0101",
        "upsample takes the height and width of like, and [N, 10] is flat",
        None,
    ),
    "another rank": (
        "crop",
        {},
        ((2, H), (2, H, W)),
        "S0101",
        "crop takes the length of like, and [N, 2, H, W] has 2 spatial axes",
        None,
    ),
    "a crop to more": (
        "crop",
        {},
        ((2, 8, 8), (2, 9, 4)),
        "S0303",
        "crop to 9 x 4 takes more than the 8 x 8 places that there are",
        None,
    ),
    "a crop beyond the end": (
        "crop",
        {"offset": 3},
        ((2, 8, 8), (2, 6, 4)),
        "S0303",
        "crop to 6 x 4 takes more than the 8 x 8 places that there are, from place 3 x 3 on",
        None,
    ),
    "padding to less": (
        "pad",
        {},
        ((2, H + 1), (2, H)),
        "S0303",
        "pad to H has no room for the H + 1 places that there are",
        None,
    ),
    "padding to less at some sizes": (
        "pad",
        {},
        ((2, 2 * ((H + 1) // 2)), (2, H)),
        "S0108",
        "pad finds room for 2*floor((H + 1)/2) places in H only where H % 2 == 0",
        "H % 2 == 0",
    ),
    "a crop that is too large at small sizes": (
        "crop",
        {"offset": 2},
        ((2, H), (2, H // 2)),
        "S0108",
        "crop finds floor(H/2) places in H, from place 2 on only where H >= 3",
        "H >= 3",
    ),
    "sizes of which nothing is known": (
        "crop",
        {},
        ((2, H), (2, A)),
        "S0108",
        "it is not proven that crop finds A places in H",
        None,
    ),
    "mirrored beyond itself": (
        "pad",
        {"mode": "reflect"},
        ((2, H), (2, H + 6)),
        "S0108",
        "reflect padding up to the sizes of like fits into an input of H only where H >= 4",
        "H >= 4",
    ),
    "two ways": (
        "upsample",
        {"size": 4},
        ((2, H), (2, A)),
        "S0305",
        "upsample takes size or like, not both",
        None,
    ),
    "two ways of padding": (
        "pad",
        {"padding": 1, "offset": 0},
        ((2, H), (2, A)),
        "S0305",
        "pad takes padding or like, not both",
        None,
    ),
    "the channels": (
        "crop",
        {"dim": 1},
        ((2, 8, 8), (1, 4, 4)),
        "S0303",
        "crop takes the size of a spatial axis of like, and dim = 1 is the channels of [N, 2, 8, 8]",
        None,
    ),
    "a crop to more on one axis": (
        "crop",
        {"dim": 2},
        ((2, 8, 8), (2, 9, 4)),
        "S0303",
        "crop to 9 takes more than the 8 places that there are",
        None,
    ),
    "a place on three axes": (
        "crop",
        {"offset": (1, 1, 1)},
        ((2, 8, 8), (2, 4, 4)),
        "S0303",
        "offset has 3 entries, and the input of crop has 2 spatial axes",
        None,
    ),
    "places of a flat value": (
        "reshape",
        {},
        ((2, H * W), (10,)),
        "S0101",
        "reshape takes the places of like, and [N, 10] is flat",
        None,
    ),
    "places that come first": (
        "reshape",
        {},
        ((H * W, 2), (1, H, W)),
        "S0108",
        "it is not proven that reshape finds the H x W places of like in the last axes of [N, H*W, 2]",
        None,
    ),
    "other places": (
        "reshape",
        {},
        ((2, 48), (1, 7, 7)),
        "S0107",
        "the last axes of [N, 2, 48] do not hold the 7 x 7 places of like",
        None,
    ),
    "places at some sizes": (
        "reshape",
        {},
        ((2, 2 * (H // 2)), (1, H)),
        "S0108",
        "that reshape finds the H places of like in the last axes of [N, 2, 2*floor(H/2)] is sure where H % 2 == 0",
        "H % 2 == 0",
    ),
    "features that are no places": (
        "reshape",
        {},
        ((50,), (1, 7, 7)),
        "S0107",
        "[N, 50] has 50 features, which are no channels of 7 x 7 places",
        None,
    ),
    "features of which nothing is known": (
        "reshape",
        {},
        ((4 * H,), (1, H, W)),
        "S0108",
        "it is not proven that reshape finds channels of H x W places in the features of [N, 4*H]",
        None,
    ),
    "a value that tells nothing": (
        "reshape",
        {"shape": (N, 4, -1)},
        ((2, 2, H), (1, W)),
        "S0108",
        "reshape of [N, 2, 2, H] to [N, 4, H] takes no size of [N, 1, W]",
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_the_reason(what: str) -> None:
    kind, arguments, samples, code, message, clause = REFUSED[what]
    said = refusal(make(kind, like=LIKE, **arguments), *samples)
    assert (said.code, said.message) == (code, message)
    assert (None if said.where is None else str(said.where)) == clause


def test_what_is_as_large_already_is_the_identity() -> None:
    value, other = TensorType(N, (2, H, W)), TensorType(N, (1, H, W))
    for kind in ("pad", "crop", "upsample"):
        assert make(kind, like=LIKE).identity(value, other)
        assert not make(kind, like=LIKE).identity(value, TensorType(N, (2, H, W + W % 2)))
    assert make("expand", like=LIKE).identity(value, value)
    assert not make("expand", like=LIKE).identity(other, value)
    assert make("crop", like=LIKE, dim=2).identity(value, TensorType(N, (2, H, A)))


def test_padding_that_says_nothing() -> None:
    assert refusal(make("pad"), (2, 5)).code == "S0302"
    said = refusal(make("pad", padding=1, dim=2), (2, 5))
    assert (said.code, said.argument) == ("S0305", "dim")
    said = refusal(make("pad", padding=1, offset=0), (2, 5))
    assert (said.code, said.argument) == ("S0305", "offset")


@pytest.mark.parametrize(
    ("small", "large"),
    [((3, 1, 1), (3, 4, 5)), ((1, 4, 1), (2, 4, 3)), ((1,), (6,)), ((2, 3), (2, 3)), ((1, 1, 1, 2), (2, 3, 4, 2))],
)
@pytest.mark.parametrize("opset", [18, 23])
def test_expand(small: tuple[int, ...], large: tuple[int, ...], opset: int) -> None:
    check_twin(make("expand", like=LIKE), lambda x, like: x.expand_as(like), small, large, opset=opset)


def test_expand_to_any_size() -> None:
    sizes = [{"H": 1, "W": 2}, {"H": 5, "W": 4}]
    check_sizes(make("expand", like=LIKE), lambda x, like: x.expand_as(like), (3, 1, W), (3, H, W), sizes=sizes)
    assert node_types("expand", (3, 1, 1), (3, 4, 5)) == ["Expand"]
    assert node_types("expand", (3, 1, 1), (3, H, 5)) == ["Shape", "Expand"]


@pytest.mark.parametrize(
    ("small", "large", "words"),
    [
        ((2, 1), (3, 4), "[N, 2, 1] cannot be expanded to [N, 3, 4]: only a size of exactly 1 is widened"),
        ((3,), (3, 4), "[N, 3] cannot be expanded to [N, 3, 4]"),
        (
            (3, H),
            (3, W),
            "that expand finds [N, 3, W] in [N, 3, H], where only a size of exactly 1 is widened, is sure where H == W",
        ),
    ],
)
def test_what_cannot_be_expanded(small: tuple[Any, ...], large: tuple[Any, ...], words: str) -> None:
    assert words in refusal(make("expand", like=LIKE), small, large).message
