"""Options that several commands have."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import click

from specc.diagnostics import UsageError


def choose_model(command: Any) -> Any:
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


def sizes(command: Any) -> Any:
    return click.option(
        "--at",
        "sizes",
        multiple=True,
        metavar="NAME=SIZE",
        help="Give a symbolic size of the contract a number, as in --at H=224 --at W=224.",
    )(command)


def refuse_output(name: str | None, read: Iterable[str] = ()) -> None:
    """Raises UsageError where -o names no file, or one that the command reads."""
    if name is None:
        return
    if name in ("", "-"):
        raise UsageError("-o needs the name of a file")
    if os.path.realpath(name) in map(os.path.realpath, read):
        raise UsageError(f"{name} is read by this command: write to another file")


def output(help: str) -> Callable[[Any], Any]:
    """-o, --output, --output-file: where what the command makes is written, the same in every command."""
    return click.option("-o", "--output", "--output-file", "output", metavar="FILE", help=help)


def provider(command: Any) -> Any:
    return click.option(
        "--provider",
        type=click.Choice(["cpu", "cuda"]),
        default="cpu",
        show_default=True,
        help="Where onnxruntime runs the proof; cuda never falls back to the CPU.",
    )(command)


def match(command: Any) -> Any:
    return click.option(
        "--match",
        type=click.Choice(["name", "order"]),
        help="Find the tensors of --weights by name, or by order and shape [default: name].",
    )(command)
