"""``specc compile``."""

from __future__ import annotations

import gc
from typing import Any

import click

from specc.cli.command import Command
from specc.cli.options import choose_model, match, output, provider
from specc.cli.places import refuse_others


@click.command("compile", cls=Command, short_help="Write ONNX or PyTorch, proven equal before it appears.")
@choose_model
@click.argument("others", nargs=-1, metavar="")  # only to say where it belongs
@output("What to write; MODEL.onnx or MODEL.py here if left out.")
@click.option(
    "--target",
    type=click.Choice(["onnx", "torch"]),
    help="Left out: by the end of FILE, .onnx or .py; onnx without FILE.",
)
@click.option("--seed", type=int, help="Draw the weights from this seed [default: 0].")
@click.option("--weights", metavar="FILE", help="Take the weights from this safetensors, .npz or PyTorch file instead.")
@match
@click.option("--save-weights", metavar="FILE", help="Write the weights as safetensors too.")
@click.option("--opset", type=int, help="The ONNX opset, 18 to 23 [default: 18].")
@click.option(
    "--runs-on",
    multiple=True,
    metavar="RUNTIME",
    help="The file must run here: onnxruntime>=1.16, onnxruntime-web; may be repeated.",
)
@click.option("--functions", is_flag=True, help="Keep the spec's blocks as ONNX local functions.")
@click.option(
    "--labels", metavar="FILE", help="What the channels of the output stand for, a line each; for the sidecar."
)
@click.option("--no-sidecar", is_flag=True, help="Leave out NAME.specc.json, which goes with NAME.onnx.")
@click.option("--no-verify", is_flag=True, help="Write without proving parity.")
@provider
def command(**options: Any) -> None:
    """Write the network as ONNX or PyTorch, proven equal in both before the file appears."""
    from specc.cli.request import Request, run

    refuse_others(options["spec"], options.pop("others"))
    gc.enable()
    run(Request(**options))
