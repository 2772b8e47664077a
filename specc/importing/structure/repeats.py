"""What comes again in a network without names becomes groups, of which `blocks` makes calls.

Nothing says there which steps belong together. A run of statements that stands at several places is taken for a part,
the one first that shortens the text most; then what comes again in the parts. A cut is made where a person would make
one: before a convolution, a pool or a merge, and not between a convolution and the norm and activation behind it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from specc.importing.structure.blocks import COST_OF_BLOCK, COST_OF_CALL, size_of
from specc.importing.structure.body import (
    EarlierValue,
    LabelledGroup,
    SharedDeclaration,
    Statement,
    When,
    WrittenStep,
    all_statements,
    inner_bodies,
    read_values,
    result_of,
)
from specc.importing.structure.layout import has_weights, is_pool
from specc.importing.structure.loops import is_whole
from specc.importing.structure.unification import Key, Shapes, is_variant

_LONGEST = 12
"""Statements of a part."""
_MOST_PARTS = 30
_ARGUMENTS = 8
"""Characters, about, of the arguments of a call."""


def with_groups(body: list[Statement], start: str | None) -> None:
    """Put what comes again in a model into groups without a label.

    Args:
        start: the value that the body begins with, if it is one.
    """
    finder = _Finder(body, start)
    for _ in range(_MOST_PARTS):
        if not finder.group_best():
            return


def without_groups(body: list[Statement]) -> list[Statement]:
    """The body without those groups of which no block has been made."""
    found: list[Statement] = []
    for statement in body:
        if isinstance(statement, WrittenStep) and statement.arms is not None:
            statement.arms = [without_groups(arm) for arm in statement.arms]
        elif isinstance(statement, (When, SharedDeclaration)):
            statement.body = without_groups(statement.body)
        elif isinstance(statement, LabelledGroup) and statement.call is None:
            statement.body = without_groups(statement.body)
            if statement.label is None:
                found += statement.body
                continue
        found.append(statement)
    return found


@dataclass(slots=True, eq=False)
class _StatementList:
    """A list of statements, that of the model, of an arm or of a group.

    Attributes:
        start: the value that it begins with, if it is one.
        is_copy: it stands in a group of which another has been looked at.
        tokens: for each statement a number, the same for those of one shape, or of one that lacks a part of the other.
        shapes: for each statement a number, the same for those of one shape.
        sizes: about how many characters all before each statement have.
        cuts: the places at which a part may begin and end.
    """

    statements: list[Statement]
    start: str | None
    is_copy: bool
    tokens: tuple[int, ...] = ()
    shapes: tuple[int, ...] = ()
    sizes: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)

    def before(self, place: int) -> str | None:
        """The value that a statement takes."""
        if not place:
            return self.start
        statement = self.statements[place - 1]
        return None if isinstance(statement, SharedDeclaration) else result_of([statement])

    def is_cut(self, place: int) -> bool:
        if place in (0, len(self.statements)):
            return True
        before, behind = self.statements[place - 1], self.statements[place]
        if isinstance(behind, WrittenStep) and not (behind.arms or is_pool(behind) or has_weights(behind)):
            return isinstance(before, WrittenStep) and (is_pool(before) or before.step.operator == "concat")
        return True

    def windows(self) -> Iterator[tuple[int, int]]:
        """The places from which and up to which statements could be a part."""
        for number, begin in enumerate(self.cuts[:-1]):
            first = self.statements[begin]
            if self.before(begin) is None or isinstance(first, (EarlierValue, SharedDeclaration)):
                continue
            for end in self.cuts[number + 1 :]:
                if end - begin > _LONGEST:
                    break
                if end - begin == 1 and isinstance(first, LabelledGroup):
                    continue
                if not _is_power(self.tokens[begin:end]) and is_whole(
                    self.statements, self.shapes, begin, end - begin, 1
                ):
                    yield begin, end


@dataclass(slots=True)
class _Part:
    """Statements that stand at several places.

    Attributes:
        size: about how many characters they have.
        end: the place behind where they stood last in the present line.
        shapes: of the statements there.
        runs: how often they stand somewhere, what stands in a row counted once: that is a loop.
    """

    size: int = 0
    end: int = -1
    shapes: tuple[int, ...] = ()
    runs: int = 0

    def add(self, line: _StatementList, begin: int, end: int) -> None:
        shapes = line.shapes[begin:end]
        if begin != self.end or shapes != self.shapes:
            self.runs += 1
        self.size = max(self.size, line.sizes[end] - line.sizes[begin])
        self.end, self.shapes = end, shapes

    @property
    def saved(self) -> int:
        """How many characters shorter the text is with calls of a block."""
        return self.size * (self.runs - 1) - COST_OF_BLOCK - self.runs * (COST_OF_CALL + _ARGUMENTS)


class _Finder:
    def __init__(self, body: list[Statement], start: str | None) -> None:
        self._body = body
        self._start = start
        self._reads = Counter(read_values(body))
        self._kinds: list[Key] = []
        self._kind_of: dict[Key, tuple[int, int]] = {}
        self._parts = 0
        self._part_of: dict[LabelledGroup, int] = {}
        self._refused: set[tuple[int, ...]] = set()

    def group_best(self) -> bool:
        """Group what shortens the text most; False where nothing does."""
        lines = list(self._lines(self._body, self._start, is_copy=False, seen=set()))
        parts: dict[tuple[int, ...], _Part] = defaultdict(_Part)
        for line in lines:
            if line.is_copy:
                continue
            for part in parts.values():
                part.end = -1
            for begin, end in line.windows():
                tokens = line.tokens[begin:end]
                if tokens not in self._refused and begin >= parts[tokens].end:
                    parts[tokens].add(line, begin, end)
        worth = {tokens: part.saved for tokens, part in parts.items() if part.saved > 0}
        for tokens in sorted(worth, key=lambda tokens: (-worth[tokens], len(tokens))):
            places = [(line, list(self._places(line, tokens))) for line in lines]
            if sum(len(found) for line, found in places if not line.is_copy) > 1:
                self._parts += 1
                for line, found in places:
                    self._group(line, found, len(tokens))
                return True
            self._refused.add(tokens)
        return False

    def _places(self, line: _StatementList, tokens: tuple[int, ...]) -> Iterator[int]:
        """Where a part stands in a line and could be a group."""
        free = 0
        for begin, end in line.windows():
            if begin >= free and line.tokens[begin:end] == tokens and self._is_closed(line.statements[begin:end]):
                yield begin
                free = end

    def _group(self, line: _StatementList, places: list[int], length: int) -> None:
        for begin in reversed(places):
            body = line.statements[begin : begin + length]
            group = LabelledGroup(None, body, result_of(body), line.before(begin))
            self._part_of[group] = self._parts
            line.statements[begin : begin + length] = [group]

    def _lines(
        self, body: list[Statement], start: str | None, *, is_copy: bool, seen: set[int]
    ) -> Iterator[_StatementList]:
        line = _StatementList(body, start, is_copy)
        before = start
        pairs: list[tuple[int, int]] = []
        for statement in body:
            pairs.append(self._tokens(statement, before))
            again = len(pairs) > 1 and pairs[-2] == pairs[-1]  # a round of a loop
            match statement:
                case WrittenStep(arms=list()):
                    for arm in statement.arms or ():
                        yield from self._lines(arm, before, is_copy=is_copy or again, seen=seen)
                case LabelledGroup() if statement in self._part_of:
                    again |= self._part_of[statement] in seen
                    seen.add(self._part_of[statement])
                    yield from self._lines(statement.body, statement.start, is_copy=is_copy or again, seen=seen)
            before = None if isinstance(statement, SharedDeclaration) else result_of([statement])
        line.tokens = tuple([token for token, _ in pairs])
        line.shapes = tuple([shape for _, shape in pairs])
        line.sizes = [0, *accumulate(self._size(statement) for statement in body)]
        line.cuts = [place for place in range(len(body) + 1) if line.is_cut(place)]
        yield line

    def _size(self, statement: Statement) -> int:
        """About how many characters it has; what is a part already is a call."""
        if statement in self._part_of:
            return COST_OF_CALL + _ARGUMENTS
        inner = inner_bodies(statement)
        return size_of([statement], inside=False) + sum(self._size(s) for one in inner for s in one)

    def _tokens(self, statement: Statement, before: str | None) -> tuple[int, int]:
        """Its numbers, as of `_StatementList`."""
        if isinstance(statement, LabelledGroup) and statement in self._part_of:
            return -self._part_of[statement], -self._part_of[statement]
        key = Shapes([statement], before).of(statement)
        if key not in self._kind_of:
            token = next((n for n, other in enumerate(self._kinds) if is_variant((other,), (key,))), len(self._kinds))
            if token == len(self._kinds):
                self._kinds.append(key)
            self._kind_of[key] = token, len(self._kind_of)
        return self._kind_of[key]

    def _is_closed(self, body: list[Statement]) -> bool:
        """Whether nothing in it but its result is taken elsewhere, and it has all that it shares."""
        inside = list(all_statements(body))
        if any(isinstance(s, SharedDeclaration) or (isinstance(s, WrittenStep) and s.shared) for s in inside):
            return False
        if any(isinstance(s, LabelledGroup) and s not in self._part_of for s in inside):
            return False
        reads = Counter(read_values(body))
        made = {s.value for s in inside if isinstance(s, WrittenStep)} - {result_of(body)}
        return all(self._reads[value] <= reads[value] for value in made)


def _is_power(tokens: tuple[int, ...]) -> bool:
    """Whether it is a shorter row several times."""
    return any(
        len(tokens) % length == 0 and tokens == tokens[:length] * (len(tokens) // length)
        for length in range(1, len(tokens) // 2 + 1)
    )
