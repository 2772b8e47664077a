"""The specs of a working tree compared with those of a commit."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from glob import glob
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from specc.compare.git import Repository
from specc.compare.revision import Revision, present, revision
from specc.compare.specs import Comparison, FileChange, compare_models
from specc.diagnostics import Diagnostic, SpecError, UsageError
from specc.elaborate import Imports, check_file
from specc.ir.graph import Graph
from specc.project.discovery import SUFFIXES, spec_files
from specc.project.globs import matches
from specc.project.outcome import Unreadable
from specc.project.paths import shown
from specc.project.settings import NO_SETTINGS, Settings
from specc.syntax import parse, read

_MAGIC = frozenset("*?[")
_PATHSPECS = [f":(top,glob)**/*{suffix}" for suffix in SUFFIXES]


def compare_with(
    ref: str, paths: tuple[str, ...], sizes: Mapping[str, int] | None = None, settings: Settings = NO_SETTINGS
) -> tuple[Comparison, list[Unreadable]]:
    """Every spec among ``paths`` compared with what it was in a commit, and the paths that cannot be read.

    Args:
        ref: what names the commit: ``main``, ``v1.2``, ``HEAD~1``.
        paths: files, folders, patterns.
        sizes: at which costs are counted.

    Raises:
        UsageError: there is no git, no repository, or no such commit.
    """
    repository = Repository(_folder(paths[0]))
    with revision(repository, ref) as old:
        now, unreadable = _present(repository, paths, settings)
        asked = [_from_top(repository, path) for path in paths]
        named = [f":(top,literal){path}" for path in now.values() if not path.endswith(SUFFIXES)]
        renames = repository.renames(repository.commit(ref), [*_PATHSPECS, *named])
        meant = _asked(old, asked, settings)
        unreadable += _unknown(paths, meant, ref)
        pairs = _pairs(old, now, [path for of in meant for path in of], renames)
        run = _Run(old, sizes)
        files = [run.compared(pair, unreadable) for pair in pairs]
    known = [file for file in files if file is not None]
    told = tuple(file for file in known if file.changed)
    return Comparison(told, len(known) - len(told), ref), unreadable


def _folder(path: str) -> Path:
    """The nearest folder above that is there."""
    here = Path(path)
    while not os.path.isdir(here):  # noqa: PTH112 - Path.is_dir raises where a folder is closed to us
        here = here.parent
    return here


def _from_top(repository: Repository, path: str) -> str:
    """The path from the top of the repository; of a link the link's own."""
    whole = os.path.realpath(path) if os.path.isdir(path) else _beside(path)  # noqa: PTH112
    relative = os.path.relpath(whole, repository.top)
    if relative.startswith(".."):
        raise UsageError(f"{path} lies outside the repository {repository.top}")
    return Path(relative).as_posix()


def _beside(path: str) -> str:
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))  # noqa: PTH118, PTH119, PTH120


def _present(
    repository: Repository, paths: Iterable[str], settings: Settings
) -> tuple[dict[str, str], list[Unreadable]]:
    """The specs that are there now, each with its path from the top, and what could not be looked at.

    A path that is no more was perhaps there before.
    """
    found, unreadable = spec_files(filter(_is_there, paths), settings)
    return {shown(path): _from_top(repository, path) for path in found}, unreadable


def _asked(old: Revision, asked: list[str], settings: Settings) -> list[list[str]]:
    """The specs of the commit that each of the paths means."""
    wanted = [spec for spec in old.specs if not _is_excluded(present(old.top, spec), settings)]
    return [[spec for spec in wanted if _is_meant(spec, path)] for path in asked]


def _unknown(paths: Iterable[str], meant: list[list[str]], ref: str) -> list[Unreadable]:
    """Paths that are not there, and were not."""
    lost = (path for path, of in zip(paths, meant, strict=True) if not of and not _is_there(path))
    return [Unreadable(path, f"{path}: there is no such file, now or in {ref}") for path in lost]


def _is_there(path: str) -> bool:
    return os.path.lexists(path) or bool(_MAGIC & set(path) and glob(path, recursive=True))  # noqa: PTH207


def _is_excluded(name: str, settings: Settings) -> bool:
    return bool(settings.exclude) and matches(settings.relative(name), settings.exclude)


def _is_meant(spec: str, path: str) -> bool:
    """As a search would find it: hidden folders are passed over, and other people's YAML."""
    if spec == path:
        return True
    if _MAGIC & set(path):
        return spec.endswith((*SUFFIXES, ".yaml", ".yml")) and matches(spec, (f"/{path}",))
    inside = PurePosixPath(spec).parts[len(PurePosixPath(path).parts) :]
    below = path == "." or spec.startswith(f"{path}/")
    return below and spec.endswith(SUFFIXES) and not any(part.startswith(".") for part in inside[:-1])


class _Pair(NamedTuple):
    """Paths from the top, before and after; and how the new one was asked for."""

    before: str | None
    after: str | None
    name: str | None


def _pairs(old: Revision, now: dict[str, str], asked: list[str], renames: dict[str, str]) -> list[_Pair]:
    """Which old file is which new one; in the order of their names."""
    origins = {new: path for path, new in renames.items() if path in old.specs}
    pairs = []
    for name, path in now.items():
        before = path if path in old.specs else origins.get(path)
        pairs.append(_Pair(before, path, name))
    used = {pair.before for pair in pairs}
    for path in asked:
        if path not in used:
            new = renames.get(path)
            pairs.append(_Pair(path, new, None if new is None else present(old.top, new)))
    return sorted(pairs, key=lambda pair: pair.after or pair.before or "")


class _Run:
    """Compares one file after the other; what they import is read once."""

    def __init__(self, old: Revision, sizes: Mapping[str, int] | None) -> None:
        self._old = old
        self._sizes = sizes
        self._imports = Imports(), Imports()

    def compared(self, pair: _Pair, unreadable: list[Unreadable]) -> FileChange | None:
        """None: the file cannot be read, and is told among the ``unreadable``."""
        before = None if pair.before is None else self._old.shown(pair.before)
        if pair.after is not None and pair.after == pair.before and self._is_untouched(pair):
            return FileChange(before, pair.name)
        try:
            now, wrong_now = ([], ()) if pair.name is None else _networks(pair.name, self._imports[1])
        except UsageError as error:
            unreadable.append(Unreadable(pair.name or "", str(error)))
            return None
        if pair.before is None:
            return self._new(pair, now, wrong_now)
        then, wrong_then = _networks(self._old.place(pair.before), self._imports[0])
        told = tuple(map(self._old.told, wrong_then))
        if wrong_now or wrong_then:
            return FileChange(before, pair.name, (), told, wrong_now)
        moved = f"{before} is {pair.name} now" if pair.after not in (None, pair.before) else ""
        return FileChange(before, pair.name, compare_models(then, now, self._sizes), note=moved)

    def _new(self, pair: _Pair, now: list[Graph], wrong: tuple[Diagnostic, ...]) -> FileChange:
        is_link = pair.after in self._old.links
        note = f"in {self._old.ref} it is a symbolic link, which is not followed" if is_link else ""
        return FileChange(None, pair.name, compare_models([], now, self._sizes), (), wrong, note)

    def _is_untouched(self, pair: _Pair) -> bool:
        """Whether it is the same text, and imports nothing: then nothing about it has changed."""
        assert pair.name is not None, "it is there"
        assert pair.before is not None, "it was there"
        with suppress(OSError):
            text = Path(pair.name).read_bytes()
            blob = self._old.specs[pair.before]
            return len(text) == blob.size and b"from" not in text and _git_name(text, blob.name) == blob.name
        return False


def _git_name(content: bytes, like: str) -> str:
    """What git calls this content: the hash of a header and the content."""
    whole = b"blob %d\0" % len(content) + content
    return (hashlib.sha1(whole, usedforsecurity=False) if len(like) == 40 else hashlib.sha256(whole)).hexdigest()


def _networks(name: str, imports: Imports) -> tuple[list[Graph], tuple[Diagnostic, ...]]:
    """The models of a file, or its mistakes. Raises UsageError where it cannot be read."""
    try:
        return [checked.graph for checked in check_file(parse(read(name)), imports)], ()
    except SpecError as error:
        return [], error.diagnostics
