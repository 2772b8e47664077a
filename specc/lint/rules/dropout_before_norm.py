"""S0503: dropout in front of a norm that keeps the variance of training."""

from __future__ import annotations

from specc.diagnostics import Code, Label
from specc.ir.graph import Node
from specc.lint.kinds import AVERAGES, CURVES, SELECTS
from specc.lint.network import Network
from specc.lint.spot import Rule, Spot
from specc.ops.dropout import AlphaDropout, Dropout, StochasticDepth
from specc.ops.norm import InstanceNorm

_PASSED = frozenset((*SELECTS, *AVERAGES, *CURVES))


def _look(norm: Node, network: Network) -> Spot | None:
    """Li et al. 2018: the variance in training is not the one that the norm meets afterwards.

    Of their two cases only the first is told, where no weights stand between the two: there the whole shift arrives.
    Behind a layer with weights it is weaker, and many good networks have it.
    """
    before = network.before(norm)
    if before is None or before.op.kind not in _PASSED:
        return None
    if isinstance(norm.op, InstanceNorm) and not norm.op.track_running_stats:
        return None
    for step in network.back(norm):
        if isinstance(step.op, (Dropout, StochasticDepth)):
            return _spot(step, step.op, norm)
        if step.op.kind not in _PASSED:
            return None
    return None


def _spot(step: Node, op: Dropout | StochasticDepth, norm: Node) -> Spot | None:
    if isinstance(op, AlphaDropout) or op.p in (0, 1):
        return None  # keeps mean and variance of what selu gives; drops nothing, or all
    return Spot(
        step,
        f"{op.kind} stands before {_a(norm.op.kind)}, which keeps the variance of training",
        f"in training, its mean square is {1 / (1 - op.p):.4g} times the later one: 1/(1 - {op.p:g})",
        (Label(norm.span, "normalises by the variance of training ever after"),),
        ("Li et al. 2018, Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift",),
        (f"put {op.kind} behind the norm, best behind the last one of the network",),
    )


def _a(kind: str) -> str:
    return f"an {kind}" if kind == "instancenorm" else f"a {kind}"


RULES = (Rule(Code.DROPOUT_BEFORE_NORM, ("batchnorm", "instancenorm"), _look, everywhere=True),)
