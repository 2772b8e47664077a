"""Normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np

from specc.importing.from_onnx.call import NodeReader, rule
from specc.importing.program import Known, Unsayable, real


def is_all(known: Known, number: float) -> bool:
    """Whether the numbers are that one everywhere, and nobody has learned them: what a tool has filled in."""
    return not known.is_learned and bool((known.read() == np.float32(number)).all())


def epsilon(call: NodeReader, name: str = "epsilon", usual: float = 1e-5, default: float = 1e-5) -> dict[str, float]:
    value = real(call.attribute(name, default))
    return {} if value == usual else {"eps": value}


def affine(weight: Known | None, bias: Known | None) -> tuple[dict[str, Known], dict[str, Any]]:
    """Weight and bias of a norm that has both or none, and the argument where it has none."""
    if weight is None and bias is None:
        return {}, {"affine": False}
    assert weight is not None
    if bias is not None and is_all(weight, 1) and is_all(bias, 0):
        return {}, {"affine": False}
    return {"weight": weight, **({} if bias is None else {"bias": bias})}, {}


@rule("BatchNormalization")
def batch_norm(call: NodeReader) -> list[str]:
    x = call.data(0)
    weight, bias, mean, variance = (call.weight(place) for place in range(1, 5))
    call.demand("training_mode", 0)
    call.demand("spatial", 1)
    if call.opset < 7:
        call.ignore("is_test")
        call.ignore("consumed_inputs")
    if any(call.outputs[1:]):
        raise Unsayable("it normalises by the batch, as in training, and gives out its statistics")
    arguments: dict[str, Any] = epsilon(call)
    momentum = real(1 - call.attribute("momentum", 0.9))
    if abs(momentum - 0.1) > 1e-6:
        arguments["momentum"] = None if momentum == 0 else round(momentum, 6)
    tensors = {"weight": weight, "bias": bias}
    for argument, name, number in (("scale", "weight", 1), ("bias", "bias", 0)):
        if is_all(tensors[name], number):
            del tensors[name]
            arguments[argument] = False
    if not tensors:
        arguments = {name: value for name, value in arguments.items() if name not in ("scale", "bias")}
        arguments["affine"] = False
    tensors |= {"running_mean": mean, "running_var": variance}
    return [call.step("batchnorm", x, tensors=tensors, **arguments)]


@rule("InstanceNormalization")
def instance_norm(call: NodeReader) -> str:
    tensors, arguments = affine(call.weight(1), call.weight(2))
    arguments = {} if "affine" in arguments else {"affine": True}
    return call.step("instancenorm", call.data(0), tensors=tensors, **epsilon(call), **arguments)


@rule("GroupNormalization")
def group_norm(call: NodeReader) -> str:
    x, groups = call.data(0), call.required("num_groups", 0)
    call.demand("stash_type", 1)
    channels = call.type(x).shape[1]
    weight, bias = call.weight(1), call.weight(2)
    if weight.size == groups != channels and call.opset < 21:  # one for each group, in opset 18
        each = int(channels) // groups  # type: ignore[arg-type] # the groups divide it, or the step is refused
        weight, bias = (
            known.mapped(lambda numbers: np.repeat(numbers, each), (groups * each,)) for known in (weight, bias)
        )
    tensors, arguments = affine(weight, bias)
    return call.step("groupnorm", x, tensors=tensors, num_groups=groups, **epsilon(call), **arguments)


@rule("LayerNormalization")
def layer_norm(call: NodeReader) -> list[str]:
    x = call.data(0)
    kind = call.type(x)
    if any(call.outputs[1:]):
        raise Unsayable("it gives out the mean or the deviation, too")
    call.demand("stash_type", 1)
    axis = call.attribute("axis", -1) % kind.rank
    if axis == 0:
        raise Unsayable("it normalises over the batch")
    shape = kind.shape[axis:]
    weight = call.weight(1)
    bias = call.weight(2) if call.has_input(2) else None
    arguments: dict[str, Any] = epsilon(call)
    if len(shape) > 1:
        arguments["normalized_shape"] = shape
    tensors = {"weight": weight, **({"bias": bias} if bias is not None else {})}
    if is_all(weight, 1) and (bias is None or is_all(bias, 0)):
        return [call.step("layernorm", x, **arguments, elementwise_affine=False)]
    return [call.step("layernorm", x, tensors=tensors, **arguments, **({} if bias is not None else {"bias": False}))]


@rule("SimplifiedLayerNormalization", "RMSNormalization")
def rms_norm(call: NodeReader) -> list[str]:
    x = call.data(0)
    kind = call.type(x)
    call.demand("stash_type", 1)
    axis = call.attribute("axis", -1) % kind.rank
    arguments: dict[str, Any] = epsilon(call, usual=-1.0)
    if axis < kind.rank - 1:
        arguments["normalized_shape"] = kind.shape[axis:]
    weight = call.weight(1)
    if is_all(weight, 1):
        return [call.step("rmsnorm", x, **arguments, elementwise_affine=False)]
    return [call.step("rmsnorm", x, tensors={"weight": weight}, **arguments)]


@rule("MeanVarianceNormalization")
def mean_variance(call: NodeReader) -> str:
    """Over the places of each channel, which is an instance norm whose eps is that of ONNX's reference."""
    axes = call.attribute("axes", (0, 2, 3))
    raise Unsayable(f"it normalises over the axes {list(axes)}, the batch among them" if 0 in axes else "no rule yet")


@rule("LpNormalization")
def lp_normalization(call: NodeReader) -> str:
    x = call.data(0)
    axis, p = call.attribute("axis", -1) % call.type(x).rank, call.attribute("p", 2)
    return call.step("normalize", x, **({} if axis == 1 else {"dim": axis}), **({} if p == 2 else {"p": float(p)}))
