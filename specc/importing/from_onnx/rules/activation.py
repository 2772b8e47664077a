"""Functions of single elements, and softmax."""

from __future__ import annotations

import math

import numpy as np

from specc.importing.from_onnx.call import NodeReader, Value, rule
from specc.importing.program import Known, Unsayable, real

MOST_ASKED = 2**20
"""Elements of a mask: of a larger one it is not asked whether they are all alike."""

_PLAIN = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Mish": "mish",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "HardSwish": "hardswish",
    "Abs": "abs",
    "Neg": "neg",
    "Exp": "exp",
    "Log": "log",
    "Sqrt": "sqrt",
}
"""Operators of ONNX without attributes that are one of the language's."""


@rule(*_PLAIN)
def plain(call: NodeReader) -> str:
    return call.step(_PLAIN[call.op_type], call.data(0))


def near(value: float, wanted: float) -> bool:
    """Whether two numbers are the same float32, or as good as: what a tool has rounded on its way."""
    return math.isclose(value, wanted, rel_tol=1e-6, abs_tol=1e-12)


def unusual(value: float, usual: float, name: str) -> dict[str, float]:
    """An argument, where it is not the usual one."""
    return {} if real(value) == real(usual) else {name: real(value)}


@rule("LeakyRelu")
def leaky_relu(call: NodeReader) -> str:
    return call.step("leakyrelu", call.data(0), **unusual(call.attribute("alpha", 0.01), 0.01, "negative_slope"))


@rule("Elu")
def elu(call: NodeReader) -> str:
    return call.step("elu", call.data(0), **unusual(call.attribute("alpha", 1.0), 1.0, "alpha"))


@rule("Celu")
def celu(call: NodeReader) -> str:
    return call.step("celu", call.data(0), **unusual(call.attribute("alpha", 1.0), 1.0, "alpha"))


@rule("Selu")
def selu(call: NodeReader) -> str:
    alpha, gamma = call.attribute("alpha", 1.6732632423543772), call.attribute("gamma", 1.0507009873554805)
    if not near(alpha, 1.6732632423543772) or not near(gamma, 1.0507009873554805):
        raise Unsayable(f"its alpha and gamma, {real(alpha)} and {real(gamma)}, are not those of selu")
    return call.step("selu", call.data(0))


@rule("ThresholdedRelu")
def thresholded_relu(call: NodeReader) -> str:
    return call.step("threshold", call.data(0), threshold=real(call.attribute("alpha", 1.0)), value=0.0)


@rule("Shrink")
def shrink(call: NodeReader) -> str:
    bias, lambd = real(call.attribute("bias", 0.0)), real(call.attribute("lambd", 0.5))
    if bias not in (0.0, lambd):
        raise Unsayable(f"its bias of {bias} is neither 0, as in hardshrink, nor lambd, as in softshrink")
    return call.step("softshrink" if bias else "hardshrink", call.data(0), **unusual(lambd, 0.5, "lambd"))


@rule("Gelu")
def gelu(call: NodeReader) -> str:
    approximate = call.attribute("approximate", "none")
    return call.step("gelu", call.data(0), **({} if approximate == "none" else {"approximate": approximate}))


@rule("HardSigmoid")
def hard_sigmoid(call: NodeReader) -> str:
    alpha, beta = call.attribute("alpha", 0.2), call.attribute("beta", 0.5)
    x = call.data(0)
    if near(alpha, 1 / 6) and near(beta, 0.5):
        return call.step("hardsigmoid", x)
    scaled = call.step("affine", x, factor=real(alpha), offset=real(beta))
    return call.step("clamp", scaled, min=0.0, max=1.0)


@rule("Clip")
def clip(call: NodeReader) -> str:
    least, most = call.number(1), call.number(2)
    if call.opset < 11:
        least = real(call.attribute("min", 0.0)) if call.has("min") else None
        most = real(call.attribute("max", 0.0)) if call.has("max") else None
    # What runtimes and exporters write for no end at all: infinity, or the largest float32.
    ends = {name: end for name, end in (("min", least), ("max", most)) if end is not None and abs(end) < 3.4e38}
    x = call.data(0)
    if ends == {"min": 0.0}:
        return call.step("relu", x)
    if ends == {"min": 0.0, "max": 6.0}:
        return call.step("relu6", x)
    if len(ends) == 2 and least is not None and most is not None and least < most:
        usual = {"min_val": -1.0, "max_val": 1.0}
        given = {"min_val": least, "max_val": most}
        return call.step("hardtanh", x, **{name: end for name, end in given.items() if end != usual[name]})
    if not ends:
        return x
    return call.step("clamp", x, **ends)


@rule("PRelu")
def prelu(call: NodeReader) -> str:
    x, slope = call.data(0), call.weight(1)
    kind = call.type(x)
    if slope.size == 1:
        return call.step("prelu", x, tensors={"weight": slope.reshaped(1)})
    if call.opset < 7:  # one for each channel
        slope = slope.reshaped(slope.size, *(1,) * (kind.rank - 2))
    # The slope is laid along the axes from the last one on.
    shape = (1,) * (kind.rank - len(slope.shape)) + slope.shape
    channels = shape[1] if len(shape) == kind.rank else 0
    if len(shape) != kind.rank or slope.size != channels:
        raise Unsayable(f"its slope has shape {list(slope.shape)}, and prelu has one slope in all or one a channel")
    return call.step("prelu", x, tensors={"weight": slope.reshaped(channels)}, num_parameters=channels)


@rule("Softmax", "LogSoftmax")
def softmax(call: NodeReader) -> str:
    """Before opset 13 it is over all axes from ``axis`` on; of which all but one must have size 1."""
    x, name = call.data(0), call.op_type.lower()
    kind, axis = call.type(x), call.attribute("axis", -1 if call.opset >= 13 else 1)
    axis = axis % kind.rank
    if call.opset < 13:
        wide = [place for place in range(axis, kind.rank) if kind.shape[place] != 1]
        if len(wide) > 1:
            raise Unsayable(f"it is one softmax over the axes {wide} of {kind} together: flatten them first")
        axis = wide[0] if wide else axis
    return call.step(name, x, **({} if axis == 1 else {"dim": axis if axis < kind.rank - 1 else -1}))


@rule("Erf", "Sign", "Sin", "Cos", "Floor", "Ceil", "Round", "Not")
def foreign(call: NodeReader) -> str:
    return call.program.foreign(call.op_type, call.data(0))


@rule("Reciprocal")
def reciprocal(call: NodeReader) -> str:
    return call.step("pow", call.data(0), exponent=-1.0)


@rule("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal")
def comparison(call: NodeReader) -> str:
    a, b = call.value(0), call.value(1)
    if isinstance(a, str) and isinstance(b, Known) and b.size == 1:
        return call.program.foreign(call.op_type, a, number=real(np.asarray(b.read()).reshape(-1)[0]))
    if isinstance(b, str) and isinstance(a, str):
        return call.program.foreign(call.op_type, a, b)
    raise Unsayable("it compares a value with other numbers than a single one")


@rule("Where")
def where(call: NodeReader) -> Value:
    condition = call.value(0)
    if isinstance(condition, Known):
        answers = {bool(each) for each in np.asarray(condition.read()).reshape(-1)[:MOST_ASKED]}
        if len(answers) > 1 or condition.size > MOST_ASKED:
            raise Unsayable("it chooses by a mask that is stored, and no operator of the language has one")
        both = (call.value(1), call.value(2))
        return both[0] if answers == {True} else both[1]
    inputs = [value for value in (call.value(1), call.value(2)) if isinstance(value, str)]
    numbers = {}
    for name, value in (("yes", call.value(1)), ("no", call.value(2))):
        if isinstance(value, Known):
            if value.size != 1:
                raise Unsayable("it chooses between a value and other numbers than a single one")
            numbers[name] = real(np.asarray(value.read()).reshape(-1)[0])
    kind = call.type(inputs[0]) if inputs else call.type(condition)
    return call.program.foreign("Where", condition, *inputs, type=kind, **numbers)
