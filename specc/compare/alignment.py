"""Which step of one network is which of the other.

Where the two are the same network but for the names of their steps, that is proven: every step has its inputs in order,
and every step leads to an output, so walking back from the outputs pairs all there is, in one way. Elsewhere steps are
aligned as lines of a text are, and an alignment is an account of the change and no claim.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from specc.compare.attributes import KeyedGraph, StepKey, differing, is_unordered
from specc.compare.pairing import Ports
from specc.ir.graph import Node, Port

MOST_COMPARED = 4_000_000
"""Pairs of steps in a gap up to which it is searched for common runs, which takes time by their number."""


Marks = dict[str, tuple[int, int]]
"""Of every value two numbers; see `_marks`."""


def isomorphism(before: KeyedGraph, after: KeyedGraph, ports: Ports) -> dict[str, str] | None:
    """The new name of every old value, where the two are the same network but for names; None where they are not.

    Steps that share their tensors do so in both. There are as many steps in both, and every one of either leads to an
    output; so where each old step has found one new one, no two have found the same.
    """
    if ports.inputs.removed or ports.inputs.added or ports.outputs.removed or ports.outputs.added:
        return None
    if len(before.graph.nodes) != len(after.graph.nodes):
        return None
    marks = _marks(before, after, ports.inputs.pairs)
    return _found(before, after, ports, marks) or _found(before, after, ports, None)


def _found(
    before: KeyedGraph, after: KeyedGraph, ports: Ports, marks: tuple[Marks, Marks] | None
) -> dict[str, str] | None:
    """
    Args:
        marks: how arms are paired where their order does not matter; None: in order.
    """
    found = {old.name: new.name for old, new in ports.inputs.pairs}
    if not _walked_back(before, after, ports, found, marks):
        return None
    modules = {(old.module, after.graph.node(found[old.name]).module) for old in before.graph.nodes}
    is_one_to_one = len({old for old, _ in modules}) == len({new for _, new in modules}) == len(modules)
    return found if is_one_to_one else None


def _walked_back(
    before: KeyedGraph, after: KeyedGraph, ports: Ports, found: dict[str, str], marks: tuple[Marks, Marks] | None
) -> bool:
    """Pair the steps that the outputs come from into ``found``; whether every pair does the same."""
    given = [{port.name: value for port, value in side.graph.outputs} for side in (before, after)]
    left = [(given[0][old.name], given[1][new.name]) for old, new in ports.outputs.pairs]
    later: deque[tuple[Node, Node]] = deque()  # other steps may tell which of its arms is which
    while left or later:
        if not left:
            one, other = later.popleft()
            left += _arms(one.inputs, other.inputs, found, marks)
            continue
        old, new = left.pop()
        if old in found:
            if found[old] != new:
                return False
            continue
        if old not in before.keys or new not in after.keys:
            return False
        one, other = before.graph.node(old), after.graph.node(new)
        if differing(before, after, one, other) != () or len(one.inputs) != len(other.inputs):
            return False
        found[old] = new
        if marks is not None and is_unordered(one):
            later.append((one, other))
        else:
            left += zip(one.inputs, other.inputs, strict=True)
    return True


def _marks(before: KeyedGraph, after: KeyedGraph, inputs: Sequence[tuple[Port, Port]]) -> tuple[Marks, Marks]:
    """Of every value two numbers: values with the first one equal are the same function of the inputs and of tensors of
    the same names, those with the second one equal, of tensors of some names."""
    numbers: dict[object, int] = {}
    old, new = ({pair[side].name: (-i, -i) for i, pair in enumerate(inputs, start=1)} for side in (0, 1))
    for side, marks in ((before, old), (after, new)):
        alone = (port.name for port in side.graph.inputs if port.name not in marks)
        marks |= {name: (numbers.setdefault((side is after, name), len(numbers)),) * 2 for name in alone}
    for side, marks in ((before, old), (after, new)):
        for node in side.graph.nodes:
            named, plain = ([marks[value][n] for value in node.inputs] for n in (0, 1))
            if is_unordered(node):
                named, plain = sorted(named), sorted(plain)
            key, module = side.keys[node.name], node.module if node.parameters else ""
            whole = (key, module, *named), (key, *plain)
            marks[node.name] = (
                numbers.setdefault(("named", whole[0]), len(numbers)),
                numbers.setdefault(("plain", whole[1]), len(numbers)),
            )
    return old, new


def _arms(
    old: Sequence[str], new: Sequence[str], found: Mapping[str, str], marks: tuple[Marks, Marks] | None
) -> list[tuple[str, str]]:
    """Which arm of a merge is which one, where their order does not matter: as is known, else as they are alike, best
    with tensors of the same names; the rest in order."""
    assert marks is not None
    before, after = marks
    alike: tuple[Callable[[str, str], bool], ...] = (
        lambda one, other: found.get(one) == other,
        lambda one, other: one not in found and before[one][0] == after[other][0],
        lambda one, other: one not in found and before[one][1] == after[other][1],
        lambda one, other: True,
    )
    left, right = list(old), list(new)
    pairs = []
    for are_alike in alike:
        for one in tuple(left):
            other = next((other for other in right if are_alike(one, other)), None)
            if other is not None:
                pairs.append((one, other))
                left.remove(one)
                right.remove(other)
    return pairs


def alignments(
    before: KeyedGraph, after: KeyedGraph, ports: Ports, types: tuple[Mapping[str, object], Mapping[str, object]]
) -> list[dict[str, str]]:
    """Accounts of which old step is which new one: one that trusts the names, one that trusts the steps, and one that
    heeds no names.

    Args:
        types: of each network, what tells the types of the steps apart.
    """
    inputs = ports.inputs.pairs
    # Common runs depend on which of two texts is the first one; the way back is to tell the same.
    if _order(before) <= _order(after):
        return _accounts(before, after, inputs, types)
    back = _accounts(after, before, [(new, old) for old, new in inputs], types[::-1])
    return [{one: other for other, one in pairs.items()} for pairs in back]


def _order(side: KeyedGraph) -> list[tuple[str, str]]:
    return [(node.name, repr(side.keys[node.name])) for node in side.graph.nodes]


def _accounts(
    before: KeyedGraph,
    after: KeyedGraph,
    inputs: Sequence[tuple[Port, Port]],
    types: tuple[Mapping[str, object], Mapping[str, object]],
) -> list[dict[str, str]]:
    marks = _marks(before, after, inputs)
    same = _unaffected(before.graph.nodes, after.graph.nodes, marks)
    known = set(same.values())
    old = _steps((node for node in before.graph.nodes if node.name not in same), before, types[0])
    new = _steps((node for node in after.graph.nodes if node.name not in known), after, types[1])
    believing = [same | _aligned(old, new, passes) for passes in (_BY_NAME, _BY_STEP)]
    old, new = (
        _steps(_in_order(before, marks[0]), before, types[0]),
        _steps(_in_order(after, marks[1]), after, types[1]),
    )
    return [*believing, _aligned(old, new, _BY_PLACE)]


def _steps(nodes: Iterable[Node], side: KeyedGraph, types: Mapping[str, object]) -> list[_Step]:
    return [_Step(node, side.keys[node.name], types[node.name]) for node in nodes]


def _unaffected(old: Iterable[Node], new: Iterable[Node], marks: tuple[Marks, Marks]) -> dict[str, str]:
    """Steps that give what they gave, from the same inputs and tensors of the same names."""
    alike: dict[int, list[str]] = {}
    for node in new:
        alike.setdefault(marks[1][node.name][0], []).append(node.name)
    pairs: dict[str, str] = {}
    for of_same_name in (True, False):
        for node in old:
            left = alike.get(marks[0][node.name][0], [])
            name = node.name if node.name in left else next(iter(left), None)
            if node.name not in pairs and name is not None and (name == node.name or not of_same_name):
                pairs[node.name] = name
                left.remove(name)
    return pairs


def _in_order(side: KeyedGraph, marks: Marks) -> list[Node]:
    """The steps as the outputs need them; where the order of arms does not matter, in one that both networks share."""
    found: dict[str, Node] = {}
    left = [(value, False) for _, value in reversed(side.graph.outputs)]
    while left:
        name, is_ready = left.pop()
        if name not in side.keys or name in found:
            continue
        node = side.graph.node(name)
        if is_ready:
            found[name] = node
            continue
        arms = sorted(node.inputs, key=lambda value: marks[value]) if is_unordered(node) else node.inputs
        left += [(name, True), *((value, False) for value in reversed(arms))]
    return list(found.values())


class _Step(NamedTuple):
    node: Node
    key: StepKey
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
_BY_PLACE: tuple[_Pass, ...] = (
    lambda s: (s.key, s.type),
    lambda s: s.key,
    lambda s: s.node.op.kind,
)


def _aligned(old: Sequence[_Step], new: Sequence[_Step], passes: Iterable[_Pass]) -> dict[str, str]:
    """Align what is equal in each pass, then what lies between by the next one."""
    gaps = [(0, len(old), 0, len(new))]
    pairs: dict[str, str] = {}
    for key in passes:
        keys = list(map(key, old)), list(map(key, new))
        gaps = [left for gap in gaps for left in _filled(gap, keys, old, new, pairs)]
    # In a gap, as many steps without tensors, of the same types: one activation for another.
    for start, end, new_start, new_end in gaps:
        if end - start == new_end - new_start:
            for one, other in zip(old[start:end], new[new_start:new_end], strict=True):
                if not one.node.parameters and not other.node.parameters and one.type == other.type:
                    pairs[one.node.name] = other.node.name
    # Of what is left, steps of one name and kind that stand in another place.
    taken = set(pairs.values())
    kinds = {step.node.name: step.node.op.kind for step in new if step.node.name not in taken}
    for node in (step.node for step in old):
        if node.name not in pairs and kinds.get(node.name) == node.op.kind:
            pairs[node.name] = node.name
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
