"""S0502: a bias that the norm behind it takes away again."""

from __future__ import annotations

from specc.diagnostics import Code, Label
from specc.ir.graph import Node
from specc.lint.network import Network
from specc.lint.spot import Rule, Spot
from specc.ops.conv import Conv, ConvTranspose
from specc.ops.linear import Linear
from specc.ops.norm import GroupNorm


def _look(norm: Node, network: Network) -> Spot | None:
    """Only where every number that the bias adds to a channel is in the mean that is subtracted from it."""
    layer = network.before(norm)
    if layer is None or not isinstance(layer.op, (Conv, ConvTranspose, Linear)) or not layer.op.bias:
        return None
    if isinstance(layer.op, Linear) and len(layer.type.sample) > 1:
        return None  # its bias lies along the last axis, the norm's channels along the first
    if isinstance(norm.op, GroupNorm) and norm.op.num_groups != layer.type.channels:
        return None  # channels of one group share a mean, and their biases differ
    if layer.op.frozen or network.uses[layer.name] > 1:
        return None
    return Spot(
        layer,
        f"the bias of {layer.op.kind} has no effect: the {norm.op.kind} behind it takes it away",
        secondary=(Label(norm.span, "subtracts the mean of every channel, the bias with it"),),
        notes=(f"{layer.type.channels:,} parameters are trained for nothing",),
        helps=("bias=false leaves it out; a checkpoint that has it no longer loads by name then",),
        argument="bias",
    )


RULES = (Rule(Code.BIAS_BEFORE_NORM, ("batchnorm", "instancenorm", "groupnorm"), _look, everywhere=True),)
