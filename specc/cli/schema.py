"""``specc schema``."""

from __future__ import annotations

import click

from specc.cli.command import Command


@click.command("schema", cls=Command, short_help="Print the JSON Schema of specs in YAML, or of sidecars.")
@click.option("--sidecar", is_flag=True, help="Of the NAME.specc.json that goes with NAME.onnx.")
def command(sidecar: bool) -> None:
    """Print the JSON Schema of specs in YAML, for editors and other programs.

    It knows every layer with its arguments. What takes a shape to know, `specc check` says.
    """
    if sidecar:
        from specc.bundle.sidecar import sidecar_schema

        click.echo(sidecar_schema().encode(), nl=False)
        return
    from specc.report.schema import schema_json

    click.echo(schema_json().encode(), nl=False)
