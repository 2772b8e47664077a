"""The graph as PyTorch sees it: which module every step belongs to, what goes into a module and what comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain

from specc.backends.torch.python_names import camel, stem
from specc.backends.torch.step_code import TorchStep
from specc.ir.graph import Graph, Node, Passed, Region, in_order
from specc.ir.targets import TorchModule


@dataclass(frozen=True, eq=False)
class ModuleUse:
    """One application of a module: of a block, or of the network itself.

    Attributes:
        path: the module's; the network's is empty.
        name: what its values' names begin with.
        block: None for the network.
        title: what its class is called, but for what distinguishes classes of one title.
        inputs: names of the values that it takes from outside, the block's own input first.
        outputs: names of the values that are used outside, the block's own output first; or those that it states.
        borrowed: paths of the modules and parameters that it uses and an outer module has, in order of use.
        members: its steps and the modules in it, in order.
        passed: what passes a slot that is identity here, and may be a layer in other uses of the class.
    """

    path: str
    name: str
    block: Region | None
    title: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    borrowed: tuple[str, ...]
    members: tuple[Node | ModuleUse, ...]
    passed: tuple[Passed, ...] = ()

    @cached_property
    def has_slots(self) -> bool:
        """Whether a layer may be an argument of its class: it would be one more module in a list."""
        return bool(self.passed) or any(isinstance(member, Node) and member.slot is not None for member in self.members)

    def contains(self, path: str) -> bool:
        return not self.path or path.startswith(f"{self.path}.")

    @property
    def uses(self) -> Iterator[ModuleUse]:
        """Every use of a module in it, at any depth."""
        for member in self.members:
            if isinstance(member, ModuleUse):
                yield member
                yield from member.uses


class ModuleTree:
    """Reads a graph.

    Args:
        dissolved: paths of the blocks that are to be no modules of their own.
        unused_slots: names of blocks, each with a slot that is identity there and no step.
    """

    def __init__(
        self,
        graph: Graph,
        dissolved: frozenset[str] = frozenset(),
        unused_slots: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self._graph = graph
        # A group that goes on further down is one module, and no one call of it would do.
        groups = [block for block in _blocks(graph.members) if block.kind == "group"]
        parts = Counter(group.name for group in groups)
        self._dissolved = dissolved | {group.module for group in groups if parts[group.name] > 1}
        self._unused_slots = unused_slots
        self.steps: dict[str, TorchStep] = {node.name: node.op.torch(*node.input_types) for node in graph.nodes}
        self._place = {node.name: place for place, node in enumerate(graph.nodes)}
        # The place of the last step that uses a value; after all steps for the network's results.
        self._last_use = {value: place for place, node in enumerate(graph.nodes) for value in node.inputs}
        self._last_use |= {value: len(graph.nodes) for _, value in graph.outputs}

    @cached_property
    def root(self) -> ModuleUse:
        inputs = tuple(port.name for port in self._graph.inputs)
        outputs = tuple(value for _, value in self._graph.outputs)
        members = tuple(use for member in self._graph.members for use in self._uses(member, ""))
        return ModuleUse("", "", None, self._graph.name, inputs, outputs, (), members)

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """What each value is called beside its step's name: by the blocks that give it, the outer ones first.

        What ``body.c3.1.relu2`` makes is the value of ``body.c3``.
        """
        names: dict[str, list[str]] = {}
        for block in _blocks(self._graph.members):
            names.setdefault(block.output, []).append(block.name)
            for name, value in block.outputs:
                names.setdefault(value, []).append(f"{block.name}.{name}")
        return names

    @cached_property
    def labels(self) -> dict[str, dict[str, None]]:
        """The labels in every module, in the order in which they first appear: PyTorch's state-dict order."""
        nodes = [node.module.split(".")[: None if self.is_registered(node) else -1] for node in self._graph.nodes]
        # A module all of whose layers are an outer module's is in no step's path.
        paths = [*nodes, *(use.path.split(".") for use in self.root.uses)]
        labels: dict[str, dict[str, None]] = {}
        for parts in paths:
            for depth, part in enumerate(parts):
                labels.setdefault(".".join(parts[:depth]), {})[part] = None
        return labels

    @cached_property
    def leaves(self) -> set[str]:
        """Paths of the modules that are one step, and of the parameters that are."""
        return {node.module for node in self._graph.nodes if self.is_registered(node)}

    @cached_property
    def parents(self) -> set[str]:
        """Paths of the modules with a module or parameter in them."""
        parts = [path.split(".") for path in self.leaves]
        return {".".join(each[:depth]) for each in parts for depth in range(1, len(each))}

    def is_registered(self, node: Node) -> bool:
        """Whether the step is a module, or a parameter, of some module."""
        return isinstance(self.steps[node.name], TorchModule) or bool(node.parameters)

    def _uses(self, member: Node | Region, outer_title: str) -> Iterator[Node | ModuleUse]:
        """The member as what it is in PyTorch: groups without any module of their own are just their steps."""
        if isinstance(member, Node):
            yield member
            return
        title = _title(member, outer_title)
        parts = [tuple(self._uses(inner, title)) for inner in member.members]
        members = tuple(chain.from_iterable(parts))
        # A member may have become several: `passed` counts those before it.
        places = [0, *accumulate(map(len, parts))]
        slots = (p for p in member.passed if (member.name, p.slot) not in self._unused_slots)
        passed = tuple(p._replace(place=places[p.place]) for p in slots)
        if is_nameless(member):
            title = _content(members, passed) or title
        # Steps that are shared with another place are not in the block's own module.
        paths = [m.path if isinstance(m, ModuleUse) else m.module if self.is_registered(m) else "" for m in members]
        is_module = member.kind == "block" or any(path.startswith(f"{member.module}.") for path in paths)
        if member.module in self._dissolved or not is_module:
            yield from members
        elif members:
            yield self._use(member, title, members, passed)

    def _use(
        self, block: Region, title: str, members: tuple[Node | ModuleUse, ...], passed: tuple[Passed, ...]
    ) -> ModuleUse:
        first, last = members[0], members[-1]
        while isinstance(first, ModuleUse):
            first = first.members[0]
        while isinstance(last, ModuleUse):
            last = last.members[-1]
        start, end = self._place[first.name], self._place[last.name]
        outside = [value for m in members for value in m.inputs if not start <= self._place.get(value, -1) <= end]
        inputs = in_order(block, outside)
        made = dict.fromkeys(value for member in members for value in results(member))
        outputs = [value for _, value in block.outputs if value in made]
        others = [value for value in made if self._last_use.get(value, -1) > end and value not in outputs]
        outputs += sorted(others, key=lambda value: value != block.output)
        used: list[str] = []
        for member in members:
            if isinstance(member, ModuleUse):
                used += member.path, *member.borrowed
            elif self.is_registered(member):
                used.append(member.module)
        borrowed = dict.fromkeys(path for path in used if not path.startswith(f"{block.module}."))
        ends = tuple(inputs), tuple(outputs), tuple(borrowed)
        return ModuleUse(block.module, block.name, block, title, *ends, members, passed)


def _blocks(members: tuple[Node | Region, ...]) -> Iterator[Region]:
    for member in members:
        if isinstance(member, Region):
            yield member
            yield from _blocks(member.members)


def results(member: Node | ModuleUse) -> tuple[str, ...]:
    """Names of the values that it gives."""
    return (member.name,) if isinstance(member, Node) else member.outputs


def is_nameless(block: Region) -> bool:
    """Whether it has only a number: a round of a loop, or a group labelled so."""
    return block.kind == "round" or (block.kind != "block" and block.title.isdigit())


def _title(block: Region, outer_title: str) -> str:
    """``ConvBn``; the groups of ``branch1``, ``branch2`` … are alike; what has no name goes by what it is in."""
    if is_nameless(block):
        return f"{outer_title}{block.kind.capitalize()}"
    return camel(block.title if block.kind == "block" else stem(block.title))


def _content(members: tuple[Node | ModuleUse, ...], passed: tuple[Passed, ...]) -> str:
    """``ConvBatchnormRelu`` for two or three things in a row; empty where that would be no name.

    Nor where rounds are among them: how many they are is no part of a name.
    """
    labels = [member.name.rpartition(".")[2] for member in members]
    stems = [
        member.title if isinstance(member, ModuleUse) else camel(member.slot or stem(label))
        for member, label in zip(members, labels, strict=True)
    ]
    for number, slot in enumerate(passed):
        stems.insert(slot.place + number, camel(slot.slot))
    has_rounds = any(label.isdecimal() for label in labels)
    return "".join(stems) if not has_rounds and len(stems) in (2, 3) else ""
