"""``specc import``: a network from elsewhere as a spec with its weights, proven to be the same."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import click

from specc.cli import command as shared
from specc.cli.command import Command, is_same_file, refuse_output, say
from specc.diagnostics import UsageError

_SUFFIX = ".cnn"


@click.command("import", cls=Command, short_help="Write an ONNX file as a spec with its weights.")
@click.argument("source", metavar="FILE")
@shared.output("Where the spec goes; FILE.cnn beside FILE if left out. Its weights go beside it, to NAME.safetensors.")
@click.option("--force", is_flag=True, help="Write over a spec and weights that are there.")
@click.option("--no-verify", is_flag=True, help="Write without proving that the spec's network is the file's.")
@shared.proof
@shared.provider
def command(source: str, output: str | None, force: bool, no_verify: bool, proof: str | None, provider: str) -> None:
    """Write the network of an ONNX file as a spec that people can read, with its weights, proven to be the same.

    Nothing of the file is dropped: where something in it cannot be said in the language, every node at fault is named,
    and nothing is written.
    """
    from specc.cli.output import progress_bar
    from specc.options import proof_of_output

    proof_of_output(not no_verify, provider, proof)
    path = _place(source, output)
    weights = path.with_suffix(".safetensors")
    for file in (path, weights):
        if is_same_file(file, source):
            raise UsageError(f"{file} is read by this command: write to another file, with -o NAME{_SUFFIX}")
        if os.path.isfile(file) and not force:
            raise UsageError(f"{file} is there already: --force writes over it, -o NAME{_SUFFIX} writes elsewhere")
    with progress_bar("reading the file") as progress:
        from specc.importing import import_onnx
        from specc.report.notation import count
        from specc.report.proof_wording import failed, verdict

        gc.enable()  # a proof, unlike a check, leaves much to collect
        run = proof_of_output(not no_verify, provider, proof, progress)
        imported = import_onnx(Path(source), path, weights, run, failed)
    spec, parity = imported.spec, imported.parity
    said = "not proven" if parity is None else verdict(parity)
    if spec.tensors:
        say(f"{weights}: {count(imported.params)} parameters as safetensors", err=False)
    say(f"{path}: {spec.graph.name}, {count(imported.params)} parameters; {said}", err=False)
    for note in (*imported.network.notes, *(parity.notes if parity is not None else ())):
        say(f"note: {note}", err=False)


def _place(source: str, output: str | None) -> Path:
    """Where the spec goes. Raises UsageError where a file cannot be that."""
    if source.endswith((_SUFFIX, ".yaml", ".yml")):
        raise UsageError(f"{source} is a spec already; specc import takes an ONNX file")
    refuse_output(output)
    if output is None:
        return Path(source).with_suffix(_SUFFIX)
    if not output.endswith(_SUFFIX):
        raise UsageError(f"-o {output} is not the name of a spec: let it end in {_SUFFIX}")
    return Path(output)
