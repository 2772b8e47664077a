"""Many specs checked: what is in each, what of it is shown, and what all of it comes to."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from specc.diagnostics import Safety, SpecError, UsageError
from specc.filesystem import DISK, FileSystem, project_root
from specc.project.budgets import Budget, merge_unsized
from specc.project.cache import Cache, FileFindings, ProjectFolder
from specc.project.fresh import FreshChecker, guarded
from specc.project.outcome import FileOutcome, Outcome, Uncalled, Unreadable
from specc.project.paths import STDIN, shown
from specc.project.selection import CheckOptions, Selection, in_order
from specc.project.settings import Configuration
from specc.source import Source

if TYPE_CHECKING:
    from specc.elaborate.model_cache import ModelCache
    from specc.project.workers import Lost

PATIENCE = 0.15
"""Seconds of work in which one process checks by itself before it asks others. Where processes fork, a worker takes a
tenth of that to start; where each begins anew, twice as much."""


def check(
    names: Iterable[str],
    options: CheckOptions,
    cache: Cache | None = None,
    files: FileSystem = DISK,
    jobs: int | None = 1,
    models: ModelCache | None = None,
) -> Outcome:
    """Check the files, ``-`` being standard input, each whether or not the others can be checked.

    Args:
        jobs: how many processes check; None: as many as there are processors, where there is work for them. Neither
            what is found nor its order depends on it.
        models: those of earlier texts of the same files.
    """
    checker = Checker(options.configuration, cache, files)
    found: dict[int, tuple[str, FileFindings | Unreadable]] = {}
    cold: dict[int, Lookup] = {}
    for place, name in enumerate(names):
        try:
            source = read(name, options.stdin_name, files)
        except SpecError as error:
            shown_name = error.diagnostics[0].primary.span.source.name
            found[place] = shown_name, FileFindings(0, False, error.diagnostics, ())
        except UsageError as error:
            found[place] = name, Unreadable(name, str(error))
        else:
            answer = guarded(source.name, partial(checker.look_up, source))
            if isinstance(answer, Lookup):
                cold[place] = answer
            else:
                found[place] = source.name, Unreadable(name, answer) if isinstance(answer, str) else answer
    with closing(_checked(cold, files, jobs, models)) as results:
        for place, result in results:
            lookup = cold[place]
            if isinstance(result, FileFindings):
                checker.keep(lookup, result)
                found[place] = lookup.source.name, result
            else:
                found[place] = lookup.source.name, Unreadable(lookup.source.name, result)
    in_order = [found[place] for place in sorted(found)]
    return _outcome(
        {name: result for name, result in in_order if isinstance(result, FileFindings)},
        [result for _, result in in_order if isinstance(result, Unreadable)],
        options,
        files,
    )


def _checked(
    cold: Mapping[int, Lookup], files: FileSystem, jobs: int | None, models: ModelCache | None = None
) -> Generator[tuple[int, FileFindings | str], None, None]:
    """What is in each spec, or why that cannot be known; in whatever order they come."""
    # An error that is to be raised is raised here.
    most = 1 if os.environ.get("SPECC_TRACEBACK") else jobs or processors()
    checker = FreshChecker(files, models)
    started = 0.0
    for done, (place, lookup) in enumerate(cold.items()):
        if done == 1:  # the first one took the time that imports take
            started = time.process_time()
        left = len(cold) - done
        if most > 1 and left > 1 and (jobs or (done > 1 and _pays(time.process_time() - started, done - 1, left))):
            from specc.project.workers import Lost, check_all  # most runs need none

            rest = {number: (one.source, one.budget) for number, one in islice(cold.items(), done, None)}
            for number, result in check_all(rest, files, most):
                yield number, _lost(cold[number].source, result) if isinstance(result, Lost) else result
            return
        yield place, checker.attempt(lookup.source, lookup.budget)


def _pays(seconds: float, done: int, left: int) -> bool:
    """Whether other processes are worth their start, after so much work for so many files."""
    return seconds > PATIENCE and seconds / done * left > 2 * PATIENCE


def processors() -> int:
    """How many processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # of Linux: a container, a batch system may allow few
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _lost(source: Source, end: Lost) -> str:
    return f"{source.name} was not checked: {end.how}; where that was for want of memory, --jobs 1 takes the least"


class Lookup(NamedTuple):
    """A spec that is not in the cache, with what it is checked with and where it is to be kept; None: nowhere."""

    source: Source
    budget: Budget | None
    place: tuple[str, ProjectFolder] | None


class Checker:
    """Findings of one file after the other, from the cache or a check.

    Args:
        cache: None: every file is checked anew.
        files: where the specs are.
        models: those of earlier texts of the same files.
    """

    def __init__(
        self,
        configuration: Configuration,
        cache: Cache | None = None,
        files: FileSystem = DISK,
        models: ModelCache | None = None,
    ) -> None:
        self._configuration = configuration
        self._cache = cache
        self._files = files
        self._fresh = FreshChecker(files, models)
        self._projects: dict[str, ProjectFolder] = {}
        self._cached_imports: dict[str, Source | None] = {}
        """The imported files that entries of the cache name, each read once; None for one that cannot be."""

    def check(self, source: Source) -> FileFindings:
        """All findings of a spec, whatever of them is wanted."""
        answer = self.look_up(source)
        if isinstance(answer, Lookup):
            result = self._fresh.check(source, answer.budget)
            self.keep(answer, result)
            return result
        return answer

    def attempt(self, source: Source) -> FileFindings | str:
        """As `check`, or the message of an error that must not end the check of other files."""
        return guarded(source.name, partial(self.check, source))

    def look_up(self, source: Source) -> FileFindings | Lookup:
        """What the cache has of a spec, or what a check of it takes."""
        budget = self._configuration.of(source.name).budget(source.name)
        if self._cache is None:
            return Lookup(source, budget, None)
        folder = "" if source.name == STDIN else os.path.dirname(source.name)
        if folder not in self._projects:
            root = project_root(folder, self._files).folder
            subfolder = os.path.relpath(self._files.absolute(folder), root)
            self._projects[folder] = ProjectFolder(self._files.real(root), subfolder)
        project = self._projects[folder]
        key = self._cache.key(source, project, budget)
        cached = self._cache.get(key, source, project, self._cached_import)
        return cached or Lookup(source, budget, (key, project))

    def keep(self, lookup: Lookup, result: FileFindings) -> None:
        """Put what a check has found in the cache."""
        if self._cache is not None and lookup.place is not None:
            key, project = lookup.place
            self._cache.put(key, result, project)

    def _cached_import(self, name: str) -> Source | None:
        if name not in self._cached_imports:
            try:
                self._cached_imports[name] = read(name, files=self._files)
            except (SpecError, UsageError):
                self._cached_imports[name] = None
        return self._cached_imports[name]


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
