from __future__ import annotations

import random
from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from specc.ir.init import Constant, Fixed, Normal, Uniform
from specc.ir.op import Op
from specc.ir.size import symbol
from specc.ir.targets import TorchModule
from specc.ir.traits import EACH, Sliding, Taps, every
from specc.ir.types import TensorType
from tests.ops.test_registry import Step
from tests.ops.test_registry import twin as twin_of
from tests.twins import STEP, check_sizes, check_twin, check_verdict, graph_of, make, onnx_bytes, refusal, run_onnx

OPSETS = pytest.mark.parametrize("opset", [18, 23])
SAMPLES = pytest.mark.parametrize("sample", [(4, 11), (4, 9, 10), (4, 6, 7, 5)])
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")


def module(kind: str, sample: tuple[int, ...], **arguments: Any) -> nn.Module:
    name = {"conv": "Conv", "convtranspose": "ConvTranspose"}[kind]
    arguments["kernel_size"] = arguments.pop("kernel")
    return getattr(nn, f"{name}{len(sample) - 1}d")(sample[0], **arguments)


def twin(kind: str, sample: tuple[int, ...], opset: int = 18, **arguments: Any) -> None:
    check_twin(make(kind, **arguments), module(kind, sample, **arguments), sample, opset=opset)


@OPSETS
@SAMPLES
@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel": 3},
        {"kernel": 1},
        {"kernel": 4, "stride": 3, "padding": 2},
        {"kernel": 3, "dilation": 2, "bias": False},
        {"kernel": 3, "groups": 2, "padding": 1},
        {"kernel": 3, "groups": 4, "padding": 1},
        {"kernel": 2, "groups": 4, "stride": 2, "dilation": 2, "padding": 1},
        {"kernel": 3, "padding": "valid"},
        {"kernel": 2, "padding": 5},
    ],
)
def test_conv(arguments: dict[str, Any], sample: tuple[int, ...], opset: int) -> None:
    twin("conv", sample, opset, out_channels=8, **arguments)


@OPSETS
@SAMPLES
@pytest.mark.parametrize("kernel", [2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("mode", ["zeros", "replicate"])
def test_same_padding(mode: str, dilation: int, kernel: int, sample: tuple[int, ...], opset: int) -> None:
    twin("conv", sample, opset, out_channels=2, kernel=kernel, padding="same", dilation=dilation, padding_mode=mode)


@OPSETS
@SAMPLES
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [0, 2, "same", "valid"])
def test_padding_modes(padding: int | str, mode: str, sample: tuple[int, ...], opset: int) -> None:
    twin("conv", sample, opset, out_channels=3, kernel=4, padding=padding, padding_mode=mode)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_axes_that_differ(mode: str) -> None:
    twin(
        "conv",
        (2, 6, 7, 8),
        out_channels=4,
        kernel=(1, 4, 3),
        stride=(2, 1, 3),
        padding=(0, 3, 1),
        dilation=(1, 1, 2),
        padding_mode=mode,
        groups=2,
    )


@OPSETS
@SAMPLES
@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel": 2, "stride": 2},
        {"kernel": 4, "stride": 2, "padding": 1},
        {"kernel": 3, "stride": 3, "output_padding": 2},
        {"kernel": 3, "groups": 2, "bias": False},
        {"kernel": 3, "groups": 4, "stride": 2, "padding": 1, "output_padding": 1},
        {"kernel": 3, "dilation": 3, "output_padding": 2},
        {"kernel": 3, "dilation": 3, "stride": 2, "padding": 2, "output_padding": 2, "bias": False},
        {"kernel": 2, "padding": 1},
    ],
)
def test_convtranspose(arguments: dict[str, Any], sample: tuple[int, ...], opset: int) -> None:
    twin("convtranspose", sample, opset, out_channels=8, **arguments)


def test_convtranspose_of_axes_that_differ() -> None:
    """One axis has an output_padding that ONNX takes, another one that it does not."""
    twin(
        "convtranspose",
        (2, 3, 4, 5),
        out_channels=4,
        kernel=(1, 4, 3),
        stride=(2, 1, 3),
        padding=(0, 3, 1),
        output_padding=(1, 1, 2),
        dilation=(1, 2, 1),
        groups=2,
    )


@pytest.mark.parametrize("seed", range(60))
def test_random_convolutions(seed: int) -> None:
    """What PyTorch takes is equal, what PyTorch refuses is refused."""
    r = random.Random(seed)
    axes, groups = r.choice([1, 2, 2, 3]), r.choice([1, 1, 2, 3])
    sample = (groups * r.randint(1, 3), *[r.randint(1, 8) for _ in range(axes)])

    def some(low: int, high: int) -> int | tuple[int, ...]:
        return r.randint(low, high) if r.random() < 0.6 else tuple(r.randint(low, high) for _ in range(axes))

    shared: dict[str, Any] = {
        "out_channels": groups * r.randint(1, 3),
        "kernel": some(1, 5),
        "stride": some(1, 3),
        "dilation": some(1, 3),
        "groups": groups,
        "bias": r.random() < 0.5,
    }
    modes = ["zeros", "reflect", "replicate", "circular"]
    conv = {**shared, "padding": r.choice(["valid", some(0, 3), some(0, 3)]), "padding_mode": r.choice(modes)}
    transposed = {**shared, "padding": some(0, 3), "output_padding": some(0, 2)}
    for kind, arguments in (("conv", conv), ("convtranspose", transposed)):
        reference = module(kind, sample, **arguments)
        check_verdict(make(kind, **arguments), reference, sample, opset=r.randint(18, 23), scales=(1.0,), seed=seed)


def test_the_edge_detector() -> None:
    """A fixed kernel [[1, -1]]: white to black gives 1, black to white -1."""
    op = make("conv", out_channels=1, kernel=(1, 2), bias=False, weight=((1, -1),), frozen=True)
    (parameter,) = op.parameters(TensorType(1, (1, 6, 8)))
    assert parameter.init == Fixed((1.0, -1.0))
    assert not parameter.trainable
    image = torch.ones(1, 1, 6, 8)
    image[..., 2:6] = 0
    weight = {f"{STEP}.weight": np.array(parameter.init.values, np.float32).reshape(parameter.shape)}
    got = run_onnx(onnx_bytes(graph_of(op, (1, 6, 8)), weight), [image])
    np.testing.assert_array_equal(got[0, 0], [[0, 1, 0, 0, 0, -1, 0]] * 6)


def test_one_kernel_serves_every_filter_of_a_depthwise_conv() -> None:
    op = make("conv", out_channels=4, kernel=(2, 1), groups=2, weight=((1,), (2,)))
    assert op.parameters(TensorType(1, (2, 5, 5)))[0].init == Fixed((1.0, 2.0) * 4)
    assert refusal(make("conv", out_channels=4, kernel=(2, 1), weight=((1,), (2,))), (2, 5, 5)).message == (
        "weight has shape 2 x 1, and this step's weight is 4 x 2 x 2 x 1"
    )


def test_a_whole_weight() -> None:
    op = make("convtranspose", out_channels=1, kernel=2, weight=(((1, 2),), ((3, 4.5),)))
    assert op.parameters(TensorType(1, (2, 5)))[0].init == Fixed((1.0, 2.0, 3.0, 4.5))


@pytest.mark.parametrize(
    ("weight", "code"),
    [
        (((1, 2), (3,)), "S0303"),
        ((), "S0303"),
        ((1, True), "S0303"),
        ((1, "2"), "S0303"),
        ((1, None), "S0303"),
        ((1, 2, 3), "S0107"),
        ((1, 1e39), "S0304"),
        ((1, -(10**400)), "S0304"),
        ((1, float("nan")), "S0304"),
    ],
)
def test_weights_that_are_none(weight: tuple[object, ...], code: str) -> None:
    refused = refusal(make("conv", out_channels=1, kernel=2, weight=weight), (1, 5))
    assert (refused.code, refused.argument) == (code, "weight")


@pytest.mark.parametrize("kind", ["conv", "convtranspose"])
def test_frozen_holds_for_weight_and_bias(kind: str) -> None:
    x = TensorType(1, (2, 5))
    for frozen in (True, False):
        parameters = make(kind, out_channels=3, kernel=2, frozen=frozen).parameters(x)
        assert [(p.name, p.trainable) for p in parameters] == [("weight", not frozen), ("bias", not frozen)]


@pytest.mark.parametrize(("kind", "fan_in", "fan_out"), [("conv", 6 * 6, 8 * 6), ("convtranspose", 8 * 6, 6 * 6)])
def test_init_is_pytorchs(kind: str, fan_in: int, fan_out: int) -> None:
    """Conv2d(6, 8, (2, 3)) has a weight of 8 x 6 x 2 x 3, ConvTranspose2d of 6 x 8 x 2 x 3."""
    x = TensorType(1, (6, 5, 5))

    def start(**arguments: Any) -> object:
        return make(kind, out_channels=8, kernel=(2, 3), **arguments).parameters(x)[0].init

    assert start() == Uniform(1 / sqrt(fan_in))
    assert make(kind, out_channels=8, kernel=(2, 3)).parameters(x)[1].init == Uniform(1 / sqrt(fan_in))
    assert start(init="kaiming_uniform") == Uniform(sqrt(6 / fan_in), "nn.init.kaiming_uniform_")
    assert start(init="kaiming_normal") == Normal(sqrt(2 / fan_in), name="nn.init.kaiming_normal_")
    assert start(init="xavier_uniform") == Uniform(sqrt(6 / (fan_in + fan_out)), "nn.init.xavier_uniform_")
    assert start(init="xavier_normal") == Normal(sqrt(2 / (fan_in + fan_out)), name="nn.init.xavier_normal_")
    assert start(init="ones") == Constant(1.0, "nn.init.ones_")


@pytest.mark.parametrize("kind", ["conv", "convtranspose"])
@pytest.mark.parametrize("name", [None, "kaiming_uniform", "xavier_uniform"])
def test_the_bound_of_uniform_weights_is_the_one_pytorch_draws_from(kind: str, name: str | None) -> None:
    """The largest of 40,000 draws lies within a thousandth of the bound, and never above."""
    x = TensorType(1, (40, 9))
    drawn = module(kind, (40, 9), out_channels=200, kernel=5).weight
    if name:
        getattr(nn.init, f"{name}_")(drawn)
    bound = make(kind, out_channels=200, kernel=5, init=name).parameters(x)[0].init.bound
    assert 0.999 * bound < drawn.abs().max().item() <= bound * (1 + 1e-6)


def test_weight_and_init_contradict_each_other() -> None:
    refused = refusal(make("conv", out_channels=1, kernel=2, weight=(1, 2), init="zeros"), (1, 5))
    assert (refused.code, refused.argument) == ("S0305", "init")


@pytest.mark.parametrize(
    ("kind", "arguments", "sample", "code", "argument"),
    [
        ("conv", {"kernel": 3, "groups": 3}, (4, 9), "S0103", "groups"),
        ("conv", {"kernel": 3, "groups": 2, "out_channels": 3}, (4, 9), "S0103", "groups"),
        ("conv", {"kernel": 3, "padding": "same", "stride": 2}, (4, 9), "S0305", "stride"),
        ("conv", {"kernel": (3, 3)}, (4, 9), "S0303", "kernel"),
        ("conv", {"kernel": 3, "padding": (1, 1, 1)}, (4, 9, 9), "S0303", "padding"),
        ("conv", {"kernel": 3, "padding": 4, "padding_mode": "reflect"}, (4, 4), "S0104", "padding"),
        ("conv", {"kernel": 3, "padding": 5, "padding_mode": "circular"}, (4, 4), "S0104", "padding"),
        ("conv", {"kernel": 3}, (4,), "S0101", None),
        ("conv", {"kernel": 3}, (4, 5, 5, 5, 5), "S0101", None),
        ("convtranspose", {"kernel": 3, "groups": 3}, (4, 9), "S0103", "groups"),
        ("convtranspose", {"kernel": 3, "output_padding": 1}, (4, 9), "S0305", "output_padding"),
        ("convtranspose", {"kernel": 1, "padding": 1}, (4, 2), "S0100", "padding"),
        ("convtranspose", {"kernel": 3}, (4,), "S0101", None),
    ],
)
def test_refusals(
    kind: str, arguments: dict[str, Any], sample: tuple[int, ...], code: str, argument: str | None
) -> None:
    refused = refusal(make(kind, **{"out_channels": 4, **arguments}), sample)
    assert (refused.code, refused.argument) == (code, argument)


def test_a_kernel_larger_than_its_input() -> None:
    refused = refusal(make("conv", out_channels=64, kernel=5), (16, 2, 2))
    assert refused.message == "kernel 5 is larger than its input of 2 x 2"
    assert refused.label == "needs at least 5 x 5"
    assert refused.notes == ("(2 + 2*0 - 5)/1 + 1 = -2",)
    assert refused.helps == ("padding=2 keeps 2 x 2",)


def test_a_suggestion_that_does_not_help_is_not_made() -> None:
    """Half of an even kernel's reach still leaves nothing of one place."""
    for padding in (0, 3):
        op = make("conv", out_channels=1, kernel=2 * padding + 2, padding=padding)
        assert refusal(op, (1, 1)).helps == ()


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel": 3},
        {"out_channels": 4},
        {"out_channels": 0, "kernel": 3},
        {"out_channels": 4, "kernel": 10**30},
        {"out_channels": 4, "kernel": 3, "padding": -1},
        {"out_channels": 4, "kernel": 3, "padding": "full"},
        {"out_channels": 4, "kernel": 3, "padding_mode": "constant"},
        {"out_channels": 4, "kernel": 3, "groups": 0},
        {"out_channels": 4, "kernel": 3, "bias": 1},
        {"out_channels": 4, "kernel": 3, "init": "he"},
        {"out_channels": 4, "kernel": 3, "in_channels": 3},
    ],
)
def test_arguments_that_no_input_could_make_right(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make("conv", **arguments)


def test_windows() -> None:
    image = TensorType(symbol("N"), (3, 8, 12))
    conv = make("conv", out_channels=2, kernel=(3, 5), stride=2, padding=(0, 1), dilation=(1, 2))
    assert conv.window(image) == Sliding((every(3), Taps(2, (range(3),)), Taps(2, (range(-1, 8, 2),))))
    assert make("conv", out_channels=3, kernel=2, groups=3).window(image).axes[0] == EACH
    assert make("conv", out_channels=4, kernel=2, groups=2).window(TensorType(symbol("N"), (6, 8))).axes[0] == Taps(
        3, (range(3), range(3))
    )
    assert make("conv", out_channels=2, kernel=4, padding="same").window(image).axes[1] == Taps(1, (range(-1, 3),))


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "phases"),
    [
        # Output o = 2j + t - 1: o = 0 by t = 1 of place 0 and t = 3 of the one before; o = 1 by t = 0 of 1, t = 2 of 0.
        (4, 2, 1, 1, ((-1, 0), (0, 1))),
        # A kernel below the stride leaves outputs that read nothing.
        (2, 3, 0, 1, ((0,), (0,), ())),
        # o = 2j + 3t: even ones by t = 0 and t = 2 (3 places further back), odd ones by t = 1.
        (3, 2, 0, 3, ((-3, 0), (-1,))),
        # o = 4j + 2t: odd ones meet nothing.
        (5, 4, 0, 2, ((-2, -1, 0), (), (-1, 0), ())),
    ],
)
def test_windows_of_transposed_convolutions(
    kernel: int, stride: int, padding: int, dilation: int, phases: tuple[tuple[int, ...], ...]
) -> None:
    op = make("convtranspose", out_channels=2, kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    taps = op.window(TensorType(symbol("N"), (3, 8))).axes[1]
    assert (taps.advance, tuple(map(tuple, taps.phases)), taps.bordered) == (1, phases, True)


@pytest.mark.parametrize(
    ("op", "lines"),
    [
        (
            make("conv", out_channels=8, kernel=3, stride=2, padding=1, groups=2),
            ("length: (9 + 2*1 - 3)/2 + 1 = 5", "macs: 8 x 5 outputs * 2 x 3 = 240"),
        ),
        (
            make("conv", out_channels=1, kernel=2, padding="same", dilation=3),
            (
                "length: (9 + (1 + 2) - (3*(2 - 1) + 1))/1 + 1 = 9",
                "macs: 1 x 9 outputs * 4 x 2 = 72",
            ),
        ),
        (
            make("convtranspose", out_channels=2, kernel=4, stride=2, padding=1),
            (
                "length: (9 - 1)*2 - 2*1 + 1*(4 - 1) + 0 + 1 = 18",
                "macs: 4 x 9 inputs * 2 x 4 = 288",
            ),
        ),
    ],
)
def test_arithmetic(op: Op, lines: tuple[str, ...]) -> None:
    assert op.arithmetic(TensorType(symbol("N"), (4, 9))) == lines


class Padded(nn.Module):
    """A convolution over an input that is padded by hand, its tensors under their own names."""

    def __init__(self, layer: nn.Module, widths: Callable[[torch.Tensor], tuple[int, ...]], mode: str) -> None:
        super().__init__()
        self.widths, self.mode = widths, mode
        self.__dict__["layer"] = layer
        for name, tensor in layer.named_parameters():
            self.register_parameter(name, tensor)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layer(functional.pad(x, self.widths(x), self.mode))
        return result


@pytest.mark.parametrize(
    ("sample", "padding", "widths"),
    [
        ((3, 8), ((1, 0),), (1, 0)),
        ((3, 6, 7), ((0, 1), (2, 0)), (2, 0, 0, 1)),
        ((2, 3, 4, 5), ((0, 1), (1, 0), (2, 1)), (2, 1, 1, 0, 0, 1)),
        ((3, 6, 7), ((1, 1), (1, 1)), (1, 1, 1, 1)),
        ((3, 6, 7), ((0, 0), (0, 0)), (0, 0, 0, 0)),
    ],
)
@pytest.mark.parametrize("mode", ["zeros", "replicate"])
@OPSETS
def test_padding_of_each_side(
    sample: tuple[int, ...], padding: tuple[tuple[int, int], ...], widths: tuple[int, ...], mode: str, opset: int
) -> None:
    """Pairs before and after, the first spatial axis first."""
    layer = module("conv", sample, out_channels=4, kernel=3, stride=2)
    by_hand = Padded(layer, lambda _: widths, "constant" if mode == "zeros" else mode)
    op = make("conv", out_channels=4, kernel=3, stride=2, padding=padding, padding_mode=mode)
    check_twin(op, by_hand, sample, opset=opset)


def as_tensorflow(kernel: int, stride: int, dilation: int) -> Callable[[torch.Tensor], tuple[int, ...]]:
    """By TensorFlow's own words: ceil(n/s) windows, pad_along = max((out - 1)*s + reach - n, 0), half of it before."""

    def widths(x: torch.Tensor) -> tuple[int, ...]:
        pairs: list[int] = []
        for n in reversed(x.shape[2:]):
            along = max((-(-n // stride) - 1) * stride + dilation * (kernel - 1) + 1 - n, 0)
            pairs += [along // 2, along - along // 2]
        return tuple(pairs)

    return widths


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"), [(3, 2, 1), (2, 2, 1), (1, 2, 1), (5, 3, 1), (3, 2, 2), (2, 3, 1), (4, 1, 1)]
)
@pytest.mark.parametrize("sample", [(3, 8), (3, 7, 8), (3, 9, 6), (2, 5, 4, 7)])
def test_same_as_tensorflow_pads(kernel: int, stride: int, dilation: int, sample: tuple[int, ...]) -> None:
    layer = module("conv", sample, out_channels=4, kernel=kernel, stride=stride, dilation=dilation)
    op = make("conv", out_channels=4, kernel=kernel, stride=stride, dilation=dilation, padding="same_upper")
    check_twin(op, Padded(layer, as_tensorflow(kernel, stride, dilation), "constant"), sample)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"),
    [(3, 2, 1), (2, 2, 1), (1, 2, 1), (7, 2, 1), (4, 3, 1), (3, 1, 1), (2, 3, 1), (3, 5, 1), (3, 2, 2), (2, 4, 2)],
)
@OPSETS
def test_same_as_tensorflow_pads_at_any_size(kernel: int, stride: int, dilation: int, opset: int) -> None:
    """A dilation, and a stride beyond the window, too, of which ONNX Runtime's own padding is no help."""
    layer = nn.Conv2d(3, 4, kernel, stride=stride, dilation=dilation)
    op = make("conv", out_channels=4, kernel=kernel, stride=stride, dilation=dilation, padding="same_upper")
    sizes = [{"H": h, "W": w} for h, w in ((1, 2), (5, 5), (6, 7), (8, 4), (3, 9))]
    sample, widths = (3, symbol("H"), symbol("W")), as_tensorflow(kernel, stride, dilation)
    check_sizes(op, Padded(layer, widths, "constant"), sample, sizes=sizes, opset=opset)
    made = op.torch(TensorType(symbol("N"), sample))
    assert isinstance(made, TorchModule)
    for size in sizes if made.call else ():
        assert made.call is not None
        x = torch.randn(1, 3, size["H"], size["W"])
        assert torch.equal(Step(made.call.args[0], ())(x), functional.pad(x, widths(x))), "what is written for PyTorch"


@pytest.mark.parametrize(
    ("sample", "arguments"),
    [
        ((4, 5), {"kernel": 3, "stride": 2, "padding": ((1, 0),)}),
        ((4, 5), {"kernel": 3, "stride": 2, "padding": ((0, 1),), "output_padding": 1}),
        ((4, 4, 5), {"kernel": 4, "stride": 2, "padding": ((0, 3), (2, 1)), "groups": 2}),
        ((4, 4, 5), {"kernel": 3, "stride": 3, "padding": ((2, 0), (0, 2)), "output_padding": (2, 1), "bias": False}),
        ((4, 4, 5), {"kernel": 3, "stride": 1, "dilation": 3, "padding": ((4, 1), (0, 0)), "output_padding": (2, 1)}),
        ((4, 4, 5), {"kernel": 2, "padding": ((1, 1), (1, 1))}),
        ((2, 3, 4, 2), {"kernel": 3, "stride": 2, "padding": ((0, 1), (1, 0), (2, 1))}),
    ],
)
@OPSETS
def test_a_transposed_convolution_crops_each_side(
    sample: tuple[int, ...], arguments: dict[str, Any], opset: int
) -> None:
    """The whole result, with ``output_padding`` places behind, less the places of each side."""
    plain = {name: value for name, value in arguments.items() if name not in ("padding", "output_padding")}
    layer = module("convtranspose", sample, out_channels=4, **plain)
    sides, extra = arguments["padding"], arguments.get("output_padding", 0)
    more = extra if isinstance(extra, tuple) else (extra,) * len(sides)
    op = make("convtranspose", out_channels=4, **arguments)
    check_twin(op, Cropped(layer, sides, more), sample, opset=opset)
    check_written(op, Cropped(layer, sides, more), sample)


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"), [(3, 2, 1), (4, 2, 1), (2, 2, 1), (5, 3, 1), (2, 3, 1), (3, 1, 1), (3, 2, 2)]
)
@pytest.mark.parametrize("sample", [(3, 4), (2, 3, 5)])
def test_a_transposed_convolution_as_tensorflow_has_it(
    kernel: int, stride: int, dilation: int, sample: tuple[int, ...]
) -> None:
    """Which is the gradient of a convolution that pads its n * stride places as TensorFlow does."""
    axes = len(sample) - 1
    layer = module("convtranspose", sample, out_channels=4, kernel=kernel, stride=stride, dilation=dilation)
    op = make("convtranspose", out_channels=4, kernel=kernel, stride=stride, dilation=dilation, padding="same_upper")
    types = (TensorType(symbol("N"), sample),)
    written = twin_of(op, types)
    written.load_state_dict(layer.state_dict())
    x = torch.randn(2, *sample)
    wide = torch.zeros(2, 4, *(n * stride for n in sample[1:]), requires_grad=True)
    convolution = getattr(functional, f"conv{axes}d")
    padded = functional.pad(wide, as_tensorflow(kernel, stride, dilation)(wide))
    forward = convolution(padded, layer.weight, stride=stride, dilation=dilation)
    assert forward.shape == x.shape
    (expected,) = torch.autograd.grad(forward, wide, x)
    expected = expected + layer.bias.reshape(-1, *[1] * axes)
    torch.testing.assert_close(written(x), expected)
    check_twin(op, written, sample)


class Cropped(nn.Module):
    """A transposed convolution without padding, with zeros behind its result and places cropped from both sides."""

    def __init__(self, layer: nn.Module, sides: tuple[tuple[int, int], ...], more: tuple[int, ...]) -> None:
        super().__init__()
        self.sides, self.more = sides, more
        self.__dict__["layer"] = layer
        for name, tensor in layer.named_parameters():
            self.register_parameter(name, tensor)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bias = self.layer.bias
        ones = [1] * len(self.sides)
        whole = self.layer(x) if bias is None else self.layer(x) - bias.reshape(-1, *ones)
        for axis, ((before, after), more) in enumerate(zip(self.sides, self.more, strict=True), start=2):
            behind = whole.new_zeros(*whole.shape[:axis], more, *whole.shape[axis + 1 :])
            whole = torch.cat([whole, behind], axis)
            whole = whole.narrow(axis, before, whole.shape[axis] - before - after)
        result: torch.Tensor = whole if bias is None else whole + bias.reshape(-1, *ones)
        return result


def check_written(op: Op, by_hand: Cropped, sample: tuple[int, ...]) -> None:
    """What is written for PyTorch."""
    written = twin_of(op, (TensorType(symbol("N"), sample),)).double()
    written.load_state_dict(by_hand.state_dict())
    x = torch.randn(2, *sample, dtype=torch.float64)
    torch.testing.assert_close(written(x), by_hand.double()(x))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ({"padding": (0, 1, 0, 1)}, "S0303", "padding has 4 entries, and the input of conv has 2 spatial axes: which"),
        ({"padding": ((0, 1),)}, "S0303", "padding of each side takes 2 pairs, one for each spatial axis"),
        ({"padding": "same_upper", "padding_mode": "reflect"}, "S0305", "pads with zeros, and padding_mode is"),
        ({"padding": "same", "stride": 2}, "S0305", "PyTorch forbids both"),
    ],
)
def test_padding_that_could_be_mistaken(arguments: dict[str, Any], code: str, words: str) -> None:
    said = refusal(make("conv", out_channels=4, kernel=3, **arguments), (3, 8, 8))
    assert said.code == code
    assert words in said.message
