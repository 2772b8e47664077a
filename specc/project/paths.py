"""How paths are shown, and which patterns of the settings they fit."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from specc.filesystem import DISK, FileSystem

STDIN = "<stdin>"
"""The name of what is no file."""


def shown(name: str) -> str:
    """The path as findings show it: posix, and relative where it lies below the present folder."""
    if not os.path.isabs(name):
        return Path(name).as_posix()
    relative = os.path.relpath(name)
    return Path(name if _climbs(relative) else relative).as_posix()


def relative_to(name: str, folder: Path, files: FileSystem = DISK) -> str:
    """The path from ``folder``, which has no links in it; of standard input its name."""
    if name == STDIN:
        return name
    whole = files.absolute(name)
    relative = os.path.relpath(whole, folder)
    if _climbs(relative):  # perhaps only in its spelling: /tmp is /private/tmp elsewhere
        head, tail = os.path.split(whole)
        relative = os.path.relpath(os.path.join(files.real(head), tail), folder)
    return Path(relative).as_posix()


def identity(name: str, files: FileSystem = DISK) -> str:
    """What two spellings of one path have in common. A link is a path of its own."""
    if ".." in Path(name).parts:  # what stands before it may be a link
        head, tail = os.path.split(name)
        return os.path.join(files.real(head), tail)
    return files.absolute(name)


def _climbs(relative: str) -> bool:
    return relative == os.pardir or relative.startswith(os.pardir + os.sep)


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether the posix path, relative to where the patterns are written, fits one of them.

    ``*`` and ``?`` stay within a folder, ``**`` goes through any number of them. A pattern without a slash fits a file
    or folder of that name anywhere; a folder that fits has all below it.
    """
    return any(_compiled(pattern).fullmatch(path) for pattern in patterns)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    inner = pattern.removeprefix("./").strip("/")
    anywhere = "" if "/" in inner or pattern.startswith(("/", "./")) else "(?:.*/)?"
    parts = [_part(part) for part in inner.split("/")]
    return re.compile(anywhere + "/".join(parts).replace("**/", "(?:.*/)?").replace("**", ".*") + "(?:/.*)?", re.DOTALL)


def _part(part: str) -> str:
    if part == "**":
        return part
    return "".join({"*": "[^/]*", "?": "[^/]"}.get(sign, re.escape(sign)) for sign in part)
