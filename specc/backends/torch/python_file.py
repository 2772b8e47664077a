"""The graph as the PyTorch source that a person would have written: a class for each block, a line a step."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator, Mapping
from itertools import chain, count
from math import prod
from pathlib import PurePosixPath

from specc.backends.torch.class_writer import ClassWriter
from specc.backends.torch.classes import ModuleClass, module_classes
from specc.backends.torch.constructor import constructors
from specc.backends.torch.python import WIDTH, heads
from specc.backends.torch.python_names import camel, free
from specc.ir.graph import Graph
from specc.ir.types import TensorType


def torch_source(graph: Graph, settings: Mapping[str, str] | None = None) -> str:
    """A standalone Python file with the network as an ``nn.Module``; the text depends on the arguments alone.

    Formatted as `ruff format --line-length 100` formats. Attributes carry the steps' names, so the
    state dict has the keys of ``graph.state``.

    Args:
        settings: the model's parameters that were set, as the language writes them; the file's head says them.

    Raises:
        ValueError, TypeError: an operator describes itself in a way this backend cannot render.
    """
    kinds = module_classes(graph)
    names = class_names(kinds, class_name(graph))
    writer = ClassWriter(kinds, names, constructors(kinds, names))
    docstring = _docstring(graph)
    classes = ["\n".join(writer.lines(number, docstring)) for number, name in enumerate(names) if name]
    heading = _header(graph, kinds, writer, settings or {})
    return "\n\n\n".join(["\n".join(heading), *classes]) + "\n"


def class_name(graph: Graph) -> str:
    """The model's name; with an underscore after it where Python or the file itself needs that name."""
    return free(graph.name)


def _header(graph: Graph, kinds: list[ModuleClass], writer: ClassWriter, settings: Mapping[str, str]) -> Iterator[str]:
    head = f'"""{graph.name}, made by specc{_origin(graph)}.'
    yield from [head, "", *_made_with(settings), '"""'] if settings else [f'{head}"""']
    yield ""
    if any(kind.body.base == "nn.Sequential" and not kind.body.is_numbered for kind in kinds):
        yield from ("from collections import OrderedDict", "")
    if any(kind.body.base != "nn.Sequential" for kind in kinds):  # the others have no forward
        yield "import torch"
    called = (expr for number in range(len(kinds)) for expr in writer.called(number))
    if any(head.startswith("F.") for expr in called for head in heads(expr)):
        yield "import torch.nn.functional as F"
    yield "from torch import nn"


def _origin(graph: Graph) -> str:
    """`` from lenet.cnn``: the files the steps stand in, without folders."""
    files = dict.fromkeys(node.span.source.name for node in graph.nodes)
    shown = (PurePosixPath(name).name for name in files if name != "<stdin>")
    text = ", ".join("".join(c if c.isprintable() and c not in '"\\' else "?" for c in name) for name in shown)
    return f" from {text}" if text else ""


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
    inputs = [(port.name, port.type) for port in graph.inputs]
    outputs = [(port.name, port.type) for port, _ in graph.outputs]
    lines = [f"{graph.name}: {size}.", "", "Takes", *_ports(inputs), "Gives", *_ports(outputs)]
    if len(inputs) == len(outputs) == 1:
        lines = [f"{graph.name}: {inputs[0][1]} -> {outputs[0][1]}, {size}."]
    if class_name(graph) != graph.name:
        lines += ["", f"The class is not called {graph.name}: Python or this file needs that name."]
    return lines


def _ports(ports: list[tuple[str, TensorType]]) -> list[str]:
    return [f"    {name}: {tensor}" for name, tensor in ports]


def class_names(families: list[ModuleClass], model: str) -> list[str]:
    """A name for every class: what the spec calls it, and where there are several of that name, what tells it apart.

    The plain name is for the one that is used most: ``Bottleneck``, and ``BottleneckDownsample``; for a block rather
    than for a group of that name in it, which is what the author calls a part.
    """
    names = {len(families) - 1: model}
    taken = {model}
    for alike in _by_title(families).values():
        usual = max(alike, key=lambda number: (_is_block(families[number]), len(families[number].instances)))
        numbers = count(2)
        named: list[ModuleClass] = []
        for number in sorted(alike, key=lambda number: number != usual):
            title = families[number].body.title
            wanted = _apart(title, families[number], named) if named else [title]
            candidates = chain(map(free, wanted), (free(f"{title}{i}") for i in numbers))
            names[number] = next(name for name in candidates if name not in taken)
            taken.add(names[number])
            named.append(families[number])
    return [names.get(number, "") for number in range(len(families))]


def _by_title(families: list[ModuleClass]) -> dict[str, list[int]]:
    alike: dict[str, list[int]] = {}
    for number, family in enumerate(families[:-1]):
        if not family.is_sequence:
            alike.setdefault(family.body.title, []).append(number)
    return alike


def _is_block(family: ModuleClass) -> bool:
    block = family.instances[0].use.block
    return block is not None and block.kind == "block"


def _apart(title: str, family: ModuleClass, named: list[ModuleClass]) -> Iterator[str]:
    """The title with ``Downsample`` for what the usual one, which is named first, lacks; else with ``WithoutAdd``.

    A label that differs in its number alone says it only where it is the one that is new: with ``conv5`` and ``conv6``,
    ``Conv5`` would be half of it.
    """
    usual = named[0]
    if _is_block(usual) and not _is_block(family):
        yield f"{title}Group"
        return
    own, other = _stems(family), _stems(usual)
    yield from (f"{title}{camel(label)}" for label in own if label not in other)
    yield from (f"{title}Without{camel(label)}" for label in other if label not in own)
    known = {label for before in named for label in _labels(before)}
    new = [label for label in _labels(family) if label not in known]
    if len(new) == 1:
        yield f"{title}{camel(new[0])}"
    missing = [label for label in _labels(usual) if label not in _labels(family)]
    if not new and len(missing) == 1:
        yield f"{title}Without{camel(missing[0])}"


def _labels(family: ModuleClass) -> dict[str, None]:
    """The labels of its members."""
    values = family.instances[0].labels[family.body.inputs :]
    held = (label for declaration in family.body.declarations for label in declaration.labels)
    return dict.fromkeys(label for label in (*held, *values) if not label.isdigit())


def _stems(family: ModuleClass) -> dict[str, None]:
    """The labels without their numbers."""
    return dict.fromkeys(re.sub(r"_?\d+$", "", label) for label in _labels(family))
