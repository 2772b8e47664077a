"""Many specs checked in one process: what is in each, what of it is shown, and what all of it comes to."""

from __future__ import annotations

import os
import traceback
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from specc.diagnostics import Safety, SpecError, UsageError
from specc.filesystem import DISK, FileSystem, Unavailable, project_root
from specc.project.budgets import Budget, budget_findings, merge_unsized
from specc.project.cache import Cache, FileFindings, ProjectFolder
from specc.project.outcome import FileOutcome, Outcome, Uncalled, Unreadable
from specc.project.paths import STDIN, shown
from specc.project.selection import CheckOptions, Selection, in_order
from specc.project.settings import Configuration
from specc.source import Source

if TYPE_CHECKING:
    from specc.elaborate import Imports


def check(names: Iterable[str], options: CheckOptions, cache: Cache | None = None, files: FileSystem = DISK) -> Outcome:
    """Check the files, ``-`` being standard input, each whether or not the others can be checked."""
    checker = Checker(options.configuration, cache, files)
    results: dict[str, FileFindings] = {}
    unreadable: list[Unreadable] = []
    for name in names:
        try:
            source = read(name, options.stdin_name, files)
        except SpecError as error:
            results[error.diagnostics[0].primary.span.source.name] = FileFindings(0, False, error.diagnostics, ())
        except UsageError as error:
            unreadable.append(Unreadable(name, str(error)))
        else:
            result = checker.attempt(source)
            if isinstance(result, FileFindings):
                results[source.name] = result
            else:
                unreadable.append(Unreadable(name, result))
    return _outcome(results, unreadable, options, files)


class Checker:
    """Checks one file after the other; what they import is read once.

    Args:
        cache: None: every file is checked anew.
        files: where the specs are.
    """

    def __init__(self, configuration: Configuration, cache: Cache | None = None, files: FileSystem = DISK) -> None:
        self._configuration = configuration
        self._cache = cache
        self._files = files
        self._imports: Imports | None = None
        self._projects: dict[str, ProjectFolder] = {}
        self._cached_imports: dict[str, Source | None] = {}
        """The imported files that entries of the cache name, each read once; None for one that cannot be."""

    def check(self, source: Source) -> FileFindings:
        """All findings of a spec, from the cache or a check of its own, whatever of them is wanted."""
        budget = self._configuration.of(source.name).budget(source.name)
        if self._cache is None:
            return self._check_anew(source, budget)
        folder = "" if source.name == STDIN else os.path.dirname(source.name)
        if folder not in self._projects:
            root = project_root(folder, self._files).folder
            subfolder = os.path.relpath(self._files.absolute(folder), root)
            self._projects[folder] = ProjectFolder(self._files.real(root), subfolder)
        project = self._projects[folder]
        key = self._cache.key(source, project, budget)
        cached = self._cache.get(key, source, project, self._cached_import)
        if cached is not None:
            return cached
        result = self._check_anew(source, budget)
        self._cache.put(key, result, project)
        return result

    def attempt(self, source: Source) -> FileFindings | str:
        """As `check`, or the message of an error that must not end the check of other files.

        Such an error is a mistake of specc's own, which ``SPECC_TRACEBACK`` in the environment has raised, or an
        imported file that is there and cannot be read.
        """
        try:
            return self.check(source)
        except Unavailable as error:
            return str(error)
        except Exception as error:
            if os.environ.get("SPECC_TRACEBACK"):
                raise
            return internal_error(source.name, error)

    def _cached_import(self, name: str) -> Source | None:
        if name not in self._cached_imports:
            try:
                self._cached_imports[name] = read(name, files=self._files)
            except (SpecError, UsageError):
                self._cached_imports[name] = None
        return self._cached_imports[name]

    def _check_anew(self, source: Source, budget: Budget | None) -> FileFindings:
        from specc.elaborate import Imports, check_file  # not needed where all is in the cache
        from specc.lint import lint
        from specc.syntax import ast, parse

        # One for all files, so that what many import is parsed once; `read` has what this one imports.
        self._imports = imports = self._imports or Imports(self._files)
        imports.forget()
        try:
            file = parse(source)
            checked = check_file(file, imports)
        except SpecError as error:
            return FileFindings(0, False, error.diagnostics, (source, *imports.read.values()))
        findings = lint(file, checked)
        if budget is not None:
            for model, network in zip(file.models, checked, strict=True):
                findings += budget_findings(network, model.name_span, budget)
        own = tuple(
            (item.name, item.name_span.position[0]) for item in file.items if isinstance(item, ast.BlockDefinition)
        )
        called = tuple(dict.fromkeys((name.source.name, name.text) for one in checked for name in one.blocks))
        sources = (source, *imports.read.values())
        return FileFindings(len(checked), not checked, tuple(findings), sources, own, called)


def internal_error(name: str, error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return (
        f"{name}: internal error: {type(error).__name__}: {error} ({place}); this is a mistake in specc, not in your "
        "spec: please report it, with the spec and what SPECC_TRACEBACK=1 in the environment shows"
    )


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


def _outcome(
    results: dict[str, FileFindings], unreadable: list[Unreadable], options: CheckOptions, where: FileSystem
) -> Outcome:
    """What is shown. Comments are judged last: only then is it known which of them were needed."""
    selection = Selection(options)
    selected = {name: selection.of(result) for name, result in results.items()}
    stdin_name = options.stdin_name and shown(options.stdin_name)
    files, fixes = [], {}
    for name, result in results.items():
        # A fix is tried within the file that was asked for, where that is on the disk.
        own = {source.name for source in result.sources[:1]} - {STDIN, stdin_name}
        for finding in selected[name].shown:
            if finding.fix and all(edit.span.source.name in own for edit in finding.fix.edits):
                fixes[finding.sort_key] = finding.fix.safety
        unneeded = selection.unneeded_comments(result)
        files.append(
            FileOutcome(
                name,
                result.models,
                result.is_library,
                in_order([*selected[name].shown, *unneeded.shown]),
                selected[name].silenced + unneeded.silenced,
                tuple(source.name for source in result.sources[1:]),
                selected[name].baselined,
                options.fail_on or options.configuration.of(name).fail_on,
            )
        )
    # The blocks that no call has proven, at the defaults of all models.
    real = cache(where.real)  # one file may be known by several names
    called = {(real(path), block) for result in results.values() for path, block in result.called}
    blocks = [Uncalled(block, name, line) for name, result in results.items() for block, line in result.blocks]
    uncalled = [block for block in blocks if (real(block.path), block.name) not in called]
    fixable = Counter(fixes.values())
    return Outcome(
        tuple(files),
        tuple(unreadable),
        merge_unsized(selection.shown),
        selection.unmet(results.values()),
        fixable[Safety.SAFE],
        fixable[Safety.UNSAFE],
        tuple(sorted(uncalled, key=lambda block: (block.path, block.line))),
    )
