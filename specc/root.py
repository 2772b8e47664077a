"""The folder that a spec belongs to: what it imports lies in it."""

from __future__ import annotations

import os
from pathlib import Path

ROOT_MARKS = (".git", "pyproject.toml", "specc.toml")


def project_root(folder: Path) -> str:
    """The folder that no import leaves: the project's, or the spec's own where there is no project."""
    here = os.path.abspath(folder)  # noqa: PTH100 - Path.resolve would follow symlinks
    while not any(os.path.exists(os.path.join(here, mark)) for mark in ROOT_MARKS):  # noqa: PTH110, PTH118
        above = os.path.dirname(here)  # noqa: PTH120
        if above == here:
            return os.path.abspath(folder)  # noqa: PTH100
        here = above
    return here
