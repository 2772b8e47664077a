"""``specc convert``: the language to YAML, and back."""

from __future__ import annotations

import os
from pathlib import Path

import click

from specc.cli.command import Command, echo_utf8, refuse_output, say
from specc.diagnostics import SpecError, UsageError
from specc.diagnostics.words import plural
from specc.project.conversion import OTHER, Form, comment_starts, convert

_SUFFIXES: dict[str, Form] = {".cnn": "cnn", ".yaml": "yaml", ".yml": "yaml", ".json": "yaml"}
_FORM = click.Choice(list(OTHER))


@click.command("convert", cls=Command, short_help="Write a spec as YAML, or YAML as a spec.")
@click.argument("spec", metavar="IN")
@click.argument("output", metavar="[OUT]", default="-")
@click.option("--from", "source_form", type=_FORM, help="The form of IN, where its name does not say it.")
@click.option(
    "--to", "target_form", type=_FORM, help="The form of OUT, where its name does not say it [default: the other]."
)
@click.option("--force", is_flag=True, help="Write OUT even where there is such a file.")
def command(spec: str, output: str, source_form: Form | None, target_form: Form | None, force: bool) -> None:
    """Write a spec of the language (.cnn) in YAML (.yaml, .yml), or one in YAML in the language.

    IN and OUT are files, or - for standard input and output; without OUT, standard output. The network is the same
    network; comments are lost, but for the version and, where they have a place, those that speak to specc.
    """
    from specc.cli.parsing import source

    source_form = _form(spec, source_form, "--from")
    target_form = OTHER[source_form] if output == "-" and target_form is None else _form(output, target_form, "--to")
    if source_form == target_form:
        already = "YAML" if source_form == "yaml" else "the language"
        raise UsageError(f"{spec} is {already} already; --to {OTHER[source_form]} converts it")
    if output != "-":
        refuse_output(output, () if spec == "-" else (spec,), "OUT")
    _refuse_to_overwrite(output, target_form, force)
    result = convert(source(spec), source_form)
    if output == "-":
        echo_utf8(result.text)
    else:
        from specc.atomic import replace

        with replace(Path(output)) as file:
            file.write(result.text.encode())
    for number, kind, why in (
        (result.lost_comments, "", "the two forms have no common place for them"),
        (result.lost_directives, " to specc", "what they are about has no line of its own in the other form"),
    ):
        if number:
            left_out = f"{plural(number, 'comment')}{kind} {'is' if number == 1 else 'are'} left out"
            say(f"note: {spec}: {left_out}: {why}")


def _form(path: str, form: Form | None, option: str) -> Form:
    """The form that the name or the option says; they may not disagree."""
    named = _SUFFIXES.get(Path(path).suffix.lower())
    if path == "-" or named is None:
        if form is None:
            shown = "standard input" if path == "-" else path
            raise UsageError(f"{shown} does not say whether it is cnn or yaml: add {option} cnn or {option} yaml")
        return form
    if form not in (None, named):
        raise UsageError(f"{option} {form} contradicts the name of {path}")
    return named


def _refuse_to_overwrite(output: str, form: Form, force: bool) -> None:
    if output == "-":
        return
    if Path(output).suffix.lower() == ".json":
        raise UsageError(f"specc writes YAML, and no JSON: call it {Path(output).with_suffix('.cnn.yaml')}")
    if force or not os.path.isfile(output):  # of a place that cannot be looked at, writing says why
        return
    from specc.syntax import read

    try:
        comments = len(comment_starts(read(output), form))
    except (SpecError, UsageError):  # of one that cannot be read nothing is known
        comments = 0
    lost = f", and its {plural(comments, 'comment')} would be lost" if comments else ""
    raise UsageError(f"{output} is there already{lost}: --force writes over it")
