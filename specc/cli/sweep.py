"""``specc sweep``: thousands of variants of one model, checked before any is built."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from specc.atomic import require_place
from specc.cli.command import FINDINGS, Command, output, refuse_output, say, sizes
from specc.diagnostics import UsageError
from specc.diagnostics.words import plural

if TYPE_CHECKING:
    from specc.sweeps.plot import Plot
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
@click.option("--parquet", metavar="FILE", help="Write all variants as Parquet, too.")
@click.option("--plot", metavar="FILE", help="Draw the first two numbers of --pareto: .png, .svg or .html.")
@click.option("--compile", "compiled", metavar="FOLDER", help="Write the ONNX of those that are left, proven.")
@click.option("--latency", is_flag=True, help="Measure those that are left in ONNX Runtime, in one thread.")
@click.option("--resume", is_flag=True, help="Go on with the sweep that the folder of -o has.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="How many processes [default: all processors]."
)
@click.option("--scheduler", metavar="ADDRESS", help="Have a Dask cluster check, as in tcp://host:8786.")
def command(**options: object) -> int:
    """Check every variant of a model, and show what each costs.

    None is built before all are checked. Those that do not fit are counted by their reasons.
    """
    args = _SweepArguments(**options)  # type: ignore[arg-type]  # click has their types
    _refuse_needless(args)
    sweep = _sweep(args)
    _require_means(args, sweep)
    run = _run(args, sweep)
    measured = _measured(args, sweep, run) if args.latency else {}
    if args.form == "table":
        from specc.report.costs import console_for

        run.summary.print(console_for(), measured)
    if run.plot is not None and args.plot is not None:
        run.plot.write(Path(args.plot), f"{sweep.model}: {plural(run.summary.number, 'variant')}", measured)
    failed = args.compiled is not None and _compile(args, sweep, run, Path(args.compiled))
    if (name := sweep.changed()) is not None:
        say(f"note: {name} has been edited while the sweep ran: the results are of what it was before")
    return FINDINGS if failed or not run.summary.kept else 0


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
    parquet: str | None
    plot: str | None
    compiled: str | None
    latency: bool
    resume: bool
    jobs: int | None
    scheduler: str | None


class _Run(NamedTuple):
    """What has come of all variants.

    Attributes:
        kept: those that are kept; none where the front has those that are left.
    """

    summary: Summary
    kept: list[Variant]
    plot: Plot | None

    @property
    def left(self) -> list[Variant]:
        """Those that are built: of the front, or all that are kept."""
        return self.kept if self.summary.front is None else self.summary.front.variants


def _refuse_needless(args: _SweepArguments) -> None:
    """An option that would change nothing is refused; so is what no result of the sweep can put right."""
    if args.resume and args.output is None:
        raise UsageError("--resume goes on with the sweep of a folder: add -o FOLDER")
    if args.plot is not None and args.pareto is None:
        raise UsageError("--plot draws the numbers of --pareto: add --pareto macs,-receptive_field, or two others")
    shown = (args.plot, args.compiled, args.latency or None)
    if args.form == "jsonl" and args.pareto is not None and not any(shown):
        raise UsageError("--format jsonl has a line for each variant, and --pareto is for what is left: leave out one")
    if args.form == "jsonl" and args.latency and args.output is None:
        raise UsageError("--format jsonl has no place for latencies: add -o FOLDER, or leave one out")
    if None not in (args.output, args.compiled) and Path(args.output or "") == Path(args.compiled or ""):
        raise UsageError(f"-o has results, and --compile ONNX files: {args.output} cannot be the folder of both")
    for option, name in (("--parquet", args.parquet), ("--plot", args.plot), ("--compile", args.compiled)):
        refuse_output(name, [args.spec, *filter(None, [args.grid])], option)
    if args.plot is not None:
        from specc.sweeps.plot import require_format

        require_format(Path(args.plot))


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
    return Sweep(source(args.spec), args.model, grid, question, args.jobs, args.scheduler, "--model")


def _require_means(args: _SweepArguments, sweep: Sweep) -> None:
    """What is built after all are checked is refused before, where it could not be."""
    from specc.sweeps.chosen import require_folder, require_installed, require_sizes

    if args.latency:
        require_sizes(sweep)
        require_installed("a latency", "onnxruntime")
    if args.compiled is not None:
        require_installed("a proof", "torch", "onnxruntime")
        require_folder(sweep, Path(args.compiled), resume=args.resume)


def _run(args: _SweepArguments, sweep: Sweep) -> _Run:
    """Check all, writing what is to be written; Ctrl-C leaves what is done."""
    from specc.cli.output import echo, progress_bar
    from specc.sweeps.pareto import Front, objectives
    from specc.sweeps.results import Results, line
    from specc.sweeps.table import Summary

    names = [axis.name for axis in sweep.grid.axes if axis.kinds <= {int, float}]
    front = None if args.pareto is None else Front(objectives(args.pareto, names))
    run = _Run(Summary(front), [], None)
    sinks: list[Callable[[Variant], object]] = [run.summary.add]
    if front is None and (args.compiled is not None or args.latency):
        sinks.append(lambda variant: run.kept.append(variant) if variant.kept else None)
    if front is not None and args.plot is not None:
        from specc.sweeps.plot import Plot

        run = run._replace(plot=(plot := Plot(front)))
        sinks.append(plot.add)
    if args.form == "jsonl":
        sinks.append(lambda variant: echo(line(variant)))
    with ExitStack() as stack:
        done, results = 0, None
        if args.output is not None:
            results = stack.enter_context(Results(Path(args.output), sweep.description(), resume=args.resume))
            done = results.done
        if args.plot is not None:
            require_place(Path(args.plot))
        if args.parquet is not None:
            from specc.sweeps.arrow import parquet_file

            sinks.append(stack.enter_context(parquet_file(Path(args.parquet), sweep.grid.axes, sweep.question)).add)
        for variant in () if results is None else results.read():
            for sink in sinks:
                sink(variant)
        draw = stack.enter_context(progress_bar("checking variants"))
        fresh = stack.enter_context(closing(sweep.variants(done)))
        variants = fresh if results is None else stack.enter_context(closing(results.writing(fresh)))
        try:
            for variant in variants:
                for sink in sinks:
                    sink(variant)
                if draw is not None:
                    draw("checking variants", *_progress(run.summary.number, sweep.most))
        except KeyboardInterrupt:
            if results is not None:
                variants.close()
                say(f"{results.done:,} of {sweep.most:,} variants are in {args.output}: --resume goes on")
            raise
    return run


def _measured(args: _SweepArguments, sweep: Sweep, run: _Run) -> dict[int, float]:
    """By variant the median of its times, in milliseconds."""
    from specc.cli.output import progress_bar
    from specc.sweeps.chosen import latencies, write_latencies

    gc.enable()  # to build networks leaves much to collect
    numbers = [variant.number for variant in run.left]
    found = {}
    with progress_bar("measuring variants") as draw:
        for done, (number, latency) in enumerate(latencies(sweep, numbers), 1):
            found[number] = latency
            if draw is not None:
                draw("measuring variants", 1000 * done, 1000 * len(numbers))
    if args.output is not None:
        write_latencies(Path(args.output), found)
    medians = {number: latency.median for number, latency in found.items()}
    if args.parquet is not None:
        from specc.sweeps.arrow import add_latencies

        add_latencies(Path(args.parquet), medians)
    return medians


def _compile(args: _SweepArguments, sweep: Sweep, run: _Run, folder: Path) -> bool:
    """Build those that are left, say which, and give whether a proof failed."""
    from specc.cli.output import progress_bar
    from specc.sweeps.chosen import compile_all

    gc.enable()
    left, written, failures = run.left, 0, []
    with progress_bar("compiling variants") as draw:
        for done, one in enumerate(compile_all(sweep, left, folder), 1):
            written += one.failure is None and not one.was_there
            if one.failure is not None:
                failures.append(one)
            if draw is not None:
                draw("compiling variants", 1000 * done, 1000 * len(left))
    there = len(left) - written - len(failures)
    say(f"{folder}: {plural(written, 'ONNX file')}, proven" + (f"; {there:,} were there" if there else ""), err=False)
    for one in failures:
        assert one.failure is not None, "it is one"
        say(f"error: {one.path.name}: {one.failure.verdict}")
    return bool(failures)


_MILLISECONDS = 6
"""That a variant takes of a usual machine."""


def _progress(done: int, most: int) -> tuple[int, int]:
    return done * _MILLISECONDS, most * _MILLISECONDS
