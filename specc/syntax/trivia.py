"""What the tree leaves out of a text: comments, empty lines, and which steps one line holds.

An arrow and a newline mean the same, so the tree keeps neither; the formatter and the YAML writer ask here. What is
asked with a node is of a tree made from the text of the language: the spans must lie in it.
"""

from __future__ import annotations

from typing import NamedTuple

from specc.source import Source, Span
from specc.syntax import ast
from specc.syntax.tokens import ARROW, NEWLINE, scan, token_at

# ---- comments -----------------------------------------------------------------------------------------


class Comment(NamedTuple):
    """``start`` is the offset of the ``#``; ``text`` goes to the end of the line, less trailing blanks.

    ``alone``: nothing but blanks stands before it on its line.
    ``after_blank``: it is alone, and the line above is empty.
    """

    start: int
    text: str
    alone: bool
    after_blank: bool


def comments(source: Source) -> tuple[Comment, ...]:
    """Every comment of a text, in order."""
    text, end = source.text, 0
    found = []
    while (mark := text.find("#", end)) >= 0:
        begin = text.rfind("\n", 0, mark) + 1
        end = text.find("\n", mark) % (len(text) + 1)
        at = begin + comment_start(text[begin:end])
        if at < end:
            alone = not text[begin:at].strip()
            found.append(Comment(at, text[at:end].rstrip(), alone, empty_line_above(source, at)))
    return tuple(found)


def comment_start(line: str) -> int:
    """Where the comment of a line begins; its end where it has none."""
    at = line.find("#") % (len(line) + 1)
    if '"' in line[:at]:
        # Only then the mark can be part of a string: lines without are most, and the lexer takes ten times as long.
        at = next(start for kind, start, _ in scan(line + "\n") if kind == NEWLINE)
        at = line.find("#", at) % (len(line) + 1)
    return at


def tidy(text: str) -> str:
    """A comment with a blank behind its ``#``; ``#!``, ``#:`` and ``##`` mean something to somebody and stay."""
    if len(text) == 1 or text[1].isspace() or text.startswith(("#!", "#:", "##")):
        return text
    return f"# {text[1:]}"


# ---- lines ---------------------------------------------------------------------------------------------

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


def empty_line_above(source: Source, offset: int) -> bool:
    """Whether ``offset`` is the first mark on its line, and there is nothing but blanks on the line above."""
    line, _ = source.position(offset)
    return line > 1 and not source.before(offset).strip() and not source.line(line - 1).strip()


def own_lines(span: Span) -> Span | None:
    """The lines that a span stands on, their ends included, where nothing else does; None where something does."""
    text = span.source.text
    end = text.find("\n", span.end) + 1
    if not end or span.source.before(span.start).strip() or text[span.end : end].strip():
        return None
    return span.source.span(span.start - len(span.source.before(span.start)), end)
