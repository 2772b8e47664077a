"""Which specs are in the working tree what they were in a commit, with all that they import."""

from __future__ import annotations

import hashlib
import os

from specc.compare.git import Blob
from specc.compare.revision import Revision, followed, imported
from specc.diagnostics import SpecError, UsageError
from specc.filesystem import project_root
from specc.syntax import parse, read


class Unchanged:
    """Answers for one file after the other; what several import is looked at once."""

    def __init__(self, old: Revision) -> None:
        self._old = old
        self._known: dict[str, list[str] | None] = {}

    def has(self, path: str) -> bool:
        """Whether the file at that path (from the top) and all that it imports, directly or not, is as it was.

        Then all that can be said of it is what could be said before. An import that is missing is as it was where it
        was missing, too.
        """
        left, seen = [path], {path}
        while left:
            imports = self._imports(left.pop())
            if imports is None:
                return False
            fresh = set(imports) - seen
            seen |= fresh
            left += fresh
        return len(seen) == 1 or self._same_root(path)

    def _same_root(self, path: str) -> bool:
        """Whether imports may come from the same folder: settings may say where it begins."""
        folder = os.path.dirname(path)
        tops = self._old.folder, self._old.top
        was, now = (os.path.relpath(project_root(str(top / folder)).folder, top) for top in tops)
        return was == now

    def _imports(self, path: str) -> list[str] | None:
        """What the file imports, as paths from the top; None where it is not what it was."""
        if path not in self._known:
            way = followed(path, self._old.links)
            if way.real is None:  # what lies outside has no earlier version
                self._known[path] = [] if all(map(self._is_same_link, way.links)) else None
            else:
                self._known[path] = self._named(path) if self._is_same(path, way.real) else None
        return self._known[path]

    def _is_same_link(self, path: str) -> bool:
        try:
            return os.readlink(self._old.top / path) == self._old.links[path]
        except OSError:
            return False

    def _is_same(self, path: str, real: str) -> bool:
        """Whether the path leads where it led, and that is what it was."""
        leads = os.path.realpath(self._old.top / path)
        return leads == str(self._old.top / real) and self._is_same_file(real)

    def _is_same_file(self, path: str) -> bool:
        blob = self._old.tree.get(path)
        if blob is None:
            return self._is_no_file(path)
        now = self._old.top / path
        try:
            return now.stat().st_size == blob.size and is_content(now.read_bytes(), blob)
        except OSError:
            return False

    def _is_no_file(self, path: str) -> bool:
        """Whether a file that the commit does not have is not there now: a folder in both, or nothing."""
        now = self._old.top / path
        was_folder = any(name.startswith(f"{path}/") for name in self._old.tree)
        return now.is_dir() if was_folder else not os.path.lexists(now)

    def _named(self, path: str) -> list[str]:
        now = self._old.top / path
        try:
            text = now.read_bytes() if now.is_file() else b""
            if b"from" not in text and b"\\" not in text:  # YAML may write it with an escape
                return []
            return imported(path, parse(read(now)))
        except (OSError, SpecError, UsageError):
            return []  # no imports are followed where the file itself cannot be read


def is_content(content: bytes, blob: Blob) -> bool:
    """Whether that is what the blob holds: git names it by the hash of a header and the content."""
    whole = b"blob %d\0" % len(content) + content
    hashed = hashlib.sha1(whole, usedforsecurity=False) if len(blob.name) == 40 else hashlib.sha256(whole)
    return hashed.hexdigest() == blob.name
