"""The specs of a working tree compared with those of a commit.

A path here is an absolute one without links, but for the file's own: the same in the commit and on the disk.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from itertools import filterfalse
from pathlib import Path
from typing import NamedTuple

from specc.compare.commit import Commit, OutOfReach, Repository
from specc.compare.difference import Comparison, FileChange, Parameters, compare_models, parameters
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


def compare_with(
    ref: str, paths: tuple[str, ...], sizes: Mapping[str, int] | None = None, configuration: Configuration | None = None
) -> tuple[Comparison, list[Unreadable]]:
    """Every spec among ``paths`` compared with what it was in a commit, and the paths that cannot be read.

    Args:
        ref: what names the commit: ``main``, ``v1.2``, ``HEAD~1``.
        paths: files, folders, patterns; of ONNX files their names.
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
    files = [path for path in paths if path.lower().endswith(".onnx") and not DISK.is_folder(path)]
    paths = tuple(path for path in paths if path not in files)
    # A path that is no more was perhaps there before.
    specs, unreadable = spec_files(filter(_exists, paths), configuration)
    now = {shown(spec): _absolute(repository, spec) for spec in specs}
    # What cannot be read now has not gone.
    unknown = {_absolute(repository, problem.name) for problem in unreadable}
    absolute = [_absolute(repository, path) for path in paths]
    with closing(Commit(repository, ref)) as old:
        earlier: list[str] = []
        for path, place in zip(paths, absolute, strict=True):
            specs, _ = spec_files([place], configuration, force_exclude=True, files=old)
            # Links that lead out may have led to one.
            specs = [spec for spec in specs if old.is_file(spec) or old.resolved(spec).real is None]
            earlier += filterfalse(unknown.__contains__, specs)
            if not specs and not _exists(path):
                unreadable.append(Unreadable(path, f"{path}: there is no such file, now or in {ref}"))
        others = [old.from_top(path) for path in now.values() if not path.endswith(SUFFIXES)]
        patterns = [f":(top,glob)**/*{suffix}" for suffix in SUFFIXES] + [f":(top,literal){path}" for path in others]
        renames = repository.renames(old.name, patterns)
        origins = {f"{old.top}/{new}": f"{old.top}/{path}" for path, new in renames.items()}
        comparer = _Comparer(old, sizes)
        versions = _versions(old, now, earlier, origins)
        specs_compared = [comparer.compared(each, unreadable) for each in versions]
        changes = _of_onnx_files(files, old, repository, sizes, unreadable) if files else []
    compared = [file for file in specs_compared if file is not None]
    changed = tuple(file for file in compared if file.changed)
    return Comparison((*changed, *changes), len(compared) - len(changed), ref), unreadable


def _of_onnx_files(
    paths: list[str], old: Commit, repository: Repository, sizes: Mapping[str, int] | None, unreadable: list[Unreadable]
) -> list[FileChange]:
    """What changed of ONNX files; those that cannot be read are added to the ``unreadable``."""
    from specc.compare.onnx_history import compared

    changes = []
    for path in dict.fromkeys(paths):
        try:
            changes.append(compared(shown(path), _absolute(repository, path), old, sizes))
        except UsageError as error:
            unreadable.append(Unreadable(path, str(error)))
    return changes


def _absolute(repository: Repository, path: str) -> str:
    above, name = os.path.split(path)
    whole = DISK.real(path) if DISK.is_folder(path) else os.path.join(DISK.real(above), name)
    relative = os.path.relpath(whole, repository.top)
    if relative.startswith(".."):
        raise UsageError(f"{path} lies outside the repository {repository.top}")
    return (repository.top / relative).as_posix()


def _exists(path: str) -> bool:
    """A pattern that comes to a closed folder does: the search reports that."""
    closed: list[str] = []
    fitting = expanded(path, lambda folder, _: closed.append(folder)) if is_pattern(path) else iter(())
    return DISK.has(path) or any(True for _ in fitting) or bool(closed)


class _Versions(NamedTuple):
    """Where a spec was and where it is, and what the user calls it; None where it was not or is not."""

    before: str | None
    after: str | None
    name: str | None


def _versions(old: Commit, now: dict[str, str], earlier: list[str], origins: dict[str, str]) -> list[_Versions]:
    """Which old file is which new one; in the order of their paths.

    Args:
        now: the specs of today, by what the user calls them.
        earlier: the specs of the commit.
        origins: of files that have moved, as git finds them, where they were.
    """
    origins = {new: path for new, path in origins.items() if old.is_file(path)}
    for new in now.values():
        if new not in origins and not old.has(new):
            # Perhaps it is a spec of the commit in another syntax, that is there no more.
            others = (path for path in _spellings(new) if old.is_file(path))
            origin = next((path for path in others if not DISK.has(path)), None)
            if origin is not None and origin not in origins.values():
                origins[new] = origin
    versions = [_Versions(path if old.is_file(path) else origins.get(path), path, name) for name, path in now.items()]
    compared = {each.before for each in versions} | set(now.values())
    destinations = {path: new for new, path in origins.items()}
    for path in earlier:
        if path in compared:
            continue
        destination = destinations.get(path)
        if destination is None and not DISK.has(path):
            # It was asked for by its name, and may be there in another syntax.
            others = (new for new in _spellings(path) if not old.has(new))
            destination = next((new for new in others if DISK.has(new)), None)
        versions.append(_Versions(path, destination, None if destination is None else old.present(destination)))
    return sorted(versions, key=lambda each: each.after or each.before or "")


def _spellings(path: str) -> list[str]:
    """The names of the spec in each other syntax."""
    stem = next((path.removesuffix(suffix) for suffix in reversed(SUFFIXES) if path.endswith(suffix)), None)
    return [] if stem is None else [f"{stem}{suffix}" for suffix in SUFFIXES if f"{stem}{suffix}" != path]


class _Contents(NamedTuple):
    """The models of a file and their parameters, or its mistakes."""

    graphs: list[Graph]
    parameters: Parameters
    wrong: tuple[Diagnostic, ...] = ()


_NOTHING = _Contents([], {})


def _contents(name: str, imports: Imports) -> _Contents:
    """Raises UsageError where the file cannot be read."""
    try:
        file = parse(read(name, imports.files))
        return _Contents([checked.graph for checked in check_file(file, imports)], parameters(file))
    except SpecError as error:
        return _NOTHING._replace(wrong=error.diagnostics)


class _Comparer:
    """Compares one file after the other; what several import is read, and compared with what it was, once."""

    def __init__(self, old: Commit, sizes: Mapping[str, int] | None) -> None:
        self._old = old
        self._sizes = sizes
        self._imports = Imports(old), Imports()
        self._imported: dict[str, list[str] | None] = {}

    def compared(self, versions: _Versions, unreadable: list[Unreadable]) -> FileChange | None:
        """None: the file cannot be read, and is added to the ``unreadable``."""
        old, (before, after, name) = self._old, versions
        is_at_its_place = name is not None and after is not None and before in (after, None) and old.has(after)
        if is_at_its_place and self._is_unchanged(after or ""):
            return FileChange(f"{name}@{old.ref}", name)
        try:
            now = _NOTHING if name is None else _contents(name, self._imports[1])
        except UsageError as error:
            unreadable.append(Unreadable(name or "", str(error)))
            return None
        place = before or after or ""
        try:
            if (obstacle := old.obstacle(place)) is not None:
                raise obstacle
            then = None if before is None else _contents(old.present(place), self._imports[0])
        except OutOfReach as error:
            importing = "" if error.path == old.shown(place) else f"{old.shown(place)} imports it, and "
            note = f"cannot be compared: {importing}{error}"
            return FileChange(old.shown(place), name, (), (), now.wrong, note, incomparable=True)
        if then is None:
            return FileChange(None, name, compare_models([], now.graphs, self._sizes), (), now.wrong)
        shown_before = f"{name}@{old.ref}" if before == after else old.shown(place)
        moved = after not in (None, before)
        if now.wrong or then.wrong:
            wrong = tuple(_with_ref(finding, old) for finding in then.wrong)
            counts = Counter(finding.identity for finding in now.wrong)
            known = bool(counts) and not counts - Counter(finding.identity for finding in then.wrong)
            return FileChange(shown_before, name, (), wrong, now.wrong, moved=moved, known=known)
        settings = then.parameters, now.parameters
        models = compare_models(then.graphs, now.graphs, self._sizes, parameters=settings)
        return FileChange(shown_before, name, models, moved=moved)

    def _is_unchanged(self, path: str) -> bool:
        """Whether the file and all that it imports, directly or not, is as it was.

        Then all that can be said of it is what could be said before. An import that is missing is as it was where it
        was missing, too.
        """
        pending, seen = [path], {path}
        while pending:
            here = pending.pop()
            if here not in self._imported:
                self._imported[here] = self._imports_if_unchanged(here)
            imports = self._imported[here]
            if imports is None:
                return False
            fresh = set(imports) - seen
            seen |= fresh
            pending += fresh
        # Imports may come from the same folder then and now: settings may say where it begins.
        folder = os.path.dirname(path)
        return len(seen) == 1 or project_root(folder, self._old).folder == project_root(folder).folder

    def _imports_if_unchanged(self, path: str) -> list[str] | None:
        """What the file imports; None where it is not what it was."""
        old, way = self._old, self._old.resolved(path)
        if way.real is None:  # what lies outside has no earlier version
            try:
                is_same = all(os.readlink(f"{old.top}/{link}") == target for link, target in way.links)
            except OSError:
                return None
            return [] if is_same else None
        real = f"{old.top}/{way.real}".rstrip("/")
        if DISK.real(path) != real:
            return None
        kind = old.kind(path)
        if kind != "file":
            return [] if (DISK.is_folder(real) if kind == "folder" else not DISK.has(real)) else None
        try:
            content = DISK.read(path, DISK.size(path))
        except OSError:
            return None
        if not old.is_content(path, content):
            return None
        if b"from" not in content and b"\\" not in content:  # YAML may write it with an escape
            return []
        try:
            file = parse(read(path))
        except (SpecError, UsageError):
            return []  # no imports are followed where the file itself cannot be read
        # The others are refused whatever the files are: absolute paths, and those that lead out.
        names = [item.path for item in file.items if isinstance(item, ast.Import)]
        relative = [name for name in names if name and "\0" not in name and not os.path.isabs(name)]
        imports = [os.path.normpath(os.path.join(os.path.dirname(path), name)) for name in relative]
        return [place for place in imports if old.from_top(place) is not None]


def _with_ref(finding: Diagnostic, old: Commit) -> Diagnostic:
    """The finding in the old version, whose files are called as the commit shows them."""
    sources: dict[Source, Source] = {}

    def label(of: Label) -> Label:
        source = of.span.source
        renamed = sources.setdefault(source, Source(old.shown(source.name), source.text))
        return replace(of, span=Span(renamed, of.span.start, of.span.end))

    secondary, trace = tuple(map(label, finding.secondary)), tuple(map(label, finding.trace))
    return replace(finding, primary=label(finding.primary), secondary=secondary, trace=trace, fix=None)
