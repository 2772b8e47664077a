"""What tf2onnx makes of Keras: axes of size 1 that come and go, norms in many nodes, rows with the channels last.

A layer over a signal is one over an image of height 1 there, and a dense layer takes what was flattened with its
channels last. These rewrite files of tf2onnx alone: elsewhere the same steps are what somebody has written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from specc.importing.fusions.activations import is_square, orders
from specc.importing.fusions.affine import arguments_of, axis_of, flat, single
from specc.importing.fusions.channels_last import to_the_end
from specc.importing.fusions.fusion import fusion
from specc.importing.fusions.norms import mean_axes
from specc.importing.program import Foreign, Known, Program, Step
from specc.ir.op import Op

_UNIT_EPS = 1e-5
"""Of a norm that is read of a factor and a shift: its running variance is 1 less that."""

_BY_ELEMENT = (
    "relu relu6 sigmoid tanh hardtanh clamp leakyrelu elu selu silu hardswish hardsigmoid gelu dropout".split()
)


# ---- axes of size 1 -----------------------------------------------------------------------------------------


def _new_axis(program: Program, step: Step | None) -> int | None:
    """The axis of size 1 that a reshape puts in, where that is all it does."""
    if step is None or step.kind != "reshape" or len(step.inputs) != 1:
        return None
    before, after = program.types[step.inputs[0]].shape, step.type.shape
    if len(after) != len(before) + 1:
        return None
    found = (
        axis for axis in range(1, len(after)) if after[axis] == 1 and (*after[:axis], *after[axis + 1 :]) == before
    )
    return next(found, None)


@fusion("reshape")
def turned_by_reshaping(program: Program, step: Step) -> bool:
    """A single channel that a reshape moves to the end, or to the front."""
    x = program.types[step.inputs[0]]
    rank = x.rank
    if not program.is_tensorflow or len(step.inputs) != 1 or step.type.rank != rank or rank < 3:
        return False
    last = to_the_end(rank)
    if x.shape[1] == 1 and tuple(x.shape[axis] for axis in last) == step.type.shape:
        return program.become(step, "permute", *step.inputs, dims=last)
    first = (0, rank - 1, *range(1, rank - 1))
    if x.shape[-1] == 1 and tuple(x.shape[axis] for axis in first) == step.type.shape:
        return program.become(step, "permute", *step.inputs, dims=first)
    return False


@fusion("reshape")
def vector_as_channels(program: Program, step: Step) -> bool:
    """A vector as the channels of one place: [N, C] to [N, 1, 1, C]."""
    x, rank = program.types[step.inputs[0]], step.type.rank
    if not program.is_tensorflow or len(step.inputs) != 1 or x.rank != 2 or rank < 3:
        return False
    if any(n != 1 for n in step.type.shape[1:-1]) or step.type.shape[-1] == 1:
        return False
    first = program.before(step, "reshape", *step.inputs, shape=(-1, x.shape[1], *(1,) * (rank - 2)))
    return program.become(step, "permute", first, dims=to_the_end(rank))


@fusion("permute")
def turned_with_a_new_axis(program: Program, step: Step) -> bool:
    """A permutation behind a new axis of size 1, as one before it."""
    before = program.inner(step.inputs[0], "reshape")
    axis = _new_axis(program, before)
    if not program.is_tensorflow or axis is None or before is None:
        return False
    order = [old - (old > axis) for old in step["dims"] if old != axis]
    x = before.inputs[0]
    if order != sorted(order):
        x = program.before(step, "permute", x, dims=tuple(order))
    return program.become(step, "reshape", x, shape=(-1, *step.type.shape[1:]))


@fusion(*_BY_ELEMENT, "Shift", "Factor")
def by_element_with_a_new_axis(program: Program, step: Step) -> bool:
    """What computes each element by itself, before an axis of size 1 comes."""
    before = program.inner(step.inputs[0], "reshape")
    if not program.is_tensorflow or before is None or len(before.inputs) != 1 or len(step.inputs) != 1:
        return False
    x, shape = before.inputs[0], before.type.shape
    old = program.types[x].shape
    if [n for n in shape[1:] if n != 1] != [n for n in old[1:] if n != 1] or len(old) >= len(shape):
        return False
    if isinstance(step.op, Foreign):
        attributes = dict(step.op.attributes)
        constant: Known = attributes["constant"]
        if constant.size > 1:
            axis = axis_of(constant)
            places = [place for place, n in enumerate(old) if axis is not None and n == constant.size and place]
            if len(places) != 1:
                return False
            attributes["constant"] = constant.reshaped(
                *(constant.size if p == places[0] else 1 for p in range(len(old)))
            )
        inner = program.foreign_before(step, step.kind, x, **attributes)
    else:
        inner = program.before(step, step.kind, x, **arguments_of(step.op))
    return program.become(step, "reshape", inner, shape=(-1, *shape[1:]))


@fusion("conv", "maxpool", "avgpool")
def over_a_line(program: Program, step: Step) -> bool:
    """A window over an image of height 1, as one over a signal."""
    before = program.inner(step.inputs[0], "reshape")
    if not program.is_tensorflow or before is None or _new_axis(program, before) != 2 or step.type.rank != 4:
        return False
    if step.type.shape[2] != 1:
        return False
    assert isinstance(step.op, Op)
    arguments: dict[str, Any] = arguments_of(step.op)
    for name in ("kernel", "stride", "padding", "dilation"):
        value = arguments.get(name)
        if isinstance(value, tuple):
            if value[0] not in ((1,) if name != "padding" else (0, (0, 0))):
                return False
            arguments[name] = (value[1],) if isinstance(value[1], tuple) else value[1]
        elif value not in (None, 1 if name != "padding" else 0) or (name == "kernel" and value != 1):
            return False
    tensors = dict(step.tensors)
    if "weight" in tensors:
        o, i, _, k = tensors["weight"].shape
        tensors["weight"] = tensors["weight"].reshaped(o, i, k)
    inner = program.before(step, step.kind, *before.inputs, tensors=tensors, **arguments)
    return program.become(step, "reshape", inner, shape=(-1, *step.type.shape[1:]))


# ---- dense layers behind maps -------------------------------------------------------------------------------


@fusion("flatten")
def flattened_places(program: Program, step: Step) -> bool:
    """A permutation that moves axes of size 1 alone changes nothing of what is flattened."""
    turn = program.maker(step.inputs[0], "permute")
    if not program.is_tensorflow or turn is None or step.type.rank != 2:
        return False
    shape = program.types[turn.inputs[0]].shape
    wide = [axis for axis in turn["dims"][1:] if shape[axis] != 1]
    return wide == sorted(wide) and program.become(step, "flatten", *turn.inputs)


@fusion("fc")
def dense(program: Program, step: Step) -> bool:
    """A dense layer whose features have their channels last: its weight, with them first."""
    flattened = program.inner(step.inputs[0], "flatten")
    turn = program.maker(flattened.inputs[0], "permute") if flattened is not None else None
    if not program.is_tensorflow or turn is None or flattened is None or flattened.type.rank != 2:
        return False
    shape = program.types[turn.inputs[0]].sample
    if turn["dims"] != to_the_end(len(shape) + 1) or not all(isinstance(n, int) for n in shape):
        return False
    weight = step.tensors["weight"]
    rows, (channels, *places) = weight.shape[0], shape
    axes = len(shape)
    turned = weight.reshaped(rows, *places, channels).transposed(0, axes, *range(1, axes))  # type: ignore[arg-type]
    tensors = step.tensors | {"weight": turned.reshaped(*weight.shape)}
    assert isinstance(step.op, Op)
    plain = program.before(step, "flatten", *turn.inputs)
    return program.become(step, "fc", plain, tensors=tensors, **arguments_of(step.op))


# ---- layers in several nodes --------------------------------------------------------------------------------


@fusion("Shift")
def folded_norm(program: Program, step: Step) -> bool:
    """A factor and a shift of each channel: what is left of a batch norm whose statistics were folded in."""
    factor = program.inner(step.inputs[0], "Factor")
    if not program.is_tensorflow or factor is None or factor["divides"] or step.type.rank < 3:
        return False
    weight, bias = factor["constant"], step["constant"]
    if axis_of(weight) != 1 or axis_of(bias) != 1:
        return False
    channels = weight.size
    tensors = {
        "weight": flat(weight),
        "bias": flat(bias, negated=step["negated"]),
        "running_mean": Known.of(np.zeros(channels, np.float32)),
        "running_var": Known.of(np.full(channels, 1 - _UNIT_EPS, np.float32)),
    }
    return program.become(step, "batchnorm", *factor.inputs, tensors=tensors)


@fusion("add")
def prelu(program: Program, step: Step) -> bool:
    """relu(x) - alpha * relu(-x)."""
    for above, below in orders(step):
        positive, scaled = program.maker(above, "relu"), program.inner(below, "Factor")
        negative = program.maker(scaled.inputs[0], "relu") if scaled is not None else None
        minus = program.maker(negative.inputs[0], "neg") if negative is not None else None
        if not program.is_tensorflow or positive is None or scaled is None or minus is None or scaled["divides"]:
            continue
        slope = scaled["constant"]
        if positive.inputs != minus.inputs or axis_of(slope) not in (0, 1):
            continue
        tensors = {"weight": flat(slope, negated=True)}
        return program.become(step, "prelu", *positive.inputs, tensors=tensors, num_parameters=slope.size)
    return False


@fusion("add")
def normalised(program: Program, step: Step) -> bool:
    """x * inv + (beta - mean * inv), with inv = gamma/√(variance + eps): a layernorm of channels, or a groupnorm."""
    for product, rest in orders(step):
        wide = program.maker(rest, "expand")
        scaled, shift = (
            program.maker(product, "mul"),
            program.maker(wide.inputs[0] if wide is not None else rest, "Shift"),
        )
        centre = program.maker(shift.inputs[0], "mul") if shift is not None else None
        if not program.is_tensorflow or scaled is None or shift is None or centre is None:
            continue
        for x, inverse in orders(scaled):
            gamma = _deviation(program, inverse, x)
            if gamma is None or not _is_negative_mean(program, centre, x, inverse):
                continue
            axes, eps, weight = gamma
            bias = shift["constant"]
            if weight is None or weight.size != bias.size:
                continue
            tensors = {"weight": flat(weight), "bias": flat(bias, negated=shift["negated"])}
            options = {} if eps == 1e-5 else {"eps": eps}
            if axes == (1,) and axis_of(weight) == axis_of(bias) == 1:
                return _layer_norm(program, step, x, tensors, options)
            return _group_norm(program, step, x, axes, tensors, options)
    return False


def _layer_norm(program: Program, step: Step, x: str, tensors: dict[str, Known], options: dict[str, float]) -> bool:
    rank = step.type.rank
    turned = program.before(step, "permute", x, dims=to_the_end(rank))
    norm = program.before(step, "layernorm", turned, tensors=tensors, **options)
    return program.become(step, "permute", norm, dims=(0, rank - 1, *range(1, rank - 1)))


def _group_norm(
    program: Program, step: Step, x: str, axes: tuple[int, ...], tensors: dict[str, Known], options: dict[str, float]
) -> bool:
    """Over the places and the channels of a group, which are the last of [N, …, groups, channels]."""
    split = program.maker(x, "reshape")
    turn = program.maker(split.inputs[0], "permute") if split is not None else None
    rank, shape = step.type.rank, step.type.shape
    if turn is None or axes != (*range(1, rank - 2), rank - 1) or turn["dims"] != to_the_end(rank - 1):
        return False
    (y,) = turn.inputs
    if tensors["weight"].size != program.types[y].shape[1] or shape[1:-2] != program.types[y].spatial:
        return False
    norm = program.before(step, "groupnorm", y, tensors=tensors, num_groups=shape[-2], **options)
    turned = program.before(step, "permute", norm, dims=to_the_end(rank - 1))
    return program.become(step, "reshape", turned, shape=(-1, *shape[1:]))


def _is_negative_mean(program: Program, step: Step, x: str, inverse: str) -> bool:
    """Whether a product is -mean(x) * inv."""
    for one, other in orders(step):
        minus = program.maker(one, "neg")
        if minus is not None and other == inverse:
            found = mean_axes(program, minus.inputs[0])
            return found is not None and found[0] == x
    return False


def _deviation(program: Program, inverse: str, x: str) -> tuple[tuple[int, ...], float, Known | None] | None:
    """Of gamma/√(mean of (x - mean)² + eps): the axes, eps and gamma."""
    step = program.maker(inverse, "Widening", "Factor")
    weight: Known | None = step["constant"] if step is not None else None
    power = program.maker(step.inputs[0] if step is not None else inverse, "pow")
    root = program.maker(power.inputs[0], "sqrt") if power is not None and power["exponent"] == -1 else None
    shift = program.maker(root.inputs[0], "Shift") if root is not None else None
    eps = single(shift)
    found = mean_axes(program, shift.inputs[0]) if shift is not None else None
    if found is None or not eps:
        return None
    square = program.maker(found[0], "mul", "pow")
    centred = program.maker(square.inputs[0], "sub") if square is not None else None
    if centred is None or not is_square(program, found[0], centred.value) or centred.inputs[0] != x:
        return None
    mean = mean_axes(program, centred.inputs[1])
    return (found[1], eps, weight) if mean == (x, found[1]) else None
