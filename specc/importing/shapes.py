"""The same elements in another shape, as the language says it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from specc.importing.building import Building
from specc.importing.program import Unsayable, inferred, operator
from specc.ir.size import Dim, Size, quotient
from specc.ir.targets import Value as InputOf
from specc.ir.types import TensorType


def reshaped(build: Building, x: str, target: Sequence[Dim], *, keeps_zero: bool = False) -> str:
    """x in another shape: ``flatten`` where that says it, else ``reshape``.

    Args:
        target: 0 stands for the size that x has there (unless ``keeps_zero``), -1 for what is left.
    """
    kind = build.type(x)
    sizes = [kind.shape[axis] if n == 0 and not keeps_zero and axis < kind.rank else n for axis, n in enumerate(target)]
    if sizes.count(-1) > 1 or not sizes:
        raise Unsayable(f"it reshapes {kind} to {shown_sizes(target)}")
    if -1 in sizes:
        sizes[sizes.index(-1)] = _rest(kind, [n for n in sizes if n != -1])
    is_rows = kind.rank > 2 and times(kind.sample[:-1]) != 1  # one row a sample is the sample
    if is_rows and tuple(sizes) == (times(kind.shape[:-1]), kind.shape[-1]):
        return build.program.foreign("Rows", x)  # of all samples: what follows computes row by row, and goes back
    if len(sizes) < 2:
        raise Unsayable(f"it reshapes {kind} to {shown_sizes(sizes)}, and a value has an axis besides the batch")
    if sizes[0] != kind.batch:
        raise Unsayable(f"it reshapes {kind} to {shown_sizes(sizes)}, which mixes the samples of a batch")
    result = tuple(sizes)
    if result == kind.shape:
        return x
    if joined := _joined(kind.sample, result[1:]):
        start, end = joined
        arguments = {} if start == 1 else {"start_dim": start}
        return build.step("flatten", x, **arguments, **({} if end == kind.rank - 1 else {"end_dim": end}))
    # A size that is a formula is that of some value, and better said so.
    has_formula = any(isinstance(n, Size) and str(n) not in _names(build) for n in result[1:])
    like = _like(build, x, result) if has_formula else None
    if like is not None and _fits(build, x, like, result):
        return build.step("reshape", x, like, like=InputOf(1))
    try:
        return build.step("reshape", x, shape=(-1, *result[1:]))
    except Unsayable:
        if build.program.maker(x, "instancenorm") is not None:  # groups that become channels again: a groupnorm
            return build.program.foreign("Reshape", x, type=TensorType(result[0], result[1:]))
        like = _like(build, x, result)
        if like is None:
            raise
        return build.step("reshape", x, like, like=InputOf(1))


def require_batch(build: Building, x: str) -> None:
    """Refuse that all axes of size 1 go, where the batch may be one."""
    batch = build.type(x).batch
    if not isinstance(batch, int) or batch == 1:
        raise Unsayable("it takes away all axes of size 1, the batch too where there is one sample: name the axes")


def _names(build: Building) -> set[str]:
    """The symbols that the inputs' shapes name."""
    sizes = (n for kind in build.program.types.values() for n in kind.sample if isinstance(n, Size))
    return {symbol.name for n in sizes for symbol in n.symbols}


def _fits(build: Building, x: str, like: str, result: tuple[Dim, ...]) -> bool:
    """Whether the places of the value are what the shape asks for."""
    with suppress(Unsayable):
        reshape = operator("reshape", like=InputOf(1))
        return inferred(reshape, build.type(x), build.type(like)).shape == result
    return False


def _like(build: Building, x: str, result: tuple[Dim, ...]) -> str | None:
    """The last value whose places these are."""
    for value, kind in reversed(build.program.types.items()):
        if kind.rank == len(result) > 2 and kind.spatial == result[2:] and value != x:
            return value
    return None


def _joined(sample: Sequence[Dim], result: Sequence[Dim]) -> tuple[int, int] | None:
    """The first and last axis (the batch counted) that became one; None where it is not just that."""
    count = len(sample) - len(result)
    if count < 1:
        return None
    for start in range(len(result)):
        end = start + count
        if (
            tuple(sample[:start]) == tuple(result[:start])
            and tuple(sample[end + 1 :]) == tuple(result[start + 1 :])
            and times(sample[start : end + 1]) == result[start]
        ):
            return start + 1, end + 1
    return None


def times(sizes: Sequence[Dim]) -> Dim:
    total: Dim = 1
    for n in sizes:
        total = total * n
    return total


def _rest(kind: TensorType, known: Sequence[Dim]) -> Dim:
    """What -1 stands for: the sizes of the input over those that are known, without those that both have."""
    left, others = [*kind.shape], [*known]
    for n in known:
        if n in left:
            left.remove(n)
            others.remove(n)
    found = quotient(times(left), times(others)) if times(others) != 0 else None
    if found is None:
        raise Unsayable(
            f"it reshapes {kind} to sizes of which {shown_sizes(known)} are known, and that does not come out even"
        )
    return found


def shown_sizes(sizes: Sequence[Any]) -> str:
    return f"[{', '.join(map(str, sizes))}]"
