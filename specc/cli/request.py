"""What ``specc compile`` was asked for, checked for sense, written and proven."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from specc.api import Model, failed
from specc.cli.inputs import load, notes_on, one_source
from specc.diagnostics import UsageError
from specc.ir.onnx import DEFAULT_OPSET
from specc.report.text import count

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
    functions: bool
    no_verify: bool
    provider: str

    def chosen_target(self) -> str:
        if self.target is not None:
            return self.target
        return "torch" if self.output and self.output.endswith(".py") else "onnx"

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


@contextmanager
def _saved_weights(request: Request, model: Model, weights: Weights) -> Iterator[None]:
    """Write the weights first, and put them in place only when the body has succeeded: both files or none."""
    if not request.save_weights:
        yield
        return
    from specc.files import replace
    from specc.weights import write_safetensors

    with replace(Path(request.save_weights)) as output:
        write_safetensors(output, model.graph.state, weights)
        output.close()
        yield


def _write_onnx(request: Request, model: Model, weights: Weights, path: Path) -> str:
    opset = DEFAULT_OPSET if request.opset is None else request.opset
    parity = model.to_onnx(
        path,
        weights=weights,
        opset=opset,
        functions=request.functions,
        verify=not request.no_verify,
        provider=request.provider,
    )
    if parity is None:
        return f"opset {opset}; parity not checked (--no-verify)"
    from specc.report.parity import with_notes

    return f"opset {opset}; {with_notes(parity)}"


def _write_torch(request: Request, model: Model, weights: Weights, path: Path) -> str:
    """The module is proven before its source is written: it is the PyTorch side of every parity check."""
    from specc.files import replace

    with replace(path) as output:
        output.write(model.torch_source().encode())
        output.close()
        if request.no_verify:
            return "not run (--no-verify)"
        from specc.report.parity import with_notes

        parity = model.verify(weights=weights, provider=request.provider)
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
    if target == "onnx":
        return
    if request.opset is not None:
        raise UsageError("--opset is for ONNX, and this writes PyTorch")
    if request.functions:
        raise UsageError("--functions is for ONNX: a .py keeps the blocks as classes anyway")
    for name, value in (("--seed", request.seed), ("--weights", request.weights)):
        if value is not None and not request.save_weights:
            raise UsageError(f"{name} would change nothing: a .py holds no weights; add --save-weights FILE")


def _refuse_overwriting_inputs(request: Request, path: Path) -> None:
    """No output may land on an input, nor on the other output."""
    inputs = [name for name in (request.spec, request.weights) if name and name != "-"]
    outputs = [path, *([Path(request.save_weights)] if request.save_weights else [])]
    for output in outputs:
        for name in inputs:
            if _same(output, Path(name)):
                raise UsageError(f"{output} is read by this command: write to another file")
    if len(outputs) == 2 and _same(*outputs):
        raise UsageError(f"{path} cannot hold both the network and --save-weights")


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
