"""Statements that come again in a row become rounds of a loop, with a table of what differs."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from specc.importing.network import Argument, ValueOf
from specc.importing.structure.automatic import has_automatic_labels
from specc.importing.structure.blocks import size_of, with_texts
from specc.importing.structure.body import (
    Block,
    LabelledGroup,
    Loop,
    SharedDeclaration,
    Statement,
    When,
    WrittenStep,
    all_statements,
    inner_bodies,
    labels_here,
    read_values,
    result_of,
    statements,
)
from specc.importing.structure.parameters import BlockParameter, named
from specc.importing.structure.unification import Key, Missing, NoCommonShape, Shapes, same, unified
from specc.syntax.tokens import is_plain_number

_LONGEST_ROUND = 8
"""Statements of a round."""
_COST_OF_LOOP = 11
_MOST_COLUMNS = 6
_WORTH = 0.8
_WORTH_COMPUTED = 0.5
"""A loop is used where its text is shorter than so much of that of its rounds; the latter where it computes labels."""
_FEW_ROUNDS = 6
_MOST_ROUNDS = 64
"""Rounds that are always one loop, and the most that are looked at for whether they should be several."""
_COST_OF_LINE = 8
_WIDEST_TABLE = 60
"""Characters of a table of several columns beyond which each row stands on a line of its own."""
_NUMBER = re.compile(r"\d+(?=\D*$)")


def with_loops(
    body: list[Statement], blocks: Mapping[str, Block], taken: Collection[str], seen: Collection[str] = ()
) -> list[Statement]:
    """A body, of a model or of a block, with loops.

    Args:
        taken: names that no variable may have.
        seen: values in it that are called by name from outside.
    """
    return _Loops(body, blocks, taken, seen).scope(body, None)


class _Loops:
    def __init__(
        self, body: list[Statement], blocks: Mapping[str, Block], taken: Collection[str], seen: Collection[str]
    ) -> None:
        self._blocks = blocks
        self._variables: list[str] = []
        self._reads = Counter([*read_values(body), *seen])
        inside = list(statements(body))
        self._taken = {*taken, *blocks, *(s.step.operator for s in inside if isinstance(s, WrittenStep))}
        self._taken |= {s.label for s in inside if isinstance(s, (WrittenStep, LabelledGroup)) and s.label}

    def scope(self, body: list[Statement], group: LabelledGroup | None) -> list[Statement]:
        """The body of a scope of names, in which rounds without a label are numbered on and on.

        Args:
            group: whose body it is, where its label is known.
        """
        return self._list(body, _LoopScope(any(map(is_plain_number, labels_here(body)))), group)

    def _list(self, body: list[Statement], scope: _LoopScope, group: LabelledGroup | None) -> list[Statement]:
        found: list[Statement] = []
        general = [_Numbered(statement) for statement in body]
        keys: list[Key] = []
        before: str | None = None
        for one in general:
            keys.append(Shapes([one.statement], before).of(one.statement))
            before = None if isinstance(one.statement, (When, SharedDeclaration)) else one.statement.value
        place = 0
        while place < len(body):
            if isinstance(body[place], SharedDeclaration):
                found.append(body[place])
                place += 1
                continue
            loop = None
            for length, count in _runs(keys, general, place):
                chunks = [general[place + j * length : place + (j + 1) * length] for j in range(count)]
                is_whole = group is not None and count * length == len(body)
                start = group.start if group is not None else None
                if place and not isinstance(body[place - 1], SharedDeclaration):
                    start = _value_of(body[place - 1])
                if loop := self._loop(chunks, start, scope, is_whole=is_whole):
                    place += len(loop.rounds) * length
                    break
            if loop is not None:
                found.append(loop)
                continue
            found.append(self._inner(body[place], scope))
            place += 1
        return found

    def _inner(self, statement: Statement, scope: _LoopScope) -> Statement:
        """The statement with loops in its bodies."""
        match statement:
            case WrittenStep(arms=list()):
                statement.arms = [self._list(arm, scope, None) for arm in statement.arms or ()]
            case When():
                statement.body = self._list(statement.body, scope, None)
            case LabelledGroup(call=None):
                statement.body = self.scope(statement.body, statement)
        return statement

    # ---- one loop ---------------------------------------------------------------------------------------------------

    def _loop(
        self, chunks: list[list[_Numbered]], start: str | None, scope: _LoopScope, *, is_whole: bool
    ) -> Loop | None:
        """The loop of these rounds; None where they cannot be one, or need not."""
        bodies = [[one.original for one in chunk] for chunk in chunks]
        copies = [[one.statement for one in chunk] for chunk in chunks]
        numbers = [number for one in chunks[0] for number in one.numbers]
        first, *others = chunks[0]
        sole = None if others else first.original
        if any(map(has_automatic_labels, bodies)):  # rounds would give them others
            return None
        label = sole.label if isinstance(sole, (LabelledGroup, WrittenStep)) else None
        is_numbered = not numbers or (label is not None and is_plain_number(label) and numbers == [scope.rounds])
        if not numbers and scope.has_numbers:  # its rounds would be called by numbers, too
            return None
        if self._is_seen(bodies, start, is_reachable=is_whole and is_numbered):
            return None
        starts = [start, *(result_of(body) for body in bodies[:-1])]
        if is_numbered and label is not None:
            copies = [_without_label(chunk[0].original) for chunk in chunks]
        try:
            both = unified(copies, starts, self._blocks)
        except NoCommonShape:
            return None
        inside = {s.value for body in bodies for s in all_statements(body) if isinstance(s, WrittenStep)}
        if both.options or any(inside.intersection(values) for values in both.captured.values()):
            return None
        taken = {*self._taken, *self._variables}
        parameters, texts = named(both, None, taken)
        differing = {value: values for value, values in both.captured.items() if len(set(values)) > 1}
        variables = [parameter.name for parameter in parameters]
        known: dict[str, str] = {}
        for value in differing:
            known[value] = _free("skip", {*taken, *variables, *known.values()})
        columns: list[list[Argument]] = [_column(parameter) for parameter in parameters]
        columns += [[ValueOf(value) for value in values] for values in differing.values()]
        variables += known.values()
        if is_numbered and (count := _first_part(columns, size_of(bodies[0]))) < len(chunks):
            return self._loop(chunks[:count], start, scope, is_whole=False) if count > 1 else None
        template = with_texts(both.body, texts)
        if not is_numbered:
            index = _free("i", {*taken, *variables})
            # Counted from 0 where the numbers begin with 0 or 1, as ranges do; in a table they stand as they are.
            base = 0 if numbers[0] <= 1 and len(columns) < 2 else numbers[0]
            _number(template, iter(numbers), index, base)
            variables.insert(0, index)
            columns.insert(0, list(range(base, base + len(chunks))))
        if len(columns) > _MOST_COLUMNS or not _pays(
            template, bodies, columns, _WORTH if is_numbered else _WORTH_COMPUTED
        ):
            return None
        self._variables += variables
        if is_numbered:
            scope.rounds += len(chunks)
            if len(template) == 1 and isinstance(template[0], (WrittenStep, LabelledGroup)):
                template[0].is_automatic = False  # without its label a step alone has the number of its round
            template = self.scope(template, None)
        else:
            for statement in template:
                for group in statements([statement]):
                    if isinstance(group, LabelledGroup) and group.call is None:
                        group.body = self.scope(group.body, group)
        del self._variables[len(self._variables) - len(variables) :]
        table: list[tuple[Argument, ...]] = [tuple(column[j] for column in columns) for j in range(len(chunks))]
        return Loop(tuple(variables), table, template, bodies, is_numbered, scope.rounds - len(chunks), known)

    def _is_seen(self, bodies: list[list[Statement]], start: str | None, *, is_reachable: bool) -> bool:
        """Whether a value inside is called by name outside, or that with which a round begins is inside."""
        inside = Counter(value for body in bodies for value in read_values(body))
        results = [start, *map(result_of, bodies)]
        if any(result in set(read_values(body)) for result, body in zip(results, bodies, strict=False) if result):
            return True
        if is_reachable:
            return False
        made = {s.value for body in bodies for s in all_statements(body) if isinstance(s, WrittenStep)} - {results[-1]}
        return any(self._reads[value] > inside[value] for value in made)


@dataclass(slots=True)
class _LoopScope:
    """A scope of names.

    Attributes:
        has_numbers: whether labels in it are numbers.
        rounds: how many have been numbered.
    """

    has_numbers: bool
    rounds: int = 0


class _Numbered:
    """A statement whose labels have numbers, apart from these.

    Attributes:
        original: as it was.
        statement: a copy with ``{}`` for the numbers.
        numbers: in the order of the text.
    """

    def __init__(self, statement: Statement) -> None:
        self.original = statement
        self.numbers: list[int] = []
        self.statement = self._general(statement)

    def _general(self, statement: Statement) -> Statement:
        match statement:
            case WrittenStep():
                label = statement.label if statement.is_automatic else self._label(statement.label)
                arms = None if statement.arms is None else [[self._general(s) for s in arm] for arm in statement.arms]
                return WrittenStep(statement.step, label, arms, statement.shared, statement.is_automatic)
            case LabelledGroup():
                return statement if statement.is_automatic else replace(statement, label=self._label(statement.label))
            case When():
                return When(statement.test, [self._general(s) for s in statement.body])
        return statement

    def _label(self, label: str | None) -> str | None:
        if label is None or not (match := _NUMBER.search(label)) or len(match[0]) > 6 or "{" in label:
            return label
        if match[0] != str(int(match[0])):
            return label
        self.numbers.append(int(match[0]))
        return f"{label[: match.start()]}{{}}{label[match.end() :]}"


def _runs(keys: list[Key], general: list[_Numbered], place: int) -> list[tuple[int, int]]:
    """Lengths of rounds from a place on, and how many there are, those that reach farthest first."""
    found: list[tuple[int, int]] = []
    for length in range(1, min(_LONGEST_ROUND, (len(keys) - place) // 2) + 1):
        count = 1
        while place + (count + 1) * length <= len(keys):
            begin = place + count * length
            if keys[begin : begin + length] != keys[begin - length : begin] or not all(
                _follows(general[k - length], general[k]) for k in range(begin, begin + length)
            ):
                break
            count += 1
        if count > 1 and is_whole([one.statement for one in general], keys, place, length, count):
            found.append((length, count))
    return sorted(found, key=lambda run: (-run[0] * run[1], run[0]))


def is_whole(body: Sequence[Statement], keys: Sequence[object], place: int, length: int, count: int) -> bool:
    """Whether rounds of several statements take no part of a row of equal merges or groups, and leave the others."""
    return length == 1 or not any(
        0 < cut < len(keys)
        and keys[cut - 1] == keys[cut]
        and (isinstance(body[cut], LabelledGroup) or inner_bodies(body[cut]))
        for cut in (place, place + length * count)
    )


def _follows(one: _Numbered, other: _Numbered) -> bool:
    return [number + 1 for number in one.numbers] == other.numbers


def _without_label(statement: Statement) -> list[Statement]:
    """What a round is whose number is a statement's label."""
    match statement:
        case LabelledGroup(call=None):
            return statement.body
        case LabelledGroup():
            return [replace(statement, label=None)]
        case WrittenStep():
            return [WrittenStep(statement.step, None, statement.arms, statement.shared)]
    return [statement]


def _number(body: list[Statement], left: Iterator[int], index: str, base: int) -> None:
    """Put formulas in the place of the numbers that labels have, ``left`` in the order of the text."""
    for statement in body:
        if isinstance(statement, (WrittenStep, LabelledGroup)) and statement.label and "{}" in statement.label:
            more = next(left) - base
            statement.label = statement.label.format(f"{{{index}}}" if not more else f"{{{index} + {more}}}")
        if isinstance(statement, (WrittenStep, When)):
            for inner in inner_bodies(statement):
                _number(inner, left, index, base)


def _column(parameter: BlockParameter) -> list[Argument]:
    return [value for value in parameter.values if not isinstance(value, Missing)]  # type: ignore[misc]


def _pays(
    template: list[Statement], bodies: list[list[Statement]], columns: list[list[Argument]], worth: float
) -> bool:
    entries = sum(2 + _length(value) for column in columns for value in column if not _is_range(column))
    length = size_of(template) + _COST_OF_LOOP + _table_length(len(columns), entries, len(bodies))
    return length < worth * sum(map(size_of, bodies))


def _first_part(columns: list[list[Argument]], size: int) -> int:
    """How many of the rounds should be one loop, where several with shorter tables say the same.

    Args:
        size: about how many characters a round has.
    """
    rounds = len(columns[0]) if columns else sys.maxsize
    if not _FEW_ROUNDS < rounds <= _MOST_ROUNDS:
        return rounds
    best: list[tuple[int, int]] = [(0, 0)] * (rounds + 1)
    for begin in range(rounds - 1, -1, -1):
        best[begin] = min(
            (_cost([column[begin:end] for column in columns], size) + best[end][0], end)
            for end in range(begin + 1, rounds + 1)
        )
    return best[0][1]


def _cost(columns: list[list[Argument]], size: int) -> int:
    """About how many characters a loop of these rounds has."""
    cost = _COST_OF_LINE + size
    if len(columns[0]) == 1:
        return cost
    tables = [column for column in columns if any(not same(value, column[0]) for value in column)]
    table = 0
    for column in tables:
        is_short = _is_range(column) or (len(tables) == 1 and all(same(value, column[1]) for value in column[1:]))
        table += sum(2 + _length(value) for value in (column[:2] if is_short else column))
    return cost + _COST_OF_LOOP + _table_length(len(tables), table, len(columns[0]))


def _table_length(columns: int, entries: int, rows: int) -> int:
    """About how many characters a table has, with what the lines cost that the rows of a wide one stand on."""
    is_wide = columns > 1 and entries > _WIDEST_TABLE
    return entries + is_wide * _COST_OF_LINE * rows


def _length(entry: Argument) -> int:
    return 3 if isinstance(entry, ValueOf) else len(str(entry))


def _is_range(column: list[Argument]) -> bool:
    return len(column) > 1 and all(type(v) is int and v == column[0] + k for k, v in enumerate(column))  # type: ignore[operator]


def _value_of(statement: Statement) -> str:
    return result_of([statement])


def _free(name: str, taken: Collection[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}{number}"
    return free
