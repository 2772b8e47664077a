"""Quoted patterns of the command line: ``nets/**/*.cnn``.

They mean what `glob.glob` lets them mean, with three differences. A link to a folder is followed only where the pattern
names it, so that no search goes round in a circle. A folder that cannot be read is told. And each folder is read once,
however many ``**`` a pattern has.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from itertools import chain, takewhile
from pathlib import Path

from specc.filesystem import DISK, FileSystem

_MAGIC = frozenset("*?[")
Places = frozenset[int]
"""How far into a pattern a path has come: with ``**`` in it, several places may be next."""


def is_pattern(path: str) -> bool:
    return bool(_MAGIC & set(path))


class Pattern:
    """The parts of a pattern, and where a path is in it that is followed from name to name.

    Attributes:
        start: where every path begins.
    """

    def __init__(self, parts: Iterable[str]) -> None:
        self._parts = tuple(parts)
        self.start = self._with_nothing_for_stars({0})

    def after(self, places: Places, name: str) -> Places:
        """Where a path is behind one more name; nowhere, where it does not fit."""
        reached = {place + (part != "**") for place, part in self._next(places) if _fits(name, part)}
        return self._with_nothing_for_stars(reached)

    def after_link(self, places: Places, name: str) -> Places:
        """The same behind a link to a folder, which must be named."""
        return self._with_nothing_for_stars({place + 1 for place, part in self._next(places) if part == name})

    def is_whole(self, places: Places) -> bool:
        """Whether the path fits the whole pattern as it is."""
        return len(self._parts) in places

    def names(self, places: Places) -> set[str]:
        """The names that the pattern has next."""
        return {part for _, part in self._next(places) if not is_pattern(part)}

    def is_open(self, places: Places) -> bool:
        """Whether more than those names may be next."""
        return any(is_pattern(part) for _, part in self._next(places))

    def _next(self, places: Iterable[int]) -> list[tuple[int, str]]:
        return [(place, self._parts[place]) for place in places if place < len(self._parts)]

    def _with_nothing_for_stars(self, places: set[int]) -> Places:
        for place in sorted(places):
            at = place
            while at < len(self._parts) and self._parts[at] == "**":
                at += 1
                places.add(at)
        return frozenset(places)


def expanded(pattern: str, unreadable: Callable[[str, OSError], None], files: FileSystem = DISK) -> Iterator[str]:
    """The files and folders that fit, each once; of what lies in a folder, in the order of the names.

    Args:
        unreadable: is told of folders that cannot be read.
    """
    path = Path(pattern)
    named = tuple(takewhile(lambda part: not is_pattern(part), path.parts))
    folder = os.path.join(*named) if named else ""
    expansion = _Expansion(Pattern(path.parts[len(named) :]), unreadable, files)
    found = expansion.below(folder, expansion.pattern.start)
    if expansion.pattern.is_whole(expansion.pattern.start) and folder and files.is_folder(folder):
        found = chain([folder], found)
    return filter(files.is_folder, found) if pattern.endswith("/") else found


class _Expansion:
    def __init__(self, pattern: Pattern, unreadable: Callable[[str, OSError], None], files: FileSystem) -> None:
        self.pattern = pattern
        self._files = files
        self._unreadable = unreadable

    def below(self, folder: str, places: Places) -> Iterator[str]:
        """What fits below a folder that has come that far."""
        for name in sorted(self._names(folder, places)):
            path = os.path.join(folder, name)
            is_folder = self._files.is_folder(path)
            is_link = is_folder and self._files.kind(path, follow=False) == "link"
            reached = self.pattern.after_link(places, name) if is_link else self.pattern.after(places, name)
            if self.pattern.is_whole(reached):
                yield path
            if is_folder and reached:
                yield from self.below(path, reached)

    def _names(self, folder: str, places: Places) -> set[str]:
        """The names in a folder that fit what is next. Those that the pattern has itself need no look at all others."""
        names = {name for name in self.pattern.names(places) if self._is_there(folder, name)}
        if self.pattern.is_open(places):
            names.update(name for name in self._listed(folder) if self.pattern.after(places, name))
        return names

    def _is_there(self, folder: str, name: str) -> bool:
        try:
            return self._files.kind(os.path.join(folder, name), follow=False) is not None
        except OSError as error:
            self._unreadable(folder or ".", error)
            return False

    def _listed(self, folder: str) -> list[str]:
        try:
            return [entry.name for entry in self._files.entries(folder)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self._unreadable(folder or ".", error)
            return []


def _fits(name: str, part: str) -> bool:
    """Only a dot fits a dot at the start of a name."""
    if name.startswith(".") and not part.startswith("."):
        return False
    return part == "**" or fnmatch(name, part)
