"""Functions of single elements, and softmax."""

from __future__ import annotations

from typing import Any

from specc.importing.from_torch.call import CallReader, rule
from specc.importing.program import Known, Unsayable, real

_PLAIN = {
    "relu": "relu",
    "relu6": "relu6",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "silu": "silu",
    "mish": "mish",
    "hardswish": "hardswish",
    "hardsigmoid": "hardsigmoid",
    "log_sigmoid": "logsigmoid",
    "selu": "selu",
    "abs": "abs",
    "neg": "neg",
    "exp": "exp",
    "log": "log",
    "sqrt": "sqrt",
}
"""Operators without arguments that are one of the language's."""


@rule(*_PLAIN)
def plain(call: CallReader) -> str:
    return call.step(_PLAIN[call.name.removesuffix("_")], call.data("self"))


@rule("leaky_relu")
def leaky_relu(call: CallReader) -> str:
    return call.step("leakyrelu", call.data("self"), negative_slope=_real(call, "negative_slope"))


@rule("elu")
def elu(call: CallReader) -> str:
    call.demand("scale", 1)
    call.demand("input_scale", 1)
    return call.step("elu", call.data("self"), alpha=_real(call, "alpha"))


@rule("celu")
def celu(call: CallReader) -> str:
    return call.step("celu", call.data("self"), alpha=_real(call, "alpha"))


@rule("gelu")
def gelu(call: CallReader) -> str:
    return call.step("gelu", call.data("self"), approximate=call["approximate"])


@rule("softplus")
def softplus(call: CallReader) -> str:
    return call.step("softplus", call.data("self"), beta=_real(call, "beta"), threshold=_real(call, "threshold"))


@rule("hardtanh")
def hardtanh(call: CallReader) -> str:
    least, most = _real(call, "min_val"), _real(call, "max_val")
    if (least, most) == (0.0, 6.0):
        return call.step("relu6", call.data("self"))
    return call.step("hardtanh", call.data("self"), min_val=least, max_val=most)


@rule("clamp", "clamp_min", "clamp_max")
def clamp(call: CallReader) -> str:
    ends = {name: _real(call, name) for name in ("min", "max") if call[name] is not None}
    return call.step("clamp", call.data("self"), **ends)


@rule("erf", "sign", "floor", "ceil", "round", "sin", "cos")
def foreign(call: CallReader) -> str:
    return call.program.foreign(call.name.capitalize(), call.data("self"))


@rule("rrelu")
def rrelu(call: CallReader) -> str:
    """In eval mode the slope is the mean of the two ends that it is drawn between in training."""
    if call["training"]:
        raise Unsayable("it draws slopes at random, as in training: export the module after module.eval()")
    slope = (_real(call, "lower") + _real(call, "upper")) / 2
    call.note("RReLU, which draws its slopes in training, is leakyrelu with their mean")
    return call.step("leakyrelu", call.data("self"), negative_slope=slope)


_COMPARED = {"gt": "Greater", "ge": "GreaterOrEqual", "lt": "Less", "le": "LessOrEqual"}


@rule(*(f"{name}.Scalar" for name in _COMPARED), *(f"{name}.Tensor" for name in _COMPARED))
def comparison(call: CallReader) -> str:
    x, other = call.data("self"), call["other"]
    if isinstance(other, str):
        return call.program.foreign(_COMPARED[call.name], x, other)
    return call.program.foreign(_COMPARED[call.name], x, number=_real(call, "other"))


@rule("where.self", "where.ScalarOther", "where.ScalarSelf", "where.Scalar")
def where(call: CallReader) -> str:
    condition = call["condition"]
    if not isinstance(condition, str):
        raise Unsayable("it chooses by a mask that is stored, and no operator of the language has one")
    numbers = {name: _real(call, given) for name, given in (("yes", "self"), ("no", "other"))
               if not isinstance(call[given], str)}  # fmt: skip
    return _chosen(call, condition, numbers)


@rule("masked_fill.Scalar", "masked_fill.Tensor")
def masked_fill(call: CallReader) -> str:
    x, mask = call.data("self"), call["mask"]
    if not isinstance(mask, str):
        raise Unsayable("it fills in by a mask that is stored, and no operator of the language has one")
    return call.program.foreign("Where", mask, x, type=call.type(x), yes=_real(call, "value"))


def _chosen(call: CallReader, condition: str, numbers: dict[str, float]) -> str:
    inputs = [call.data(name) for place, name in (("yes", "self"), ("no", "other")) if place not in numbers]
    kind = call.type(inputs[0]) if inputs else call.type(condition)
    return call.program.foreign("Where", condition, *inputs, type=kind, **numbers)


@rule("hardshrink", "softshrink")
def shrink(call: CallReader) -> str:
    return call.step(call.name, call.data("self"), lambd=_real(call, "lambd"))


@rule("threshold")
def threshold(call: CallReader) -> str:
    return call.step("threshold", call.data("self"), threshold=_real(call, "threshold"), value=_real(call, "value"))


@rule("prelu")
def prelu(call: CallReader) -> str:
    weight = call.weight("weight")
    return call.step("prelu", call.data("self"), tensors={"weight": weight}, num_parameters=weight.size)


@rule("glu")
def glu(call: CallReader) -> str:
    return call.step("glu", call.data("self"), dim=_last(call))


@rule("softmax.int", "_softmax", "log_softmax.int", "_log_softmax")
def softmax(call: CallReader) -> str:
    if call.name.startswith("_"):
        call.demand("half_to_float", False)
    else:
        call.demand("dtype", None, "float32")
    return call.step("logsoftmax" if "log" in call.name else "softmax", call.data("self"), dim=_last(call))


def _last(call: CallReader) -> int:
    """The axis; -1 for the last one of several."""
    x = call.data("self")
    axis = call.axis("dim", x)
    return -1 if axis == call.type(x).rank - 1 > 1 else axis


def _real(call: CallReader, name: str) -> float:
    value: Any = call[name]
    if isinstance(value, Known) and value.size == 1:
        return real(value.read().reshape(-1)[0])
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unsayable(f"its {name} is {value}, and should be a number")
    return float(value)
