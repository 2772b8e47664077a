"""Which files are meant: by name, below folders, by patterns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from specc.project.globs import matches
from specc.project.outcome import Unreadable
from specc.project.settings import NO_SETTINGS, Settings

SUFFIXES = (".cnn", ".cnn.yaml", ".cnn.yml")
"""What a folder is searched for; other YAML files are other people's, but for those that the project includes."""

_MAGIC = frozenset("*?[")


def spec_files(
    paths: Iterable[str], settings: Settings = NO_SETTINGS, *, force_exclude: bool = False
) -> tuple[list[str], list[Unreadable]]:
    """The specs among ``paths``, each once, in order, and what could not be looked at.

    A folder is searched, but for hidden folders and what the project excludes; a pattern is expanded. A file that is
    named is taken whatever it is called, and excluded only with ``force_exclude`` (hooks name every file).
    """
    unreadable: list[Unreadable] = []
    found = dict.fromkeys(spec for path in paths for spec in _specs(path, settings, force_exclude, unreadable))
    return list(found), unreadable


def _specs(path: str, settings: Settings, force_exclude: bool, unreadable: list[Unreadable]) -> Iterator[str]:
    if path == "-":
        yield path
    elif os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a folder is closed to us
        yield from _below(path, settings, unreadable)
    elif _MAGIC & set(path) and not os.path.lexists(path):
        yield from _expanded(path, settings, unreadable)
    elif not (force_exclude and settings.exclude and matches(settings.relative(path), settings.exclude)):
        yield Path(path).as_posix()


def _expanded(pattern: str, settings: Settings, unreadable: list[Unreadable]) -> Iterator[str]:
    from glob import glob

    found = sorted(glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob refuses absolute patterns
    if not found:
        unreadable.append(Unreadable(pattern, f"{pattern} fits no file"))
    for path in found:
        if os.path.isdir(path):  # noqa: PTH112
            yield from _below(path, settings, unreadable)
        elif path.endswith((*SUFFIXES, ".yaml", ".yml")):
            yield Path(path).as_posix()


def _below(folder: str, settings: Settings, unreadable: list[Unreadable]) -> Iterator[str]:
    def report(error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        unreadable.append(Unreadable(str(error.filename), f"cannot search {error.filename}: {reason}"))

    for here, folders, names in os.walk(folder, onerror=report):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and _entered(here, name, settings))
        base = Path(here).as_posix()
        for name in sorted(names):
            path = name if base == "." else f"{base}/{name}"
            if _is_spec(path, settings):
                yield path


def _entered(folder: str, name: str, settings: Settings) -> bool:
    return not settings.exclude or not matches(settings.relative(os.path.join(folder, name)), settings.exclude)  # noqa: PTH118


def _is_spec(path: str, settings: Settings) -> bool:
    if not path.endswith(SUFFIXES) and not (settings.include and matches(settings.relative(path), settings.include)):
        return False
    return not settings.exclude or not matches(settings.relative(path), settings.exclude)
