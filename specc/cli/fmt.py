"""``specc fmt``: specs in the one style."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from specc.cli.command import FINDINGS, NOTHING, USAGE, Command, echo_utf8, inert, say
from specc.diagnostics import SpecError, UsageError
from specc.diagnostics.words import plural, visible

if TYPE_CHECKING:
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
    writes = not (check or diff)
    if "-" in paths:
        if len(paths) > 1:
            raise UsageError(
                "- is standard input, which goes to standard output: format files by a command of their own"
            )
        from specc.syntax import read_stdin

        source = read_stdin()
        text = _formatted(source, annotate)
        changed = text != source.text
        if writes:
            echo_utf8(text)
        elif changed:
            _show(source, text, diff)
        return FINDINGS if changed and not writes else 0
    from specc.project.discovery import spec_files
    from specc.project.settings import configuration
    from specc.syntax import is_yaml

    paths = paths or (".",)
    names, missing = spec_files(paths, configuration(config), force_exclude=force_exclude)
    named = {Path(path).as_posix() for path in paths}
    tally = _Tally([problem.message for problem in missing])
    tally.problems += [
        f"{name}: YAML is left as it is; fmt formats specs of the language (.cnn)"
        for name in names
        if is_yaml(name) and name in named
    ]
    for name in names:
        if not is_yaml(name):
            _format(name, tally, writes=writes, diff=diff, annotate=annotate)
    return _report(tally, writes=writes, allow_empty=allow_empty)


@dataclass
class _Tally:
    """How many files were changed, and what could not be formatted."""

    problems: list[str]
    changed: int = 0
    unchanged: int = 0
    refused: int = 0


def _format(name: str, tally: _Tally, *, writes: bool, diff: bool, annotate: bool) -> None:
    """Format one file, or show what would change, and count it."""
    from specc.atomic import replace
    from specc.syntax import read

    try:
        source = read(name)
        text = _formatted(source, annotate)
        if text == source.text:
            tally.unchanged += 1
            return
        if writes:
            with replace(Path(name)) as output:
                output.write(text.encode())
        else:
            _show(source, text, diff)
        tally.changed += 1
    except SpecError as error:
        from specc.cli.output import print_findings

        print_findings(error.diagnostics, err=True)
        tally.refused += 1
    except UsageError as error:
        tally.problems.append(str(error))
    except Exception as error:
        if os.environ.get("SPECC_TRACEBACK"):
            raise
        from specc.project.fresh import internal_error

        tally.problems.append(internal_error(name, error))  # a mistake of ours is no reason to leave the others


def _report(tally: _Tally, *, writes: bool, allow_empty: bool) -> int:
    """Say what became of the files, and return the exit code."""
    for problem in tally.problems:
        say(f"error: {problem}")
    would = "" if writes else "would be "
    parts: list[str] = []
    for count, outcome in (
        (tally.changed, f"{would}reformatted"),
        (tally.unchanged, f"{would}left unchanged"),
        (tally.refused, "not formatted: see above"),
    ):
        if count:
            parts.append(f"{count:,} {outcome}" if parts else f"{plural(count, 'file')} {outcome}")
    if parts:
        say(", ".join(parts), err=not writes)  # the names or the difference have standard output alone
    elif not tally.problems:
        say("nothing to format: no spec (*.cnn) here")
        return 0 if allow_empty else NOTHING
    if tally.problems:
        return USAGE
    return FINDINGS if tally.refused or (tally.changed and not writes) else 0


def _formatted(source: Source, annotate: bool) -> str:
    """The text in the one style. Raises SpecError for mistakes: of syntax, and with --annotate of all kinds."""
    from specc.syntax.format import annotated, formatted

    if not annotate:
        return formatted(source)
    from specc.report.annotation import shapes
    from specc.syntax import parse

    file = parse(source)
    return annotated(file, shapes(file))


def _show(source: Source, text: str, diff: bool) -> None:
    if not diff:
        say(source.name, err=False)
        return
    from difflib import unified_diff

    name = inert(visible(source.name))
    lines = unified_diff(_lines(source.text), _lines(text), name, name)
    echo_utf8("".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines))


def _lines(text: str) -> list[str]:
    """With their ends; str.splitlines ends lines at other characters too."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
