"""Factors and shifts: as biases and weights of the layer before them, or as operators of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from specc.importing.fusions.fusion import fusion
from specc.importing.program import Known, Program, Step
from specc.ir.op import Op
from specc.weights.tensors import Array

MOST_WRITTEN = 64
"""Numbers that are written into a spec; more of them are a tensor."""


def axis_of(constant: Known) -> int | None:
    """The axis that its numbers lie along, the batch counted; 0 of a single one, None where they lie along several."""
    if constant.size == 1:
        return 0
    wide = [axis for axis, n in enumerate(constant.shape) if n != 1]
    return wide[0] if len(wide) == 1 else None


def arguments_of(op: Op) -> dict[str, Any]:
    """The attributes that were given, to make another one of the kind."""
    return {name: getattr(op, name) for name in op.model_fields_set}


def flat(constant: Known, *, negated: bool = False) -> Known:
    """As a vector."""
    vector = constant.reshaped(constant.size)
    return vector.mapped(np.negative) if negated else vector


def _single(constant: Known) -> float:
    return float(str(np.float32(constant.read().reshape(-1)[0])))


def single(step: Step | None) -> float | None:
    """The number that a step adds or multiplies by, where it is one for all."""
    if step is None or step.kind not in ("Shift", "Factor") or step["constant"].size != 1:
        return None
    number = _single(step["constant"])
    if step.kind == "Shift":
        return -number if step["negated"] else number
    if not step["divides"]:
        return number
    return 1 / number if number else None


@fusion("Shift")
def bias(program: Program, step: Step) -> bool:
    """A layer without a bias, and one behind it."""
    layer = program.inner(step.inputs[0], "conv", "convtranspose", "fc", "linear")
    if layer is None or layer["bias"] is not False:
        return False
    assert isinstance(layer.op, Op)
    axis = 1 if layer.kind.startswith("conv") else layer.type.rank - 1
    constant: Known = step["constant"]
    outputs = layer.type.shape[axis]
    if axis_of(constant) != axis and not (constant.size == outputs == 1):
        return False
    arguments = {name: value for name, value in arguments_of(layer.op).items() if name != "bias"}
    tensors = {**layer.tensors, "bias": flat(constant, negated=step["negated"])}
    return program.become(step, layer.kind, *layer.inputs, tensors=tensors, **arguments) and _named(step, layer)


def _named(step: Step, layer: Step) -> bool:
    """The step is the layer now, and stands where the file says that is."""
    step.paths, step.origin = layer.paths or step.paths, layer.origin
    return True


@fusion("Factor")
def norm_weight(program: Program, step: Step) -> bool:
    """The weight of an rmsnorm, or of a layernorm without bias."""
    norm = program.inner(step.inputs[0], "layernorm", "rmsnorm")
    if norm is None or norm.tensors or step["divides"] or norm["elementwise_affine"]:
        return False
    weight = _as_weight(step, norm)
    if weight is None:
        return False
    arguments = _without(norm, "elementwise_affine") | ({"bias": False} if norm.kind == "layernorm" else {})
    done = program.become(step, norm.kind, *norm.inputs, tensors={"weight": weight}, **arguments)
    return done and _named(step, norm)


@fusion("Shift")
def norm_bias(program: Program, step: Step) -> bool:
    """The bias of a layernorm, or weight and bias of a groupnorm or instancenorm."""
    before = program.inner(step.inputs[0], "layernorm", "Factor")
    if before is None:
        return False
    if before.kind == "layernorm":
        bias = _as_weight(step, before)
        if bias is None or before["bias"] or not before.tensors:
            return False
        tensors = {**before.tensors, "bias": bias}
        return program.become(
            step, "layernorm", *before.inputs, tensors=tensors, **_without(before, "bias")
        ) and _named(step, before)
    norm = program.inner(before.inputs[0], "groupnorm", "instancenorm")
    if norm is None or norm.tensors or before["divides"] or norm["affine"]:
        return False
    factor, shift = before["constant"], step["constant"]
    if not (axis_of(factor) == axis_of(shift) == 1) and norm.type.shape[1] != 1:
        return False
    tensors = {"weight": flat(factor), "bias": flat(shift, negated=step["negated"])}
    arguments = _without(norm, "affine") | ({"affine": True} if norm.kind == "instancenorm" else {})
    return program.become(step, norm.kind, *norm.inputs, tensors=tensors, **arguments) and _named(step, norm)


@fusion("Factor", "Shift")
def batch_norm(program: Program, step: Step) -> bool:
    """A factor or a shift of each channel behind a batch norm, as Caffe has them: they are its weight and its bias."""
    norm = program.inner(step.inputs[0], "batchnorm")
    constant: Known = step["constant"]
    if norm is None or axis_of(constant) not in (0, 1) or (step.kind == "Factor" and step["divides"]):
        return False
    channels = norm.tensors["running_mean"].size
    numbers = flat(constant, negated=step.kind == "Shift" and step["negated"])
    if numbers.size != channels:
        numbers = numbers.mapped(lambda one: np.full(channels, one[0], np.float32), (channels,))
    weight, bias = norm.tensors.get("weight"), norm.tensors.get("bias")
    if step.kind == "Factor":
        weight = numbers if weight is None else _combined(np.multiply, weight, numbers)
        bias = None if bias is None else _combined(np.multiply, bias, numbers)
    else:
        bias = numbers if bias is None else _combined(np.add, bias, numbers)
    tensors = {
        **({"weight": weight} if weight is not None else {}),
        **({"bias": bias} if bias is not None else {}),
        **{name: norm.tensors[name] for name in ("running_mean", "running_var")},
    }
    arguments = _without(norm, "affine", "scale", "bias")
    arguments |= {} if weight is not None else {"scale": False}
    arguments |= {} if bias is not None else {"bias": False}
    return program.become(step, "batchnorm", *norm.inputs, tensors=tensors, **arguments) and _named(step, norm)


def _combined(function: Callable[[Array, Array], Array], old: Known, new: Known) -> Known:
    """Numbers with others on them; the others themselves where the old ones are those that change nothing."""
    nothing = 1 if function is np.multiply else 0
    if not old.is_learned and bool((old.read() == nothing).all()):
        return new
    return old.mapped(lambda numbers: np.asarray(function(numbers, new.read()), np.float32))


def _without(step: Step, *names: str) -> dict[str, Any]:
    assert isinstance(step.op, Op)
    return {name: value for name, value in arguments_of(step.op).items() if name not in names}


def _as_weight(step: Step, norm: Step) -> Known | None:
    """The constant in the shape of a norm over the last axes; None where it has another."""
    shape = norm["normalized_shape"]
    if shape is None:
        shape = norm.type.shape[-1:]
    shape = tuple(shape) if isinstance(shape, tuple) else (shape,)
    constant: Known = step["constant"]
    lead = len(constant.shape) - len(shape)
    if constant.shape[lead:] != shape or any(n != 1 for n in constant.shape[:lead]):
        return None
    weight = constant.reshaped(*shape)
    return weight.mapped(np.negative) if step.kind == "Shift" and step["negated"] else weight


@fusion("Factor")
def standardized(program: Program, step: Step) -> bool:
    """(x - mean)/std."""
    shift = program.inner(step.inputs[0], "Shift")
    if shift is None or not step["divides"] or not shift["negated"]:
        return False
    mean, std = shift["constant"], step["constant"]
    axes = {axis_of(mean), axis_of(std)} - {0}
    if None in axes or len(axes) > 1 or max(mean.size, std.size) > MOST_WRITTEN:
        return False
    axis = next(iter(axes), 1)
    dim = {} if axis == 1 else {"dim": axis}
    return program.become(step, "standardize", *shift.inputs, mean=_written(mean), std=_written(std), **dim)


def _written(constant: Known) -> Any:
    """The numbers, as short as they are meant: one, or a list."""
    numbers = [float(str(np.float32(number))) for number in constant.read().reshape(-1)]
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


def lowered(program: Program) -> None:
    """Make operators of the language of the factors and shifts that are left."""
    for step in program:
        if step.kind not in ("Factor", "Shift"):
            continue
        constant: Known = step["constant"]
        axis = axis_of(constant)
        if axis is None:
            continue  # refused, with what is said of it there
        if step.kind == "Factor":
            _factor(program, step, constant, axis)
        else:
            _shift(program, step, constant, axis)


def _factor(program: Program, step: Step, constant: Known, axis: int) -> None:
    many = constant.size > MOST_WRITTEN
    if not step["divides"] and (many or constant.is_learned) and constant.shape != ():
        dim = {"dim": None} if axis == 0 else {} if axis == 1 else {"dim": axis}
        shape = (constant.size, *(1,) * (step.type.rank - 1 - axis)) if axis else (1,)
        if program.become(step, "scale", *step.inputs, tensors={"": constant.reshaped(*shape)}, **dim):
            return
    if step["divides"] and not _is_power_of_two(constant):  # times 1/255 is not over 255, to the bit
        numbers = _written(constant)
        program.become(step, "standardize", *step.inputs, mean=0.0, std=numbers, **_along(numbers, axis))
        return
    numbers = _written(constant.mapped(np.reciprocal) if step["divides"] else constant)
    dim = _along(numbers, axis)
    program.become(step, "affine", *step.inputs, factor=numbers, **dim)


def _is_power_of_two(constant: Known) -> bool:
    """Whether dividing by each of its numbers is exact, and multiplying by one over it the same."""
    numbers = constant.read().astype(np.float64)
    return bool(np.isfinite(numbers).all() and (np.abs(np.frexp(numbers)[0]) == 0.5).all())


def _along(numbers: Any, axis: int) -> dict[str, int]:
    """The argument that says where a list of numbers lies; one number lies nowhere."""
    return {"dim": axis} if isinstance(numbers, tuple) and axis != 1 else {}


def _shift(program: Program, step: Step, constant: Known, axis: int) -> None:
    numbers = _written(constant.mapped(np.negative) if step["negated"] else constant)
    dim = _along(numbers, axis)
    before = program.inner(step.inputs[0], "affine")
    if before is not None and before["offset"] == 0:
        other = _along(before["factor"], before["dim"])
        if not isinstance(numbers, tuple) or not isinstance(before["factor"], tuple) or other == dim:
            program.become(step, "affine", *before.inputs, factor=before["factor"], offset=numbers, **(other | dim))
            return
    if step["negated"] and isinstance(numbers, tuple):
        program.become(step, "standardize", *step.inputs, mean=_written(constant), **dim)
        return
    program.become(step, "affine", *step.inputs, factor=1.0, offset=numbers, **dim)
