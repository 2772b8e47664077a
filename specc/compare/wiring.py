"""What changed in the network itself: its steps, and what each takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from specc.compare.attributes import KeyedGraph, differing, is_unordered
from specc.compare.interface import Ports
from specc.ir.graph import Node, Region

Member = Node | Region


class AttributeChange(NamedTuple):
    """An attribute of a step that has another value."""

    name: str
    before: object
    after: object


class StepChange(NamedTuple):
    """A step that both have and that is not the same.

    Attributes:
        attributes: those that differ; of another kind of step none.
        inputs: what it takes, where that is another value and no step that was put in or taken out between explains
            it: the names before and after.
        former_inputs: what it took, by the names of today.
        sharing: whose tensors it has, before and after, where it shares them with other steps than before.
    """

    before: Node
    after: Node
    attributes: tuple[AttributeChange, ...]
    inputs: tuple[tuple[str, ...], tuple[str, ...]] | None
    former_inputs: tuple[str, ...]
    sharing: tuple[str, str] | None

    @property
    def replaced(self) -> bool:
        """Whether it is another kind of step."""
        return self.before.op.kind != self.after.op.kind


class OutputChange(NamedTuple):
    """An output that gives out another step's value; None: there is no such output.

    Attributes:
        was: what it gave out before, by the name of today.
    """

    name: str
    before: str | None
    after: str | None
    was: str | None


class GraphChange(NamedTuple):
    """The changes of the graph.

    Attributes:
        proven_same: the two networks are the same function of their inputs, given the same weights: every step has its
            counterpart, with equal attributes and the same inputs.
        renamed: steps with another name, before and after; no change of the graph.
    """

    proven_same: bool
    changed_steps: tuple[StepChange, ...]
    added: tuple[Member, ...]
    removed: tuple[Member, ...]
    outputs: tuple[OutputChange, ...]
    renamed: tuple[tuple[str, str], ...]

    @property
    def changed(self) -> bool:
        return not self.proven_same

    @property
    def size(self) -> int:
        """How much it tells: of two accounts of one change the shorter is the better one."""
        steps = sum(len(m.nodes) if isinstance(m, Region) else 1 for m in (*self.added, *self.removed))
        return 2 * steps + 2 * len(self.changed_steps)


def compare_graphs(
    before: KeyedGraph, after: KeyedGraph, ports: Ports, steps: Mapping[str, str], proven: bool
) -> GraphChange:
    """The changes, given which old step is which new one.

    Args:
        steps: names, before and after.
        proven: whether they are the same network but for names.
    """
    pairs = ((node.name, steps.get(node.name, node.name)) for node in before.graph.nodes)
    renamed = tuple((old, new) for old, new in pairs if old != new)
    if proven:
        return GraphChange(True, (), (), (), (), renamed)
    wiring = _Wiring(before, after, ports, steps)
    changed = tuple(wiring.changes())
    changed_names = {change.before.name for change in changed}
    return GraphChange(
        False,
        changed,
        tuple(_complete(after.graph.members, wiring.added)),
        tuple(_complete(before.graph.members, wiring.removed)),
        tuple(wiring.outputs()),
        tuple(pair for pair in renamed if pair[0] not in changed_names),
    )


class _Wiring:
    """What every step takes, before and after.

    A step that is put in between two others changes what the second one takes, and one that is taken out does too: that
    is said of the step itself.

    Attributes:
        removed, added: the steps of one network alone, by name.
    """

    def __init__(self, before: KeyedGraph, after: KeyedGraph, ports: Ports, steps: Mapping[str, str]) -> None:
        self._before, self._after, self._ports = before, after, ports
        self._values = {old.name: new.name for old, new in ports.inputs.pairs} | dict(steps)
        new_names = set(self._values.values())
        self.removed = {node.name: node for node in before.graph.nodes if node.name not in self._values}
        self.added = {node.name: node for node in after.graph.nodes if node.name not in new_names}

    def _now(self, value: str) -> str:
        """What an old value is called now; one that is no more by its own name."""
        return self._values.get(value, value)

    def changes(self) -> Iterator[StepChange]:
        before, after = self._before, self._after
        pairs = [
            (old, after.graph.node(self._values[old.name])) for old in before.graph.nodes if old.name in self._values
        ]
        modules = {(old.module, new.module) for old, new in pairs if old.parameters}
        destinations, origins = Counter(old for old, _ in modules), Counter(new for _, new in modules)
        for old, new in pairs:
            names = differing(before, after, old, new)
            attributes = tuple(AttributeChange(n, getattr(old.op, n), getattr(new.op, n)) for n in names or ())
            same = len(old.inputs) == len(new.inputs) and all(map(self._is_explained, old.inputs, new.inputs))
            if not same and is_unordered(old) and is_unordered(new):
                same = self._are_explained(old.inputs, new.inputs)
            inputs = None if same else (old.inputs, new.inputs)
            # Its tensors were those of one step and are those of several, or the other way round.
            shares = destinations[old.module] > 1 or origins[new.module] > 1
            sharing = (old.module, new.module) if old.parameters and shares else None
            if names != () or inputs or sharing:
                yield StepChange(old, new, attributes, inputs, tuple(map(self._now, old.inputs)), sharing)

    def _are_explained(self, old: tuple[str, ...], new: tuple[str, ...]) -> bool:
        """Whether they are the same values in some order."""
        left, right = list(old), list(new)
        # First those that are called so: a value that explains several is not spent on another one's.
        for value in old:
            if self._values.get(value) in right:
                left.remove(value)
                right.remove(self._values[value])
        for value in left:
            other = next((other for other in right if self._is_explained(value, other)), None)
            if other is not None:
                right.remove(other)
        return len(old) == len(new) and not right

    def _is_explained(self, old: str, new: str) -> bool:
        """Whether it is the same value, but for steps put in or taken out on the way to it."""
        if self._values.get(old) == new:
            return True
        before = {self._values[value] for value in _sources(old, self.removed) if value in self._values}
        return bool(before & _sources(new, self.added))

    def outputs(self) -> Iterator[OutputChange]:
        before, after = (
            {port.name: value for port, value in side.graph.outputs} for side in (self._before, self._after)
        )
        for old, new in self._ports.outputs.pairs:
            if not self._is_explained(before[old.name], after[new.name]):
                yield OutputChange(new.name, before[old.name], after[new.name], self._now(before[old.name]))
        for port in self._ports.outputs.removed:
            yield OutputChange(port.name, before[port.name], None, self._now(before[port.name]))
        for port in self._ports.outputs.added:
            yield OutputChange(port.name, None, after[port.name], None)


def _sources(value: str, between: Mapping[str, Node]) -> set[str]:
    """The values that it comes from, seen through the steps ``between``."""
    seen, pending = {value}, [value]
    while pending:
        node = between.get(pending.pop())
        fresh = set(node.inputs if node else ()) - seen
        seen |= fresh
        pending += fresh
    return {name for name in seen if name not in between}


def _complete(members: Iterable[Member], names: Collection[str]) -> Iterator[Member]:
    """The steps of these names, and the blocks of which every step is one of them in their place."""
    for member in members:
        if isinstance(member, Node):
            if member.name in names:
                yield member
        elif all(node.name in names for node in member.nodes):
            yield member
        else:
            yield from _complete(member.members, names)
