"""What was found in a file before: the same text, imports, settings and compiler give the same findings.

An entry is a small file named by the hash of all that it depends on, but for imported files, which it names with
hashes of theirs. An entry that is not as it was written is none. Nothing here is ever trusted over the files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from specc.diagnostics import Code, Diagnostic
from specc.diagnostics.serialization import as_json, from_json
from specc.project.compiler import compiler, encoded, hashed
from specc.project.kept import keep
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
    blocks: tuple[tuple[str, int], ...] = ()
    """The blocks that the file defines, each with its line; of a file with errors none."""
    called: tuple[tuple[str, str], ...] = ()
    """The blocks that its models come to, each with the name of its file before its own."""


class Project(NamedTuple):
    """The folder that no import of a spec leaves, without links, and where the spec's folder lies in it."""

    real: str
    place: str


class Cache:
    """The entries in one folder.

    Args:
        folder: where they are; None: there are none, and none are kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._compiler = compiler(folder) if folder else b""

    def key(self, source: Source, project: Project, settings: object) -> str:
        """The name of the entry for a file of ``project``, checked with ``settings`` (whatever prints them whole)."""
        if self._folder is None:
            return ""
        texts = (project.place, source.name, repr(settings), source.text)
        return hashed(self._compiler, *map(encoded, texts)).hex()

    def get(self, key: str, source: Source, project: Project, imported: Callable[[str], Source | None]) -> Found | None:
        """What is known under ``key``; ``imported`` reads an imported file, None where that cannot be."""
        if self._folder is None:
            return None
        try:
            with open(self._path(key), "rb") as file:  # hundreds of files: Path costs time
                check, _, payload = file.read().partition(b"\n")
        except OSError:
            return None
        if check != _check(key, payload):
            return None
        return _read(json.loads(payload), source, project, imported)

    def put(self, key: str, found: Found, project: Project) -> None:
        """Keep it. A folder that cannot be written to keeps nothing, and costs nobody a check."""
        if self._folder is None or any(finding.code in _UNSURE for finding in found.findings):
            return
        entry = {
            "models": found.models,
            "is_library": found.is_library,
            "imports": {source.name: _import_hash(source, project) for source in found.sources[1:]},
            "blocks": found.blocks,
            "called": found.called,
            "findings": [as_json(finding) for finding in found.findings],
        }
        payload = json.dumps(entry).encode()
        keep(self._path(key), _check(key, payload) + b"\n" + payload)

    def _path(self, key: str) -> str:
        return os.path.join(str(self._folder), key[:2], key[2:])


def _read(
    entry: dict[str, Any], source: Source, project: Project, imported: Callable[[str], Source | None]
) -> Found | None:
    sources = {source.name: source}
    for name, known in entry["imports"].items():
        there = imported(name)
        if there is None or _import_hash(there, project) != known:
            return None
        sources[name] = there
    with suppress(KeyError):  # a finding in a file that was not even parsed is looked for again
        findings = tuple(from_json(values, sources) for values in entry["findings"])
        blocks, called = (tuple(map(tuple, entry[key])) for key in ("blocks", "called"))
        return Found(entry["models"], entry["is_library"], findings, tuple(sources.values()), blocks, called)
    return None


def _import_hash(source: Source, project: Project) -> str:
    """Of a file's text, and of where it really lies: no link may lead out of a project."""
    place = os.path.relpath(os.path.realpath(source.name), project.real)
    return hashed(encoded(place), encoded(source.text)).hex()


def _check(key: str, payload: bytes) -> bytes:
    return hashed(key.encode(), payload).hex().encode()


def cache_folder() -> Path:
    """Where the platform keeps caches; ``SPECC_CACHE_DIR``, if set, says where instead."""
    if chosen := os.environ.get("SPECC_CACHE_DIR"):
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("specc", appauthor=False)
