"""What commands have in common: exit codes, options, and that no option is ignored."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from specc.diagnostics import UsageError
from specc.diagnostics.words import visible

FINDINGS = 1
"""Exit code: the spec has mistakes, a proof failed, something is broken."""
USAGE = 2
"""Exit code: wrong usage, something missing, an output that cannot be written, our own mistake."""
NOTHING = 3
"""Exit code: nothing to check."""

_COMMAND = re.compile(r"^(\s*):(?=:(?!: ))|#(?=#\[)", re.MULTILINE)
"""What GitHub's log may take for a command; not the ``:::`` before a place, since no command is called ``:``."""


class Command(click.Command):
    """A command that ignores no option: of one that is given again, click alone would take the last."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, parameters = self.make_parser(ctx).parse_args(list(args))
        helps = ctx.resilient_parsing or any(parameter.is_eager for parameter in parameters)  # completion; --help
        for option in () if helps else parameters:
            count = parameters.count(option)
            if isinstance(option, click.Option) and not option.multiple and count > 1:
                times = "twice" if count == 2 else f"{count} times"
                raise UsageError(f"{'/'.join(option.opts)} is given {times}, and it can only be given once")
        return super().parse_args(ctx, args)


def model_options(command: Any) -> Any:
    """--model and --set: which network of a spec a command is about."""
    command = click.option(
        "--set",
        "arguments",
        multiple=True,
        metavar="NAME=VALUE",
        help="Give a parameter of the model a value; may be repeated.",
    )(command)
    return click.option("--model", metavar="NAME", help="Which model of the file, where it has several.")(command)


def spec_and_model(command: Any) -> Any:
    """SPEC with its `model_options`."""
    return click.argument("spec", metavar="SPEC")(model_options(command))


sizes = click.option(
    "--at",
    "sizes",
    multiple=True,
    metavar="NAME=SIZE",
    help="Give a symbolic size of the contract a number, as in --at H=224 --at W=224.",
)

provider = click.option(
    "--provider",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where onnxruntime runs the proof; cuda never falls back to the CPU.",
)

proof = click.option(
    "--proof",
    type=click.Choice(["quick", "full"]),
    help="How much the proof runs: every step once, or each on every case [default: quick].",
)

match = click.option(
    "--match",
    type=click.Choice(["name", "order"]),
    help="Find the tensors of --weights by name, or by order and shape [default: name].",
)


def output(help: str) -> Callable[[Any], Any]:
    """-o, --output, --output-file: where what the command makes is written, the same in every command."""
    return click.option("-o", "--output", "--output-file", "output", metavar="FILE", help=help)


def first_given(options: Mapping[str, object]) -> str | None:
    """The first of the options that has a value (0 is one too): what a refusal names."""
    return next(
        (name for name, value in options.items() if value is not None and value is not False and value != ()), None
    )


def refuse_output(name: str | None, read: Iterable[str] = (), option: str = "-o") -> None:
    """Raises UsageError where an option names no file to write, or one that the command reads."""
    if name is None:
        return
    if name in ("", "-"):
        raise UsageError(f"{option} needs the name of a file")
    if any(is_same_file(name, other) for other in read):
        raise UsageError(f"{name} is read by this command: write to another file")


def say(text: str, *, err: bool = True) -> None:
    """Print one line, with whatever names are in it: nothing of them is obeyed, and none ends the line."""
    click.echo(inert(visible(text)), err=err)


def say_error(lines: Iterable[str]) -> None:
    """What went wrong: one line, and what else is to be known."""
    headline, *details = lines
    say(f"error: {headline}")
    for line in details:
        say(line)


def inert(text: str) -> str:
    """Lines of which GitHub's log takes none for a command: these begin with two colons, or hold ``##[``."""
    return _COMMAND.sub(lambda match: f"{match[1] or ''}\\u{ord(match[0][-1]):04x}", text)


def echo_utf8(text: str) -> None:
    """Print exactly this text, as bytes: specs and schemas are UTF-8 whatever the terminal speaks."""
    click.echo(text.encode(), nl=False)


def is_onnx(name: str) -> bool:
    """Whether a path is meant as an ONNX file, and not as a spec."""
    return name.lower().endswith(".onnx")


def is_same_file(one: str | Path, other: str | Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
