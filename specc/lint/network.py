"""A checked network as a rule looks at it: from a step to what it takes, and to who takes what it gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property

from specc.elaborate import Checked
from specc.ir.graph import Block, Graph, Node

FARTHEST = 32
"""Steps that a rule looks back: enough for any network, and no quadratic walk through one that is all one chain."""


class Network:
    """One model."""

    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self.nodes = {node.name: node for node in checked.graph.nodes}
        self.ranges: dict[str, tuple[float, float]] = {}
        """What `specc.lint.ranges` has found out already."""

    @property
    def graph(self) -> Graph:
        return self.checked.graph

    def before(self, node: Node) -> Node | None:
        """The step that makes the (first) value that ``node`` takes; None where that is an input of the model."""
        return self.nodes.get(node.inputs[0])

    def back(self, node: Node) -> Iterator[Node]:
        """The steps before ``node``, the nearest first, as far as each takes one value."""
        for _ in range(FARTHEST):
            earlier = self.before(node)
            if earlier is None:
                return
            yield earlier
            if len(earlier.inputs) != 1:
                return
            node = earlier

    @cached_property
    def uses(self) -> Counter[str]:
        """How often each value is taken, by steps and by outputs."""
        taken = Counter(value for node in self.graph.nodes for value in node.inputs)
        taken.update(value for _, value in self.graph.outputs)
        return taken

    def around(self, node: Node) -> tuple[Block, ...]:
        """The blocks that ``node`` stands in, the innermost first."""
        found: list[Block] = []
        members = self.graph.members
        while True:
            near = [m for m in members if isinstance(m, Block) and node.name.startswith(f"{m.name}.")]
            # Of a group that goes on, the part that has it.
            inner = next((m for m in near if len(near) == 1 or node in m.nodes), None)
            if inner is None:
                return tuple(reversed(found))
            found.append(inner)
            members = inner.members
