"""``specc explain``."""

from __future__ import annotations

import click

from specc.cli.command import Command, sizes
from specc.diagnostics import UsageError


@click.command("explain", cls=Command, short_help="Show the arithmetic of a step, or what a code means.")
@click.argument("what", metavar="SPEC:STEP|CODE")
@click.option("--model", metavar="NAME", help="Which model of the file, where it has several.")
@click.option("--set", "arguments", multiple=True, metavar="NAME=VALUE", help="Give a parameter of the model a value.")
@sizes
def command(what: str, model: str | None, arguments: tuple[str, ...], sizes: tuple[str, ...]) -> None:
    """Show the arithmetic behind one step (lenet.cnn:conv1), what a block holds (resnet.cnn:layer1.0), or what a
    diagnostic's code means (S0104)."""
    from specc.cli.output import echo
    from specc.cli.parsing import costs_at, load
    from specc.report.code_pages import meaning
    from specc.report.costs import explain

    if (known := meaning(what)) is not None:
        echo(known)
        return
    spec, _, step = what.rpartition(":")
    if not spec or not step:
        raise UsageError(f"{what} names no step: write SPEC:STEP, as in lenet.cnn:conv1, or a code, as in S0104")
    echo(explain(costs_at(load(spec, model, arguments), sizes), step))
