"""Which step of one network is which of the other.

Where the two are the same network but for the names of their steps, that is proven: every step has its inputs in order,
and every step leads to an output, so walking back from the outputs pairs all there is, in one way. Elsewhere steps are
aligned as lines of a text are, and an alignment is an account of the change and no claim.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from specc.compare.attributes import KeyedGraph, differing, is_unordered
from specc.compare.interface import Ports
from specc.ir.graph import Node, Port

MOST_COMPARED = 4_000_000
"""Pairs of steps in a gap up to which it is searched for common runs, which takes time by their number."""


class ValueNumber(NamedTuple):
    """What a value is, as two numbers: those of two values are equal where they are the same function of the inputs.

    Attributes:
        named: of the inputs and of tensors of the same names.
        plain: of the inputs and of tensors of any names.
    """

    named: int
    plain: int


Numbering = dict[str, ValueNumber]
"""The numbers of all values of a network."""


def isomorphism(before: KeyedGraph, after: KeyedGraph, ports: Ports) -> dict[str, str] | None:
    """The new name of every old value, where the two are the same network but for names; None where they are not.

    Steps that share their tensors do so in both. There are as many steps in both, and every one of either leads to an
    output; so where each old step is paired with one new one, no two are paired with the same.
    """
    if ports.inputs.removed or ports.inputs.added or ports.outputs.removed or ports.outputs.added:
        return None
    if len(before.graph.nodes) != len(after.graph.nodes):
        return None
    numberings = _value_numbers(before, after, ports.inputs.pairs)
    return _walk_back(before, after, ports, numberings) or _walk_back(before, after, ports, None)


def _walk_back(
    before: KeyedGraph, after: KeyedGraph, ports: Ports, numberings: tuple[Numbering, Numbering] | None
) -> dict[str, str] | None:
    """Pair the steps that the outputs come from; None where a pair differs.

    Args:
        numberings: by which arms are paired where their order does not matter; None: in order.
    """
    pairs = {old.name: new.name for old, new in ports.inputs.pairs}
    results = [{port.name: value for port, value in side.graph.outputs} for side in (before, after)]
    pending = [(results[0][old.name], results[1][new.name]) for old, new in ports.outputs.pairs]
    merges: deque[tuple[Node, Node]] = deque()  # last: other steps may say which of their arms is which
    measured: list[tuple[str, str]] = []
    while pending or merges or measured:
        if not pending and not merges:
            # Of what it takes the sizes alone, any value will do that has them: a step may lead to nothing else.
            pending, measured = [(old, new) for old, new in measured if old not in pairs], []
            continue
        if not pending:
            assert numberings is not None
            one, other = merges.popleft()
            pending += _paired_arms(one.inputs, other.inputs, pairs, *numberings)
            continue
        old, new = pending.pop()
        if old in pairs:
            if pairs[old] != new:
                return None
            continue
        if old not in before.keys or new not in after.keys:
            return None
        one, other = before.graph.node(old), after.graph.node(new)
        if differing(before, after, one, other) != () or len(one.inputs) != len(other.inputs):
            return None
        pairs[old] = new
        if numberings is not None and is_unordered(one):
            merges.append((one, other))
        else:
            pending += zip(one.reads, other.reads, strict=True)
            sized = zip(one.inputs[len(one.reads) :], other.inputs[len(other.reads) :], strict=True)
            (measured if before.shape(one) == after.shape(other) else pending).extend(sized)
    if not all(node.name in pairs for node in before.graph.nodes):
        return None
    modules = {(old.module, after.graph.node(pairs[old.name]).module) for old in before.graph.nodes if old.parameters}
    is_one_to_one = len({old for old, _ in modules}) == len({new for _, new in modules}) == len(modules)
    return pairs if is_one_to_one else None


def _value_numbers(
    before: KeyedGraph, after: KeyedGraph, inputs: Sequence[tuple[Port, Port]]
) -> tuple[Numbering, Numbering]:
    seen: dict[object, int] = {}
    old, new = ({pair[side].name: ValueNumber(-i, -i) for i, pair in enumerate(inputs, start=1)} for side in (0, 1))
    for side, numbers in ((before, old), (after, new)):
        unpaired = (port.name for port in side.graph.inputs if port.name not in numbers)
        numbers |= {name: ValueNumber(*[seen.setdefault((side is after, name), len(seen))] * 2) for name in unpaired}
    for side, numbers in ((before, old), (after, new)):
        for node in side.graph.nodes:
            named, plain = [numbers[value].named for value in node.reads], [numbers[v].plain for v in node.reads]
            if is_unordered(node):
                named, plain = sorted(named), sorted(plain)
            key, module = side.keys[node.name], node.module if node.parameters else ""
            numbers[node.name] = ValueNumber(
                seen.setdefault(("named", key, module, *named), len(seen)),
                seen.setdefault(("plain", key, *plain), len(seen)),
            )
    return old, new


def _paired_arms(
    old: Sequence[str], new: Sequence[str], pairs: Mapping[str, str], before: Numbering, after: Numbering
) -> list[tuple[str, str]]:
    """The arms of a merge whose order does not matter: as ``pairs`` says, else by their numbers; the rest in order."""
    # Two arms are alike where they have the same key; what has none is like no other.
    keys: tuple[tuple[Callable[[str], object], Callable[[str], object]], ...] = (
        (pairs.get, lambda other: other),
        (lambda one: None if one in pairs else before[one].named, lambda other: after[other].named),
        (lambda one: None if one in pairs else before[one].plain, lambda other: after[other].plain),
        (lambda one: "any", lambda other: "any"),
    )
    left, right = list(old), list(new)
    arms = []
    for key_before, key_after in keys:
        places: dict[object, deque[int]] = defaultdict(deque)
        for place, other in enumerate(right):
            places[key_after(other)].append(place)
        paired, rest = set[int](), []
        for one in left:
            if same := places.get(key_before(one)):
                paired.add(place := same.popleft())
                arms.append((one, right[place]))
            else:
                rest.append(one)
        left, right = rest, [other for place, other in enumerate(right) if place not in paired]
    return arms


_Pass = Callable[[KeyedGraph, Node], object]
_BY_NAME: tuple[_Pass, ...] = (
    lambda graph, step: (step.name, graph.keys[step.name]),
    lambda graph, step: (step.name, step.op.kind),
    lambda graph, step: step.name,
    lambda graph, step: (graph.keys[step.name], graph.types[step.name]),
    lambda graph, step: graph.keys[step.name],
    lambda graph, step: step.op.kind,
)
_BY_STEP: tuple[_Pass, ...] = (
    lambda graph, step: (step.name, graph.keys[step.name], graph.types[step.name]),
    lambda graph, step: (graph.keys[step.name], graph.types[step.name]),
    lambda graph, step: graph.keys[step.name],
    lambda graph, step: (step.name, step.op.kind),
    lambda graph, step: step.op.kind,
    lambda graph, step: step.name,
)
_BY_PLACE = _BY_NAME[3:]


def alignments(before: KeyedGraph, after: KeyedGraph, ports: Ports) -> list[dict[str, str]]:
    """Accounts of which old step is which new one: one that trusts the names, one that trusts the steps, and one that
    heeds no names."""
    inputs = ports.inputs.pairs
    # Common runs depend on which of two texts is the first one; the way back is to tell the same.
    orders = [[(node.name, repr(side.keys[node.name])) for node in side.graph.nodes] for side in (before, after)]
    if orders[0] <= orders[1]:
        return _alignments(before, after, inputs)
    back = _alignments(after, before, [(new, old) for old, new in inputs])
    return [{one: other for other, one in pairs.items()} for pairs in back]


def _alignments(before: KeyedGraph, after: KeyedGraph, inputs: Sequence[tuple[Port, Port]]) -> list[dict[str, str]]:
    old, new = _value_numbers(before, after, inputs)
    same = _unaffected(before.graph.nodes, after.graph.nodes, old, new)
    paired = set(same.values())
    rest = [node for node in before.graph.nodes if node.name not in same]
    new_rest = [node for node in after.graph.nodes if node.name not in paired]
    accounts = [same | _aligned(before, after, rest, new_rest, passes) for passes in (_BY_NAME, _BY_STEP)]
    return [*accounts, _aligned(before, after, _in_order(before, old), _in_order(after, new), _BY_PLACE)]


def _unaffected(
    before: Sequence[Node], after: Sequence[Node], old_numbers: Numbering, new_numbers: Numbering
) -> dict[str, str]:
    """Steps that give what they gave, from the same inputs and tensors of the same names."""
    alike: dict[int, list[str]] = {}
    for node in after:
        alike.setdefault(new_numbers[node.name].named, []).append(node.name)
    pairs: dict[str, str] = {}
    for of_same_name in (True, False):
        for node in before:
            candidates = alike.get(old_numbers[node.name].named, [])
            name = node.name if node.name in candidates else next(iter(candidates), None)
            if node.name not in pairs and name is not None and (name == node.name or not of_same_name):
                pairs[node.name] = name
                candidates.remove(name)
    return pairs


def _in_order(side: KeyedGraph, numbers: Numbering) -> list[Node]:
    """The steps as the outputs need them; where the order of arms does not matter, in one that both networks share."""
    ordered: dict[str, Node] = {}
    pending = [(value, False) for _, value in reversed(side.graph.outputs)]
    while pending:
        name, is_ready = pending.pop()
        if name not in side.keys or name in ordered:
            continue
        node = side.graph.node(name)
        if is_ready:
            ordered[name] = node
            continue
        arms = sorted(node.inputs, key=lambda value: numbers[value]) if is_unordered(node) else node.inputs
        pending += [(name, True), *((value, False) for value in reversed(arms))]
    return list(ordered.values())


def _aligned(
    before: KeyedGraph, after: KeyedGraph, old: Sequence[Node], new: Sequence[Node], passes: Iterable[_Pass]
) -> dict[str, str]:
    """Align what is equal in each pass, then what lies between by the next one."""
    gaps = [(old, new)]
    pairs: dict[str, str] = {}
    for key in passes:
        parts = gaps
        gaps = []
        for left, right in parts:
            at, new_at = 0, 0
            runs = _common_runs([key(before, step) for step in left], [key(after, step) for step in right])
            for start, new_start, size in [*runs, (len(left), len(right), 0)]:
                if start > at and new_start > new_at:
                    gaps.append((left[at:start], right[new_at:new_start]))
                at, new_at = start + size, new_start + size
                run = zip(left[start:at], right[new_start:new_at], strict=True)
                pairs |= {one.name: other.name for one, other in run}
    # In a gap, as many steps without tensors, of the same types: one activation for another.
    for left, right in gaps:
        if len(left) == len(right):
            for one, other in zip(left, right, strict=True):
                is_bare = not one.parameters and not other.parameters
                if is_bare and before.types[one.name] == after.types[other.name]:
                    pairs[one.name] = other.name
    # Of what is left, steps of one name and kind that are in another place.
    paired = set(pairs.values())
    kinds = {step.name: step.op.kind for step in new if step.name not in paired}
    return pairs | {s.name: s.name for s in old if s.name not in pairs and kinds.get(s.name) == s.op.kind}


def _common_runs(old: list[object], new: list[object]) -> list[tuple[int, int, int]]:
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
        # By default what is frequent among 200 steps or more, as relu is in most networks, begins no block.
        blocks = SequenceMatcher(None, *inner, autojunk=False).get_matching_blocks()
        runs += [(head + a, head + b, size) for a, b, size in blocks]
    return [run for run in [*runs, (len(old) - tail, len(new) - tail, tail)] if run[2]]
