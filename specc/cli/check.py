"""``specc check``: many files, one verdict."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from specc.cli.command import Command
from specc.cli.exits import FINDINGS, NOTHING, USAGE
from specc.cli.inputs import source
from specc.diagnostics import Diagnostic, SpecError, UsageError
from specc.elaborate import check_file
from specc.report.text import plural
from specc.syntax import parse

SUFFIX = ".cnn"


@click.command("check", cls=Command)
@click.argument("paths", nargs=-1, metavar="[PATHS…|-]")
def command(paths: tuple[str, ...]) -> int:
    """Prove that specs fit together. PATHS are files, folders (searched for *.cnn) or - for standard input."""
    return check_paths(paths or (".",))


def check_paths(paths: Iterable[str]) -> int:
    """Check every spec among ``paths``, print all findings, return the exit code."""
    # What is wrong in a block is said once, however many models and files come to it.
    findings: dict[tuple[object, ...], Diagnostic] = {}
    files = models = libraries = wrong = 0
    unreadable: list[UsageError] = []
    for path in dict.fromkeys(spec for start in paths for spec in _specs(start, unreadable)):
        files += 1
        try:
            found = len(check_file(parse(source(path))))
            models += found
            libraries += not found
        except SpecError as error:
            for finding in error.diagnostics:
                findings.setdefault(finding.sort_key, finding)
            wrong += 1
        except UsageError as error:
            files -= 1
            unreadable.append(error)
    if findings:
        from specc.cli.output import print_findings

        print_findings(sorted(findings.values(), key=lambda d: d.sort_key))
        click.echo(f"{plural(len(findings), 'error')} in {wrong} of {plural(files, 'file')}")
    elif files:
        click.echo(_verdict(files, models, libraries))
    for problem in unreadable:
        click.echo(f"error: {problem}", err=True)
    if unreadable:
        return USAGE
    if not files:
        click.echo(f"nothing to check: no {SUFFIX} file here", err=True)
        return NOTHING
    return FINDINGS if findings else 0


def _verdict(files: int, models: int, libraries: int) -> str:
    """What was proven, and what was not: a block without a call has no shapes to prove."""
    unproven = f"{plural(libraries, 'file')} of blocks alone, proven where they are imported"
    if not models:
        return unproven
    counted = f"{plural(files, 'file')}, {plural(models, 'model')}: all fit together"
    return f"{counted}; {unproven}" if libraries else counted


def _specs(path: str, unreadable: list[UsageError]) -> Iterator[str]:
    """The file itself, or the specs below a folder, sorted; hidden folders are passed over."""
    if path == "-" or not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a folder is closed to us
        yield path
        return

    def report(error: OSError) -> None:
        unreadable.append(UsageError(f"cannot search {error.filename}: {(error.strerror or str(error)).lower()}"))

    for folder, folders, names in os.walk(path, onerror=report):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name).as_posix() for name in sorted(names) if name.endswith(SUFFIX))
