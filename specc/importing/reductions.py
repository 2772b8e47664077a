"""What goes over axes and is no operator of the language by itself: variances, lengths, sums of exponentials."""

from __future__ import annotations

from math import inf
from typing import Any

from specc.importing.building import Building
from specc.importing.merging import widened
from specc.importing.program import Unsayable, real
from specc.importing.shapes import reshaped, times

_POOLS = {"mean": "globalavgpool", "amax": "globalmaxpool"}


def over(build: Building, x: str, name: str, axes: tuple[int, ...], *, keeps: bool) -> str:
    """``mean``, ``sum`` or ``amax`` over axes; over all places, as a pool where there is one."""
    kind = build.type(x)
    if not axes or 0 in axes:
        raise Unsayable(f"it goes over the axes {list(axes)} of {kind}, the batch among them")
    if axes == tuple(range(2, kind.rank)) and name in _POOLS and kind.rank <= 5:
        pooled = build.step(_POOLS[name], x)
        return pooled if keeps else reshaped(build, pooled, kind.shape[:2])
    if len(axes) == kind.rank - 1 and not keeps:
        raise Unsayable(f"it makes one number of all axes of {kind}, and a value of the language has an axis")
    arguments: dict[str, Any] = {"dim": axes[0] if len(axes) == 1 else axes}
    return build.step(name, x, **arguments, **({"keepdim": True} if keeps else {}))


def least(build: Building, x: str, axes: tuple[int, ...], *, keeps: bool) -> str:
    """The smallest: what is largest of the negative."""
    return build.step("neg", over(build, build.step("neg", x), "amax", axes, keeps=keeps))


def variance(build: Building, x: str, axes: tuple[int, ...], correction: float, *, keeps: bool) -> str:
    """The mean of the squared distances from the mean, times n/(n - correction)."""
    count: Any = times([build.type(x).shape[axis] for axis in axes])
    centre = over(build, x, "mean", axes, keeps=True)
    square = build.step("pow", build.step("sub", *widened(build, [x, centre])), exponent=2.0)
    mean = over(build, square, "mean", axes, keeps=keeps)
    if not correction:
        return mean
    if not isinstance(count, int) or count <= correction:
        raise Unsayable(
            f"it divides by {count} - {correction:g}, and the language by a number: correction=0 divides by all"
        )
    return build.step("affine", mean, factor=real(count / (count - correction)))


def length(build: Building, x: str, order: float, axes: tuple[int, ...], *, keeps: bool) -> str:
    """The norm of that order."""
    if order == 2:
        return build.step("sqrt", over(build, build.step("pow", x, exponent=2.0), "sum", axes, keeps=keeps))
    if order in (1, inf):
        return over(build, build.step("abs", x), "sum" if order == 1 else "amax", axes, keeps=keeps)
    raise Unsayable(f"it is the norm of order {order:g}, and those of 1, 2 and infinity are known here")


def log_sum_exp(build: Building, x: str, axes: tuple[int, ...], *, keeps: bool) -> str:
    """The logarithm of the sum of exponentials, less their largest number first, so that none of them is infinite."""
    most = over(build, x, "amax", axes, keeps=True)
    powers = build.step("exp", build.step("sub", *widened(build, [x, most])))
    log = build.step("log", over(build, powers, "sum", axes, keeps=True))
    result = build.step("add", log, most)
    if keeps:
        return result
    return reshaped(build, result, [n for axis, n in enumerate(build.type(x).shape) if axis not in axes])
