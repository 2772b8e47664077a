"""Between which numbers values lie, whatever the weights and the input are: as far as the steps claim it."""

from __future__ import annotations

from specc.ir.graph import Graph
from specc.ir.traits import ANY, Range


def ranges(graph: Graph) -> dict[str, Range]:
    """The range of every value: of inputs, of which nothing is known, and of steps, in training too."""
    known = {port.name: ANY for port in graph.inputs}
    for node in graph.nodes:
        known[node.name] = node.op.bounds(tuple([known[name] for name in node.inputs]), *node.input_types)
    return known
