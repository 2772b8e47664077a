"""Padding that windows have around their input: alike on both sides, given for each side, or as TensorFlow's "same"."""

from typing import Annotated, NamedTuple

from pydantic import Field

from specc.ir.conditions import Equal
from specc.ir.op import Op, Refusal
from specc.ir.size import Dim, Size
from specc.ir.targets import SizeFormula, SizeOf, TorchCall, Value
from specc.ir.types import TensorType, times
from specc.ops.fields import LARGEST
from specc.ops.shapes import reach_of, unproven

SAME_UPPER = "same_upper"

Width = Annotated[int, Field(ge=0, le=LARGEST)]
Pairs = tuple[tuple[Width, Width], ...]
WIDTHS = "whole numbers of at least 0 (one, a list of one for each axis, or of a pair for each, before and after)"


class Sides(NamedTuple):
    """Places before and after each spatial axis. Of `SAME_UPPER` they may depend on a size that is symbolic."""

    before: tuple[Dim, ...]
    after: tuple[Dim, ...]

    @property
    def totals(self) -> tuple[Dim, ...]:
        return tuple(b + a for b, a in zip(self.before, self.after, strict=True))

    @property
    def is_even(self) -> bool:
        """Whether both sides of every axis have the same number, as PyTorch's layers pad."""
        return self.before == self.after and self.is_fixed

    @property
    def is_fixed(self) -> bool:
        return all(isinstance(width, int) for width in (*self.before, *self.after))


def is_by_side(padding: object) -> bool:
    """Whether it is a list of pairs: ``[[0, 1], [0, 1]]``."""
    return isinstance(padding, tuple) and any(isinstance(entry, tuple) for entry in padding)


def given(op: Op, padding: tuple[object, ...], axes: int) -> Sides:
    """The pairs, one for each spatial axis."""
    pairs = [entry for entry in padding if isinstance(entry, tuple)]
    if len(pairs) != len(padding) or len(pairs) != axes:
        names = {1: "[[0, 1]]", 2: "[[0, 1], [0, 1]] (height, width)", 3: "[[0, 1], [0, 1], [0, 1]]"}[axes]
        raise Refusal(
            "S0303",
            f"padding of each side takes {axes} {'pair' if axes == 1 else 'pairs'}, one for each spatial axis of the "
            f"input of {op.kind}",
            argument="padding",
            label=f"before and after: {names}",
        )
    before, after = zip(*pairs, strict=True)
    return Sides(before, after)


def refuse_flat_list(op: Op, padding: object, axes: int) -> None:
    """Refuses two numbers for each axis in one list, which tools read in different orders."""
    if isinstance(padding, tuple) and len(padding) == 2 * axes != axes and not is_by_side(padding):
        numbers = [number for number in padding if isinstance(number, int)]
        pairs = ", ".join(f"[{b}, {a}]" for b, a in zip(numbers[0::2], numbers[1::2], strict=True))
        halves = ", ".join(f"[{b}, {a}]" for b, a in zip(numbers[:axes], numbers[axes:], strict=True))
        helps = [f"padding=[{pairs}] pads each axis before and after"]
        if halves != pairs:
            helps.append(f"padding=[{halves}] does if all of before come first, as in ONNX's pads")
        raise Refusal(
            "S0303",
            f"padding has {len(padding)} entries, and the input of {op.kind} has {axes} spatial "
            f"{'axis' if axes == 1 else 'axes'}: which side is which?",
            argument="padding",
            label=f"needs one number, a list of {axes}, or a list of {axes} pairs",
            helps=tuple(helps),
        )


def same_upper(
    x: TensorType, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...], *, in_onnx: bool
) -> Sides:
    """The padding with which ceil(n/stride) windows fit, the spare place behind: TensorFlow's "same".

    A window that reaches over r places takes r - 1 - (n - 1) % stride of them, where that is above 0.

    Args:
        in_onnx: whether ONNX's own SAME_UPPER can be written where it depends on the size.

    Raises:
        Refusal: where it depends on a symbolic size, and cannot be written.
    """
    before: list[Dim] = []
    after: list[Dim] = []
    for n, reach, s in zip(x.spatial, reach_of(kernel, dilation), stride, strict=True):
        rest = (n - 1) % s
        if isinstance(rest, int):
            total: Dim = max(0, reach - 1 - rest)
        elif reach == 1:
            total = 0
        else:
            if reach < s or not in_onnx:
                claim = f'padding="{SAME_UPPER}" of {times(x.spatial)} has a width that can be written'
                raise unproven(claim, (Equal(n % s, 0),), necessary=False, argument="padding")
            total = reach - 1 - rest
        before.append(total // 2)
        after.append(total - total // 2)
    return Sides(tuple(before), tuple(after))


def padded_in_torch(
    sides: Sides, x: TensorType, reach: tuple[int, ...], stride: tuple[int, ...], mode: str, **options: object
) -> TorchCall:
    """The input with its padding: ``F.pad(x, (0, 1, 0, 1))``, the last axis first."""
    widths: list[object] = []
    for axis in reversed(range(len(x.spatial))):
        for width, more in ((sides.before[axis], 0), (sides.after[axis], 1)):
            if isinstance(width, Size):
                rest = SizeFormula("%", (SizeFormula("-", (SizeOf(axis + 2), 1)), stride[axis]))
                widths.append(SizeFormula("//", (SizeFormula("-", (reach[axis] - 1 + more, rest)), 2)))
            else:
                widths.append(width)
    return TorchCall("F.pad", (Value(), tuple(widths)), ({} if mode == "constant" else {"mode": mode}) | options)
