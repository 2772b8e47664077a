"""Normally distributed numbers by inversion: the same bits on every machine."""

from __future__ import annotations

import numpy as np

from specc.weights.tensors import Array

# Coefficients of PPND16 in M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988) 477-484,
# highest power first: numerator and denominator for the centre, the near tail and the far tail.
_CENTRE = (
    (
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ),
)
_NEAR = (
    (
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ),
)
_FAR = (
    (
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        1.24266094738807843860e-3,
        2.65321895265761230930e-2,
        2.96560571828504891230e-1,
        1.78482653991729133580e0,
        5.46378491116411436990e0,
        6.65790464350110377720e0,
    ),
    (
        2.04426310338993978564e-15,
        1.42151175831644588870e-7,
        1.84631831751005468180e-5,
        7.86869131145613259100e-4,
        1.48753612908506148525e-2,
        1.36929880922735805310e-1,
        5.99832206555887937690e-1,
        1.0,
    ),
)

_LN2 = 0.6931471805599453
_ATANH_TERMS = 10


def quantiles(probabilities: Array) -> Array:
    """The standard normal numbers below which ``probabilities`` (float64, inside 0..1) lie.

    Relative error about 1e-15. Only + - * / and square roots take part, which IEEE 754 fixes to the
    last bit; NumPy's own ``log`` differs in it between processors.
    """
    offset = probabilities - 0.5
    result = offset * _ratio(_CENTRE, 0.180625 - offset * offset)
    outside = np.abs(offset) > 0.425
    depth = np.sqrt(-_log(np.minimum(probabilities[outside], 1 - probabilities[outside])))
    tail = np.where(depth <= 5, _ratio(_NEAR, depth - 1.6), _ratio(_FAR, depth - 5))
    result[outside] = np.copysign(tail, offset[outside])
    return result


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], at: Array) -> Array:
    numerator, denominator = (_polynomial(powers, at) for powers in coefficients)
    return numerator / denominator


def _polynomial(coefficients: tuple[float, ...], at: Array) -> Array:
    value = np.full_like(at, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= at
        value += coefficient
    return value


def _log(value: Array) -> Array:
    """ln(m·2^e) = e·ln 2 + 2 atanh((m - 1)/(m + 1)); m in 1/√2..√2 keeps the odd series short."""
    mantissa, exponent = np.frexp(value)
    small = mantissa < np.sqrt(0.5)
    mantissa = np.where(small, 2 * mantissa, mantissa)
    slope = (mantissa - 1) / (mantissa + 1)
    series = _polynomial(tuple(2 / (2 * k + 1) for k in reversed(range(_ATANH_TERMS))), slope * slope)
    result: Array = (exponent - small) * _LN2 + slope * series
    return result
