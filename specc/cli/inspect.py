"""``specc inspect``."""

from __future__ import annotations

import click

from specc.cli.command import FINDINGS, USAGE, Command


@click.command("inspect", cls=Command, short_help="Say what an ONNX file is, and what its sidecar says.")
@click.argument("onnx", metavar="FILE.onnx")
@click.option("--sidecar", metavar="FILE", help="Its sidecar; left out: the one beside it, if there is any.")
@click.option("--format", "form", type=click.Choice(["full", "json"]), default="full", show_default=True)
def command(onnx: str, sidecar: str | None, form: str) -> int:
    """Read an ONNX file back: its interface, its metadata, and whether the sidecar beside it belongs to it.

    Nothing is run, and neither torch nor onnxruntime is needed.
    """
    from pathlib import Path

    from specc.bundle.inspection import inspect
    from specc.cli.output import echo
    from specc.report.artifacts import inspection_json, inspection_text

    found = inspect(Path(onnx), None if sidecar is None else Path(sidecar))
    echo(inspection_json(found) if form == "json" else inspection_text(found))
    if found.sidecar is not None and not found.sidecar.is_readable:
        return USAGE
    return 0 if found.is_whole else FINDINGS
