"""``specc verify``: an ONNX file against its spec, or, without one, against its sidecar."""

from __future__ import annotations

import gc
import os
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from specc.bundle import SUFFIX
from specc.cli import command as shared
from specc.cli.command import FINDINGS, NOTHING, Command, first_given, is_onnx, refuse_output, say, say_error
from specc.diagnostics import ParityError, SpecError, UsageError
from specc.diagnostics.words import listed, system_reason
from specc.project.paths import shown

if TYPE_CHECKING:
    from specc.onnxfile import OnnxFile
    from specc.options import ProofOptions
    from specc.report.proof_wording import ProofSubject
    from specc.verify.result import Parity

_FORMATS = {".json": "json", ".html": "html", ".htm": "html", ".txt": "full"}
"""The format of a report by the end of its name."""


@click.command("verify", cls=Command, short_help="Prove an ONNX file equal to PyTorch.")
@shared.spec_and_model
@click.argument("onnx", nargs=-1, metavar="[ONNX]")
@click.option("--seed", type=int, help="The weights must be those of this seed.")
@click.option("--weights", metavar="FILE", help="The weights must be those of this safetensors, .npz or PyTorch file.")
@shared.match
@shared.proof
@shared.provider
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
@shared.output("Write the report to FILE instead of standard output.")
@click.option("--repro", metavar="DIR", help="Write the first step that diverges to DIR, with all that shows it.")
@click.option("--sidecar", metavar="FILE", help="With an ONNX file alone: its golden pair; beside it if left out.")
def command(spec: str, onnx: tuple[str, ...], form: str | None, **options: object) -> int:
    """Prove an ONNX file (by default the one that compile would write) equal to PyTorch, step by step.

    With an ONNX file alone, run it on the golden input of the sidecar that compile wrote beside it.
    """
    _refuse_misplaced(spec, onnx)
    args = _VerifyArguments(spec, onnx[0] if onnx else None, form=form or "full", **options)  # type: ignore[arg-type]
    by_name = _FORMATS.get(Path(args.output).suffix.lower()) if args.output else None
    if form is not None and by_name is not None and form != by_name:
        raise UsageError(
            f"-o {args.output} is the name of a file for --format {by_name}, and --format {form} is asked for"
        )
    args = args._replace(form=form or by_name or "full")
    if onnx or not is_onnx(spec):
        gc.enable()  # a proof, unlike a check, leaves much to collect
        return _prove(args)
    return _recheck(args)


class _VerifyArguments(NamedTuple):
    """The command's arguments, as written; None where left out."""

    spec: str
    onnx: str | None
    model: str | None
    arguments: tuple[str, ...]
    seed: int | None
    weights: str | None
    match: str | None
    proof: str | None
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


# ---- against the spec --------------------------------------------------------------------------------------


def _prove(args: _VerifyArguments) -> int:
    from specc.cli.output import progress_bar
    from specc.cli.parsing import load, parse_renames, weight_notes
    from specc.options import QUICK, ProofOptions, WeightOptions, tolerance

    weights = WeightOptions(args.seed, args.weights, args.match)
    judged_by = tolerance(args.atol, args.rtol)
    renames = parse_renames(args.rename)
    proof = ProofOptions(args.provider, args.tf32, judged_by, renames, level=args.proof or QUICK)
    file = None
    if args.onnx is not None:  # a bad spec without one is refused before onnx and numpy are loaded
        from specc.onnxfile import OnnxFile

        file = OnnxFile(Path(args.onnx))
    _refuse_needless(args, proof, file)
    try:
        # A report is handed on: paths are as relative as they can be.
        network = load(args.spec if args.spec == "-" else shown(args.spec), args.model, args.arguments)
    except SpecError as error:
        if args.output is not None or args.form != "full":  # to people mistakes are shown by themselves
            from specc.report.proof_wording import mistaken

            name = args.model or Path(args.spec).stem
            _show(args, mistaken(error, args.provider), _subject(name, file, args))
        raise
    source = None if weights.is_empty else weights.read(network.graph.state)  # None: those of the file
    subject = _subject(network.name, file, args)
    try:
        with progress_bar("reading the file" if file else "writing the file") as progress:
            parity = network.verify(
                file,
                weights=source,
                proof=proof.level,
                provider=proof.provider,
                tf32=proof.tf32,
                tolerance=proof.tolerance,
                rename=proof.rename,
                progress=progress,
            )
    except ParityError as error:  # the file's own weights do not fit the spec: that is the one check that there is
        from specc.report.proof_wording import unfit

        parity = unfit(error, args.provider)
    except MemoryError as error:
        from specc.report.notation import memory

        takes = f"the weights of {network.name} alone take {memory(4 * network.params)}, and a proof several times"
        less = "; --proof quick takes less" if proof.level != QUICK else ""
        raise UsageError(
            f"not enough memory to prove {args.onnx or network.name}: {takes} as much. Nothing is said of the file. "
            f"Free some memory, or prove it where there is more{less}"
        ) from error
    _show(args, replace(parity, notes=(*parity.notes, *weight_notes(source))), subject)
    if args.repro is not None:
        _reproduce(args.repro, parity)
    return 0 if parity.passed else FINDINGS


def _subject(model: str, file: OnnxFile | None, args: _VerifyArguments) -> ProofSubject:
    """What a proof is about, so that who reads its report can tell: which bytes, and what their weights had to be.

    Raises:
        UsageError: the file, or one that its weights are in, cannot be read.
    """
    from specc.bundle.sidecar import sha256_of
    from specc.report.proof_wording import OWN_WEIGHTS, FileDigest, ProofSubject

    if args.weights is not None:
        weights = shown(args.weights)
    else:
        weights = f"seed {args.seed or 0}" if args.seed is not None or file is None else OWN_WEIGHTS
    if file is None:
        return ProofSubject(model, None, weights=weights)
    assert file.path is not None
    parts = (file.path, *(file.folder / name for name in file.data_files))
    # One that is missing is the proof's to tell.
    files = [
        FileDigest(shown(str(part)), part.stat().st_size, sha256_of(part)) for part in parts if os.path.isfile(part)
    ]
    return ProofSubject(model, shown(str(file.path)), tuple(files), weights, file.claimed_weights)


def _show(args: _VerifyArguments, parity: Parity, subject: ProofSubject) -> None:
    """The report on standard output, or, with the verdict there, in a file."""
    from specc.cli.output import style_of, write
    from specc.report.formats import proof_text
    from specc.report.proof_wording import UNFIT, full_reason, verdict

    for row in parity.rows:
        if row.case == UNFIT and (args.output is not None or args.form != "full"):
            say_error(full_reason(row))
    write(proof_text(args.form, parity, subject, style_of(args.output), everything=args.everything), args.output)
    if args.output is not None:
        say(verdict(parity, subject), err=False)


def _reproduce(folder: str, parity: Parity) -> None:
    """Write what shows the first step that diverges, or say why there is nothing to write."""
    from specc.verify.reproduction import write_reproduction

    if parity.reproduction is not None:
        write_reproduction(Path(folder), parity.reproduction, parity)
        script = Path(folder, "repro.py").as_posix()
        say(f"{folder}: {parity.reproduction.row.name} by itself; run it with python {script}")
        return
    reason = "no step diverges by itself" + ("" if parity.passed else ": what fails is the file as a whole")
    if (first := parity.first_divergence) is not None:
        reason = f"{first.name} cannot be cut out of the file: {first.reason}"
    say(f"{folder} is not written: {reason}")


def _refuse_needless(args: _VerifyArguments, proof: ProofOptions, file: OnnxFile | None) -> None:
    """An option that would change nothing, or make everything right, is refused; so is what cannot be written."""
    from specc.atomic import require_new_folder

    if args.sidecar is not None:
        raise UsageError("--sidecar is for an ONNX file without its spec: specc verify FILE.onnx --sidecar FILE")
    if args.everything and args.form != "full":
        raise UsageError(f"--all would change nothing: {args.form} has every row anyway")
    _refuse_report(args, file)
    if args.repro is None:
        return
    folder = Path(args.repro)
    require_new_folder(folder)
    if args.output and Path(os.path.realpath(folder)) in Path(os.path.realpath(args.output)).parents:
        raise UsageError(f"-o {args.output} lies in {folder}, which --repro writes whole: name another place")
    if proof.tolerance is not None:
        raise UsageError("--repro writes the first step that diverges, and --atol and --rtol judge the outputs only")


def _refuse_report(args: _VerifyArguments, file: OnnxFile | None) -> None:
    """A report may land neither on what is read nor on what belongs to that, and must be possible where it goes."""
    from specc.atomic import require_place
    from specc.bundle.sidecar import sidecar_path

    read = [name for name in (args.spec, args.onnx, args.weights, args.sidecar) if name and name != "-"]
    if args.output and file is not None and file.path is not None:
        read.append(str(sidecar_path(file.path)))
        with suppress(UsageError):  # one that cannot be read is reported where its content is needed
            read += [str(file.folder / name) for name in file.data_files]
    refuse_output(args.output, read)
    if args.output:
        require_place(Path(args.output))


# ---- against the sidecar -----------------------------------------------------------------------------------


def _recheck(args: _VerifyArguments) -> int:
    """Compare a file with its sidecar: 0 where all agree, 1 where something does not, 3 where nothing can be run."""
    from specc.bundle.recheck import recheck
    from specc.bundle.sidecar import read_sidecar, sidecar_path
    from specc.cli.output import write
    from specc.diagnostics.spelling import suggest
    from specc.onnxfile import OnnxFile
    from specc.report.artifacts import recheck_json, recheck_text

    onnx = args.spec
    _refuse_for_spec(args)
    file, path = OnnxFile(Path(onnx)), Path(onnx)
    _refuse_report(args, file)
    if args.form not in ("full", "json"):
        raise UsageError(
            f"--format {args.form} is for a proof against a spec: specc verify SPEC {onnx} --format {args.form}"
        )
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder: name the ONNX file in it")
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        similar = suggest(path.name, [other.name for other in path.parent.glob("*.onnx")])
        hint = f"; did you mean {path.with_name(similar.names[0])}?" if similar else ""
        raise UsageError(f"there is no {path}{hint}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {system_reason(error)}") from None
    where = Path(args.sidecar) if args.sidecar is not None else sidecar_path(path)
    try:
        if not os.path.lexists(where):
            raise UsageError(
                f"{where} is not there, and without it nothing is known of what {onnx} should compute: name the "
                f"sidecar with --sidecar FILE, or the spec: specc verify SPEC {onnx}"
            )
        sidecar = read_sidecar(where)
    except UsageError:
        _ = file.proto  # of two files that are wrong, the one that was named first
        raise
    result = recheck(file, sidecar, where, args.provider)
    write((recheck_json if args.form == "json" else recheck_text)(onnx, where, result), args.output)
    if not all(check.passed for check in result.checks):
        return FINDINGS
    return 0 if result.is_tested else NOTHING


def _refuse_for_spec(args: _VerifyArguments) -> None:
    """Options of a proof against a spec are refused, with the command that they belong to."""
    options = {
        "--model": args.model, "--set": args.arguments, "--seed": args.seed, "--weights": args.weights,
        "--match": args.match, "--proof": args.proof, "--tf32": args.tf32, "--atol": args.atol, "--rtol": args.rtol,
        "--rename": args.rename, "--all": args.everything, "--repro": args.repro,
    }  # fmt: skip
    if option := first_given(options):
        value: object = options[option]
        words = [option] if value is True else []
        for part in value if isinstance(value, tuple) else () if value is True else (value,):
            words += [option, f"{part:g}" if isinstance(part, float) else str(part)]
        raise UsageError(f"{option} is for a spec and its ONNX file: {_command('SPEC', args.spec, *words)}")


# ---- files named where others belong -----------------------------------------------------------------------


def _refuse_misplaced(spec: str, files: Sequence[str]) -> None:
    """An ONNX file or a sidecar in place of the spec, a sidecar in place of the ONNX file, or several ONNX files.

    Raises:
        UsageError: with the right command.
    """
    names = (spec, *files)
    sidecar = next((name for name in names if name.lower().endswith(SUFFIX)), None)
    if sidecar is not None:
        own = next(filter(is_onnx, names), f"{sidecar[: -len(SUFFIX)]}.onnx")
        command = _command(own, "--sidecar", sidecar)
        raise UsageError(f"{sidecar} is a sidecar, which goes with its ONNX file: {command}")
    if len(files) == 1 and is_onnx(spec) and not is_onnx(files[0]):
        raise UsageError(f"the spec comes first: {_command(files[0], spec)}")
    if files and is_onnx(spec):
        none = f"none of {listed(names)}" if len(names) > 2 else f"neither {spec} nor {files[0]}"
        one = _command("SPEC", spec)
        raise UsageError(f"{none} is a spec: {one} proves one; each against its own sidecar: {_loop(names)}")
    if len(files) > 1:
        raise UsageError(f"one file at a time: {_loop(files, spec)}")


def _command(*arguments: str) -> str:
    return shlex.join(("specc", "verify", *arguments))


def _loop(files: Sequence[str], *before: str) -> str:
    """What a shell does with each of several files, until one fails."""
    return f'for file in {shlex.join(files)}; do {_command(*before)} "$file" || break; done'
