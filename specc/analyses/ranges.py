"""Between which numbers values lie, whatever the weights and the input are: as far as the steps claim it."""

from __future__ import annotations

from functools import cache

from specc.ir.graph import Graph
from specc.ir.op import Op
from specc.ir.traits import ANY, Range


def ranges(graph: Graph) -> dict[str, Range]:
    """The range of every value: of inputs, of which nothing is known, and of steps, in training too."""
    known = {port.name: ANY for port in graph.inputs}
    for node in graph.nodes:
        if _claims(type(node.op)):
            known[node.name] = node.op.bounds(tuple([known[name] for name in node.inputs]), *node.input_types)
        else:
            known[node.name] = ANY
    return known


@cache  # one entry for each operator: most steps have learned weights, and are not asked
def _claims(operator: type[Op]) -> bool:
    members = ("bounds", "selects", "identity", "keeps_order")
    return any(getattr(operator, member) is not getattr(Op, member) for member in members)
