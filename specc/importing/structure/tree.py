"""Which steps stand together: the tree of groups that the steps' paths say, the members of each in topological order.

A group of the language need not stand in one piece: where other steps come between, it goes on further down. So every
tree of names can be written, whatever the network between them is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from specc.importing.network import ImportedStep


@dataclass(slots=True, eq=False)
class Member:
    """A step, or a group of such, in the place that it has in the network.

    Attributes:
        label: the last part of its path; None where it has none.
        step: None of a group.
        inputs: the values that it takes from outside, in the order in which it does.
        outputs: of the values that it makes, those that others take; the last is made last.
        is_part: the group goes on elsewhere.
        size: how many steps it has.
    """

    label: str | None
    step: ImportedStep | None
    members: list[Member]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    is_part: bool = False
    size: int = 1


@dataclass(slots=True)
class _Folder:
    steps: list[int] = field(default_factory=list)


def grown(paths: list[tuple[str, ...]], steps: list[ImportedStep], outputs: frozenset[str]) -> list[Member]:
    """The members of the model.

    Args:
        paths: of each step: the labels of the groups around it, and its own.
        outputs: the values that the network gives.
    """
    members = _Grower(paths, steps, outputs).members(list(range(len(steps))), 0)
    _mark_parts(members)
    return members


def _mark_parts(members: list[Member]) -> None:
    """Say of groups in parts that they are, and of groups in parts of groups."""
    parts: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        if member.step is None and member.label is not None:
            parts[member.label].append(member)
    for groups in parts.values():
        for group in groups:
            group.is_part = len(groups) > 1
        _mark_parts([inner for group in groups for inner in group.members])


class _Grower:
    def __init__(self, paths: list[tuple[str, ...]], steps: list[ImportedStep], outputs: frozenset[str]) -> None:
        self._paths = paths
        self._steps = steps
        self._outputs = outputs
        self._maker = {value: index for index, step in enumerate(steps) for value in step.outputs}
        self._takers: dict[str, list[int]] = defaultdict(list)
        for index, step in enumerate(steps):
            for value in dict.fromkeys(step.inputs):
                self._takers[value].append(index)

    def members(self, chosen: list[int], depth: int) -> list[Member]:
        """The members of the group of these steps, whose paths are the same up to ``depth``."""
        child = {index: self._child(index, depth) for index in chosen}
        ordered: list[Member] = []
        for run in _runs(chosen, child, self._needs):
            key = child[run[0]]
            if isinstance(key, int):
                step = self._steps[key]
                path = self._paths[key]
                label = path[depth] if len(path) > depth else None
                inputs, given = tuple(dict.fromkeys(step.inputs)), step.outputs
                ordered.append(Member(label, step, [], inputs, given))
            else:
                inner = self.members(run, depth + 1)
                inputs, given = self._interface(run)
                ordered.append(Member(key, None, inner, inputs, given, size=len(run)))
        return ordered

    def _child(self, index: int, depth: int) -> str | int:
        """What a step is in at this depth: the label of a group, or itself."""
        path = self._paths[index]
        return path[depth] if len(path) > depth + 1 else index

    def _needs(self, index: int) -> list[int]:
        return [self._maker[value] for value in self._steps[index].inputs if value in self._maker]

    def _interface(self, run: list[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        inside = set(run)
        taken = dict.fromkeys(
            value for index in run for value in self._steps[index].inputs if self._maker.get(value, -1) not in inside
        )
        given = [
            value
            for index in run
            for value in self._steps[index].outputs
            if value in self._outputs or any(taker not in inside for taker in self._takers[value])
        ]
        return tuple(taken), tuple(given)


def _runs(chosen: list[int], child: dict[int, str | int], needs: Callable[[int], list[int]]) -> list[list[int]]:
    """The steps in topological order, as runs of one child each: of a child that can stand in one piece, one run.

    Whichever child can be finished is, the earliest first; where none can, since two need each other, the earliest goes
    as far as it gets.
    """
    inside = set(chosen)
    before = {index: [other for other in needs(index) if other in inside] for index in chosen}
    after: dict[int, list[int]] = defaultdict(list)
    members: dict[str | int, list[int]] = defaultdict(list)
    waits: dict[str | int, set[int]] = defaultdict(set)
    outer: dict[int, list[str | int]] = defaultdict(list)
    for index in chosen:
        members[child[index]].append(index)
        for other in before[index]:
            after[other].append(index)
            if child[other] != child[index]:
                waits[child[index]].add(other)
                outer[other].append(child[index])
    done: set[int] = set()
    left = {key: list(steps) for key, steps in members.items()}
    ready: list[tuple[int, str | int]] = []
    for key, steps in members.items():
        if not waits[key]:
            heappush(ready, (steps[0], key))
    runs: list[list[int]] = []

    def finish(run: list[int]) -> None:
        runs.append(run)
        done.update(run)
        for index in run:
            for key in outer[index]:
                if index in waits[key]:
                    waits[key].discard(index)
                    if not waits[key] and left[key]:
                        heappush(ready, (left[key][0], key))

    while len(done) < len(chosen):
        if ready:
            _, key = heappop(ready)
            run = left[key]
            if not run:
                continue
            left[key] = []
            finish(run)
            continue
        # Groups that need each other: the earliest step that can be made, and what of its group can follow.
        first = min(i for key in left for i in left[key][:1] + left[key] if all(o in done for o in before[i]))
        key = child[first]
        run, made = [], set(done)
        for index in left[key]:
            if all(other in made for other in before[index]):
                run.append(index)
                made.add(index)
        taken = set(run)
        left[key] = [index for index in left[key] if index not in taken]
        finish(run)
    return runs
