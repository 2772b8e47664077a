"""Files of a cache: written whole, kept for a while, and never worth a word to anybody."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import cache

DAYS = 30
"""How long a file is kept: folders of continuous integration are carried from run to run, and would only grow."""


def keep(path: str, data: bytes) -> None:
    """Write it, whole or not at all. A folder that cannot be written to keeps nothing."""
    temporary = f"{path}.{os.getpid()}.tmp"
    with suppress(OSError):
        _swept(os.path.dirname(path))  # hundreds of files: Path costs time
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, path)


@cache
def _swept(folder: str) -> None:
    """Make the folder, and remove what is old in it; once a run is enough."""
    os.makedirs(folder, exist_ok=True)
    oldest = time.time() - DAYS * 24 * 60 * 60
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.stat().st_mtime < oldest:
                os.remove(entry.path)
