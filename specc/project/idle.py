"""Patterns of the settings that are about nothing: a budget that no file has guards nothing."""

from __future__ import annotations

from collections.abc import Iterator

from specc.project.discovery import Discovered
from specc.project.globs import matches
from specc.project.outcome import Outcome
from specc.project.settings import Settings


def idle_patterns(found: Discovered, settings: Settings, outcome: Outcome) -> Iterator[str]:
    """A sentence for each of them, where all of the settings' folder was searched; else it cannot be known."""
    if not found.is_whole:
        return
    checked = {settings.relative(name) for name in (*found.names, *(file.name for file in outcome.files))}
    read = checked | {settings.relative(name) for file in outcome.files for name in file.imports}
    for key, patterns, paths, what in (
        ("include", settings.include, checked, "file"),
        ("per-file-ignores", [pattern for pattern, _ in settings.per_file], read, "file that is checked"),
        ("budget", [pattern for pattern, _ in settings.budgets], checked, "file that is checked"),
    ):
        for pattern in patterns:
            if not _is_beyond(pattern) and not any(matches(path, (pattern,)) for path in paths):
                yield f"{settings.origin}: {key}: {pattern} fits no {what}"
    for pattern in found.idle:
        if not _is_beyond(pattern):
            yield f"{settings.origin}: exclude: {pattern} fits no spec and no folder that the search comes to"


def _is_beyond(pattern: str) -> bool:
    """Whether it is about files outside of the folder, or is that of all files."""
    return pattern.startswith("../") or pattern == "**"
