"""Normalisations."""

from __future__ import annotations

from typing import Any

from specc.importing.from_torch.call import CallReader, rule
from specc.importing.program import Known, Unsayable

_TRAINING = "it normalises by the batch, as in training or with track_running_stats=False"


@rule("batch_norm", "_native_batch_norm_legit_no_training")
def batch_norm(call: CallReader) -> Any:
    """The second one, of decomposed programs, gives what it has computed, too."""
    decomposed = call.name != "batch_norm"
    call.ignore("cudnn_enabled")
    if not decomposed and call["training"]:
        raise Unsayable(_TRAINING)
    x, tensors = call.data("input"), call.tensors("weight", "bias", "running_mean", "running_var")
    if "running_mean" not in tensors or "running_var" not in tensors:
        raise Unsayable(_TRAINING)
    arguments: dict[str, Any] = {"eps": call["eps"], "momentum": call["momentum"] or None}
    if "weight" not in tensors and "bias" not in tensors:
        arguments["affine"] = False
    else:
        arguments |= {"scale": "weight" in tensors, "bias": "bias" in tensors}
    value = call.step("batchnorm", x, tensors=tensors, **arguments)
    return [value, None, None] if decomposed else value


@rule("instance_norm")
def instance_norm(call: CallReader) -> str:
    call.ignore("cudnn_enabled", "momentum")  # of statistics, of which there are none
    if not call["use_input_stats"]:
        raise Unsayable("it normalises by statistics that it has kept: make it with track_running_stats=False")
    call.demand("running_mean", None)
    call.demand("running_var", None)
    tensors = call.tensors("weight", "bias")
    return call.step("instancenorm", call.data("input"), tensors=tensors, eps=call["eps"], affine=_both(tensors))


@rule("group_norm")
def group_norm(call: CallReader) -> str:
    call.ignore("cudnn_enabled")
    tensors, groups = call.tensors("weight", "bias"), call["num_groups"]
    arguments = {"num_groups": groups, "eps": call["eps"], "affine": _both(tensors)}
    return call.step("groupnorm", call.data("input"), tensors=tensors, **arguments)


@rule("layer_norm")
def layer_norm(call: CallReader) -> str:
    call.ignore("cudnn_enable")
    tensors = call.tensors("weight", "bias")
    arguments: dict[str, Any] = {"eps": call["eps"], **_over(call)}
    if not tensors:
        arguments["elementwise_affine"] = False
    else:
        arguments["bias"] = "bias" in tensors
    return call.step("layernorm", call.data("input"), tensors=tensors, **arguments)


@rule("rms_norm")
def rms_norm(call: CallReader) -> str:
    tensors = call.tensors("weight")
    arguments = {"eps": call["eps"], "elementwise_affine": bool(tensors), **_over(call)}
    return call.step("rmsnorm", call.data("input"), tensors=tensors, **arguments)


def _over(call: CallReader) -> dict[str, Any]:
    """The shape that is normalised over, where it is more than the last axis."""
    shape = tuple(call["normalized_shape"])
    return {"normalized_shape": shape} if len(shape) > 1 else {}


def _both(tensors: dict[str, Known]) -> bool:
    if len(tensors) == 1:
        raise Unsayable("it has a weight or a bias alone, and the language's has both or none")
    return bool(tensors)
