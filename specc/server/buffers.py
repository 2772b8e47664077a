"""The files of an editor: what is open in it as it stands there, saved or not, and all else on the disk."""

from __future__ import annotations

import os
from collections.abc import Mapping

from specc.filesystem import DISK, FileSystem, FolderEntry, Kind


class Buffers(FileSystem):
    """Other files, those of the disk, with texts of its own at some absolute paths."""

    def __init__(self, texts: Mapping[str, str], below: FileSystem = DISK) -> None:
        self._texts = texts
        self._below = below

    def text(self, path: str) -> str | None:
        """What the editor has at the path; None: it is not open there."""
        return self._texts.get(self._below.absolute(path))

    def read(self, path: str, most: int) -> bytes:
        text = self.text(path)
        # A character has a byte at least: of a text that is far too long not all is encoded.
        return (
            self._below.read(path, most)
            if text is None
            else text[: most + 1].encode("utf-8", "surrogatepass")[: most + 1]
        )

    def size(self, path: str) -> int:
        text = self.text(path)
        return self._below.size(path) if text is None else len(text.encode("utf-8", "surrogatepass"))

    def kind(self, path: str, *, follow: bool = True) -> Kind | None:
        return self._below.kind(path, follow=follow) if self.text(path) is None else "file"

    def entries(self, folder: str) -> list[FolderEntry]:
        entries = {entry.name: entry for entry in self._below.entries(folder)}
        here = self._below.absolute(folder)
        for path in self._texts:
            if os.path.dirname(path) == here and os.path.basename(path) not in entries:
                entries[os.path.basename(path)] = FolderEntry(os.path.basename(path), "file", False)
        return sorted(entries.values())

    def real(self, path: str) -> str:
        return self._below.real(path)

    def absolute(self, path: str) -> str:
        return self._below.absolute(path)
