"""Weights drawn from a seed, each tensor from a stream of its own.

A stream is Philox4x64-10 (Salmon et al. 2011, as NumPy has it) with the key SHA-256(purpose, seed, path),
first 128 bits; element i of a tensor is made of the i-th 64-bit number alone. So neither the order of
the tensors, nor the size of the pieces, nor threads, backend or PYTHONHASHSEED make a difference. NumPy
keeps the raw numbers of a bit generator from release to release, but not what `Generator` makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from math import prod

import numpy as np

# At the top, where no file is open yet: NumPy imports it late, and compiled code that is being imported swallows
# the exception by which a signal ends the process.
from numpy.random import Philox

from specc.diagnostics import UsageError
from specc.ir.init import Constant, Fixed, Init, Normal, Uniform, pytorch_default
from specc.ir.op import Parameter
from specc.weights.ahead import ahead
from specc.weights.tensors import Array, State, Weights, element_type, encoded, spans

# Coefficients of PPND16 in M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988) 477-484: of the numerator and
# the denominator, highest power first, for the centre, the near tail and the far tail.
_CENTRE = (
    (2.5090809287301226727e3, 5.2264952788528545610e3),
    (3.3430575583588128105e4, 2.8729085735721942674e4),
    (6.7265770927008700853e4, 3.9307895800092710610e4),
    (4.5921953931549871457e4, 2.1213794301586595867e4),
    (1.3731693765509461125e4, 5.3941960214247511077e3),
    (1.9715909503065514427e3, 6.8718700749205790830e2),
    (1.3314166789178437745e2, 4.2313330701600911252e1),
    (3.3871328727963666080e0, 1.0),
)
_NEAR = (
    (7.74545014278341407640e-4, 1.05075007164441684324e-9),
    (2.27238449892691845833e-2, 5.47593808499534494600e-4),
    (2.41780725177450611770e-1, 1.51986665636164571966e-2),
    (1.27045825245236838258e0, 1.48103976427480074590e-1),
    (3.64784832476320460504e0, 6.89767334985100004550e-1),
    (5.76949722146069140550e0, 1.67638483018380384940e0),
    (4.63033784615654529590e0, 2.05319162663775882187e0),
    (1.42343711074968357734e0, 1.0),
)
_FAR = (
    (2.01033439929228813265e-7, 2.04426310338993978564e-15),
    (2.71155556874348757815e-5, 1.42151175831644588870e-7),
    (1.24266094738807843860e-3, 1.84631831751005468180e-5),
    (2.65321895265761230930e-2, 7.86869131145613259100e-4),
    (2.96560571828504891230e-1, 1.48753612908506148525e-2),
    (1.78482653991729133580e0, 1.36929880922735805310e-1),
    (5.46378491116411436990e0, 5.99832206555887937690e-1),
    (6.65790464350110377720e0, 1.0),
)
_BLOCK = 1 << 15
"""Numbers worked on at once: what is in between, in float64, stays in a core's cache."""
_LN2 = 0.6931471805599453
_ATANH_TERMS = 10


@dataclass(frozen=True)
class _Seeded:
    """
    Args:
        seed: 0 to 2**63 - 1. Raises UsageError otherwise.
    """

    seed: int

    def __post_init__(self) -> None:
        if type(self.seed) is not int or not 0 <= self.seed < 2**63:
            raise UsageError(f"a seed is a whole number from 0 to 2^63 - 1, not {self.seed!r}")


class Initialised(_Seeded):
    """Every tensor as its ``init`` says: as PyTorch starts each layer."""

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        return _drawn(parameter, parameter.init, path, "init", self.seed)


class Randomised(_Seeded):
    """For parity under stress: no ones and zeros behind which a fault could hide.

    A layer's own constant c (scales, shifts, running statistics) becomes U(c ± max(1, |c|)/2), other
    weights U(±1/√fan_in). Numbers that the spec gives, and whole-numbered counters, stay.
    """

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        init, centre = parameter.init, 0.0
        if not parameter.integer and not isinstance(init, Fixed):
            is_vector = len(parameter.shape) < 2
            if isinstance(init, Constant) and (is_vector or init.name is None):
                centre = init.value
                init = Uniform(max(1.0, abs(centre)) / 2)
            elif not is_vector:
                init = pytorch_default(parameter.shape)
        return _drawn(parameter, init, path, "stress", self.seed, centre=centre)


def origin(state: State, weights: Weights) -> str:
    """Which numbers a network has, in one line: ``seed 0``, or else ``sha256:`` and 64 hexadecimal digits.

    The hash is of the tensors as they go into every file: for each, in the order of the state dict, a line with its
    path, type and shape, and then its elements in row-major order, little-endian. So the same numbers have the same
    hash, whatever file they were read from.

    Raises:
        UsageError: where the source cannot give the tensors as they must be.
    """
    if isinstance(weights, Initialised):
        return f"seed {weights.seed}"
    hashed = sha256()
    for path, parameter in state:
        shape = ",".join(map(str, parameter.shape))
        hashed.update(f"{path} {element_type(parameter).str} [{shape}]\n".encode())
        for data in encoded(weights, path, parameter):
            hashed.update(data)
    return "sha256:" + hashed.hexdigest()


def _drawn(
    parameter: Parameter, init: Init, path: str, purpose: str, seed: int, *, centre: float = 0.0
) -> Iterator[Array]:
    """The pieces of a tensor that starts as ``init`` says, a `Uniform` one moved to ``centre``."""
    dtype = element_type(parameter)

    def piece(start: int, stop: int) -> Array:
        match init:
            case Fixed(values):
                return _rounded(np.array(values[start:stop]), path).astype(dtype)
            case Constant(value):
                return _rounded(np.full(stop - start, value), path).astype(dtype)
            case Uniform(bound):
                lowest, highest = _limits(centre - bound, centre + bound)
                work = partial(_uniform, centre=centre, bound=bound, lowest=lowest, highest=highest)
            case Normal(std, mean):
                work = partial(_normal, mean=mean, std=std)
        drawn, bits = np.empty(stop - start, dtype), _stream(purpose, seed, path, start)
        scratch = np.empty(min(_BLOCK, drawn.size))  # made once: fresh memory took as long as the numbers in it
        for place in range(0, drawn.size, _BLOCK):
            block = drawn[place : place + _BLOCK]
            block[:] = work(bits.random_raw(block.size), scratch[: block.size])
        return drawn

    return ahead(piece, spans(prod(parameter.shape)))


def _stream(purpose: str, seed: int, path: str, start: int) -> Philox:
    """The numbers of a tensor from element ``start`` on."""
    # Part of what a seed promises: another name gives every network other numbers.
    name = f"specc/{purpose}/{seed}/{path}".encode()
    # Each value of the counter gives four numbers.
    bits = Philox(key=int.from_bytes(sha256(name).digest()[:16], "little"), counter=start // 4)
    bits.random_raw(start % 4)
    return bits


def _uniform(raw: Array, values: Array, centre: float, bound: float, lowest: float, highest: float) -> Array:
    """centre + bound·(k/2^52 - 1) in ``values``, k the upper 53 bits; never beyond ``lowest`` and ``highest``."""
    raw >>= np.uint64(11)
    values[:] = raw.view(np.int64)
    values -= 2.0**52
    values *= bound * 2.0**-52
    values += centre
    return np.clip(values, lowest, highest, out=values)


def _limits(low: float, high: float) -> tuple[float, float]:
    """The least and the greatest float32 of an interval: the nearest to a bound may lie beyond it."""
    lowest, highest = np.float32(low), np.float32(high)
    if float(lowest) < low:
        lowest = np.nextafter(lowest, np.float32(np.inf))
    if float(highest) > high:
        highest = np.nextafter(highest, np.float32(-np.inf))
    return float(lowest), float(highest)


def _normal(raw: Array, values: Array, mean: float, std: float) -> Array:
    """mean + std·z; z by inversion of (k + 1/2)/2^52, k the upper 52 bits: never 0 or 1, and symmetric."""
    raw >>= np.uint64(12)
    np.add(raw.view(np.int64), 0.5, out=values)
    values *= 2.0**-52
    normal = quantiles(values)
    normal *= std
    normal += mean
    return normal


def _rounded(values: Array, path: str) -> Array:
    """The spec's own numbers in float32."""
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    if not np.isfinite(rounded).all():
        lost = values[~np.isfinite(rounded)][0]
        raise UsageError(f"{path}: {lost} is beyond the range of float32, about ±3.4e38")
    return rounded


def quantiles(probabilities: Array) -> Array:
    """The standard normal numbers below which ``probabilities`` (float64, inside 0..1) lie.

    Relative error about 1e-15. Only + - * / and square roots take part, which IEEE 754 fixes to the
    last bit; NumPy's own ``log`` differs in it between processors.
    """
    offset = probabilities - 0.5
    square = offset * offset
    result = _ratio(_CENTRE, np.subtract(0.180625, square, out=square))
    result *= offset
    outside = np.flatnonzero(np.abs(offset) > 0.425)
    tail = probabilities[outside]
    depth = np.sqrt(-_log(np.minimum(tail, 1 - tail)))
    tail = _ratio(_NEAR, depth - 1.6)
    if (far := depth > 5).any():
        tail[far] = _ratio(_FAR, depth[far] - 5)
    result[outside] = np.copysign(tail, offset[outside])
    return result


def _ratio(coefficients: tuple[tuple[float, float], ...], at: Array) -> Array:
    numerator, denominator = (_polynomial(powers, at) for powers in zip(*coefficients, strict=True))
    numerator /= denominator
    return numerator


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
