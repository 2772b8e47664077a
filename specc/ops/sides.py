"""Padding that windows have around their input: alike on both sides, given for each side, or as TensorFlow's "same"."""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from specc.ir.op import Op, Refusal
from specc.ir.size import Dim, Size
from specc.ir.targets import Builder, Ref, SizeFormula, SizeOf, TorchCall, Value
from specc.ir.types import TensorType
from specc.ops.fields import LARGEST, Expect
from specc.ops.like import spatial_sizes
from specc.ops.shapes import reach_of

SAME_UPPER = "same_upper"

Width = Annotated[int, Field(ge=0, le=LARGEST)]
Pairs = tuple[tuple[Width, Width], ...]
WIDTHS = "whole numbers of at least 0 (one, a list of one for each axis, or of a pair for each, before and after)"
Padding = Annotated[Width | tuple[Width, ...] | Pairs | Literal["same_upper"], Expect(f'{WIDTHS}, or "same_upper"')]


class Sides(NamedTuple):
    """Places before and after each spatial axis. Of `SAME_UPPER` they may depend on a size that is symbolic."""

    before: tuple[Dim, ...]
    after: tuple[Dim, ...]

    @classmethod
    def none(cls, axes: int) -> "Sides":
        """No padding."""
        return cls((0,) * axes, (0,) * axes)

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


def same_upper(x: TensorType, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> Sides:
    """The padding with which ceil(n/stride) windows fit, the spare place behind: TensorFlow's "same".

    A window that reaches over r places takes r - 1 - (n - 1) % stride of them, where that is above 0.
    """
    before: list[Dim] = []
    after: list[Dim] = []
    for n, reach, s in zip(x.spatial, reach_of(kernel, dilation), stride, strict=True):
        rest = (n - 1) % s
        total: Dim = max(0, reach - 1 - rest) if isinstance(rest, int) else 0
        if not isinstance(rest, int) and reach > 1:
            total = reach - 1 - rest
            if reach < s:  # nothing where more than that is left over
                total = total * ((s - 1 + reach - rest) // s)
        before.append(total // 2)
        after.append(total - total // 2)
    return Sides(tuple(before), tuple(after))


def padded_in_torch(
    sides: Sides,
    x: TensorType,
    reach: tuple[int, ...],
    stride: tuple[int, ...],
    mode: str,
    of: object = Value(),  # a record, which nobody changes
    **options: object,
) -> TorchCall:
    """The input, or what ``of`` is made of it, with its padding: ``F.pad(x, (0, 1, 0, 1))``, the last axis first."""
    widths: list[object] = []
    for axis in reversed(range(len(x.spatial))):
        for width, more in ((sides.before[axis], 0), (sides.after[axis], 1)):
            widths.append(_same_in_torch(axis, reach[axis], stride[axis], more) if isinstance(width, Size) else width)
    return TorchCall("F.pad", (of, tuple(widths)), ({} if mode == "constant" else {"mode": mode}) | options)


def _same_in_torch(axis: int, reach: int, stride: int, more: int) -> SizeFormula:
    """Of `SAME_UPPER`, half of the places on an axis, rounded down or (``more`` is 1) up; as `same_upper` has them."""
    rest = SizeFormula("%", (SizeFormula("-", (SizeOf(axis + 2), 1)), stride))
    if reach >= stride:
        return SizeFormula("//", (SizeFormula("-", (reach - 1 + more, rest)), 2))
    is_any = SizeFormula("//", (SizeFormula("-", (stride - 1 + reach, rest)), stride))
    total = SizeFormula("*", (SizeFormula("-", (reach - 1, rest)), is_any))
    return SizeFormula("//", (SizeFormula("+", (total, more)) if more else total, 2))


def padded_in_onnx(build: Builder, value: Ref, reach: tuple[int, ...], stride: tuple[int, ...], fill: float) -> Ref:
    """The input with the padding of `SAME_UPPER`, where that depends on sizes and ONNX's own is no help.

    ONNX Runtime refuses ``auto_pad`` together with a dilation; of a stride beyond the window it is not known to pad 0.
    """
    last = build.node("Sub", spatial_sizes(build, value), build.integers([1]))
    rest = build.node("Mod", last, build.integers([*stride]))
    total = build.node("Sub", build.integers([places - 1 for places in reach]), rest)
    if any(places < s for places, s in zip(reach, stride, strict=True)):
        total = build.node("Max", total, build.integers([0]))
    before = build.node("Div", total, build.integers([2]))
    widths = build.node("Concat", before, build.node("Sub", total, before), axis=0)
    axes = build.integers([*range(2, len(reach) + 2)])
    return build.node("Pad", value, widths, build.floats(fill) if fill else "", axes, mode="constant")


def pads_itself(reach: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> bool:
    """Whether ONNX's own SAME_UPPER is what `same_upper` says, whatever the sizes are."""
    return max(dilation) == 1 and all(r >= s for r, s in zip(reach, stride, strict=True))


class Geometry(NamedTuple):
    """Of a transposed convolution, one entry for each spatial axis.

    Attributes:
        sides: places that are cropped from the result.
        extra: places that are added at its end.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    sides: Sides
    extra: tuple[int, ...]
    dilation: tuple[int, ...]


def by_cropping(before: int, after: int, extra: int, most: int) -> tuple[int, int, int, int]:
    """How PyTorch, which crops both sides alike, crops each by itself along an axis.

    Its layer leaves, of the whole result, what is behind ``padding`` places and before ``padding - output_padding``.

    Args:
        extra: places to be added at the end.
        most: the largest ``output_padding`` that it takes.

    Returns:
        padding, output_padding, and how many places are to be cropped from the start and the end of what it gives.
    """
    behind = before + extra - after
    start = max(0, behind - most)
    return before - start, max(0, behind - start), start, max(0, -behind)
