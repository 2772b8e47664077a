"""One spec after the other: read, or known from before, or checked."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from specc.diagnostics import SpecError, UsageError
from specc.filesystem import DISK, FileSystem, Unavailable, project_root
from specc.project.budget import Budget, budget_findings
from specc.project.cache import Cache, Found, Project
from specc.project.paths import STDIN, shown
from specc.project.settings import Configuration
from specc.source import Source

if TYPE_CHECKING:
    from specc.elaborate import Imports


class Checker:
    """Checks one file after the other; what they import is read once.

    Args:
        cache: where findings are kept.
        files: where the specs are.
    """

    def __init__(self, configuration: Configuration, cache: Cache | None = None, files: FileSystem = DISK) -> None:
        self._configuration = configuration
        self._cache = cache or Cache(None)
        self._imports: Imports | None = None
        self._files = files
        self._projects: dict[str, Project] = {}
        self._imported = _Imported(files)

    def found(self, source: Source) -> Found:
        """All that is to be said of a spec, whatever of it is wanted."""
        budget = self._configuration.of(source.name).budget(source.name)
        project = self._project(source)
        key = self._cache.key(source, project, budget)
        known = self._cache.get(key, source, project, self._imported.__getitem__)
        if known is not None:
            return known
        found = self._checked(source, budget)
        self._cache.put(key, found, project)
        return found

    def attempted(self, source: Source) -> Found | str:
        """What `found` gives, or what is said of a mistake of specc's own: it is no reason to be silent on other files.

        ``SPECC_TRACEBACK`` in the environment has it raised. Said, too, is why a file that it imports cannot be had.
        """
        try:
            return self.found(source)
        except Unavailable as error:
            return str(error)
        except Exception as error:
            if os.environ.get("SPECC_TRACEBACK"):
                raise
            return internal_error(source.name, error)

    def _project(self, source: Source) -> Project:
        folder = "" if source.name == STDIN else os.path.dirname(source.name)
        if folder not in self._projects:
            root = project_root(folder, self._files).folder
            place = os.path.relpath(self._files.absolute(folder), root)
            self._projects[folder] = Project(self._files.real(root), place)
        return self._projects[folder]

    def _checked(self, source: Source, budget: Budget | None) -> Found:
        from specc.elaborate import Imports, check_file  # not needed where all is known already
        from specc.lint import lint
        from specc.syntax import ast, parse

        self._imports = imports = self._imports or Imports(self._files)
        imports.forget()
        try:
            file = parse(source)
            checked = check_file(file, imports)
        except SpecError as error:
            return Found(0, False, error.diagnostics, (source, *imports.read.values()))
        findings = lint(file, checked)
        if budget is not None:
            for model, network in zip(file.models, checked, strict=True):
                findings += budget_findings(network, model.name_span, budget)
        own = tuple((item.name, item.name_span.position[0]) for item in file.items if isinstance(item, ast.Block))
        called = tuple(dict.fromkeys((name.source.name, name.text) for one in checked for name in one.blocks))
        sources = (source, *imports.read.values())
        return Found(len(checked), not checked, tuple(findings), sources, own, called)


def internal_error(name: str, error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return (
        f"{name}: internal error: {type(error).__name__}: {error} ({place}); this is a mistake in specc, not in your "
        "spec: please report it, with the spec and what SPECC_TRACEBACK=1 in the environment shows"
    )


class _Imported(dict[str, "Source | None"]):
    """The imported files that entries of the cache name, each read once; None for one that cannot be."""

    def __init__(self, files: FileSystem) -> None:
        super().__init__()
        self._files = files

    def __missing__(self, name: str) -> Source | None:
        try:
            self[name] = read(name, files=self._files)
        except (SpecError, UsageError):
            self[name] = None
        return self[name]


def read(name: str, stdin_name: str | None = None, files: FileSystem = DISK) -> Source:
    """The file of that name; ``-`` is standard input, as if it were the file ``stdin_name``.

    Raises:
        SpecError, UsageError: as `specc.syntax.read` does.
    """
    from specc.syntax.reader import read, read_stdin

    if name == "-":
        source = read_stdin()
        return Source(shown(stdin_name), source.text) if stdin_name else source
    return read(shown(name), files)
