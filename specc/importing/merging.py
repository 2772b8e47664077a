"""Values that are added, multiplied or joined: in one shape, and with constants."""

from __future__ import annotations

from collections.abc import Sequence

from specc.importing.building import Building
from specc.importing.program import Known, Unsayable, as_float32
from specc.ir.targets import Value as InputOf
from specc.ir.types import TensorType


def shifted(build: Building, x: str, constant: Known, *, negated: bool = False) -> str:
    """x plus a constant."""
    return build.program.foreign("Shift", x, constant=fitted(build, x, constant), negated=negated)


def scaled(build: Building, x: str, constant: Known) -> str:
    """x times a constant, which may be what makes it wider: that is then a part of a norm, or nothing."""
    if (wide := _widens_by(build, x, constant)) is not None:
        return build.program.foreign("Widening", x, type=wide, constant=as_float32(constant))
    return build.program.foreign("Factor", x, constant=fitted(build, x, constant), divides=False)


def _widens_by(build: Building, x: str, constant: Known) -> TensorType | None:
    """The type that a constant of as many axes makes of x; None where it stays as it is, or cannot be."""
    kind = build.type(x)
    if len(constant.shape) != kind.rank or constant.size == 1 or constant.shape[0] != 1:
        return None
    shape = tuple(n if m == 1 else m for n, m in zip(kind.shape, constant.shape, strict=True))
    fits = all(m in (1, n) or n == 1 for n, m in zip(kind.shape, constant.shape, strict=True))
    return TensorType(shape[0], shape[1:]) if fits and shape != kind.shape else None


def fitted(build: Building, x: str, constant: Known) -> Known:
    """As many axes as x has; refuses what would widen x."""
    kind = build.type(x)
    constant = as_float32(constant)
    no_more_axes(build, x, constant)
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


def no_more_axes(build: Building, x: str, constant: Known) -> None:
    """Refuses a constant that has more axes than the value it meets, a single number of shape [1, 1, 1, 1, 1] too."""
    kind = build.type(x)
    if len(constant.shape) > kind.rank:
        raise Unsayable(f"a constant of shape {list(constant.shape)} gives {kind} more axes")


# ---- values of other sizes ----------------------------------------------------------------------------------


def added(build: Building, a: str, b: str) -> str:
    return build.step("add", *widened(build, [a, b]))


def widened(build: Building, values: Sequence[str]) -> list[str]:
    """The values in one shape: of those whose sizes of 1 ONNX widens, the language says so by ``expand``."""
    values = aligned(build, values)
    shapes = [build.type(value) for value in values]
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
        value if build.type(value) == build.type(whole[0]) else build.step("expand", value, whole[0], like=InputOf(1))
        for value in values
    ]


def _widens(shape: TensorType, other: TensorType) -> bool:
    """Whether a size of 1 meets another one."""
    return any(a == 1 != b for a, b in zip(shape.sample, other.sample, strict=True))


def _covers(shape: TensorType, other: TensorType) -> bool:
    pairs = zip(shape.sample, other.sample, strict=True)
    return shape.batch == other.batch and all(b in (1, a) for a, b in pairs)


def aligned(build: Building, values: Sequence[str]) -> list[str]:
    """ONNX lays values of fewer axes along the last ones; here the batch is the first of all."""
    ranks = {build.type(value).rank for value in values}
    if len(ranks) > 1:
        shapes = " and ".join(str(build.type(value)) for value in values)
        raise Unsayable(f"its values, {shapes}, have different numbers of axes: a batch meets the axis of a sample")
    return list(values)
