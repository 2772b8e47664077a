"""Operators that make one number of a whole axis, or of several."""

from collections.abc import Iterable, Sequence
from math import prod
from typing import Annotated, ClassVar

from pydantic import Field

from specc.ir.op import Refusal, Weightless
from specc.ir.rounding import Averaged, Bins, Summed
from specc.ir.size import Dim, Size
from specc.ir.targets import Builder, Ref, TorchCall, Value
from specc.ir.traits import AxisMap, Coefficient, Taps, Whole, averaged, same, summed, whole_taps
from specc.ir.types import TensorType
from specc.ops.bases import Averaging, Selector
from specc.ops.fields import LARGEST, Expect, Flag
from specc.ops.registry import register
from specc.ops.shapes import all_places, numbers, product_text, sample_axis

_Axis = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Axes = Annotated[_Axis | tuple[_Axis, ...], Expect("an axis, or a list of axes (whole numbers)")]

LONG_SUM = 4096
"""Elements above which runtimes' plain averages, which add one by one, are visibly worse than PyTorch's."""


def reduced(
    build: Builder, op_type: str, value: Ref, x: TensorType, axes: Sequence[int], *, keepdim: bool = True
) -> Ref:
    """``value``, of type ``x``, over its axes, which ascend and count the batch.

    At once; a sum that is known to be long axis by axis, since a plain running sum loses digits. Symbolic sizes are
    seldom large, and axis by axis ONNX Runtime takes up to twenty times as long over few places (1.31.1, 1280 x 7 x 7:
    248 us instead of 13), which is felt in networks that squeeze in every block.
    """
    if not axes:
        return value
    sizes = tuple(x.shape[axis] for axis in axes)
    if any(isinstance(size, Size) for size in sizes) or prod(numbers(sizes)) <= LONG_SUM:
        return build.node(op_type, value, build.integers(axes), keepdims=int(keepdim))
    for axis in reversed(axes):
        value = build.node(op_type, value, build.integers([axis]), keepdims=int(keepdim))
    return value


class Reduction(Weightless):
    """Base of the operators over whole axes, which become 1 (``keepdim``) or are left out."""

    torch_name: ClassVar[str]
    onnx_name: ClassVar[str]

    dim: Axes
    keepdim: Flag = False

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        axes = self._axes(x)
        if self.keepdim:
            return x.with_sample(*(1 if axis in axes else size for axis, size in enumerate(x.sample, start=1)))
        if len(axes) == len(x.sample):
            raise Refusal(
                "S0305",
                f"{self.kind} over every axis of {x} leaves one number without an axis",
                argument="dim",
                cause=0,
                label="leave an axis, or add keepdim=true",
            )
        return x.with_sample(*(size for axis, size in enumerate(x.sample, start=1) if axis not in axes))

    def axes(self, *inputs: TensorType) -> AxisMap:
        (x,) = inputs
        if self.keepdim:
            return same(len(x.sample))
        left = [axis - 1 for axis in range(1, x.rank) if axis not in self._axes(x)]
        return AxisMap(tuple(((axis,), (place,)) for place, axis in enumerate(left)))

    def window(self, *inputs: TensorType) -> Whole:
        (x,) = inputs
        axes = tuple(axis - 1 for axis in self._axes(x))
        return Whole(None if len(x.sample) == 1 else axes, dropped=() if self.keepdim else axes)

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall(self.torch_name, (Value(),), {"dim": self.dim} | self.non_default("keepdim"))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return reduced(build, self.onnx_name, values[0], inputs[0], self._axes(inputs[0]), keepdim=self.keepdim)

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        sizes: tuple[Dim, ...] = tuple(x.sample[axis - 1] for axis in self._axes(x))
        return (f"together: {product_text(sizes)} elements",)

    def _added(self, x: TensorType) -> tuple[tuple[Taps, ...], tuple[int, ...], tuple[int, ...]]:
        """What each result adds up, the sizes of the input, and those of the result with the axes kept."""
        axes, before = [axis - 1 for axis in self._axes(x)], numbers(x.sample)
        result = tuple(1 if axis in axes else size for axis, size in enumerate(before))
        return whole_taps(axes, before), before, result

    def _terms(self, x: TensorType) -> tuple[Dim, Bins]:
        """How many elements each result is made of, and which."""
        axes = self._axes(x)
        return prod(x.sample[axis - 1] for axis in axes), all_places(x, axes)

    def _axes(self, x: TensorType) -> tuple[int, ...]:
        """The axes in ascending order, the batch counted."""
        dims = (self.dim,) if isinstance(self.dim, int) else self.dim
        axes = sorted(sample_axis(self, dim, x) for dim in dims)
        if axes and len(set(axes)) == len(axes):
            return tuple(axes)
        raise Refusal(
            "S0303",
            f"dim of {self.kind} names {'an axis twice' if axes else 'no axis'}: {list(dims)}",
            argument="dim",
            label="needs one axis, or several different ones",
        )


@register
class Mean(Averaging, Reduction):
    """The mean over whole axes: torch.mean."""

    kind = "mean"
    torch_name = "torch.mean"
    onnx_name = "ReduceMean"

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient]:
        return averaged(*self._added(inputs[0]))

    def rounding(self, *inputs: TensorType) -> Averaged:
        return Averaged(*self._terms(inputs[0]))


@register
class Sum(Averaging, Reduction):
    """The sum over whole axes: torch.sum."""

    kind = "sum"
    torch_name = "torch.sum"
    onnx_name = "ReduceSum"

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient]:
        return summed(*self._added(inputs[0]))

    def rounding(self, *inputs: TensorType) -> Summed:
        return Summed(*self._terms(inputs[0]))


@register
class Amax(Selector, Reduction):
    """The largest element over whole axes: torch.amax."""

    kind = "amax"
    torch_name = "torch.amax"
    onnx_name = "ReduceMax"
