"""What the comments are about that silence findings: ``# specc: ignore[S0505] why``.

Such a comment is about its line or, alone on one, about the next line of code; a finding is on the line on which it
begins. So a line that is joined to another, or broken, could silence more than before, or less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from specc.diagnostics import Code
from specc.source import Source
from specc.syntax import ast
from specc.syntax.directives import CodeLines, directive
from specc.syntax.lines import lines, start
from specc.syntax.tokens import Comment, tidy

Row = tuple[ast.Statement | ast.Item | ast.Label, ...]
"""What may share a line: a chain of steps, the names of an import, or one item."""
_Way = tuple[tuple[Row, int], ...]


class Anchor(NamedTuple):
    """Where a finding can begin.

    Attributes:
        owner: where that begins which it is about.
        is_argument: the owner is a step, and this an argument of it.
        is_model: it is the name of a model, which nothing but budgets points at.
        way: the rows that it lies in, and its place in each, the outermost first.
    """

    at: int
    owner: int
    is_argument: bool
    is_model: bool
    way: _Way


class Silence(NamedTuple):
    """A comment, and the numbers of the anchors that it is about."""

    comment: Comment
    about: tuple[int, ...]

    @property
    def text(self) -> str:
        return tidy(self.comment.text)


class Silences:
    """The comments of a text that silence findings of a line. Equal trees have the same anchors."""

    def __init__(self, file: ast.File, comments: Iterable[Comment]) -> None:
        self._source = file.source
        speaking = [(comment, codes) for comment in comments if (codes := _codes(comment))]
        self.anchors = sorted(_anchors(file)) if speaking else []
        self.all = list(_silences(file.source, self.anchors, speaking)) if speaking else []

    def lost(self, after: Silences) -> list[Silence]:
        """Those that ``after`` has about less, or about something else besides.

        One that was about nothing may be about anything, and one about a step about all its arguments.
        """
        before, now = self._about(), after._about()
        idle = {silence.text for silence in self.all if not silence.about}
        besides = {
            text
            for text, about in before.items()
            if text not in idle and not self._owners(now[text]) <= self._owners(about)
        }
        return [
            silence
            for silence in self.all
            if silence.text in besides or not now[silence.text].issuperset(silence.about)
        ]

    def _owners(self, about: Iterable[int]) -> set[int]:
        return {self.anchors[i].owner for i in about}

    def _about(self) -> dict[str, set[int]]:
        """By the words of a comment, of which there may be several."""
        found: dict[str, set[int]] = defaultdict(set)
        for silence in self.all:
            found[silence.text].update(silence.about)
        return found

    def beside(self, lost: Iterable[Silence], taken: Iterable[Comment]) -> dict[Comment, Comment]:
        """Each comment at the end of the line that it is about; where another stands there, alone above that line."""
        at_ends = {self._source.position(comment.start)[0]: comment for comment in taken if not comment.alone}
        return {silence.comment: self._beside(silence, at_ends) for silence in lost}

    def _beside(self, silence: Silence, at_ends: Mapping[int, Comment]) -> Comment:
        row, first, last = self._innermost(silence)
        end, above = row[last].span.end, _start(row[first]) - 1
        there = at_ends.get(self._source.position(end)[0])
        taken_up = there is not None and there is not silence.comment and there.start >= end
        if taken_up or any(self.anchors[i].is_model for i in silence.about):
            return silence.comment._replace(start=above, alone=True, after_blank=False)
        return silence.comment._replace(start=end, alone=False, after_blank=False)

    def _innermost(self, silence: Silence) -> tuple[Row, int, int]:
        """The innermost row that holds all that it is about: from its first part to its last."""
        ways = [self.anchors[i].way for i in silence.about]
        level = 0
        while all(len(way) > level + 1 and way[level + 1][0] is ways[0][level + 1][0] for way in ways):
            level += 1
        places = [way[level][1] for way in ways]
        return ways[0][level][0], min(places), max(places)


class Held:
    """What silencing comments ask of the layout.

    Attributes:
        first: where parts of a row begin that must not stand on the line of the part before.
        joined: those that must not be broken off from the part before.
        whole: those that must stand on one line, however long.

    Args:
        moved: comments that are written behind the whole line, and not at an argument of a step.
    """

    def __init__(self, silences: Silences, moved: Collection[Silence] = ()) -> None:
        self.first: set[int] = set()
        self.joined: set[int] = set()
        self.whole: set[int] = set()
        self._holding = {_start(row[i]) for anchor in silences.anchors for row, i in anchor.way}
        is_moved = frozenset(moved).__contains__
        for silence in silences.all:
            about = [silences.anchors[i] for i in silence.about]
            begun = {anchor.owner for anchor in about if is_moved(silence) or not anchor.is_argument}
            self._hold([anchor for anchor in about if anchor.owner in begun])

    def _hold(self, anchors: list[Anchor]) -> None:
        places: dict[int, tuple[Row, set[int]]] = {}
        for anchor in anchors:
            self.whole.add(anchor.owner)
            for row, i in () if anchor.is_model else anchor.way:
                places.setdefault(id(row), (row, set()))[1].add(i)
        for row, held in places.values():
            self._hold_row(row, min(held), max(held))

    def _hold_row(self, row: Row, first: int, last: int) -> None:
        """The parts from ``first`` to ``last`` stand on a line, without others in which something can be found."""
        while first and _start(row[first - 1]) not in self._holding:
            first -= 1
        behind = map(_start, map(row.__getitem__, range(last + 1, len(row))))
        after = next(filter(self._holding.__contains__, behind), None)
        begins = [_start(part) for part in row[first : last + 1]]
        position = row[0].span.source.position
        self.whole.update(begins)
        self.joined.update(begins[1:])
        if last + 1 < len(row) and position(_start(row[last + 1]))[0] == position(begins[-1])[0]:
            self.joined.add(_start(row[last + 1]))
        self.first.update(begins[:1] if first else ())
        self.first.update(() if after is None else (after,))


def _start(part: ast.Statement | ast.Item | ast.Label) -> int:
    return part.span.start if isinstance(part, ast.Label) else start(part)


def _codes(comment: Comment) -> tuple[str, ...]:
    """What a comment silences on its line: codes or their beginnings."""
    found = directive(comment.text)
    return tuple(filter(None, found.codes or ())) if found and found.word == "ignore" else ()


def _silences(
    source: Source, anchors: list[Anchor], speaking: list[tuple[Comment, tuple[str, ...]]]
) -> Iterator[Silence]:
    by_line: dict[int, list[int]] = defaultdict(list)
    for i, anchor in enumerate(anchors):
        by_line[source.position(anchor.at)[0]].append(i)
    code = CodeLines(source)
    for comment, codes in speaking:
        about = by_line.get(code.about(comment.start), ())
        yield Silence(comment, tuple(i for i in about if _concerns(codes, anchors[i])))


def _concerns(codes: tuple[str, ...], anchor: Anchor) -> bool:
    if anchor.is_model:
        return any(Code.BUDGET.startswith(code) for code in codes)
    return any(not code.startswith(Code.BUDGET) for code in codes)


# ---- where findings can begin -----------------------------------------------------------------------


def _anchors(file: ast.File) -> Iterator[Anchor]:
    for item in file.items:
        way: _Way = (((item,), 0),)
        match item:
            case ast.Import():
                yield from (
                    Anchor(name.span.start, name.span.start, False, False, (*way, (item.names, i)))
                    for i, name in enumerate(item.names)
                )
            case ast.Let():
                yield Anchor(item.name_span.start, item.span.start, False, False, way)
            case ast.Model():
                yield Anchor(item.name_span.start, item.name_span.start, False, True, way)
                yield from _in_list(item.body.statements, way)
            case ast.Block():
                yield from _in_list(item.body.statements, way)


def _in_list(statements: tuple[ast.Statement, ...], way: _Way) -> Iterator[Anchor]:
    for row in lines(statements):
        for i, statement in enumerate(row):
            yield from _in_statement(statement, (*way, (row, i)))


def _in_statement(statement: ast.Statement, way: _Way) -> Iterator[Anchor]:
    """Of merges, loops and conditions nothing is said, but of the steps in them."""
    match statement:
        case ast.Call(name=name) if name != "_":
            owner = _start(statement)
            yield Anchor(statement.name_span.start, owner, False, False, way)
            named = (argument.span.start for argument in statement.arguments if argument.name)
            yield from (Anchor(at, owner, True, False, way) for at in named)
        case ast.Let():
            yield Anchor(statement.name_span.start, statement.span.start, False, False, way)
        case ast.Merge():
            for arm in statement.arms:
                yield from _in_list(arm.statements, way)
        case ast.Shared():
            yield from _in_list(statement.steps, way)
        case ast.Group() | ast.Repeat() | ast.For():
            yield from _in_list(statement.body.statements, way)
        case ast.If():
            yield from _in_list(statement.body.statements, way)
            yield from _in_list(statement.otherwise.statements if statement.otherwise else (), way)
