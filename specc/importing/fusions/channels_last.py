"""Channels at the end, as TensorFlow has them: each permutation is moved behind the steps that do not mind, until it
meets the one that undoes it.
"""

from __future__ import annotations

from typing import Any

from specc.importing.fusions.affine import arguments_of
from specc.importing.fusions.fusion import fusion
from specc.importing.program import Foreign, Known, Program, Step
from specc.ir.op import Op

_BY_ELEMENT = (
    *("relu relu6 sigmoid tanh hardtanh clamp leakyrelu elu celu selu silu hardswish hardsigmoid gelu".split()),
    *("softplus softsign mish abs neg exp log sqrt pow dropout logsigmoid threshold".split()),
    *("Erf Shift Factor".split()),
)
_MERGES = ("add", "sub", "mul", "div", "maximum", "minimum")
_ALONG_AXES = ("concat", "slice", "mean", "sum", "amax", "softmax", "logsoftmax", "normalize")


def to_the_end(rank: int) -> tuple[int, ...]:
    """The order that puts the channels last: ``(0, 2, 3, 1)``."""
    return (0, *range(2, rank), 1)


def _turned(program: Program, step: Step) -> tuple[tuple[int, ...], tuple[str, ...]] | None:
    """The order, where all that a step reads has its channels moved to the end, and what has not been moved."""
    turns = [program.maker(value, "permute") for value in step.inputs]
    if program.is_own or not turns or any(turn is None for turn in turns):
        return None
    orders = {tuple(turn["dims"]) for turn in turns if turn is not None}
    order = next(iter(orders))
    if len(orders) > 1 or order != to_the_end(len(order)):
        return None
    return order, tuple(turn.inputs[0] for turn in turns if turn is not None)


@fusion(*_BY_ELEMENT, *_MERGES)
def by_element(program: Program, step: Step) -> bool:
    """What computes each element by itself, or those at one place of several values."""
    found = _turned(program, step)
    if found is None:
        return False
    order, inputs = found
    if isinstance(step.op, Foreign):
        return _foreign(program, step, order, inputs)
    inner = program.before(step, step.kind, *inputs, tensors=step.tensors, **arguments_of(step.op))
    return program.become(step, "permute", inner, dims=order)


def _foreign(program: Program, step: Step, order: tuple[int, ...], inputs: tuple[str, ...]) -> bool:
    assert isinstance(step.op, Foreign)
    attributes = dict(step.op.attributes)
    constant: Known | None = attributes.get("constant")
    if constant is not None and constant.size > 1:
        back = tuple(order.index(axis) for axis in range(len(order)))
        attributes["constant"] = constant.transposed(*back)
    inner = program.foreign_before(step, step.kind, *inputs, **attributes)
    return program.become(step, "permute", inner, dims=order)


@fusion(*_ALONG_AXES)
def along_axes(program: Program, step: Step) -> bool:
    """What names an axis, or several."""
    found = _turned(program, step)
    if found is None:
        return False
    order, inputs = found
    assert isinstance(step.op, Op)
    arguments: dict[str, Any] = arguments_of(step.op)
    dims = step["dim"] if isinstance(step["dim"], tuple) else (step["dim"],)
    moved = tuple(order[dim % len(order)] for dim in dims)
    arguments["dim"] = moved[0] if len(moved) == 1 else tuple(sorted(moved))
    if step.kind in ("mean", "sum", "amax") and not step["keepdim"]:
        places = tuple(range(2, len(order)))
        if arguments["dim"] not in (places, *places[: len(places) == 1]):
            return False
        return program.become(step, step.kind, *inputs, **arguments)
    inner = program.before(step, step.kind, *inputs, **arguments)
    return program.become(step, "permute", inner, dims=order)


@fusion("pad")
def padded(program: Program, step: Step) -> bool:
    """Places around the input, which are said from the last axis on."""
    found = _turned(program, step)
    widths = step["padding"]
    if found is None or not isinstance(widths, tuple) or step["mode"] != "constant":
        return False
    order, inputs = found
    pairs = [*zip(widths[0::2], widths[1::2], strict=True)]
    by_axis = {order[len(order) - 1 - place]: pair for place, pair in enumerate(pairs)}
    if by_axis.get(1, (0, 0)) != (0, 0):
        return False
    flat = tuple(n for axis in range(len(order) - 1, 1, -1) for n in by_axis.get(axis, (0, 0)))
    value = {} if step["value"] == 0 else {"value": step["value"]}
    inner = program.before(step, "pad", *inputs, padding=flat, **value)
    return program.become(step, "permute", inner, dims=order)


@fusion("mean", "amax")
def global_pool(program: Program, step: Step) -> bool:
    """The mean of all places, as the language has a word for it."""
    x = step.inputs[0]
    rank = program.types[x].rank
    dims = step["dim"] if isinstance(step["dim"], tuple) else (step["dim"],)
    if program.is_own or tuple(sorted(dim % rank for dim in dims)) != tuple(range(2, rank)) or not 3 <= rank <= 5:
        return False
    kind = "globalavgpool" if step.kind == "mean" else "globalmaxpool"
    if step["keepdim"]:
        return program.become(step, kind, x)
    return program.become(step, "flatten", program.before(step, kind, x))
