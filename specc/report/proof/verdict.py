"""What a proof was about, and its verdict in one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from specc.diagnostics import ParityError, SpecError
from specc.diagnostics.words import listed, plural
from specc.report.snippets import line
from specc.verify.result import FEW, Parity, Row, StepRow, TensorRow

UNFIT = "weights"
"""The check that fails where the file's own weights are not such as the spec needs."""

MISTAKEN = "spec"
"""The check that fails where the spec itself has mistakes."""

UNTRIED = (UNFIT, MISTAKEN)
"""Checks that fail before anything is run."""

OWN_WEIGHTS = "the file's own, compared with nothing"
"""Where the weights come from, if nothing says what they should be."""


class FileDigest(NamedTuple):
    """A file that was judged: who has it can tell that it is this very one. ``size`` in bytes."""

    name: str
    size: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.name}, {self.size:,} bytes"


class ProofSubject(NamedTuple):
    """``model`` in ``file``, as it was named; None: in the file that compile would write.

    Attributes:
        files: the file, and those beside it that its weights are in; none without a file.
        weights: what the weights had to be: ``seed 0``, the name of a file, or `OWN_WEIGHTS`; empty if not known.
        claimed: where the weights come from as the file says of itself; empty where it does not.
    """

    model: str
    file: str | None
    files: tuple[FileDigest, ...] = ()
    weights: str = ""
    claimed: str = ""

    @property
    def title(self) -> str:
        return f"{self.model} in {self.file}" if self.file else f"{self.model}, as specc writes it"


def unfit(error: ParityError, provider: str) -> Parity:
    """The proof of a file whose own weights do not fit: nothing was run."""
    row = Row(UNFIT, False, error.verdict, faults=error.faults)
    return Parity(provider, (row,), notes=(error.advice,) if error.advice else ())


def mistaken(error: SpecError, provider: str) -> Parity:
    """The proof of a spec with mistakes: nothing was run."""
    row = Row(MISTAKEN, False, "the spec has mistakes:", faults=tuple(map(line, error.diagnostics)))
    return Parity(provider, (row,))


def full_reason(row: Row) -> str:
    """Why a check fails, with all its faults, a line each."""
    return "\n  ".join((row.reason, *row.faults))


def verdict(parity: Parity, subject: ProofSubject | None = None) -> str:
    """One line; a failure's has the place and the reason. ``subject`` knows what the weights had to be."""
    return _success(parity) if parity.passed else _failure(parity, subject)


def with_notes(parity: Parity) -> str:
    """The verdict, and behind it what the reader must know to weigh it, a line each."""
    return "\n".join([verdict(parity), *(f"note: {note}" for note in parity.notes)])


def by_step(row: StepRow) -> str:
    """``conv1``; of steps that the file computes as one ``conv1 and bn1``; of many ``conv1 to fc1 (15 steps)``."""
    return _many(row) or listed(row.steps)


def cell(row: StepRow) -> str:
    """The same in a table: ``conv1 + bn1``."""
    return _many(row) or " + ".join(row.steps)


def _many(row: StepRow) -> str:
    return f"{row.steps[0]} to {row.name} ({len(row.steps)} steps)" if len(row.steps) > FEW else ""


def other_weights(parity: Parity, subject: ProofSubject | None) -> str:
    """What is to be said of tensors that hold other numbers: how many, and than which. Empty where none does."""
    tensors = parity.wrong_tensors
    if not tensors:
        return ""
    what = f"those of {subject.weights}" if subject and subject.weights else "the given ones"
    if len(tensors) == 1:
        found = f"{tensors[0].path}: {tensors[0].detail}"
    else:
        found = f"{len(tensors):,} of {plural(len(parity.tensors), 'tensor')} differ"
    return f"the weights are not {what}: {found}"


def claim(subject: ProofSubject | None) -> str:
    """What the file says of its own weights; empty where it says nothing else than what they had to be."""
    if subject is None or subject.claimed in ("", subject.weights):
        return ""
    return f"the file says of itself: {subject.claimed}"


def of_step(parity: Parity, row: StepRow) -> list[TensorRow]:
    """The step's own tensors that have other numbers in the file."""
    return [tensor for tensor in parity.wrong_tensors if any(tensor.path.startswith(f"{s}.") for s in row.steps)]


def _success(parity: Parity) -> str:
    how = f"parity proven on {parity.provider}"
    if parity.tolerance is not None:
        given = f"atol {parity.tolerance.atol:g} and rtol {parity.tolerance.rtol:g}"
        how = f"parity within {given} on {parity.provider}, which were given: the derived bounds have judged nothing"
    checks = f"{plural(len(parity.rows), 'check')} against PyTorch in float64"
    if parity.steps:  # one that was not judged by itself is nothing to claim
        judged, steps = sum(step.error_onnx is not None for step in parity.steps), len(parity.steps)
        number = f"{judged:,} of {steps:,}" if judged < steps else f"{steps:,}"
        checks = f"{number} {'step by itself' if steps == 1 else 'steps by themselves'} and {checks}"
    measured = [row for row in parity.rows if row.error_onnx is not None]
    if not measured:
        return f"{how}: {checks}"
    closest = max(measured, key=used)
    error = f"largest error {closest.error_onnx:.2f} roundings"
    if closest.bound is not None:
        error = f"closest to its bound: {closest.error_onnx:.2f} of {closest.bound:.2f} roundings allowed"
    return f"{how}: {checks}; {error}, PyTorch's own in float32 {closest.error_torch or 0.0:.2f}"


def used(row: Row | StepRow) -> float:
    """The part of what is allowed that an error takes; of a check without a bound the error."""
    return (row.error_onnx or 0.0) / ((row.bound if isinstance(row, Row) else None) or 1.0)


def _failure(parity: Parity, subject: ProofSubject | None) -> str:
    """Other weights are the root of what they do; then the first step is; the whole network follows from both."""
    if parity.wrong_tensors and parity.tolerance is None:
        return "; ".join(["parity failed: " + other_weights(parity, subject), *_behind_weights(parity, subject)])
    first = parity.first_divergence
    if first is not None:
        return f"parity failed at {by_step(first)} ({first.span}): {first.reason}{_others(parity)}"
    row = parity.first_failure
    if row is None:
        return "parity is not proven: nothing was checked"
    if row.case in UNTRIED:
        first_fault, more = "".join(f" {fault}" for fault in row.faults[:1]), ", and more" if row.faults[1:] else ""
        return f"parity failed: {row.reason}{first_fault}{more}"
    batch = f", batch {row.batch}" if row.batch is not None else ""
    return f"parity failed on {row.case}{batch}: {row.reason}"


def _behind_weights(parity: Parity, subject: ProofSubject | None) -> Iterator[str]:
    if claim(subject):
        yield claim(subject)
    failing = [step for step in parity.steps if not step.passed]
    alone = next((step for step in failing if not of_step(parity, step)), None)
    if alone is not None:
        yield f"{by_step(alone)} ({alone.span}) diverges by itself: {alone.reason}"
    elif failing:
        more = f" and {plural(len(failing) - 1, 'more step')}" if len(failing) > 1 else ""
        diverge = "diverges" if len(failing) == 1 else "diverge"
        yield f"with them {by_step(failing[0])} ({failing[0].span}){more} {diverge}"


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
