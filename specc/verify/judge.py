"""The verdict on one run of the model: structure first, then the error against float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specc.verify.cases import Case
from specc.verify.result import Row, Tolerance

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
    tolerance: Tolerance | None = None,
) -> Row:
    """The verdict on one run.

    Args:
        outputs: their names.
        results: what ONNX gave for each.
        usual: PyTorch's usual error for each. A single number can be right by luck, so the bound comes from
            this error or that of this very case, whichever is larger.
        tolerance: what judges instead of that bound.
    """
    rows = [_judge_output(*parts, tolerance) for parts in zip(outputs, results, expected, usual, strict=True)]
    worst = next((row for row in rows if not row.passed), None) or max(rows, key=_nearness)
    return _at(worst, case, optimised)


def _judge_output(name: str, result: Any, expected: Expected, usual: float, tolerance: Tolerance | None) -> Row:
    fault = structure_fault(result, expected.single)
    if fault:
        return Row("", False, f"{name} {fault}", output=name)
    own, error = expected.error(expected.single), expected.error(result)
    if tolerance is not None:
        reason = _beyond(name, result, expected, tolerance)
        return Row("", not reason, reason, None, None, name, error, own)
    bound = allowed(own, usual)
    passed = error <= bound
    reason = (
        "" if passed else f"{name} is {error:.3g} roundings from the truth, PyTorch {own:.3g}; allowed: {bound:.3g}"
    )
    return Row("", passed, reason, None, None, name, error, own, bound)


def allowed(own: float, usual: float) -> float:
    """The largest error of a right file, in roundings, by PyTorch's own in this case and its usual one."""
    return TOLERANCE * (max(own, usual) + 1)


def parts(distance: NDArray[np.float64], most: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances as parts of the largest that is allowed: infinite where none is, and there is one."""
    return np.divide(distance, most, out=np.where(distance > 0, np.inf, 0.0), where=most > 0)


def _beyond(name: str, result: Any, expected: Expected, tolerance: Tolerance) -> str:
    """Where the result is further from the truth than the user allows; empty where it is nowhere."""
    finite = np.isfinite(expected.single)
    difference = np.abs(np.subtract(result, expected.exact, out=np.zeros(expected.exact.shape), where=finite))
    wrong = difference > tolerance.allowed(expected.exact)
    if not wrong.any():
        return ""
    where = f"{int(np.count_nonzero(wrong))} of {wrong.size} elements"
    return f"{name} is off by up to {difference.max():.3g}, and by more than atol and rtol allow in {where}"


def structure_fault(result: Any, single: Any) -> str:
    """Shape, dtype, then where NaN and the infinities are: no error is computed before these agree."""
    if result.dtype != np.float32:
        return f"is {result.dtype}, not float32"
    if result.shape != single.shape:
        return f"has shape {list(result.shape)}, in PyTorch {list(single.shape)}"
    for what, mask in (("NaN", np.isnan), ("+infinity", np.isposinf), ("-infinity", np.isneginf)):
        wrong = int(np.count_nonzero(mask(result) != mask(single)))
        if wrong:
            return f"is {what} at other places than in PyTorch: {wrong} of {single.size} differ"
    return ""


def _nearness(row: Row) -> float:
    return (row.error_onnx or 0.0) / (row.bound or 1.0)


def _at(row: Row, case: Case, optimised: bool) -> Row:
    return replace(row, case=case.title, batch=case.batch, optimised=optimised)
