"""Steps with one set of weights, which the language declares once and applies wherever their name stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from specc.importing.network import ImportedStep
from specc.importing.structure.body import (
    LabelledGroup,
    SharedDeclaration,
    Statement,
    WrittenStep,
    all_statements,
    inner_bodies,
)
from specc.importing.structure.paths import Path
from specc.importing.structure.writing import label_of
from specc.ops.registry import names as layer_names
from specc.syntax.tokens import is_name


@dataclass(frozen=True, slots=True)
class SharedModule:
    """A module that is applied several times.

    Attributes:
        path: of the module, where its origin says one.
        step: one of its applications.
        values: what they give.
        body: the statements of one, where it is several steps.
    """

    path: Path
    step: ImportedStep
    values: frozenset[str]
    body: list[Statement] | None = None


def shared_modules(steps: Sequence[ImportedStep], paths: list[Path]) -> list[SharedModule]:
    """The modules that several steps apply; each of these steps stands then where its module does."""
    users: dict[frozenset[tuple[str, str]], list[int]] = defaultdict(list)
    for index, step in enumerate(steps):
        if step.tensors:
            users[frozenset(step.tensors.items())].append(index)
    modules: list[SharedModule] = []
    for indices in (module for users_of_one in users.values() for module in _modules(steps, users_of_one)):
        if len(indices) < 2:
            continue
        step = steps[indices[0]]
        path = paths[indices[0]]
        if step.name and any(steps[index].name != step.name for index in indices):
            owners = {name.removesuffix(f".{role}" if role else "") for role, name in step.tensors.items()}
            path = tuple(map(label_of, owners.pop().split("."))) if len(owners) == 1 else path
        modules.append(SharedModule(path, step, frozenset(steps[index].outputs[0] for index in indices)))
        for index in indices:
            paths[index] = (*path[:-1], "")
    return modules


def declare(modules: Sequence[SharedModule], body: list[Statement], taken: Collection[str]) -> set[str]:
    """Put the declarations where their names are those of the origin, or else at the top.

    Returns:
        their names.
    """
    layers = [s for s in all_statements(body) if isinstance(s, WrittenStep)]
    labels = {s.label for s in all_statements(body) if isinstance(s, (WrittenStep, LabelledGroup)) and s.label}
    used = {*taken, *labels, *layer_names()}
    names: set[str] = set()
    for module in modules:
        name, home = module.path[-1], _home(body, module.path[:-1])
        if (
            home is None
            or not is_name(name)
            or name in layer_names()
            or name in taken
            or (home is body and name in labels)
        ):
            stem = "_".join(part for part in module.path if part.isidentifier()) or module.step.operator
            name, number, home = stem, 1, body
            while name in used:
                number += 1
                name = f"{stem}_{number}"
        used.add(name)
        names.add(name)
        home.insert(
            0,
            SharedDeclaration(name, module.body or [WrittenStep(replace(module.step, outputs=(f"in {name}",)), None)]),
        )
        for layer in layers:
            if layer.value in module.values:
                layer.shared = name
    return names


def _home(body: list[Statement], path: Path) -> list[Statement] | None:
    """The body of the group of that path; None where there is none, or where it stands in several parts."""
    if not path:
        return body
    for group in _groups(body):
        if group.label == path[0]:
            return None if group.goes_on else _home(group.body, path[1:])
    return None


def _groups(body: list[Statement]) -> Iterator[LabelledGroup]:
    """The groups whose labels belong to the place of a body."""
    for statement in body:
        if isinstance(statement, LabelledGroup):
            yield statement
        else:
            for inner in inner_bodies(statement):
                yield from _groups(inner)


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
