"""The comments that speak to specc, carried along where a spec is written in its other form.

They are about lines. One is carried where the line that it is about has a line of its own in the other form: all that
begins on the one begins on the other, and nothing else does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from specc.project.ignores import Ignore, ignores
from specc.source import Source, Span
from specc.syntax import ast, parse

Lines = dict[int, set[int]]


class Carried(NamedTuple):
    """The text with the comments; ``starts`` are the offsets in the old text of those that are in it."""

    text: str
    starts: frozenset[int]


def carried(old: Source, new: Source) -> Carried:
    """``new`` says the same as ``old``, in the other form: with the comments of ``old`` that speak to specc.

    The names of both say which form they have, and both parse.
    """
    found, _ = ignores(old)
    if not found:
        return Carried(new.text, frozenset())
    places = _places(parse(old), parse(new))
    meant = {ignore: places.get(ignore.line) if ignore.line else None for ignore in found}
    kept = [ignore for ignore in found if ignore.line is None or meant[ignore] is not None]
    text = _with_comments(old, new.text, [(ignore, meant[ignore]) for ignore in kept])
    if _said(Source(new.name, text)) != sorted((ignore.codes, _code(new, meant[ignore])) for ignore in kept):
        return Carried(new.text, frozenset())
    return Carried(text, frozenset(ignore.span.start for ignore in kept))


def _places(old: ast.File, new: ast.File) -> dict[int | None, int]:
    """For each line of the old text that is one line of the new one, and the whole of it, which one it is."""
    there, back = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    for one, other in _spans(old.items, new.items):
        line, place = one.position[0], other.position[0]
        there[line].add(place)
        back[place].add(line)
    return {
        line: min(places)
        for line, places in there.items()
        if all(back[p] == {line} for p in places) and len(places) == 1
    }


def _spans(old: object, new: object) -> Iterator[tuple[Span, Span]]:
    """The places of two trees that differ in nothing else; but for bodies, which begin where their first line does."""
    waiting = [(old, new)]
    while waiting:
        one, other = waiting.pop()
        if isinstance(one, Span) and isinstance(other, Span):
            yield one, other
        elif isinstance(one, ast.Body) and isinstance(other, ast.Body):
            waiting.append((one.statements, other.statements))
        elif isinstance(one, tuple) and isinstance(other, tuple):
            waiting += zip(one, other, strict=True)


def _with_comments(old: Source, text: str, comments: Iterable[tuple[Ignore, int | None]]) -> str:
    """The text with each comment at the end of its line, or above it; those about the whole file at the top."""
    lines = text.split("\n")
    above = defaultdict[int, list[str]](list)
    top = 1 if lines[0].startswith("#") else 0  # a pin stays first
    for ignore, number in comments:
        if number is None:
            above[top].append(ignore.span.text)
        elif _is_alone(old, ignore.span):
            line = lines[number - 1]
            above[number - 1].append(line[: len(line) - len(line.lstrip())] + ignore.span.text)
        else:
            lines[number - 1] += f"  {ignore.span.text}"
    return "\n".join(part for place, line in enumerate(lines) for part in (*above[place], line))


def _is_alone(source: Source, comment: Span) -> bool:
    return not source.before(comment.start).strip()


def _said(source: Source) -> list[tuple[tuple[str, ...], str]]:
    return sorted((ignore.codes, _code(source, ignore.line)) for ignore in ignores(source)[0])


def _code(source: Source, line: int | None) -> str:
    """What stands on a line before its comment."""
    return "" if line is None else source.line(line).partition("  # specc:")[0]
