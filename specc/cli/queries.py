"""Commands that only print: ``show``, ``explain``, ``inspect``, ``embed``, ``schema`` and ``doctor``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from specc.cli.command import (
    FINDINGS,
    USAGE,
    Command,
    echo_utf8,
    first_given,
    match,
    model_options,
    say,
    sizes,
    spec_and_model,
)
from specc.diagnostics import UsageError
from specc.diagnostics.words import visible

if TYPE_CHECKING:
    from specc.ir.graph import Graph


@click.command("show", cls=Command, short_help="Print every step with its shape and its costs.")
@spec_and_model
@sizes
@click.option("--depth", type=click.IntRange(min=1), help="Open blocks this deep: 1 gives a row to each outermost one.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
    help="For a screen, programs, spreadsheets, or documents.",
)
def show(
    spec: str,
    model: str | None,
    arguments: tuple[str, ...],
    sizes: tuple[str, ...],
    depth: int | None,
    form: str,
) -> None:
    """Print the table: step, output shape, parameters, MACs, memory, receptive field.

    Without --model, every model of the file, and then all of them side by side.
    """
    from specc.cli.parsing import costs_at, models_of, source
    from specc.report.costs import compare, console_for
    from specc.report.costs import show as show_table
    from specc.syntax import parse

    networks = [costs_at(network, sizes) for network in models_of(parse(source(spec)), model, arguments)]
    if form != "table":
        from specc.cli.output import echo
        from specc.report.cost_formats import written

        echo(written(networks, form, depth))
        return
    console = console_for()
    for costs in networks:
        show_table(costs, console, depth)
        console.print()
    if len(networks) > 1:
        compare(networks, console)


@click.command("explain", cls=Command, short_help="Show the arithmetic of a step, or what a code means.")
@click.argument("what", metavar="SPEC:STEP|CODE")
@model_options
@sizes
@click.option(
    "--as-matrix", is_flag=True, help="Show a linear step as the matrix that it is: sparse, its weights tied."
)
@click.option("--weights", metavar="FILE", help="Show the numbers of this file in the matrix, instead of symbols.")
@match
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv", "markdown"]),
    help="Of the matrix: for a screen, programs, spreadsheets, or documents [default: text].",
)
def explain(
    what: str,
    model: str | None,
    arguments: tuple[str, ...],
    sizes: tuple[str, ...],
    as_matrix: bool,
    weights: str | None,
    match: str | None,
    form: str | None,
) -> None:
    """Show the arithmetic behind one step (lenet.cnn:conv1), what a block holds (resnet.cnn:layer1.0), or what a
    diagnostic's code means (S0104)."""
    from specc.cli.output import echo
    from specc.cli.parsing import costs_at, load
    from specc.report.code_pages import meaning
    from specc.report.costs import explain

    of_matrix: dict[str, object] = {"--weights": weights, "--match": match, "--format": form}
    if not as_matrix and (given := first_given(of_matrix)):
        raise UsageError(f"{given} is about the matrix of a step: add --as-matrix")
    if (known := meaning(what)) is not None:
        of_step = {"--as-matrix": as_matrix, "--model": model, "--set": arguments, "--at": sizes}
        if given := first_given(of_step):
            raise UsageError(f"{given} is about a step, and {what} is a code")
        echo(known)
        return
    spec, _, step = what.rpartition(":")
    if not spec or not step:
        instead = "write SPEC:STEP, as in lenet.cnn:conv1, or a code, as in S0104"
        if not spec and os.path.isfile(what):
            first = load(what, model, arguments).graph.nodes[0].name
            instead = f"write {what}:STEP, as in {what}:{first}"
        raise UsageError(f"{what} names no step: {instead}")
    costs = costs_at(load(spec, model, arguments), sizes)
    echo(_matrix(costs.graph, step, weights, match, form or "text") if as_matrix else explain(costs, step))


def _matrix(graph: Graph, step: str, file: str | None, match: str | None, form: str) -> str:
    from specc.cli.parsing import weight_notes
    from specc.options import WeightOptions
    from specc.report.matrices import constants, matrix_of, numbers_of, written

    options = WeightOptions(None, file, match)
    matrix = matrix_of(graph, step)
    if options.is_empty:
        return written(graph, matrix, constants(matrix.node), form)
    weights = options.read(graph.state)
    for note in weight_notes(weights):
        say(f"note: {note}")
    return written(graph, matrix, numbers_of(matrix.node, weights), form, file)


@click.command("inspect", cls=Command, short_help="Say what an ONNX file is, and what its sidecar says.")
@click.argument("onnx", metavar="FILE.onnx")
@click.option("--sidecar", metavar="FILE", help="Its sidecar; left out: the one beside it, if there is any.")
@click.option("--format", "form", type=click.Choice(["full", "json"]), default="full", show_default=True)
def inspect(onnx: str, sidecar: str | None, form: str) -> int:
    """Read an ONNX file back: its interface, its metadata, and whether the sidecar beside it belongs to it.

    Nothing is run, and neither torch nor onnxruntime is needed.
    """
    from specc.bundle.inspection import inspect
    from specc.cli.output import echo
    from specc.report.artifacts import inspection_json, inspection_text

    inspection = inspect(Path(onnx), None if sidecar is None else Path(sidecar))
    echo(inspection_json(inspection) if form == "json" else inspection_text(inspection))
    if inspection.sidecar is not None and not inspection.sidecar.is_readable:
        return USAGE
    return 0 if inspection.is_whole else FINDINGS


@click.command("embed", cls=Command, short_help="Print a program that uses an ONNX file.")
@click.argument("onnx", metavar="FILE.onnx")
@click.option("--language", required=True, metavar="NAME", help="python, js (Node), web (a browser) or cpp.")
@click.option("--sidecar", metavar="FILE", help="Its sidecar; left out: the one beside it.")
def embed(onnx: str, language: str, sidecar: str | None) -> None:
    """Print a program that loads the file, says what goes in and comes out, and tests itself on the golden pair.

    It is meant to stand beside the file and its sidecar, as in: specc embed net.onnx --language python > use_net.py
    """
    from specc.embedding.program import program

    echo_utf8(program(Path(onnx), language, None if sidecar is None else Path(sidecar)))


@click.command("schema", cls=Command, short_help="Print the JSON Schema of specs in YAML, or of sidecars.")
@click.option("--sidecar", is_flag=True, help="Of the NAME.specc.json that goes with NAME.onnx.")
def schema(sidecar: bool) -> None:
    """Print the JSON Schema of specs in YAML, for editors and other programs.

    It knows every layer with its arguments. What takes a shape to know, `specc check` says.
    """
    if sidecar:
        from specc.bundle.sidecar import sidecar_schema as schema_json
    else:
        from specc.report.schema import schema_json
    echo_utf8(schema_json())


@click.command("doctor", cls=Command, short_help="Say what is installed and what really works.")
def doctor() -> int:
    """Say what is installed, which providers really work, and how to get what is missing."""
    # A broken part is a finding, a missing optional one is not.
    from specc.cli.output import echo, wants_color
    from specc.verify.doctor import Status, diagnose

    styles = {Status.OK: "green", Status.MISSING: "yellow", Status.BROKEN: "red"}
    findings = diagnose()
    color = wants_color(sys.stdout.isatty())
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        status = f"{finding.status:<8}"
        shown = click.style(status, fg=styles[finding.status]) if color else status
        echo(f"{finding.name:<{width}}  {shown} {visible(finding.detail)}")
        if finding.remedy:
            say(f"{'':<{width}}           {finding.remedy}", err=False)
    return FINDINGS if any(finding.status is Status.BROKEN for finding in findings) else 0
