"""``specc check``: many files, one verdict."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from specc.cli.command import Command
from specc.cli.exits import FINDINGS, NOTHING, USAGE
from specc.diagnostics import UsageError

if TYPE_CHECKING:
    from specc.project.cache import Cache
    from specc.project.outcome import Outcome, Unreadable
    from specc.project.settings import Settings

FORMATS = ("full", "concise", "json", "github", "gitlab", "junit", "sarif")
_FOR_PEOPLE = ("full", "concise")


@click.command("check", cls=Command)
@click.argument("paths", nargs=-1, metavar="[PATHS…|-]")
@click.option("--format", "form", type=click.Choice(FORMATS), default="full", show_default=True, help="Of findings.")
@click.option("--output-file", metavar="FILE", help="Write the findings to FILE instead of standard output.")
@click.option("--fail-on", type=click.Choice(["error", "warning", "never"]), help="What fails a run [default: error].")
@click.option("--select", metavar="CODES", help="Only these lints, by code or beginning: S0502,S0505 [default: all].")
@click.option("--ignore", metavar="CODES", help="Not these lints.")
@click.option("--baseline", metavar="FILE", help="Leave out the findings that FILE has.")
@click.option("--write-baseline", metavar="FILE", help="Write the findings to FILE, as a baseline for later.")
@click.option("--fix", is_flag=True, help="Put right what can be, in the files; every fix is tried first.")
@click.option("--statistics", is_flag=True, help="Count the findings of each code.")
@click.option("--watch", is_flag=True, help="Check again whenever a spec changes, until Ctrl-C.")
@click.option("--no-cache", is_flag=True, help="Neither use nor keep what was found before.")
@click.option("--config", metavar="FILE", help="Take the settings from FILE; else from pyproject.toml or specc.toml.")
@click.option("--force-exclude", is_flag=True, help="Leave out excluded files even where they are named.")
@click.option("--stdin-filename", metavar="PATH", help="Check standard input as if it were this file.")
def command(paths: tuple[str, ...], **options: Any) -> int:
    """Prove that specs fit together. PATHS are files, folders, patterns, or - for standard input."""
    run = _Run(paths=paths or (".",), **options)
    _refuse_senseless(run)
    if run.watch:
        from specc.cli.watch import watch

        watch(run.paths, lambda: _checked(run))
    return _checked(run).code


class _Run(NamedTuple):
    """The command's arguments, as written; None where left out."""

    paths: tuple[str, ...]
    form: str
    output_file: str | None
    fail_on: str | None
    select: str | None
    ignore: str | None
    baseline: str | None
    write_baseline: str | None
    fix: bool
    statistics: bool
    watch: bool
    no_cache: bool
    config: str | None
    force_exclude: bool
    stdin_filename: str | None


class Verdict(NamedTuple):
    """What a run came to.

    Attributes:
        code: the exit code.
        read: every file that has a say in it.
    """

    code: int
    read: tuple[str, ...]


def _checked(run: _Run) -> Verdict:
    """Check, print, and return the exit code."""
    from specc.project.check import Request, check, fails
    from specc.project.discovery import spec_files
    from specc.project.outcome import Outcome
    from specc.project.settings import settings

    project = settings(run.config)
    names, missing = spec_files(run.paths, project, force_exclude=run.force_exclude)
    cache = _cache(run)
    if run.fix:
        _fix(names, project, cache)
    request = Request(project, _rules(run, project), _baseline(run, project), run.stdin_filename)
    outcome = check(names, request, cache)
    fail_on = run.fail_on or project.fail_on
    outcome = Outcome(outcome.files, (*missing, *outcome.unreadable), outcome.findings)
    if run.write_baseline:
        _write_baseline(run.write_baseline, outcome)
    else:
        _show(run, outcome, fail_on)
    if request.baseline and (gone := request.baseline.gone(file.name for file in outcome.files)):
        _say(f"note: {gone} of the baseline's findings are gone: --write-baseline brings it up to date")
    read = tuple(name for file in outcome.files for name in (file.name, *file.imports))
    return Verdict(_exit_code(run, outcome, fails(outcome, fail_on)), read)


def _exit_code(run: _Run, outcome: Outcome, failed: bool) -> int:
    if outcome.unreadable:
        return USAGE
    if not outcome.files:
        _say(f"nothing to check: no spec (*.cnn, *.cnn.yaml) {_where(run.paths)}")
        return NOTHING
    return FINDINGS if failed and not run.write_baseline else 0


def _where(paths: tuple[str, ...]) -> str:
    return "here" if paths == (".",) else f"in {', '.join(paths)}"


def _cache(run: _Run) -> Cache:
    from specc.project.cache import Cache, cache_folder

    return Cache(None if run.no_cache else cache_folder())


def _rules(run: _Run, project: Settings) -> Any:
    """The lints that are on: what the command line says takes the place of what the settings say."""
    if run.select is None and run.ignore is None:
        return None
    rules = project.rules
    select = rules.select if run.select is None else _codes(run.select, "--select")
    ignore = rules.ignore if run.ignore is None else _codes(run.ignore, "--ignore")
    return type(rules)(select, ignore)


def _codes(text: str, option: str) -> tuple[str, ...]:
    from specc.project.codes import refuse_unknown

    codes = tuple(code.strip().upper() for code in text.split(","))
    refuse_unknown(codes, option)
    return codes


def _baseline(run: _Run, project: Settings) -> Any:
    from specc.project.baseline import read_baseline

    if run.baseline is not None:
        return read_baseline(run.baseline)
    if project.baseline is None or run.write_baseline:
        return None
    return read_baseline(os.path.relpath(Path(project.root or ".", project.baseline)))


def _write_baseline(name: str, outcome: Outcome) -> None:
    from specc.project.baseline import write_baseline
    from specc.words import plural

    write_baseline(name, outcome.findings)
    click.echo(f"{name}: {plural(len(outcome.findings), 'finding')} in {plural(len(outcome.files), 'file')}")
    _tell(outcome.unreadable)


def _fix(names: list[str], project: Settings, cache: Cache) -> None:
    """Put right what can be; what cannot even be read is told by the check that follows."""
    from specc.diagnostics import SpecError
    from specc.project.check import Checker
    from specc.project.fixes import fix
    from specc.words import plural

    checker = Checker(project, cache)
    for name in names:
        try:
            fixed = fix(name, checker)
        except (SpecError, UsageError) as error:
            if not isinstance(error, SpecError):
                _say(f"error: {error}")
            continue
        if fixed:
            _say(f"{name}: {plural(fixed, 'finding')} fixed")


def _show(run: _Run, outcome: Outcome, fail_on: str) -> None:
    from specc.cli.output import echo, speaks_unicode, wants_color
    from specc.report.formats import rendered

    to_people = run.form in _FOR_PEOPLE
    color = run.output_file is None and wants_color(sys.stdout.isatty())
    unicode = run.output_file is not None or speaks_unicode(sys.stdout)
    text = rendered(run.form, outcome, color=color, unicode=unicode, fail_on=fail_on)
    if run.statistics:
        from specc.report.formats.statistics import statistics

        text = "\n".join(part for part in (text.rstrip("\n"), statistics(outcome)) if part)
    if run.output_file is not None:
        _write(run.output_file, text)
    elif text:
        echo(text.rstrip("\n"))
    if to_people:
        _tell(outcome.unreadable)


def _write(name: str, text: str) -> None:
    from specc.files import replace

    with replace(Path(name)) as output:
        output.write((text.rstrip("\n") + "\n").encode())


def _tell(unreadable: tuple[Unreadable, ...]) -> None:
    for problem in unreadable:
        _say(f"error: {problem.message}")


def _say(text: str) -> None:
    click.echo(text, err=True)


def _refuse_senseless(run: _Run) -> None:
    """An option that would change nothing, or undo another, is refused."""
    if run.stdin_filename is not None and "-" not in run.paths:
        raise UsageError("--stdin-filename says what standard input is, and it is not checked: add -")
    if run.fix and "-" in run.paths:
        raise UsageError("--fix writes files, and standard input is none")
    if run.baseline is not None and run.write_baseline is not None:
        raise UsageError("--baseline leaves findings out and --write-baseline keeps them all: leave out one of the two")
    for option, given in (("--output-file", run.output_file), ("--statistics", run.statistics)):
        if given and run.write_baseline is not None:
            raise UsageError(
                f"{option} is about findings that are shown, and --write-baseline writes them down instead"
            )
    if run.statistics and run.form not in _FOR_PEOPLE:
        raise UsageError(f"--statistics is for people, and --format {run.form} has its own counts")
    for option, given in (
        ("--output-file", run.output_file),
        ("--write-baseline", run.write_baseline),
        ("--fix", run.fix),
        ("-", "-" in run.paths),
        (f"--format {run.form}", run.form not in _FOR_PEOPLE),
    ):
        if run.watch and given:
            raise UsageError(f"--watch shows findings to a person who edits specs: leave out {option}")
