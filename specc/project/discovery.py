"""The specs that paths name: files, folders, patterns; and the changes that a run depends on."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import cache
from itertools import filterfalse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from specc.diagnostics import ImportFault, UsageError
from specc.diagnostics.words import system_reason
from specc.filesystem import DISK, SETTINGS, FileSystem, FolderEntry, stray
from specc.project.outcome import Outcome, Unreadable
from specc.project.paths import expanded, identity, is_pattern, matches
from specc.project.settings import Configuration
from specc.syntax import SUFFIXES

if TYPE_CHECKING:
    from watchfiles import Change

WATCH_INTERVAL = 50
"""Milliseconds between two looks at what has changed."""


def spec_files(
    paths: Iterable[str],
    configuration: Configuration | None = None,
    *,
    force_exclude: bool = False,
    files: FileSystem = DISK,
) -> tuple[list[str], list[Unreadable]]:
    """The specs among ``paths``, each once however it is spelled, in order, and what could not be looked at.

    A folder is searched, but for hidden folders, links to folders, and what the settings there exclude; a pattern is
    expanded, and what it fits is searched for in the same way. A file that is named is a spec whatever it is called,
    and excluded only with ``force_exclude`` (hooks name every file). None may lead out of its project through a
    link, or a stranger's repository would have any file of this machine read and shown; but for what is named without
    ``force_exclude`` where nothing says where a project ends.

    Raises:
        UsageError: a path is empty, or settings are wrong.
    """
    search = discovered(paths, configuration or Configuration(), force_exclude=force_exclude, files=files)
    return search.names, search.unreadable


def discovered(
    paths: Iterable[str], configuration: Configuration, *, force_exclude: bool = False, files: FileSystem = DISK
) -> Search:
    """As `spec_files`, with what is known of the search. Raises UsageError."""
    search = Search(configuration, force_exclude, files)
    for path in paths:
        search.add(path)
    return search


def unused_patterns(search: Search, configuration: Configuration, outcome: Outcome) -> Iterator[str]:
    """A sentence for each pattern of the settings that fits nothing.

    It cannot be known where not all of the settings' folder was searched, or something in it could not be looked at.
    """
    if search.unreadable:
        return
    checked = {*search.names, *(file.name for file in outcome.files)}
    read = checked | {name for file in outcome.files for name in file.imports}
    real_folders = set(map(search.files.real, search.folders))
    for settings in configuration.used:
        if search.files.real(str(settings.root or "")) not in real_folders:
            continue
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
        unused = (pattern for pattern in settings.exclude if (settings.origin, pattern) not in search.used_patterns)
        for pattern in filterfalse(_is_beyond, unused):
            yield f"{settings.origin}: exclude: {pattern} fits no spec and no folder that the search comes to"


def _is_beyond(pattern: str) -> bool:
    """Whether it is about files outside of the folder, or is that of all files."""
    return pattern.startswith("../") or pattern == "**"


class Search:
    """A search for specs, and what it has come to until now.

    Attributes:
        files: where it is made.
        unreadable: what could not be looked at.
        used_patterns: the patterns of ``exclude`` that have fitted something, with the origin of their settings.
        folders: those that have been searched.
    """

    def __init__(self, configuration: Configuration, force_exclude: bool, files: FileSystem) -> None:
        self.files = files
        self._configuration = configuration
        self._force = force_exclude
        self.unreadable: list[Unreadable] = []
        self.folders: list[str] = []
        self._searched: set[str] = set()
        self.used_patterns: set[tuple[str, str]] = set()
        self._names: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        """The specs, each once however it is spelled, in order."""
        return list(self._names.values())

    def add(self, path: str) -> None:
        """Search what one of the paths means."""
        for spec in self._specs(path):
            self._names.setdefault(spec if spec == "-" else identity(spec, self.files), spec)

    def _specs(self, path: str) -> Iterator[str]:
        if not path:
            raise UsageError("one of the paths is empty: name a file or a folder (. is the present one)")
        if path == "-":
            yield path
        elif self.files.is_folder(path):
            if not self._is_stray(path, named=True):
                yield from self.below(path)
        elif is_pattern(path) and not self.files.has(path):
            problems = len(self.unreadable)
            fitting = sorted(expanded(path, self._report_unreadable, self.files))
            if not fitting and len(self.unreadable) == problems:
                self.unreadable.append(Unreadable(path, f"{path} fits no file"))
            for one in fitting:
                if self._is_stray(one):
                    continue
                if self.files.is_folder(one):
                    yield from self.below(one)
                elif one.endswith((*SUFFIXES, ".yaml", ".yml")) and not self._configuration.excludes(one):
                    yield _posix(one)
        elif not (self._force and self._configuration.excludes(path)) and not self._is_stray(path, named=True):
            yield _posix(path)

    def below(self, folder: str) -> Iterator[str]:
        """The specs in a folder and in those below it; none, where it was searched before."""
        pending = [folder]  # no recursion: folders may be in each other as deep as one likes
        while pending:
            here = pending.pop()
            own_identity = identity(here, self.files)
            if own_identity in self._searched:  # two paths, or two matches of a pattern, may lead to it
                continue
            self._searched.add(own_identity)
            try:
                entries = self.files.entries(here)
            except OSError as error:
                self._report_unreadable(here, error)
                continue
            self.folders.append(here)
            places = {entry: os.path.join(here, entry.name) for entry in entries}
            yield from (
                _posix(at) for entry, at in places.items() if entry.kind != "folder" and self._is_spec(entry, at)
            )
            # Excluded is asked of all of them: a pattern for a hidden folder is about something.
            pending += [
                at
                for entry, at in reversed(places.items())
                if entry.kind == "folder" and not (self._is_excluded(at) or entry.name.startswith(".") or entry.is_link)
            ]

    def _report_unreadable(self, folder: str, error: OSError) -> None:
        """Report a folder that cannot be read, once, and only where it is not excluded."""
        problem = Unreadable(_posix(folder), f"{_posix(folder)}: cannot be searched: {system_reason(error)}")
        if problem not in self.unreadable and not self._configuration.excludes(folder):
            self.unreadable.append(problem)

    def _is_spec(self, entry: FolderEntry, path: str) -> bool:
        """Whether it is a spec to be read. A link that leads nowhere is one: reading it reports that."""
        if not entry.name.endswith(SUFFIXES):
            settings = self._configuration.of(path)
            if not settings.include or not matches(settings.relative(_posix(path)), settings.include):
                return False
        if self._is_excluded(path):
            return False
        if entry.is_link and self._is_stray(path):
            return False
        if entry.kind != "other":
            return True
        name = _posix(path)  # a pipe might never end
        self.unreadable.append(Unreadable(name, f"{name}: is no ordinary file"))
        return False

    def _is_stray(self, path: str, *, named: bool = False) -> bool:
        """Whether a link leads out of the project, which is reported. A commit has nothing that is outside of it."""
        found = stray(path) if self.files is DISK else None
        if found is None or (named and not self._force and not found.root.is_marked):
            return False
        self.unreadable.append(Unreadable(_posix(path), found._replace(path=_posix(path)).message))
        return True

    def _is_excluded(self, path: str) -> bool:
        """Whether the settings of the folder that is searched leave it out."""
        settings = self._configuration.of(path)
        if not settings.exclude:
            return False
        relative = settings.relative(_posix(path))
        fitting = [pattern for pattern in settings.exclude if matches(relative, (pattern,))]
        self.used_patterns.update((settings.origin, pattern) for pattern in fitting)
        return bool(fitting)


def _posix(path: str) -> str:
    name = Path(path).as_posix()
    return name if name != "-" else "./-"


# ---- --watch -----------------------------------------------------------------------------------------------


class Watched(NamedTuple):
    """Where a change may change an outcome.

    Attributes:
        folders: absolute, each there. A file that an editor replaces is another file: its folder is what stays.
        files: absolute; those that matter whatever they are called.
    """

    folders: frozenset[str]
    files: frozenset[str]
    configuration: Configuration

    def matters(self, path: str) -> bool:
        """Whether a run may depend on the file at that absolute path."""
        if path in self.files or path.endswith(SUFFIXES) or os.path.basename(path) in SETTINGS:
            return True
        try:
            settings = self.configuration.of(path)
        except UsageError:
            return False  # the run has reported the settings
        return bool(settings.include) and matches(settings.relative(path), settings.include)


def watched(paths: Iterable[str], named: Iterable[str], configuration: Configuration, outcome: Outcome) -> Watched:
    """What has a say in the outcome of a check of ``paths``.

    Args:
        named: other files that are read: a configuration, a baseline.
    """
    read = [*paths, *named]
    for file in outcome.files:
        read += (file.name, *file.imports)
    for finding in outcome.findings:
        if isinstance(finding.fact, ImportFault):  # a file that is not there may come to be
            read.append(os.path.join(os.path.dirname(finding.primary.span.source.name), finding.fact.path))
    files = frozenset(map(os.path.abspath, read))
    real = frozenset(map(os.path.realpath, files))
    places = set(map(os.path.abspath, searched_folders(paths, configuration)))
    places |= {os.path.dirname(file) for file in files | real if not DISK.is_folder(file)}
    # Settings may come to be there and above, up to the folder of the repository.
    for place in map(Path, tuple(places)):
        above = (place, *place.parents)
        top = next((at for at, folder in enumerate(above) if DISK.look(str(folder / ".git"))), len(above))
        places.update(map(str, above[: top + 1]))
    existing = set()
    for place in map(Path, places):  # where a folder does not exist, its parent sees it made
        existing.add(str(next(folder for folder in (place, *place.parents) if DISK.is_folder(str(folder)))))
    return Watched(frozenset(existing), files | real, configuration)


def searched_folders(paths: Iterable[str], configuration: Configuration) -> list[str]:
    """The folders in which a new file might be one of those that ``paths`` mean."""
    search = Search(configuration, False, DISK)
    for path in paths:
        base = path
        while base and not DISK.is_folder(base):  # of a pattern, what stands before it
            base = os.path.dirname(base)
        if base == path or is_pattern(path):
            deque(search.below(base or "."), maxlen=0)
        else:
            search.folders.append(base or ".")
    return search.folders


def changes(
    watched_folders: Iterable[str], matters: Callable[[str], bool]
) -> Generator[set[tuple[Change, str]], None, None]:
    """The changes in these folders since the first was asked for; an empty set where there was none for a while.

    Args:
        matters: whether a change at that absolute path is one.
    """
    from watchfiles import Change, watch

    def is_relevant(change: Change, path: str) -> bool:
        return matters(path) or (change is Change.added and DISK.is_folder(path))

    existing = sorted(filter(DISK.is_folder, watched_folders))
    try:
        # Not recursive: below a folder lie hidden ones and those that settings exclude, .git and node_modules with
        # more files than a system watches. A timeout shows that watching has begun, and lets Ctrl-C through.
        yield from watch(
            *existing, watch_filter=is_relevant, recursive=False, yield_on_timeout=True, rust_timeout=WATCH_INTERVAL
        )
    except OSError as error:
        raise UsageError(
            f"cannot watch {len(existing)} folders: {system_reason(error)}; "
            "WATCHFILES_FORCE_POLLING=1 in the environment has them looked at again and again instead"
        ) from None
