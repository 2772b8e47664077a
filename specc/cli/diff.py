"""``specc diff``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from specc.cli.command import (
    FINDINGS,
    NOTHING,
    USAGE,
    Command,
    first_given,
    is_onnx,
    output,
    refuse_output,
    say,
    sizes,
)
from specc.diagnostics import SpecError, UsageError

if TYPE_CHECKING:
    from specc.compare.difference import Comparison, FailOn, Parameters
    from specc.compare.onnx_files import Version
    from specc.diagnostics import Diagnostic
    from specc.ir.graph import Graph
    from specc.project.outcome import Unreadable


@click.command("diff", cls=Command, short_help="Say what changed for whoever uses a network.")
@click.argument("paths", nargs=-1, metavar="A B | [PATHS…] --against git:REF")
@click.option("--against", metavar="git:REF", help="Compare the specs among PATHS with what they were in a commit.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Which model; given twice: of A, and of B.")
@click.option(
    "--set", "arguments", multiple=True, metavar="NAME=VALUE",
    help="Give a parameter of the model a value, in both versions; may be repeated.",
)  # fmt: skip
@sizes
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@output("Write it to FILE instead of standard output.")
@click.option(
    "--fail-on", multiple=True, metavar="SECTIONS",
    help="Exit with 1 where interface, weights, graph or cost breaks somebody, of ONNX files also numbers or file; "
    "separated by commas, or repeated. cost+1% lets costs grow by 1 %.",
)  # fmt: skip
@click.option("--config", metavar="FILE", help="With --against: take include and exclude from FILE.")
def command(
    paths: tuple[str, ...],
    against: str | None,
    models: tuple[str, ...],
    arguments: tuple[str, ...],
    sizes: tuple[str, ...],
    form: str,
    output: str | None,
    fail_on: tuple[str, ...],
    config: str | None,
) -> int:
    """What changed for whoever uses a network: its interface, its weights, its graph, its cost.

    A and B are two specs, two ONNX files, or one of each; with --against, every spec among PATHS, and ONNX files that
    are named, are compared with an earlier version of themselves. Of ONNX files also the numbers of their weights are
    compared, and what stands in the file beside its network.
    """
    from fractions import Fraction

    from specc.cli.output import style_of, write
    from specc.cli.parsing import parse_sections, parse_sizes
    from specc.compare.difference import FailOn
    from specc.report.formats import comparison_text

    refuse_output(output)
    sections = parse_sections(fail_on)
    failing = FailOn(frozenset(sections), sections.get("cost", Fraction(0)))
    args = _DiffArguments(paths, models, arguments, parse_sizes(sizes) if sizes else None, config)
    comparison, unreadable = _compare_with_commit(args, against) if against is not None else (_compare_files(args), [])
    _refuse_sections(failing, comparison, paths if against is not None else ())
    if comparison.files or comparison.same:
        refuse_output(output, filter(None, (name for file in comparison.files for name in (file.before, file.after))))
        write(comparison_text(form, comparison, style_of(output), fail_on=failing), output)
    for problem in unreadable:
        say(f"error: {problem.message}")
    if unreadable:
        return USAGE
    if not comparison.models and not comparison.same and not any(file.changed for file in comparison.files):
        say("nothing to compare: no model, before or now")
        return NOTHING
    return FINDINGS if comparison.fails(failing) else 0


class _DiffArguments(NamedTuple):
    paths: tuple[str, ...]
    models: tuple[str, ...]
    arguments: tuple[str, ...]
    sizes: Mapping[str, int] | None
    config: str | None


def _compare_with_commit(args: _DiffArguments, against: str) -> tuple[Comparison, list[Unreadable]]:
    from specc.compare.history import compare_with
    from specc.project.settings import configuration

    kind, colon, ref = against.partition(":")
    if kind != "git" or not colon:
        raise UsageError(f"--against takes git:REF, as in --against git:main, not {against}")
    if option := first_given({"--model": args.models, "--set": args.arguments}):
        raise UsageError(f"{option} is for two files: --against compares every model, with the defaults of each")
    if "-" in args.paths:
        raise UsageError("standard input has no earlier version: name files or folders with --against")
    return compare_with(ref, args.paths or (".",), args.sizes, configuration(args.config))


def _refuse_sections(failing: FailOn, comparison: Comparison, paths: tuple[str, ...]) -> None:
    """Raises UsageError where a section is to fail that there is of ONNX files alone: else it would never do so.

    Args:
        paths: with ``--against``, those that were named: a file of them may be new, and have no sections.
    """
    from specc.compare.difference import FILE_SECTIONS

    is_file = any(name and is_onnx(name) for file in comparison.files for name in (file.before, file.after))
    said = {section for model in comparison.models for section in model.sections} | ({"file"} if is_file else set())
    if any(map(is_onnx, paths)):
        return
    for section in FILE_SECTIONS:
        if section in failing.sections and section not in said:
            which = "two ONNX files: a spec has no numbers" if section == "numbers" else "ONNX files"
            raise UsageError(f"--fail-on {section} is for {which}")


def _compare_files(args: _DiffArguments) -> Comparison:
    """Two files, each as it is."""
    from specc.compare.difference import Comparison, FileChange, compare_models

    if len(args.paths) != 2:
        raise UsageError(
            "diff takes two specs or ONNX files, or --against git:REF: specc diff old.cnn new.cnn, specc diff nets "
            "--against git:main"
        )
    if args.paths == ("-", "-"):
        raise UsageError("standard input holds one spec: name a file for the other")
    if args.config is not None:
        raise UsageError("--config says which specs a folder holds, and is for --against")
    if len(args.models) > 2:
        raise UsageError("--model is given once for both specs, or twice: for A and for B")
    if any(map(is_onnx, args.paths)):
        return _compare_onnx_files(args)
    chosen = (*args.models, *args.models)[:2] or (None, None)
    names = [_shown(path) for path in args.paths]
    (before, old), (after, new) = _networks(args, chosen)
    is_chosen = len(args.models) == 2
    models = compare_models(before, after, args.sizes, chosen=is_chosen, parameters=(old, new))
    return Comparison((FileChange(names[0], names[1], models),))


def _compare_onnx_files(args: _DiffArguments) -> Comparison:
    """Two ONNX files, or one and a spec."""
    import gc

    from specc.compare.difference import Comparison, FileChange, ModelChange
    from specc.compare.onnx_files import compare_versions, file_version
    from specc.onnxfile import OnnxFile

    specs = [path for path in args.paths if not is_onnx(path)]
    if not specs and (option := first_given({"--model": args.models, "--set": args.arguments})):
        raise UsageError(f"{option} is for specs: an ONNX file has one network, as it is")
    if len(args.models) == 2:
        raise UsageError(f"--model is given twice, and only {specs[0]} is a spec: an ONNX file has one network")
    gc.enable()  # what is read of files, unlike a check, leaves much to collect
    versions = {path: file_version(OnnxFile(Path(path))) for path in args.paths if is_onnx(path)}
    versions |= {path: _spec_version(path, args, next(iter(versions.values())).name) for path in specs}
    before, after = (versions[path] for path in args.paths)
    models = (ModelChange(before.name, after.name, compare_versions(before, after, args.sizes)),)
    return Comparison((FileChange(_shown(args.paths[0]), _shown(args.paths[1]), models),))


def _spec_version(path: str, args: _DiffArguments, other: str) -> Version:
    """The network of a spec that is meant: the one that ``--model`` names, or that is called as the file's is."""
    from specc.cli.parsing import models_of, source
    from specc.compare.onnx_files import spec_version
    from specc.syntax import parse

    file, (model, *_) = parse(source(path)), (*args.models, None)
    names = [each.name for each in file.models]
    if model is None and len(names) > 1:
        if other not in names:
            raise UsageError(
                f"{_shown(path)} has {len(names)} models, and none is called {other} as the network of the file is: "
                f"--model says which is meant, {', '.join(names)}"
            )
        model = other
    (network,) = models_of(file, model, args.arguments)
    return spec_version(network.graph)


def _networks(args: _DiffArguments, chosen: tuple[str | None, ...]) -> list[tuple[list[Graph], Parameters]]:
    """The models of both files, and their parameters. Raises SpecError with the mistakes of both."""
    from specc.cli.parsing import models_of, source
    from specc.compare.difference import parameters
    from specc.elaborate import check_file
    from specc.syntax import parse

    networks: list[tuple[list[Graph], Parameters]] = []
    findings: list[Diagnostic] = []
    for path, model in zip(args.paths, chosen, strict=True):
        try:
            file = parse(source(path))
            if model is None and not args.arguments:
                graphs = [checked.graph for checked in check_file(file)]
            else:
                graphs = [network.graph for network in models_of(file, model, args.arguments)]
            networks.append((graphs, parameters(file)))
        except SpecError as error:
            findings += error.diagnostics
        except UsageError as error:
            name, message = _shown(path), str(error)
            is_named = name in message or message.startswith("--")
            raise UsageError(message if is_named else f"{name}: {message}") from None
    if findings:
        raise SpecError(list(dict.fromkeys(findings)))
    return networks


def _shown(path: str) -> str:
    return "<stdin>" if path == "-" else Path(path).as_posix()
