"""What a run depends on, so that it is run again when that changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from specc.diagnostics import ImportFault, UsageError
from specc.filesystem import SETTINGS
from specc.project.discovery import searched
from specc.project.outcome import Outcome
from specc.project.paths import matches
from specc.project.settings import Configuration, folders
from specc.syntax import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Generator

    from watchfiles import Change

PAUSE = 50
"""Milliseconds between two looks at what has changed."""


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
            return False  # the run has told of the settings
        return bool(settings.include) and matches(settings.relative(path), settings.include)


def watched(paths: Iterable[str], named: Iterable[str], configuration: Configuration, outcome: Outcome) -> Watched:
    """What has a say in the outcome of a check of ``paths``.

    Args:
        named: other files that are read: a configuration, a baseline.
    """
    files = frozenset(map(os.path.abspath, (*paths, *named, *_read(outcome))))
    real = frozenset(map(os.path.realpath, files))
    places = set(map(os.path.abspath, searched(paths, configuration)))
    places |= {os.path.dirname(file) for file in files | real if not os.path.isdir(file)}
    above = {str(folder) for place in places for folder in folders(place)}
    return Watched(frozenset(map(_existing, places | above)), files | real, configuration)


def _read(outcome: Outcome) -> Iterator[str]:
    """Every file that was read, and those that were not there to be imported."""
    for file in outcome.files:
        yield from (file.name, *file.imports)
    for finding in outcome.findings:
        if isinstance(finding.fact, ImportFault):
            yield os.path.join(os.path.dirname(finding.primary.span.source.name), finding.fact.path)


def _existing(folder: str) -> str:
    """The folder, or the nearest above that is there."""
    there = Path(os.path.abspath(folder))
    return str(next(place for place in (there, *there.parents) if os.path.isdir(place)))


def changes(folders: Iterable[str], matters: Callable[[str], bool]) -> Generator[set[tuple[Change, str]], None, None]:
    """The changes in these folders since the first was asked for; an empty set where there was none for a while.

    Args:
        matters: whether a change at that absolute path is one.
    """
    from watchfiles import Change, watch

    def wanted(change: Change, path: str) -> bool:
        return matters(path) or (change is Change.added and os.path.isdir(path))

    there = sorted(filter(os.path.isdir, folders))
    try:
        yield from watch(*there, watch_filter=wanted, recursive=False, yield_on_timeout=True, rust_timeout=PAUSE)
    except OSError as error:
        raise UsageError(
            f"cannot watch {len(there)} folders: {(error.strerror or str(error)).lower()}; "
            "WATCHFILES_FORCE_POLLING=1 in the environment has them looked at again and again instead"
        ) from None
