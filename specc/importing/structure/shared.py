"""Steps with one set of weights, which the language declares once and applies wherever their name stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from specc.importing.network import ImportedStep
from specc.importing.structure.paths import Path
from specc.ops.registry import names as layer_names
from specc.syntax.tokens import keywords


def shared_steps(
    steps: Sequence[ImportedStep], paths: Sequence[Path], taken: Collection[str]
) -> tuple[dict[str, str], list[tuple[str, ImportedStep]]]:
    """What shared steps are called.

    Returns:
        the name that each of them is applied by, by its value; and each name with the step that it stands for.
    """
    users: dict[frozenset[tuple[str, str]], list[int]] = defaultdict(list)
    for index, step in enumerate(steps):
        if step.tensors:
            users[frozenset(step.tensors.items())].append(index)
    layers = {*layer_names(), *keywords()}
    used = {*taken, *(part for path in paths for part in path)}
    applied: dict[str, str] = {}
    declared: list[tuple[str, ImportedStep]] = []
    for indices in (module for users_of_one in users.values() for module in _modules(steps, users_of_one)):
        if len(indices) < 2:
            continue
        path = [part for part in paths[indices[0]] if part] or [steps[indices[0]].operator]
        stem = "_".join(part for part in path if part.isidentifier()) or "shared"
        name, number = stem, 1
        while name in layers or (name in used and path != [name]):
            number += 1
            name = f"{stem}_{number}"
        used.add(name)
        declared.append((name, steps[indices[0]]))
        applied |= {steps[index].outputs[0]: name for index in indices}
    return applied, declared


def _modules(steps: Sequence[ImportedStep], indices: list[int]) -> list[list[int]]:
    """Steps with one set of weights, parted into those of one module each.

    Exporters store equal numbers once. Where one of the steps has the name that its tensors have, and others have names
    besides, these are modules of their own.
    """
    own = [steps[i].name for i in indices if steps[i].name]
    if not any(tensor.startswith(name) for name in own for tensor in steps[indices[0]].tensors.values()):
        return [indices]
    modules: dict[str, list[int]] = defaultdict(list)
    for index in indices:
        modules[steps[index].name].append(index)
    return list(modules.values())
