"""The folder that a spec belongs to: what it imports lies in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

SETTINGS = ("specc.toml", "pyproject.toml")
"""The files that have settings."""


class Root(NamedTuple):
    """The folder that no import of a spec leaves.

    Attributes:
        folder: absolute, links and all.
        is_marked: whether a repository or ``root = true`` says so; else it is what looks most like a project.
    """

    folder: str
    is_marked: bool


def project_root(folder: str | Path) -> Root:
    """Where the imports of the specs in ``folder`` end.

    At the nearest folder above that holds ``.git`` (a folder, or the file of a submodule or worktree) or whose
    settings say ``root = true``. Where none does, it is the nearest folder that has settings of specc, or else the
    nearest that has a pyproject.toml, or else ``folder`` itself: never more than somebody has called a project.
    """
    start = here = os.path.abspath(folder)  # Path.resolve would follow symlinks
    configured = project = None
    while True:
        if os.path.exists(os.path.join(here, ".git")):
            return Root(here, True)
        tables = [table for name in SETTINGS if (table := _settings(here, name)) is not None]
        if any(table.get("root") is True for table in tables):
            return Root(here, True)
        if tables and configured is None:
            configured = here
        if project is None and os.path.exists(os.path.join(here, SETTINGS[1])):
            project = here
        above = os.path.dirname(here)
        if above == here:
            return Root(configured or project or start, False)
        here = above


def settings_table(path: str | Path) -> Any:
    """The settings in a file, as they stand there: a table, or what is there instead of one.

    None of a pyproject.toml that is not about specc.

    Raises:
        OSError: it cannot be read.
        ValueError, RecursionError: it is not TOML.
    """
    with open(path, "rb") as file:
        text = file.read()
    is_shared = os.path.basename(path) == SETTINGS[1]
    if is_shared and b"specc" not in text:  # most are other people's, and need not even be TOML (templates)
        return None
    import tomllib  # most projects of one spec have no such file

    document = tomllib.loads(text.decode())
    if not is_shared:
        return document
    tool = document.get("tool", {})
    return tool.get("specc") if isinstance(tool, dict) else None


def _settings(folder: str, name: str) -> Mapping[str, Any] | None:
    """What is wrong with a file is told where its settings are used."""
    with suppress(OSError, ValueError, RecursionError):
        table = settings_table(os.path.join(folder, name))
        return table if isinstance(table, dict) else None
    return None
