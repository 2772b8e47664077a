"""The documents of an editor: their texts by path, and what can be parsed of them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from specc.diagnostics import SpecError, UsageError
from specc.elaborate.model_cache import ModelCache
from specc.server.buffers import Buffers
from specc.source import Source, is_yaml
from specc.syntax import ast, read

_LONGEST_NAME = 100


class Documents:
    """What is open in an editor, and where.

    Attributes:
        texts: the texts by absolute path.
        files: the disk, with these texts in the place of its own.
        models: what is known of the texts before.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.files = Buffers(self.texts)
        self._home = self.files.absolute(".")
        self._uris: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._versions: dict[str, int] = {}
        self.models = ModelCache()

    # ---- places -------------------------------------------------------------------------------------

    def path(self, uri: str) -> str:
        """The absolute path of a document; of one that is no file, one in the editor's folder that no other has."""
        if uri in self._paths:
            return self._paths[uri]
        try:
            parts = urlsplit(uri)
        except ValueError:  # an address with a bracket that is not closed
            parts = SplitResult("", "", uri, "", "")
        path = unquote(parts.path).replace("\0", "").encode("utf-8", "replace").decode()
        if parts.scheme != "file" or not path:
            return self._invented(path, parts.fragment)
        if parts.netloc not in ("", "localhost"):
            path = f"//{parts.netloc}{path}"
        if os.name != "nt":
            path = f"/{path.lstrip('/')}"  # two slashes in front are somewhere else
        elif path[2:3] == ":":  # /c:/net.cnn
            path = path[1:]
        return self.files.absolute(path)

    def _invented(self, path: str, fragment: str) -> str:
        """A path for what is on no disk: an unsaved text, an older version, a cell of a notebook."""
        folder, _, name = path.replace("\\", "/").rpartition("/")
        name = f"{name}{fragment}"[-_LONGEST_NAME:] or "untitled"
        if not (os.path.isabs(folder) and self.files.is_folder(folder)):
            folder = self.files.folders[0] if self.files.folders else self._home
        name += "" if is_yaml(name) or name.endswith(".cnn") else ".cnn"
        count, path = 1, self.files.absolute(f"{folder}/{name}")
        while self.files.has(path):
            count += 1
            path = self.files.absolute(f"{folder}/{count}-{name}")
        return path

    def uri(self, path: str) -> str:
        """As the editor calls it, where it is open there."""
        return self._uris[path] if path in self._uris else Path(path).as_uri()

    def version(self, path: str) -> int | None:
        return self._versions.get(path)

    # ---- texts --------------------------------------------------------------------------------------

    def change(self, uri: str, text: str, version: int) -> str:
        """Put a text in the place of what there was; its path."""
        path = self.path(uri)
        self.texts[path] = text
        self._uris[path], self._paths[uri], self._versions[path] = uri, path, version
        return path

    def close(self, uri: str) -> str:
        """Back to the disk; the path, which the document keeps until `forget`."""
        path = self.path(uri)
        self.texts.pop(path, None)
        self._versions.pop(path, None)
        return path

    def forget(self, uri: str) -> None:
        """A document that is closed may come under another name, and another one at its path."""
        self._uris.pop(self._paths.pop(uri, ""), None)

    def is_current(self, source: Source) -> bool:
        """Whether a text is what stands in the editor; of a file that is not open it is taken to be."""
        text = self.files.text(source.name)
        return text is None or text.removeprefix("\ufeff") == source.text

    # ---- what they are ------------------------------------------------------------------------------

    def source(self, path: str) -> Source | None:
        """The text at a path as specc reads it; None: it cannot be read."""
        with suppress(SpecError, UsageError):
            return read(path, self.files)
        return None

    def tree(self, path: str) -> tuple[Source, ast.File | None] | None:
        """A text, and what can be parsed of it; None: it cannot be read."""
        source = self.source(path)
        if source is None:
            return None
        return source, self.models.partial(source)
