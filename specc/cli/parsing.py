"""What is typed, as values: a spec and one of its models, its parameters and sizes, names and labels.

What the values may be is for `specc.options` and the network to say; here stands how they are written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.atomic import require_regular
from specc.diagnostics import SpecError, UsageError
from specc.diagnostics.spelling import advice
from specc.diagnostics.words import system_reason
from specc.elaborate import check_file, choose, constant, elaborate
from specc.filesystem import stray
from specc.report.snippets import headline
from specc.source import Source
from specc.syntax import ast, parse, read, read_stdin

if TYPE_CHECKING:
    from specc.analyses import Costs
    from specc.api import Model
    from specc.options import Labels
    from specc.weights import Weights

SECTIONS = ("interface", "weights", "graph", "cost", "numbers", "file")
"""The parts of a difference that may break somebody."""

_MOST_DIGITS = 100


def source(spec: str) -> Source:
    """The spec at a path, or ``-``. Raises UsageError where a link of a repository leads out of it: see `stray`."""
    if spec == "-":
        return read_stdin()
    found = stray(spec) if "\0" not in spec else None
    if found is not None and found.root.is_marked:
        raise UsageError(found.message)
    return read(spec)


def load(spec: str, model: str | None, arguments: Iterable[str]) -> Model:
    """The checked model; ``spec`` is a path or ``-``.

    Raises:
        SpecError, UsageError: as `specc.load` does.
    """
    from specc.api import Model

    file = parse(source(spec))
    values = parse_arguments(arguments)
    path = None if spec == "-" else Path(spec).absolute()
    return Model(elaborate(file, choose(file, model, "--model"), values), spec=path, arguments=values)


def models_of(file: ast.File, model: str | None, arguments: tuple[str, ...]) -> list[Model]:
    """The model of a file that is called ``model``; without a name every model. Raises as `load` does."""
    from specc.api import Model

    if model is not None or len(file.models) < 2:
        return [Model(elaborate(file, choose(file, model, "--model"), parse_arguments(arguments)))]
    if arguments:
        raise UsageError(f"{file.source.name} has several models: --set needs --model to say which is meant")
    return [Model(checked) for checked in check_file(file)]


def costs_at(model: Model, sizes: tuple[str, ...]) -> Costs:
    """The model's numbers, where its symbolic sizes are those of ``--at``.

    Raises:
        UsageError: a size that the contract does not have or allow, or one of several left out.
    """
    return (model.at(**parse_sizes(sizes)) if sizes else model).costs


def weight_notes(weights: Weights | None) -> tuple[str, ...]:
    """What the user should know of how a file of weights was read."""
    from specc.weights import LoadedWeights

    return weights.said if isinstance(weights, LoadedWeights) else ()


def parse_arguments(texts: Iterable[str]) -> dict[str, Any]:
    """Each ``NAME=VALUE`` of ``--set``, the value written as in the language."""
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        # A value is parsed as that of a `let`; a line end in it would begin another declaration.
        if not equals or not name.isidentifier() or "\n" in text:
            raise UsageError(f"--set takes NAME=VALUE, not {text}")
        try:
            read = constant(parse(Source("--set", f"let value = {value}")))
        except SpecError as error:
            kinds = "a number, true, false, a list, a layer or a quoted text"
            raise UsageError(f"--set {text}: {headline(error)}; a value is {kinds}") from None
        if name in values:
            raise UsageError(f"--set gives {name} twice")
        values[name] = read
    return values


def parse_sizes(texts: Iterable[str]) -> dict[str, int]:
    """Each ``NAME=SIZE`` of ``--at``."""
    sizes: dict[str, int] = {}
    for text in texts:
        name, _, size = map(str.strip, text.partition("="))
        if not name.isidentifier() or not (size.isascii() and size.isdigit()):
            raise UsageError(f"--at takes NAME=SIZE, as in --at H=224, not {text}")
        if name in sizes:
            raise UsageError(f"--at gives {name} twice")
        if len(size) > _MOST_DIGITS:  # Python itself reads no more than some thousands
            raise UsageError(f"--at gives {name} a size of {len(size):,} digits, and no network has one of that kind")
        sizes[name] = int(size)
    return sizes


def parse_renames(texts: Iterable[str]) -> dict[str, str]:
    """Each ``NAME=NAME`` of ``--rename``, by name in the file, which may have signs of any kind."""
    names: dict[str, str] = {}
    for text in texts:
        theirs, _, ours = text.rpartition("=")  # the file's name may have a =, the spec's may not
        if not theirs or not ours:
            raise UsageError(f"--rename {text} is no NAME=NAME: the file's name, then the spec's, as in input.1=image")
        if theirs in names:
            raise UsageError(f"--rename names {theirs} twice")
        names[theirs] = ours
    return names


def read_labels(texts: tuple[str, ...], outputs: Collection[str]) -> Labels | None:
    """What ``--labels`` names, read: a ``FILE`` of the only output that it fits, or each ``OUTPUT=FILE``.

    Args:
        outputs: of the network; what stands before a = and is none of them belongs to the name of a file.
    """
    if not texts:
        return None
    split = [text.partition("=") for text in texts]
    named = [(output, path) for output, equals, path in split if equals and output in outputs]
    if len(named) == len(texts) == len(dict(named)):
        return {output: _lines(path) for output, path in named}
    if len(texts) > 1:
        example = " ".join(f"--labels {output}=FILE" for output in outputs)
        raise UsageError(f"--labels is given {len(texts)} times: say which output each is of, once, as in {example}")
    (text,), ((output, equals, _),) = texts, split
    if equals and output.isidentifier() and not os.path.exists(text):
        raise UsageError(f"--labels {text}: there is no output {output}; {advice(output, outputs)}")
    return _lines(text)


def label_files(texts: Iterable[str]) -> Iterator[str]:
    """The files that ``--labels`` may name, whatever the outputs are called."""
    for text in texts:
        yield text
        if "=" in text:
            yield text.partition("=")[2]


def _lines(path: str) -> list[str]:
    """The lines of a file, but for empty ones at its end. Raises UsageError where it cannot be read."""
    require_regular(Path(path))
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"--labels {path} cannot be read: {system_reason(error)}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--labels {path} is not UTF-8") from None
    return text.rstrip().split("\n") if text.strip() else []


def parse_sections(texts: Iterable[str]) -> dict[str, Fraction]:
    """The sections that ``--fail-on`` of a difference names, each with the growth that is allowed, in percent.

    ``graph,cost+1%`` is {"graph": 0, "cost": 1}.
    """
    sections: dict[str, Fraction] = {}
    for text in texts:
        for part in map(str.strip, text.split(",")):
            name, limit, percent = (word.strip() for word in part.partition("+"))
            if name not in SECTIONS:
                choices = f"{', '.join(SECTIONS[:-1])} and {SECTIONS[-1]}"
                raise UsageError(f"--fail-on takes {choices}, not {name or 'nothing'}")
            if limit and name != "cost":
                raise UsageError(
                    f"--fail-on {part}: only cost takes a limit, as in cost+1%; {name} breaks somebody or does not"
                )
            number = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) *%", percent)
            if limit and number is None:
                expected = "the limit is a percentage, as in cost+1% or cost+0.5%"
                raise UsageError(f"--fail-on {part}: {expected}, not {percent or 'nothing'}")
            growth = Fraction(number[1] if number else 0)
            if sections.setdefault(name, growth) != growth:
                raise UsageError("--fail-on names cost twice, with different limits: leave one out")
    return sections
