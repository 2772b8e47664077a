"""Many specs checked in one process: what is in each, what of it is shown, and what all of it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from specc.diagnostics import Safety, SpecError, UsageError
from specc.filesystem import DISK, FileSystem
from specc.project.baseline import Baselines
from specc.project.budget import told_once
from specc.project.cache import Cache, Found
from specc.project.checker import Checker, read
from specc.project.outcome import FileOutcome, Outcome, Uncalled, Unreadable
from specc.project.paths import STDIN
from specc.project.paths import shown as shown_name
from specc.project.selection import Picked, Selection, in_order
from specc.project.settings import Configuration


class Request(NamedTuple):
    """What is asked of a check.

    Attributes:
        select, ignore, fail_on: what takes the place of each file's settings; None: nothing does.
        baselines: None: nothing is held back.
        stdin_name: the name under which standard input is checked: what it imports is found from there.
    """

    configuration: Configuration
    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    fail_on: str | None = None
    baselines: Baselines | None = None
    stdin_name: str | None = None

    def selection(self) -> Selection:
        return Selection(self.configuration, self.select, self.ignore, self.baselines)


def check(names: Iterable[str], request: Request, cache: Cache | None = None, files: FileSystem = DISK) -> Outcome:
    """Check the files, ``-`` being standard input. What cannot be checked keeps no other file from it."""
    checker = Checker(request.configuration, cache, files)
    found: dict[str, Found] = {}
    unreadable: list[Unreadable] = []
    for name in names:
        try:
            source = read(name, request.stdin_name, files)
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
    return _outcome(found, unreadable, request, files)


def _outcome(found: dict[str, Found], unreadable: list[Unreadable], request: Request, where: FileSystem) -> Outcome:
    """What is shown of what was found. Comments are judged last: only then is it known which of them were needed."""
    selection = request.selection()
    picked = {name: selection.of(file) for name, file in found.items()}
    idle = {name: selection.idle(file) for name, file in found.items()}
    fail_on = {name: request.fail_on or request.configuration.of(name).fail_on for name in found}
    files = tuple(_file(name, file, picked[name], idle[name], fail_on[name]) for name, file in found.items())
    shown = told_once(selection.shown)
    fixable = _fixable(picked.values(), found.values(), request.stdin_name)
    return Outcome(
        files,
        tuple(unreadable),
        shown,
        selection.gone(found.values()),
        fixable[Safety.SAFE],
        fixable[Safety.UNSAFE],
        _uncalled(found, where),
    )


def _file(name: str, file: Found, picked: Picked, idle: Picked, fail_on: str) -> FileOutcome:
    shown = in_order([*picked.shown, *idle.shown])
    imports = tuple(source.name for source in file.sources[1:])
    silenced = picked.silenced + idle.silenced
    return FileOutcome(name, file.models, file.is_library, shown, silenced, imports, picked.wrong, fail_on)


def _uncalled(found: dict[str, Found], where: FileSystem) -> tuple[Uncalled, ...]:
    """The blocks that no call has proven, at the defaults of all models."""
    real = cache(where.real)  # one file may be known by several names
    called = {(real(path), block) for file in found.values() for path, block in file.called}
    blocks = [Uncalled(block, name, line) for name, file in found.items() for block, line in file.blocks]
    idle = [block for block in blocks if (real(block.path), block.name) not in called]
    return tuple(sorted(idle, key=lambda block: (block.path, block.line)))


def _fixable(picked: Iterable[Picked], found: Iterable[Found], stdin_name: str | None) -> Counter[Safety]:
    """How many findings have a fix that is tried: within the file that was asked for, and there on the disk."""
    fixes = {}
    for shown, file in zip(picked, found, strict=True):
        ours = {source.name for source in file.sources[:1]} - {STDIN, stdin_name and shown_name(stdin_name)}
        for finding in shown.shown:
            if finding.fix and all(edit.span.source.name in ours for edit in finding.fix.edits):
                fixes[finding.sort_key] = finding.fix.safety
    return Counter(fixes.values())
