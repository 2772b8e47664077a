"""File systems, which specs and their settings are read from: the disk, memory, and in `specc.compare` a git commit.

Nothing else reads a spec. Paths have slashes; a relative one starts from the present folder of the file system. So
whatever has its files elsewhere, as a browser or an editor, is a `Memory` of them.
"""

from __future__ import annotations

import os
import posixpath
import stat
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from specc.diagnostics import UsageError

SETTINGS = ("specc.toml", "pyproject.toml")
"""The files that have settings."""
MOST_SETTINGS = 2**24
"""Bytes of a file of settings."""

Kind = Literal["file", "folder", "link", "other"]
"""Other: a device, pipe or socket, which might never come to an end."""


class FolderEntry(NamedTuple):
    """What a folder has under a name; ``kind`` is what a link leads to, None where that is nothing."""

    name: str
    kind: Kind | None
    is_link: bool


class Unavailable(UsageError):
    """A file that is known to exist and cannot be read here, as in a submodule that is not checked out.

    An import of a file that does not exist is a mistake in the spec. An import of this one is not: elaboration lets the
    error pass.
    """


class FileSystem(ABC):
    """Where specs and settings are. All methods raise OSError as those of `os` do."""

    @abstractmethod
    def read(self, path: str, most: int) -> bytes:
        """The content of a file; of a longer one its first ``most + 1`` bytes."""

    @abstractmethod
    def size(self, path: str) -> int:
        """How many bytes a file has; 0 where that is not known."""

    @abstractmethod
    def kind(self, path: str, *, follow: bool = True) -> Kind | None:
        """What the path leads to, behind all links; with ``follow=False`` a link is one. None: nothing."""

    @abstractmethod
    def entries(self, folder: str) -> list[FolderEntry]:
        """What a folder has, in the order of the names."""

    @abstractmethod
    def real(self, path: str) -> str:
        """The absolute path without links; what does not exist is spelled as it is."""

    @abstractmethod
    def absolute(self, path: str) -> str:
        """The absolute path with its links, without ``.`` and ``..``."""

    def shown(self, path: str) -> str:
        """How a file is called in what a user reads."""
        return path

    def look(self, path: str, *, follow: bool = True) -> Kind | None:
        """As `kind`, and None where it cannot be known: in a closed folder, behind links in a circle."""
        try:
            return self.kind(path, follow=follow)
        except OSError:
            return None

    def is_file(self, path: str) -> bool:
        return self.look(path) == "file"

    def is_folder(self, path: str) -> bool:
        return self.look(path) == "folder"

    def has(self, path: str) -> bool:
        """Whether there is something of that name, if only a link that leads nowhere."""
        return self.look(path, follow=False) is not None


class Disk(FileSystem):
    """The files of this machine."""

    def read(self, path: str, most: int) -> bytes:
        with open(path, "rb") as file:
            before = os.fstat(file.fileno())
            data = file.read(most + 1)
            after = os.fstat(file.fileno())
        # A spec that is being written has its first lines only, and these may well be a smaller network.
        changed = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
        if changed or len(data) < min(before.st_size, most + 1):
            raise OSError("it changed while it was read; try again")
        return data

    def size(self, path: str) -> int:
        status = os.stat(path)
        return status.st_size if stat.S_ISREG(status.st_mode) else 0

    def kind(self, path: str, *, follow: bool = True) -> Kind | None:
        try:
            mode = os.stat(path or ".", follow_symlinks=follow).st_mode  # to `os`, "" is no path
        except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: no path has a NUL character
            return None
        if stat.S_ISREG(mode):
            return "file"
        return "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "other"

    def entries(self, folder: str) -> list[FolderEntry]:
        with os.scandir(folder or ".") as entries:
            return sorted(FolderEntry(entry.name, _entry_kind(entry), entry.is_symlink()) for entry in entries)

    def real(self, path: str) -> str:
        return os.path.realpath(path).replace(os.sep, "/")

    def absolute(self, path: str) -> str:
        return os.path.abspath(path).replace(os.sep, "/")


def _entry_kind(entry: os.DirEntry[str]) -> Kind | None:
    """Most systems list it with the name: of a folder of thousands of files none is looked at."""
    try:
        if entry.is_file():
            return "file"
        if entry.is_dir():
            return "folder"
        return "other" if os.path.exists(entry.path) else None
    except OSError:  # links in a circle
        return None


DISK = Disk()


class Memory(FileSystem):
    """Files by their path, as ``lib/blocks.cnn``. They are one project: no import leaves it, no folder is above it.

    Raises:
        UsageError: a path is absolute, climbs, or is a folder of another one.
    """

    TOP = "/project"
    """The folder that they are in; what climbs above it is nowhere."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self._files: dict[str, bytes] = {}
        self._folders = {self.TOP, f"{self.TOP}/.git"}  # so that it is a project's
        for path, content in files.items():
            if path in ("", ".", "..") or path != posixpath.normpath(path) or path.startswith(("/", "../")):
                raise UsageError(f"{path!r} is no path of a file in memory: write it as net.cnn or lib/blocks.cnn")
            place = f"{self.TOP}/{path}"
            self._files[place] = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
            while (place := posixpath.dirname(place)) != self.TOP:
                self._folders.add(place)
        if both := sorted(self._folders & set(self._files)):
            raise UsageError(f"{self.shown(both[0])} is a file in memory, and a folder of another one")

    def read(self, path: str, most: int) -> bytes:
        place = self.absolute(path)
        if place not in self._files:
            raise FileNotFoundError(path)
        return self._files[place][: most + 1]

    def size(self, path: str) -> int:
        return len(self._files.get(self.absolute(path), b""))

    def kind(self, path: str, *, follow: bool = True) -> Kind | None:
        place = self.absolute(path)
        return "file" if place in self._files else "folder" if place in self._folders else None

    def entries(self, folder: str) -> list[FolderEntry]:
        place = self.absolute(folder)
        if place not in self._folders:
            raise FileNotFoundError(folder)
        paths = (path for path in (*self._files, *self._folders) if posixpath.dirname(path) == place)
        return sorted(FolderEntry(posixpath.basename(path), self.kind(path), False) for path in paths)

    def real(self, path: str) -> str:
        return self.absolute(path)

    def absolute(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.TOP, path.replace(os.sep, "/")))

    def shown(self, path: str) -> str:
        return path.removeprefix(f"{self.TOP}/")


class Root(NamedTuple):
    """The folder that no import of a spec leaves.

    Attributes:
        folder: absolute, links and all.
        is_marked: whether a repository or ``root = true`` says so; else it is what looks most like a project.
    """

    folder: str
    is_marked: bool

    def holds(self, real: str, files: FileSystem = DISK) -> bool:
        """Whether the path, which has no links, is of the project: git's own folder has settings that may be secret."""
        folder = files.real(self.folder)
        return is_within(folder, real) and ".git" not in real.removeprefix(folder).split("/")


def is_within(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


class Stray(NamedTuple):
    """A path that leads out of its project through links.

    Attributes:
        root: that of the folder that it is named in.
    """

    path: str
    root: Root

    @property
    def message(self) -> str:
        return (
            f"{self.path} is not read: a link in it leads out of the project's folder {self.root.folder}, or into its "
            ".git; name the file that it leads to, or put that into the project"
        )


def stray(path: str, files: FileSystem = DISK) -> Stray | None:
    """None where the path leads out of its project through no link. What is typed with ``..`` leads there by itself."""
    real = files.real(path)
    if real == files.absolute(path):
        return None
    root = project_root(os.path.dirname(os.path.normpath(path)), files)
    return None if root.holds(real, files) else Stray(path, root)


def project_root(folder: str, files: FileSystem = DISK) -> Root:
    """Where the imports of the specs in ``folder`` end.

    At the nearest folder above that holds ``.git`` (a folder, or the file of a submodule or worktree) or whose
    settings say ``root = true``. Where none does, it is the nearest folder that has settings of specc, or else the
    nearest that has a pyproject.toml, or else ``folder`` itself: never more than somebody has called a project.
    """
    start = here = files.absolute(folder)
    configured = project = None
    while True:
        if files.look(os.path.join(here, ".git")):
            return Root(here, True)
        tables = []
        for name in SETTINGS:
            with suppress(OSError, ValueError, RecursionError):  # what is wrong is reported where the settings are used
                table = settings_table(os.path.join(here, name), files)
                if isinstance(table, dict):
                    tables.append(table)
        if any(table.get("root") is True for table in tables):
            return Root(here, True)
        if tables and configured is None:
            configured = here
        if project is None and files.look(os.path.join(here, SETTINGS[1])):
            project = here
        above = os.path.dirname(here)
        if above == here:
            return Root(configured or project or start, False)
        here = above


def settings_table(path: str, files: FileSystem = DISK) -> Any:
    """The settings in a file, as they are written: a table, or whatever else the file has.

    None of a pyproject.toml that is not about specc.

    Raises:
        OSError: it cannot be read.
        ValueError, RecursionError: it is not TOML, or larger than `MOST_SETTINGS`.
    """
    text = files.read(path, MOST_SETTINGS)
    if len(text) > MOST_SETTINGS:
        raise ValueError(f"it is larger than {MOST_SETTINGS // 2**20} MiB")
    is_shared = os.path.basename(path) == SETTINGS[1]
    if is_shared and b"specc" not in text:  # most are other people's, and need not even be TOML (templates)
        return None
    import tomllib  # most projects of one spec have no such file

    document = tomllib.loads(text.decode())
    if not is_shared:
        return document
    tool = document.get("tool", {})
    return tool.get("specc") if isinstance(tool, dict) else None
