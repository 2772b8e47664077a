"""What ``specc compile`` was asked for, checked for sense, written and proven."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from specc.api import Model
from specc.cli.inputs import labels, load, notes_on, one_source
from specc.cli.progress import bar
from specc.diagnostics import UsageError
from specc.diagnostics.words import listed
from specc.ir.onnx import DEFAULT_OPSET
from specc.report.notation import count

if TYPE_CHECKING:
    from specc.weights import Weights

_SUFFIXES = {"onnx": ".onnx", "torch": ".py"}


@dataclass(frozen=True)
class Request:
    """The command's arguments, as written; None where left out."""

    spec: str
    model: str | None
    settings: tuple[str, ...]
    output: str | None
    target: str | None
    seed: int | None
    weights: str | None
    match: str | None
    save_weights: str | None
    opset: int | None
    runs_on: tuple[str, ...]
    functions: bool
    labels: str | None
    no_sidecar: bool
    no_verify: bool
    provider: str

    def chosen_target(self) -> str:
        if self.target is not None:
            return self.target
        return "torch" if self.output and self.output.endswith(".py") else "onnx"

    def sidecar(self, path: Path) -> Path | None:
        """Where the sidecar of ``path`` goes; None where there is none."""
        from specc.bundle.sidecar import sidecar_path

        return None if self.no_sidecar or self.chosen_target() != "onnx" else sidecar_path(path)

    def path(self, model: Model) -> Path:
        if self.output is not None:
            return Path(self.output)
        return Path(model.name + _SUFFIXES[self.chosen_target()])


def run(request: Request) -> None:
    """Raises whatever stops it; prints what was written."""
    _refuse_senseless(request)
    model = load(request.spec, request.model, request.settings)
    path = request.path(model)
    _refuse_overwriting_inputs(request, path)
    weights = model.weights(seed=request.seed, file=request.weights, match=request.match)
    write = _write_onnx if request.chosen_target() == "onnx" else _write_torch
    with _saved_weights(request, model, weights):
        proof = write(request, model, weights, path)
    if request.save_weights:
        click.echo(f"{request.save_weights}: {count(model.params)} parameters as safetensors")
    click.echo(f"{path}: {model.name}, {count(model.params)} parameters; {proof}")
    notes_on(weights)
    _note_stale_sidecar(request, path)


def _note_stale_sidecar(request: Request, path: Path) -> None:
    """A sidecar that another compile has left belongs to the file that was replaced."""
    from specc.bundle.sidecar import sidecar_path

    if request.no_sidecar and request.chosen_target() == "onnx" and sidecar_path(path).exists():
        click.echo(f"note: {sidecar_path(path)} is of an earlier file, and does not belong to this one")


@contextmanager
def _saved_weights(request: Request, model: Model, weights: Weights) -> Iterator[None]:
    """Write the weights first, and put them in place only when the body has succeeded: both files or none."""
    if not request.save_weights:
        yield
        return
    from specc.atomic import replace
    from specc.weights import write_safetensors

    with replace(Path(request.save_weights)) as output:
        write_safetensors(output, model.graph.state, weights)
        output.close()
        yield


def _write_onnx(request: Request, model: Model, weights: Weights, path: Path) -> str:
    opset = DEFAULT_OPSET if request.opset is None else request.opset
    with bar() as progress:
        parity = model.to_onnx(
            path,
            weights=weights,
            opset=opset,
            runs_on=request.runs_on,
            functions=request.functions,
            verify=not request.no_verify,
            provider=request.provider,
            sidecar=not request.no_sidecar,
            labels=None if request.labels is None else labels(request.labels),
            progress=progress,
        )
    written = _written(opset, request.runs_on)
    if parity is None:
        return f"{written}; parity not checked (--no-verify)"
    from specc.report.proof.verdict import with_notes

    return f"{written}; {with_notes(parity)}"


def _written(opset: int, runs_on: tuple[str, ...]) -> str:
    """``opset 18, IR 8, for onnxruntime>=1.16 (tested: 1.16.0 to 1.31.1)"""
    if not runs_on:
        return f"opset {opset}"
    from specc.backends.onnx import IR_VERSIONS
    from specc.backends.onnx.runtimes import targets

    return f"opset {opset}, IR {IR_VERSIONS[opset]}, for {listed(map(str, targets(runs_on)))}"


def _write_torch(request: Request, model: Model, weights: Weights, path: Path) -> str:
    """The module is proven before its source is written: it is the PyTorch side of every parity check."""
    from specc.atomic import replace

    with replace(path) as output:
        output.write(model.torch_source().encode())
        output.close()
        if request.no_verify:
            return "not run (--no-verify)"
        from specc.report.proof.verdict import failed, with_notes

        with bar() as progress:
            parity = model.verify(weights=weights, provider=request.provider, progress=progress)
        if not parity.passed:
            raise failed(parity)
        return with_notes(parity)


def _refuse_senseless(request: Request) -> None:
    """An option that would change nothing is refused, never dropped."""
    one_source(request.seed, request.weights, request.match)
    target = request.chosen_target()
    for option, name in (("-o", request.output), ("--save-weights", request.save_weights)):
        if name in ("", "-"):
            raise UsageError(f"{option} needs the name of a file")
    if request.output and request.target is None and not request.output.endswith(tuple(_SUFFIXES.values())):
        raise UsageError(
            f"-o {request.output} does not say what to write: let it end in .onnx or .py, "
            "or add --target onnx or --target torch"
        )
    if request.output and Path(request.output).suffix in set(_SUFFIXES.values()) - {_SUFFIXES[target]}:
        raise UsageError(f"-o {request.output} is not the name of a file for --target {target}")
    if request.no_verify and request.provider != "cpu":
        raise UsageError(f"--provider {request.provider} says where the proof runs, and --no-verify leaves it out")
    if request.labels is not None and request.no_sidecar:
        raise UsageError("--labels go into the sidecar, and --no-sidecar leaves it out")
    if target == "onnx":
        return
    for option, given in (("--labels", request.labels is not None), ("--no-sidecar", request.no_sidecar)):
        if given:
            raise UsageError(f"{option} is about the sidecar of an ONNX file, and this writes PyTorch")
    if request.opset is not None:
        raise UsageError("--opset is for ONNX, and this writes PyTorch")
    if request.runs_on:
        raise UsageError("--runs-on is for ONNX, and this writes PyTorch")
    if request.functions:
        raise UsageError("--functions is for ONNX: a .py keeps the blocks as classes anyway")
    for name, value in (("--seed", request.seed), ("--weights", request.weights)):
        if value is not None and not request.save_weights:
            raise UsageError(f"{name} would change nothing: a .py holds no weights; add --save-weights FILE")


def _refuse_overwriting_inputs(request: Request, path: Path) -> None:
    """No output may land on an input, nor on the other output."""
    inputs = [name for name in (request.spec, request.weights, request.labels) if name and name != "-"]
    outputs = [path, *([Path(request.save_weights)] if request.save_weights else [])]
    sidecar = request.sidecar(path)
    if sidecar is not None:
        outputs.append(sidecar)
    for output in outputs:
        for name in inputs:
            if _same(output, Path(name)):
                raise UsageError(f"{output} is read by this command: write to another file")
    if request.save_weights and _same(path, Path(request.save_weights)):
        raise UsageError(f"{path} cannot hold both the network and --save-weights")
    if request.save_weights and sidecar is not None and _same(sidecar, Path(request.save_weights)):
        raise UsageError(
            f"{sidecar} is the sidecar of {path}: name another file for --save-weights, or add --no-sidecar"
        )


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
