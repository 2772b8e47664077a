"""S0506: an output that is a softmax, which the usual loss applies itself."""

from __future__ import annotations

from math import e, log

from specc.diagnostics import Code
from specc.ir.graph import Node, Port
from specc.lint.kinds import RESHAPES
from specc.lint.network import Network
from specc.lint.spot import Rule, Spot
from specc.ops.activation import Softmax


def _look(node: Node, network: Network) -> Spot | None:
    """Over the classes, axis 1, of a value that is for nothing else: attention weights are no scores.

    logsoftmax is right before nn.NLLLoss, and before nn.CrossEntropyLoss it changes nothing: its softmax is 1 in sum.
    """
    assert isinstance(node.op, Softmax), "the only kind that is looked at"
    if node.op.dim % node.type.rank != 1 or network.uses[node.name] > 1:
        return None
    port = _output(node, network)
    if port is None:
        return None
    name = "" if port.name == "output" else f" {port.name}"
    return Spot(
        node,
        f"the output{name} of {network.graph.name} is a softmax, and nn.CrossEntropyLoss applies its own",
        "gives probabilities",
        notes=_least_loss(node),
        helps=("leave it out to train: the loss takes the scores before it (logits)",),
    )


def _least_loss(node: Node) -> tuple[str, ...]:
    """nn.CrossEntropyLoss of probabilities is least for a certain and right answer, at log(e + C - 1) - 1."""
    classes = node.type.sample[0]
    if not isinstance(classes, int):
        return ()
    least = log(e + classes - 1) - 1
    return (
        f"of probabilities over {classes:,} classes its loss never falls below {least:.3f}, and hardly has a slope",
    )


def _output(node: Node, network: Network) -> Port | None:
    """The output that is this value, in whatever shape."""
    for port, name in network.graph.outputs:
        step = network.nodes.get(name)
        while step is not None and step is not node and step.op.kind in RESHAPES:
            step = network.before(step)
        if step is node:
            return port
    return None


RULES = (Rule(Code.SOFTMAX_OUTPUT, ("softmax",), _look, everywhere=False),)
