"""What shares its memory with what: so that a change in place is read as PyTorch runs it."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Graph, Node

from specc.importing.program import Unsayable

_MAY_PASS = frozenset(("dropout", "alpha_dropout", "expand_as", "contiguous", "to", "reshape", "flatten"))
"""Calls that may give what they take, whatever their schemas say."""


def changes_in_place(node: Node) -> Node | None:
    """The value whose numbers a call replaces."""
    if isinstance(node.target, torch._ops.OpOverload):
        arguments = node.target._schema.arguments
        for argument, given in zip(arguments, node.args, strict=False):
            if argument.alias_info is not None and argument.alias_info.is_write and isinstance(given, Node):
                return given
    return None


class Aliases:
    """The values of a graph by the memory that they may share."""

    def __init__(self, graph: Graph) -> None:
        self._place = {node: place for place, node in enumerate(graph.nodes)}
        self._family: dict[Node, set[Node]] = {}
        for node in graph.nodes:
            family = {node}
            for source in self._sources(node):
                family |= self._family[source]
            for member in family:
                self._family[member] = family

    def _sources(self, node: Node) -> list[Node]:
        target: Any = node.target
        if isinstance(target, torch._ops.OpOverload):
            if target._schema.name.removeprefix("aten::") in _MAY_PASS:
                return node.all_input_nodes
            given = zip(target._schema.arguments, node.args, strict=False)
            return [each for argument, each in given if argument.alias_info is not None and isinstance(each, Node)]
        return node.all_input_nodes if node.op == "call_function" else []

    def require_alone(self, place: int, node: Node) -> None:
        """Refuse a change in place where another value of the same memory is read afterwards.

        Raises:
            Unsayable: it is.
        """
        changed = changes_in_place(node)
        if changed is None:
            return
        if changed.op == "placeholder":
            raise Unsayable(f"it changes {changed.name} in place, which comes from outside")
        for other in self._family[changed]:
            if other not in (changed, node) and self._place[other] < place:
                late = [user for user in other.users if self._place[user] > place]
                if late:
                    raise Unsayable(
                        f"it changes {changed.name} in place, and {late[0].name} reads the same memory as {other.name} "
                        "afterwards: write it without inplace=True or the underscore"
                    )
