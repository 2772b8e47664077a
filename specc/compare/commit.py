"""A commit as a file system: what its files were, and where its symbolic links led."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from specc.compare.git import Blob, Repository
from specc.diagnostics import UsageError
from specc.filesystem import DISK, FileSystem, FolderEntry, Kind, Unavailable

MOST_LINKS = 40
"""Symbolic links that may lead to a file: as many as Linux follows."""
LONGEST_LINK = 4096
"""Bytes of a symbolic link's target."""


class OutOfReach(Unavailable):
    """A file that the commit does not have: behind a link out of the repository, or in a submodule that is not here.

    Attributes:
        path: as the commit shows it.
        reason: ``is a symbolic link that leads out of the repository``
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} {reason}")
        self.path = path
        self.reason = reason


class ResolvedPath(NamedTuple):
    """Where a path leads, from the top of the repository, and the symbolic links on the way there.

    Attributes:
        real: None where it leads out of the repository, or round in a circle.
    """

    real: str | None
    links: tuple[str, ...]


class Commit(FileSystem):
    """The files of a commit, at the places where they would be if it were checked out.

    Those of its submodules are there as far as these are checked out now, each in the commit that this one names. What
    cannot be had is `Unavailable`: a link out of the repository, a submodule's commit that was never fetched, the
    content of a file in a partial clone.

    Attributes:
        ref: as the user calls it; it stands behind the names of its files.
        top: the folder of the repository, without links.
        name: what git calls the commit.
    """

    def __init__(self, repository: Repository, ref: str) -> None:
        self.ref = ref
        self.top = repository.top.as_posix()
        self._here = DISK.real(".")
        self._repositories = {"": repository}
        self.name = repository.commit(ref)
        self._tree = self._with_submodules()
        self._targets: dict[str, str] = {}
        self._names: dict[str, set[str]] = {"": set()}
        # The top of a repository is a project's: nothing above it is imported.
        for path in (*self._tree, *(posixpath.join(home, ".git", "HEAD") for home in self._repositories)):
            parts = path.split("/")
            for n, part in enumerate(parts):
                self._names.setdefault("/".join(parts[:n]), set()).add(part)

    def _with_submodules(self) -> dict[str, Blob]:
        tree: dict[str, Blob] = {}
        left = [("", self.name)]
        while left:
            home, name = left.pop()
            for blob in self._repositories[home].tree(name):
                path = posixpath.join(home, blob.path)
                if not _is_sane(path):
                    continue
                tree[path] = blob._replace(path=path, home=home)
                if blob.kind == "submodule" and (inner := self._submodule(path, blob.name)) is not None:
                    self._repositories[path] = inner
                    left.append((path, blob.name))
        return tree

    def _submodule(self, path: str, commit: str) -> Repository | None:
        """None: it is not checked out, or does not have that commit."""
        folder = Path(self.top, path)
        if not DISK.has(str(folder / ".git")):
            return None
        try:
            inner = Repository(folder)
            inner.commit(commit)
        except UsageError:
            return None
        return inner if inner.top == folder else None

    def close(self) -> None:
        for repository in self._repositories.values():
            repository.close()

    def from_top(self, path: str) -> str | None:
        """The path from the top of the repository; None outside of it."""
        whole = self.absolute(path)
        return whole[len(self.top) :].strip("/") if f"{whole}/".startswith(f"{self.top.rstrip('/')}/") else None

    def present(self, path: str) -> str:
        """A path from the top of the repository as it is called here and now."""
        return Path(os.path.relpath(f"{self.top}/{path}", self._here)).as_posix()

    def resolved(self, path: str) -> ResolvedPath:
        """Follow a path from the top."""
        left, here, passed = path.split("/")[::-1], list[str](), list[str]()
        while left:
            part = left.pop()
            if part == ".." and not here:
                return ResolvedPath(None, tuple(passed))
            if part == "..":
                here.pop()
            elif part not in ("", "."):
                here.append(part)
            name = "/".join(here)
            target = self.target(name)
            if target is not None:
                passed.append(name)
                if len(passed) > MOST_LINKS or os.path.isabs(target):
                    return ResolvedPath(None, tuple(passed))
                here.pop()
                left += target.split("/")[::-1]
        return ResolvedPath("/".join(here), tuple(passed))

    def target(self, path: str) -> str | None:
        """What a symbolic link says, at a path from the top; None: it is none."""
        blob = self._tree.get(path)
        if blob is None or blob.kind != "link" or blob.size > LONGEST_LINK:
            return None
        if path not in self._targets:
            self._targets[path] = os.fsdecode(self._content(blob))
        return self._targets[path]

    def obstacle(self, path: str) -> OutOfReach | None:
        """Why it is not known what a path, from the top, led to."""
        shown, real = self.shown(self.present(path)), self.resolved(path).real
        if real is None:
            return OutOfReach(shown, "is a symbolic link that leads out of the repository")
        parts = real.split("/")
        for above in ("/".join(parts[:n]) for n in range(1, len(parts) + 1)):
            blob = self._tree.get(above)
            if blob is not None and blob.kind == "submodule" and above not in self._repositories and above != real:
                reason = f"is in the submodule {above}, whose commit {blob.name[:12]} is not here"
                return OutOfReach(shown, reason)
        return None

    def is_content(self, path: str, content: bytes) -> bool:
        """Whether a file, at a path from the top, holds just that; its name is the hash of a header and the content."""
        blob = self._file(path)
        if blob is None:
            return False
        whole = b"blob %d\0" % len(content) + content
        hashed = hashlib.sha1(whole, usedforsecurity=False) if len(blob.name) == 40 else hashlib.sha256(whole)
        return hashed.hexdigest() == blob.name

    def _file(self, path: str) -> Blob | None:
        blob = self._tree.get(self.resolved(path).real or "")
        return blob if blob is not None and blob.kind == "file" else None

    def _content(self, blob: Blob) -> bytes:
        content = self._repositories[blob.home].content(blob)
        if content is None:
            old = f"the old version of {blob.path}"
            raise Unavailable(f"this clone does not have {old}, or it is damaged: git fetch or git fsck may help")
        return content

    def read(self, path: str, most: int) -> bytes:
        place = self.from_top(path)
        blob = None if place is None else self._file(place)
        if blob is not None:
            # One that is too large is refused by its size, whatever is in it.
            return self._content(blob) if blob.size <= most else bytes(most + 1)
        if place is not None and (obstacle := self.obstacle(place)) is not None:
            raise obstacle
        raise FileNotFoundError(path)

    def size(self, path: str) -> int:
        blob = self._file(self.from_top(path) or "")
        return 0 if blob is None else max(blob.size, 0)

    def kind(self, path: str, *, follow: bool = True) -> Kind | None:
        place = self.from_top(path)
        if place is None:
            return None
        folder, _, name = place.rpartition("/")
        above = self.resolved(folder).real
        own = None if above is None else posixpath.join(above, name)
        if not follow and own is not None and self.target(own) is not None:
            return "link"
        real = self.resolved(place).real
        if real is None:
            return None
        blob = self._tree.get(real)
        if blob is not None:
            return {"file": "file", "submodule": "folder"}.get(blob.kind)  # type: ignore[return-value]
        return "folder" if real in self._names else None

    def entries(self, folder: str) -> list[FolderEntry]:
        place = self.from_top(folder)
        real = None if place is None else self.resolved(place).real
        if real is None or real not in self._names:
            raise FileNotFoundError(folder)
        paths = [(name, posixpath.join(real, name)) for name in sorted(self._names[real])]
        return [
            FolderEntry(name, self.kind(f"{self.top}/{path}"), self.target(path) is not None) for name, path in paths
        ]

    def real(self, path: str) -> str:
        place = self.from_top(path)
        if place is None:
            return self.absolute(path)
        if (obstacle := self.obstacle(place)) is not None:
            raise obstacle
        return posixpath.join(self.top, self.resolved(place).real or "").rstrip("/")

    def absolute(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self._here, path.replace(os.sep, "/")))

    def shown(self, path: str) -> str:
        place = self.from_top(path)
        return f"{path if place is None else self.present(place)}@{self.ref}"


@contextmanager
def commit(repository: Repository, ref: str) -> Iterator[Commit]:
    """The files of the commit that ``ref`` names, as long as the body runs.

    Raises:
        UsageError: there is no such commit.
    """
    found = Commit(repository, ref)
    try:
        yield found
    finally:
        found.close()


def _is_sane(path: str) -> bool:
    """Whether it leads to a place below the top: git does not promise it of a tree that somebody has made up."""
    parts = path.split("/")
    is_plain = os.sep == "/" or os.sep not in path  # a backslash is a sign like others, but on Windows
    return is_plain and not any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
