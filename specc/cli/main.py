"""``specc``. Exit codes: 0 fine; 1 findings or a failed parity; 2 wrong usage or our own error; 3 nothing to check.

Only click is imported here; each command imports what it needs when it runs, so that help is instant.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import traceback
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

import click

from specc.cli.exits import FINDINGS, USAGE
from specc.diagnostics import ParityError, SpecError, UsageError
from specc.version import __version__


class _Command(click.Command):
    """A command that ignores no option: of one that is given again, click alone would take the last."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, given = self.make_parser(ctx).parse_args(list(args))
        helps = ctx.resilient_parsing or any(parameter.is_eager for parameter in given)  # completion; --help
        for option in () if helps else given:
            if isinstance(option, click.Option) and not option.multiple and given.count(option) > 1:
                times = "twice" if given.count(option) == 2 else f"{given.count(option)} times"
                raise UsageError(f"{'/'.join(option.opts)} is given {times}, and it can only be given once")
        return super().parse_args(ctx, args)


class _Commands(click.Group):
    command_class = _Command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="specc")
def cli() -> None:
    """A compiler for convolutional networks: proves that a spec fits together, writes PyTorch and ONNX."""


def main() -> NoReturn:
    """The console script. Every way out is an exit code and, where it is no success, a plain message."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _ended)
    # This process is ours: nothing in it is a plugin's business, and looking for one takes a twentieth of a check.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # A stream that the caller has closed is none at all in Python; what goes there goes nowhere.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the text of a spec, a path: not every stream can say it
    gc.disable()  # reading and checking leave nothing to collect; what runs for long turns it on again
    try:
        code = _run()
        sys.stdout.flush()
    except OSError as error:
        # The disk behind our output is full, or its reader has left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _told(UsageError(f"cannot write the output: {(error.strerror or str(error)).lower()}"))
    sys.exit(code)


def _run() -> int:
    try:
        code = cli.main(standalone_mode=False, prog_name="specc")
    except SystemExit as left:
        # click leaves so where nobody reads the output any more; a signal's handler leaves with its own code.
        return 128 + signal.SIGPIPE if left.code == 1 else int(left.code or 0)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        return 128 + signal.SIGINT
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EPIPE):
            raise
        return _told(error)
    return code if isinstance(code, int) else 0


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - open until the process ends


def _told(error: Exception) -> int:
    """Say what went wrong and return the exit code."""
    match error:
        case SpecError():
            from specc.cli.output import print_findings

            print_findings(error.diagnostics, err=True)
            return FINDINGS
        case ParityError():
            click.echo(f"error: {error}", err=True)
            return FINDINGS
        case UsageError():
            click.echo(f"error: {error}", err=True)
            return USAGE
        case MemoryError():
            click.echo("error: this takes more memory than there is; --no-verify leaves out the proof", err=True)
            return USAGE
        case click.Abort():
            click.echo("interrupted", err=True)
            return 128 + signal.SIGINT
        case click.ClickException():
            error.show()
            return error.exit_code
    return _internal(error)


def _internal(error: Exception) -> int:
    """Our own mistake: say so, with what a report needs."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    click.echo(f"internal error: {type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})", err=True)
    click.echo("This is a mistake in specc, not in your spec: please report it, with the spec.", err=True)
    if os.environ.get("SPECC_TRACEBACK"):
        click.echo("".join(traceback.format_exception(error)), err=True)
    else:
        click.echo("SPECC_TRACEBACK=1 in the environment shows where it happened.", err=True)
    return USAGE


def _ended(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM and SIGHUP unwind like an exception, so that no temporary file is left."""
    sys.exit(128 + number)


def _choose_model(command: Any) -> Any:
    """SPEC, --model and --set: which network a command is about."""
    command = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="Give a parameter of the model a value; may be repeated.",
    )(command)
    command = click.option("--model", metavar="NAME", help="Which model of the file, where it has several.")(command)
    return click.argument("spec", metavar="SPEC")(command)


def _sizes(command: Any) -> Any:
    return click.option(
        "--at",
        "sizes",
        multiple=True,
        metavar="NAME=SIZE",
        help="Give a symbolic size of the contract a number, as in --at H=224 --at W=224.",
    )(command)


def _provider(command: Any) -> Any:
    return click.option(
        "--provider",
        type=click.Choice(["cpu", "cuda"]),
        default="cpu",
        show_default=True,
        help="Where onnxruntime runs the proof; cuda never falls back to the CPU.",
    )(command)


def _match(command: Any) -> Any:
    return click.option(
        "--match",
        type=click.Choice(["name", "order"]),
        help="Find the tensors of --weights by name, or by order and shape [default: name].",
    )(command)


@cli.command()
@click.argument("paths", nargs=-1, metavar="[PATHS…|-]")
def check(paths: tuple[str, ...]) -> int:
    """Prove that specs fit together. PATHS are files, folders (searched for *.cnn) or - for standard input."""
    from specc.cli.check import check_paths

    return check_paths(paths or (".",))


@cli.command()
@_choose_model
@_sizes
@click.option("--depth", type=click.IntRange(min=1), help="Open blocks this deep: 1 gives a row to each outermost one.")
def show(spec: str, model: str | None, settings: tuple[str, ...], sizes: tuple[str, ...], depth: int | None) -> None:
    """Print the table: step, output shape, parameters, MACs, memory, receptive field.

    Without --model, every model of the file, and then all of them side by side.
    """
    from specc.cli.inputs import costs_at, load_all
    from specc.report.table import compare, console_for
    from specc.report.table import show as show_table

    networks = [costs_at(network, sizes) for network in load_all(spec, model, settings)]
    console = console_for()
    for costs in networks:
        show_table(costs, console, depth)
        console.print()
    if len(networks) > 1:
        compare(networks, console)


@cli.command()
@click.argument("what", metavar="SPEC:STEP|CODE")
@click.option("--model", metavar="NAME", help="Which model of the file, where it has several.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Give a parameter of the model a value.")
@_sizes
def explain(what: str, model: str | None, settings: tuple[str, ...], sizes: tuple[str, ...]) -> None:
    """Show the arithmetic behind one step (lenet.cnn:conv1), what a block holds (resnet.cnn:layer1.0), or what a
    diagnostic's code means (S0104)."""
    from specc.cli.inputs import costs_at, load
    from specc.cli.output import echo
    from specc.report.codes import meaning
    from specc.report.explain import explain as explain_step

    if (known := meaning(what)) is not None:
        echo(known)
        return
    spec, _, step = what.rpartition(":")
    if not spec or not step:
        raise UsageError(f"{what} names no step: write SPEC:STEP, as in lenet.cnn:conv1, or a code, as in S0104")
    echo(explain_step(costs_at(load(spec, model, settings), sizes), step))


@cli.command()
@_choose_model
@click.option("-o", "--output", metavar="FILE", help="What to write; MODEL.onnx or MODEL.py here if left out.")
@click.option(
    "--target",
    type=click.Choice(["onnx", "torch"]),
    help="Left out: by the end of FILE, .onnx or .py; onnx without FILE.",
)
@click.option("--seed", type=int, help="Draw the weights from this seed [default: 0].")
@click.option("--weights", metavar="FILE", help="Take the weights from this safetensors, .npz or PyTorch file instead.")
@_match
@click.option("--save-weights", metavar="FILE", help="Write the weights as safetensors too.")
@click.option("--opset", type=int, help="The ONNX opset, 18 to 23 [default: 18].")
@click.option("--functions", is_flag=True, help="Keep the spec's blocks as ONNX local functions.")
@click.option("--no-verify", is_flag=True, help="Write without proving parity.")
@_provider
def compile(**options: Any) -> None:
    """Write the network as ONNX or PyTorch, proven equal in both before the file appears."""
    from specc.cli.compile import Request, run

    gc.enable()
    run(Request(**options))


@cli.command()
@_choose_model
@click.argument("onnx", required=False, metavar="[ONNX]")
@click.option("--seed", type=int, help="The weights must be those of this seed.")
@click.option("--weights", metavar="FILE", help="The weights must be those of this safetensors, .npz or PyTorch file.")
@_match
@_provider
def verify(
    spec: str,
    onnx: str | None,
    model: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    weights: str | None,
    match: str | None,
    provider: str,
) -> int:
    """Prove an ONNX file (by default the one that compile would write) equal to PyTorch, check by check."""
    from specc.cli.inputs import load, notes_on, one_source

    gc.enable()
    one_source(seed, weights, match)
    network = load(spec, model, settings)
    # With neither, an ONNX file's own weights are taken.
    source = None if seed is None and weights is None else network.weights(seed=seed, file=weights, match=match)
    parity = network.verify(onnx, weights=source, provider=provider)

    from rich.console import Console

    from specc.report.parity import show_parity, verdict

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 160)
    show_parity(parity, console)
    click.echo(verdict(parity))
    if source is not None:
        notes_on(source)
    return 0 if parity.passed else FINDINGS


@cli.command()
def doctor() -> int:
    """Say what is installed, which providers really work, and how to get what is missing."""
    from specc.cli.doctor import report

    return report()
