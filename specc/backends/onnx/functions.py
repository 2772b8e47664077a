"""Blocks of the spec as local functions of the ONNX file."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import FunctionProto, NodeProto, OperatorSetIdProto, helper

from specc.backends.onnx.scope import BodyScope, Scope
from specc.ir.graph import Block, Graph

DOMAIN = OperatorSetIdProto(domain="specc", version=1)
"""What the functions belong to; a file that has some imports it, and so does every function for those it calls."""


class Functions:
    """The functions of a file. Instances of a block with equal bodies are one function.

    Attributes:
        protos: the functions, those that others call before them.
    """

    def __init__(self, graph: Graph, opset: OperatorSetIdProto) -> None:
        self._opsets = (opset, DOMAIN)
        self._places = {node.name: place for place, node in enumerate(graph.nodes)}
        self._last_use = {value: place for place, node in enumerate(graph.nodes) for value in node.inputs}
        self._last_use |= {value: len(graph.nodes) for _, value in graph.outputs}
        self._names: dict[tuple[str, bytes], str] = {}
        self._counts: dict[str, int] = {}
        self.protos: list[FunctionProto] = []

    def call(self, block: Block, body: BodyScope, scope: Scope) -> NodeProto:
        """The node in ``scope`` that stands for ``block``, whose steps ``body`` holds."""
        given = self._given(block)
        inputs = [body.values[value] for value in body.taken] + [name for name, *_ in body.weights.values()]
        name = self._named(block.title, inputs, [body.values[value] for value in given], body.nodes)
        weights = [scope.weight(step, stored.parameter, stored.shape)[0] for _, step, stored in body.weights.values()]
        return helper.make_node(
            name,
            [*(scope.values[value] for value in body.taken), *weights],
            [scope.values[value] for value in given],
            name=scope.label(block),
            domain=DOMAIN.domain,
        )

    def _given(self, block: Block) -> list[str]:
        """The block's values that are used outside it: what it gives first, then others that are referred to.

        The steps of a block are next to each other, so these are the values whose last use is behind them.
        """
        end = self._places[block.nodes[-1].name]
        used = [node.name for node in block.nodes if self._last_use[node.name] > end]
        return sorted(used, key=lambda value: value != block.output)

    def _named(self, title: str, inputs: Sequence[str], outputs: Sequence[str], nodes: Sequence[NodeProto]) -> str:
        """The function of that title and body, made where there is none: ``unit``, ``unit_2`` …"""
        function = FunctionProto(
            domain=DOMAIN.domain, input=inputs, output=outputs, node=nodes, opset_import=self._opsets
        )
        key = title, bytes(function.SerializeToString(deterministic=True))
        if key not in self._names:
            self._names[key] = function.name = self._free(title)
            self.protos.append(function)
        return self._names[key]

    def _free(self, title: str) -> str:
        name = title
        while name in self._counts:
            self._counts[title] += 1
            name = f"{title}_{self._counts[title]}"
        self._counts[name] = 1
        return name
