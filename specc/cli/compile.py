"""``specc compile``."""

from __future__ import annotations

import gc
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from specc.cli import command as shared
from specc.cli.command import Command, first_given, is_same_file, refuse_output, say
from specc.diagnostics import UsageError
from specc.diagnostics.words import listed

if TYPE_CHECKING:
    from specc.api import Model
    from specc.verify.result import Progress
    from specc.weights import Weights


@click.command("compile", cls=Command, short_help="Write ONNX or PyTorch, proven equal before it appears.")
@shared.spec_and_model
@click.argument("others", nargs=-1, metavar="")  # only to say where it belongs
@shared.output("What to write; MODEL.onnx or MODEL.py here if left out.")
@click.option(
    "--target",
    type=click.Choice(["onnx", "torch"]),
    help="Left out: by the end of FILE, .onnx or .py; onnx without FILE.",
)
@click.option("--seed", type=int, help="Draw the weights from this seed [default: 0].")
@click.option("--weights", metavar="FILE", help="Take the weights from this safetensors, .npz or PyTorch file instead.")
@shared.match
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
    "--labels",
    multiple=True,
    metavar="[OUTPUT=]FILE",
    help="What the channels of an output stand for, a line each; for the sidecar. Of several outputs OUTPUT=FILE.",
)
@click.option("--no-sidecar", is_flag=True, help="Leave out NAME.specc.json, which goes with NAME.onnx.")
@click.option("--no-verify", is_flag=True, help="Write without proving parity.")
@shared.proof
@shared.provider
def command(others: tuple[str, ...], **options: object) -> None:
    """Write the network as ONNX or PyTorch, proven equal in both before the file appears."""
    from specc.cli.output import progress_bar
    from specc.cli.parsing import load, weight_notes
    from specc.options import WeightOptions, proof_of_output
    from specc.report.notation import count

    args = _CompileArguments(**options)  # type: ignore[arg-type]  # click has their types
    if len(others) == 1 and others[0].endswith((".onnx", ".py")):
        command = shlex.join(("specc", "compile", args.spec, "-o", others[0]))
        raise UsageError(f"{others[0]} is what to write: {command}")
    if others:
        behind = f"{listed(others)} stands behind {args.spec}"
        raise UsageError(f"one spec at a time, and what to write behind -o: {behind}")
    source = WeightOptions(args.seed, args.weights, args.match)
    proof_of_output(not args.no_verify, args.provider, args.proof)
    _refuse_needless(args)
    model = load(args.spec, args.model, args.arguments)
    path = Path(args.output or model.name + (".onnx" if args.writes_onnx else ".py"))
    saved = args.save_weights
    with progress_bar("writing the file") as progress:
        # From here on all is loaded that a proof needs.
        from specc.bundle.sidecar import sidecar_path

        gc.enable()  # a proof, unlike a check, leaves much to collect; what is imported does not
        _refuse_overwriting(args, path)
        weights = source.read(model.graph.state)
        with _enough_memory(args, model, path):
            proof = _write(args, model, weights, path, progress)
    if saved:
        say(f"{saved}: {count(model.params)} parameters as safetensors", err=False)
    verdict, *notes = proof
    say(f"{path}: {model.name}, {count(model.params)} parameters; {verdict}", err=False)
    for line in (*notes, *(f"note: {note}" for note in weight_notes(weights))):
        say(line, err=False)
    if args.no_sidecar and args.writes_onnx and os.path.exists(sidecar_path(path)):
        say(f"note: {sidecar_path(path)} is of an earlier file, and does not belong to this one", err=False)


class _CompileArguments(NamedTuple):
    """The command's arguments, as written; None where left out."""

    spec: str
    model: str | None
    arguments: tuple[str, ...]
    output: str | None
    target: str | None
    seed: int | None
    weights: str | None
    match: str | None
    save_weights: str | None
    opset: int | None
    runs_on: tuple[str, ...]
    functions: bool
    labels: tuple[str, ...]
    no_sidecar: bool
    no_verify: bool
    proof: str | None
    provider: str

    @property
    def writes_onnx(self) -> bool:
        if self.target is not None:
            return self.target == "onnx"
        return not (self.output and self.output.endswith(".py"))


@contextmanager
def _enough_memory(args: _CompileArguments, model: Model, path: Path) -> Iterator[None]:
    """Turns the lack of memory into words, and what to do."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "can't start new thread" not in str(error):
            raise
        from specc.report.notation import memory

        weights = f"the weights of {model.name} alone take {memory(4 * model.params)}"
        if args.no_verify:
            raise UsageError(f"not enough memory to write {path}: {weights}. Nothing was written") from error
        raise UsageError(
            f"not enough memory to prove {path}: {weights}, and a proof several times as much. Nothing was written. "
            "Free some memory; or write it with --no-verify, and prove it where there is more, with specc verify"
        ) from error


def _write(args: _CompileArguments, model: Model, weights: Weights, path: Path, progress: Progress | None) -> list[str]:
    """Write it, proven; returns what to print of that, a line each.

    Such as ``opset 18, IR 8, for onnxruntime>=1.16 (tested: 1.16.0 to 1.31.1); proven …``.
    """
    from specc.backends.onnx import IR_VERSIONS
    from specc.backends.onnx.runtimes import targets
    from specc.bundle.delivery import deliver_source
    from specc.cli.parsing import read_labels
    from specc.ir.targets import DEFAULT_OPSET
    from specc.options import proof_of_output
    from specc.report.proof_wording import failed, with_notes

    if not args.writes_onnx:
        proof = proof_of_output(not args.no_verify, args.provider, args.proof, progress)
        saved = Path(args.save_weights) if args.save_weights else None
        parity = deliver_source(model.graph, model.torch_source(), path, weights, proof, failed, saved)
        return with_notes(parity) if parity else ["not run (--no-verify)"]
    opset = DEFAULT_OPSET if args.opset is None else args.opset
    parity = model.to_onnx(
        path,
        weights=weights,
        opset=opset,
        runs_on=args.runs_on,
        functions=args.functions,
        verify=not args.no_verify,
        proof=args.proof,
        provider=args.provider,
        sidecar=not args.no_sidecar,
        labels=read_labels(args.labels, [port.name for port, _ in model.graph.outputs]),
        progress=progress,
        save_weights=args.save_weights or None,
    )
    on = f", IR {IR_VERSIONS[opset]}, for {listed(map(str, targets(args.runs_on)))}" if args.runs_on else ""
    verdict, *notes = with_notes(parity) if parity else ["parity not checked (--no-verify)"]
    return [f"opset {opset}{on}; {verdict}", *notes]


def _refuse_needless(args: _CompileArguments) -> None:
    """An option that would change nothing for this target is refused, never dropped."""
    from specc.options import require_suffix

    refuse_output(args.output)
    refuse_output(args.save_weights, option="--save-weights")
    if args.output and args.target is None and not args.output.endswith((".onnx", ".py")):
        raise UsageError(
            f"-o {args.output} does not say what to write: let it end in .onnx or .py, "
            "or add --target onnx or --target torch"
        )
    if args.output:
        require_suffix(args.output, "onnx" if args.writes_onnx else "torch")
    if args.writes_onnx:
        return
    if option := first_given({"--labels": args.labels, "--no-sidecar": args.no_sidecar}):
        raise UsageError(f"{option} is about the sidecar of an ONNX file, and this writes PyTorch")
    if option := first_given({"--opset": args.opset, "--runs-on": args.runs_on}):
        raise UsageError(f"{option} is for ONNX, and this writes PyTorch")
    if args.functions:
        raise UsageError("--functions is for ONNX: a .py keeps the blocks as classes anyway")
    if not args.save_weights and (option := first_given({"--seed": args.seed, "--weights": args.weights})):
        raise UsageError(f"{option} would change nothing: a .py holds no weights; add --save-weights FILE")


def _refuse_overwriting(args: _CompileArguments, path: Path) -> None:
    """No output may land on an input, nor on another output."""
    from specc.bundle.sidecar import sidecar_path
    from specc.cli.parsing import label_files

    inputs = [name for name in (args.spec, args.weights, *label_files(args.labels)) if name and name != "-"]
    sidecar = sidecar_path(path) if args.writes_onnx and not args.no_sidecar else None
    for file in (path, args.save_weights, sidecar):
        refuse_output(None if file is None else str(file), inputs)
    if args.save_weights and is_same_file(path, args.save_weights):
        raise UsageError(f"{path} cannot hold both the network and --save-weights")
    if args.save_weights and sidecar is not None and is_same_file(sidecar, args.save_weights):
        raise UsageError(
            f"{sidecar} is the sidecar of {path}: name another file for --save-weights, or add --no-sidecar"
        )
