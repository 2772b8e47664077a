"""Which specs of the editor's folders import which, be they open or not."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from specc.diagnostics import SpecError, UsageError
from specc.filesystem import DISK, FileSystem, FolderEntry, stray
from specc.project.discovery import Search
from specc.project.settings import Configuration
from specc.server.buffers import Buffers
from specc.syntax import SUFFIXES, read

MOST_FOLDERS, MOST_FILES = 5_000, 2_000
"""Of a search: a folder that holds more is somebody's home, or a disk."""
# In both forms, and maybe in a comment, too: a file that is taken for an importer is checked for nothing.
_IMPORT = re.compile(r"""\bfrom\b["']?(?:\s*:)?\s*["']?([^"'\s,}\]]+)""")


class Importers:
    """The specs below some folders, by what they import. The folders are searched once, as `specc check` does.

    Attributes:
        files: those of the editor.
    """

    def __init__(self, files: Buffers) -> None:
        self.files = files
        self._folders: tuple[str, ...] = ()
        self._search: Iterator[str] = iter(())
        self._imports: dict[str, frozenset[str] | None] = {}
        """By absolute path; None: it has changed."""
        self._importers: dict[str, set[str]] | None = None

    def search(self, folders: Iterable[str]) -> None:
        """Begin with these folders in the place of others."""
        self._folders = tuple(folders)
        self._search, self._imports, self._importers = specs_below(self._folders), {}, None

    def step(self) -> bool:
        """Look for the next spec; whether there may be more."""
        name = next(self._search, None) if len(self._imports) < MOST_FILES else None
        if name is not None:
            self._imports.setdefault(self.files.absolute(name), None)
            self._importers = None
        return name is not None

    def changed(self, path: str) -> None:
        """A file may import something else now, or be new, or gone."""
        below = any(path.startswith(f"{folder.rstrip('/')}/") for folder in self._folders)
        if path in self._imports or (below and path.endswith(SUFFIXES)):
            self._imports[path] = self._importers = None

    def of(self, path: str) -> list[str]:
        """The specs that import a file, be it through others, in order."""
        while self.step():
            pass
        if self._importers is None:
            self._importers = self._reversed()
        found: set[str] = set()
        pending = [path]
        while pending:
            new = self._importers.get(pending.pop(), set()) - found
            found |= new
            pending += new
        return sorted(found - {path})

    def _reversed(self) -> dict[str, set[str]]:
        importers: defaultdict[str, set[str]] = defaultdict(set)
        for importer, known in list(self._imports.items()):
            imported = self._imports[importer] = _imported(importer, self.files) if known is None else known
            for each in imported:
                importers[each].add(importer)
        return dict(importers)


def _imported(name: str, files: FileSystem) -> frozenset[str]:
    """The absolute paths of what a spec imports; of one that cannot be read nothing."""
    try:
        text = read(name, files).text
    except (SpecError, UsageError):
        return frozenset()
    folder = posixpath.dirname(name)
    return frozenset(files.absolute(posixpath.join(folder, match[1])) for match in _IMPORT.finditer(text))


def specs_below(folders: Iterable[str], below: FileSystem = DISK) -> Iterator[str]:
    """The specs in these folders and below: no excluded ones, none in hidden folders, no links out of a project."""
    files = _BoundedFiles(below)
    search = Search(Configuration(files=files), False, files)
    try:
        for folder in folders:
            yield from (name for name in search.below(folder) if stray(name, files) is None)
    except (UsageError, _TooManyFolders):  # settings that are wrong are reported where they are used
        return


class _TooManyFolders(Exception):
    pass


class _BoundedFiles(Buffers):
    """Files, of which no more than `MOST_FOLDERS` folders are looked at."""

    def __init__(self, below: FileSystem) -> None:
        nothing: Mapping[str, str] = {}
        super().__init__(nothing, below)
        self._count = 0

    def entries(self, folder: str) -> list[FolderEntry]:
        self._count += 1
        if self._count > MOST_FOLDERS:
            raise _TooManyFolders
        return super().entries(folder)
