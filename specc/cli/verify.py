"""``specc verify``."""

from __future__ import annotations

import gc

import click

from specc.cli.command import Command
from specc.cli.exits import FINDINGS
from specc.cli.options import choose_model, match, provider


@click.command("verify", cls=Command, short_help="Prove an ONNX file equal to PyTorch.")
@choose_model
@click.argument("onnx", required=False, metavar="[ONNX]")
@click.option("--seed", type=int, help="The weights must be those of this seed.")
@click.option("--weights", metavar="FILE", help="The weights must be those of this safetensors, .npz or PyTorch file.")
@match
@provider
def command(
    spec: str,
    onnx: str | None,
    model: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    weights: str | None,
    match: str | None,
    provider: str,
) -> int:
    """Prove an ONNX file (by default the one that compile would write) equal to PyTorch, check by check."""
    from specc.cli.inputs import load, notes_on, one_source

    gc.enable()
    one_source(seed, weights, match)
    network = load(spec, model, settings)
    # With neither, an ONNX file's own weights are taken.
    source = None if seed is None and weights is None else network.weights(seed=seed, file=weights, match=match)
    parity = network.verify(onnx, weights=source, provider=provider)

    from rich.console import Console

    from specc.report.parity import show_parity, verdict

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 160)
    show_parity(parity, console)
    click.echo(verdict(parity))
    if source is not None:
        notes_on(source)
    return 0 if parity.passed else FINDINGS
