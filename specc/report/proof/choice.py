"""Which rows of a long table a person needs: those that fail, and those that came closest to failing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from specc.verify.result import Row, StepRow, TensorRow

SHORT = 24
"""Rows up to which a table is shown whole."""

CLOSEST = 8
"""Rows of a longer table that hold and are shown."""

FAILING = 16
"""Rows of a longer table that fail and are shown: the first ones."""

R = TypeVar("R")


class Choice(NamedTuple, Generic[R]):
    """``rows`` are shown, in their order; of the others, so many hold and so many fail."""

    rows: list[R]
    holding: int = 0
    failing: int = 0


def steps(rows: Sequence[StepRow], everything: bool) -> Choice[StepRow]:
    return _chosen(rows, lambda row: row.passed, lambda row: row.error_onnx or 0.0, everything)


def checks(rows: Sequence[Row], everything: bool) -> Choice[Row]:
    return _chosen(rows, lambda row: row.passed, lambda row: (row.error_onnx or 0.0) / (row.bound or 1.0), everything)


def tensors(rows: Sequence[TensorRow], everything: bool) -> Choice[TensorRow]:
    return _chosen(rows, lambda row: row.status != "different", lambda row: 0.0, everything)


def _chosen(
    rows: Sequence[R], passed: Callable[[R], bool], nearness: Callable[[R], float], everything: bool
) -> Choice[R]:
    if everything or len(rows) <= SHORT:
        return Choice(list(rows))
    failing = [place for place, row in enumerate(rows) if not passed(row)]
    holding = [place for place, row in enumerate(rows) if passed(row)]
    closest = sorted(holding, key=lambda place: -nearness(rows[place]))[:CLOSEST]
    shown = [rows[place] for place in sorted([*failing[:FAILING], *closest])]
    return Choice(shown, len(holding) - len(closest), max(0, len(failing) - FAILING))
