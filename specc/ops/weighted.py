"""What conv and linear layers share: weight and bias, ``weight=`` constants, ``init``, ``frozen``."""

from math import prod

from specc.ir.init import Fixed, Init, Initialiser, named, pytorch_default
from specc.ir.op import Parameter, Refusal
from specc.ir.types import times

_LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127


def weight_and_bias(
    shape: tuple[int, ...],
    *,
    outputs: int,
    bias: bool,
    weight: tuple[object, ...] | None,
    frozen: bool,
    init: Initialiser | None,
    kernel_only: bool = False,
) -> tuple[Parameter, ...]:
    """The parameters of a layer whose weight has ``shape``.

    Args:
        kernel_only: each filter has a single kernel, so ``weight`` may give just that kernel, which
            then serves every filter.

    Raises:
        Refusal: where ``weight`` is ragged, not numeric or of another shape, or given beside ``init``.
    """
    usual = pytorch_default(shape)
    start: Init = usual
    if weight is None:
        start = named(init, shape) if init else usual
    elif init:
        raise Refusal(
            "S0305",
            f'weight gives the numbers and init="{init}" would draw others',
            argument="init",
            label="leave out one of the two",
        )
    else:
        start = Fixed(_fixed(weight, shape, kernel_only))
    parameters = [Parameter("weight", shape, start, trainable=not frozen)]
    if bias:
        parameters.append(Parameter("bias", (outputs,), usual, trainable=not frozen))
    return tuple(parameters)


def _fixed(weight: tuple[object, ...], shape: tuple[int, ...], kernel_only: bool) -> tuple[float, ...]:
    given, values = _flatten(weight)
    if given == shape:
        return values
    if kernel_only and given == shape[2:]:
        return values * (prod(shape) // len(values))
    wanted = times(shape) + (f", or {times(shape[2:])} for every filter" if kernel_only else "")
    raise Refusal(
        "S0107",
        f"weight has shape {times(given)}, and this step's weight is {times(shape)}",
        argument="weight",
        label=f"needs {wanted}",
    )


def _flatten(values: object) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Shape and row-major elements of nested tuples of numbers."""
    if isinstance(values, (int, float)) and not isinstance(values, bool):
        if not abs(values) <= _LARGEST_FLOAT32:
            raise Refusal(
                "S0304",
                "weight holds a number beyond float32",
                argument="weight",
                label=f"needs numbers up to {_LARGEST_FLOAT32:.4g}",
            )
        return (), (float(values),)
    if not isinstance(values, tuple) or not values:
        raise Refusal(
            "S0303",
            f"weight holds {_shown(values)}, which is not a number",
            argument="weight",
            label="needs a (nested) list of numbers",
        )
    parts = [_flatten(value) for value in values]
    inner = parts[0][0]
    if any(shape != inner for shape, _ in parts):
        raise Refusal(
            "S0303", "weight is ragged: its rows differ in length", argument="weight", label="needs rows of one length"
        )
    return (len(parts), *inner), tuple(number for _, numbers in parts for number in numbers)


def _shown(value: object) -> str:
    if value == ():
        return "an empty list"
    return {True: "true", False: "false", None: "none"}[value] if isinstance(value, (bool, type(None))) else repr(value)
