"""What can be folded away: bodies, merges, lists and calls over several lines, comments, imports, lets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from specc.source import Source, is_yaml
from specc.syntax import ast
from specc.syntax.trivia import comments


class FoldableLines(NamedTuple):
    """Lines that can be folded into the first of them, counted from 0.

    Attributes:
        last: the last line that is hidden; that of a closing bracket is seen.
    """

    first: int
    last: int
    kind: Literal["code", "comment", "imports"]


def folds(source: Source, file: ast.File | None) -> list[FoldableLines]:
    """In order, one for a line at most: the longest.

    Args:
        file: the tree of what can be parsed; None: comments are all that is known.
    """
    found: dict[int, FoldableLines] = {}
    everything = (*_comments(source), *_imports(source, file), *_code(source, file)) if not is_yaml(source.name) else ()
    for fold in everything:
        if fold.last > fold.first and fold.last > found.get(fold.first, fold._replace(last=-1)).last:
            found[fold.first] = fold
    return [found[first] for first in sorted(found)]


def _code(source: Source, file: ast.File | None) -> Iterator[FoldableLines]:
    for part in ast.parts(file):
        match part:
            case ast.Merge() | ast.Sequence() | ast.Call() | ast.Apply() | ast.Group():
                yield _closed(source, part.span.start, part.span.end)
            case ast.BlockDefinition() | ast.ModelDefinition() | ast.Repeat() | ast.For() | ast.Arm():
                yield _closed(source, part.span.start, part.span.end)
            case ast.If():
                yield _closed(source, part.span.start, part.body.span.end)
                if part.otherwise is not None:
                    yield _closed(source, part.otherwise.span.start, part.otherwise.span.end)
            case ast.Let() | ast.Shared() | ast.Default() | ast.Contract():
                yield _closed(source, part.span.start, part.span.end)


def _closed(source: Source, start: int, end: int) -> FoldableLines:
    """Down to the line before that of a bracket that closes it and begins its line."""
    last = _line(source, end)
    if source.before(end).strip() in ("}", ")", "]", "})", "])"):
        last -= 1
    return FoldableLines(_line(source, start), last, "code")


def _comments(source: Source) -> Iterator[FoldableLines]:
    """Comments on lines of their own, one below the other."""
    lines = (_line(source, comment.start) for comment in comments(source) if comment.alone)
    yield from (FoldableLines(first, last, "comment") for first, last in _runs(lines))


def _imports(source: Source, file: ast.File | None) -> Iterator[FoldableLines]:
    items = [item for item in (file.items if file else ()) if isinstance(item, ast.Import)]
    lines = [line for item in items for line in range(_line(source, item.span.start), _line(source, item.span.end) + 1)]
    yield from (FoldableLines(first, last, "imports") for first, last in _runs(lines))


def _runs(lines: Iterable[int]) -> list[tuple[int, int]]:
    """The first and the last of lines without others between them."""
    runs: list[tuple[int, int]] = []
    for line in lines:
        if runs and line - runs[-1][1] <= 1:
            runs[-1] = (runs[-1][0], line)
        else:
            runs.append((line, line))
    return runs


def _line(source: Source, offset: int) -> int:
    return source.position(offset)[0] - 1
