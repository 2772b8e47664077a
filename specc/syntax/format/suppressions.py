"""What the comments are about that silence findings: ``# specc: ignore[S0505] why``.

Such a comment is about its line or, alone on one, about the next line of code; a finding is on the line on which it
begins. So a line that is joined to another, or broken, could silence more than before, or less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from specc.diagnostics import Code
from specc.syntax import ast
from specc.syntax.trivia import CodeLines, Comment, directive, lines, start, tidy

Row = tuple[ast.Statement | ast.Item | ast.Binder, ...]
"""What may share a line: a chain of steps, the names of an import, or one item."""
_Way = tuple[tuple[Row, int], ...]


class Anchor(NamedTuple):
    """Where a finding can begin.

    Attributes:
        owner: where that begins which it is about.
        way: the rows that it lies in, and its place in each, the outermost first.
        is_argument: the owner is a step, and this an argument of it.
        is_model: it is the name of a model, which nothing but budgets points at.
    """

    at: int
    owner: int
    way: _Way
    is_argument: bool = False
    is_model: bool = False


class Suppressed(NamedTuple):
    """A comment, and the numbers of the anchors that it is about."""

    comment: Comment
    anchors: tuple[int, ...]

    @property
    def text(self) -> str:
        return tidy(self.comment.text)


class Suppressions:
    """The comments of a text that silence findings of a line. Equal trees have the same anchors."""

    def __init__(self, file: ast.File, comments: Iterable[Comment]) -> None:
        self._source = file.source
        self.anchors: list[Anchor] = []
        self.all: list[Suppressed] = []
        ignores = [(comment, codes) for comment in comments if (codes := _codes(comment))]
        if not ignores:
            return
        self.anchors = sorted(_anchors(file), key=lambda anchor: anchor.at)
        by_line: dict[int, list[int]] = defaultdict(list)
        for i, anchor in enumerate(self.anchors):
            by_line[self._source.position(anchor.at)[0]].append(i)
        code = CodeLines(self._source)
        for comment, codes in ignores:
            budget = any(Code.BUDGET.startswith(prefix) for prefix in codes)
            lint = any(not prefix.startswith(Code.BUDGET) for prefix in codes)
            about = by_line.get(code.about(comment.start), ())
            anchors = tuple(i for i in about if (budget if self.anchors[i].is_model else lint))
            self.all.append(Suppressed(comment, anchors))

    def lost(self, after: Suppressions) -> list[Suppressed]:
        """Those that ``after`` has about less, or about something else besides.

        One that was about nothing may be about anything, and one about a step about all its arguments.
        """
        before, now = self._by_text(), after._by_text()
        empty = {ignore.text for ignore in self.all if not ignore.anchors}
        owners = {text: {self.anchors[i].owner for i in anchors} for text, anchors in before.items()}
        widened = {
            text for text in before.keys() - empty if any(self.anchors[i].owner not in owners[text] for i in now[text])
        }
        return [ignore for ignore in self.all if ignore.text in widened or not now[ignore.text] >= {*ignore.anchors}]

    def _by_text(self) -> dict[str, set[int]]:
        """The anchors by the words of a comment, which several may share."""
        anchors: dict[str, set[int]] = defaultdict(set)
        for ignore in self.all:
            anchors[ignore.text].update(ignore.anchors)
        return anchors

    def relocated(self, lost: Iterable[Suppressed], comments: Iterable[Comment]) -> dict[Comment, Comment]:
        """Each comment at the end of the line that it is about; where another stands there, alone above that line."""
        at_ends = {self._source.position(comment.start)[0]: comment for comment in comments if not comment.alone}
        moved = {}
        for comment, anchors in lost:
            ways = [self.anchors[i].way for i in anchors]
            level = 0  # of the innermost row that has all the anchors
            while all(len(way) > level + 1 and way[level + 1][0] is ways[0][level + 1][0] for way in ways):
                level += 1
            row, numbers = ways[0][level][0], [way[level][1] for way in ways]
            end = row[max(numbers)].span.end
            other = at_ends.get(self._source.position(end)[0])
            occupied = other is not None and other is not comment and other.start >= end
            if occupied or any(self.anchors[i].is_model for i in anchors):
                moved[comment] = comment._replace(start=_start(row[min(numbers)]) - 1, alone=True, after_blank=False)
            else:
                moved[comment] = comment._replace(start=end, alone=False, after_blank=False)
        return moved


class LineConstraints:
    """What silencing comments ask of the layout.

    Attributes:
        first: where parts of a row begin that must not stand on the line of the part before.
        joined: those that must not be broken off from the part before.
        whole: those that must stand on one line, however long.

    Args:
        moved: comments that go behind the whole line, and not at an argument of a step.
    """

    def __init__(self, suppressions: Suppressions, moved: Collection[Suppressed] = ()) -> None:
        self.first: set[int] = set()
        self.joined: set[int] = set()
        self.whole: set[int] = set()
        self._begins = {_start(row[i]) for anchor in suppressions.anchors for row, i in anchor.way}
        is_moved = frozenset(moved).__contains__
        for ignore in suppressions.all:
            anchors = [suppressions.anchors[i] for i in ignore.anchors]
            owners = {anchor.owner for anchor in anchors if is_moved(ignore) or not anchor.is_argument}
            self.whole |= owners
            rows: dict[int, tuple[Row, set[int]]] = {}
            for anchor in anchors:
                for row, i in anchor.way if anchor.owner in owners and not anchor.is_model else ():
                    rows.setdefault(id(row), (row, set()))[1].add(i)
            for row, numbers in rows.values():
                self._constrain_row(row, min(numbers), max(numbers))

    def _constrain_row(self, row: Row, first: int, last: int) -> None:
        """The parts from ``first`` to ``last`` stand on a line, without others in which something can be found."""
        while first and _start(row[first - 1]) not in self._begins:
            first -= 1
        begins = [_start(part) for part in row[first : last + 1]]
        # Only as far as it must be looked: every comment of a long chain comes here, and the chain is the row of all.
        behind = map(_start, map(row.__getitem__, range(last + 1, len(row))))
        self.whole.update(begins)
        self.joined.update(begins[1:])
        position = row[0].span.source.position
        if last + 1 < len(row):
            following = _start(row[last + 1])
            if position(following)[0] == position(begins[-1])[0]:
                self.joined.add(following)
        if first:
            self.first.add(begins[0])
        self.first.update(islice(filter(self._begins.__contains__, behind), 1))


def _start(part: ast.Statement | ast.Item | ast.Binder) -> int:
    return part.span.start if isinstance(part, ast.Binder) else start(part)


def _codes(comment: Comment) -> tuple[str, ...]:
    """What a comment silences on its line: codes or their beginnings."""
    ignore = directive(comment.text)
    return tuple(filter(None, ignore.codes or ())) if ignore and ignore.word == "ignore" else ()


# ---- where findings can begin -----------------------------------------------------------------------


def _anchors(file: ast.File) -> Iterator[Anchor]:
    for item in file.items:
        way: _Way = (((item,), 0),)
        match item:
            case ast.Import():
                for i, name in enumerate(item.names):
                    yield Anchor(name.span.start, name.span.start, (*way, (item.names, i)))
            case ast.Let():
                yield Anchor(item.name_span.start, item.span.start, way)
            case ast.ModelDefinition():
                yield Anchor(item.name_span.start, item.name_span.start, way, is_model=True)
                yield from _in_statements(item.body.statements, way)
            case ast.BlockDefinition():
                yield from _in_statements(item.body.statements, way)


def _in_statements(statements: tuple[ast.Statement, ...], outer: _Way) -> Iterator[Anchor]:
    """Loops and conditions have no findings of their own, only the steps in them; merges where they have arguments."""
    for row in lines(statements):
        for i, statement in enumerate(row):
            way = (*outer, (row, i))
            match statement:
                case ast.Call(name=name) if name != "_":
                    owner = start(statement)
                    yield Anchor(statement.name_span.start, owner, way)
                    for argument in statement.arguments:
                        if argument.name:
                            yield Anchor(argument.span.start, owner, way, is_argument=True)
                case ast.Let():
                    yield Anchor(statement.name_span.start, statement.span.start, way)
                case ast.Merge():
                    if statement.arguments:
                        yield Anchor(statement.name_span.start, start(statement), way)
                    for arm in statement.arms:
                        yield from _in_statements(arm.statements, way)
                case ast.Shared():
                    yield from _in_statements(statement.steps, way)
                case ast.Group() | ast.Repeat() | ast.For():
                    yield from _in_statements(statement.body.statements, way)
                case ast.If():
                    yield from _in_statements(statement.body.statements, way)
                    if statement.otherwise:
                        yield from _in_statements(statement.otherwise.statements, way)
