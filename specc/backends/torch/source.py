"""The graph as the PyTorch source that a person would have written: a class for each block, a line a step."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import PurePosixPath

from specc.backends.torch.classes import Family, families
from specc.backends.torch.constructor import constructors
from specc.backends.torch.layout import WIDTH, heads
from specc.backends.torch.module_class import ClassWriter
from specc.backends.torch.names import free
from specc.backends.torch.titles import class_names
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
    kinds = families(graph)
    names = class_names(kinds, class_name(graph))
    writer = ClassWriter(kinds, names, constructors(kinds, names))
    docstring = _docstring(graph)
    classes = ["\n".join(writer.lines(number, docstring)) for number, name in enumerate(names) if name]
    heading = _header(graph, kinds, writer, settings or {})
    return "\n\n\n".join(["\n".join(heading), *classes]) + "\n"


def class_name(graph: Graph) -> str:
    """The model's name; with an underscore after it where Python or the file itself needs that name."""
    return free(graph.name)


def _header(graph: Graph, kinds: list[Family], writer: ClassWriter, settings: Mapping[str, str]) -> Iterator[str]:
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
