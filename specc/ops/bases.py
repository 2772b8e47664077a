"""Bases of operators: what many of them say of axes, elements and tensors, declared once."""

from math import prod
from typing import ClassVar

from specc.ir.init import Fixed, Init, Initialiser, named, pytorch_default
from specc.ir.op import Op, Parameter, Refusal, Weightless
from specc.ir.rounding import Exact, Rounding
from specc.ir.targets import TorchCall, Value
from specc.ir.traits import AxisMap, ChannelsFirst, Pointwise, Range, Window, same
from specc.ir.types import TensorType, times
from specc.ops.fields import LARGEST_REAL

MOST_WRITTEN = 16
"""Of the numbers of a weight that a help writes out."""


class Elementwise(Op):
    """Base of the operators that keep the shape; unless they say more, an element depends on the one at its place."""

    numerics: ClassVar[Rounding] = Exact()
    """The float32 arithmetic, where no attribute changes it."""
    unchanged: ClassVar[Range | None] = None
    """The numbers that are results of themselves, where no attribute changes them."""

    def infer(self, *inputs: TensorType) -> TensorType:
        return inputs[0]

    def axes(self, *inputs: TensorType) -> AxisMap:
        return same(len(inputs[0].sample))

    def window(self, *inputs: TensorType) -> Window:
        return Pointwise()

    def rounding(self, *inputs: TensorType) -> Rounding:
        return self.numerics

    def fixed_points(self) -> Range | None:
        return self.unchanged


class Selector(Weightless):
    """Base of the operators whose results are elements of their inputs, moved or chosen: nothing is computed."""

    def selects(self, *inputs: TensorType) -> bool:
        return True

    def rounding(self, *inputs: TensorType) -> Exact:
        return Exact()


class Channelwise(Op):
    """Base of the operators that are defined on (channels, places …), and give the same."""

    def axes(self, *inputs: TensorType) -> ChannelsFirst:
        return ChannelsFirst()


class Averaging(Op):
    """Base of the means of elements: factors above 0 pass through them; of a range, rounding leaves only the sign."""

    def homogeneous(self, *inputs: TensorType) -> bool:
        return True

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return ranges[0].signs


class Functional(Op):
    """Base of the operators that are one function of PyTorch, whose arguments are the fields in their order."""

    torch_name: ClassVar[str]
    """Of the function; ``{}`` is the number of spatial axes."""

    def torch(self, *inputs: TensorType) -> TorchCall:
        fields = type(self).model_fields
        required = [name for name, field in fields.items() if field.is_required()]
        options = self.non_default(*(name for name in fields if name not in required))
        name = self.torch_name.format(len(inputs[0].spatial))
        return TorchCall(name, (Value(), *(getattr(self, field) for field in required)), options)


def weight_and_bias(
    shape: tuple[int, ...],
    *,
    outputs: int,
    bias: bool | tuple[object, ...],
    weight: tuple[object, ...] | None,
    frozen: bool,
    init: Initialiser | None,
    kernel_only: bool = False,
    axes: tuple[str, ...] = ("outputs", "inputs"),
) -> tuple[Parameter, ...]:
    """The parameters of a layer whose weight has ``shape``.

    Args:
        axes: what each axis of ``shape`` counts; those behind the first two are the kernel's.
        kernel_only: each filter has a single kernel, so ``weight`` may be just that kernel, which
            then serves every filter.

    Raises:
        Refusal: where ``weight`` is ragged, not numeric or of another shape, or comes with ``init``.
    """
    default = pytorch_default(shape)
    start: Init = named(init, shape) if init else default
    if weight is not None:
        if init:
            raise Refusal(
                "S0305",
                f'weight gives the numbers and init="{init}" would draw others',
                argument="init",
                label="leave out one of the two",
                against="weight",
            )
        actual, values = row_major("weight", weight)
        if kernel_only and actual == shape[2:]:
            values *= prod(shape) // len(values)
        elif actual != shape:
            raise _other_shape(shape, actual, values, kernel_only, axes)
        start = Fixed(values)
    parameters = [Parameter("weight", shape, start, trainable=not frozen)]
    if bias is not False:
        start = default if bias is True else one_each("bias", bias, outputs)
        parameters.append(Parameter("bias", (outputs,), start, trainable=not frozen))
    return tuple(parameters)


def _other_shape(
    shape: tuple[int, ...],
    actual: tuple[int, ...],
    values: tuple[float, ...],
    kernel_only: bool,
    axes: tuple[str, ...],
) -> Refusal:
    """The refusal of a weight of the ``actual`` shape, with what was likely meant: other brackets, another kernel."""
    helps = []
    target = shape[2:] if kernel_only else shape
    sizes = [size for size in actual if size > 1]
    is_bracketed_otherwise = len(actual) != len(target) and sizes in ([prod(target)], [s for s in target if s > 1])
    if is_bracketed_otherwise and len(values) <= MOST_WRITTEN:
        helps.append(f"write `weight={_nested(values, target)}`")
    kernel = actual if kernel_only else actual[2:] if actual[:2] == shape[:2] else ()
    if len(kernel) == len(shape) - 2 > 0 and kernel != shape[2:]:
        written = str(kernel[0]) if len(set(kernel)) == 1 else str(list(kernel))
        helps.append(f"these numbers are a kernel of {times(kernel)}, kernel={written}")
    return Refusal(
        "S0107",
        f"weight has shape {times(actual)}, and this step's weight is {times(shape)}",
        argument="weight",
        label=f"needs {times(shape)}" + (f", or {times(target)} for every filter" if kernel_only else ""),
        notes=(f"{times(shape)} is {' x '.join(axes)}",),
        helps=tuple(helps),
    )


def _nested(values: tuple[float, ...], shape: tuple[int, ...]) -> str:
    """``[[1, -1]]``: the row-major ``values`` as the language writes a tensor of that shape."""
    if not shape:
        return str(int(values[0])) if values[0].is_integer() else str(values[0])
    rows = len(values) // shape[0]
    return f"[{', '.join(_nested(values[i * rows : (i + 1) * rows], shape[1:]) for i in range(shape[0]))}]"


def without_numbers(options: dict[str, object]) -> dict[str, object]:
    """The arguments of PyTorch's layer: numbers for a bias are given to the layer that is made."""
    return {name: value for name, value in options.items() if name != "bias" or value is False}


def one_each(name: str, numbers: tuple[object, ...], outputs: int) -> Fixed:
    """The start of a tensor that is given as a list. Raises Refusal where that has another length."""
    actual, values = row_major(name, numbers)
    if actual != (outputs,):
        raise Refusal(
            "S0107",
            f"{name} has shape {times(actual)}, and there are {outputs} outputs",
            argument=name,
            label=f"needs {outputs} {'number' if outputs == 1 else 'numbers'}",
        )
    return Fixed(values)


def row_major(name: str, values: object) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Shape and row-major elements of nested tuples of numbers, of the argument ``name``."""
    # True is an int of Python's, and no number of a weight.
    if isinstance(values, (int, float)) and not isinstance(values, bool):
        if not abs(values) <= LARGEST_REAL:
            raise Refusal(
                "S0304",
                f"{name} holds a number beyond float32",
                argument=name,
                label=f"needs numbers up to {LARGEST_REAL:.4g}",
            )
        return (), (float(values),)
    if not isinstance(values, tuple) or not values:
        words = {"()": "an empty list", "True": "true", "False": "false", "None": "none"}
        raise Refusal(
            "S0303",
            f"{name} holds {words.get(repr(values), repr(values))}, which is not a number",
            argument=name,
            label="needs a (nested) list of numbers",
        )
    parts = [row_major(name, value) for value in values]
    inner = parts[0][0]
    if any(shape != inner for shape, _ in parts):
        raise Refusal(
            "S0303", f"{name} is ragged: its rows differ in length", argument=name, label="needs rows of one length"
        )
    return (len(parts), *inner), tuple(number for _, numbers in parts for number in numbers)
