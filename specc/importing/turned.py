"""Values whose batch is not the first axis for a while, as between the projection and the heads of an attention.

The language has the batch first always. A value that is permuted otherwise is in the program as it would be with its
batch in front, the order of the other axes kept, and a step ``BatchAt`` says where the batch has gone. What permutes it
back, or takes apart an axis in front of it, sees that step; whatever else would read the value is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from specc.importing.building import Building
from specc.importing.program import Program, Unsayable
from specc.importing.shapes import reshaped, times
from specc.ir.size import Dim

OTHER_FIRST = "it computes with a value that has another axis in front of the batch: move the batch back before"
"""Of whatever else reads one."""


def batch_place(program: Program, x: str) -> int:
    """The axis that the batch is in the origin."""
    step = program.maker(x, "BatchAt")
    return int(step["place"]) if step is not None else 0


def shape_there(build: Building, x: str) -> tuple[Dim, ...]:
    """The shape that a value has in the origin."""
    batch, *sample = build.type(x).shape
    place = batch_place(build.program, x)
    return (*sample[:place], batch, *sample[place:])


def axis_here(build: Building, x: str, axis: int) -> int:
    """An axis of the origin's value in the program's: 0 for the batch."""
    place = batch_place(build.program, x)
    axis %= build.type(x).rank
    return 0 if axis == place else axis + 1 if axis < place else axis


def plain_value(build: Building, x: str) -> str:
    """The program's own value, with the batch in front."""
    step = build.program.maker(x, "BatchAt")
    return step.inputs[0] if step is not None else x


def batch_at(build: Building, x: str, place: int) -> str:
    """The value as one whose batch is that axis in the origin."""
    return x if place == 0 else build.program.foreign("BatchAt", x, place=place)


def permuted(build: Building, x: str, order: Sequence[int]) -> str:
    """Axes of the origin in another order, wherever the batch goes."""
    rank = build.type(x).rank
    here = [axis_here(build, x, axis % rank) for axis in order]
    place = here.index(0)
    dims = (0, *(axis for axis in here if axis))
    plain = plain_value(build, x)
    if dims != tuple(range(rank)):
        plain = build.step("permute", plain, dims=dims)
    return batch_at(build, plain, place)


def without_axis(build: Building, x: str, axis: int) -> str:
    """Without an axis of the origin whose size is 1."""
    here = axis_here(build, x, axis)
    place = batch_place(build.program, x)
    shape = [n for other, n in enumerate(build.type(x).shape) if other != here]
    return batch_at(build, reshaped(build, plain_value(build, x), shape), place - (here <= place))


def part(build: Building, x: str, axis: int, start: int, stop: int) -> str:
    """Places of an axis of the origin, which is not its batch."""
    here = axis_here(build, x, axis)
    plain = build.step("slice", plain_value(build, x), start=start, stop=stop, dim=here)
    return batch_at(build, plain, batch_place(build.program, x))


# ---- heads joined with the batch ----------------------------------------------------------------------------


def joined_heads(build: Building, x: str, target: Sequence[Dim]) -> str | None:
    """A reshape of [N, h, n, m] to [N*h, n, m], where a step ``Joined`` says so, or back; None where it is none.

    Exporters transpose the keys of an attention so.
    """
    inner = build.program.maker(x, "Joined")
    kind = build.type(x)
    if inner is not None:
        if tuple(target[1:]) != kind.shape[1:] or target[0] not in (-1, kind.batch):  # 0 is the size that is joined
            raise Unsayable(f"it reshapes the heads of {kind}, which are joined with the batch, to other sizes")
        return inner.inputs[0]
    if kind.rank != 4 or len(target) != 3 or tuple(target[1:]) != kind.shape[2:] or kind.shape[1] == 1:
        return None
    if target[0] not in (-1, times(kind.shape[:2])):
        return None
    return build.program.foreign("Joined", x)


def within_heads(build: Building, x: str, order: Sequence[int]) -> str:
    """The axes behind the heads in another order."""
    if order[0] != 0:
        raise Unsayable(OTHER_FIRST)
    (plain,) = build.program.maker(x, "Joined").inputs  # type: ignore[union-attr] # whoever calls has looked
    turned = build.step("permute", plain, dims=(0, 1, *(axis + 1 for axis in order[1:])))
    return build.program.foreign("Joined", turned)
