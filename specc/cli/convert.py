"""``specc convert``: the language to YAML, and back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from specc.cli.command import Command
from specc.diagnostics import UsageError

if TYPE_CHECKING:
    from specc.source import Source

_SUFFIXES = {".cnn": "cnn", ".yaml": "yaml", ".yml": "yaml", ".json": "yaml"}
_OTHER = {"cnn": "yaml", "yaml": "cnn"}
_FORM = click.Choice(list(_OTHER))


@click.command("convert", cls=Command, short_help="Write a spec as YAML, or YAML as a spec.")
@click.argument("spec", metavar="IN")
@click.argument("output", metavar="[OUT]", default="-")
@click.option("--from", "written", type=_FORM, help="The form of IN, where its name does not say it.")
@click.option(
    "--to", "wanted", type=_FORM, help="The form of OUT, where its name does not say it [default: the other]."
)
@click.option("--force", is_flag=True, help="Write OUT even where there is such a file.")
def command(spec: str, output: str, written: str | None, wanted: str | None, force: bool) -> None:
    """Write a spec of the language (.cnn) in YAML (.yaml, .yml), or one in YAML in the language.

    IN and OUT are files, or - for standard input and output; without OUT, standard output. The network is the same
    network; comments are lost, but for the version and, where they have a place, those that speak to specc.
    """
    written = _form(spec, written, "--from")
    wanted = _OTHER[written] if output == "-" and wanted is None else _form(output, wanted, "--to")
    if written == wanted:
        raise UsageError(f"{spec} is {_said(written)} already; --to {_OTHER[written]} converts it")
    if "-" not in (spec, output) and os.path.realpath(spec) == os.path.realpath(output):
        raise UsageError(f"{output} is read by this command: write to another file")
    _refuse_to_overwrite(output, wanted, force)
    text, lost = _converted(spec, written)
    _write(output, text.encode())
    _note(spec, lost.others, "", "the two forms have no common place for them")
    _note(spec, lost.ignores, " to specc", "what they are about has no line of its own in the other form")


class _Lost(NamedTuple):
    """How many comments: those that speak to specc, and others."""

    ignores: int
    others: int


def _refuse_to_overwrite(output: str, form: str, force: bool) -> None:
    if output == "-":
        return
    if Path(output).suffix.lower() == ".json":
        raise UsageError(f"specc writes YAML, and no JSON: call it {Path(output).with_suffix('.cnn.yaml')}")
    if force or not Path(output).is_file():
        return
    there = _comments_in(output, form)
    lost = f", and its {_numbered(there)} would be lost" if there else ""
    raise UsageError(f"{output} is there already{lost}: --force writes over it")


def _comments_in(path: str, form: str) -> int:
    """How many comments a file has; none where it cannot be read."""
    from specc.diagnostics import SpecError
    from specc.syntax import read

    try:
        return len(_starts(read(path), form))
    except (SpecError, UsageError):
        return 0


def _note(spec: str, number: int, kind: str, why: str) -> None:
    if number:
        verb = "is" if number == 1 else "are"
        click.echo(f"note: {spec}: {_numbered(number)}{kind} {verb} left out: {why}", err=True)


def _form(path: str, stated: str | None, option: str) -> str:
    """The form that the name or the option says; they may not disagree."""
    named = _SUFFIXES.get(Path(path).suffix.lower())
    if path == "-" or named is None:
        if stated is None:
            shown = "standard input" if path == "-" else path
            raise UsageError(f"{shown} does not say whether it is cnn or yaml: add {option} cnn or {option} yaml")
        return stated
    if stated not in (None, named):
        raise UsageError(f"{option} {stated} contradicts the name of {path}")
    return named


def _converted(spec: str, written: str) -> tuple[str, _Lost]:
    """The text in the other form, and what it has lost: a first line that pins the version is kept."""
    from specc.cli.inputs import source
    from specc.project.conversion import carried
    from specc.project.ignores import ignores
    from specc.source import Source

    read = source(spec)
    text = _to_yaml(read) if written == "cnn" else _to_language(read)
    # By these names, and not that of standard input, it is seen which form each has.
    old = Source(f"{read.name}.{written}", read.text)
    kept = carried(old, Source(f"{read.name}.{_OTHER[written]}", text))
    starts = _starts(read, written)[text.startswith("#") :]
    lost = set(starts) - kept.starts
    spoken = {ignore.span.start for ignore in ignores(old)[0]} & lost
    return kept.text, _Lost(len(spoken), len(lost - spoken))


def _to_yaml(read: Source) -> str:
    from specc.syntax.yaml.writer import to_yaml

    return to_yaml(read)


def _to_language(read: Source) -> str:
    from specc.source import Source
    from specc.syntax.format import formatted
    from specc.syntax.yaml import language_text

    return formatted(Source(read.name, language_text(read)))


def _starts(read: Source, form: str) -> list[int]:
    """Where the comments of a spec begin."""
    if form == "yaml":
        from specc.syntax.yaml import comments as comments_in_yaml

        return [span.start for span in comments_in_yaml(read)]
    from specc.syntax.tokens import comments

    return [comment.start for comment in comments(read)]


def _write(output: str, data: bytes) -> None:
    if output == "-":
        click.echo(data, nl=False)  # as bytes: the two forms are UTF-8 whatever the terminal speaks
        return
    from specc.atomic import replace

    with replace(Path(output)) as file:
        file.write(data)


def _said(form: str) -> str:
    return "YAML" if form == "yaml" else "the language"


def _numbered(number: int) -> str:
    return "1 comment" if number == 1 else f"{number} comments"
