"""Whether two networks are one: step by step from their outputs, whatever their steps are called."""

from __future__ import annotations

from specc.ir.graph import Graph, Node


class Different(Exception):
    """Two networks differ; says where."""


def paired(one: Graph, other: Graph) -> dict[str, Node]:
    """For each step of ``one`` that of ``other`` which is the same.

    A `concat` of what a `concat` along the same axis gives is as one of all: it moves numbers, and computes none.

    Raises:
        Different: they do not compute the same in the same way, or do not share the same weights.
    """
    return _StepPairing(one, other).run()


class _StepPairing:
    def __init__(self, one: Graph, other: Graph) -> None:
        self._one, self._other = one, other
        self._pairs: dict[str, str] = {}
        self._taken: dict[str, str] = {}

    def run(self) -> dict[str, Node]:
        one, other = self._one, self._other
        ports = [(port.name, port.type, port.dtype) for port in one.inputs]
        if ports != [(port.name, port.type, port.dtype) for port in other.inputs]:
            raise Different("the inputs differ")
        if [port.name for port, _ in one.outputs] != [port.name for port, _ in other.outputs]:
            raise Different("the outputs have other names")
        for port in one.inputs:
            self._pairs[port.name] = self._taken[port.name] = port.name
        stack = [(a, b) for (_, a), (_, b) in zip(one.outputs, other.outputs, strict=True)]
        first, second = {n.name: n for n in one.nodes}, {n.name: n for n in other.nodes}
        while stack:
            a, b = stack.pop()
            if a in self._pairs or b in self._taken:
                if self._pairs.get(a) != b:
                    raise Different(f"{a} is {self._pairs.get(a)}, and {b} stands in its place")
                continue
            self._pairs[a], self._taken[b] = b, a
            if a not in first or b not in second:
                raise Different(f"{a} is an input, or {b} is one")
            mine, its = first[a], second[b]
            if mine.op != its.op or mine.type != its.type:
                raise Different(f"{a} is {mine.op!r} and {b} is {its.op!r}")
            left, right = self._flat(mine, first), self._flat(its, second)
            if len(left) != len(right):
                raise Different(f"{a} takes {len(left)} values, and {b} takes {len(right)}")
            stack += zip(left, right, strict=True)
        pairs = {a: second[b] for a, b in self._pairs.items() if b in second}
        unmatched = [n.name for n in one.nodes if n.name not in pairs and n.op.kind != "concat"]
        if unmatched:
            raise Different(f"nothing stands for {unmatched[0]}")
        owners = {first[a].module: node.module for a, node in pairs.items() if first[a].parameters}
        for a, node in pairs.items():
            if first[a].parameters and owners[first[a].module] != node.module:
                raise Different(f"{a} has other weights than {node.name}")
        if len(set(owners.values())) != len(owners):
            raise Different("steps have one set of weights that had two")
        return pairs

    @staticmethod
    def _flat(node: Node, nodes: dict[str, Node]) -> list[str]:
        """What a step takes; of a `concat` what those before it take."""
        if node.op.kind != "concat":
            return list(node.inputs)
        values: list[str] = []
        stack = list(reversed(node.inputs))
        while stack:
            value = stack.pop()
            maker = nodes.get(value)
            if maker is not None and maker.op == node.op:
                stack += reversed(maker.inputs)
            else:
                values.append(value)
        return values
