"""Which files are meant: by name, below folders, by patterns."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import filterfalse
from pathlib import Path
from typing import NamedTuple

from specc.diagnostics import UsageError
from specc.filesystem import DISK, FileSystem, FolderEntry
from specc.project.outcome import Outcome, Unreadable
from specc.project.paths import identity, matches
from specc.project.patterns import expanded, is_pattern
from specc.project.settings import Configuration, Settings
from specc.syntax import SUFFIXES


def spec_files(
    paths: Iterable[str],
    configuration: Configuration | None = None,
    *,
    force_exclude: bool = False,
    files: FileSystem = DISK,
) -> tuple[list[str], list[Unreadable]]:
    """The specs among ``paths``, each once however it is spelled, in order, and what could not be looked at.

    A folder is searched, but for hidden folders, links to folders, and what the settings there exclude; a pattern is
    expanded, and what it fits is searched for in the same way. A file that is named is taken whatever it is called,
    and excluded only with ``force_exclude`` (hooks name every file).

    Raises:
        UsageError: a path is empty, or settings are wrong.
    """
    search = _Search(configuration or Configuration(), force_exclude, files)
    return search.found(paths), search.unreadable


class Discovered(NamedTuple):
    """What a search has found.

    Attributes:
        names: the specs, each once.
        unreadable: what could not be looked at.
        unused: of all settings whose whole folder was searched, the patterns of ``exclude`` that fitted nothing that
            the search came to.
    """

    names: list[str]
    unreadable: list[Unreadable]
    unused: list[tuple[Settings, tuple[str, ...]]]


def discovered(
    paths: Iterable[str], configuration: Configuration, *, force_exclude: bool = False, files: FileSystem = DISK
) -> Discovered:
    """As `spec_files`, with what is known of the search. Raises UsageError."""
    search = _Search(configuration, force_exclude, files)
    return Discovered(search.found(paths), search.unreadable, list(search.unused()))


def searched(paths: Iterable[str], configuration: Configuration) -> list[str]:
    """The folders in which a new file might be one of those that ``paths`` mean."""
    search = _Search(configuration, False, DISK)
    for path in paths:
        base = path
        while base and not DISK.is_folder(base):  # of a pattern, what stands before it
            base = os.path.dirname(base)
        if base == path or is_pattern(path):
            deque(search.below(base or "."), maxlen=0)
        else:
            search.folders.append(base or ".")
    return search.folders


def unused_patterns(found: Discovered, configuration: Configuration, outcome: Outcome) -> Iterator[str]:
    """A sentence for each of them, where all of the settings' folder was searched; else it cannot be known."""
    checked = {*found.names, *(file.name for file in outcome.files)}
    read = checked | {name for file in outcome.files for name in file.imports}
    for settings, excluded in found.unused:
        relative = cache(settings.relative)
        for key, patterns, names, what in (
            ("include", settings.include, checked, "file"),
            ("per-file-ignores", [pattern for pattern, _ in settings.per_file], read, "file that is checked"),
            ("budget", [pattern for pattern, _ in settings.budgets], checked, "file that is checked"),
        ):
            for pattern in filterfalse(_is_beyond, patterns):
                fitting = {name for name in names if matches(relative(name), (pattern,))}
                below = (name for name in fitting if not relative(name).startswith("../"))
                others = {origin for name in below if (origin := configuration.of(name).origin)}
                if not any(configuration.of(name).origin == settings.origin for name in fitting):
                    own = f"only files that have settings of their own: {', '.join(sorted(others))}"
                    yield f"{settings.origin}: {key}: {pattern} fits {own if others else f'no {what}'}"
        for pattern in filterfalse(_is_beyond, excluded):
            yield f"{settings.origin}: exclude: {pattern} fits no spec and no folder that the search comes to"


def _is_beyond(pattern: str) -> bool:
    """Whether it is about files outside of the folder, or is that of all files."""
    return pattern.startswith("../") or pattern == "**"


class _Search:
    """A search for specs.

    Attributes:
        unreadable: what could not be looked at until now.
        folders: those that have been searched until now.
    """

    def __init__(self, configuration: Configuration, force_exclude: bool, files: FileSystem) -> None:
        self._files = files
        self._configuration = configuration
        self._force = force_exclude
        self.unreadable: list[Unreadable] = []
        self.folders: list[str] = []
        self._searched: set[str] = set()
        self._needed: set[tuple[str, str]] = set()
        """The patterns of ``exclude`` that have fitted something until now, with the origin of their settings."""

    def found(self, paths: Iterable[str]) -> list[str]:
        """The specs that the paths mean, each once."""
        names: dict[str, str] = {}
        for path in paths:
            for spec in self.specs(path):
                names.setdefault(spec if spec == "-" else identity(spec, self._files), spec)
        return list(names.values())

    def unused(self) -> Iterator[tuple[Settings, tuple[str, ...]]]:
        """See `Discovered`."""
        if self.unreadable:
            return
        folders = set(map(self._files.real, self.folders))
        for settings in self._configuration.used:
            if self._files.real(str(settings.root or "")) in folders:
                yield settings, tuple(x for x in settings.exclude if (settings.origin, x) not in self._needed)

    def specs(self, path: str) -> Iterator[str]:
        """Those that one of the paths means."""
        if not path:
            raise UsageError("one of the paths is empty: name a file or a folder (. is the present one)")
        if path == "-":
            yield path
        elif self._files.is_folder(path):
            yield from self.below(path)
        elif is_pattern(path) and not self._files.has(path):
            yield from self._fitting(path)
        elif not (self._force and self._configuration.excludes(path)):
            yield _posix(path)

    def _fitting(self, pattern: str) -> Iterator[str]:
        told = len(self.unreadable)
        found = sorted(expanded(pattern, self._closed, self._files))
        if not found and len(self.unreadable) == told:
            self.unreadable.append(Unreadable(pattern, f"{pattern} fits no file"))
        for path in found:
            if self._files.is_folder(path):
                yield from self.below(path)
            elif path.endswith((*SUFFIXES, ".yaml", ".yml")) and not self._configuration.excludes(path):
                yield _posix(path)

    def below(self, folder: str) -> Iterator[str]:
        """The specs in a folder and in those below it; none, where it was searched before."""
        known = identity(folder, self._files)
        if known in self._searched:
            return
        self._searched.add(known)
        try:
            entries = self._files.entries(folder)
        except OSError as error:
            self._closed(folder, error)
            return
        self.folders.append(folder)
        places = {entry: os.path.join(folder, entry.name) for entry in entries}
        yield from (_posix(at) for entry, at in places.items() if entry.kind != "folder" and self._is_spec(entry, at))
        for entry, at in places.items():
            # Excluded is asked of all of them: a pattern for a hidden folder is about something.
            if entry.kind != "folder" or self._is_excluded(at) or entry.name.startswith(".") or entry.is_link:
                continue
            yield from self.below(at)

    def _closed(self, folder: str, error: OSError) -> None:
        """Tell of a folder that cannot be read, once; of one that is excluded there is nothing to tell."""
        reason = (error.strerror or str(error)).lower()
        told = Unreadable(_posix(folder), f"{_posix(folder)}: cannot be searched: {reason}")
        if told not in self.unreadable and not self._configuration.excludes(folder):
            self.unreadable.append(told)

    def _is_spec(self, entry: FolderEntry, path: str) -> bool:
        """Whether it is a spec to be read. A link that leads nowhere is one: that there is none must be told."""
        if not entry.name.endswith(SUFFIXES) and not self._is_included(path):
            return False
        if self._is_excluded(path):
            return False
        if entry.kind != "other":
            return True
        name = _posix(path)  # a pipe might never end
        self.unreadable.append(Unreadable(name, f"{name}: is no ordinary file"))
        return False

    def _is_included(self, path: str) -> bool:
        settings = self._configuration.of(path)
        return bool(settings.include) and matches(settings.relative(_posix(path)), settings.include)

    def _is_excluded(self, path: str) -> bool:
        """Whether the settings of the folder that is searched leave it out."""
        settings = self._configuration.of(path)
        if not settings.exclude:
            return False
        relative = settings.relative(_posix(path))
        needed = [pattern for pattern in settings.exclude if matches(relative, (pattern,))]
        self._needed.update((settings.origin, pattern) for pattern in needed)
        return bool(needed)


def _posix(path: str) -> str:
    name = Path(path).as_posix()
    return name if name != "-" else "./-"
