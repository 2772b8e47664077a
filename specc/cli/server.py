"""``specc server``: answers an editor, over standard input and output."""

from __future__ import annotations

import click

from specc.cli.command import Command
from specc.diagnostics import MissingDependency


@click.command("server", cls=Command, short_help="Answer an editor: findings, shapes, documentation as one types.")
def command() -> int:
    """Answer an editor over standard input and output, by the Language Server Protocol.

    It is started by the editor: docs/editors.md says how.
    """
    try:
        import pygls  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "pygls":
            raise
        raise MissingDependency("specc server", "pygls", "lsp") from None
    from specc.server.protocol import serve

    return serve()
