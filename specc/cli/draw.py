"""``specc draw``: a network as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from specc.cli.command import Command, output, refuse_output, say, sizes, spec_and_model
from specc.diagnostics import UsageError


@click.command("draw", cls=Command, short_help="Draw the network: SVG, PNG, or Mermaid in Markdown.")
@spec_and_model
@output("The picture: .svg, .png or .md  [required]")
@sizes
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Open blocks this deep: at 1 each outermost one is a box.",
)
@click.option(
    "--field",
    metavar="STEP[PLACE]",
    help="Mark what a place sees of every value before it: conv2[6,6]; conv2 for its middle.",
)
@click.option(
    "--theme",
    type=click.Choice(["auto", "light", "dark"]),
    help="The colours of .svg and .png  [default: auto, the reader's own; light in .png]",
)
def command(
    spec: str,
    model: str | None,
    arguments: tuple[str, ...],
    output: str | None,
    sizes: tuple[str, ...],
    depth: int,
    field: str | None,
    theme: str | None,
) -> None:
    """Draw the steps and blocks of a network, with the shape of the value on each arrow.

    The ending of FILE says what is drawn: .svg and .png need Graphviz, which pip install 'specc-nn[draw]' brings; .md
    is a Mermaid flowchart, which GitHub, GitLab and many editors draw themselves, and needs nothing.
    """
    from specc.cli.parsing import costs_at, load
    from specc.drawing import draw

    if output is None:
        raise UsageError("-o FILE says what to write: net.svg, net.png or net.md")
    refuse_output(output, (spec,))
    graph = costs_at(load(spec, model, arguments), sizes).graph
    draw(graph, Path(output), depth=depth, theme=theme, field=field)  # type: ignore[arg-type]  # click has checked it
    say(f"{output}: {graph.name}", err=False)
