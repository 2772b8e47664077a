"""Sums, products and their kin: of two values, or of a value and constants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from specc.importing.from_onnx.call import Call, Value, as_float32, real, rule
from specc.importing.program import Known, Unsayable
from specc.ir.targets import Value as InputOf
from specc.ir.types import TensorType


@rule("Add")
def add(call: Call) -> str:
    a, b = _two(call)
    if isinstance(a, str) and isinstance(b, str):
        return added(call, a, b)
    x, constant = _data_first(a, b)
    return shifted(call, x, constant)


@rule("Sub")
def sub(call: Call) -> str:
    a, b = _two(call)
    if isinstance(a, str) and isinstance(b, str):
        a, b = widened(call, [a, b])
        return call.step("sub", a, b)
    if isinstance(a, str):
        assert isinstance(b, Known)
        return shifted(call, a, b, negated=True)
    constant, x = call.known(0), call.data(1)
    if _is_one(constant):
        no_more_axes(call, x, constant)
        return call.step("affine", x, factor=-1.0, offset=_single(constant))
    return shifted(call, call.step("neg", x), constant)


@rule("Mul")
def mul(call: Call) -> str:
    a, b = _two(call)
    if isinstance(a, str) and isinstance(b, str):
        return call.step("mul", *_aligned(call, [a, b]))
    x, constant = _data_first(a, b)
    return scaled(call, x, constant)


@rule("Div")
def div(call: Call) -> str:
    a, b = _two(call)
    if isinstance(a, str) and isinstance(b, str):
        return call.step("div", *_aligned(call, [a, b]))
    if isinstance(b, Known):
        x = call.data(0)
        return call.program.foreign("Factor", x, constant=_fitted(call, x, b), divides=True)
    if isinstance(a, Known) and _is_one(a):
        no_more_axes(call, call.data(1), a)
        x = call.step("pow", call.data(1), exponent=-1.0)
        return x if _single(a) == 1 else call.step("affine", x, factor=_single(a))
    raise Unsayable("it divides numbers that are no single one by a value")


@rule("Max", "Min")
def extreme(call: Call) -> str:
    name = "maximum" if call.op_type == "Max" else "minimum"
    values = call.values()
    data = [value for value in values if isinstance(value, str)]
    x = call.step(name, *widened(call, data)) if len(data) > 1 else data[0]
    for value in values:
        if isinstance(value, Known):
            if value.size != 1:
                raise Unsayable("it compares a value with other numbers than a single one")
            no_more_axes(call, x, value)
            bound = _single(value)
            if call.op_type == "Max" and bound == 0:
                x = call.step("relu", x)
            else:
                x = call.step("clamp", x, **({"min": bound} if call.op_type == "Max" else {"max": bound}))
    return x


@rule("Sum")
def total(call: Call) -> str:
    data = [value for value in call.values() if isinstance(value, str)]
    x = call.step("add", *widened(call, data)) if len(data) > 1 else data[0]
    for value in call.values():
        if isinstance(value, Known):
            x = shifted(call, x, value)
    return x


@rule("Mean")
def mean(call: Call) -> str:
    data = [call.data(place) for place in range(call.arity)]
    x = call.step("add", *widened(call, data)) if len(data) > 1 else data[0]
    return call.step("affine", x, factor=real(1 / len(data))) if len(data) > 1 else x


@rule("Pow")
def power(call: Call) -> str:
    base, exponent = _two(call)
    if isinstance(base, str) and isinstance(exponent, Known) and exponent.size == 1:
        no_more_axes(call, base, exponent)
        return call.step("pow", base, exponent=_single(exponent))
    raise Unsayable("its exponent is no single number")


# ---- constants ----------------------------------------------------------------------------------------------


def shifted(call: Call, x: str, constant: Known, *, negated: bool = False) -> str:
    """x plus a constant."""
    return call.program.foreign("Shift", x, constant=_fitted(call, x, constant), negated=negated)


def scaled(call: Call, x: str, constant: Known) -> str:
    """x times a constant."""
    return call.program.foreign("Factor", x, constant=_fitted(call, x, constant), divides=False)


def _fitted(call: Call, x: str, constant: Known) -> Known:
    """As many axes as x has; refuses what would widen x."""
    kind = call.type(x)
    constant = as_float32(constant)
    no_more_axes(call, x, constant)
    if constant.size == 1:
        return constant
    shape = (1,) * (kind.rank - len(constant.shape)) + constant.shape
    for axis, (size, mine) in enumerate(zip(kind.shape, shape, strict=True)):
        if mine not in (1, size):
            raise Unsayable(
                f"a constant of shape {list(constant.shape)} does not fit {kind}, or widens axis {axis} of it"
            )
    if shape[0] != 1:
        raise Unsayable(f"a constant of shape {list(constant.shape)} has other numbers for each sample of the batch")
    return constant.reshaped(*shape)


def no_more_axes(call: Call, x: str, constant: Known) -> None:
    """Refuses a constant that has more axes than the value it meets, a single number of shape [1, 1, 1, 1, 1] too."""
    kind = call.type(x)
    if len(constant.shape) > kind.rank:
        raise Unsayable(f"a constant of shape {list(constant.shape)} gives {kind} more axes")


def _is_one(known: Known) -> bool:
    return known.size == 1


def _single(known: Known) -> float:
    return real(np.asarray(known.read()).reshape(-1)[0])


def _two(call: Call) -> tuple[Value, Value]:
    """Both inputs; before opset 7 the second one is laid along the axes from ``axis`` on, where it is widened."""
    a, b = call.value(0), call.value(1)
    if call.opset >= 7:
        return a, b
    widens, axis = call.flag("broadcast"), call.attribute("axis", -1)
    shapes = [value.shape if isinstance(value, Known) else call.type(value).shape for value in (a, b)]
    if not widens and shapes[0] != shapes[1]:
        raise Unsayable("its inputs have different shapes, and nothing says that it widens one")
    if isinstance(b, Known) and axis >= 0 and b.shape:
        b = b.reshaped(*b.shape, *(1,) * (len(shapes[0]) - axis - len(b.shape)))
    return a, b


def _data_first(a: Value, b: Value) -> tuple[str, Known]:
    """Of a value and a constant, in either order."""
    if isinstance(a, str):
        a, b = b, a
    assert isinstance(a, Known) and isinstance(b, str)  # noqa: PT018 - of constants alone nothing is left to a rule
    return b, a


# ---- values of other sizes ----------------------------------------------------------------------------------


def added(call: Call, a: str, b: str) -> str:
    return call.step("add", *widened(call, [a, b]))


def widened(call: Call, values: Sequence[str]) -> list[str]:
    """The values in one shape: of those whose sizes of 1 ONNX widens, the language says so by ``expand``."""
    values = _aligned(call, values)
    shapes = [call.type(value) for value in values]
    if all(shape == shapes[0] for shape in shapes):
        return values
    whole = [
        value for value, shape in zip(values, shapes, strict=True) if all(_covers(shape, other) for other in shapes)
    ]
    if not whole and not any(_widens(shape, other) for shape in shapes for other in shapes):
        return values  # the merge says what is missing
    if not whole:
        raise Unsayable(f"it widens each of {', '.join(map(str, shapes))}, and expand takes the sizes of one value")
    return [
        value if call.type(value) == call.type(whole[0]) else call.step("expand", value, whole[0], like=InputOf(1))
        for value in values
    ]


def _widens(shape: TensorType, other: TensorType) -> bool:
    """Whether a size of 1 meets another one."""
    return any(a == 1 != b for a, b in zip(shape.sample, other.sample, strict=True))


def _covers(shape: TensorType, other: TensorType) -> bool:
    pairs = zip(shape.sample, other.sample, strict=True)
    return shape.batch == other.batch and all(b in (1, a) for a, b in pairs)


def _aligned(call: Call, values: Sequence[str]) -> list[str]:
    """ONNX lays values of fewer axes along the last ones; here the batch is the first of all."""
    ranks = {call.type(value).rank for value in values}
    if len(ranks) > 1:
        shapes = " and ".join(str(call.type(value)) for value in values)
        raise Unsayable(f"its values, {shapes}, have different numbers of axes: a batch meets the axis of a sample")
    return list(values)
