"""Where each step stands in the tree of names: the path that its origin gives, or that of what it goes on from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile

from specc.importing.network import ImportedStep
from specc.importing.structure.writing import label_of

Path = tuple[str, ...]

_BETWEEN = frozenset(
    """
    maxpool avgpool globalavgpool globalmaxpool adaptiveavgpool adaptivemaxpool flatten dropout upsample slice
    """.split()
)
"""What stands between the parts of a network as often as at their ends: it is in a group where what follows is, too."""


def placed(steps: Sequence[ImportedStep], taken: Collection[str]) -> list[Path]:
    """The path of each step: the labels of the groups around it, and its own; only steps of one module have the same.

    A step that has no name of its own ends in the empty label.

    Args:
        taken: names that no label may hide: of sizes and inputs.
    """
    paths = [_labels(step.name.split("."), taken) if step.name else None for step in steps]
    _adopt(paths, steps)
    known = [path or ("",) for path in paths]
    groups = {path[:depth] for path in known for depth in range(1, len(path))}
    first: dict[Path, frozenset[tuple[str, str]]] = {}
    for index, (path, step) in enumerate(zip(known, steps, strict=True)):
        if not step.tensors:
            known[index] = (*path[:-1], "")
            continue
        free, number, tensors = path, 1, frozenset(step.tensors.items())
        while path[-1] and (free in groups or first.get(free, tensors) != tensors):
            number += 1
            free = (*path[:-1], f"{path[-1]}_{number}")
        first[free] = tensors
        known[index] = free
    return known


def _labels(parts: list[str], taken: Collection[str]) -> Path:
    return tuple([f"{label}_" if label in taken else label for label in map(label_of, parts)])


def _adopt(paths: list[Path | None], steps: Sequence[ImportedStep]) -> None:
    """Steps without a name stand in the innermost group that has, or is given, all that they take."""
    maker = {value: index for index, step in enumerate(steps) for value in step.outputs}
    takers: dict[str, list[int]] = defaultdict(list)
    for index, step in enumerate(steps):
        for value in step.inputs:
            takers[value].append(index)
    for index, step in enumerate(steps):
        if paths[index] is not None:
            continue
        made = [maker[value] for value in step.inputs if value in maker]
        group = (paths[max(made)] or ("",))[:-1] if made else ()
        if step.operator in _BETWEEN:
            group = _common(group, _next(step, steps, takers))
        while group and not all(_has(value, group, paths, maker, takers) for value in step.inputs):
            group = group[:-1]
        paths[index] = (*group, "")


def _next(step: ImportedStep, steps: Sequence[ImportedStep], takers: Mapping[str, list[int]]) -> Path:
    """The group of the first step behind one that has a name."""
    while following := takers.get(step.outputs[0]):
        step = steps[following[0]]
        if step.name:
            return tuple(step.name.split("."))[:-1]
    return ()


def _common(one: Path, other: Path) -> Path:
    return tuple([a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))])


def _has(
    value: str, group: Path, paths: list[Path | None], maker: dict[str, int], takers: dict[str, list[int]]
) -> bool:
    """Whether a group makes a value, or another step of it takes it."""
    indices = [*([maker[value]] if value in maker else []), *takers[value]]
    return any((path := paths[index]) is not None and path[: len(group)] == group for index in indices)
