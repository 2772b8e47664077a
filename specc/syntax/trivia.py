"""What the tree leaves out of a text: comments and what they say to specc, empty lines, which steps one line holds.

``# specc: 1`` on the first line pins the version. ``# specc: ignore[S0505] reason`` is about its line or, alone on one,
about the next line of code; ``ignore-file`` is about the whole file. They mean the same in both forms of a spec.

An arrow and a newline mean the same, so the tree has neither; the formatter and the YAML writer find them here. A node
that is passed to these functions must be of a tree made from the text of the language: its spans must lie in it. Only
`lines` and `arrow_after` take those of a tree made from YAML, too.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from specc.source import Source, Span, is_yaml

if TYPE_CHECKING:
    from specc.syntax import ast

# The lexer is imported by the functions that ask it: where all that is known of a file lies in the cache, and no
# comment has a string in front of it, it is not needed, and to read it and its tables would take 7 % of `specc check`.

_PIN = re.compile(r"#[ \t]*specc[ \t]*[:=]?[ \t]*(?P<version>v?\d\S*)(?P<rest>[^\n]*)", re.IGNORECASE)
# Texts, compiled when the first comment of the kind is read: most specs have none.
_DIRECTIVE = r"#[ \t]*specc:[ \t]*(?P<word>[\w-]*)(?:\[(?P<codes>[^\]]*)\])?[ \t]*(?P<reason>.*)"

# The part of a line of YAML before its comment, where a # in a word begins none, and a quotation mark in a word is
# one of its letters. PyYAML knows it too, but is not imported where all that is known of a file lies in the cache.
_YAML_CODE = r"""(?:[^"'#]|(?<![^\s\[{,:])(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|(?<=\S)["'#])*"""


# ---- comments -----------------------------------------------------------------------------------------


class Comment(NamedTuple):
    """``start`` is the offset of the ``#``; ``text`` goes to the end of the line, less trailing blanks.

    ``alone``: nothing but blanks is before it on its line.
    ``after_blank``: it is alone, and the line above is empty.
    """

    start: int
    text: str
    alone: bool
    after_blank: bool


def comments(source: Source) -> tuple[Comment, ...]:
    """Every comment of a text, in order."""
    text, end = source.text, 0
    comments = []
    while (mark := text.find("#", end)) >= 0:
        begin = text.rfind("\n", 0, mark) + 1
        end = text.find("\n", mark) % (len(text) + 1)
        at = begin + _comment_start(text[begin:end])
        if at < end:
            alone = not text[begin:at].strip()
            comments.append(Comment(at, text[at:end].rstrip(), alone, empty_line_above(source, at)))
    return tuple(comments)


def _comment_start(line: str, *, is_yaml: bool = False) -> int:
    """Where the comment of a line begins; its end where it has none."""
    if is_yaml:
        return re.match(_YAML_CODE, line).end()  # type: ignore[union-attr]  # it matches anything
    at = line.find("#") % (len(line) + 1)
    if '"' in line[:at]:
        from specc.syntax.tokens import NEWLINE, scan

        # Only then the mark can be part of a string: lines without are most, and the lexer takes ten times as long.
        at = next(start for kind, start, _ in scan(line + "\n") if kind == NEWLINE)
        at = line.find("#", at) % (len(line) + 1)
    return at


def tidy(text: str) -> str:
    """A comment with a blank behind its ``#``; ``#!``, ``#:`` and ``##`` mean something to somebody and stay."""
    if len(text) == 1 or text[1].isspace() or text.startswith(("#!", "#:", "##")):
        return text
    return f"# {text[1:]}"


# ---- what comments say to specc ---------------------------------------------------------------------


class Pin(NamedTuple):
    """The first line of a spec where it says a version.

    Attributes:
        line: the line, less trailing blanks.
        version: the place of the version.
        is_alone: the line has nothing else; where it has, it is a comment like others.
    """

    line: str
    version: Span
    is_alone: bool


class Directive(NamedTuple):
    """A comment that begins with ``specc:`` and is no version.

    Attributes:
        start: where in the comment it begins: other words may stand before it.
        word: ``ignore``, ``ignore-file``, or a mistaken author's other word.
        codes: in the brackets, codes of findings or their beginnings; None without brackets.
        reason: the text behind them.
    """

    start: int
    word: str
    codes: tuple[str, ...] | None
    reason: str


def pin(source: Source) -> Pin | None:
    """The version that the first line says; None where it says none."""
    match = _PIN.match(source.text)
    return match and Pin(match[0].rstrip(), source.span(*match.span("version")), not match["rest"].strip())


def directive(comment: str) -> Directive | None:
    """What a comment says to specc; None for one that says nothing, or a version."""
    match = re.search(_DIRECTIVE, comment) if "specc:" in comment else None
    if match is None or _PIN.match(match[0]):
        return None
    codes = None if match["codes"] is None else tuple(code.strip() for code in match["codes"].split(","))
    return Directive(match.start(), match["word"], codes, match["reason"].strip())


def directives(source: Source) -> Iterator[tuple[Span, Directive]]:
    """What the comments of a spec say to specc, each with its place, which goes to the end of the line."""
    text, end = source.text, 0
    while (mark := text.find("specc:", end)) >= 0:
        start = text.rfind("\n", 0, mark) + 1
        end = text.find("\n", mark) % (len(text) + 1)
        line = text[start:end].rstrip()
        at = _comment_start(line, is_yaml=is_yaml(source.name))
        if instruction := directive(line[at:]):
            yield source.span(start + at + instruction.start, start + len(line)), instruction


class CodeLines:
    """Which lines of a text hold more than a comment, and in which item they stand; the same in both forms."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._numbers: list[int] = []
        self._items: list[tuple[int, str]] = []
        for number, text in enumerate(source.text.split("\n"), 1):
            line = text.strip()
            if line and not line.startswith("#"):
                self._numbers.append(number)
                word, *_ = line.removeprefix("-").replace(":", " ").split(maxsplit=1) or [""]
                if word in ("model", "block"):
                    self._items.append((number, word))

    def about(self, comment: int) -> int:
        """The line that a comment at this offset is about: its own, or, where it stands alone, the next of code."""
        number, _ = self._source.position(comment)
        place = bisect_left(self._numbers, number)
        return self._numbers[place] if place < len(self._numbers) else number

    def in_block(self, line: int | None) -> bool:
        """Whether a line is one of a block; without a line, whether the text has a block."""
        if line is None:
            return any(word == "block" for _, word in self._items)
        place = bisect_left(self._items, (line + 1, "")) - 1
        return place >= 0 and self._items[place][1] == "block"


# ---- lines ---------------------------------------------------------------------------------------------

Line: TypeAlias = "tuple[ast.Statement, ...]"
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
    from specc.syntax.tokens import ARROW, token_at

    span = node.span.origin
    return token_at(span.source.text, span.end).kind == ARROW


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
    """Whether ``offset`` is the first mark on its line, and nothing but blanks is on the line above."""
    line, _ = source.position(offset)
    return line > 1 and not source.before(offset).strip() and not source.line(line - 1).strip()


def own_lines(span: Span) -> Span | None:
    """The lines that a span stands on, their ends included, where nothing else does; None where something does."""
    text = span.source.text
    end = text.find("\n", span.end) + 1
    if not end or span.source.before(span.start).strip() or text[span.end : end].strip():
        return None
    return span.source.span(span.start - len(span.source.before(span.start)), end)
