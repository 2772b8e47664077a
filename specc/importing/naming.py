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
_GENERATED = re.compile(r"(?:onnx|val|tmp|const|x|v)?(?:::|_|/)?[A-Za-z]*_?\d*")


def identifier(text: str, taken: Iterable[str] = (), fallback: str = "value") -> str:
    """A name of the language that looks like the text, and is none of those that are taken."""
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or fallback
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


def tensor_path(tensors: dict[str, Known]) -> str:
    """The module that the names of its tensors say: ``layer1.0.conv1`` of ``layer1.0.conv1.weight``."""
    paths: Counter[str] = Counter()
    for role, known in tensors.items():
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


class Names:
    """Gives every step with tensors a path, and those without where the file has one that nobody else needs."""

    def __init__(self) -> None:
        self._paths: dict[str, tuple[object, ...]] = {}
        self._groups: set[str] = set()
        self._counts: Counter[str] = Counter()

    def of(self, steps: Iterable[Step]) -> dict[Step, str]:
        """The path of each step; empty of those that need none."""
        steps = tuple(steps)
        names: dict[Step, str] = {}
        for step in steps:
            if step.tensors:
                names[step] = self._claimed(
                    step, next(self._proposals(step)), tuple(k.key for k in step.tensors.values())
                )
        for step in steps:
            if not step.tensors:
                path = next((path for path in step.paths if path and is_path(path)), "")
                names[step] = path if path and self._is_free(path) else ""
                if names[step]:
                    self._enter(path, (step,))
        return names

    def _proposals(self, step: Step) -> Iterator[str]:
        for path in (tensor_path(step.tensors), *step.paths):
            if path and is_path(path):
                yield path
        for path in (tensor_path(step.tensors), *step.paths):
            words = [identifier(part) for part in re.split(r"[./:]+", path) if part and not part.isdigit()]
            if words:
                yield ".".join(words)
        self._counts[step.kind] += 1
        yield f"{step.kind}{self._counts[step.kind]}"

    def _claimed(self, step: Step, path: str, owner: tuple[object, ...]) -> str:
        """The path, or one beside it where other tensors have it."""
        if self._is_inside(path):  # of what is a step already: no group can be called so
            path = path.replace(".", "_")
        first, count = path, 1
        while not (self._is_free(path) or self._paths.get(path) == (step.op, *owner)):
            count += 1
            path = f"{first}_{count}"
        self._enter(path, (step.op, *owner))
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
