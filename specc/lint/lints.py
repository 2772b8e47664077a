"""What a lint is: the trait of operators that it is about, the network it looks at, and what it says of one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from specc.analyses.dataflow import ranges
from specc.diagnostics import Code, Label
from specc.elaborate import Checked
from specc.ir.graph import Graph, Node, Region
from specc.ir.op import Op
from specc.ir.traits import Range

FARTHEST = 32
"""Steps that a lint looks back: enough for any network, and no quadratic walk through one that is all one chain."""


class Network:
    """One model as a lint looks at it: from a step to what it takes, and to who takes what it gives."""

    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self.nodes = {node.name: node for node in checked.graph.nodes}

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
            if len(earlier.reads) != 1:
                return
            node = earlier

    @cached_property
    def params(self) -> int:
        """Elements of all parameters of the model."""
        return self.checked.costs.params

    @cached_property
    def uses(self) -> Counter[str]:
        """How many steps and outputs use each value."""
        uses = Counter(value for node in self.graph.nodes for value in node.inputs)
        uses.update(value for _, value in self.graph.outputs)
        return uses

    @cached_property
    def ranges(self) -> dict[str, Range]:
        """Between which numbers the inputs lie of steps that leave some numbers as they are."""
        nodes = self.graph.nodes
        return ranges(self.graph, (n.inputs[0] for n in nodes if type(n.op).fixed_points is not Op.fixed_points))

    @cached_property
    def bytes(self) -> frozenset[str]:
        """The inputs of uint8."""
        return frozenset(port.name for port in self.graph.inputs if port.is_cast)

    @cached_property
    def weighed(self) -> dict[str, Range]:
        """Between which numbers the inputs lie of steps with tensors."""
        return ranges(self.graph, (node.inputs[0] for node in self.graph.nodes if node.parameters))

    def around(self, node: Node) -> tuple[Region, ...]:
        """The blocks that ``node`` is in, the innermost first."""
        blocks: list[Region] = []
        members = self.graph.members
        while True:
            named = [m for m in members if isinstance(m, Region) and node.name.startswith(f"{m.name}.")]
            # A group may be in several parts, of one name: of these, the part with the node.
            inner = next((m for m in named if len(named) == 1 or node in m.nodes), None)
            if inner is None:
                return tuple(reversed(blocks))
            blocks.append(inner)
            members = inner.members


class Match(NamedTuple):
    """What a lint says of one step of one model.

    Attributes:
        node: the step that is pointed at.
        argument: the attribute that is pointed at, where the call names it.
        literal: it follows from the numbers in the step's own call; with a name among these, it is a knob that
            somebody else may turn, and there is no finding.
        positional: how many arguments must have no names for it to be about the call.
        removable: the step gives what it takes, so leaving it out changes no value.
    """

    node: Node
    message: str
    label: str = ""
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    argument: str = ""
    literal: bool = False
    positional: int = 0
    removable: bool = False


class Lint(NamedTuple):
    """One lint over networks.

    Attributes:
        code: what it is called.
        trait: the member of `specc.ir.op.Op` that it asks for: of operators that have only the default of it, there is
            nothing to say.
        look: the match of a step, or None.
        unless: traits of operators that it is not about, so that these are passed over sooner.
        everywhere: it is about the text of the step, so it must hold wherever that text is used: a block
            that is called in several ways is right if one of them needs it so. The others are about the network
            that the model makes of it, and one place is enough.
    """

    code: Code
    trait: str
    look: Callable[[Node, Network], Match | None]
    everywhere: bool
    unless: tuple[str, ...] = ()
