"""What the commands take: a spec, one of its models, settings for its parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from specc.diagnostics import SpecError, UsageError
from specc.elaborate import check_file, choose, constant, elaborate
from specc.report.snippets import headline
from specc.source import Source
from specc.syntax import ast, parse, read, read_stdin

if TYPE_CHECKING:
    from specc.analyses import Costs
    from specc.api import Model
    from specc.weights import Weights


def load(spec: str, model: str | None, settings: tuple[str, ...]) -> Model:
    """The checked model; ``spec`` is a path or ``-``.

    Raises:
        SpecError, UsageError: as `specc.load` does.
    """
    from specc.api import Model

    file = parse(source(spec))
    given = _settings(settings)
    path = None if spec == "-" else Path(spec).absolute()
    return Model(elaborate(file, choose(file, model, "--model"), given), spec=path, settings=given)


def load_all(spec: str, model: str | None, settings: tuple[str, ...]) -> list[Model]:
    """The model called ``model``; without a name every model of the file. Raises as `load` does."""
    return models_of(parse(source(spec)), model, settings)


def models_of(file: ast.File, model: str | None, settings: tuple[str, ...]) -> list[Model]:
    """As `load_all`, of a file that has been read."""
    from specc.api import Model

    if model is not None or len(file.models) < 2:
        return [Model(elaborate(file, choose(file, model, "--model"), _settings(settings)))]
    if settings:
        raise UsageError(f"{file.source.name} has several models: --set needs --model to say which is meant")
    return [Model(checked) for checked in check_file(file)]


def costs_at(model: Model, sizes: tuple[str, ...]) -> Costs:
    """The model's numbers, where its symbolic sizes are those of ``--at``.

    Raises:
        UsageError: a size that the contract does not have or allow, or one of several left out.
    """
    return (model.at(**whole_numbers(sizes)) if sizes else model).costs


def source(spec: str) -> Source:
    return read_stdin() if spec == "-" else read(spec)


def one_source(seed: int | None, weights: str | None, match: str | None) -> None:
    """Refuse two places for the same weights, and a way to match without a file."""
    if seed is not None and weights is not None:
        raise UsageError("--seed draws the weights and --weights reads them: leave out one of the two")
    if match is not None and weights is None:
        raise UsageError("--match says how the tensors of a file are found: add --weights FILE")


def notes_on(weights: Weights) -> None:
    """Print what the user should know of how a file of weights was read."""
    for note in notes_of(weights):
        click.echo(f"note: {note}")


def notes_of(weights: Weights | None) -> tuple[str, ...]:
    """What the user should know of how a file of weights was read."""
    from specc.weights import WeightsFile

    if not isinstance(weights, WeightsFile):
        return ()
    return tuple(f"{weights.archive.path}: {note}" for note in weights.notes)


def labels(path: str) -> list[str]:
    """The lines of a file, but for empty ones at its end. Raises UsageError where it cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"--labels {path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--labels {path} is not UTF-8") from None
    return text.rstrip().split("\n") if text.strip() else []


def whole_numbers(texts: tuple[str, ...]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for text in texts:
        name, _, size = map(str.strip, text.partition("="))
        if not name.isidentifier() or not (size.isascii() and size.isdigit()):
            raise UsageError(f"--at takes NAME=SIZE, as in --at H=224, not {text}")
        if name in sizes:
            raise UsageError(f"--at gives {name} twice")
        sizes[name] = int(size)
    return sizes


def _settings(texts: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in map(_setting, texts):
        if name in values:
            raise UsageError(f"--set gives {name} twice")
        values[name] = value
    return values


def _setting(text: str) -> tuple[str, Any]:
    """``name=value``, the value written as in the language."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier() or "\n" in text:
        raise UsageError(f"--set takes NAME=VALUE, not {text}")
    try:
        return name.strip(), constant(parse(Source("--set", f"let value = {value}")))
    except SpecError as error:
        reason = headline(error)
        kinds = "a number, true, false, a list, a layer or a quoted text"
        raise UsageError(f"--set {text}: {reason}; a value is {kinds}") from None
