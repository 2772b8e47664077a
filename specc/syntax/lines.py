"""What the tree does not say of how a spec was written: which steps one line holds, and where an empty line stands.

An arrow and a newline mean the same, so the tree keeps neither; the formatter and the YAML writer ask here. Both ask of
trees made from the text of the language: the spans must lie in it.
"""

from __future__ import annotations

from specc.syntax import ast
from specc.syntax.tokens import ARROW, token_at

Line = tuple[ast.Statement, ...]
"""A chain of steps with arrows between them; or one let, assert or shared."""


def lines(statements: tuple[ast.Statement, ...]) -> tuple[Line, ...]:
    """The statements of a body, an arm or a `shared`, as the lines that arrows make of them."""
    groups: list[list[ast.Statement]] = []
    for statement in statements:
        if groups and arrow_after(groups[-1][-1]):
            groups[-1].append(statement)
        else:
            groups.append([statement])
    return tuple(map(tuple, groups))


def arrow_after(node: ast.Statement) -> bool:
    """Whether an arrow follows, be it on another line."""
    return token_at(node.span.source.text, node.span.end).kind == ARROW


def start(node: ast.Statement | ast.Item) -> int:
    """The offset where a statement or item begins: with its label, which the span of a step leaves out."""
    label: ast.Binder | None = getattr(node, "label", None)
    return (label or node).span.start


def after_blank(node: ast.Statement | ast.Item) -> bool:
    """Whether an empty line stands between a statement or an item and what comes before it, comments aside."""
    text = node.span.source.text
    end = start(node)
    while True:
        begin = text.rfind("\n", 0, end) + 1
        line = text[begin:end].strip()
        if line and not line.startswith("#"):
            return False
        if not line and end < start(node):
            return True
        if not begin:
            return False
        end = begin - 1
