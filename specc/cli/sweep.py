"""``specc sweep``: thousands of variants of one model, checked before any is built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from specc.cli.command import FINDINGS, Command, output, say, sizes
from specc.diagnostics import UsageError

if TYPE_CHECKING:
    from specc.sweeps.sweep import Sweep
    from specc.sweeps.table import Summary
    from specc.sweeps.variant import Variant


@click.command("sweep", cls=Command, short_help="Check thousands of variants of a model.")
@click.argument("spec", metavar="SPEC")
@click.option("--model", metavar="NAME", help="Which model of the file, where it has several.")
@click.option(
    "--set",
    "arguments",
    multiple=True,
    metavar="NAME=VALUES",
    help="What a parameter takes: 16,32,64, or 2..6, 2..10:2, 16..256:x2; may be repeated.",
)
@click.option("--grid", metavar="FILE", help="Take what parameters take from this YAML or TOML file.")
@click.option(
    "--when", multiple=True, metavar="CONDITION", help="On parameters: others are no variants; may be repeated."
)
@click.option("--where", metavar="CONDITION", help="Keep these networks alone, as in 'params < 2M and depth > 8'.")
@sizes
@click.option("--random", type=int, metavar="N", help="Draw so many variants.")
@click.option("--latin", type=int, metavar="N", help="Draw so many variants as a Latin hypercube.")
@click.option("--seed", type=int, help="Of the draws [default: 0].")
@click.option("--limit", type=click.IntRange(min=1), help="The most variants there may be [default: 1000000].")
@click.option(
    "--pareto", metavar="NUMBERS", help="Show those that none beats, as in macs,-receptive_field (- for more)."
)
@click.option("--format", "form", type=click.Choice(["table", "jsonl"]), default="table", show_default=True)
@output("Write sweep.json and variants.jsonl into this folder, as the sweep goes on.")
@click.option("--resume", is_flag=True, help="Go on with the sweep that the folder of -o has.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="How many processes [default: all processors]."
)
def command(**options: object) -> int:
    """Check every variant of a model, and show what each costs.

    Nothing is built. Those that do not fit are counted by their reasons.
    """
    args = _SweepArguments(**options)  # type: ignore[arg-type]  # click has their types
    if args.resume and args.output is None:
        raise UsageError("--resume goes on with the sweep of a folder: add -o FOLDER")
    if args.form == "jsonl" and args.pareto is not None:
        raise UsageError(
            "--pareto is for the table, and --format jsonl has a line for each variant: leave out one of the two"
        )
    sweep = _sweep(args)
    summary = _run(args, sweep)
    if args.form == "table":
        from specc.report.costs import console_for

        summary.print(console_for())
    if (name := sweep.changed()) is not None:
        say(f"note: {name} has been edited while the sweep ran: the results are of what it was before")
    return 0 if summary.kept else FINDINGS


class _SweepArguments(NamedTuple):
    """The command's arguments, as written; None where left out."""

    spec: str
    model: str | None
    arguments: tuple[str, ...]
    grid: str | None
    when: tuple[str, ...]
    where: str | None
    sizes: tuple[str, ...]
    random: int | None
    latin: int | None
    seed: int | None
    limit: int | None
    pareto: str | None
    form: str
    output: str | None
    resume: bool
    jobs: int | None


def _sweep(args: _SweepArguments) -> Sweep:
    """Raises SpecError, UsageError as `specc.sweep` does."""
    from specc.cli.parsing import parse_sizes, source
    from specc.sweeps.axes import axes_of, typed_axes
    from specc.sweeps.conditions import condition
    from specc.sweeps.grid import MOST, read_grid
    from specc.sweeps.sweep import Sweep, budget_of, grid_of
    from specc.sweeps.variant import Question

    axes, when = typed_axes(args.arguments), args.when
    if args.grid is not None:
        described = read_grid(args.grid)
        if twice := next((name for name in described.values if name in axes), None):
            raise UsageError(f"{twice} is in {args.grid}, and --set gives it, too: leave out one of the two")
        axes = {**axes_of(described.values, f"{args.grid}: "), **axes}
        when = (*described.when, *when)
    where = None if args.where is None else condition(args.where, "--where")
    question = Question(parse_sizes(args.sizes), where, budget_of(args.spec))
    grid = grid_of(axes, when, args.random, args.latin, args.seed, args.limit or MOST)
    return Sweep(source(args.spec), args.model, grid, question, args.jobs)


def _run(args: _SweepArguments, sweep: Sweep) -> Summary:
    """Check all, writing what is to be written; Ctrl-C leaves what is done."""
    from specc.cli.output import echo, progress_bar
    from specc.sweeps.pareto import Front, objectives
    from specc.sweeps.results import Results, line
    from specc.sweeps.table import Summary

    names = [axis.name for axis in sweep.grid.axes]
    summary = Summary(None if args.pareto is None else Front(objectives(args.pareto, names)))
    with ExitStack() as stack:
        done, results = 0, None
        if args.output is not None:
            results = stack.enter_context(Results(Path(args.output), sweep.description(), resume=args.resume))
            done = results.done
            for variant in results.read():
                summary.add(variant)
                if args.form == "jsonl":
                    echo(line(variant))
        draw = stack.enter_context(progress_bar("checking variants"))
        fresh = sweep.variants(done)
        variants: Iterator[Variant] = fresh if results is None else results.writing(fresh)
        stack.enter_context(closing(fresh))  # type: ignore[type-var]  # a generator
        try:
            for variant in variants:
                summary.add(variant)
                if args.form == "jsonl":
                    echo(line(variant))
                if draw is not None:
                    draw("checking variants", *_progress(summary.number, sweep.most))
        except KeyboardInterrupt:
            if results is not None:
                variants.close()  # type: ignore[attr-defined]
                say(f"{results.done:,} of {sweep.most:,} variants are in {args.output}: --resume goes on")
            raise
    return summary


_MILLISECONDS = 6
"""That a variant takes of a usual machine."""


def _progress(done: int, most: int) -> tuple[int, int]:
    return done * _MILLISECONDS, most * _MILLISECONDS
