"""The files of an editor: what is open in it as it stands there, saved or not, and all else on the disk."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from collections.abc import Mapping
from pathlib import Path

from specc.filesystem import DISK, FileSystem, FolderEntry, Kind, is_within


class Buffers(FileSystem):
    """Other files, those of the disk, with texts of its own at some absolute paths.

    Attributes:
        folders: those that the editor has; a path in one of them is shown from there. A document that is no file is in
            the first, or else in the present folder.
    """

    def __init__(self, texts: Mapping[str, str], below: FileSystem = DISK) -> None:
        self.folders: tuple[str, ...] = ()
        self._texts = texts
        self._below = below

    def text(self, path: str) -> str | None:
        """What the editor has at the path; None: it is not open there."""
        return self._texts.get(self._below.absolute(path))

    def read(self, path: str, most: int) -> bytes:
        text = self.text(path)
        if text is None:
            # An editor that opens the file counts its characters without the mark. Only what it sends has one in it.
            return self._below.read(path, most).removeprefix(BOM_UTF8)
        # A character has a byte at least: of a text that is far too long not all is encoded.
        return text[: most + 1].encode("utf-8", "surrogatepass")[: most + 1]

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

    def shown(self, path: str) -> str:
        whole = self.absolute(path)
        folder = next((one for one in self.folders if is_within(one, whole) and one != whole), None)
        return Path(os.path.relpath(whole, folder) if folder else whole).as_posix()
