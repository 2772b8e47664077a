"""The verdict on one run of the model: structure first, then the error against float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from specc.verify.cases import Case
from specc.verify.result import Row

if TYPE_CHECKING:
    from specc.verify.reference import Expected

TOLERANCE = 8.0
"""A right model is at most so many times as far from the truth as PyTorch and a rounding together.

Measured by ``benchmarks/parity.py --networks 700 --seed 11`` with ONNX Runtime 1.31.1 on the CPU, as
``error_onnx / (error_torch + 1)``: 4.9 at most in 11,200 runs of right files; a batch norm epsilon of 1e-6 for 1e-5
gives 15, the other gelu 702.
"""


def judge(
    case: Case,
    optimised: bool,
    *,
    outputs: Sequence[str],
    results: Sequence[Any],
    expected: Sequence[Expected],
    usual: Sequence[float],
) -> Row:
    """The verdict on one run.

    Args:
        outputs: their names.
        results: what ONNX gave for each.
        usual: PyTorch's usual error for each. A single number can be right by luck, so the bound comes from
            this error or that of this very case, whichever is larger.
    """
    rows = [_judge_output(*parts) for parts in zip(outputs, results, expected, usual, strict=True)]
    worst = next((row for row in rows if not row.passed), None) or max(rows, key=_nearness)
    return _at(worst, case, optimised)


def _judge_output(name: str, result: Any, expected: Expected, usual: float) -> Row:
    fault = _structure_fault(result, expected.single)
    if fault:
        return Row("", False, f"{name} {fault}", output=name)
    own, error = expected.error(expected.single), expected.error(result)
    bound = TOLERANCE * (max(own, usual) + 1)
    passed = error <= bound
    reason = (
        "" if passed else f"{name} is {error:.3g} roundings from the truth, PyTorch {own:.3g}; allowed: {bound:.3g}"
    )
    return Row("", passed, reason, None, None, name, error, own, bound)


def _structure_fault(result: Any, single: Any) -> str | None:
    """Shape, dtype, then where NaN and the infinities are: no error is computed before these agree."""
    if result.dtype != np.float32:
        return f"is {result.dtype}, not float32"
    if result.shape != single.shape:
        return f"has shape {list(result.shape)}, in PyTorch {list(single.shape)}"
    for what, mask in (("NaN", np.isnan), ("+infinity", np.isposinf), ("-infinity", np.isneginf)):
        wrong = int(np.count_nonzero(mask(result) != mask(single)))
        if wrong:
            return f"is {what} at other places than in PyTorch: {wrong} of {single.size} differ"
    return None


def _nearness(row: Row) -> float:
    return (row.error_onnx or 0.0) / (row.bound or 1.0)


def _at(row: Row, case: Case, optimised: bool) -> Row:
    return replace(row, case=case.title, batch=case.batch, optimised=optimised)
