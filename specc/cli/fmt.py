"""``specc fmt``: specs in the one style."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from specc.cli.command import Command
from specc.cli.exits import FINDINGS, NOTHING, USAGE
from specc.diagnostics import SpecError, UsageError

if TYPE_CHECKING:
    from specc.project.settings import Configuration
    from specc.source import Source


@click.command("fmt", cls=Command)
@click.argument("paths", nargs=-1, metavar="[PATHS…|-]")
@click.option(
    "--check", is_flag=True, help="Write nothing; name the files that would change, and fail if there are any."
)
@click.option("--diff", is_flag=True, help="Write nothing; show what would change, and fail if anything would.")
@click.option(
    "--annotate", is_flag=True, help="Add the shape that each line comes to as a comment, or bring it up to date."
)
@click.option("--config", metavar="FILE", help="Take the settings of all files from FILE; else each has the nearest.")
@click.option("--force-exclude", is_flag=True, help="Leave out excluded files even where they are named.")
@click.option("--allow-empty", is_flag=True, help="Pass where there is nothing to format: no exit code 3.")
def command(
    paths: tuple[str, ...],
    check: bool,
    diff: bool,
    annotate: bool,
    config: str | None,
    force_exclude: bool,
    allow_empty: bool,
) -> int:
    """Write specs in the one style. PATHS are files, folders, patterns, or - from standard input to standard output."""
    run = _Run(check=check, diff=diff, annotate=annotate, allow_empty=allow_empty)
    if "-" in paths:
        if len(paths) > 1:
            raise UsageError(
                "- is standard input, which goes to standard output: format files by a command of their own"
            )
        return _stdin(run)
    from specc.project.settings import configuration

    return _files(paths or (".",), run, configuration(config), force_exclude=force_exclude)


class _Run(NamedTuple):
    """What is asked for."""

    check: bool
    diff: bool
    annotate: bool
    allow_empty: bool

    @property
    def writes(self) -> bool:
        return not (self.check or self.diff)


def _stdin(run: _Run) -> int:
    from specc.syntax import read_stdin

    source = read_stdin()
    text = _formatted(source, run)
    changed = text != source.text
    if run.writes:
        _put(text)
    elif changed:
        _show(source, text, run)
    return FINDINGS if changed and not run.writes else 0


def _files(paths: tuple[str, ...], run: _Run, project: Configuration, *, force_exclude: bool) -> int:
    from specc.project.discovery import spec_files
    from specc.syntax import is_yaml

    found, missing = spec_files(paths, project, force_exclude=force_exclude)
    named = {Path(path).as_posix() for path in paths}
    names = [name for name in found if not is_yaml(name)]
    problems = [problem.message for problem in missing]
    problems += [
        f"{name}: YAML is left as it is; fmt formats specs of the language (.cnn)"
        for name in found
        if is_yaml(name) and name in named
    ]
    tally = _Tally(problems)
    for name in names:
        tally.add(name, run)
    return tally.told(run)


class _Tally:
    """What became of the files."""

    def __init__(self, problems: list[str]) -> None:
        self._problems = problems
        self._changed = self._unchanged = self._refused = 0

    def add(self, name: str, run: _Run) -> None:
        """Format one file, and count it."""
        from specc.syntax import read

        try:
            source = read(name)
            text = _formatted(source, run)
            if text == source.text:
                self._unchanged += 1
                return
            if run.writes:
                _write(name, text)
            else:
                _show(source, text, run)
            self._changed += 1
        except SpecError as error:
            from specc.cli.output import print_findings

            print_findings(error.diagnostics, err=True)
            self._refused += 1
        except UsageError as error:
            self._problems.append(str(error))
        except Exception as error:
            if os.environ.get("SPECC_TRACEBACK"):
                raise
            from specc.project.check import internal_error

            self._problems.append(internal_error(name, error))  # a mistake of ours is no reason to leave the others

    def told(self, run: _Run) -> int:
        """Say what became of them, and return the exit code."""
        for problem in self._problems:
            click.echo(f"error: {problem}", err=True)
        if self._changed or self._unchanged or self._refused:
            click.echo(self._said(run), err=not run.writes)  # the names or the difference have standard output alone
        elif not self._problems:
            click.echo("nothing to format: no spec (*.cnn) here", err=True)
            return 0 if run.allow_empty else NOTHING
        if self._problems:
            return USAGE
        return FINDINGS if self._refused or (self._changed and not run.writes) else 0

    def _said(self, run: _Run) -> str:
        from specc.diagnostics.words import plural

        changed = "reformatted" if run.writes else "would be reformatted"
        parts = [f"{plural(self._changed, 'file')} {changed}"] if self._changed else []
        kept = "left unchanged" if run.writes else "would be left unchanged"
        if self._unchanged:
            parts.append(f"{self._unchanged:,} {kept}" if parts else f"{plural(self._unchanged, 'file')} {kept}")
        if self._refused:
            wrong = "not formatted: see above"
            parts.append(f"{self._refused:,} {wrong}" if parts else f"{plural(self._refused, 'file')} {wrong}")
        return ", ".join(parts)


def _formatted(source: Source, run: _Run) -> str:
    """The text in the one style. Raises SpecError for mistakes: of syntax, and with --annotate of all kinds."""
    from specc.syntax.format import annotated, formatted

    if not run.annotate:
        return formatted(source)
    from specc.report.annotation import shapes
    from specc.syntax import parse

    file = parse(source)
    return annotated(file, shapes(file))


def _write(name: str, text: str) -> None:
    from specc.atomic import replace

    with replace(Path(name)) as output:
        output.write(text.encode())


def _show(source: Source, text: str, run: _Run) -> None:
    if run.diff:
        _put(_difference(source, text))
    else:
        click.echo(source.name)


def _difference(source: Source, text: str) -> str:
    from difflib import unified_diff

    lines = unified_diff(_lines(source.text), _lines(text), source.name, source.name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    """With their ends; str.splitlines ends lines at other characters too."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _put(text: str) -> None:
    click.echo(text.encode(), nl=False)  # as bytes: specs are UTF-8 whatever the terminal speaks
