"""Many specs checked in one process: what is in each, what of it is shown, and what all of it comes to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from specc.diagnostics import Severity, SpecError, UsageError
from specc.project.baseline import Baseline
from specc.project.cache import Cache, Found
from specc.project.checker import Checker, read
from specc.project.codes import Rules
from specc.project.outcome import FileOutcome, Outcome, Unreadable
from specc.project.selection import Picked, Selection, in_order
from specc.project.settings import NO_SETTINGS, Settings


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

    def selection(self) -> Selection:
        return Selection(self.settings, self.rules or self.settings.rules, self.baseline)


def check(names: Iterable[str], request: Request, cache: Cache | None = None) -> Outcome:
    """Check the files, ``-`` being standard input. What cannot be checked keeps no other file from it."""
    checker = Checker(request.settings, cache)
    found: dict[str, Found] = {}
    unreadable: list[Unreadable] = []
    for name in names:
        try:
            source = read(name, request.stdin_name)
        except SpecError as error:
            found[error.diagnostics[0].primary.span.source.name] = Found(0, False, error.diagnostics, ())
        except UsageError as error:
            unreadable.append(Unreadable(name, str(error)))
        else:
            result = checker.attempted(source)
            if isinstance(result, Found):
                found[source.name] = result
            else:
                unreadable.append(Unreadable(name, result))
    return _outcome(found, unreadable, request)


def _outcome(found: dict[str, Found], unreadable: list[Unreadable], request: Request) -> Outcome:
    """What is shown of what was found. Comments are judged last: only then is it known which of them were needed."""
    selection = request.selection()
    picked = {name: selection.of(file) for name, file in found.items()}
    idle = {name: selection.idle(file) for name, file in found.items()}
    files = tuple(_file(name, file, picked[name], idle[name]) for name, file in found.items())
    return Outcome(files, tuple(unreadable), selection.shown, selection.gone(found.values()))


def _file(name: str, file: Found, picked: Picked, idle: Picked) -> FileOutcome:
    shown = in_order([*picked.shown, *idle.shown])
    imports = tuple(source.name for source in file.sources[1:])
    return FileOutcome(name, file.models, file.is_library, shown, picked.silenced + idle.silenced, imports)


def fails(outcome: Outcome, fail_on: str) -> bool:
    """Whether the findings make a run fail: ``fail_on`` is "error", "warning" or "never"."""
    if fail_on == "never":
        return False
    return any(fail_on == "warning" or finding.severity is Severity.ERROR for finding in outcome.findings)
