"""S0514: weights that no gradient reaches as they start."""

from __future__ import annotations

from specc.diagnostics import Code
from specc.ir.graph import Node
from specc.lint.lints import Lint, Match, Network


def _stuck(node: Node, network: Network) -> Match | None:
    why = node.op.stuck()
    if why is None:
        return None
    return Match(
        node,
        f"the weights of {node.op.kind} stay as they start: no gradient reaches them",
        why,
        notes=("however long the network is trained; those of a file may be others",),
        helps=("without init, all start as 1",),
    )


LINTS = (Lint(Code.STUCK_START, "stuck", _stuck, everywhere=False),)
