"""Paths as they are shown and compared, and patterns of them: of the settings, and quoted on the command line.

A pattern of the command line (``nets/**/*.cnn``) means what `glob.glob` lets it mean, with three differences. A link to
a folder is followed only where the pattern names it, so that no search goes round in a circle. A folder that cannot be
read is reported. And each folder is read once, however many ``**`` a pattern has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from functools import cache
from itertools import chain, takewhile
from pathlib import Path

from specc.filesystem import DISK, FileSystem

STDIN = "<stdin>"
"""The name of what is no file."""


def shown(name: str) -> str:
    """The path as findings show it: posix, and relative where it lies below the present folder."""
    if not os.path.isabs(name):
        return Path(name).as_posix()
    relative = os.path.relpath(name)
    is_shorter = not _climbs(relative) and os.path.join(os.sep, relative) != name  # not so at the top of the disk
    return Path(relative if is_shorter else name).as_posix()


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


@cache  # fnmatch lets * go through slashes, and glob.translate is of Python 3.13
def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression that takes no longer than the square of a path, whatever the pattern is.

    What stands between two stars is looked for once, at the first place where it fits: were it to fit further on only,
    the second star would reach there just as well. So (?>…) forbids to try another place.
    """
    inner = pattern.removeprefix("./").strip("/")
    is_anywhere = "/" not in inner and not pattern.startswith(("/", "./"))
    parts = (["**"] if is_anywhere else []) + inner.split("/")
    first, *others = ("".join(f"{_segment(part)}/" for part in run) for run in _runs(parts))
    below = "(?:/.*)?"
    if not others:
        return re.compile(first[:-1] + below, re.DOTALL)
    *middle, last = others
    between = "".join(f"(?>(?:[^/]*/)*?{run})" for run in middle)
    return re.compile(first + between + (f"(?:[^/]*/)*?{last[:-1]}{below}" if last else ".*"), re.DOTALL)


def _runs(parts: list[str]) -> list[list[str]]:
    """The parts between one ``**`` and the next; several in a row are one."""
    runs: list[list[str]] = [[]]
    for place, part in enumerate(parts):
        if part != "**":
            runs[-1].append(part)
        elif place == 0 or parts[place - 1] != "**":
            runs.append([])
    return runs


def _segment(part: str) -> str:
    """``*`` and ``?`` within a name."""
    first, *others = ["".join("[^/]" if sign == "?" else re.escape(sign) for sign in text) for text in part.split("*")]
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>[^/]*?{text})" for text in middle) + f"[^/]*{last}"


Positions = frozenset[int]
"""How many parts of a pattern are behind a path: with ``**`` in it, there may be several answers."""


def is_pattern(path: str) -> bool:
    return any(sign in path for sign in "*?[")


def expanded(pattern: str, unreadable: Callable[[str, OSError], None], files: FileSystem = DISK) -> Iterator[str]:
    """The files and folders that fit, each once; of what lies in a folder, in the order of the names.

    Args:
        unreadable: called with each folder that cannot be read, and why.
    """
    path = Path(pattern)
    named = tuple(takewhile(lambda part: not is_pattern(part), path.parts))
    folder = os.path.join(*named) if named else ""
    expansion = _Expansion(path.parts[len(named) :], unreadable, files)
    fitting = expansion.below(folder, expansion.start)
    if expansion.is_whole(expansion.start) and folder and files.is_folder(folder):
        fitting = chain([folder], fitting)
    return filter(files.is_folder, fitting) if pattern.endswith("/") else fitting


class _Expansion:
    """The parts of a pattern, followed from folder to folder.

    Attributes:
        start: the positions of every path at its beginning.
    """

    def __init__(self, parts: Iterable[str], unreadable: Callable[[str, OSError], None], files: FileSystem) -> None:
        self._parts = tuple(parts)
        self._files = files
        self._unreadable = unreadable
        self.start = self._past_stars({0})

    def is_whole(self, positions: Positions) -> bool:
        """Whether a path that has come that far fits the whole pattern."""
        return len(self._parts) in positions

    def below(self, folder: str, positions: Positions) -> Iterator[str]:
        """What fits below a folder that has come that far."""
        pending = [(folder, positions, False)]  # no recursion: folders may be in each other as deep as one likes
        while pending:
            here, reached, is_result = pending.pop()
            if is_result and self.is_whole(reached):
                yield here
            if is_result and not (reached and self._files.is_folder(here)):
                continue
            for name in sorted(self._names(here, reached), reverse=True):
                path = os.path.join(here, name)
                is_link = self._files.is_folder(path) and self._files.kind(path, follow=False) == "link"
                pending.append((path, self._after(reached, name, is_link=is_link), True))

    def _names(self, folder: str, positions: Positions) -> set[str]:
        """The names in a folder that fit what is next. Those that the pattern has itself need no look at all others."""
        names = set()
        parts = {part for _, part in self._next(positions)}
        for part in parts:
            if not is_pattern(part):
                try:
                    if self._files.kind(os.path.join(folder, part), follow=False) is not None:
                        names.add(part)
                except OSError as error:
                    self._unreadable(folder or ".", error)
        if any(map(is_pattern, parts)):
            try:
                listed = self._files.entries(folder)
            except (FileNotFoundError, NotADirectoryError):
                return names
            except OSError as error:
                self._unreadable(folder or ".", error)
                return names
            names.update(entry.name for entry in listed if self._after(positions, entry.name))
        return names

    def _after(self, positions: Positions, name: str, *, is_link: bool = False) -> Positions:
        """The positions behind one more name, which for a link to a folder must be written out; none: it does not fit.

        ``**`` stays next behind a name that it takes. Only a dot fits a dot at the start of a name.
        """
        reached = set()
        for position, part in self._next(positions):
            if is_link:
                if part == name:
                    reached.add(position + 1)
            elif (part.startswith(".") or not name.startswith(".")) and (part == "**" or fnmatch(name, part)):
                reached.add(position + (part != "**"))
        return self._past_stars(reached)

    def _next(self, positions: Iterable[int]) -> list[tuple[int, str]]:
        return [(position, self._parts[position]) for position in positions if position < len(self._parts)]

    def _past_stars(self, positions: set[int]) -> Positions:
        """With the positions behind each ``**``, which may stand for no folder at all."""
        for start in sorted(positions):
            position = start
            while position < len(self._parts) and self._parts[position] == "**":
                position += 1
                positions.add(position)
        return frozenset(positions)
