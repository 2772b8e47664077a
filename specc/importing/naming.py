"""What the steps and tensors of an imported network are called: as the file does, where that can be a name here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from specc.importing.program import Known, Step
from specc.syntax.tokens import is_name

LONGEST = 200
"""Characters of a label."""

_UNSAYABLE = re.compile(r"[\s./:\"\\{}]")


def identifier(text: str, taken: Iterable[str] = (), fallback: str = "value") -> str:
    """A name of the language that looks like the text, and is none of those that are taken.

    TensorFlow calls the first result of ``scores`` ``scores:0``.
    """
    name = re.sub(r"\W+", "_", text.removesuffix(":0"), flags=re.ASCII).strip("_") or fallback
    if name[0].isdigit() or not is_name(name):
        name = f"{fallback}_{name}" if name[0].isdigit() else f"{name}_"
    name = name[:LONGEST]
    others, first, count = set(taken), name, 1
    while name in others:
        count += 1
        name = f"{first}_{count}"
    return name


def scoped_path(name: str) -> str:
    """The module that PyTorch's older exporter says in a node's name: ``/layer1/layer1.0/conv1/Conv``.

    A part that begins with the one before it is the whole way to it: ``layer1.0`` in ``layer1``.
    """
    parts = [part for part in name.split("/") if part][:-1]
    path: list[str] = []
    for part in parts:
        if path and part.startswith(f"{path[-1]}."):
            path[-1] = part
        else:
            path.append(part)
    return ".".join(path)


def tensor_path(tensors: Iterable[tuple[str, Known]]) -> str:
    """The module that the names of its tensors say: ``layer1.0.conv1`` of ``layer1.0.conv1.weight``."""
    paths: Counter[str] = Counter()
    for role, known in tensors:
        ending = f".{role}" if role else "/factor"
        if known.name.endswith(ending):
            paths[known.name.removesuffix(ending)] += 1
        elif not role and known.name:
            paths[known.name] += 1
    return paths.most_common(1)[0][0] if paths else ""


def is_path(path: str) -> bool:
    """Whether every part of it can be a label."""
    parts = path.split(".")
    return all(part and len(part) <= LONGEST and part.isprintable() and not _UNSAYABLE.search(part) for part in parts)


def _agree(path: str, scopes: Iterable[str]) -> bool:
    """Whether the file says nothing of a step's module, or that it is this one, applied once more."""
    scopes = [scope for scope in scopes if scope]
    return not scopes or any(re.fullmatch(rf"{re.escape(path)}(_\d+)?", scope) for scope in scopes)


class Names:
    """Gives every step with tensors a path, and those without where the file has one that nobody else needs."""

    def __init__(self) -> None:
        self._paths: dict[str, tuple[object, ...]] = {}
        self._groups: set[str] = set()
        self._users: Counter[object] = Counter()

    def of(self, steps: Iterable[Step]) -> dict[Step, str]:
        """The path of each step; empty of those that need none."""
        steps = tuple(steps)
        names: dict[Step, str] = {}
        self._users.update(known.key for step in steps for known in step.tensors.values())
        for step in steps:
            if step.tensors:
                names[step] = self._claimed(step)
        for step in steps:
            if not step.tensors:
                path = next((path for path in step.paths if path and is_path(path)), "")
                names[step] = path if path and self._is_free(path) else ""
                if names[step]:
                    self._enter(path, (step,))
        return names

    def _proposals(self, step: Step) -> Iterator[str]:
        """The best first: what its tensors are called, where the file says that the module is, and what looks alike.

        Of tensors that other steps read, too, where the file says another module that one comes first: exporters keep
        equal ones once, so those of many untrained layers are called as one of them.
        """
        tensors = step.tensors.items()
        own = tensor_path(tensor for tensor in tensors if self._users[tensor[1].key] == 1)
        path = own or tensor_path(tensors)
        given = (path, *step.paths) if own or _agree(path, step.paths) else (*step.paths, path)
        yield from (path for path in given if path and is_path(path))
        for path in given:
            words = [identifier(part) for part in re.split(r"[./:]+", path) if part and not part.isdigit()]
            if words:
                yield ".".join(words)

    def _claimed(self, step: Step) -> str:
        """A path that is free, or that of a step with the very same tensors, which is one module with it.

        Empty where the file has no name for it.
        """
        owner = (step.op, *(known.key for known in step.tensors.values()))
        first = ""
        for path in self._proposals(step):
            if self._is_free(path) or (self._paths.get(path) == owner and _agree(path, step.paths)):
                self._enter(path, owner)
                return path
            first = first or path
        if not first:
            return ""
        if self._is_inside(first):  # of what is a step already: no group can be called so
            first = first.replace(".", "_")
        path, count = first, 1
        while not self._is_free(path):
            count += 1
            path = f"{first}_{count}"
        self._enter(path, owner)
        return path

    def _is_free(self, path: str) -> bool:
        """Whether no step has it, none lies in it, and it lies in none."""
        return path not in self._paths and path not in self._groups and not self._is_inside(path)

    def _is_inside(self, path: str) -> bool:
        parts = path.split(".")
        return any(".".join(parts[:end]) in self._paths for end in range(1, len(parts)))

    def _enter(self, path: str, owner: tuple[object, ...]) -> None:
        self._paths[path] = owner
        parts = path.split(".")
        self._groups.update(".".join(parts[:end]) for end in range(1, len(parts)))
