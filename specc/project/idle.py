"""Patterns of the settings that are about nothing: a budget that no file has guards nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import filterfalse

from specc.project.discovery import Discovered
from specc.project.globs import matches
from specc.project.outcome import Outcome
from specc.project.settings import Configuration


def idle_patterns(found: Discovered, configuration: Configuration, outcome: Outcome) -> Iterator[str]:
    """A sentence for each of them, where all of the settings' folder was searched; else it cannot be known."""
    checked = {*found.names, *(file.name for file in outcome.files)}
    read = checked | {name for file in outcome.files for name in file.imports}
    for settings, excluded in found.idle:
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
