"""Weights drawn from a seed, each tensor from a stream of its own.

A stream is Philox4x64-10 (Salmon et al. 2011, as NumPy has it) with the key SHA-256(purpose, seed, path),
first 128 bits; element i of a tensor is made of the i-th 64-bit number alone. So neither the order of
the tensors, nor the size of the pieces, nor threads, backend or PYTHONHASHSEED make a difference. NumPy
keeps the raw numbers of a bit generator from release to release, but not what `Generator` makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

# At the top, where no file is open yet: NumPy imports it late, and compiled code that is being imported swallows
# the exception by which a signal ends the process.
from numpy.random import Philox

from specc.diagnostics import UsageError
from specc.ir.init import Constant, Fixed, Init, Normal, Uniform, pytorch_default
from specc.ir.op import Parameter
from specc.weights.normal import quantiles
from specc.weights.tensors import Array, element_type, pieces


@dataclass(frozen=True)
class Initialised:
    """Every tensor as its ``init`` says: as PyTorch starts each layer.

    Args:
        seed: 0 to 2**63 - 1. Raises UsageError otherwise.
    """

    seed: int

    def __post_init__(self) -> None:
        _require_seed(self.seed)

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        return _drawn(parameter, parameter.init, path, "init", self.seed)


@dataclass(frozen=True)
class Randomised:
    """For parity under stress: no ones and zeros behind which a fault could hide.

    A layer's own constant c (scales, shifts, running statistics) becomes U(c ± max(1, |c|)/2), other
    weights U(±1/√fan_in). Numbers that the spec gives, and whole-numbered counters, stay.

    Args:
        seed: 0 to 2**63 - 1. Raises UsageError otherwise.
    """

    seed: int

    def __post_init__(self) -> None:
        _require_seed(self.seed)

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


def _require_seed(seed: object) -> None:
    if type(seed) is not int or not 0 <= seed < 2**63:
        raise UsageError(f"a seed is a whole number from 0 to 2^63 - 1, not {seed!r}")


def _drawn(
    parameter: Parameter, init: Init, path: str, purpose: str, seed: int, *, centre: float = 0.0
) -> Iterator[Array]:
    """The pieces of a tensor that starts as ``init`` says, a `Uniform` one moved to ``centre``."""
    dtype = element_type(parameter)
    bits = _stream(purpose, seed, path)
    for start, stop in pieces(parameter):
        match init:
            case Fixed(values):
                yield _rounded(np.array(values[start:stop]), path).astype(dtype)
            case Constant(value):
                yield _rounded(np.full(stop - start, value), path).astype(dtype)
            case Uniform(bound):
                yield _uniform(bits.random_raw(stop - start), centre, bound).astype(dtype, copy=False)
            case Normal(std, mean):
                yield _normal(bits.random_raw(stop - start), mean, std).astype(dtype, copy=False)


def _stream(purpose: str, seed: int, path: str) -> Philox:
    name = f"specc/{purpose}/{seed}/{path}".encode()
    return Philox(key=int.from_bytes(sha256(name).digest()[:16], "little"))


def _uniform(raw: Array, centre: float, bound: float) -> Array:
    """centre + bound·(k/2^52 - 1), k the upper 53 bits; rounding to float32 never leaves the bounds."""
    raw >>= np.uint64(11)
    values = raw.view(np.int64).astype(np.float64)
    values *= 2.0**-52
    values -= 1.0
    values *= bound
    values += centre
    low, high = centre - bound, centre + bound
    lowest, highest = np.float32(low), np.float32(high)
    if float(lowest) < low:
        lowest = np.nextafter(lowest, np.float32(np.inf))
    if float(highest) > high:
        highest = np.nextafter(highest, np.float32(-np.inf))
    rounded = values.astype(np.float32)
    return np.clip(rounded, lowest, highest, out=rounded)


def _normal(raw: Array, mean: float, std: float) -> Array:
    """mean + std·z; z by inversion of (k + 1/2)/2^52, k the upper 52 bits: never 0 or 1, and symmetric."""
    raw >>= np.uint64(12)
    probabilities = raw.view(np.int64).astype(np.float64)
    probabilities += 0.5
    probabilities *= 2.0**-52
    return (quantiles(probabilities) * std + mean).astype(np.float32)


def _rounded(values: Array, path: str) -> Array:
    """The spec's own numbers in float32."""
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    if not np.isfinite(rounded).all():
        lost = values[~np.isfinite(rounded)][0]
        raise UsageError(f"{path}: {lost} is beyond the range of float32, about ±3.4e38")
    return rounded
