from __future__ import annotations

from math import sqrt
from typing import Any

import pytest
from pydantic import ValidationError
from torch import nn

from specc.ir.init import Fixed, Uniform
from specc.ir.size import symbol
from specc.ir.traits import Whole
from specc.ir.types import TensorType
from tests.twins import check_twin, make, refusal

OPSETS = pytest.mark.parametrize("opset", [18, 23])


@OPSETS
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("features", [1, 7, 300])
def test_fc(features: int, bias: bool, opset: int) -> None:
    op = make("fc", out_features=5, bias=bias)
    check_twin(op, nn.Linear(features, 5, bias), (features,), opset=opset)


@OPSETS
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sample", [(7,), (4, 7), (2, 4, 7), (2, 3, 4, 7), (1, 2, 3, 4, 7)])
def test_linear(sample: tuple[int, ...], bias: bool, opset: int) -> None:
    check_twin(make("linear", out_features=5, bias=bias), nn.Linear(7, 5, bias), sample, opset=opset)


@pytest.mark.parametrize("kind", ["fc", "linear"])
def test_one_sample_is_as_good_as_many(kind: str) -> None:
    for batch in (1, 7):
        check_twin(make(kind, out_features=3), nn.Linear(6, 3), (6,), batch=batch)


@pytest.mark.parametrize("kind", ["fc", "linear"])
def test_parameters(kind: str) -> None:
    x = TensorType(symbol("N"), (6,))
    weight, bias = make(kind, out_features=3).parameters(x)
    assert weight.init == bias.init == Uniform(1 / sqrt(6))
    frozen = make(kind, out_features=1, weight=((1, 2, 3, 4, 5, 6),), frozen=True, bias=False).parameters(x)
    assert [(p.name, p.init, p.trainable) for p in frozen] == [("weight", Fixed((1.0, 2.0, 3.0, 4.0, 5.0, 6.0)), False)]
    initialised = make(kind, out_features=3, init="xavier_uniform").parameters(x)[0]
    assert initialised.init == Uniform(sqrt(6 / 9), "nn.init.xavier_uniform_")


def test_fc_wants_flat_features() -> None:
    refused = refusal(make("fc", out_features=120), (16, 5, 5))
    assert refused.code == "S0102"
    assert refused.cause == 0
    assert refused.message == "fc takes flat features, [N, F], and its input is 16 x 5 x 5"
    assert refused.helps == ("insert flatten before it: 16*5*5 = 400 features",)


@pytest.mark.parametrize(
    ("arguments", "code", "argument"),
    [
        ({"weight": ((1, 2),)}, "S0107", "weight"),
        ({"weight": (1, 2, 3)}, "S0107", "weight"),
        ({"weight": ((1, 2, "x"),)}, "S0303", "weight"),
        ({"weight": ((1, 2, 3),), "init": "ones"}, "S0305", "init"),
    ],
)
def test_weights_that_do_not_fit(arguments: dict[str, Any], code: str, argument: str) -> None:
    for kind in ("fc", "linear"):
        refused = refusal(make(kind, out_features=1, **arguments), (3,))
        assert (refused.code, refused.argument) == (code, argument)


def test_linear_needs_an_axis() -> None:
    assert refusal(make("linear", out_features=1), ()).code == "S0101"


@pytest.mark.parametrize("arguments", [{}, {"out_features": 0}, {"out_features": 2.5}, {"out_features": 2, "in": 3}])
def test_arguments_that_no_input_could_make_right(arguments: dict[str, Any]) -> None:
    for kind in ("fc", "linear"):
        with pytest.raises(ValidationError):
            make(kind, **arguments)


def test_windows_and_arithmetic() -> None:
    flat, rows = TensorType(symbol("N"), (6,)), TensorType(symbol("N"), (4, 6))
    assert make("fc", out_features=3).window(flat) == Whole()
    assert make("linear", out_features=3).window(flat) == Whole()
    assert make("linear", out_features=3).window(rows) == Whole((1,))
    assert make("linear", out_features=3).arithmetic(rows) == ("macs: 4 x 6 inputs * 3 = 72",)
