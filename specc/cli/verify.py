"""``specc verify``."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from contextlib import suppress
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from specc.cli.command import Command
from specc.cli.exits import FINDINGS
from specc.cli.options import choose_model, match, output, provider, refuse_output
from specc.cli.places import refuse_misplaced, report_format
from specc.diagnostics import ParityError, SpecError, UsageError

if TYPE_CHECKING:
    from specc.api import Model
    from specc.onnxfile import OnnxFile
    from specc.report.proof.verdict import ProofSubject
    from specc.report.snippets import Style
    from specc.verify.result import Parity, Tolerance
    from specc.weights import Weights


@click.command("verify", cls=Command, short_help="Prove an ONNX file equal to PyTorch.")
@choose_model
@click.argument("onnx", nargs=-1, metavar="[ONNX]")
@click.option("--seed", type=int, help="The weights must be those of this seed.")
@click.option("--weights", metavar="FILE", help="The weights must be those of this safetensors, .npz or PyTorch file.")
@match
@provider
@click.option("--tf32", is_flag=True, help="Let CUDA round the factors of products to TF32; bounds are wider then.")
@click.option("--atol", type=float, help="Allow atol + rtol * |truth| instead of the bounds that the arithmetic sets.")
@click.option("--rtol", type=float, help="As --atol.")
@click.option(
    "--rename",
    multiple=True,
    metavar="NAME=NAME",
    help="What an input or output of the file is called in the spec, where places and shapes do not say it.",
)
@click.option("--all", "everything", is_flag=True, help="Show every row of long tables.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["full", "json", "html"]),
    help="Left out: by the end of -o FILE, .html or .json; else full.",
)
@output("Write the report to FILE instead of standard output.")
@click.option("--repro", metavar="DIR", help="Write the first step that diverges to DIR, with all that shows it.")
@click.option("--sidecar", metavar="FILE", help="With an ONNX file alone: its golden pair; beside it if left out.")
def command(**options: Any) -> int:
    """Prove an ONNX file (by default the one that compile would write) equal to PyTorch, step by step.

    With an ONNX file alone, run it on the golden input of the sidecar that compile wrote beside it.
    """
    from specc.onnxfile import OnnxFile

    spec, files = options.pop("spec"), options.pop("onnx")
    refuse_misplaced(spec, files)
    form = report_format(options.pop("form"), options["output"])
    onnx = files[0] if files else None
    model = onnx or (spec if spec.lower().endswith(".onnx") else None)
    request = _Request(spec, onnx, None if model is None else OnnxFile(Path(model)), form=form, **options)
    if request.is_golden:
        return _golden(request)
    gc.enable()
    return _prove(request)


class _Request(NamedTuple):
    """The arguments, as written; None where left out."""

    spec: str
    onnx: str | None
    file: OnnxFile | None
    model: str | None
    settings: tuple[str, ...]
    seed: int | None
    weights: str | None
    match: str | None
    provider: str
    tf32: bool
    atol: float | None
    rtol: float | None
    rename: tuple[str, ...]
    everything: bool
    form: str
    output: str | None
    repro: str | None
    sidecar: str | None

    @property
    def is_golden(self) -> bool:
        """Whether there is an ONNX file and no spec."""
        return self.onnx is None and self.file is not None

    @property
    def read(self) -> list[str]:
        """The files that are read, or belong to one that is."""
        named = [name for name in (self.spec, self.onnx, self.weights, self.sidecar) if name and name != "-"]
        return named if self.file is None else [*named, *_belonging_to(self.file)]


def _belonging_to(file: OnnxFile) -> list[str]:
    """The sidecar of an ONNX file, and where its weights are if not inside; of one that cannot be read, the former."""
    from specc.bundle.sidecar import sidecar_path

    assert file.path is not None
    files = [sidecar_path(file.path)]
    with suppress(UsageError):  # it is told when the file is read for what it holds
        files += [file.folder / name for name in file.data_files]
    return list(map(str, files))


def _golden(request: _Request) -> int:
    from specc.cli.golden import run

    options = {
        "--model": request.model, "--set": request.settings, "--seed": request.seed, "--weights": request.weights,
        "--match": request.match, "--tf32": request.tf32, "--atol": request.atol, "--rtol": request.rtol,
        "--rename": request.rename, "--all": request.everything, "--repro": request.repro,
    }  # fmt: skip
    for option, given in options.items():
        if given is not None and given is not False and given != ():  # 0 is a value too
            command = shlex.join(["specc", "verify", "SPEC", request.spec, *_typed(option, given)])
            raise UsageError(f"{option} is for a spec and its ONNX file: {command}")
    _refuse_output(request)
    assert request.file is not None
    return run(request.spec, request.file, request.sidecar, request.provider, request.form, request.output)


def _typed(option: str, given: object) -> list[str]:
    """An option as it was typed."""
    if given is True:
        return [option]
    values = given if isinstance(given, tuple) else (f"{given:g}" if isinstance(given, float) else str(given),)
    return [word for value in values for word in (option, value)]


def _prove(request: _Request) -> int:
    from specc.cli.evidence import subject_of
    from specc.cli.inputs import load, notes_of, one_source

    one_source(request.seed, request.weights, request.match)
    tolerance = _refuse_senseless(request)
    # A report is handed on: paths are as relative as they can be.
    try:
        network = load(_shown(request.spec), request.model, request.settings)
    except SpecError as error:
        _show_mistakes(request, error)
        raise
    # With neither, an ONNX file's own weights are taken.
    given = request.seed is not None or request.weights is not None
    source = network.weights(seed=request.seed, file=request.weights, match=request.match) if given else None
    subject = subject_of(network.name, request.file, request.seed, request.weights)
    parity = _proof(request, network, source, tolerance)
    _show(request, replace(parity, notes=(*parity.notes, *notes_of(source))), subject)
    if request.repro is not None:
        _reproduce(request.repro, parity)
    return 0 if parity.passed else FINDINGS


def _show_mistakes(request: _Request, error: SpecError) -> None:
    """The report on a spec that has mistakes, which are shown by themselves to people."""
    if request.output is None and request.form == "full":
        return
    from specc.cli.evidence import subject_of
    from specc.report.proof.verdict import mistaken

    name = request.model or Path(request.spec).stem
    _show(request, mistaken(error, request.provider), subject_of(name, request.file, request.seed, request.weights))


def _proof(request: _Request, network: Model, source: Weights | None, tolerance: Tolerance | None) -> Parity:
    """The proof; where the file's own weights do not fit the spec, that as the one check that there is."""
    from specc.cli.progress import bar

    try:
        with bar() as progress:
            return network.verify(
                request.file,
                weights=source,
                provider=request.provider,
                tf32=request.tf32,
                tolerance=tolerance,
                rename=_renamed(request.rename),
                progress=progress,
            )
    except ParityError as error:
        from specc.report.proof.verdict import unfit

        return unfit(error, request.provider)


def _refuse_senseless(request: _Request) -> Tolerance | None:
    """An option that would change nothing, or make everything right, is refused. The tolerance that is asked for."""
    if request.sidecar is not None:
        raise UsageError("--sidecar is for an ONNX file without its spec: specc verify FILE.onnx --sidecar FILE")
    if request.everything and request.form != "full":
        raise UsageError(f"--all would change nothing: {request.form} has every row anyway")
    if request.tf32 and request.provider != "cuda":
        raise UsageError("--tf32 is about NVIDIA GPUs: add --provider cuda")
    if request.rename and request.onnx is None:
        raise UsageError("--rename is for a file from elsewhere: specc verify SPEC FILE.onnx --rename NAME=NAME")
    _refuse_output(request)
    _refuse_folder(request)
    tolerance = _tolerance(request.atol, request.rtol)
    if tolerance is not None and request.repro is not None:
        raise UsageError("--repro writes the first step that diverges, and --atol and --rtol judge the outputs only")
    return tolerance


def _refuse_output(request: _Request) -> None:
    refuse_output(request.output, request.read if request.output else ())
    if request.output:
        from specc.atomic import require_place

        require_place(Path(request.output))


def _refuse_folder(request: _Request) -> None:
    if request.repro is None:
        return
    from specc.atomic import require_new_folder

    folder = Path(request.repro)
    require_new_folder(folder)
    if request.output and Path(os.path.realpath(folder)) in Path(os.path.realpath(request.output)).parents:
        raise UsageError(f"-o {request.output} lies in {folder}, which --repro writes whole: name another place")


def _renamed(texts: tuple[str, ...]) -> dict[str, str]:
    """By name in the file, which may have signs of any kind."""
    found: dict[str, str] = {}
    for text in texts:
        theirs, _, ours = text.rpartition("=")
        if not theirs or not ours:
            raise UsageError(f"--rename {text} is no NAME=NAME: the file's name, then the spec's, as in input.1=image")
        if theirs in found:
            raise UsageError(f"--rename names {theirs} twice")
        found[theirs] = ours
    return found


def _tolerance(atol: float | None, rtol: float | None) -> Tolerance | None:
    for option, value in (("--atol", atol), ("--rtol", rtol)):
        if value is not None and not (isfinite(value) and value >= 0):
            raise UsageError(f"{option} is a number from 0 on, as in {option} 1e-5, not {value:g}")
    if atol is None and rtol is None:
        return None
    from specc.verify.result import Tolerance

    return Tolerance(atol or 0.0, rtol or 0.0)


def _show(request: _Request, parity: Parity, subject: ProofSubject) -> None:
    """The report on standard output, or, with the verdict there, in a file."""
    from specc.cli.output import echo, screen, speaks_unicode, wants_color
    from specc.report.proof.verdict import UNFIT, full_reason, verdict
    from specc.report.snippets import Style

    for row in parity.rows:
        if row.case == UNFIT and (request.output is not None or request.form != "full"):
            echo(f"error: {full_reason(row)}", err=True)
    if request.output is None:
        out = sys.stdout
        style = Style(color=wants_color(out.isatty()), unicode=speaks_unicode(out), width=screen(out))
        echo(_report(request, parity, subject, style))
        return
    from specc import atomic

    with atomic.replace(Path(request.output)) as file:
        file.write(f"{_report(request, parity, subject, Style())}\n".encode())
    echo(verdict(parity, subject))


def _report(request: _Request, parity: Parity, subject: ProofSubject, style: Style) -> str:
    from specc.report.proof import rendered

    return rendered(request.form, parity, subject, style=style, everything=request.everything)


def _shown(path: str) -> str:
    from specc.project.paths import shown

    return path if path == "-" else shown(path)


def _reproduce(folder: str, parity: Parity) -> None:
    """Write what shows the first step that diverges, or say why there is nothing to write."""
    from specc.verify.reproduction import write_reproduction

    if parity.reproduction is None:
        whole = "" if parity.passed else ": what fails is the file as a whole"
        reason = "no step diverges by itself" + whole if parity.first_divergence is None else _no_model(parity)
        click.echo(f"{folder} is not written: {reason}", err=True)
        return
    write_reproduction(Path(folder), parity.reproduction, parity)
    script = Path(folder, "repro.py").as_posix()
    click.echo(f"{folder}: {parity.reproduction.row.name} by itself; run it with python {script}", err=True)


def _no_model(parity: Parity) -> str:
    first = parity.first_divergence
    return f"{first.name if first else ''} cannot be cut out of the file: {first.reason if first else ''}"
