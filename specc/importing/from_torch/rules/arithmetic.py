"""Sums, products and their kin: of two values, or of a value and constants."""

from __future__ import annotations

import numpy as np

from specc.importing.from_torch.call import CallReader, rule
from specc.importing.merging import aligned, fitted, scaled, shifted, widened
from specc.importing.program import Known, Unsayable


def _two(call: CallReader) -> tuple[str | Known, str | Known]:
    """Both operands; a number is a constant."""
    a, b = (_operand(call[name]) for name in ("self", "other"))
    return a, b


def _operand(value: object) -> str | Known:
    if isinstance(value, str | Known):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Known.of(float(value))
    raise Unsayable(f"it computes with {value}, which is no number that is known")


def _times_alpha(call: CallReader, other: str | Known) -> str | Known:
    """The second operand times ``alpha``."""
    alpha = call["alpha"]
    if alpha == 1:
        return other
    if not isinstance(alpha, int | float):
        raise Unsayable(f"alpha is {alpha}, and should be a number")
    if isinstance(other, str):
        return call.step("affine", other, factor=float(alpha))
    return other.mapped(lambda numbers: numbers * np.float32(alpha))


@rule("add")
def add(call: CallReader) -> str:
    a, b = _two(call)
    b = _times_alpha(call, b)
    if isinstance(a, str) and isinstance(b, str):
        return call.step("add", *widened(call, [a, b]))
    return shifted(call, *_data_first(a, b))


@rule("sub")
def sub(call: CallReader) -> str:
    a, b = _two(call)
    b = _times_alpha(call, b)
    if isinstance(a, str) and isinstance(b, str):
        return call.step("sub", *widened(call, [a, b]))
    if isinstance(b, Known):
        return shifted(call, call.data("self"), b, negated=True)
    assert isinstance(b, str)
    return shifted(call, call.step("neg", b), _known(a))


@rule("rsub")
def rsub(call: CallReader) -> str:
    call.demand("alpha", 1)
    x, other = call.data("self"), _operand(call["other"])
    return shifted(call, call.step("neg", x), _known(other))


@rule("mul")
def mul(call: CallReader) -> str:
    a, b = _two(call)
    if isinstance(a, str) and isinstance(b, str):
        return call.step("mul", *aligned(call, [a, b]))
    return scaled(call, *_data_first(a, b))


@rule("div.Tensor", "div.Scalar")
def div(call: CallReader) -> str:
    a, b = _two(call)
    if isinstance(a, str) and isinstance(b, str):
        return call.step("div", *aligned(call, [a, b]))
    if isinstance(b, Known):
        x = call.data("self")
        return call.program.foreign("Factor", x, constant=fitted(call, x, b), divides=True)
    return scaled(call, call.step("pow", call.data("other"), exponent=-1.0), _known(a))


@rule("maximum", "minimum")
def extreme(call: CallReader) -> str:
    return call.step(call.name, *widened(call, [call.data("self"), call.data("other")]))


@rule("pow.Tensor_Scalar")
def power(call: CallReader) -> str:
    exponent = call["exponent"]
    if not isinstance(exponent, int | float):
        raise Unsayable("its exponent is no single number")
    return call.step("pow", call.data("self"), exponent=float(exponent))


@rule("reciprocal")
def reciprocal(call: CallReader) -> str:
    return call.step("pow", call.data("self"), exponent=-1.0)


@rule("rsqrt")
def rsqrt(call: CallReader) -> str:
    return call.step("pow", call.data("self"), exponent=-0.5)


@rule("square")
def square(call: CallReader) -> str:
    return call.step("pow", call.data("self"), exponent=2.0)


@rule("addcmul")
def addcmul(call: CallReader) -> str:
    """self + value * tensor1 * tensor2."""
    factors = [call.data(name) for name in ("tensor1", "tensor2")]
    product, value = call.step("mul", *aligned(call, factors)), call["value"]
    if value != 1:
        product = call.step("affine", product, factor=float(value))
    return call.step("add", *widened(call, [call.data("self"), product]))


@rule("lerp.Scalar")
def lerp(call: CallReader) -> str:
    """self + weight * (end - self)."""
    x, end = call.data("self"), call.data("end")
    way = call.step("affine", call.step("sub", *widened(call, [end, x])), factor=float(call["weight"]))
    return call.step("add", *widened(call, [x, way]))


def _known(value: str | Known) -> Known:
    assert isinstance(value, Known)
    return value


def _data_first(a: str | Known, b: str | Known) -> tuple[str, Known]:
    """Of a value and a constant, in either order."""
    if isinstance(a, str):
        a, b = b, a
    if isinstance(b, Known):
        raise Unsayable("it computes with constants alone")
    return b, _known(a)
