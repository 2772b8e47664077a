"""What the commands take: a spec, one of its models, settings for its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specc.diagnostics import SpecError, UsageError
from specc.elaborate import check_file, choose, constant, elaborate
from specc.source import Source
from specc.syntax import parse, read, read_stdin

if TYPE_CHECKING:
    from specc.api import Model


def load(spec: str, model: str | None, settings: tuple[str, ...]) -> Model:
    """The checked model; ``spec`` is a path or ``-``.

    Raises:
        SpecError, UsageError: as `specc.load` does.
    """
    from specc.api import Model

    file = parse(source(spec))
    return Model(elaborate(file, choose(file, model), _settings(settings)))


def load_all(spec: str, model: str | None, settings: tuple[str, ...]) -> list[Model]:
    """The model called ``model``; without a name every model of the file. Raises as `load` does."""
    from specc.api import Model

    file = parse(source(spec))
    if model is not None or len(file.models) < 2:
        return [Model(elaborate(file, choose(file, model), _settings(settings)))]
    if settings:
        raise UsageError(f"{file.source.name} has several models: --set needs --model to say which is meant")
    return [Model(checked) for checked in check_file(file)]


def source(spec: str) -> Source:
    return read_stdin() if spec == "-" else read(spec)


def one_source(seed: int | None, weights: str | None) -> None:
    """Refuse two places for the same weights."""
    if seed is not None and weights is not None:
        raise UsageError("--seed draws the weights and --weights reads them: leave out one of the two")


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
        reason = error.diagnostics[0].message
        raise UsageError(f"--set {text}: {reason}; a value is a number, true, false, a list or a quoted text") from None
