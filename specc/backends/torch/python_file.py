"""The graph as PyTorch source that reads as a person's: a class for each block, a line a step."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Mapping
from itertools import chain, count
from math import prod
from pathlib import PurePosixPath

from specc.backends.torch.class_code import ModuleClass
from specc.backends.torch.class_writer import ClassWriter, FileClasses
from specc.backends.torch.classes import module_classes
from specc.backends.torch.constructor import constructors
from specc.backends.torch.python import WIDTH, PythonCall, walk
from specc.backends.torch.python_names import camel, free, stem
from specc.ir.graph import Graph


def torch_source(graph: Graph, settings: Mapping[str, str] | None = None) -> str:
    """A standalone Python file with the network as an ``nn.Module``; the text depends on the arguments alone.

    Formatted as `ruff format --line-length 100` formats. Attributes carry the steps' names, so the
    state dict has the keys of ``graph.state``.

    Args:
        settings: the model's parameters that were set, as in the language; they are in the file's docstring.

    Raises:
        ValueError, TypeError: an operator describes itself in a way this backend cannot render.
    """
    families = module_classes(graph)
    names = class_names(families, class_name(graph))
    file = FileClasses(families, names, constructors(families, names))
    writers = [ClassWriter(file, number) for number in range(len(families))]
    docstring = _docstring(graph)
    classes = ["\n".join(writer.lines(docstring)) for writer, name in zip(writers, names, strict=True) if name]
    parts = (part for writer in writers for call in writer.calls() for part in walk(call))
    functions = {part.head for part in parts if isinstance(part, PythonCall) and isinstance(part.head, str)}
    heading = _heading(graph, families, functions, settings or {})
    return "\n\n\n".join(["\n".join(heading), *classes]) + "\n"


def class_name(graph: Graph) -> str:
    """The model's name; with an underscore after it where Python or the file itself needs that name."""
    return free(graph.name)


def _heading(
    graph: Graph, families: list[ModuleClass], functions: set[str], settings: Mapping[str, str]
) -> Iterator[str]:
    """The docstring of the file and its imports."""
    files = dict.fromkeys(node.span.source.name for node in graph.nodes)
    names = (PurePosixPath(name).name for name in files if name != "<stdin>")
    # A name of a file may have anything in it: what would end the docstring or the line is no part of it.
    origin = ", ".join("".join(c if c.isprintable() and c not in '"\\' else "?" for c in name) for name in names)
    head = f'"""{graph.name}, made by specc{f" from {origin}" if origin else ""}.'
    yield from [head, "", *_made_with(settings), '"""'] if settings else [f'{head}"""']
    yield ""
    bodies = [family.body for family in families]
    if any(body.base == "nn.Sequential" and not body.is_numbered for body in bodies):
        yield from ("from collections import OrderedDict", "")
    if any(body.base != "nn.Sequential" for body in bodies):  # the others have no forward
        yield "import torch"
    if any(name.startswith("F.") for name in functions):
        yield "import torch.nn.functional as F"
    yield "from torch import nn"


def _made_with(settings: Mapping[str, str]) -> list[str]:
    """The options that give this network again, sorted: their order on the command line made no difference."""
    options = (f"--set {shlex.quote(f'{name}={value}')}" for name, value in sorted(settings.items()))
    text = " ".join(options).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return textwrap.wrap(f"With {text}", WIDTH, break_long_words=False, break_on_hyphens=False)


def _docstring(graph: Graph) -> list[str]:
    weights = [p for _, p in graph.state if not p.buffer]
    total = sum(prod(p.shape) for p in weights)
    frozen = sum(prod(p.shape) for p in weights if not p.trainable)
    size = f"{total:,} parameter{'' if total == 1 else 's'}"
    if frozen:
        size += ", all frozen" if frozen == total else f", {frozen:,} of them frozen"
    inputs = [f"    {port.name}: {port.declaration}" for port in graph.inputs]
    outputs = [f"    {port.name}: {port.type}" for port, _ in graph.outputs]
    lines = [f"{graph.name}: {size}.", "", "Takes", *inputs, "Gives", *outputs]
    if len(inputs) == len(outputs) == 1:
        lines = [f"{graph.name}: {graph.inputs[0].declaration} -> {graph.outputs[0][0].type}, {size}."]
    if class_name(graph) != graph.name:
        lines += ["", f"The class is not called {graph.name}: Python or this file needs that name."]
    return lines


def class_names(families: list[ModuleClass], model: str) -> list[str]:
    """A name for every class: what the spec calls it, and where several have that name, what is different in it.

    The plain name is for the one that is used most: ``Bottleneck``, and ``BottleneckDownsample``; for a block rather
    than for a group of that name in it, which is what the author calls a part. A sequence has no name.
    """
    names = {len(families) - 1: model}
    alike: dict[str, list[int]] = {}
    for number, family in enumerate(families[:-1]):
        if not family.is_sequence:
            alike.setdefault(family.body.title, []).append(number)
    for title, several in alike.items():
        usual = max(several, key=lambda number: (_is_block(families[number]), len(families[number].instances)))
        numbers = count(2)
        named: list[ModuleClass] = []
        for number in sorted(several, key=lambda number: number != usual):
            titles = _distinctions(title, families[number], named) if named else [title]
            candidates = chain(map(free, titles), (free(f"{title}{i}") for i in numbers))
            names[number] = next(name for name in candidates if name not in names.values())
            named.append(families[number])
    return [names.get(number, "") for number in range(len(families))]


def _is_block(family: ModuleClass) -> bool:
    block = family.instances[0].use.block
    return block is not None and block.kind == "block"


def _distinctions(title: str, family: ModuleClass, named: list[ModuleClass]) -> Iterator[str]:
    """The title with ``Downsample`` for what the usual one, which is named first, lacks; else with ``WithoutAdd``.

    A label that differs in its number alone is no difference, unless it is the only new one: with ``conv5`` and
    ``conv6``, ``Conv5`` would be half of it.
    """
    if _is_block(named[0]) and not _is_block(family):
        yield f"{title}Group"
        return
    labels, usual = _labels(family), _labels(named[0])
    stems, usual_stems = dict.fromkeys(map(stem, labels)), dict.fromkeys(map(stem, usual))
    yield from (f"{title}{camel(label)}" for label in stems if label not in usual_stems)
    yield from (f"{title}Without{camel(label)}" for label in usual_stems if label not in stems)
    known = {label for before in named for label in _labels(before)}
    new = [label for label in labels if label not in known]
    if len(new) == 1:
        yield f"{title}{camel(new[0])}"
    missing = [label for label in usual if label not in labels]
    if not new and len(missing) == 1:
        yield f"{title}Without{camel(missing[0])}"


def _labels(family: ModuleClass) -> dict[str, None]:
    """The labels of its members."""
    values = family.instances[0].labels[family.body.inputs :]
    modules = (label for declaration in family.body.declarations for label in declaration.labels)
    return dict.fromkeys(label for label in (*modules, *values) if not label.isdigit())
