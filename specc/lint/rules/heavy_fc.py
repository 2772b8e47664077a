"""S0507: a fully connected layer over all places of an image that holds most of a large network."""

from __future__ import annotations

from math import prod

from specc.diagnostics import Code, Label
from specc.ir.graph import Node
from specc.ir.types import times
from specc.lint.kinds import CURVES
from specc.lint.network import Network
from specc.lint.spot import Rule, Spot
from specc.ops.reshape import Permute

MANY = 10_000_000
"""Parameters below which it is no matter: 40 MB of float32."""
SHARE = 0.5

_NORMS = ("batchnorm", "instancenorm", "groupnorm", "layernorm", "rmsnorm", "lrn")
_PASSED = frozenset((*CURVES, *_NORMS, "identity", "dropout", "alphadropout", "stochasticdepth", "affine", "scale"))
"""Keep the number of features, and each in its place."""


def _look(node: Node, network: Network) -> Spot | None:
    own = sum(prod(parameter.shape) for parameter in node.parameters)
    if own < MANY or (flat := _flattened(node, network)) is None:
        return None
    total = network.checked.costs.params
    if own < SHARE * total:
        return None
    before, outputs = flat.input_types[0], node.type.sample[-1]
    permuted = _permuted(flat, network)
    channels = _channels(flat, permuted)
    pooled = own - prod(node.parameters[0].shape) + channels * outputs
    where = f"{permuted.op.kind}, which moves the channels," if permuted else "it"
    return Spot(
        node,
        f"{node.op.kind} holds {own:,} of the {total:,} parameters of {network.graph.name}: {100 * own / total:.0f}%",
        f"{flat.type.sample[0]:,} features to {outputs:,}",
        (Label(flat.span, f"{times(before.sample)} = {flat.type.sample[0]:,} features"),),
        helps=(f"globalavgpool before {where} leaves {channels:,} features, and {pooled:,} parameters here",),
    )


def _flattened(node: Node, network: Network) -> Node | None:
    """The step that has laid an image out as features, where these are what ``node`` takes."""
    for step in network.back(node):
        if step.op.kind in ("flatten", "reshape"):
            takes_image = prod(step.input_types[0].spatial) != 1 and len(step.type.sample) == 1
            return step if takes_image else None
        if step.op.kind not in _PASSED:
            return None
    return None


def _permuted(flat: Node, network: Network) -> Node | None:
    """The step before that has moved the channels, so that a pool behind it would take the mean over them."""
    for step in network.back(flat):
        if isinstance(step.op, Permute):
            return step if step.op.dims[1] % len(step.op.dims) != 1 else None
        if step.op.kind not in _PASSED and step.op.kind != "linear":
            return None
    return None


def _channels(flat: Node, permuted: Node | None) -> int:
    """The features that are left where a pool stands before the image is laid out, or before its channels move.

    Where these come last, a linear layer behind may have made others of them.
    """
    before = flat.input_types[0]
    if permuted is None:
        return before.channels
    assert isinstance(permuted.op, Permute), "it has moved the channels"
    dims, last = permuted.op.dims, before.sample[-1]
    if dims[-1] % len(dims) == 1 and isinstance(last, int):
        return last
    return permuted.input_types[0].channels


RULES = (Rule(Code.HEAVY_FC, ("fc", "linear"), _look, everywhere=False),)
