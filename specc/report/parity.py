"""The verdict of a proof, in one line."""

from __future__ import annotations

from specc.diagnostics import ParityError
from specc.verify.result import Parity, StepRow, TensorRow, Tolerance
from specc.words import listed, plural


def verdict(parity: Parity) -> str:
    """One line; a failure's has the place and the reason."""
    return _success(parity) if parity.passed else _failure(parity)


def with_notes(parity: Parity) -> str:
    """The verdict, and behind it what the reader must know to weigh it, a line each."""
    return "\n".join([verdict(parity), *(f"note: {note}" for note in parity.notes)])


def by_step(row: StepRow) -> str:
    """``conv1``; of steps that the file computes as one ``conv1 and bn1``."""
    return listed(row.steps)


def different(parity: Parity) -> list[TensorRow]:
    """The tensors of the file that have other numbers than they must."""
    return [tensor for tensor in parity.tensors if tensor.status == "different"]


def allowance(tolerance: Tolerance) -> str:
    """``atol 0.001 and rtol 0``"""
    return f"atol {tolerance.atol:g} and rtol {tolerance.rtol:g}"


def _success(parity: Parity) -> str:
    checks = f"{plural(len(parity.rows), 'check')} against PyTorch in float64"
    judged = f"{_how(parity)}: " + (f"{_alone(parity)} and {checks}" if parity.steps else checks)
    worst = max((row.error_onnx for row in parity.rows if row.error_onnx is not None), default=None)
    theirs = max((row.error_torch for row in parity.rows if row.error_torch is not None), default=0.0)
    if worst is None:
        return judged
    return f"{judged}; largest error {worst:.2f} roundings, PyTorch's own in float32 {theirs:.2f}"


def _alone(parity: Parity) -> str:
    """How many steps were judged by themselves; one that was not is nothing to claim."""
    judged, steps = sum(step.error_onnx is not None for step in parity.steps), len(parity.steps)
    number = f"{judged:,} of {steps:,}" if judged < steps else f"{steps:,}"
    return f"{number} {'step by itself' if steps == 1 else 'steps by themselves'}"


def _how(parity: Parity) -> str:
    if parity.tolerance is None:
        return f"parity proven on {parity.provider}"
    given = allowance(parity.tolerance)
    return f"parity within {given} on {parity.provider}, which were given: the derived bounds have judged nothing"


def _failure(parity: Parity) -> str:
    """The first step is the root; the weights and the whole network follow from it, or stand for themselves."""
    first, tensors = parity.first_divergence, different(parity)
    if first is not None:
        return f"parity failed at {by_step(first)} ({first.span}): {first.reason}{_others(parity)}"
    if tensors:
        more = f" (and {plural(len(tensors) - 1, 'tensor')} more)" if len(tensors) > 1 else ""
        return f"parity failed on the weights: {tensors[0].path}: {tensors[0].detail}{more}"
    row = parity.first_failure
    if row is None:
        return "parity is not proven: nothing was checked"
    batch = f", batch {row.batch}" if row.batch is not None else ""
    return f"parity failed on {row.case}{batch}: {row.reason}"


def _others(parity: Parity) -> str:
    """What fails beside the first step."""
    steps = sum(not step.passed for step in parity.steps) - 1
    rows = sum(not row.passed for row in parity.rows)
    counts = [plural(steps, "more step")] if steps else []
    counts += [plural(rows, "check") + " of the whole network"] if rows else []
    return f"; {listed(counts)} {'fails' if steps + rows == 1 else 'fail'} too" if counts else ""


def failed(parity: Parity) -> ParityError:
    """The error for a proof that did not hold."""
    return ParityError(f"{verdict(parity)}\nnothing was written; specc verify shows every check", parity)
