"""Which input or output of one network is which of the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from specc.ir.graph import Graph, Port


class Paired(NamedTuple):
    """Ports of two networks: those that both have, in the order of the old one, and those of one alone."""

    pairs: tuple[tuple[Port, Port], ...]
    removed: tuple[Port, ...]
    added: tuple[Port, ...]


class Ports(NamedTuple):
    """All ports of two networks."""

    inputs: Paired
    outputs: Paired


def pair_ports(before: Graph, after: Graph) -> Ports:
    """Pair the ports by name; of the others, those of one shape, in order: they are renamed."""
    outputs = [port for port, _ in before.outputs], [port for port, _ in after.outputs]
    return Ports(_paired(before.inputs, after.inputs), _paired(*outputs))


def _paired(before: Sequence[Port], after: Sequence[Port]) -> Paired:
    left = {port.name: port for port in after}
    partner = {port.name: left.pop(port.name) for port in before if port.name in left}
    for port in before:
        alike = [new for new in left.values() if str(new.type) == str(port.type)]
        if port.name not in partner and alike:
            partner[port.name] = left.pop(alike[0].name)
    pairs = tuple((port, partner[port.name]) for port in before if port.name in partner)
    return Paired(pairs, tuple(port for port in before if port.name not in partner), tuple(left.values()))
