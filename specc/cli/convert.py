"""``specc convert``: the language to YAML, and back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from specc.cli.command import Command
from specc.diagnostics import UsageError

if TYPE_CHECKING:
    from specc.source import Source

_SUFFIXES = {".cnn": "cnn", ".yaml": "yaml", ".yml": "yaml"}
_OTHER = {"cnn": "yaml", "yaml": "cnn"}
_FORM = click.Choice(list(_OTHER))


@click.command("convert", cls=Command, short_help="Write a spec as YAML, or YAML as a spec.")
@click.argument("spec", metavar="IN")
@click.argument("output", metavar="[OUT]", default="-")
@click.option("--from", "written", type=_FORM, help="The form of IN, where its name does not say it.")
@click.option(
    "--to", "wanted", type=_FORM, help="The form of OUT, where its name does not say it [default: the other]."
)
def command(spec: str, output: str, written: str | None, wanted: str | None) -> None:
    """Write a spec of the language (.cnn) in YAML (.yaml, .yml), or one in YAML in the language.

    IN and OUT are files, or - for standard input and output; without OUT, standard output. The network is the same
    network; comments are lost.
    """
    written = _form(spec, written, "--from")
    wanted = _OTHER[written] if output == "-" and wanted is None else _form(output, wanted, "--to")
    if written == wanted:
        raise UsageError(f"{spec} is {_said(written)} already; --to {_OTHER[written]} converts it")
    if "-" not in (spec, output) and os.path.realpath(spec) == os.path.realpath(output):
        raise UsageError(f"{output} is read by this command: write to another file")
    text, lost = _converted(spec, written)
    _write(output, text.encode())
    if lost:
        click.echo(f"note: {spec}: {_comments(lost)} left out: the two forms have no common place for them", err=True)


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


def _converted(spec: str, written: str) -> tuple[str, int]:
    """The text in the other form, and how many comments it has lost: a first line that pins the version is kept."""
    from specc.cli.inputs import source

    read = source(spec)
    text, comments = _to_yaml(read) if written == "cnn" else _to_language(read)
    return text, comments - text.startswith("#")


def _to_yaml(read: Source) -> tuple[str, int]:
    from specc.syntax.comments import comments
    from specc.syntax.yaml.writer import to_yaml

    return to_yaml(read), len(comments(read))


def _to_language(read: Source) -> tuple[str, int]:
    from specc.source import Source
    from specc.syntax.printer import formatted
    from specc.syntax.yaml import comments, transcribed

    return formatted(Source(read.name, transcribed(read))), len(comments(read))


def _write(output: str, data: bytes) -> None:
    if output == "-":
        click.echo(data, nl=False)  # as bytes: the two forms are UTF-8 whatever the terminal speaks
        return
    from specc.files import replace

    with replace(Path(output)) as file:
        file.write(data)


def _said(form: str) -> str:
    return "YAML" if form == "yaml" else "the language"


def _comments(number: int) -> str:
    return "1 comment is" if number == 1 else f"{number} comments are"
