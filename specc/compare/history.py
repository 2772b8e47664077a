"""The specs of a working tree compared with those of a commit."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from specc.compare.git import Repository
from specc.compare.revision import Revision, followed, present, revision
from specc.compare.specs import Comparison, FileChange, Parameters, compare_models, parameters
from specc.compare.unchanged import Unchanged
from specc.diagnostics import Diagnostic, SpecError, UsageError
from specc.elaborate import Imports, check_file
from specc.ir.graph import Graph
from specc.project.discovery import spec_files
from specc.project.outcome import Unreadable
from specc.project.paths import matches, shown
from specc.project.patterns import Pattern, expanded, is_pattern
from specc.project.settings import Configuration
from specc.syntax import SUFFIXES, parse, read

_PATHSPECS = [f":(top,glob)**/*{suffix}" for suffix in SUFFIXES]


def compare_with(
    ref: str, paths: tuple[str, ...], sizes: Mapping[str, int] | None = None, configuration: Configuration | None = None
) -> tuple[Comparison, list[Unreadable]]:
    """Every spec among ``paths`` compared with what it was in a commit, and the paths that cannot be read.

    Args:
        ref: what names the commit: ``main``, ``v1.2``, ``HEAD~1``.
        paths: files, folders, patterns.
        sizes: at which costs are counted.
        configuration: what is included and excluded, then and now; None: what the settings of each file say.

    Raises:
        UsageError: there is no git, no repository, or no such commit.
    """
    repository = Repository(_folder(paths[0]))
    configuration = configuration or Configuration()
    now, unreadable = _present(repository, paths, configuration)
    asked = [_from_top(repository, path) for path in paths]
    with revision(repository, ref, [*asked, *now.values()]) as old:
        named = [f":(top,literal){path}" for path in now.values() if not path.endswith(SUFFIXES)]
        renames = repository.renames(repository.commit(ref), [*_PATHSPECS, *named])
        meant = _asked(old, asked, configuration)
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
    while not os.path.isdir(here):  # Path.is_dir raises where a folder is closed to us
        here = here.parent
    return here


def _from_top(repository: Repository, path: str) -> str:
    """The path from the top of the repository; of a link the link's own."""
    whole = os.path.realpath(path) if os.path.isdir(path) else _beside(path)
    relative = os.path.relpath(whole, repository.top)
    if relative.startswith(".."):
        raise UsageError(f"{path} lies outside the repository {repository.top}")
    return Path(relative).as_posix()


def _beside(path: str) -> str:
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _present(
    repository: Repository, paths: Iterable[str], configuration: Configuration
) -> tuple[dict[str, str], list[Unreadable]]:
    """The specs that are there now, each with its path from the top, and what could not be looked at.

    A path that is no more was perhaps there before.
    """
    found, unreadable = spec_files(filter(_is_there, paths), configuration)
    return {shown(path): _from_top(repository, path) for path in found}, unreadable


def _asked(old: Revision, asked: list[str], configuration: Configuration) -> list[list[str]]:
    """The specs of the commit that each of the paths means, and the links that may have led to one."""
    every = [*old.specs, *(link for link in old.links if followed(link, old.links).real is None)]
    wanted = [spec for spec in every if not configuration.excludes(present(old.top, spec))]
    named = {spec for spec in wanted if spec.endswith(SUFFIXES) or _is_included(old, spec, configuration)}
    return [[spec for spec in wanted if _is_meant(old, spec, path, spec in named)] for path in asked]


def _unknown(paths: Iterable[str], meant: list[list[str]], ref: str) -> list[Unreadable]:
    """Paths that are not there, and were not."""
    lost = (path for path, of in zip(paths, meant, strict=True) if not of and not _is_there(path))
    return [Unreadable(path, f"{path}: there is no such file, now or in {ref}") for path in lost]


def _is_there(path: str) -> bool:
    """A pattern that comes to a closed folder is: the search will tell of that."""
    closed: list[str] = []
    fitting = expanded(path, lambda folder, _: closed.append(folder)) if is_pattern(path) else iter(())
    return os.path.lexists(path) or any(True for _ in fitting) or bool(closed)


def _is_included(old: Revision, spec: str, configuration: Configuration) -> bool:
    name = present(old.top, spec)
    settings = configuration.of(name)
    return bool(settings.include) and matches(settings.relative(name), settings.include)


def _is_meant(old: Revision, spec: str, path: str, named: bool) -> bool:
    """Whether a search of the path would find the spec.

    Args:
        named: whether a folder is searched for files that are called so.
    """
    if spec == path:
        return True
    if path == "." or spec.startswith(f"{path}/"):
        return named and _is_below(PurePosixPath(spec).parts[len(PurePosixPath(path).parts) :])
    if not is_pattern(path) or os.path.lexists(old.top / path):
        return False
    is_spec = named or spec.endswith((".yaml", ".yml"))
    return is_spec and _fits(PurePosixPath(spec).parts, Pattern(PurePosixPath(path).parts), named)


def _is_below(parts: tuple[str, ...]) -> bool:
    """Whether a search of a folder comes to the file whose path from there that is: hidden folders are passed over."""
    return not any(part.startswith(".") for part in parts[:-1])


def _fits(parts: tuple[str, ...], pattern: Pattern, named: bool) -> bool:
    """Whether the expanded pattern has the file, or a folder in which a search finds it."""
    places = pattern.start
    for at, part in enumerate(parts):
        if named and pattern.is_whole(places) and _is_below(parts[at:]):
            return True
        places = pattern.after(places, part)
    return pattern.is_whole(places)


class _Pair(NamedTuple):
    """Paths from the top, before and after; and how the new one was asked for."""

    before: str | None
    after: str | None
    name: str | None


def _pairs(old: Revision, now: dict[str, str], asked: list[str], renames: dict[str, str]) -> list[_Pair]:
    """Which old file is which new one; in the order of their names."""
    origins = {new: path for path, new in renames.items() if path in old.specs}
    for new in now.values():
        was = None if new in origins else _converted(old, new)
        if was is not None and was not in origins.values():
            origins[new] = was
    moved = {path: new for new, path in origins.items()}
    pairs = []
    for name, path in now.items():
        before = path if path in old.specs else origins.get(path)
        pairs.append(_Pair(before, path, name))
    used = {pair.before for pair in pairs} | set(now.values())
    for path in asked:
        if path not in used:
            now_at = moved.get(path) or _there(old, path)
            pairs.append(_Pair(path, now_at, None if now_at is None else present(old.top, now_at)))
    return sorted(pairs, key=lambda pair: pair.after or pair.before or "")


def _converted(old: Revision, new: str) -> str | None:
    """The spec of the commit that the file is in another syntax, where it is no more."""
    others = (path for path in _spellings(new) if path in old.specs and not os.path.lexists(old.top / path))
    return None if new in old.tree else next(others, None)


def _there(old: Revision, path: str) -> str | None:
    """What an old spec that was asked for by its name is now, where it is in another syntax."""
    others = (new for new in _spellings(path) if new not in old.tree and os.path.lexists(old.top / new))
    return None if os.path.lexists(old.top / path) else next(others, None)


def _spellings(path: str) -> list[str]:
    """The names of the spec in each syntax."""
    stem = next((path.removesuffix(suffix) for suffix in reversed(SUFFIXES) if path.endswith(suffix)), None)
    return [] if stem is None else [f"{stem}{suffix}" for suffix in SUFFIXES if f"{stem}{suffix}" != path]


class _Run:
    """Compares one file after the other; what they import is read once."""

    def __init__(self, old: Revision, sizes: Mapping[str, int] | None) -> None:
        self._old = old
        self._sizes = sizes
        self._imports = Imports(), Imports()
        self._unchanged = Unchanged(old)

    def compared(self, pair: _Pair, unreadable: list[Unreadable]) -> FileChange | None:
        """None: the file cannot be read, and is told among the ``unreadable``."""
        if pair.name is not None and self._is_untouched(pair):
            return FileChange(f"{pair.name}@{self._old.ref}", pair.name)
        try:
            now = _NOTHING if pair.name is None else _version(pair.name, self._imports[1])
        except UsageError as error:
            unreadable.append(Unreadable(pair.name or "", str(error)))
            return None
        if (obstacle := self._obstacle(pair)) is not None:
            name, note = self._old.shown(pair.before or pair.after or ""), f"cannot be compared: {obstacle}"
            return FileChange(name, pair.name, (), (), now.wrong, note, incomparable=True)
        if pair.before is None:
            return FileChange(None, pair.name, compare_models([], now.graphs, self._sizes), (), now.wrong)
        before = f"{pair.name}@{self._old.ref}" if pair.before == pair.after else self._old.shown(pair.before)
        moved = pair.after not in (None, pair.before)
        then = _version(self._old.place(pair.before), self._imports[0])
        if now.wrong or then.wrong:
            told = tuple(map(self._old.told, then.wrong))
            known = self._are_known(now.wrong, told)
            return FileChange(before, pair.name, (), told, now.wrong, moved=moved, known=known)
        settings = then.parameters, now.parameters
        models = compare_models(then.graphs, now.graphs, self._sizes, parameters=settings)
        return FileChange(before, pair.name, models, moved=moved)

    def _obstacle(self, pair: _Pair) -> str | None:
        """Why the old version cannot be told; None: it can, or there was none."""
        is_plain = not self._old.links and not any(blob.kind == "submodule" for blob in self._old.tree.values())
        return None if is_plain else self._old.obstacle(pair.before or pair.after or "")

    def _is_untouched(self, pair: _Pair) -> bool:
        """Whether it is what it was, under the path that it had: a spec, or a link to one."""
        path = pair.after
        return path in self._old.tree and pair.before in (path, None) and self._unchanged.has(path)

    def _are_known(self, now: Iterable[Diagnostic], then: Iterable[Diagnostic]) -> bool:
        """Whether the old version has all these mistakes, too; if perhaps elsewhere in the file."""
        found = Counter(finding.identity for finding in now)
        return bool(found) and not found - Counter(finding.identity for finding in then)


class _Version(NamedTuple):
    """The models of a file and their parameters, or its mistakes."""

    graphs: list[Graph]
    parameters: Parameters
    wrong: tuple[Diagnostic, ...] = ()


_NOTHING = _Version([], {})


def _version(name: str, imports: Imports) -> _Version:
    """Raises UsageError where the file cannot be read."""
    try:
        file = parse(read(name))
        return _Version([checked.graph for checked in check_file(file, imports)], parameters(file))
    except SpecError as error:
        return _NOTHING._replace(wrong=error.diagnostics)
