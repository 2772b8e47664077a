"""``like``: the sizes of another value of the network, up to which a step resizes, pads or crops."""

from typing import Annotated, Literal

from pydantic import Field

from specc.ir.conditions import AtLeast, Equal, always_at_least
from specc.ir.op import Op, Refusal
from specc.ir.size import Dim, Size
from specc.ir.targets import Builder, Ref, SizeFormula, SizeOf
from specc.ir.types import TensorType, times
from specc.ops.fields import LARGEST, Expect
from specc.ops.shapes import AXIS_NAMES, numbers, per_axis, require_spatial, sample_axis, unproven

_Place = Annotated[int, Field(ge=0, le=LARGEST)]
Offset = Annotated[
    Literal["center", "end"] | _Place | tuple[_Place, ...],
    Expect(
        '"center", "end", or whole numbers of at least 0 (and below 2^31): one for every axis, or a list of one '
        "for each"
    ),
]
"""At which place of the larger of two values the smaller one begins; or it ends where that ends."""


def sizes_like(op: Op, x: TensorType, like: TensorType) -> tuple[Dim, ...]:
    """The spatial sizes of ``like``; refuses where ``x`` has not as many."""
    axes = require_spatial(op, x)
    if len(like.spatial) == axes:
        return like.spatial
    has = f"{like} has {_spatial_axes(len(like.spatial))}" if like.spatial else f"{like} is flat"
    raise Refusal(
        "S0101",
        f"{op.kind} takes the {' and '.join(AXIS_NAMES[axes])} of like, and {has}",
        argument="like",
        cause=1,
        label=f"the input, {x}, has {_spatial_axes(axes)}",
    )


def _spatial_axes(count: int) -> str:
    return f"{count} spatial {'axis' if count == 1 else 'axes'}"


def axes_like(op: Op, x: TensorType, dim: int | None) -> tuple[int, ...]:
    """The axes that get the sizes of another value: the spatial ones, or ``dim`` alone, which is one of them."""
    axes = tuple(range(2, x.rank))
    if dim is None:
        return axes
    axis = sample_axis(op, dim, x)
    if axis in axes:
        return (axis,)
    raise Refusal(
        "S0303",
        f"{op.kind} takes the size of a spatial axis of like, and dim = {dim} is the channels of {x}",
        argument="dim",
        label=f"from 2 to {axes[-1]}",
        helps=("slice(start, stop) takes channels by number",),
    )


class Placement:
    """Where the smaller of two values lies in the larger one.

    Attributes:
        axes: the axes along which it may be smaller, counted with the batch; along others the two are alike.
        before: places of the larger one before it, one for each of these; in the middle, the odd place is behind.
        after: places behind it.
    """

    def __init__(
        self,
        op: Op,
        offset: str | int | tuple[int, ...],
        small: TensorType,
        large: TensorType,
        axes: tuple[int, ...],
    ) -> None:
        self._op = op
        self._offset = offset
        self.axes = axes
        self._rank = small.rank
        self._small, self._large = (tuple([x.shape[axis] for axis in axes]) for x in (small, large))
        self._spare = tuple([n - m for m, n in zip(self._small, self._large, strict=True)])
        if offset == "center":
            self.before: tuple[Dim, ...] = tuple([spare // 2 for spare in self._spare])
        else:
            self.before = self._spare if isinstance(offset, str) else per_axis(offset, len(axes), op, "offset")
        self.after = tuple([spare - start for spare, start in zip(self._spare, self.before, strict=True)])

    @property
    def is_fixed(self) -> bool:
        """Whether all places are numbers, whatever the sizes are."""
        return all(isinstance(places, int) for places in (*self.before, *self.after))

    @property
    def is_alike(self) -> bool:
        """Whether the two have the same sizes, whatever these are."""
        return all(spare == 0 for spare in self._spare)

    @property
    def of_sample(self) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
        """``before`` and ``after`` for every axis of a sample."""
        around = dict(zip(self.axes, zip(self.before, self.after, strict=True), strict=True))
        before, after = zip(*(around.get(axis, (0, 0)) for axis in range(1, self._rank)), strict=True)
        return before, after

    def require(self, claim: str, refused: str, other: str) -> None:
        """Refuses where the smaller value reaches beyond the larger one.

        Args:
            claim: that it does not, as a sentence.
            refused: that it does, at every size.
            other: what to write then.
        """
        is_open = isinstance(self._offset, str)
        behind = "" if is_open or not any(self.before) else f", from place {times(self.before)} on"
        left = [places for places in (self._spare if is_open else self.after) if not always_at_least(places, 0)]
        if any(always_at_least(-1 - places, 0) for places in left):
            raise Refusal("S0303", f"{refused}{behind}", argument="like", cause=1, helps=(other,))
        if not left:
            return
        # What is never above 0 has to be 0: that holds for some remainders of the sizes.
        short = [Equal(places, 0) if always_at_least(-places, 0) else AtLeast(places, 0) for places in left]
        names = dict.fromkeys(symbol.name for size in left if isinstance(size, Size) for symbol in size.symbols)
        same = f"a contract says of two sizes that they are equal, `where {' == '.join([*names][:2])}`, and no more"
        notes = (f"{times(self._large)} is never more than {times(self._small)}: {other}",)
        raise unproven(
            f"{claim}{behind}",
            short,
            argument="like",
            cause=1,
            notes=notes if all(isinstance(part, Equal) for part in short) else (),
            helps=(same,) if len(names) > 1 else (),
        )

    def torch(self, small: int, large: int) -> dict[int, tuple[object, object]]:
        """``before`` and ``after`` of each axis in PyTorch, where the values are the inputs of these numbers."""
        pairs: dict[int, tuple[object, object]] = {}
        for axis, start in zip(self.axes, self.before, strict=True):
            sizes = SizeOf(axis, large), SizeOf(axis, small)
            # What is before plus what is behind has to be the spare places for torch.export, too, which proves little:
            # so it is d - d // 2 behind, and not (d + 1) // 2.
            before = SizeFormula("//", (SizeFormula("-", sizes), 2)) if self._offset == "center" else start
            if self._offset == "end":
                pairs[axis] = SizeFormula("-", sizes), 0
            else:
                pairs[axis] = before, SizeFormula("-", sizes if before == 0 else (*sizes, before))
        return pairs

    def onnx(self, build: Builder, small: Ref, large: Ref) -> tuple[Ref, Ref]:
        """``before``, and that with ``after``, in ONNX: two rows of numbers, of the rows of sizes."""
        spare = build.node("Sub", large, small)
        # No size is below 0 here, so that to divide is to round down.
        match self._offset:
            case "center":
                return build.node("Div", spare, build.integers([2])), spare
            case "end":
                return spare, spare
        return build.integers([*numbers(self.before)]), spare

    def sizes(self, build: Builder, value: Ref) -> Ref:
        """A row with the sizes of the value along its axes."""
        stop = self.axes[-1] + 1
        return build.node("Shape", value, start=self.axes[0], **({"end": stop} if stop < self._rank else {}))


def offset_of(around: list[tuple[Dim, Dim]], sizes: list[tuple[Dim, Dim]]) -> Offset | None:
    """The offset that means these places ``around`` a value, before and after it on each axis; None where none does.

    Args:
        sizes: how large it is on each axis, and how large the value is that it is to lie in.
    """
    spare = [large - small for small, large in sizes]
    if any(before + after != places for (before, after), places in zip(around, spare, strict=True)):
        return None
    if all(before == places // 2 for (before, _), places in zip(around, spare, strict=True)):
        return "center"
    if all(after == 0 for _, after in around):
        return "end"
    first = around[0][0]
    return first if isinstance(first, int) and all(before == first for before, _ in around) else None


def spatial_sizes(build: Builder, value: Ref) -> Ref:
    """A row with the sizes of the value behind its channels."""
    return build.node("Shape", value, start=2)
