"""``specc schema``."""

from __future__ import annotations

import click

from specc.cli.command import Command


@click.command("schema", cls=Command, short_help="Print the JSON Schema of specs in YAML.")
def command() -> None:
    """Print the JSON Schema of specs in YAML, for editors and other programs.

    It knows every layer with its arguments. What takes a shape to know, `specc check` says.
    """
    from specc.report.schema import schema_json

    click.echo(schema_json().encode(), nl=False)
