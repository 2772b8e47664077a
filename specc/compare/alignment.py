"""Which step of one network is which of the other.

Where the two are the same network but for the names of their steps, that is proven: every step has its inputs in order,
and every step leads to an output, so walking back from the outputs pairs all there is, in one way. Elsewhere steps are
aligned as lines of a text are, and an alignment is an account of the change and no claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from specc.compare.ports import Ports
from specc.compare.sizes import Sizes, said
from specc.ir.graph import Graph, Node
from specc.ir.op import Op
from specc.ir.size import Size

MOST_COMPARED = 4_000_000
"""Pairs of steps in a gap up to which it is searched for common runs, which takes time by their number."""

Key = tuple[object, ...]


def attributes(op: Op, given: Mapping[str, object]) -> Key:
    """What the step does, apart from where it stands: two steps with equal ones are the same function of their inputs
    and tensors.

    Args:
        given: what symbolic sizes among the attributes are, in terms of both networks.
    """
    return (op.kind, *(_value(getattr(op, name), given) for name in type(op).model_fields))


def _value(value: object, given: Mapping[str, object]) -> object:
    if isinstance(value, tuple):
        return tuple(_value(entry, given) for entry in value)
    if isinstance(value, Size):
        return said(value, given) if given else str(value)  # type: ignore[arg-type]
    # In Python True is 1 and 1 is 1.0; as attributes they differ.
    return type(value).__name__, value


class Keyed(NamedTuple):
    """A network with the attributes of every step, in terms that both networks share."""

    graph: Graph
    keys: Mapping[str, Key]


def keyed(before: Graph, after: Graph, sizes: Sizes | None) -> tuple[Keyed, Keyed]:
    given = ({}, {}) if sizes is None else (sizes.before, sizes.after)
    old, new = (
        Keyed(graph, {node.name: attributes(node.op, terms) for node in graph.nodes})
        for graph, terms in zip((before, after), given, strict=True)
    )
    return old, new


def isomorphism(before: Keyed, after: Keyed, ports: Ports) -> dict[str, str] | None:
    """The new name of every old value, where the two are the same network but for names; None where they are not.

    Steps that share their tensors do so in both. There are as many steps in both, and every one of either leads to an
    output; so where each old step has found one new one, no two have found the same.
    """
    if ports.inputs.removed or ports.inputs.added or ports.outputs.removed or ports.outputs.added:
        return None
    found = {old.name: new.name for old, new in ports.inputs.pairs}
    if len(before.graph.nodes) != len(after.graph.nodes) or not _walked_back(before, after, ports, found):
        return None
    modules = {(old.module, after.graph.node(found[old.name]).module) for old in before.graph.nodes}
    return found if _one_to_one(modules) else None


def _walked_back(before: Keyed, after: Keyed, ports: Ports, found: dict[str, str]) -> bool:
    """Pair the steps that the outputs come from into ``found``; whether every pair does the same."""
    given = [{port.name: value for port, value in side.graph.outputs} for side in (before, after)]
    left = [(given[0][old.name], given[1][new.name]) for old, new in ports.outputs.pairs]
    while left:
        old, new = left.pop()
        if old in found:
            if found[old] != new:
                return False
            continue
        if old not in before.keys or before.keys[old] != after.keys.get(new):
            return False
        found[old] = new
        inputs = before.graph.node(old).inputs, after.graph.node(new).inputs
        if len(inputs[0]) != len(inputs[1]):
            return False
        left += zip(*inputs, strict=True)
    return True


def _one_to_one(pairs: set[tuple[str, str]]) -> bool:
    return len({old for old, _ in pairs}) == len({new for _, new in pairs}) == len(pairs)


def alignments(
    before: Keyed, after: Keyed, types: tuple[Mapping[str, object], Mapping[str, object]]
) -> list[dict[str, str]]:
    """Two accounts of which old step is which new one: one that trusts the names, one that trusts the steps.

    Args:
        types: of each network, what tells the types of the steps apart.
    """
    old, new = (
        [_Step(node, side.keys[node.name], of[node.name]) for node in side.graph.nodes]
        for side, of in zip((before, after), types, strict=True)
    )
    # Common runs depend on which of two texts is the first one; the way back is to tell the same.
    if _order(old) <= _order(new):
        return [_aligned(old, new, passes) for passes in (_BY_NAME, _BY_STEP)]
    back = [_aligned(new, old, passes) for passes in (_BY_NAME, _BY_STEP)]
    return [{one: other for other, one in pairs.items()} for pairs in back]


def _order(steps: Sequence[_Step]) -> list[tuple[str, str]]:
    return [(step.node.name, repr(step.key)) for step in steps]


class _Step(NamedTuple):
    node: Node
    key: Key
    type: object


_Pass = Callable[[_Step], object]
_BY_NAME: tuple[_Pass, ...] = (
    lambda s: (s.node.name, s.key),
    lambda s: (s.node.name, s.node.op.kind),
    lambda s: s.node.name,
    lambda s: (s.key, s.type),
    lambda s: s.key,
    lambda s: s.node.op.kind,
)
_BY_STEP: tuple[_Pass, ...] = (
    lambda s: (s.node.name, s.key, s.type),
    lambda s: (s.key, s.type),
    lambda s: s.key,
    lambda s: (s.node.name, s.node.op.kind),
    lambda s: s.node.op.kind,
    lambda s: s.node.name,
)


def _aligned(old: Sequence[_Step], new: Sequence[_Step], passes: Iterable[_Pass]) -> dict[str, str]:
    """Align what is equal in each pass, then what lies between by the next one."""
    gaps = [(0, len(old), 0, len(new))]
    pairs: dict[str, str] = {}
    for key in passes:
        keys = list(map(key, old)), list(map(key, new))
        gaps = [left for gap in gaps for left in _filled(gap, keys, old, new, pairs)]
    for gap in gaps:
        _replaced(old[gap[0] : gap[1]], new[gap[2] : gap[3]], pairs)
    _moved(old, new, pairs)
    return pairs


_Gap = tuple[int, int, int, int]


def _filled(
    gap: _Gap,
    keys: tuple[list[object], list[object]],
    old: Sequence[_Step],
    new: Sequence[_Step],
    pairs: dict[str, str],
) -> list[_Gap]:
    """Pair the common runs of a gap; what is left of it."""
    start, end, new_start, new_end = gap
    left: list[_Gap] = []
    at, new_at = start, new_start
    runs = _runs(keys[0][start:end], keys[1][new_start:new_end])
    for first, other, size in [*runs, (end - start, new_end - new_start, 0)]:
        if start + first > at and new_start + other > new_at:
            left.append((at, start + first, new_at, new_start + other))
        for i in range(size):
            pairs[old[start + first + i].node.name] = new[new_start + other + i].node.name
        at, new_at = start + first + size, new_start + other + size
    return left


def _runs(old: list[object], new: list[object]) -> list[tuple[int, int, int]]:
    """Start in each and length of the runs that both have, in the order of both."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    inner = old[head : len(old) - tail], new[head : len(new) - tail]
    runs = [(0, 0, head)]
    if len(inner[0]) * len(inner[1]) <= MOST_COMPARED:
        blocks = SequenceMatcher(None, *inner, autojunk=False).get_matching_blocks()
        runs += [(head + a, head + b, size) for a, b, size in blocks]
    return [run for run in [*runs, (len(old) - tail, len(new) - tail, tail)] if run[2]]


def _replaced(old: Sequence[_Step], new: Sequence[_Step], pairs: dict[str, str]) -> None:
    """As many steps without tensors, of the same types: one activation for another."""
    if len(old) != len(new):
        return
    for one, other in zip(old, new, strict=True):
        if not one.node.parameters and not other.node.parameters and one.type == other.type:
            pairs[one.node.name] = other.node.name


def _moved(old: Sequence[_Step], new: Sequence[_Step], pairs: dict[str, str]) -> None:
    """Of what is left, steps of one name and kind that stand in another place."""
    taken = set(pairs.values())
    kinds = {step.node.name: step.node.op.kind for step in new if step.node.name not in taken}
    for step in old:
        if step.node.name not in pairs and kinds.get(step.node.name) == step.node.op.kind:
            pairs[step.node.name] = step.node.name
