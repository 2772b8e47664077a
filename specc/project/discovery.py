"""Which files are meant: by name, below folders, by patterns."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from specc.diagnostics import UsageError
from specc.project.globs import matches
from specc.project.outcome import Unreadable
from specc.project.paths import identity
from specc.project.patterns import expanded, is_pattern
from specc.project.settings import Configuration, Settings
from specc.syntax import SUFFIXES


def spec_files(
    paths: Iterable[str], configuration: Configuration | None = None, *, force_exclude: bool = False
) -> tuple[list[str], list[Unreadable]]:
    """The specs among ``paths``, each once however it is spelled, in order, and what could not be looked at.

    A folder is searched, but for hidden folders, links to folders, and what the settings there exclude; a pattern is
    expanded, and what it fits is searched for in the same way. A file that is named is taken whatever it is called,
    and excluded only with ``force_exclude`` (hooks name every file).

    Raises:
        UsageError: a path is empty, or settings are wrong.
    """
    found = discovered(paths, configuration or Configuration(), force_exclude=force_exclude)
    return found.names, found.unreadable


class Discovered(NamedTuple):
    """What a search has found.

    Attributes:
        names: the specs, each once.
        unreadable: what could not be looked at.
        idle: of all settings whose whole folder was searched, the patterns of ``exclude`` that were about nothing that
            the search came to.
    """

    names: list[str]
    unreadable: list[Unreadable]
    idle: list[tuple[Settings, tuple[str, ...]]]


def discovered(paths: Iterable[str], configuration: Configuration, *, force_exclude: bool = False) -> Discovered:
    """As `spec_files`, with what is known of the search. Raises UsageError."""
    search = _Search(configuration, force_exclude)
    found: dict[str, str] = {}
    for path in paths:
        for spec in search.specs(path):
            found.setdefault(spec if spec == "-" else identity(spec), spec)
    return Discovered(list(found.values()), search.unreadable, list(search.idle()))


def searched(paths: Iterable[str], configuration: Configuration) -> list[str]:
    """The folders in which a new file might be one of those that ``paths`` mean."""
    search = _Search(configuration, force_exclude=False)
    for path in paths:
        base = path
        while base and not os.path.isdir(base):  # of a pattern, what stands before it
            base = os.path.dirname(base)
        if base == path or is_pattern(path):
            deque(search.below(base or "."), maxlen=0)
        else:
            search.folders.append(base or ".")
    return search.folders


class _Search:
    """A search for specs.

    Attributes:
        unreadable: what could not be looked at until now.
        folders: those that have been searched until now.
    """

    def __init__(self, configuration: Configuration, force_exclude: bool) -> None:
        self._configuration = configuration
        self._force = force_exclude
        self.unreadable: list[Unreadable] = []
        self.folders: list[str] = []
        self._searched: set[str] = set()
        self._needed: set[tuple[str, str]] = set()
        """The patterns of ``exclude`` that have fitted something until now, with the origin of their settings."""

    def idle(self) -> Iterator[tuple[Settings, tuple[str, ...]]]:
        """See `Discovered`."""
        if self.unreadable:
            return
        stats = [os.stat(folder) for folder in self.folders]
        for settings in self._configuration.used:
            root = os.stat(settings.root or "")
            if any(os.path.samestat(root, stat) for stat in stats):
                yield settings, tuple(x for x in settings.exclude if (settings.origin, x) not in self._needed)

    def specs(self, path: str) -> Iterator[str]:
        """Those that one of the paths means."""
        if not path:
            raise UsageError("one of the paths is empty: name a file or a folder (. is the present one)")
        if path == "-":
            yield path
        elif os.path.isdir(path):  # Path.is_dir raises where a folder is closed to us
            yield from self.below(path)
        elif is_pattern(path) and not os.path.lexists(path):
            yield from self._fitting(path)
        elif not (self._force and self._configuration.excludes(path)):
            yield _posix(path)

    def _fitting(self, pattern: str) -> Iterator[str]:
        told = len(self.unreadable)
        found = sorted(expanded(pattern, self._closed))
        if not found and len(self.unreadable) == told:
            self.unreadable.append(Unreadable(pattern, f"{pattern} fits no file"))
        for path in found:
            if os.path.isdir(path):
                yield from self.below(path)
            elif path.endswith((*SUFFIXES, ".yaml", ".yml")) and not self._configuration.excludes(path):
                yield _posix(path)

    def below(self, folder: str) -> Iterator[str]:
        """The specs in a folder and in those below it; none, where it was searched before."""
        if identity(folder) in self._searched:
            return
        self._searched.add(identity(folder))
        try:
            with os.scandir(folder) as there:
                entries = sorted(there, key=lambda entry: entry.name)
        except OSError as error:
            self._closed(folder, error)
            return
        self.folders.append(folder)
        yield from (_posix(entry.path) for entry in entries if not _is(entry.is_dir) and self._is_spec(entry))
        for entry in entries:
            # Excluded is asked of all of them: a pattern for a hidden folder is about something.
            if _is(entry.is_dir) and not self._is_excluded(entry.path) and _is_searched(entry):
                yield from self.below(entry.path)

    def _closed(self, folder: str, error: OSError) -> None:
        """Tell of a folder that cannot be read, once; of one that is excluded there is nothing to tell."""
        reason = (error.strerror or str(error)).lower()
        told = Unreadable(_posix(folder), f"{_posix(folder)}: cannot be searched: {reason}")
        if told not in self.unreadable and not self._configuration.excludes(folder):
            self.unreadable.append(told)

    def _is_spec(self, entry: os.DirEntry[str]) -> bool:
        """Whether it is a spec to be read. A link that leads nowhere is one: that there is none must be told."""
        if not entry.name.endswith(SUFFIXES) and not self._is_included(entry.path):
            return False
        if self._is_excluded(entry.path):
            return False
        if _is(entry.is_file) or not os.path.exists(entry.path):
            return True
        name = _posix(entry.path)  # a pipe might never end
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


def _is_searched(folder: os.DirEntry[str]) -> bool:
    """Not hidden, and no link."""
    return not folder.name.startswith(".") and folder.is_dir(follow_symlinks=False)


def _is(question: Callable[[], bool]) -> bool:
    """What an entry says of what it leads to; nothing, where that goes round in a circle."""
    try:
        return question()
    except OSError:
        return False


def _posix(path: str) -> str:
    name = Path(path).as_posix()
    return name if name != "-" else "./-"
