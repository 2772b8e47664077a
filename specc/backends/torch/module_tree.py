"""The graph as PyTorch sees it: which module every step belongs to, what goes into a module and what comes out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain

from specc.backends.torch.python_names import camel
from specc.backends.torch.step_code import Made
from specc.ir.graph import Graph, Node, Passed, Region
from specc.ir.targets import TorchModule


@dataclass(frozen=True, eq=False)
class ModuleUse:
    """One application of a module: of a block, or of the network itself.

    Attributes:
        path: the module's; the network's is empty.
        name: what its values' names begin with.
        block: None for the network.
        title: what its class is called, but for what tells classes of one title apart.
        inputs: names of the values that it takes from outside, the block's own input first.
        outputs: names of the values that are used outside, the block's own output first.
        given: paths of the modules and parameters that it uses and an outer module holds, in order of use.
        members: its steps and the modules in it, in order.
        passed: what passes a slot that is identity here, and may be a layer in other uses of the class.
    """

    path: str
    name: str
    block: Region | None
    title: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    given: tuple[str, ...]
    members: tuple[Node | ModuleUse, ...]
    passed: tuple[Passed, ...] = ()

    def holds(self, path: str) -> bool:
        return not self.path or path.startswith(f"{self.path}.")


class ModuleTree:
    """Reads a graph.

    Args:
        dissolved: paths of the blocks that are to be no modules of their own.
        idle: names of blocks, each with a slot that is identity there and no step.
    """

    def __init__(
        self, graph: Graph, dissolved: frozenset[str] = frozenset(), idle: frozenset[tuple[str, str]] = frozenset()
    ) -> None:
        self._graph = graph
        # A group that goes on further down is one module, and no one call of it would do.
        self._dissolved = dissolved | _in_parts(graph.members)
        self._idle = idle
        self.made: dict[str, Made] = {node.name: node.op.torch(*node.input_types) for node in graph.nodes}
        self._place = {node.name: place for place, node in enumerate(graph.nodes)}
        self._last = self._last_uses()

    @cached_property
    def root(self) -> ModuleUse:
        inputs = tuple(port.name for port in self._graph.inputs)
        outputs = tuple(value for _, value in self._graph.outputs)
        members = self._members(self._graph.members, "")
        return ModuleUse("", "", None, self._graph.name, inputs, outputs, (), members)

    @cached_property
    def held(self) -> dict[str, dict[str, None]]:
        """The labels in every module, in the order in which they first appear: PyTorch's state-dict order."""
        held: dict[str, dict[str, None]] = {}
        for node in self._graph.nodes:
            _hold(held, node.module.split(".")[: None if self.is_held(node) else -1])
        for use in _inner(self.root):
            _hold(held, use.path.split("."))  # not held yet where all its modules are an outer one's
        return held

    @cached_property
    def filled(self) -> set[str]:
        """Paths of the modules with a module or parameter in them."""
        paths: set[str] = set()
        for node in filter(self.is_held, self._graph.nodes):
            *parts, _ = node.module.split(".")
            paths.update(".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        return paths

    @cached_property
    def leaves(self) -> set[str]:
        """Paths of the modules that are one step, and of the parameters that are."""
        return {node.module for node in self._graph.nodes if self.is_held(node)}

    def is_held(self, node: Node) -> bool:
        """Whether the step is a module, or a parameter, of some module."""
        return isinstance(self.made[node.name], TorchModule) or bool(node.parameters)

    def _last_uses(self) -> dict[str, int]:
        """The place of the last step that uses a value; after all steps for the network's results."""
        last = {value: place for place, node in enumerate(self._graph.nodes) for value in node.inputs}
        return last | {value: len(self._graph.nodes) for _, value in self._graph.outputs}

    def _members(self, members: tuple[Node | Region, ...], inside: str) -> tuple[Node | ModuleUse, ...]:
        return tuple(use for member in members for use in self._uses(member, inside))

    def _uses(self, member: Node | Region, inside: str) -> Iterator[Node | ModuleUse]:
        """The member as what it is in PyTorch: groups without any module of their own are just their steps."""
        if isinstance(member, Node):
            yield member
            return
        title = _title(member, inside)
        parts = [tuple(self._uses(inner, title)) for inner in member.members]
        members = tuple(chain.from_iterable(parts))
        places = [0, *accumulate(map(len, parts))]
        there = (p for p in member.passed if (member.name, p.slot) not in self._idle)
        passed = tuple(p._replace(place=places[p.place]) for p in there)
        if is_nameless(member):
            title = _content(members, passed) or title
        is_module = member.kind == "block" or any(self._holds(member, inner) for inner in members)
        if member.module in self._dissolved or not is_module:
            yield from members
        elif members:
            yield self._use(member, title, members, passed)

    def _holds(self, block: Region, member: Node | ModuleUse) -> bool:
        """Whether a member is, or has, a module or parameter in that of ``block``: shared steps are elsewhere."""
        if isinstance(member, Node):
            return self.is_held(member) and member.module.startswith(f"{block.module}.")
        return member.path.startswith(f"{block.module}.")

    def _use(
        self, block: Region, title: str, members: tuple[Node | ModuleUse, ...], passed: tuple[Passed, ...]
    ) -> ModuleUse:
        made = [value for member in members for value in results(member)]
        first, end = self._span(members)
        outside = (value for m in members for value in m.inputs if not first <= self._place.get(value, -1) < end)
        inputs = _first(block.input, dict.fromkeys(outside))
        outputs = _first(block.output, dict.fromkeys(value for value in made if self._last.get(value, -1) >= end))
        given = (path for m in members for path in self._needs(m) if not path.startswith(f"{block.module}."))
        given_in = tuple(dict.fromkeys(given))
        return ModuleUse(block.module, block.name, block, title, inputs, outputs, given_in, members, passed)

    def _span(self, members: tuple[Node | ModuleUse, ...]) -> tuple[int, int]:
        """The places of the first step and after the last one."""
        first, last = members[0], members[-1]
        while isinstance(first, ModuleUse):
            first = first.members[0]
        while isinstance(last, ModuleUse):
            last = last.members[-1]
        return self._place[first.name], self._place[last.name] + 1

    def _needs(self, member: Node | ModuleUse) -> tuple[str, ...]:
        """Paths of the modules and parameters that are called for it."""
        if isinstance(member, ModuleUse):
            return (member.path, *member.given)
        return (member.module,) if self.is_held(member) else ()


def _in_parts(members: tuple[Node | Region, ...]) -> frozenset[str]:
    """Paths of the groups that stand in several parts."""
    blocks = [block for block in _blocks(members) if block.kind == "group"]
    often = {name for name, times in Counter(block.name for block in blocks).items() if times > 1}
    return frozenset(block.module for block in blocks if block.name in often)


def _blocks(members: tuple[Node | Region, ...]) -> Iterator[Region]:
    for member in members:
        if isinstance(member, Region):
            yield member
            yield from _blocks(member.members)


def _hold(held: dict[str, dict[str, None]], parts: list[str]) -> None:
    above = ""
    for part in parts:
        held.setdefault(above, {})[part] = None
        above = f"{above}.{part}" if above else part


def _inner(use: ModuleUse) -> Iterator[ModuleUse]:
    """Every use of a module within, at any depth."""
    for member in use.members:
        if isinstance(member, ModuleUse):
            yield member
            yield from _inner(member)


def results(member: Node | ModuleUse) -> tuple[str, ...]:
    """Names of the values that it gives."""
    return (member.name,) if isinstance(member, Node) else member.outputs


def _first(value: str | None, among: dict[str, None]) -> tuple[str, ...]:
    return tuple(sorted(among, key=lambda name: name != value))


def is_nameless(block: Region) -> bool:
    """Whether it has only a number: a round of a loop, or a group labelled so."""
    return block.kind == "round" or (block.kind != "block" and block.title.isdigit())


def _title(block: Region, inside: str) -> str:
    """``ConvBn``; the groups of ``branch1``, ``branch2`` … are alike; what has no name goes by what it is in."""
    if is_nameless(block):
        return f"{inside}{block.kind.capitalize()}"
    return camel(block.title if block.kind == "block" else _stem(block.title))


def _content(members: tuple[Node | ModuleUse, ...], passed: tuple[Passed, ...]) -> str:
    """``ConvBatchnormRelu`` for two or three things in a row; empty where that would say nothing.

    Nor where there are rounds among them: how many there are is no part of a name.
    """
    stems = [
        m.title if isinstance(m, ModuleUse) else camel(m.slot or _stem(m.name.rpartition(".")[2])) for m in members
    ]
    for place, (slot, *_) in enumerate(passed):
        stems.insert(passed[place].place + place, camel(slot))
    known = not any(m.name.rpartition(".")[2].isdecimal() for m in members)
    return "".join(stems) if known and len(stems) in (2, 3) else ""


def _stem(label: str) -> str:
    """``conv1`` without its number."""
    return re.sub(r"_?\d+$", "", label) or label
