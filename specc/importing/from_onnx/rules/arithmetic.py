"""Sums, products and their kin: of two values, or of a value and constants."""

from __future__ import annotations

import numpy as np

from specc.importing.from_onnx.call import NodeReader, Value, rule
from specc.importing.merging import added, aligned, fitted, no_more_axes, scaled, shifted, widened
from specc.importing.program import Known, Unsayable, real


@rule("Add")
def add(call: NodeReader) -> str:
    a, b = _two(call)
    if isinstance(a, str) and isinstance(b, str):
        return added(call, a, b)
    x, constant = _data_first(a, b)
    return shifted(call, x, constant)


@rule("Sub")
def sub(call: NodeReader) -> str:
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
def mul(call: NodeReader) -> str:
    a, b = _two(call)
    if isinstance(a, str) and isinstance(b, str):
        return call.step("mul", *aligned(call, [a, b]))
    x, constant = _data_first(a, b)
    return scaled(call, x, constant)


@rule("Div")
def div(call: NodeReader) -> str:
    a, b = _two(call)
    if isinstance(a, str) and isinstance(b, str):
        return call.step("div", *aligned(call, [a, b]))
    if isinstance(b, Known):
        x = call.data(0)
        return call.program.foreign("Factor", x, constant=fitted(call, x, b), divides=True)
    if isinstance(a, Known) and _is_one(a):
        no_more_axes(call, call.data(1), a)
        x = call.step("pow", call.data(1), exponent=-1.0)
        return x if _single(a) == 1 else call.step("affine", x, factor=_single(a))
    raise Unsayable("it divides numbers that are no single one by a value")


@rule("Max", "Min")
def extreme(call: NodeReader) -> str:
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
def total(call: NodeReader) -> str:
    data = [value for value in call.values() if isinstance(value, str)]
    x = call.step("add", *widened(call, data)) if len(data) > 1 else data[0]
    for value in call.values():
        if isinstance(value, Known):
            x = shifted(call, x, value)
    return x


@rule("Mean")
def mean(call: NodeReader) -> str:
    data = [call.data(place) for place in range(call.arity)]
    x = call.step("add", *widened(call, data)) if len(data) > 1 else data[0]
    return call.step("affine", x, factor=real(1 / len(data))) if len(data) > 1 else x


@rule("Pow")
def power(call: NodeReader) -> str:
    base, exponent = _two(call)
    if isinstance(base, str) and isinstance(exponent, Known) and exponent.size == 1:
        no_more_axes(call, base, exponent)
        return call.step("pow", base, exponent=_single(exponent))
    raise Unsayable("its exponent is no single number")


def _is_one(known: Known) -> bool:
    return known.size == 1


def _single(known: Known) -> float:
    return real(np.asarray(known.read()).reshape(-1)[0])


def _two(call: NodeReader) -> tuple[Value, Value]:
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
