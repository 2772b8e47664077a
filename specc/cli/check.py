"""``specc check``: many files, one verdict."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import click

from specc.cli.command import Command
from specc.cli.exits import FINDINGS, NOTHING, USAGE
from specc.cli.options import output, refuse_output
from specc.diagnostics import UsageError
from specc.diagnostics.words import plural, visible
from specc.project.outcome import FAIL_ON
from specc.report.formats import FORMATS

if TYPE_CHECKING:
    from specc.project.baseline import Baselines
    from specc.project.cache import Cache
    from specc.project.check import CheckOptions
    from specc.project.outcome import Outcome, Unreadable
    from specc.project.settings import Configuration
    from specc.project.watch import Watched

_FOR_PEOPLE = ("full", "concise")


@click.command("check", cls=Command)
@click.argument("paths", nargs=-1, metavar="[PATHS…|-]")
@click.option("--format", "form", type=click.Choice(FORMATS), default="full", show_default=True, help="Of findings.")
@output("Write the findings to FILE instead of standard output.")
@click.option("--fail-on", type=click.Choice(FAIL_ON), help="What fails a run [default: error].")
@click.option("--select", metavar="CODES", help="Only these lints, by code or beginning: S0502,S0505 [default: all].")
@click.option("--ignore", metavar="CODES", help="Not these lints, nor budgets (S0404).")
@click.option("--baseline", metavar="FILE", help="Leave out the findings that FILE has.")
@click.option("--write-baseline", metavar="FILE", help="Write the findings to FILE, for --baseline.")
@click.option("--fix", is_flag=True, help="Put right in the files what safely can be; each fix is tried first.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix: also by fixes that may not be what was meant.")
@click.option("--statistics", is_flag=True, help="Count the findings of each code.")
@click.option("--watch", is_flag=True, help="Check again whenever a spec changes, until Ctrl-C.")
@click.option("--no-cache", is_flag=True, help="Neither use nor keep what was found before.")
@click.option("--config", metavar="FILE", help="Take the settings of all files from FILE; else each has the nearest.")
@click.option("--force-exclude", is_flag=True, help="Leave out excluded files even where they are named.")
@click.option("--allow-empty", is_flag=True, help="Pass where there is nothing to check: no exit code 3.")
@click.option("--stdin-filename", metavar="PATH", help="Check standard input as if it were this file.")
def command(paths: tuple[str, ...], **options: Any) -> int:
    """Prove that specs fit together.

    PATHS are files, folders (searched for *.cnn, *.cnn.yaml and *.cnn.yml), patterns such as 'nets/**/*.cnn', or - for
    standard input; without any, the present folder.
    """
    run = _Run(paths=paths or (".",), **options)
    _refuse_senseless(run)
    if run.watch:
        _watch(run)
    return _told(run, _checked(run))


class _Run(NamedTuple):
    """The command's arguments, as written; None where left out."""

    paths: tuple[str, ...]
    form: str
    output: str | None
    fail_on: str | None
    select: str | None
    ignore: str | None
    baseline: str | None
    write_baseline: str | None
    fix: bool
    unsafe_fixes: bool
    statistics: bool
    watch: bool
    no_cache: bool
    config: str | None
    force_exclude: bool
    allow_empty: bool
    stdin_filename: str | None


class _Result(NamedTuple):
    """What a run came to, with the settings that it went by."""

    outcome: Outcome
    configuration: Configuration
    notes: tuple[str, ...]


def _checked(run: _Run) -> _Result:
    """Everything but the printing (of findings: what was fixed is told as it is done). Raises UsageError."""
    from specc.project.check import CheckOptions, check
    from specc.project.discovery import discovered, unused_patterns
    from specc.project.settings import configuration

    settings = configuration(run.config)
    select, ignore = _codes(run.select, "--select"), _codes(run.ignore, "--ignore")
    request = CheckOptions(settings, select, ignore, run.fail_on, _baselines(run), run.stdin_filename)
    found = discovered(run.paths, settings, force_exclude=run.force_exclude)
    names = [name for name in found.names if not _is_excluded_input(name, run, settings)]
    cache = _cache(run)
    unwritten = _fix(names, request, cache, unsafe=run.unsafe_fixes) if run.fix else []
    outcome = check(names, request, cache)
    outcome = outcome._replace(unreadable=(*found.unreadable, *unwritten, *outcome.unreadable))
    if run.fix:
        outcome = outcome._replace(fixable=0, unsafe=0 if run.unsafe_fixes else outcome.unsafe)  # the others were tried
    return _Result(outcome, settings, tuple(unused_patterns(found, settings, outcome)))


def _told(run: _Run, result: _Result) -> int:
    """Print what was found, or write it down, and return the exit code."""
    outcome = result.outcome
    if run.write_baseline is None:
        _show(run, outcome)
    if run.form in _FOR_PEOPLE or run.output is not None:
        _tell(outcome.unreadable)
    for note in result.notes:
        _say(f"note: {note}")
    if outcome.unreadable:
        return USAGE
    if not outcome.files:
        _say(_nothing(run, result.configuration))
        if not run.allow_empty:
            return NOTHING
    if run.write_baseline is not None:
        return _write_baseline(run.write_baseline, outcome)
    # Of a baseline of one package, a run over several would make another one.
    only = (
        ", in a run over what it is about alone" if run.baseline is None and len(result.configuration.used) > 1 else ""
    )
    for baseline, count in outcome.gone:
        _say(f"note: {plural(count, 'finding')} of the baseline came up no more: "
             f"--write-baseline {baseline} brings it up to date{only}")  # fmt: skip
    return FINDINGS if outcome.fails else 0


def _nothing(run: _Run, configuration: Configuration) -> str:
    where = "here" if run.paths == (".",) else f"in {', '.join(run.paths)}"
    excluded = [f"; {one.origin} excludes {', '.join(one.exclude)}" for one in configuration.used if one.exclude]
    return f"nothing to check: no spec (*.cnn, *.cnn.yaml, *.cnn.yml) {where}{''.join(excluded)}"


def _is_excluded_input(name: str, run: _Run, configuration: Configuration) -> bool:
    """Whether standard input is a file that is excluded even where it is named."""
    if name != "-" or run.stdin_filename is None or not run.force_exclude:
        return False
    return configuration.excludes(run.stdin_filename)


def _cache(run: _Run) -> Cache:
    from specc.project.cache import Cache, cache_folder

    return Cache(None if run.no_cache else cache_folder())


def _codes(text: str | None, option: str) -> tuple[str, ...] | None:
    """The codes that an option names; None: it is not given, and the settings of each file decide."""
    from specc.project.codes import refuse_unknown

    if text is None:
        return None
    codes = tuple(code.strip().upper() for code in text.split(","))
    refuse_unknown(codes, option)
    return codes


def _baselines(run: _Run) -> Baselines | None:
    """The baseline of the command line for all files, or those of the settings; none where one is written."""
    from specc.project.baseline import Baselines, read_baseline

    if run.write_baseline is not None:
        return None
    return Baselines(None if run.baseline is None else read_baseline(run.baseline))


def _write_baseline(name: str, outcome: Outcome) -> int:
    from specc.project.baseline import write_baseline

    findings = outcome.each
    write_baseline(name, findings)
    click.echo(f"{name}: {plural(len(findings), 'finding')} in {plural(len(outcome.files), 'file')}")
    return 0


def _fix(names: list[str], request: CheckOptions, cache: Cache, *, unsafe: bool) -> list[Unreadable]:
    """Put right what can be, say how, and return what could not be written; the check tells what cannot be read."""
    from specc.diagnostics import SpecError
    from specc.project.check import Checker
    from specc.project.fixes import fix
    from specc.project.outcome import Unreadable

    checker = Checker(request.configuration, cache)
    unwritten = []
    for name in names:
        try:
            fixed = fix(name, checker, request, unsafe=unsafe)
        except SpecError:
            continue
        except UsageError as error:
            if os.path.isfile(name):
                unwritten.append(Unreadable(name, str(error)))
            continue
        for edit in fixed.edits:
            _say(visible(str(edit)))
        if fixed.findings:
            _say(f"{name}: {plural(fixed.findings, 'finding')} fixed")
    return unwritten


def _show(run: _Run, outcome: Outcome) -> None:
    from specc.cli.output import echo, screen, speaks_unicode, wants_color
    from specc.report.formats import rendered

    color = run.output is None and wants_color(sys.stdout.isatty())
    unicode = run.output is not None or speaks_unicode(sys.stdout)
    width = None if run.output else screen(sys.stdout)
    text = rendered(run.form, outcome, color=color, unicode=unicode, width=width)
    if run.statistics:
        from specc.report.formats.terminal import statistics

        text = "\n".join(part for part in (text.rstrip("\n"), statistics(outcome)) if part)
    if run.output is not None:
        read = (name for file in outcome.files for name in (file.name, *file.imports))
        refuse_output(run.output, filter(None, (*read, run.config, run.baseline)))
        _write(run.output, text)
    elif text:
        echo(text.rstrip("\n"))


def _write(name: str, text: str) -> None:
    from specc.atomic import replace

    with replace(Path(name)) as output:
        output.write((text.rstrip("\n") + "\n").encode("utf-8", "backslashreplace"))


def _tell(unreadable: tuple[Unreadable, ...]) -> None:
    from specc.diagnostics.words import visible

    for problem in unreadable:
        _say(f"error: {visible(problem.message)}")


def _say(text: str) -> None:
    click.echo(text, err=True)


def _refuse_senseless(run: _Run) -> None:
    """An option that would change nothing, or undo another, is refused; so is what no later change can put right."""
    if run.stdin_filename is not None and "-" not in run.paths:
        raise UsageError("--stdin-filename says what standard input is, and it is not checked: add -")
    if run.fix and "-" in run.paths:
        raise UsageError("--fix writes files, and standard input is none")
    if run.unsafe_fixes and not run.fix:
        raise UsageError("--unsafe-fixes says which fixes --fix applies: add --fix")
    if run.baseline is not None and run.write_baseline is not None:
        raise UsageError("--baseline leaves findings out and --write-baseline keeps them all: leave out one of the two")
    if run.statistics and run.form not in _FOR_PEOPLE:
        raise UsageError(f"--statistics is for people, and --format {run.form} has its own counts")
    refuse_output(run.output)
    _codes(run.select, "--select")
    _codes(run.ignore, "--ignore")
    _refuse_unshown(run)
    _refuse_unwatched(run)


def _refuse_unshown(run: _Run) -> None:
    for option, given in (
        ("-o", run.output is not None),
        ("--statistics", run.statistics),
        (f"--format {run.form}", run.form != "full"),
        ("--fail-on", run.fail_on is not None),
    ):
        if run.write_baseline is not None and given:
            raise UsageError(
                f"{option} is about findings that are shown, and --write-baseline writes them down instead"
            )


def _refuse_unwatched(run: _Run) -> None:
    for option, given in (
        ("-o", run.output is not None),
        ("--write-baseline", run.write_baseline is not None),
        ("--fix", run.fix),
        ("-", "-" in run.paths),
        ("--fail-on", run.fail_on is not None),
        ("--allow-empty", run.allow_empty),
        (f"--format {run.form}", run.form not in _FOR_PEOPLE),
    ):
        if run.watch and given:
            raise UsageError(f"--watch shows findings to a person who edits specs: leave out {option}")


def _watch(run: _Run) -> NoReturn:
    from specc.cli.watch import watch
    from specc.project.outcome import NOTHING_CHECKED
    from specc.project.settings import NO_SETTINGS, Configuration
    from specc.project.watch import watched

    def check() -> tuple[Watched, Callable[[], object]]:
        result = _checked(run)
        baselines = [one.root / one.baseline for one in result.configuration.used if one.root and one.baseline]
        return watched(run.paths, [*named, *map(str, baselines)], result.configuration, result.outcome), lambda: _told(
            run, result
        )

    named = [name for name in (run.config, run.baseline) if name is not None]
    watch(watched(run.paths, named, Configuration(NO_SETTINGS), NOTHING_CHECKED), check)
