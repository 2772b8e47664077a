"""Many specs checked in one process: what is in each, what of it is wanted, and what all of it comes to."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from specc.diagnostics import Diagnostic, Severity, SpecError, UsageError
from specc.project.baseline import Baseline
from specc.project.budget import Budget, budget_findings
from specc.project.cache import Cache, Found
from specc.project.codes import CHOICES, Rules
from specc.project.ignores import Silence
from specc.project.outcome import FileOutcome, Outcome, Unreadable
from specc.project.settings import NO_SETTINGS, Settings
from specc.project.suggest import with_fix
from specc.root import project_root
from specc.source import Source

if TYPE_CHECKING:
    from specc.elaborate import Imports

STDIN = "<stdin>"

_Key = tuple[str, int, int, str, str]


class Request(NamedTuple):
    """What is asked of a check.

    Attributes:
        rules: which lints are wanted; None: those of the settings.
        stdin_name: the name under which standard input is checked: what it imports is found from there.
    """

    settings: Settings = NO_SETTINGS
    rules: Rules | None = None
    baseline: Baseline | None = None
    stdin_name: str | None = None


class Checker:
    """Checks one file after the other; what they import is read once.

    Args:
        cache: where findings are kept.
    """

    def __init__(self, settings: Settings, cache: Cache | None = None) -> None:
        self._settings = settings
        self._cache = cache or Cache(None)
        self._imports: Imports | None = None
        self._roots: dict[Path, str] = {}
        self._read = _Imported()

    def found(self, source: Source) -> Found:
        """All that is to be said of a spec, whatever of it is wanted."""
        budget = self._settings.budget(source.name)
        key = self._cache.key(source, self._root(source), budget)
        known = self._cache.get(key, source, self._read)
        if known is not None:
            return known
        found = self._checked(source, budget)
        self._cache.put(key, found)
        return found

    def read(self, name: str) -> Source:
        """The file of that name. Raises SpecError, UsageError."""
        return _read(shown(name), None)

    def _root(self, source: Source) -> str:
        folder = Path.cwd() if source.name == STDIN else Path(source.name).parent
        if folder not in self._roots:
            self._roots[folder] = project_root(folder)
        return self._roots[folder]

    def _checked(self, source: Source, budget: Budget | None) -> Found:
        from specc.elaborate import Imports, check_file  # not needed where all is known already
        from specc.lint import lint
        from specc.syntax import parse

        self._imports = imports = self._imports or Imports()
        imports.read.clear()
        try:
            file = parse(source)
            checked = check_file(file, imports)
        except SpecError as error:
            return Found(0, False, tuple(map(with_fix, error.diagnostics)), (source, *imports.read.values()))
        findings = lint(file, checked)
        if budget is not None:
            for model, network in zip(file.models, checked, strict=True):
                findings += budget_findings(network, model.name_span, budget)
        return Found(len(checked), not checked, tuple(findings), (source, *imports.read.values()))


class _Imported(dict[str, "Source | None"]):
    """The imported files that entries of the cache name, each read once; None for one that cannot be."""

    def __missing__(self, name: str) -> Source | None:
        try:
            self[name] = _read(name, None)
        except (SpecError, UsageError):
            self[name] = None
        return self[name]


def check(names: Iterable[str], request: Request, cache: Cache | None = None) -> Outcome:
    """Check the files, ``-`` being standard input."""
    checker = Checker(request.settings, cache)
    found: dict[str, Found] = {}
    unreadable: list[Unreadable] = []
    for name in names:
        try:
            source = _read(shown(name), request.stdin_name)
            found[source.name] = checker.found(source)
        except SpecError as error:
            found[error.diagnostics[0].primary.span.source.name] = Found(0, False, error.diagnostics, ())
        except UsageError as error:
            unreadable.append(Unreadable(name, str(error)))
    return _outcome(found, unreadable, request)


def _read(name: str, stdin_name: str | None) -> Source:
    from specc.syntax.reader import read, read_stdin

    if name == "-":
        source = read_stdin()
        return Source(stdin_name, source.text) if stdin_name else source
    return read(name)


def _outcome(found: dict[str, Found], unreadable: list[Unreadable], request: Request) -> Outcome:
    """What is wanted of what was found."""
    rules = request.rules or request.settings.rules
    silence = Silence()
    files = []
    everything: dict[_Key, Diagnostic] = {}
    known: set[_Key] = set()
    for name, file in found.items():
        everyone = {f.sort_key: f for f in (*file.findings, *_wrong_comments(file, silence)) if rules.want(f.code)}
        kept = {
            key: finding
            for key, finding in everyone.items()
            if not _is_silenced(finding, silence, request) and not _is_known(finding, everything, known, request)
        }
        everything |= kept
        files.append((name, file, kept, len(everyone) - len(kept)))
    late = _unneeded(found, silence, rules)
    everything |= {finding.sort_key: finding for finding in late}
    outcomes = tuple(
        FileOutcome(
            name,
            file.models,
            file.is_library,
            _sorted([*kept.values(), *_of(name, late)]),
            silenced,
            tuple(source.name for source in file.sources[1:]),
        )
        for name, file, kept, silenced in files
    )
    return Outcome(outcomes, tuple(unreadable), _sorted(everything.values()))


def _wrong_comments(file: Found, silence: Silence) -> list[Diagnostic]:
    return silence.wrong(file.sources[0]) if file.sources else []


def _unneeded(found: dict[str, Found], silence: Silence, rules: Rules) -> list[Diagnostic]:
    """Comments that silence nothing, in files whose models fit: of others not everything is known."""
    sound = [file.sources[0] for file in found.values() if file.models]
    unneeded = silence.unneeded(sound, rules.want)
    return [finding for finding in unneeded if rules.want(finding.code)]


def _of(name: str, findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [finding for finding in findings if finding.primary.span.source.name == name]


def _is_silenced(finding: Diagnostic, silence: Silence, request: Request) -> bool:
    if finding.code not in CHOICES:
        return False
    codes = request.settings.ignored_in(finding.primary.span.source.name)
    return silence.is_silenced(finding) or bool(codes and finding.code.startswith(codes))


def _is_known(finding: Diagnostic, kept: dict[_Key, Diagnostic], known: set[_Key], request: Request) -> bool:
    """Whether the baseline has it; a finding that several files come to takes one entry."""
    if request.baseline is None or finding.sort_key in kept:
        return False
    if finding.sort_key in known:
        return True
    if request.baseline.knows(finding):
        known.add(finding.sort_key)
        return True
    return False


def _sorted(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(findings, key=lambda finding: finding.sort_key))


def fails(outcome: Outcome, fail_on: str) -> bool:
    """Whether the findings make a run fail: ``fail_on`` is "error", "warning" or "never"."""
    if fail_on == "never":
        return False
    return any(fail_on == "warning" or finding.severity is Severity.ERROR for finding in outcome.findings)


def shown(name: str) -> str:
    """The path as findings show it: relative where it lies below the present folder."""
    if not os.path.isabs(name):  # noqa: PTH117
        return name
    relative = os.path.relpath(name)
    return name if relative.startswith("..") else Path(relative).as_posix()
