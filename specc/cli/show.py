"""``specc show``."""

from __future__ import annotations

import click

from specc.cli.command import Command, choose_model, sizes


@click.command("show", cls=Command, short_help="Print every step with its shape and its costs.")
@choose_model
@sizes
@click.option("--depth", type=click.IntRange(min=1), help="Open blocks this deep: 1 gives a row to each outermost one.")
def command(
    spec: str, model: str | None, arguments: tuple[str, ...], sizes: tuple[str, ...], depth: int | None
) -> None:
    """Print the table: step, output shape, parameters, MACs, memory, receptive field.

    Without --model, every model of the file, and then all of them side by side.
    """
    from specc.cli.parsing import costs_at, models_of, source
    from specc.report.costs import compare, console_for
    from specc.report.costs import show as show_table
    from specc.syntax import parse

    networks = [costs_at(network, sizes) for network in models_of(parse(source(spec)), model, arguments)]
    console = console_for()
    for costs in networks:
        show_table(costs, console, depth)
        console.print()
    if len(networks) > 1:
        compare(networks, console)
