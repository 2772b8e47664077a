"""S0502, S0503, S0510, S0511: what precedes a norm, what it has to normalise by, and numbers as PyTorch takes them."""

from __future__ import annotations

from math import prod

from specc.diagnostics import Code, Label
from specc.ir.graph import Node
from specc.ir.traits import Pointwise
from specc.lint.lints import Lint, Match, Network

_DISHARMONY = "Li et al. 2018, Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift"


def _bias_before_norm(node: Node, network: Network) -> Match | None:
    """Only where every number that the bias adds to a channel is in the mean that is subtracted from it."""
    norm, layer = node.op.norm(*node.input_types), network.before(node)
    if norm is None or not norm.centres or layer is None or layer.op.bias_axis(*layer.input_types) != 0:
        return None
    (bias,) = (parameter for parameter in layer.parameters if parameter.name == "bias")
    if not bias.trainable or network.uses[layer.name] > 1:
        return None
    return Match(
        layer,
        f"the bias of {layer.op.kind} has no effect: the {node.op.kind} behind it takes it away",
        secondary=(Label(node.span, "subtracts the mean of every channel, the bias with it"),),
        notes=(f"{layer.type.channels:,} parameters are trained for nothing",),
        helps=("bias=false leaves it out; a checkpoint that has it no longer loads by name then",),
        argument="bias",
    )


def _dropout_before_norm(node: Node, network: Network) -> Match | None:
    """Li et al. 2018: the variance in training is not the one that the norm meets afterwards.

    Of their two cases only the first is a finding, without weights between the two: there the whole shift arrives.
    Behind a layer with weights it is weaker, and many good networks have it.
    """
    norm = node.op.norm(*node.input_types)
    if norm is None or not norm.running:
        return None
    for step in network.back(node):
        if step.parameters and not step.op.activation:
            return None  # learned weights, which is what mostly precedes a norm
        p = step.op.zeroed()
        if 0 < p < 1:
            article = "an" if node.op.kind[0] in "aeiou" else "a"
            return Match(
                step,
                f"{step.op.kind} stands before {article} {node.op.kind}, which keeps the variance of training",
                f"in training, its mean square is {1 / (1 - p):.4g} times the later one: 1/(1 - {p:g})",
                (Label(node.span, "normalises by the variance of training ever after"),),
                (_DISHARMONY,),
                (f"put {step.op.kind} behind the norm, best behind the last one of the network",),
            )
        # On the way, numbers that are 1/(1 - p) times as large must come out larger, by no learned weights.
        if step.op.activation:
            scales = isinstance(step.op.window(*step.input_types), Pointwise)
        else:
            scales = step.op.homogeneous(*step.input_types)
        if p == 1 or not scales:
            return None
    return None


def _single_value_norm(node: Node, network: Network) -> Match | None:
    """Only where the batch is fixed at 1.

    With a batch of any size, a norm over 1 x 1 maps or flat features fails for a last batch of 1 alone. That is so of
    every classifier with BatchNorm1d and of DeepLab's pooled branch, and whoever trains them drops that batch: no
    finding. Of symbolic places neither: sizes at which only one is left are no more than allowed.
    """
    norm, x = node.op.norm(*node.input_types), node.input_types[0]
    if norm is None or not norm.over_batch or x.batch != 1 or prod(x.spatial) != 1:
        return None
    return Match(
        node,
        f"{node.op.kind} has one value a channel to normalise by, and cannot be trained: its input is {x}",
        "the variance of a single value is 0",
        notes=("PyTorch refuses it in training: Expected more than 1 value per channel when training",),
        helps=("let the batch be any size, [N, ...], and train with more than 1 sample at once",),
    )


def _channels_as_eps(node: Node, network: Network) -> Match | None:
    """Only where they are the same number, and one that no eps is."""
    channels, eps = node.input_types[0].sample[0], getattr(node.op, "eps", 0)
    if node.op.norm(*node.input_types) is None or eps is None or eps < 1 or eps != channels:
        return None
    return Match(
        node,
        f"{node.op.kind} has an eps of {eps:g} here, as many as its input has channels",
        "is it the number of channels?",
        notes=("how many channels the input has is known here, and not written",),
        helps=(f"leave {eps:g} out; or write eps={eps:g}, if it is meant",),
        literal=True,
        positional=2,
    )


LINTS = (
    Lint(Code.INPUT_CHANNELS_GIVEN, "norm", _channels_as_eps, everywhere=True),
    Lint(Code.BIAS_BEFORE_NORM, "norm", _bias_before_norm, everywhere=True),
    Lint(Code.DROPOUT_BEFORE_NORM, "norm", _dropout_before_norm, everywhere=True),
    Lint(Code.SINGLE_VALUE_NORM, "norm", _single_value_norm, everywhere=False),
)
