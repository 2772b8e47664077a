"""Where a file goes wrong as a whole that is right step by step: what an optimiser makes of several steps at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from specc.ir.graph import Graph
from specc.verify.result import StepRow
from specc.verify.steps.judge import Running, Steps, written
from specc.verify.steps.location import Cut
from specc.verify.steps.parts import Parts
from specc.verify.steps.pieces import Pieces

WITH_ALL = "with all steps before it, from the network's inputs on"
"""How the step is judged up to which the file is wrong."""


class Prefixes:
    """The beginnings of a file, each from the inputs to one of its steps.

    Args:
        cuts: the steps that are found in the file, all of them right by themselves.
        trial: a case in which the whole file is wrong; a case's inputs alone.
    """

    def __init__(self, graph: Graph, pieces: Pieces, cuts: Sequence[Cut], steps: Steps, trial: Running) -> None:
        self._parts = Parts(graph)
        self._inputs = {port.name: port.name for port in graph.inputs}
        self._pieces = pieces
        self._cuts = cuts
        self._steps = steps
        self._trial = trial

    def first_wrong(self) -> StepRow | None:
        """The first step whose beginning is wrong, by bisection; None where none is."""
        place = bisect_left(range(len(self._cuts)), True, key=lambda place: not self._row(place).passed)
        return self._row(place) if place < len(self._cuts) else None

    def _row(self, place: int) -> StepRow:
        step, end = self._cuts[place].part.last, self._cuts[place].piece
        part = self._parts.of(step.name, ())
        piece = self._pieces.cut(end.result, self._inputs) if end else None
        taken = {value: value for value in part.taken}
        trial = replace(self._trial, values=dict(self._trial.values))
        self._steps.reproduction = None
        (found,) = self._steps.rows([Cut(part, piece, taken)], [trial])
        row = replace(found, steps=(step.name,), layer=written(step), span=step.span, rule=WITH_ALL)
        if self._steps.reproduction is not None:
            self._steps.reproduction = replace(self._steps.reproduction, row=row)
        return row
