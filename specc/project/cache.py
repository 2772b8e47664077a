"""What was found in a file before: the same text, imports, settings and compiler give the same findings.

An entry is a small JSON file named by the hash of all that it depends on, but for the texts of imported files, which
it names with their hashes. A damaged or foreign entry is no entry. Nothing here is ever trusted over the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from specc.diagnostics import Code, Diagnostic
from specc.project.stored import packed, unpacked
from specc.source import Source

_UNSURE = frozenset((Code.IMPORT, Code.UNREADABLE))
"""Findings that depend on more than the texts: on which files there are."""


class Found(NamedTuple):
    """What checking one file has found, before anything is selected or silenced."""

    models: int
    is_library: bool
    findings: tuple[Diagnostic, ...]
    sources: tuple[Source, ...]
    """The file itself and all that it imports."""


class Cache:
    """The entries in one folder.

    Args:
        folder: where they are; None: there are none, and none are kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._compiler = _compiler() if folder else b""

    def key(self, source: Source, root: str, settings: object) -> str:
        """The name of the entry for a file checked below ``root`` with ``settings`` (whatever prints them whole)."""
        if self._folder is None:
            return ""
        parts = (self._compiler, os.fsencode(root), source.name.encode(), repr(settings).encode(), source.text.encode())
        digest = hashlib.sha256()
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()

    def get(self, key: str, source: Source, imported: Mapping[str, Source | None]) -> Found | None:
        """What is known under ``key``; ``imported`` reads an imported file, None where that cannot be."""
        if self._folder is None:
            return None
        try:
            with open(self._path(key), encoding="utf-8") as file:  # noqa: PTH123 - hundreds of files: Path costs time
                return _read(json.load(file), source, imported)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, found: Found) -> None:
        """Keep it. A folder that cannot be written to keeps nothing, and costs nobody a check."""
        if self._folder is None or any(finding.code in _UNSURE for finding in found.findings):
            return
        entry = {
            "models": found.models,
            "is_library": found.is_library,
            "imports": {source.name: text_hash(source) for source in found.sources[1:]},
            "findings": [packed(finding) for finding in found.findings],
        }
        path = self._path(key)
        temporary = f"{path}.{os.getpid()}.tmp"
        with suppress(OSError):
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
            with open(temporary, "w", encoding="utf-8") as file:  # noqa: PTH123
                json.dump(entry, file)
            os.replace(temporary, path)  # noqa: PTH105

    def _path(self, key: str) -> str:
        return os.path.join(str(self._folder), key[:2], key[2:])  # noqa: PTH118


def _read(entry: dict[str, Any], source: Source, imported: Mapping[str, Source | None]) -> Found | None:
    sources = {source.name: source}
    for name, digest in entry["imports"].items():
        there = imported[name]
        if there is None or text_hash(there) != digest:
            return None
        sources[name] = there
    findings = tuple(unpacked(values, sources) for values in entry["findings"])
    return Found(int(entry["models"]), bool(entry["is_library"]), findings, tuple(sources.values()))


def text_hash(source: Source) -> str:
    return hashlib.sha256(source.text.encode()).hexdigest()


def cache_folder() -> Path:
    """Where the platform keeps caches; ``SPECC_CACHE_DIR``, if set, says where instead."""
    if chosen := os.environ.get("SPECC_CACHE_DIR"):
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("specc", appauthor=False)


def _compiler() -> bytes:
    """What this compiler is: its files and their times, so that no entry outlives a change of specc itself."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    stamps = sorted(_stamps(package))
    return repr((sys.version, stamps)).encode()


def _stamps(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _stamps(entry.path)
            elif entry.name.endswith((".py", ".json", ".lark")):
                stat = entry.stat()
                yield entry.path, stat.st_size, stat.st_mtime_ns
