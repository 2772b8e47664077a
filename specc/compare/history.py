"""The specs of a working tree compared with those of a commit."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from specc.compare.commit import Commit, OutOfReach, commit
from specc.compare.git import Repository
from specc.compare.specs import Comparison, FileChange, Parameters, compare_models, parameters
from specc.diagnostics import Diagnostic, Label, SpecError, UsageError
from specc.elaborate import Imports, check_file
from specc.filesystem import DISK, project_root
from specc.ir.graph import Graph
from specc.project.discovery import spec_files
from specc.project.outcome import Unreadable
from specc.project.paths import expanded, is_pattern, shown
from specc.project.settings import Configuration
from specc.source import Source, Span
from specc.syntax import SUFFIXES, ast, parse, read

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
    folder = Path(paths[0])
    while not DISK.is_folder(str(folder)):  # the nearest above that is there
        folder = folder.parent
    repository = Repository(folder)
    configuration = configuration or Configuration()
    # A path that is no more was perhaps there before.
    found, unreadable = spec_files(filter(_is_there, paths), configuration)
    now = {shown(path): _from_top(repository, path) for path in found}
    asked = [_from_top(repository, path) for path in paths]
    with commit(repository, ref) as old:
        named = [f":(top,literal){path}" for path in now.values() if not path.endswith(SUFFIXES)]
        renames = repository.renames(old.name, [*_PATHSPECS, *named])
        meant = [_meant(old, path, configuration) for path in asked]
        for path, specs in zip(paths, meant, strict=True):
            if not specs and not _is_there(path):
                unreadable.append(Unreadable(path, f"{path}: there is no such file, now or in {ref}"))
        pairs = _pairs(old, now, [path for of in meant for path in of], renames)
        run = _FileComparison(old, sizes)
        files = [run.compared(pair, unreadable) for pair in pairs]
    known = [file for file in files if file is not None]
    changed = tuple(file for file in known if file.changed)
    return Comparison(changed, len(known) - len(changed), ref), unreadable


def _from_top(repository: Repository, path: str) -> str:
    """The path from the top of the repository; of a link the link's own."""
    above, name = os.path.split(path)
    whole = DISK.real(path) if DISK.is_folder(path) else os.path.join(DISK.real(above), name)
    relative = os.path.relpath(whole, repository.top)
    if relative.startswith(".."):
        raise UsageError(f"{path} lies outside the repository {repository.top}")
    return Path(relative).as_posix()


def _meant(old: Commit, path: str, configuration: Configuration) -> list[str]:
    """The specs of the commit that a path means, and the links that may have led to one; all from the top."""
    specs, _ = spec_files([old.present(path)], configuration, force_exclude=True, files=old)
    found = [place for spec in specs if (place := old.from_top(spec)) is not None]
    return [place for place in found if old.is_file(old.present(place)) or old.resolved(place).real is None]


def _is_there(path: str) -> bool:
    """A pattern that comes to a closed folder is: the search will tell of that."""
    closed: list[str] = []
    fitting = expanded(path, lambda folder, _: closed.append(folder)) if is_pattern(path) else iter(())
    return DISK.has(path) or any(True for _ in fitting) or bool(closed)


class _Pair(NamedTuple):
    """Paths from the top, before and after; and how the new one was asked for."""

    before: str | None
    after: str | None
    name: str | None


def _pairs(old: Commit, now: dict[str, str], asked: list[str], renames: dict[str, str]) -> list[_Pair]:
    """Which old file is which new one; in the order of their names."""
    origins = {new: path for path, new in renames.items() if old.is_file(old.present(path))}
    for new in now.values():
        if new in origins or old.has(old.present(new)):
            continue
        # Perhaps it is a spec of the commit in another syntax, that is there no more.
        others = (path for path in _spellings(new) if old.is_file(old.present(path)))
        was = next((path for path in others if not DISK.has(f"{old.top}/{path}")), None)
        if was is not None and was not in origins.values():
            origins[new] = was
    moved = {path: new for new, path in origins.items()}
    pairs = []
    for name, path in now.items():
        before = path if old.is_file(old.present(path)) else origins.get(path)
        pairs.append(_Pair(before, path, name))
    used = {pair.before for pair in pairs} | set(now.values())
    for path in asked:
        if path not in used:
            now_at = moved.get(path) or _there(old, path)
            pairs.append(_Pair(path, now_at, None if now_at is None else old.present(now_at)))
    return sorted(pairs, key=lambda pair: pair.after or pair.before or "")


def _there(old: Commit, path: str) -> str | None:
    """What an old spec that was asked for by its name is now, where it is in another syntax."""
    if DISK.has(f"{old.top}/{path}"):
        return None
    others = (new for new in _spellings(path) if not old.has(old.present(new)))
    return next((new for new in others if DISK.has(f"{old.top}/{new}")), None)


def _spellings(path: str) -> list[str]:
    """The names of the spec in each syntax."""
    stem = next((path.removesuffix(suffix) for suffix in reversed(SUFFIXES) if path.endswith(suffix)), None)
    return [] if stem is None else [f"{stem}{suffix}" for suffix in SUFFIXES if f"{stem}{suffix}" != path]


class _FileComparison:
    """Compares one file after the other; what they import is read once."""

    def __init__(self, old: Commit, sizes: Mapping[str, int] | None) -> None:
        self._old = old
        self._sizes = sizes
        self._imports = Imports(old), Imports()
        self._unchanged = _Unchanged(old)

    def compared(self, pair: _Pair, unreadable: list[Unreadable]) -> FileChange | None:
        """None: the file cannot be read, and is told among the ``unreadable``."""
        old, name = self._old, pair.name
        is_there = name is not None and pair.before in (pair.after, None) and old.has(old.present(pair.after or ""))
        if is_there and self._unchanged.has(pair.after or ""):
            return FileChange(f"{name}@{old.ref}", name)
        try:
            now = _NOTHING if name is None else _version(name, self._imports[1])
        except UsageError as error:
            unreadable.append(Unreadable(name or "", str(error)))
            return None
        place = old.present(pair.before or pair.after or "")
        try:
            if (obstacle := old.obstacle(pair.before or pair.after or "")) is not None:
                raise obstacle
            then = None if pair.before is None else _version(place, self._imports[0])
        except OutOfReach as error:
            importing = "" if error.path == old.shown(place) else f"{old.shown(place)} imports it, and "
            note = f"cannot be compared: {importing}{error}"
            return FileChange(old.shown(place), name, (), (), now.wrong, note, incomparable=True)
        if then is None:
            return FileChange(None, name, compare_models([], now.graphs, self._sizes), (), now.wrong)
        before = f"{name}@{old.ref}" if pair.before == pair.after else old.shown(place)
        moved = pair.after not in (None, pair.before)
        if now.wrong or then.wrong:
            wrong = tuple(_with_ref(finding, old) for finding in then.wrong)
            found = Counter(finding.identity for finding in now.wrong)
            known = bool(found) and not found - Counter(finding.identity for finding in then.wrong)
            return FileChange(before, name, (), wrong, now.wrong, moved=moved, known=known)
        settings = then.parameters, now.parameters
        models = compare_models(then.graphs, now.graphs, self._sizes, parameters=settings)
        return FileChange(before, name, models, moved=moved)


def _with_ref(finding: Diagnostic, old: Commit) -> Diagnostic:
    """The finding in the old version, whose files are called as the commit shows them."""
    sources: dict[Source, Source] = {}

    def label(of: Label) -> Label:
        source = of.span.source
        shown = sources.setdefault(source, Source(old.shown(source.name), source.text))
        return replace(of, span=Span(shown, of.span.start, of.span.end))

    secondary, trace = tuple(map(label, finding.secondary)), tuple(map(label, finding.trace))
    return replace(finding, primary=label(finding.primary), secondary=secondary, trace=trace, fix=None)


class _Unchanged:
    """Which specs are what they were, with all that they import; what several import is looked at once."""

    def __init__(self, old: Commit) -> None:
        self._old = old
        self._imports: dict[str, list[str] | None] = {}

    def has(self, path: str) -> bool:
        """Whether the file at that path (from the top) and all that it imports, directly or not, is as it was.

        Then all that can be said of it is what could be said before. An import that is missing is as it was where it
        was missing, too.
        """
        left, seen = [path], {path}
        while left:
            here = left.pop()
            if here not in self._imports:
                self._imports[here] = self._imported(here)
            imports = self._imports[here]
            if imports is None:
                return False
            fresh = set(imports) - seen
            seen |= fresh
            left += fresh
        if len(seen) == 1:
            return True
        # Imports may come from the same folder then and now: settings may say where it begins.
        folder = os.path.dirname(path)
        was, now = project_root(self._old.present(folder), self._old), project_root(f"{self._old.top}/{folder}")
        return was.folder == now.folder

    def _imported(self, path: str) -> list[str] | None:
        """What the file imports, as paths from the top; None where it is not what it was."""
        old, now = self._old, f"{self._old.top}/{path}"
        way = old.resolved(path)
        if way.real is None:  # what lies outside has no earlier version
            try:
                is_same = all(os.readlink(f"{old.top}/{link}") == old.target(link) for link in way.links)
            except OSError:
                return None
            return [] if is_same else None
        real = f"{old.top}/{way.real}".rstrip("/")
        if DISK.real(now) != real:
            return None
        was = old.kind(old.present(path))
        if was != "file":
            return [] if (DISK.is_folder(real) if was == "folder" else not DISK.has(real)) else None
        try:
            content = DISK.read(now, DISK.size(now))
        except OSError:
            return None
        if not old.is_content(path, content):
            return None
        if b"from" not in content and b"\\" not in content:  # YAML may write it with an escape
            return []
        try:
            return _imports_of(path, parse(read(now)))
        except (SpecError, UsageError):
            return []  # no imports are followed where the file itself cannot be read


def _imports_of(path: str, file: ast.File) -> list[str]:
    """What a file imports, as paths from the top; those that lead out are refused as they are written."""
    names = (item.path for item in file.items if isinstance(item, ast.Import))
    plain = (name for name in names if name and "\0" not in name and not os.path.isabs(name))
    targets = (os.path.normpath(os.path.join(os.path.dirname(path), name)) for name in plain)
    return [target for target in targets if target != ".." and not target.startswith("../")]


class _Version(NamedTuple):
    """The models of a file and their parameters, or its mistakes."""

    graphs: list[Graph]
    parameters: Parameters
    wrong: tuple[Diagnostic, ...] = ()


_NOTHING = _Version([], {})


def _version(name: str, imports: Imports) -> _Version:
    """Raises UsageError where the file cannot be read."""
    try:
        file = parse(read(name, imports.files))
        return _Version([checked.graph for checked in check_file(file, imports)], parameters(file))
    except SpecError as error:
        return _NOTHING._replace(wrong=error.diagnostics)
