"""``specc check``: many files, one verdict."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import click

from specc.cli.command import FINDINGS, NOTHING, USAGE, Command, first_given, output, refuse_output, say
from specc.diagnostics import UsageError
from specc.diagnostics.words import plural
from specc.project.outcome import FAIL_ON
from specc.report.formats import OUTCOME_FORMATS as FORMATS

if TYPE_CHECKING:
    from specc.project.cache import Cache
    from specc.project.discovery import Watched
    from specc.project.outcome import Outcome, Unreadable
    from specc.project.selection import CheckOptions
    from specc.project.settings import Configuration

_FOR_PEOPLE = ("full", "concise")


def _codes(ctx: click.Context, option: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """The codes that an option names; None: it is not given, and the settings of each file decide."""
    from specc.project.settings import lint_codes

    return None if text is None else lint_codes((code.strip().upper() for code in text.split(",")), option.opts[0])


@click.command("check", cls=Command)
@click.argument("paths", nargs=-1, metavar="[PATHS…|-]")
@click.option("--format", "form", type=click.Choice(FORMATS), default="full", show_default=True, help="Of findings.")
@output("Write the findings to FILE instead of standard output.")
@click.option("--fail-on", type=click.Choice(FAIL_ON), help="What fails a run [default: error].")
@click.option(
    "--select", metavar="CODES", callback=_codes,
    help="Only these lints, by code or beginning: S0502,S0505 [default: all].",
)  # fmt: skip
@click.option("--ignore", metavar="CODES", callback=_codes, help="Not these lints, nor budgets (S0404).")
@click.option("--baseline", metavar="FILE", help="Leave out the findings that FILE has.")
@click.option("--write-baseline", metavar="FILE", help="Write the findings to FILE, for --baseline.")
@click.option("--fix", is_flag=True, help="Put right in the files what safely can be; each fix is tried first.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix: also by fixes that may not be what was meant.")
@click.option("--statistics", is_flag=True, help="Count the findings of each code.")
@click.option("--watch", is_flag=True, help="Check again whenever a spec changes, until Ctrl-C.")
@click.option("--no-cache", is_flag=True, help="Neither use nor keep what was found before.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1),
    help="How many processes check; 1: only this one [default: as many as help].",
)  # fmt: skip
@click.option("--config", metavar="FILE", help="Take the settings of all files from FILE; else each has the nearest.")
@click.option("--force-exclude", is_flag=True, help="Leave out excluded files even where they are named.")
@click.option("--allow-empty", is_flag=True, help="Pass where there is nothing to check: no exit code 3.")
@click.option("--stdin-filename", metavar="PATH", help="Check standard input as if it were this file.")
def command(paths: tuple[str, ...], **options: Any) -> int:
    """Prove that specs fit together.

    PATHS are files, folders (searched for *.cnn, *.cnn.yaml and *.cnn.yml), patterns such as 'nets/**/*.cnn', or - for
    standard input; without any, the present folder.
    """
    args = _CheckArguments(paths=paths or (".",), **options)
    _refuse_needless(args)
    if args.watch:
        _watch(args)
    return _report(args, _check(args))


class _CheckArguments(NamedTuple):
    """The command's arguments, as written; None where left out."""

    paths: tuple[str, ...]
    form: str
    output: str | None
    fail_on: str | None
    select: tuple[str, ...] | None
    ignore: tuple[str, ...] | None
    baseline: str | None
    write_baseline: str | None
    fix: bool
    unsafe_fixes: bool
    statistics: bool
    watch: bool
    no_cache: bool
    jobs: int | None
    config: str | None
    force_exclude: bool
    allow_empty: bool
    stdin_filename: str | None


class _Result(NamedTuple):
    """The outcome of a run, with the settings that it went by."""

    outcome: Outcome
    configuration: Configuration
    notes: tuple[str, ...]


def _check(args: _CheckArguments) -> _Result:
    """Everything but printing the findings (fixes are printed as they are made). Raises UsageError."""
    from specc.project.baseline import Baselines, read_baseline
    from specc.project.cache import Cache, cache_folder, distrusted
    from specc.project.check import check
    from specc.project.discovery import discovered, unused_patterns
    from specc.project.selection import CheckOptions
    from specc.project.settings import configuration

    settings = configuration(args.config)
    baselines = None
    if args.write_baseline is None:
        baselines = Baselines(None if args.baseline is None else read_baseline(args.baseline))
    stdin = args.stdin_filename
    options = CheckOptions(settings, args.select, args.ignore, args.fail_on, baselines, stdin)
    search = discovered(args.paths, settings, force_exclude=args.force_exclude)
    is_stdin_excluded = args.force_exclude and stdin is not None and settings.excludes(stdin)
    names = [name for name in search.names if name != "-" or not is_stdin_excluded]
    distrust = None if args.no_cache else distrusted(cache_folder())
    cache = None if args.no_cache or distrust else Cache(cache_folder())
    unwritten = _fix(names, options, cache, unsafe=args.unsafe_fixes) if args.fix else []
    outcome = check(names, options, cache, jobs=1 if args.watch else args.jobs)
    outcome = outcome._replace(unreadable=(*search.unreadable, *unwritten, *outcome.unreadable))
    if args.fix:  # what --fix takes was tried
        outcome = outcome._replace(fixable=0, unsafe=0 if args.unsafe_fixes else outcome.unsafe)
    notes = (*unused_patterns(search, settings, outcome), *([distrust] if distrust else []))
    return _Result(outcome, settings, notes)


def _fix(names: list[str], options: CheckOptions, cache: Cache | None, *, unsafe: bool) -> list[Unreadable]:
    """Put right what can be, say how, and return what could not be written; the check tells what cannot be read."""
    from specc.diagnostics import SpecError
    from specc.project.check import Checker
    from specc.project.fixes import fix
    from specc.project.outcome import Unreadable

    checker = Checker(options.configuration, cache)
    unwritten = []
    for name in names:
        try:
            fixed = fix(name, checker, options, unsafe=unsafe)
        except SpecError:
            continue
        except UsageError as error:
            if os.path.isfile(name):
                unwritten.append(Unreadable(name, str(error)))
            continue
        for edit in fixed.edits:
            say(str(edit))
        if fixed.findings:
            say(f"{name}: {plural(fixed.findings, 'finding')} fixed")
    return unwritten


def _report(args: _CheckArguments, result: _Result) -> int:
    """Print the findings, or write them down, and return the exit code."""
    outcome, used = result.outcome, result.configuration.used
    if args.write_baseline is None:
        _show(args, outcome)
    if args.form in _FOR_PEOPLE or args.output is not None:
        for problem in outcome.unreadable:
            say(f"error: {problem.message}")
    for note in result.notes:
        say(f"note: {note}")
    if outcome.unreadable:
        return USAGE
    if not outcome.files:
        where = "here" if args.paths == (".",) else f"in {', '.join(args.paths)}"
        excluded = [f"; {one.origin} excludes {', '.join(one.exclude)}" for one in used if one.exclude]
        say(f"nothing to check: no spec (*.cnn, *.cnn.yaml, *.cnn.yml) {where}{''.join(excluded)}")
        if not args.allow_empty:
            return NOTHING
    if args.write_baseline is not None:
        from specc.project.baseline import write_baseline

        write_baseline(args.write_baseline, outcome.file_findings)
        counts = f"{plural(len(outcome.file_findings), 'finding')} in {plural(len(outcome.files), 'file')}"
        say(f"{args.write_baseline}: {counts}", err=False)
        return 0
    # Of a baseline of one package, a run over several would make another one.
    only = ", in a run over what it is about alone" if args.baseline is None and len(used) > 1 else ""
    for baseline, count in outcome.unmet:
        gone = f"{plural(count, 'finding')} of the baseline came up no more"
        say(f"note: {gone}: --write-baseline {baseline} brings it up to date{only}")
    return FINDINGS if outcome.fails else 0


def _show(args: _CheckArguments, outcome: Outcome) -> None:
    from specc.cli.output import style_of, write
    from specc.report.formats import outcome_text

    if args.output is not None:
        read = (name for file in outcome.files for name in (file.name, *file.imports))
        refuse_output(args.output, filter(None, (*read, args.config, args.baseline)))
    text = outcome_text(args.form, outcome, style_of(args.output))
    if args.statistics:
        from specc.report.summary import statistics

        text = "\n".join(part for part in (text.rstrip("\n"), statistics(outcome)) if part)
    if text or args.output is not None:
        write(text.rstrip("\n"), args.output, commands=args.form == "github")


def _refuse_needless(args: _CheckArguments) -> None:
    """An option that would change nothing, or undo another, is refused; so is what no later change can put right."""
    if args.stdin_filename is not None and "-" not in args.paths:
        raise UsageError("--stdin-filename says what standard input is, and it is not checked: add -")
    if args.fix and "-" in args.paths:
        raise UsageError("--fix writes files, and standard input is none")
    if args.unsafe_fixes and not args.fix:
        raise UsageError("--unsafe-fixes says which fixes --fix applies: add --fix")
    if args.baseline is not None and args.write_baseline is not None:
        raise UsageError("--baseline leaves findings out and --write-baseline keeps them all: leave out one of the two")
    if args.statistics and args.form not in _FOR_PEOPLE:
        raise UsageError(f"--statistics is for people, and --format {args.form} has its own counts")
    refuse_output(args.output)
    form, fail_on = f"--format {args.form}", args.fail_on
    shown = {"-o": args.output, "--statistics": args.statistics, form: args.form != "full", "--fail-on": fail_on}
    if args.write_baseline and (option := first_given(shown)):
        raise UsageError(f"{option} is about findings that are shown, and --write-baseline writes them down instead")
    not_watched = {
        "-o": args.output, "--write-baseline": args.write_baseline, "--fix": args.fix, "--jobs": args.jobs,
        "-": "-" in args.paths,
        "--fail-on": fail_on, "--allow-empty": args.allow_empty, form: args.form not in _FOR_PEOPLE,
    }  # fmt: skip
    if args.watch and (option := first_given(not_watched)):
        raise UsageError(f"--watch shows findings to a person who edits specs: leave out {option}")


# ---- --watch -----------------------------------------------------------------------------------------------


def _watch(args: _CheckArguments) -> NoReturn:
    """Check again whenever something has changed that may matter. Ends with KeyboardInterrupt.

    A run that cannot even begin, such as one with broken settings, says so, and waits for a change, too.
    """
    from specc.project.discovery import changes, watched
    from specc.project.outcome import NOTHING_CHECKED
    from specc.project.settings import NO_SETTINGS, Configuration

    named = [name for name in (args.config, args.baseline) if name is not None]
    last = watched(args.paths, named, Configuration(NO_SETTINGS), NOTHING_CHECKED)

    def check() -> tuple[Watched, Callable[[], object]]:
        """What a run depends on, and what prints its outcome."""
        try:
            result = _check(args)
            baselines = [one.root / one.baseline for one in result.configuration.used if one.root and one.baseline]
            now = watched(args.paths, [*named, *map(str, baselines)], result.configuration, result.outcome)
        except UsageError as error:
            message = f"error: {error}"
            return last, lambda: say(message)
        return now, lambda: _report(args, result)

    def matters(path: str) -> bool:
        return last.matters(path)  # as the last run has it

    gc.enable()  # one run leaves nothing to collect, many do
    with _signals():
        while True:
            # Watching begins before files are read, so that no change is missed; where that turns out to have been in
            # too few folders, everything is done again.
            with closing(changes(last.folders, matters)) as batches:
                next(batches)
                folders = last.folders
                last, report = check()
                if last.folders <= folders:
                    click.clear()
                    report()
                    say("")
                    say("watching; Ctrl-C ends it")
                    next(batch for batch in batches if batch)


@contextmanager
def _signals() -> Iterator[None]:
    """watchfiles takes every signal for Ctrl-C: which one it was must be remembered."""
    came: list[int] = []

    def remember(number: int, frame: FrameType | None) -> NoReturn:
        came.append(number)
        raise KeyboardInterrupt

    # Windows has no SIGHUP.
    known = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.signal(number, remember) for number in known]
    try:
        yield
    except KeyboardInterrupt:
        if came:
            sys.exit(128 + came[0])
        raise
    finally:
        for number, handler in zip(known, before, strict=True):
            signal.signal(number, handler)
