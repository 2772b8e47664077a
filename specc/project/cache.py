"""A cache of findings: the same text, imports, settings and compiler give the same findings.

An entry is a small file named by the hash of all that it depends on, but for imported files, which it names with
hashes of theirs. A damaged entry counts as missing.

An entry is believed, so who can write one has a say in what is found. On one machine that is the user and root: a
folder or an entry that is another's, or that others may write to, is not used. What comes from another machine, as
continuous integration restores it, is its user's, whoever wrote it: there ``SPECC_CACHE_KEY`` signs entries.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic
from specc.diagnostics.records import as_json, from_json
from specc.source import Source

DAYS = 30
"""How long an entry lasts: continuous integration restores its folder in each run, and it would only grow."""
PACKAGE = str(Path(__file__).parent.parent)
_LIBRARIES = (("pydantic", "version.py"), ("lark", "__init__.py"), ("yaml", "__init__.py"))
"""What has a say in findings, and where its version stands."""
_UNCACHED = frozenset((Code.IMPORT, Code.UNREADABLE))
"""Findings that depend on more than the texts: on which files there are."""


class FileFindings(NamedTuple):
    """The findings of one file, before anything is selected or suppressed.

    Attributes:
        sources: the file itself and all that it imports.
        blocks: the blocks that the file defines, each with its line; of a file with errors none.
        called: the blocks that its models come to, each with the name of its file before its own.
    """

    models: int
    is_library: bool
    findings: tuple[Diagnostic, ...]
    sources: tuple[Source, ...]
    blocks: tuple[tuple[str, int], ...] = ()
    called: tuple[tuple[str, str], ...] = ()


class ProjectFolder(NamedTuple):
    """The folder that no import of a spec leaves, without links, and the spec's folder relative to it."""

    real: str
    subfolder: str


class Cache:
    """The entries in one folder.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._compiler = compiler(folder)

    def key(self, source: Source, project: ProjectFolder, settings: object) -> str:
        """The name of the entry for a file of ``project``, checked with ``settings`` (whatever prints them whole)."""
        texts = (project.subfolder, source.name, repr(settings), source.text)
        return _hashed(self._compiler, *map(_encoded, texts)).hex()

    def get(
        self, key: str, source: Source, project: ProjectFolder, imported: Callable[[str], Source | None]
    ) -> FileFindings | None:
        """The entry under ``key``; ``imported`` reads an imported file, None where that cannot be."""
        payload = _read(self._path(key), key)
        if payload is None:
            return None
        entry = json.loads(payload)  # the signature is right: it is as `put` has written it
        sources = {source.name: source}
        for name, expected in entry["imports"].items():
            source_now = imported(name)
            if source_now is None or _import_hash(source_now, project) != expected:
                return None
            sources[name] = source_now
        with suppress(KeyError):  # a finding in a file that was not even parsed is looked for again
            findings = tuple(from_json(values, sources) for values in entry["findings"])
            blocks, called = (tuple(map(tuple, entry[key])) for key in ("blocks", "called"))
            return FileFindings(entry["models"], entry["is_library"], findings, tuple(sources.values()), blocks, called)
        return None

    def put(self, key: str, result: FileFindings, project: ProjectFolder) -> None:
        """Write an entry. A folder that cannot be written to gets none, and costs nobody a check."""
        if any(finding.code in _UNCACHED for finding in result.findings):
            return
        entry = {
            "models": result.models,
            "is_library": result.is_library,
            "imports": {source.name: _import_hash(source, project) for source in result.sources[1:]},
            "blocks": result.blocks,
            "called": result.called,
            "findings": [as_json(finding) for finding in result.findings],
        }
        _write(self._path(key), key, json.dumps(entry).encode())

    def _path(self, key: str) -> str:
        return os.path.join(str(self._folder), key[:2], f"{key[2:]}.findings")


def cache_folder() -> Path:
    """Where the platform has caches; ``SPECC_CACHE_DIR``, if set, is another folder."""
    if chosen := os.environ.get("SPECC_CACHE_DIR"):
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("specc", appauthor=False)


def distrusted(folder: Path) -> str | None:
    """Why the entries in a folder are not believed; None where they are, or where there is no such folder yet."""
    try:
        status = os.stat(folder)
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode) or _is_private(status):
        return None
    mine = status.st_uid == os.geteuid()
    what = "others may write to it" if mine or status.st_uid == 0 else "it is another user's"
    do = f"chmod go-w {folder}, or set" if mine else "set"
    do += " SPECC_CACHE_DIR to a folder of yours"
    return f"the cache {folder} is not used: {what}, and would say what is found; {do}"


def _is_private(status: os.stat_result) -> bool:
    """Whether nobody but this user and root may write there."""
    if not hasattr(os, "geteuid"):  # Windows: the platform's folder is the user's
        return True
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def compiler(folder: Path, package: str = PACKAGE) -> bytes:
    """The hash of specc's own files (those below ``package``), of Python, and of the libraries' versions.

    The bytes count, not their times: where continuous integration installs specc anew for each run, a cache that comes
    from an earlier one is still good. They are read once: ``folder`` has the hash for files with just these times.
    """
    files = []
    for name, version in _LIBRARIES:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            files.append(os.path.join(os.path.dirname(spec.origin), version))
    files += sorted(_files(package))
    stamps = []
    # An installer sets a file's mtime to that in the package; its ctime no program sets, so an update is seen by it.
    for file in files:
        stat = os.stat(file)
        stamps.append(ascii((file, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, sys.version)).encode())
    key = _hashed(*stamps).hex()
    entry = str(folder / "compilers" / f"{key}.hash")
    if (known := _read(entry, key)) is not None:
        return known
    parts = [sys.version.encode()]
    for file in files:
        inside = os.path.relpath(file, package) if file.startswith(package) else os.path.basename(file)
        parts += [_encoded(inside), Path(file).read_bytes()]
    computed = _hashed(*parts)
    _write(entry, key, computed)
    return computed


def _files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(entry.path)
            elif entry.name.endswith((".py", ".json", ".lark")):
                yield entry.path


def _read(path: str, key: str) -> bytes | None:
    """What `_write` has written under that key; None where it is not there, damaged, or not to be believed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _FLAGS)
        try:
            status = os.fstat(descriptor)
            if not (stat.S_ISREG(status.st_mode) and _is_private(status)):
                return None
            with open(descriptor, "rb", closefd=False) as file:
                signature, _, payload = file.read().partition(b"\n")
        finally:
            os.close(descriptor)
    except OSError:
        return None
    from hmac import compare_digest

    return payload if compare_digest(signature, _signature(key, payload)) else None


_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
"""No link is followed, and no pipe waited for."""


def _write(path: str, key: str, payload: bytes) -> None:
    """Write a file, whole or not at all; a folder that cannot be written to is no reason to fail."""
    temporary = f"{path}.{os.urandom(4).hex()}.tmp"  # two runs may write the same entry at once
    with suppress(OSError):
        _make(os.path.dirname(path))
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600), "wb") as file:
                file.write(_signature(key, payload) + b"\n" + payload)
            os.replace(temporary, path)
        except BaseException:  # a full disk, Ctrl-C: nothing half-written stays
            with suppress(OSError):
                os.remove(temporary)
            raise


_OURS = re.compile(r"([0-9a-f]{62}\.findings|[0-9a-f]{64}\.hash)(\.[0-9a-f]{8}\.tmp)?")


@cache  # once a run is enough; a cache has 256 folders
def _make(folder: str) -> None:
    """Make the folder, for nobody else, and remove what of ours is old in it."""
    top = os.path.dirname(folder)
    os.makedirs(os.path.dirname(top) or ".", exist_ok=True)
    for place in (top, folder):
        with suppress(FileExistsError):
            os.mkdir(place, 0o700)
    oldest = time.time() - DAYS * 24 * 60 * 60
    with os.scandir(folder) as entries:
        for entry in entries:
            # The folder may be one that others use, too.
            if _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < oldest:
                os.remove(entry.path)


def _import_hash(source: Source, project: ProjectFolder) -> str:
    """Of a file's text, and of where it really lies: no link may lead out of a project."""
    place = os.path.relpath(os.path.realpath(source.name), project.real)
    return _hashed(_encoded(place), _encoded(source.text)).hex()


def _signature(key: str, payload: bytes) -> bytes:
    """Of an entry under its name. Where there is a secret, who does not know it can make none."""
    import hmac

    secret = os.environ.get("SPECC_CACHE_KEY", "")
    return hmac.digest(_encoded(secret), key.encode() + b"\n" + payload, "sha256").hex().encode()


def _hashed(*parts: bytes) -> bytes:
    """The hash of some texts, wherever one ends and the next begins."""
    from hashlib import sha256  # loads OpenSSL

    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _encoded(text: str) -> bytes:
    """The text, or a path of any bytes, as bytes."""
    return text.encode("utf-8", "surrogatepass")
