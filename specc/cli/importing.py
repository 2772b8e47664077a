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


@click.command("import", cls=Command, short_help="Write an ONNX file or a PyTorch module as a spec.")
@click.argument("source", metavar="FILE")
@shared.output("Where the spec goes; FILE.cnn beside FILE if left out. Its weights go beside it, to NAME.safetensors.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="SHAPE",
    help="Of each input of a module, in order: [N, 3, 224, 224] or 1x3x224x224. What has a name stays open.",
)
@click.option("--force", is_flag=True, help="Write over a spec and weights that are there.")
@click.option("--no-verify", is_flag=True, help="Write without proving that the spec's network is the file's.")
@shared.proof
@shared.provider
def command(
    source: str,
    output: str | None,
    inputs: tuple[str, ...],
    force: bool,
    no_verify: bool,
    proof: str | None,
    provider: str,
) -> None:
    """Write a network as a spec that people can read, with its weights, proven to be the same.

    FILE is an ONNX file; a program that torch.export.save wrote, model.pt2; or a class of a Python file, net.py:Net,
    which is run, with an --input. Nothing of it is dropped: where something in it cannot be said in the language,
    every node at fault is named, and nothing is written.
    """
    from specc.cli.output import progress_bar
    from specc.options import proof_of_output

    proof_of_output(not no_verify, provider, proof)
    file, kind = _kind(source)
    if kind == "class" and not inputs:
        raise UsageError(f"{source} needs the shape of its input: --input '[N, 3, 224, 224]'")
    if kind != "class" and inputs:
        raise UsageError(f"--input is for a class of a Python file: {source} says itself what it takes")
    if kind != "onnx" and provider != "cpu":
        raise UsageError("--provider is for an ONNX file: of a module PyTorch is what runs")
    path = _place(file, output)
    weights = path.with_suffix(".safetensors")
    for each in (path, weights):
        if is_same_file(each, file):
            raise UsageError(f"{each} is read by this command: write to another file, with -o NAME{_SUFFIX}")
        if os.path.isfile(each) and not force:
            raise UsageError(f"{each} is there already: --force writes over it, -o NAME{_SUFFIX} writes elsewhere")
    with progress_bar("reading the file") as progress:
        from specc.report.notation import count
        from specc.report.proof_wording import failed_import, failed_module, verdict

        gc.enable()  # a proof, unlike a check, leaves much to collect
        run = proof_of_output(not no_verify, provider, proof, progress)
        if kind == "onnx":
            from specc.importing import import_onnx

            imported = import_onnx(Path(file), path, weights, run, failed_import)
        else:
            from specc.importing.from_torch.delivery import import_class, import_file

            if kind == "program":
                imported = import_file(Path(file), (path, weights), run, failed_module)
            else:
                name = source.removeprefix(f"{file}:")
                imported = import_class(Path(file), name, inputs, (path, weights), run, failed_module)
    spec, parity = imported.spec, imported.parity
    said = "not proven" if parity is None else verdict(parity)
    if spec.tensors:
        say(f"{weights}: {count(imported.params)} parameters as safetensors", err=False)
    say(f"{path}: {spec.graph.name}, {count(imported.params)} parameters; {said}", err=False)
    for note in (*imported.network.notes, *(parity.notes if parity is not None else ())):
        say(f"note: {note}", err=False)


def _kind(source: str) -> tuple[str, str]:
    """The file, and what of it is imported: "onnx", "program" or "class"."""
    file, colon, name = source.rpartition(":")
    if colon and file.endswith(".py") and name:
        return file, "class"
    if source.endswith(".py"):
        raise UsageError(f"{source} may have several modules: say which, as in {source}:Net")
    return source, "program" if source.endswith(".pt2") else "onnx"


def _place(source: str, output: str | None) -> Path:
    """Where the spec goes. Raises UsageError where a file cannot be that."""
    if source.endswith((_SUFFIX, ".yaml", ".yml")):
        raise UsageError(f"{source} is a spec already; specc import takes an ONNX file, or a module of PyTorch")
    refuse_output(output)
    if output is None:
        return Path(source).with_suffix(_SUFFIX)
    if not output.endswith(_SUFFIX):
        raise UsageError(f"-o {output} is not the name of a spec: let it end in {_SUFFIX}")
    return Path(output)
