"""Patterns of paths: ``*`` and ``?`` stay within a folder, ``**`` goes through any number of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether the posix path, relative to where the patterns are written, fits one of them.

    A pattern without a slash fits a file or folder of that name anywhere; a folder that fits has all below it.
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
