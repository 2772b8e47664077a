"""Operators on sizes known only as formulas: one PyTorch module and one ONNX file for every size, or a refusal."""

from __future__ import annotations

from itertools import product
from typing import Any

import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional

from specc import ops
from specc.ir.op import Refusal
from specc.ir.size import Dim, symbol
from specc.ir.symbols import samples as allowed
from specc.ir.targets import SizeOf, TorchCall, Value
from specc.ir.types import TensorType
from tests.ops.test_registry import twin
from tests.twins import check_sizes, graph_of, make, onnx_bytes, refusal

N, H, W, D = symbol("N"), symbol("H"), symbol("W"), symbol("D")
H8, W8 = symbol("H", least=8), symbol("W", least=8)
EVEN, EVEN_W = symbol("H", modulus=2), symbol("W", modulus=2)
H16, W16 = symbol("H", modulus=16), symbol("W", modulus=16)
PLANE = (4, H8, W8)

Case = tuple[dict[str, Any], tuple[tuple[Dim, ...], ...]]


def case(*samples: tuple[Dim, ...], **arguments: Any) -> Case:
    return arguments, samples


EVERY_SIZE: dict[str, list[Case]] = {
    "abs": [case((4, H))],
    "adaptiveavgpool": [
        case(PLANE, size=1),
        case((3, H, 7), size=(None, 3)),
        case((3, 7, W), size=(3, 1)),
        case((3, 6, H, 5), size=(2, None, 3)),
        case((3, H, W), size=7),
        case((3, H, 5, W), size=(None, 3, 2)),
        case((2, H), size=4),
    ],
    "adaptivemaxpool": [
        case(PLANE, size=1),
        case((3, H, 7), size=(1, 3)),
        case((3, H, 7, 6), size=(None, 7, 4)),
        case((3, H, W), size=(6, 5)),
        case((2, 5, H), size=(3, 2)),
    ],
    "add": [case((4, H, W), (4, H, W)), case((4, EVEN), (4, 2 * (EVEN // 2)))],
    "affine": [
        case((4, H), factor=0.5, offset=-1.0),
        case((2, H, W), factor=(0.5, 2.0)),
        case((H, 2), factor=(3.0, 2.0), dim=-1),
    ],
    "alphadropout": [case((4, H))],
    "amax": [case((4, H, W), dim=(2, 3)), case((4, H, W), dim=1, keepdim=True)],
    "avgpool": [
        case(PLANE, kernel=3, stride=2, padding=1),
        case(PLANE, kernel=3, stride=2, padding=1, count_include_pad=False),
        case(PLANE, kernel=3, stride=2, ceil_mode=True),
        case(PLANE, kernel=2, stride=3, padding=1, ceil_mode=True),
        case(PLANE, kernel=2, stride=3, padding=1, ceil_mode=True, count_include_pad=False),
        case(PLANE, kernel=3, stride=2, padding=1, ceil_mode=True, divisor_override=5),
        case((2, H8), kernel=4, stride=3, ceil_mode=True),
        case((2, H, W), kernel=3, stride=2, padding="same_upper", count_include_pad=False),
        case((2, H8, W8), kernel=3, stride=2, padding=((0, 1), (2, 0)), count_include_pad=False, ceil_mode=True),
        case((2, H8, 9, W8), kernel=(2, 3, 2), stride=2, ceil_mode=True),
    ],
    "batchnorm": [case((4, H, W)), case((4, D, H, W))],
    "celu": [case((4, H))],
    "channelshuffle": [case((8, H, W), groups=2), case((6, H), groups=3), case((6, H, W, D), groups=2)],
    "clamp": [case((4, H), min=-0.5)],
    "concat": [case((4, H, W), (2, H, W)), case((4, H, W), (4, D, W), dim=2), case((4, H, W), (4, H, W), dim=-1)],
    "conv": [
        case(PLANE, out_channels=6, kernel=3),
        case(PLANE, out_channels=6, kernel=3, stride=2, padding=1, groups=2),
        case(PLANE, out_channels=6, kernel=(4, 3), padding="same", dilation=(2, 1)),
        case((4, H), out_channels=6, kernel=3, padding=1, stride=3),
        case((2, H8, 5, W8), out_channels=3, kernel=2, stride=2),
        case((4, H, W), out_channels=2, kernel=3, stride=2, padding="same_upper"),
        case((4, H, 5, W), out_channels=2, kernel=4, stride=2, padding="same_upper"),
        case((4, H8, W8), out_channels=2, kernel=3, padding=((0, 1), (2, 0))),
        *(
            case(PLANE, out_channels=2, kernel=4, padding=3, padding_mode=m)
            for m in ("reflect", "replicate", "circular")
        ),
    ],
    "convtranspose": [
        case((4, H, W), out_channels=6, kernel=2, stride=2),
        case(PLANE, out_channels=6, kernel=3, stride=2, padding=1, output_padding=1),
        case(PLANE, out_channels=6, kernel=3, padding=(2, 0), output_padding=1, dilation=2),
        case((4, H8), out_channels=2, kernel=4, stride=2, padding=1, groups=2),
        case(PLANE, out_channels=2, kernel=4, stride=2, padding=((0, 3), (2, 1))),
    ],
    "crop": [
        case((3, H, W), (1, (H + 1) // 2, W), like=Value(1)),
        case((3, H + 5, W + 7), (1, H, W), like=Value(1), offset=(5, 2)),
        case((3, H + 3), (1, H), like=Value(1)),
        case((3, H, W), (1, (H + 1) // 2, 2 * W), like=Value(1), dim=2),
        case((3, H, W, D), (1, D, (W + 1) // 2, H), like=Value(1), dim=-2, offset="end"),
    ],
    "depthtospace": [case((12, H, W), blocksize=2), case((12, H, W), blocksize=2, mode="CRD")],
    "div": [case((4, H, W), (4, 1, 1)), case((1, H, W), (4, H, W))],
    "dropout": [case((4, H))],
    "elu": [case((4, H))],
    "exp": [case((4, H))],
    "expand": [case((4, 1, 1), (4, H, W), like=Value(1)), case((1, H, 1), (4, H, 5), like=Value(1))],
    "flatten": [case((4, H, W)), case((4, H, W), start_dim=2), case((4, H, 5, W), end_dim=2)],
    "fuse": [case((4, H, W), (4, H, W))],
    "gelu": [case((4, H))],
    "glu": [case((4, H, W), dim=1), case((H, W, 6))],
    "globalavgpool": [case((4, H, W)), case((4, H)), case((4, H, W, D))],
    "globalmaxpool": [case((4, H, W)), case((4, H)), case((4, H, W, D))],
    "groupnorm": [
        case((6, H8), num_groups=3),
        case((6, H, W), num_groups=3),
        case((6, H8, W, D), num_groups=6),
        case((6, H, 3), num_groups=2, affine=False),
    ],
    "hardshrink": [case((4, H))],
    "hardsigmoid": [case((4, H))],
    "hardswish": [case((4, H))],
    "hardtanh": [case((4, H))],
    "identity": [case((4, H))],
    "instancenorm": [case(PLANE), case((4, H8), affine=True), case((4, H, W), track_running_stats=True)],
    "layernorm": [case((H, W, 6)), case((H, 4, 6), normalized_shape=(4, 6))],
    "leakyrelu": [case((4, H))],
    "linear": [case((H, W, 6), out_features=3)],
    "log": [case((4, H))],
    "logsigmoid": [case((4, H))],
    "logsoftmax": [case((4, H, W)), case((4, H, W), dim=2)],
    "lppool": [case(PLANE, norm_type=2.0, kernel=3, stride=2, ceil_mode=True), case((4, H8), norm_type=2.0, kernel=4)],
    "lrn": [case((5, H), size=3), case((5, H, W), size=4), case((5, H, W, D), size=3)],
    "matmul": [case((4, H, 3), (4, 3, W)), case((H, W, W), (H, W, 3))],
    "maximum": [case((4, H, W), (4, H, W))],
    "maxpool": [
        case(PLANE, kernel=3, stride=2, padding=1),
        case(PLANE, kernel=3, stride=2, padding=1, ceil_mode=True),
        case(PLANE, kernel=2, stride=3, padding=1, ceil_mode=True),
        case(PLANE, kernel=1, stride=2, ceil_mode=True),
        case(PLANE, kernel=3, stride=4, dilation=3, padding=1, ceil_mode=True),
        case((2, symbol("H", least=3)), kernel=4, stride=2, padding=2, dilation=2),
        case((2, symbol("H", least=2)), kernel=2, stride=1, padding=1, dilation=3),  # of 2 places a window misses both
        case((2, H8, W8, 5), kernel=2, stride=3, ceil_mode=True),
        case((2, H, W), kernel=3, stride=2, padding="same_upper", dilation=2),
        case((2, H8, W8), kernel=2, stride=3, padding=((0, 1), (1, 0)), ceil_mode=True),
    ],
    "minimum": [case((4, H, W), (4, H, W))],
    "mean": [case((4, H, W), dim=(2, 3)), case((4, H, W), dim=-1, keepdim=True)],
    "mish": [case((4, H))],
    "mul": [case((4, H, W), (4, 1, 1)), case((1, H, W), (4, H, W))],
    "multiheadattention": [
        case((H, 6), num_heads=2),
        case((H * W, 4), num_heads=1, bias=False),
        case((H, 6), (W, 6), num_heads=3),
    ],
    "neg": [case((4, H))],
    "normalize": [case((4, H, W)), case((4, H, W), dim=-1, p=1.0)],
    "pad": [
        case((4, H, W), padding=(1, 0, 2, 3, 1, 0), value=0.5),
        *(case(PLANE, padding=(1, 2, 3, 0), mode=mode) for mode in ("reflect", "replicate", "circular")),
        case((4, 2 * (H // 2), W // 3), (1, H, W), like=Value(1)),
        *(
            case((4, H8, W8), (1, H8 + H8 // 2, W8 + 3), like=Value(1), mode=mode, offset=offset)
            for mode in ("reflect", "replicate", "circular")
            for offset in ("center", (0, 1))
        ),
        *(
            case((4, H8, W), (1, H8 + H8 // 2, W // 3), like=Value(1), mode=mode, dim=2, offset=1)
            for mode in ("constant", "reflect", "circular")
        ),
        case((4, H, W // 2), (1, H // 3, W), like=Value(1), value=2.0, dim=3),
    ],
    "permute": [case((4, H, W), dims=(0, 2, 3, 1)), case((4, H), dims=(0, -1, 1))],
    "pixelshuffle": [case((12, H, W), upscale_factor=2)],
    "pixelunshuffle": [case((3, EVEN, EVEN_W), downscale_factor=2), case((3, 2 * H, EVEN_W), downscale_factor=2)],
    "pow": [case((4, H), exponent=2.5)],
    "prelu": [case((4, H, W), num_parameters=4), case((4, H))],
    "relu": [case((4, H))],
    "relu6": [case((4, H))],
    "reshape": [
        case((4, H, W), shape=(-1, 4, H * W)),
        case((4, H, W), shape=(N, 4, -1)),
        case((4, H, W), shape=(-1, 2, 2, H * W)),
        case((4, H, W), shape=(N, -1, H, W)),
        case((4, EVEN, W), shape=(N, 8, -1, W)),
        case((4, H, W), shape=(N, 2, 2, H, W)),
        case((4, H, W), shape=(N, H, -1, W)),
        case((4, H * W), (2, H, W), like=Value(1)),
        case((H * W, 4), (2, H, W), shape=(-1, H, W, 4), like=Value(1)),
    ],
    "rmsnorm": [case((H, W, 6)), case((H, 4, 6), normalized_shape=(4, 6))],
    "scale": [case((4, H, W)), case((H, W, 4), dim=-1)],
    "selu": [case((4, H))],
    "sigmoid": [case((4, H))],
    "silu": [case((4, H))],
    "slice": [
        case((4, H, W), start=1, stop=3),
        case(PLANE, start=1, stop=-2, dim=2),
        case(PLANE, start=0, stop=-1, dim=3),
        case(PLANE, start=-5, stop=-2, dim=2),
        case(PLANE, start=2, stop=5, dim=2),
        case(PLANE, start=3, stop=H8, dim=2),
        case(PLANE, start=3, stop=H8 - 1, dim=2),
        case(PLANE, start=H8 - 3, stop=H8, dim=2),
    ],
    "softmax": [case((4, H, W)), case((4, H, W), dim=-1)],
    "softmin": [case((4, H, W)), case((4, H, W), dim=-1)],
    "softplus": [case((4, H))],
    "softshrink": [case((4, H))],
    "softsign": [case((4, H))],
    "spacetodepth": [case((3, EVEN, EVEN_W), blocksize=2), case((3, 2 * H, EVEN_W), blocksize=2, mode="CRD")],
    "sqrt": [case((4, H))],
    "standardize": [case((2, H, W), mean=(0.5, 2.0), std=0.25)],
    "stochasticdepth": [case((4, H, W), p=0.2), case((4, H), p=0.2), case((4, H, W, D), p=0.2)],
    "sub": [case((4, H, W), (4, H, W))],
    "sum": [case((4, H, W), dim=(2, 3)), case((4, H, W), dim=-1, keepdim=True)],
    "tanh": [case((4, H))],
    "tanhshrink": [case((4, H))],
    "threshold": [case((4, H), threshold=0.1, value=-2.0)],
    "upsample": [
        case((2, H, W), scale_factor=2.0),
        case((2, H), scale_factor=3.0),
        case((2, H, 3, W), scale_factor=(1.0, 2.0, 3.0)),
        case((2, H16 // 16, W16 // 16), size=(H16 // 8, W16 // 8)),
        case((2, H, 3), size=(2 * H, 9)),
        *(
            case((2, H, W), scale_factor=(2.0, 3.0), mode=mode, align_corners=aligned)
            for mode, aligned in product(("bilinear", "bicubic"), (False, True))
        ),
        case((2, H), scale_factor=2.0, mode="linear"),
        case((2, (H + 1) // 2, W), (3, H, 2 * W), like=Value(1)),
        case((2, 1, 1), (3, H, W), like=Value(1), mode="bilinear"),
        case((2, H, 5, 1), (3, W, 7, D), like=Value(1), mode="trilinear"),
        *(
            case((2, (H + 1) // 2, W // 2 + 1), (1, H, W), like=Value(1), mode=mode, align_corners=aligned)
            for mode, aligned in product(("bilinear", "bicubic"), (False, True))
        ),
        case((2, H, W, D), scale_factor=2.0, mode="trilinear", align_corners=True),
    ],
}
STEPS = [
    pytest.param(kind, *given, id=f"{kind}{number}")
    for kind, cases in EVERY_SIZE.items()
    for number, given in enumerate(cases)
]


def test_every_operator_is_shown_on_symbolic_sizes() -> None:
    """Of fc alone no size but the batch may be symbolic."""
    assert EVERY_SIZE.keys() == {op.kind for op in ops.operators()} - {"fc"}


def least(samples: tuple[tuple[Dim, ...], ...]) -> dict[str, tuple[int, ...]]:
    """Four values for each symbol, the smallest among them."""
    symbols = {s.name: s for sample in samples for size in sample if not isinstance(size, int) for s in size.symbols}
    return {name: tuple(allowed(s, 4)) for name, s in symbols.items() if name != "N"}


@pytest.mark.parametrize("opset", [18, 23])
@pytest.mark.parametrize(("kind", "arguments", "samples"), STEPS)
def test_right_at_every_size(kind: str, arguments: dict[str, Any], samples: Any, opset: int) -> None:
    op = make(kind, **arguments)
    values = least(samples)
    rounds = zip(*(column[i:] + column[:i] for i, column in enumerate(values.values())), strict=True)
    sizes = [dict(zip(values, chosen, strict=True)) for chosen in rounds]
    module = twin(op, tuple(TensorType(N, sample) for sample in samples))
    check_sizes(op, module, *samples, sizes=sizes, opset=opset)


def divides(op: Any, sample: tuple[Dim, ...]) -> bool:
    """Whether an adaptive pool divides places, whose number is symbolic, into several bins."""
    bins = op.size if isinstance(op.size, tuple) else (op.size,) * (len(sample) - 1)
    return any(not isinstance(n, int) and o not in (1, None) for n, o in zip(sample[1:], bins, strict=True))


def moves(op: Any, sample: tuple[Dim, ...]) -> int:
    """How many symbolic sizes a reshape gives that its input has not on the same axis."""
    result = op.infer(TensorType(N, sample)).sample
    return sum(not isinstance(n, int) and n not in sample[place : place + 1] for place, n in enumerate(result))


def test_no_shape_is_asked_for_while_the_network_runs() -> None:
    for kind, cases in EVERY_SIZE.items():
        for arguments, samples in cases:
            op = make(kind, **arguments)
            if op.measured or (kind.startswith("adaptive") and divides(op, samples[0])):  # for that
                continue
            if arguments.get("padding") == "same_upper" and "dilation" in arguments:  # together, ONNX Runtime has none
                continue
            if kind in ("reshape", "flatten") and moves(op, samples[0]) > 1:  # what is left of the others is one size
                continue
            graph = graph_of(op, *samples)
            state = {path: torch.ones(p.shape).numpy() for path, p in graph.state}
            model = onnx.load_from_string(onnx_bytes(graph, state))
            assert "Shape" not in [node.op_type for node in model.graph.node], kind


# ---- ceil_mode: the closed form, counted by PyTorch ------------------------------------------------------


def test_windows_of_ceil_mode_at_every_size() -> None:
    for kernel, stride, dilation in product(range(1, 5), range(1, 5), range(1, 4)):
        for padding in range(kernel // 2 + 1):
            pool = make("maxpool", kernel=kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=True)
            reach = dilation * (kernel - 1) + 1
            n = symbol("L", least=reach)
            claimed = pool.infer(TensorType(N, (1, n))).sample[1]
            for size in range(reach, reach + 9):
                real = functional.max_pool1d(torch.zeros(1, 1, size), kernel, stride, padding, dilation, True)
                assert (claimed if isinstance(claimed, int) else claimed.at({"L": size})) == real.shape[2]


# ---- what PyTorch and ONNX are told ----------------------------------------------------------------------


def test_source_holds_no_size() -> None:
    plane = TensorType(N, (4, H8, W8))
    assert make("reshape", shape=(N, 4, -1)).torch(plane) == TorchCall("torch.reshape", (Value(), (SizeOf(0), 4, -1)))
    kept = make("reshape", shape=(N, -1, H8, W8)).torch(plane)
    assert kept == TorchCall("torch.reshape", (Value(), (-1, 4, SizeOf(2), SizeOf(3))))
    assert make("slice", start=1, stop=-2, dim=2).torch(plane) == TorchCall("F.pad", (Value(), (0, 0, -1, -2)))
    assert make("slice", start=-3, stop=-1, dim=2).torch(plane) == TorchCall("torch.narrow", (Value(), 2, -3, 2))
    enlarged = make("upsample", size=(2 * H8, 2 * W8)).torch(plane)
    assert enlarged == TorchCall("F.interpolate", (Value(),), {"scale_factor": 2.0})


def test_numbers_are_told_as_before() -> None:
    plane = TensorType(N, (4, 6, 8))
    assert make("reshape", shape=(N, 4, -1)).torch(plane) == TorchCall("torch.reshape", (Value(), (-1, 4, 48)))
    assert make("slice", start=1, stop=-2, dim=2).torch(plane) == TorchCall("torch.narrow", (Value(), 2, 1, 3))
    assert make("upsample", size=12).torch(plane) == TorchCall("F.interpolate", (Value(),), {"size": 12})


# ---- refusals: the condition that would do, or the reason ------------------------------------------------

REFUSED: dict[str, tuple[str, Case, str, str | None]] = {
    "a kernel": (
        "conv",
        case((3, H, W), out_channels=4, kernel=5, padding=(0, 1)),
        "kernel 5 fits into its input of H x W only where H >= 5, W >= 3",
        "H >= 5, W >= 3",
    ),
    "one axis twice": (
        "conv",
        case((3, H, H), out_channels=4, kernel=(5, 3)),
        "kernel 5 x 3 fits into its input of H x H only where H >= 5",
        "H >= 5",
    ),
    "a number is refused first": (
        "conv",
        case((3, H, 3), out_channels=4, kernel=5),
        "kernel 5 is larger than its input of H x 3",
        None,
    ),
    "channels": (
        "conv",
        case((H, W), out_channels=4, kernel=1),
        "conv takes a fixed number of channels, and here it is H",
        None,
    ),
    "features": (
        "fc",
        case((4 * H * W,), out_features=3),
        "fc takes a fixed number of features, and 4*H*W depends on H and W",
        None,
    ),
    "not flat": (
        "fc",
        case((4, H, W), out_features=3),
        "fc takes flat features, [N, F], and its input is 4 x H x W",
        None,
    ),
    "crop": (
        "convtranspose",
        case((4, H), out_channels=2, kernel=2, stride=2, padding=2),
        "padding = 2 leaves something of the result of convtranspose, 2*H - 4, only where H >= 3",
        "H >= 3",
    ),
    "reflection": (
        "pad",
        case((4, H, W), padding=(3, 1, 0, 2), mode="reflect"),
        "reflect padding of 3 fits into an input of H x W only where H >= 3, W >= 4",
        "H >= 3, W >= 4",
    ),
    "a circle": (
        "conv",
        case((4, H), out_channels=4, kernel=5, padding=2, padding_mode="circular"),
        "circular padding of 2 fits into an input of H only where H >= 2",
        "H >= 2",
    ),
    "an average in 3-D": (
        "avgpool",
        case((4, H, W, 5), kernel=3, padding=1),
        "kernel 3 x 3 x 3 fits without padding into its input of H x W x 5 only where H >= 3, W >= 3",
        "H >= 3, W >= 3",
    ),
    "arms": (
        "add",
        case((4, H, W), (4, 16 * (H // 16), 16 * (W // 16))),
        "the arms of add agree only where H % 16 == 0, W % 16 == 0: [N, 4, H, W] and, as arm 2, "
        "[N, 4, 16*floor(H/16), 16*floor(W/16)]",
        "H % 16 == 0, W % 16 == 0",
    ),
    "arms of two symbols": (
        "concat",
        case((4, H, W), (4, W, W)),
        "the arms of concat agree only where H == W: [N, 4, H, W] and, as arm 2, [N, 4, W, W]",
        "H == W",
    ),
    "a gate": (
        "mul",
        case((4, H, 1), (4, 2 * (H // 2), W)),
        "that the arms of mul agree is sure where H % 2 == 0: [N, 4, H, 1] and, as arm 2, [N, 4, 2*floor(H/2), W]",
        "H % 2 == 0",
    ),
    "arms that never agree": (
        "add",
        case((4, H8), (4, H8 - 2)),
        "the arms of add differ: [N, 4, H] and, as arm 2, [N, 4, H - 2]",
        None,
    ),
    "arms of which nothing is known": (
        "add",
        case((4, 2 * H), (4, 2 * W + 1)),
        "it is not proven that the arms of add agree: [N, 4, 2*H] and, as arm 2, [N, 4, 2*W + 1]",
        None,
    ),
    "blocks": (
        "pixelunshuffle",
        case((4, H, W), downscale_factor=4),
        "downscale_factor = 4 divides H x W only where H % 4 == 0, W % 4 == 0",
        "H % 4 == 0, W % 4 == 0",
    ),
    "one place": (
        "instancenorm",
        case((4, H)),
        "instancenorm finds more than one place in a channel of [N, 4, H] only where H >= 2",
        "H >= 2",
    ),
    "one place of two axes": (
        "instancenorm",
        case((4, H, W)),
        "that instancenorm finds more than one place in a channel of [N, 4, H, W] is sure where W >= 2",
        "W >= 2",
    ),
    "one pixel for every size": (
        "upsample",
        case((4, 1, 1), size=(H, W), mode="bilinear"),
        "size = H x W is not the same whole factor times 1 x 1 at every size",
        None,
    ),
    "one element": (
        "groupnorm",
        case((4, H), num_groups=4),
        "num_groups = 4 leaves more than one element to each group of 4 x H only where H >= 2",
        "H >= 2",
    ),
    "a reshape with a rest": (
        "reshape",
        case((3, H), shape=(N, 2, -1)),
        "reshape to N, 2, -1 holds one sample of [N, 3, H] only where H % 2 == 0",
        "H % 2 == 0",
    ),
    "a reshape of two sizes": (
        "reshape",
        case((4, H * W), shape=(N, 4, H, W)),
        "reshape of [N, 4, H*W] to [N, 4, H, W] computes 2 sizes, H x W, and only one can be inferred",
        None,
    ),
    "the batch within a sample": (
        "reshape",
        case((4, H), shape=(-1, N, 4)),
        "reshape to -1, N, 4 needs whole numbers above 0 after the batch",
        None,
    ),
    "a slice": (
        "slice",
        case((4, H), start=2, stop=-3, dim=2),
        "slice(2, -3) lies within axis 2 of [N, 4, H] only where H >= 6",
        "H >= 6",
    ),
    "half of an axis": (
        "slice",
        case((4, H8), start=0, stop=H8 // 2, dim=2),
        "stop = floor(H/2) lies a fixed number of places neither from the start nor from the end of axis 2 of "
        "[N, 4, H]",
        None,
    ),
    "up to a skip's size": (
        "slice",
        case((4, 2 * ((H + 1) // 2)), start=0, stop=H, dim=2),
        "stop = H lies a fixed number of places neither from the start nor from the end of axis 2 of "
        "[N, 4, 2*floor((H + 1)/2)]",
        "H % 2 == 0",
    ),
    "a factor": (
        "upsample",
        case((4, H), scale_factor=1.5),
        "scale_factor = 1.5 is no whole number, and a size of the input is symbolic",
        None,
    ),
    "a skip's size": (
        "upsample",
        case((4, H // 16, W // 16), size=(H // 8, W // 8)),
        "that size = floor(H/8) x floor(W/8) is 2 x 2 times floor(H/16) x floor(W/16) is sure where "
        "H % 16 == 0, W % 16 == 0",
        "H % 16 == 0, W % 16 == 0",
    ),
    "a fixed size": (
        "upsample",
        case((4, H, W), size=8),
        "size = 8 x 8 is not the same whole factor times H x W at every size",
        None,
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_the_condition(what: str) -> None:
    kind, (arguments, samples), message, clause = REFUSED[what]
    said = refusal(make(kind, **arguments), *samples)
    assert said.message == message
    assert (None if said.where is None else str(said.where)) == clause


def test_sizes_at_which_arms_differ_are_shown() -> None:
    said = refusal(make("add"), (4, H, W), (4, 2 * (H // 2), W))
    assert said.notes[0] == "axis 2: H and 2*floor(H/2); at H = 1, 1 and 0"
    assert said.cause == 1


def test_formulas_are_shown_with_their_symbols() -> None:
    x = TensorType(N, (3, EVEN, W8))
    assert make("conv", out_channels=4, kernel=3, stride=2, padding=1).arithmetic(x) == (
        "height: floor((H + 2*1 - 3)/2) + 1 = H/2",
        "width: floor((W + 2*1 - 3)/2) + 1 = floor((W + 1)/2)",
        "macs: 4 x H/2 x floor((W + 1)/2) outputs * 3 x 3 x 3",
    )
    assert make("flatten").arithmetic(TensorType(N, (4, EVEN // 2))) == ("4*(H/2) = 2*H",)


def test_an_unusable_factor() -> None:
    """1/41 in float32, times 41, is below 1: PyTorch reads place 0 where place 1 is meant."""
    x = torch.arange(3.0).reshape(1, 1, 3)
    read = functional.interpolate(x, scale_factor=41.0, mode="nearest").flatten()
    assert (read[41] == 0) == isinstance(_verdict(41.0), Refusal)
    assert isinstance(_verdict(41.0), Refusal)


def _verdict(factor: float) -> object:
    try:
        return make("upsample", scale_factor=factor).infer(TensorType(N, (1, H)))
    except Refusal as said:
        return said


@pytest.mark.parametrize("factor", range(2, 64))
def test_whole_factors_are_as_pytorch_reads_them(factor: int) -> None:
    """A factor is refused exactly where PyTorch's nearest neighbour is not the place over the factor."""
    x = torch.arange(200.0).reshape(1, 1, 200)
    read = nn.Upsample(scale_factor=float(factor))(x).flatten()
    exact = bool((read == torch.arange(200.0).repeat_interleave(factor)).all())
    assert isinstance(_verdict(float(factor)), Refusal) != exact
