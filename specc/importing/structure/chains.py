"""A network becomes text: members in topological order become a chain of statements, in which merges hold their arms.

What only one merge needs stands in its arms, as far back as the arms go apart: `add { | conv -> bn | _ }`. A value that
is taken elsewhere, too, is called by name. So everything can be said, and what forks and joins reads as such.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from specc.importing.structure.body import EarlierValue, LabelledGroup, Statement, WrittenStep
from specc.importing.structure.tree import Member
from specc.ops import find

_LONGEST_ARM = 40
"""Statements of an arm beside one that passes the value on: what is longer stands in the chain, and the merge takes the
earlier value by name."""
_LONGEST_CONCAT_ARM = 7
"""The same of `concat`, as in U-Nets, whose skips are read more easily by name."""
_LONGEST_APART = 6
"""Statements of an arm whose merge has arms that begin elsewhere."""


def chain(members: list[Member], entry: str | None, result: str | None, escapes: frozenset[str]) -> list[Statement]:
    """The statements of a body.

    Args:
        entry: the value that the body begins with.
        result: what it gives; None: whatever its last statement does.
        escapes: the values that are taken outside of it.
    """
    return _Chain(members, entry, escapes).body(result)


@dataclass(slots=True, eq=False)
class _Piece:
    """A statement with what it takes.

    Attributes:
        start: the value that must be the current one before it; None: any.
        reads: how often it, or what is in it, takes each value from outside.
        outputs: the values that it makes.
        length: of its statements, those in arms counted.
        place: of its member in the order of the network.
    """

    statement: Statement
    start: str | None
    reads: Counter[str]
    value: str
    place: int
    outputs: tuple[str, ...]
    length: int = 1


class _Chain:
    def __init__(self, members: list[Member], entry: str | None, escapes: frozenset[str]) -> None:
        self._members = members
        self._entry = entry
        self._escapes = escapes
        self._pieces: dict[str, _Piece] = {}
        self._reads: Counter[str] = Counter()
        for member in members:
            self._reads.update(member.step.inputs if member.step else member.inputs)

    def body(self, result: str | None) -> list[Statement]:
        for place, member in enumerate(self._members):
            piece = self._group(member, place) if member.step is None else self._layer(member, place)
            self._pieces.update(dict.fromkeys(piece.outputs, piece))
        pieces = sorted(dict.fromkeys(self._pieces.values()), key=lambda piece: piece.place)
        return self._emitted(pieces, self._entry, result)

    # ---- pieces ----------------------------------------------------------------------------------------------------

    def _group(self, member: Member, place: int) -> _Piece:
        value = member.outputs[-1]
        start = member.inputs[0] if member.inputs else None
        body = chain(member.members, start, value, frozenset(member.outputs))
        if isinstance(body[0], EarlierValue):  # it begins with another one
            start = None
        group = LabelledGroup(member.label or "", body, value, start, member.is_part)
        return _Piece(group, start, Counter(member.inputs), value, place, member.outputs)

    def _layer(self, member: Member, place: int) -> _Piece:
        step = member.step
        assert step is not None, "asked of steps alone"
        layer, value = WrittenStep(step, member.label or None), step.outputs[0]
        reads = step.inputs[: len(step.inputs) - len(layer.measured)]
        if len(reads) == 1 and not is_merge(step.operator):
            return _Piece(layer, reads[0], Counter(step.inputs), value, place, step.outputs)
        return self._merge(layer, reads, place)

    def _merge(self, layer: WrittenStep, reads: tuple[str, ...], place: int) -> _Piece:
        arms = [self._arm(value) for value in reads]
        starts = {start for start, _ in arms}
        lengths = [sum(piece.length for piece in arm) for _, arm in arms]
        if len(starts) == 1:
            longest = _LONGEST_CONCAT_ARM if layer.step.operator == "concat" else _LONGEST_ARM
            longest = longest if 0 in lengths else max(lengths)
        else:
            longest = _LONGEST_APART
        # What is too long for an arm stays where it is, and the merge takes its value.
        arms = [arms[i] if length <= longest else (reads[i], []) for i, length in enumerate(lengths)]
        counts = Counter(layer.measured)
        taken = [piece for _, arm in arms for piece in arm]
        for piece in taken:
            counts += piece.reads
            for value in piece.outputs:
                del self._pieces[value]
        for start, arm in arms:
            if not arm:
                counts[start] += 1
        for piece in taken:
            counts.pop(piece.value, None)
        # The merge goes on from the value that was made last; the others begin with the name of theirs.
        made = {start: self._pieces[start].place if start in self._pieces else -1 for start, _ in arms}
        current: str | None = max(made, key=lambda start: (made[start], start == self._entry))
        if len(made) > 1 and self._entry is None and max(made.values()) < 0:  # arms of equal rank, from the inputs
            current = None
        layer.arms = []
        for start, arm in arms:
            body: list[Statement] = [] if start == current else [EarlierValue(start)]
            for piece in arm:
                body.append(piece.statement)
            layer.arms.append(body)
        length = 1 + sum(piece.length for piece in taken)
        return _Piece(layer, current, counts, layer.value, place, layer.step.outputs, length)

    def _arm(self, value: str) -> tuple[str, list[_Piece]]:
        """What only one merge needs of the way to a value: the pieces, and the value that they begin with."""
        arm: list[_Piece] = []
        while True:
            piece = self._pieces.get(value)
            taken = arm[0].reads[value] if arm else 1
            if piece is None or value != piece.value or value in self._escapes or self._reads[value] != taken:
                return value, arm
            if len(piece.outputs) > 1 or piece.start is None:
                return value, arm
            arm.insert(0, piece)
            value = piece.start

    # ---- the chain -------------------------------------------------------------------------------------------------

    def _emitted(self, pieces: list[_Piece], entry: str | None, result: str | None) -> list[Statement]:
        """All pieces in an order that works: each goes on from the one before where it can."""
        waits = dict.fromkeys(pieces, 0)
        takers: dict[_Piece, list[_Piece]] = defaultdict(list)
        starting: dict[str, list[_Piece]] = defaultdict(list)
        for piece in pieces:
            needed = {self._pieces[value] for value in piece.reads if value in self._pieces} - {piece}
            waits[piece] = len(needed)
            for other in needed:
                takers[other].append(piece)
            if piece.start is not None:
                starting[piece.start].append(piece)
        body: list[Statement] = []
        current, done = entry, set[_Piece]()
        pending = [piece for piece in pieces if not waits[piece]]
        while pending:
            following = [p for p in starting.get(current or "", ()) if p not in done and not waits[p]]
            piece = min(following or pending, key=lambda p: p.place)
            pending.remove(piece)
            done.add(piece)
            if piece.start is not None and piece.start != current:
                body.append(EarlierValue(piece.start))
            body.append(piece.statement)
            current = piece.value
            for other in takers[piece]:
                waits[other] -= 1
                if not waits[other]:
                    pending.append(other)
        if result is not None and current != result:
            body.append(EarlierValue(result))
        return body


def is_merge(operator: str) -> bool:
    op = find(operator)
    return op is not None and not op.takes_one()
