"""A file step by step, from its pieces to the first one that diverges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from onnx import ModelProto

from specc.ir.graph import Graph
from specc.verify.conditions import Conditions
from specc.verify.result import Reproduction, Row, StepRow
from specc.verify.steps.judge import Running, Steps
from specc.verify.steps.location import located
from specc.verify.steps.pieces import Pieces
from specc.verify.steps.prefix import Prefixes
from specc.verify.whole import Trial
from specc.weights import Weights


class StepByStep(NamedTuple):
    """A row for every step that is found in the file, and what goes with them."""

    rows: tuple[StepRow, ...]
    notes: tuple[str, ...]
    reproduction: Reproduction | None


def step_by_step(
    graph: Graph,
    proto: ModelProto,
    folder: Path,
    renamed: Mapping[str, str],
    weights: Weights,
    tried: Sequence[Trial],
    whole: Sequence[Row],
    conditions: Conditions,
) -> StepByStep:
    """Every step by itself; where all are right and the whole is not, the step up to which it is not, too.

    Args:
        folder: where the file's external data lies.
        renamed: what inputs and outputs under other names are called in the spec.
        tried: the cases.
        whole: what they have shown of the whole network.
    """
    pieces = Pieces(proto, folder, renamed)
    # Of two samples, so that no size of 1 is taken for the batch.
    probe = next((trial for trial in tried if trial.case.batch > 1), tried[0])
    cuts, notes = located(graph, pieces, weights, probe.inputs, conditions)
    steps = Steps(pieces, weights, conditions)
    rows = tuple(steps.rows(cuts, [_running(graph, trial) for trial in tried]))
    wrong = next((trial for trial in tried for row in whole if not row.passed and _is_of(row, trial)), None)
    if wrong is not None and all(row.passed for row in rows):
        first = Prefixes(graph, pieces, cuts, steps, _running(graph, wrong)).first_wrong()
        rows = (*rows, first) if first else rows
    return StepByStep(rows, tuple(notes), steps.reproduction)


def _running(graph: Graph, trial: Trial) -> Running:
    return Running(trial.case, graph.at(dict(trial.case.sizes)), dict(trial.inputs))


def _is_of(row: Row, trial: Trial) -> bool:
    return (row.case, row.batch) == (trial.case.title, trial.case.batch)
