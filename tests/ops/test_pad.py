from __future__ import annotations

import io
import random
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from specc.api import Model
from specc.backends.onnx import write
from specc.elaborate import check_file
from specc.ir.size import symbol
from specc.ir.traits import EACH, Sliding, Taps
from specc.ir.types import TensorType
from specc.source import Source
from specc.syntax import parse
from specc.weights import Initialised
from tests.twins import check_twin, check_verdict, graph_of, make, onnx_bytes, refusal, run_onnx

EXACT = 0.0
OPSETS = pytest.mark.parametrize("opset", [18, 23])
MODES = pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])


@OPSETS
@MODES
@pytest.mark.parametrize("sample", [(3, 7), (3, 5, 6), (2, 4, 5, 6)])
def test_one_number_pads_every_side(sample: tuple[int, ...], mode: str, opset: int) -> None:
    prefix = {"constant": "Zero", "reflect": "Reflection", "replicate": "Replication", "circular": "Circular"}[mode]
    module = getattr(nn, f"{prefix}Pad{len(sample) - 1}d")(2)
    check_twin(make("pad", padding=2, mode=mode), module, sample, opset=opset, allowance=EXACT)


@OPSETS
@MODES
@pytest.mark.parametrize(
    ("sample", "padding"),
    [((3, 7), (1, 3)), ((3, 5, 6), (1, 0, 2, 3)), ((2, 4, 5, 6), (0, 1, 2, 3, 3, 0)), ((1, 4, 3), (0, 0, 0, 0))],
)
def test_a_list_gives_pairs_the_last_axis_first(
    padding: tuple[int, ...], sample: tuple[int, ...], mode: str, opset: int
) -> None:
    reference = partial(functional.pad, pad=padding, mode=mode)
    check_twin(make("pad", padding=padding, mode=mode), reference, sample, opset=opset, allowance=EXACT)


@OPSETS
@pytest.mark.parametrize(
    ("sample", "padding"),
    [
        ((5,), (1, 2)),
        ((3, 4), (1, 2)),
        ((3, 4), (0, 1, 2, 3)),
        ((3, 4, 5), (1, 2)),
        ((3, 4, 5), (0, 0, 0, 0, 1, 2)),
        ((2, 3, 4, 5), (1, 0, 0, 1, 1, 1, 2, 0)),
        ((3, 4), ()),
    ],
)
@pytest.mark.parametrize("value", [0.0, -1.5])
def test_constants_reach_any_axis_of_a_sample(
    value: float, padding: tuple[int, ...], sample: tuple[int, ...], opset: int
) -> None:
    reference = partial(functional.pad, pad=padding, value=value)
    check_twin(make("pad", padding=padding, value=value), reference, sample, opset=opset, allowance=EXACT)


@MODES
def test_pad_by_hand(mode: str) -> None:
    expected = {
        "constant": [9, 9, 1, 2, 3, 9],
        "reflect": [3, 2, 1, 2, 3, 2],
        "replicate": [1, 1, 1, 2, 3, 3],
        "circular": [2, 3, 1, 2, 3, 1],
    }[mode]
    op = make("pad", padding=(2, 1), mode=mode, value=9.0 if mode == "constant" else 0.0)
    got = run_onnx(onnx_bytes(graph_of(op, (1, 3)), {}), [torch.tensor([[[1.0, 2.0, 3.0]]])])
    np.testing.assert_array_equal(got[0, 0], expected)


@pytest.mark.parametrize("seed", range(40))
def test_random_pads(seed: int) -> None:
    r = random.Random(seed)
    axes = r.choice([1, 2, 3])
    sample = (r.randint(1, 4), *[r.randint(1, 5) for _ in range(axes)])
    mode = r.choice(["constant", "reflect", "replicate", "circular"])
    padding = tuple(r.randint(0, 4) for _ in range(2 * axes))
    reference = partial(functional.pad, pad=padding, mode=mode)
    check_verdict(
        make("pad", padding=padding, mode=mode),
        reference,
        sample,
        opset=r.randint(18, 23),
        scales=(1.0,),
        allowance=EXACT,
    )


@pytest.mark.parametrize(("mode", "widest"), [("reflect", 3), ("circular", 4), ("replicate", 50), ("constant", 50)])
def test_the_widest_pad_of_four_places(mode: str, widest: int) -> None:
    for width in (widest, widest + 1):
        reference = partial(functional.pad, pad=(0, width), mode=mode)
        taken = check_verdict(make("pad", padding=(0, width), mode=mode), reference, (1, 4), allowance=EXACT)
        assert taken == (widest in (width, 50))


@pytest.mark.parametrize(
    ("arguments", "sample", "code", "argument"),
    [
        ({"padding": (1, 2, 3)}, (1, 4), "S0303", "padding"),
        ({"padding": 1}, (4,), "S0101", None),
        ({"padding": (1, 1), "mode": "reflect"}, (4,), "S0101", None),
        ({"padding": (1, 1), "mode": "reflect"}, (1, 4, 4), "S0303", "padding"),
        ({"padding": (1, 1, 1, 1), "mode": "reflect"}, (3, 4), "S0303", "padding"),
        ({"padding": (0, 0, 0, 0, 1, 1)}, (3, 4), "S0106", "padding"),
        ({"padding": (0,) * 8}, (3, 4), "S0303", "padding"),
        ({"padding": 1, "mode": "reflect", "value": 2.0}, (3, 4), "S0305", "value"),
        ({"padding": 4, "mode": "reflect"}, (3, 4), "S0104", "padding"),
        ({"padding": 5, "mode": "circular"}, (3, 4), "S0104", "padding"),
        ({"padding": -1}, (3, 4), "S0303", "padding"),
        ({"padding": (0, -1)}, (3, 4), "S0303", "padding"),
    ],
)
def test_refusals(arguments: dict[str, Any], sample: tuple[int, ...], code: str, argument: str | None) -> None:
    refused = refusal(make("pad", **arguments), sample)
    assert (refused.code, refused.argument) == (code, argument)


def test_a_negative_pad_names_the_slice_that_crops() -> None:
    """slice(1, 5, dim=2) is x[:, :, 1:5]: what F.pad does with (-1, -2) on 7 places."""
    refused = refusal(make("pad", padding=(-1, -2)), (3, 7))
    assert refused.helps == ("slice(1, 5, dim=2) crops",)
    x = torch.randn(1, 3, 7)
    assert torch.equal(functional.pad(x, (-1, -2)), x[:, :, 1:5])


@pytest.mark.parametrize(
    "arguments", [{"padding": 1.5}, {"padding": 1, "mode": "zeros"}, {"padding": 1, "value": float("inf")}]
)
def test_arguments_that_no_input_could_make_right(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make("pad", **arguments)


def test_window_and_arithmetic() -> None:
    op, image = make("pad", padding=(1, 2, 3, 3)), TensorType(symbol("N"), (3, 4, 5))
    assert op.window(image) == Sliding((EACH, Taps(1, (range(-3, -2),)), Taps(1, (range(-1, 0),))))
    assert op.arithmetic(image) == ("height: 3 + 4 + 3 = 10", "width: 1 + 5 + 2 = 8")


@pytest.mark.parametrize(
    "pool", ["maxpool(2)", "maxpool(3, padding=1)", "avgpool(3, padding=1)", "avgpool(2)", "conv(2, 2)"]
)
@pytest.mark.parametrize("width", [1, 3])
def test_zeros_are_not_folded_into_what_follows(pool: str, width: int) -> None:
    """ONNX Runtime's optimiser would pad with -inf, or make a pool that does not load: see specc.ops.pad."""
    for sample in ((2, 9), (2, 9, 8), (2, 6, 7, 8)):
        shape = ", ".join(map(str, sample))
        spec = f"model M : [N, {shape}] {{ pad({width}) -> {pool} }}"
        network = Model(check_file(parse(Source("m.cnn", spec)))[0])
        module = network.to_torch(seed=1)
        x = -torch.rand(2, *sample, generator=torch.Generator().manual_seed(0)) - 0.1
        file = io.BytesIO()
        write(network.graph, Initialised(1), file)
        for optimised in (False, True):
            np.testing.assert_allclose(run_onnx(file.getvalue(), [x], optimised), module(x).detach().numpy(), atol=1e-5)
