"""What is said of the step or the layer under the mouse, as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from specc.analyses import Costs
from specc.diagnostics import SpecError
from specc.elaborate import Imports, check_file
from specc.elaborate.arguments import signature
from specc.elaborate.model_cache import ModelCache
from specc.filesystem import FileSystem
from specc.ir.graph import Node, Region
from specc.ops import find
from specc.report.costs import explain
from specc.report.operators import documentation
from specc.server.bindings import Bindings
from specc.server.signature import comment_above
from specc.source import Span
from specc.syntax import ast


class Hover(NamedTuple):
    text: str
    span: Span


def hover(
    file: ast.File,
    at: int,
    files: FileSystem,
    models: ModelCache | None = None,
    bindings: Callable[[], Bindings] | None = None,
) -> Hover | None:
    """The arithmetic of the step there, where its file fits together, and the documentation of its layer or block.

    None where no step is called.

    Args:
        models: those of earlier texts.
        bindings: gives those of the file and of what it imports; without it, nothing is said of blocks of other files.
    """
    calls = [
        part for part in ast.parts(file) if isinstance(part, (ast.Call, ast.Merge)) and _covers(part.name_span, at)
    ]
    if not calls:
        return None
    call = calls[-1]
    known = (_arithmetic(file, call.span, files, models), _described(file, call, bindings))
    text = "\n\n".join(part for part in known if part)
    return Hover(text, call.name_span) if text else None


def _covers(span: Span, at: int) -> bool:
    return span.start <= at <= span.end


def _described(file: ast.File, call: ast.Call | ast.Merge, bindings: Callable[[], Bindings] | None) -> str:
    blocks = {item.name: item for item in file.items if isinstance(item, ast.BlockDefinition)}
    block = blocks.get(call.name)
    imported = {one.name for item in file.items if isinstance(item, ast.Import) for one in item.names}
    if bindings is not None and call.name in imported:
        called = bindings().applicable(file.source.name, call.name, call.name_span.start)
        block = called.part.block if called else None
    if block is not None:
        comment = "".join(f"# {line}\n" for line in comment_above(block).splitlines())
        return f"```\n{comment}block {signature(block)}\n```"
    kind = find(call.name)
    return documentation(kind) if kind else ""


def _arithmetic(file: ast.File, span: Span, files: FileSystem, models: ModelCache | None) -> str:
    try:
        checked = check_file(file, Imports(files), models)
    except SpecError:
        return ""
    parts = [(one.graph, name) for one in checked for name in _made(one.graph.members, span)]
    if not parts:
        return ""
    graph, name = parts[0]
    more = len(parts) - 1
    again = f"\n\nand {'once more' if more == 1 else f'{more:,} more times'}" if more else ""
    return f"```\n{explain(Costs(graph), name)}\n```{again}"


def _made(members: tuple[Node | Region, ...], span: Span) -> list[str]:
    """The names of the steps and blocks that the call at ``span`` makes."""
    names: list[str] = []
    for member in members:
        if member.span == span and (isinstance(member, Node) or member.kind == "block"):
            names.append(member.name)
        elif isinstance(member, Region):
            names += _made(member.members, span)
    return names
