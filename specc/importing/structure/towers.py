"""Several steps that are applied together with one set of weights, as siamese towers, become one step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from specc.importing.network import ImportedStep
from specc.importing.structure.paths import Path

TOWER = "shared steps"
"""The operator of what stands for them; the language has none of that name."""


@dataclass(frozen=True, slots=True)
class Tower:
    """Steps that are applied several times.

    Attributes:
        path: of the group that they are.
        steps: those of the first application, with their paths in the group.
        entry: what the first application is applied to.
        value: what they give.
        values: what each application gives.
    """

    path: Path
    steps: tuple[ImportedStep, ...]
    paths: tuple[Path, ...]
    entry: str
    value: str
    values: tuple[str, ...]


def with_towers(
    steps: Sequence[ImportedStep], paths: Sequence[Path], outputs: frozenset[str]
) -> tuple[list[ImportedStep], list[Path], list[Tower]]:
    """The steps with one for each application of several that are shared, and what these are.

    Args:
        outputs: the values that the network gives.
    """
    taken: dict[int, ImportedStep] = {}
    gone: set[int] = set()
    towers: list[Tower] = []
    for path, modules in _candidates(steps, paths).items():
        count = len(next(iter(modules)))
        runs = [_between(steps, {uses[j] for uses in modules}) for j in range(count)]
        ends = [_ends(steps, run, outputs) for run in runs]
        if gone.intersection(*[set().union(*runs)]) or any(end is None for end in ends) or not _alike(steps, runs):
            continue
        interfaces = [end for end in ends if end is not None]
        for run, (entry, value) in zip(runs, interfaces, strict=True):
            gone.update(run)
            taken[max(run)] = ImportedStep("", TOWER, {}, (entry,), (value,))
        inside = tuple(_inside(steps[index], paths[index], path) for index in runs[0])
        own = {value: f"in {value}" for index in runs[0] for value in steps[index].outputs}
        first = tuple(_renamed(steps[index], own) for index in runs[0])
        towers.append(
            Tower(path, first, inside, interfaces[0][0], own[interfaces[0][1]], tuple(value for _, value in interfaces))
        )
    homes = {value: tower.path for tower in towers for value in tower.values}
    left = [
        (taken.get(index, step), path)
        for index, (step, path) in enumerate(zip(steps, paths, strict=True))
        if index in taken or index not in gone
    ]
    placed = [
        (*homes[step.outputs[0]][:-1], "") if step.operator == TOWER else _beside(towers, step, path)
        for step, path in left
    ]
    return [step for step, _ in left], placed, towers


def _beside(towers: Sequence[Tower], step: ImportedStep, path: Path) -> Path:
    """The path of a step that is in no tower: where it has no name, not in the group that a tower is."""
    around = next((tower.path for tower in towers if path[: len(tower.path)] == tower.path), None)
    return path if around is None or step.tensors else (*around[:-1], "")


def _renamed(step: ImportedStep, names: Mapping[str, str]) -> ImportedStep:
    """The step on values of other names."""
    inputs, outputs = (tuple(names.get(value, value) for value in values) for values in (step.inputs, step.outputs))
    return replace(step, inputs=inputs, outputs=outputs)


def _inside(step: ImportedStep, path: Path, group: Path) -> Path:
    return (
        path[len(group) :] if step.tensors else (*path[len(group) : -1], "") if path[: len(group)] == group else ("",)
    )


def _candidates(steps: Sequence[ImportedStep], paths: Sequence[Path]) -> dict[Path, list[tuple[int, ...]]]:
    """The groups all of whose modules are applied equally often, as large as they are; of each module its steps."""
    uses: dict[Path, list[int]] = defaultdict(list)
    for index, (step, path) in enumerate(zip(steps, paths, strict=True)):
        if step.tensors and path[-1]:
            uses[path].append(index)
    counts: dict[Path, set[int]] = defaultdict(set)
    for path, indices in uses.items():
        for depth in range(1, len(path)):
            counts[path[:depth]].add(len(indices))
    groups: dict[Path, list[Path]] = defaultdict(list)
    for path, indices in uses.items():
        for depth in range(1, len(path)):
            if len(counts[path[:depth]]) == 1 and len(indices) > 1:
                groups[path[:depth]].append(path)
                break
    found: dict[Path, list[tuple[int, ...]]] = {}
    for members in groups.values():
        shared = tuple([parts[0] for parts in takewhile(lambda p: len({*p}) == 1, zip(*members, strict=False))])
        found[shared[: len(min(members, key=len)) - 1]] = [tuple(uses[path]) for path in members]
    return found


def _between(steps: Sequence[ImportedStep], chosen: set[int]) -> list[int]:
    """These steps, and those without tensors on the ways between them, in order."""
    first, last = min(chosen), max(chosen)
    made: set[str] = set()
    behind: set[int] = set()
    for index in range(first, last + 1):
        step = steps[index]
        if index in chosen or (not step.tensors and made.intersection(step.inputs)):
            behind.add(index)
            made.update(step.outputs)
    needed: set[str] = set()
    run: list[int] = []
    for index in range(last, first - 1, -1):
        if index in chosen or (index in behind and needed.intersection(steps[index].outputs)):
            run.append(index)
            needed.update(steps[index].inputs)
    return run[::-1]


def _ends(steps: Sequence[ImportedStep], run: list[int], outputs: frozenset[str]) -> tuple[str, str] | None:
    """What some steps take and give; None where it is more than one value, or they begin with it more than once."""
    inside = {value for index in run for value in steps[index].outputs}
    entries = [value for index in run for value in steps[index].inputs if value not in inside]
    chosen = set(run)
    read = {value for index, step in enumerate(steps) if index not in chosen for value in step.inputs} | outputs
    given = [value for index in run for value in steps[index].outputs if value in read]
    return (entries[0], given[0]) if len(entries) == 1 and given == list(steps[run[-1]].outputs) else None


def _alike(steps: Sequence[ImportedStep], runs: list[list[int]]) -> bool:
    """Whether all applications are the same steps on the same values."""
    first = runs[0]
    if any(len(run) != len(first) for run in runs):
        return False
    for run in runs[1:]:
        known: dict[str, str] = {}
        for one, other in zip(first, run, strict=True):
            a, b = steps[one], steps[other]
            known.update(zip(a.outputs, b.outputs, strict=True))
            inputs = [known.get(value, value) for value in a.inputs]
            inside = [value for value in a.inputs if value in known]
            if a.operator != b.operator or a.arguments != b.arguments or dict(a.tensors) != dict(b.tensors):
                return False
            if len(a.inputs) != len(b.inputs) or any(known[v] not in b.inputs for v in inside):
                return False
            if inside and inputs != list(b.inputs):
                return False
    return True
