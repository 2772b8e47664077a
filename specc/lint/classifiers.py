"""S0506, S0507: the end of a classifier, a softmax that the loss applies itself, and a layer over all places."""

from __future__ import annotations

from math import e, log, prod

from specc.diagnostics import Code, Label
from specc.ir.graph import Node, Port
from specc.ir.rounding import SoftmaxOver
from specc.ir.traits import AxisMap, Moved, Pointwise
from specc.ir.types import fixed, times
from specc.lint.lints import Lint, Match, Network

MANY = 10_000_000
"""Parameters below which it is no matter: 40 MB of float32."""
SHARE = 0.5


def _softmax_output(node: Node, network: Network) -> Match | None:
    """Over the classes, axis 1, of a value that is for nothing else: attention weights are no scores.

    logsoftmax is right before nn.NLLLoss, and before nn.CrossEntropyLoss it changes nothing: its softmax is 1 in sum.
    """
    rounding = node.op.rounding(*node.input_types)
    if not isinstance(rounding, SoftmaxOver) or rounding.log or rounding.axis != 1 or network.uses[node.name] > 1:
        return None
    port = _output(node, network)
    if port is None:
        return None
    name = "" if port.name == "output" else f" {port.name}"
    notes: tuple[str, ...] = ()
    if isinstance(classes := node.type.sample[0], int):
        # Of probabilities, nn.CrossEntropyLoss is least for a certain and right answer.
        least = log(e + classes - 1) - 1
        notes = (
            f"of probabilities over {classes:,} classes its loss never falls below {least:.3f}, and hardly has a slope",
        )
    return Match(
        node,
        f"the output{name} of {network.graph.name} is a softmax, and nn.CrossEntropyLoss applies its own",
        "gives probabilities",
        notes=notes,
        helps=("leave it out to train: the loss takes the scores before it (logits)",),
    )


def _output(node: Node, network: Network) -> Port | None:
    """The output that is this value, in whatever shape."""
    for port, value in network.graph.outputs:
        step = network.nodes.get(value)
        while step is not None and step is not node and step.op.keeps_order:
            step = network.before(step)
        if step is node:
            return port
    return None


def _heavy_fc(node: Node, network: Network) -> Match | None:
    own = sum(prod(parameter.shape) for parameter in node.parameters)
    if own < MANY or not _mixes_features(node):
        return None
    total = network.params  # counted only where there may be something to say
    if own < SHARE * total or (flat := _flattened(node, network)) is None:
        return None
    before, outputs = flat.input_types[0], node.type.sample[-1]
    permuted = _permuted(flat, network)
    # The features that a pool leaves before the image is laid out, or before its channels move. Where these come last,
    # a linear layer behind may have made others of them.
    pooled_type = (permuted or flat).input_types[0]
    order = None if permuted is None else _order(permuted)
    channels = fixed(before.sample[-1]) if order is not None and order[-1] == 0 else pooled_type.channels
    pooled = own - prod(node.parameters[0].shape) + channels * outputs
    where = f"{permuted.op.kind}, which moves the channels," if permuted else "it"
    return Match(
        node,
        f"{node.op.kind} holds {own:,} of the {total:,} parameters of {network.graph.name}: {100 * own / total:.0f}%",
        f"{flat.type.sample[0]:,} features to {outputs:,}",
        (Label(flat.span, f"{times(before.sample)} = {flat.type.sample[0]:,} features"),),
        helps=(f"globalavgpool before {where} leaves {channels:,} features, and {pooled:,} parameters here",),
    )


def _mixes_features(node: Node) -> bool:
    """Whether it is a fully connected layer over the last axis."""
    axes = node.op.axes(*node.input_types)
    return isinstance(axes, AxisMap) and axes.mixed is not None


def _keeps_features(node: Node) -> bool:
    """Whether the number of features stays, and each in its place."""
    types = node.input_types
    if node.op.norm(*types) is not None:
        return True
    return all(x.is_fixed for x in types) and isinstance(node.op.window(*types), Pointwise)


def _flattened(node: Node, network: Network) -> Node | None:
    """The step that has laid an image out as features, where these are what ``node`` takes."""
    for step in network.back(node):
        if step.op.keeps_order and step.type != step.input_types[0]:
            takes_image = prod(step.input_types[0].spatial) != 1 and len(step.type.sample) == 1
            return step if takes_image else None
        if not _keeps_features(step):
            return None
    return None


def _permuted(flat: Node, network: Network) -> Node | None:
    """The step before that has moved the channels, so that a pool behind it would take the mean over them."""
    for step in network.back(flat):
        if (order := _order(step)) is not None:
            return step if order[0] != 0 else None
        if not (_keeps_features(step) or _mixes_features(step)):
            return None
    return None


def _order(step: Node) -> tuple[int, ...] | None:
    """Which axis of its input each axis of the result is, of a step that does nothing else."""
    window = step.op.window(*step.input_types) if step.input_types[0].is_fixed else None
    return window.order if isinstance(window, Moved) else None


LINTS = (
    Lint(Code.SOFTMAX_OUTPUT, "activation", _softmax_output, everywhere=False),
    Lint(Code.HEAVY_FC, "parameters", _heavy_fc, everywhere=False),
)
