"""A proof in words, for every format for people: its subject, its verdict in one line, and the reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from math import isfinite, isinf
from typing import TYPE_CHECKING, NamedTuple

from specc.diagnostics import Label, ParityError, SpecError
from specc.diagnostics.words import listed, plural, visible
from specc.report.notation import some
from specc.report.snippets import Uncoded, line
from specc.verify.result import FEW, Parity, Row, StepRow, TensorRow

if TYPE_CHECKING:
    from specc.importing.misreading import Misreading

UNFIT = "weights"
"""The check that fails where the file's own weights are not such as the spec needs."""

MISTAKEN = "spec"
"""The check that fails where the spec itself has mistakes."""

UNTRIED = (UNFIT, MISTAKEN)
"""Checks that fail before anything is run."""

OWN_WEIGHTS = "the file's own, compared with nothing"
"""The origin of the weights where the user named none."""

WHOLE = "errors against PyTorch in float64, in units of rounding every step to float32"
"""What the errors of the whole network are counted in."""

JUST_BEYOND = 1.05
"""An error up to so many times its bound is called just beyond it."""

SEVERAL = 6
"""Operators, nodes or tensors that are named in one line; more are counted."""

UNIT = "1 is the bound that the step's arithmetic sets; exact steps are equal to the bit"
"""What an error of 1 is in the table of steps."""

_STATUS = {
    "same": "equal to the bit",
    "reordered": "with the same numbers elsewhere or in another order",
    "folded": "folded into others",
    "absent": "not in the file by themselves",
    "different": "different",
}
"""How each status of a tensor is counted."""


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
        claimed: the origin of the weights in the file's own metadata; empty where it has none.
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


def full_reason(row: Row) -> list[str]:
    """Why a check fails, with all its faults, a line each."""
    return [row.reason, *(f"  {fault}" for fault in row.faults)]


def verdict(parity: Parity, subject: ProofSubject | None = None) -> str:
    """One line; a failure's has the place and the reason.

    Other weights are the root of what they do; then the first step is; the whole network follows from both.

    Args:
        subject: knows what the weights had to be.
    """
    if parity.passed:
        return _success(parity)
    if parity.wrong_tensors and parity.tolerance is None:
        return "; ".join(["parity failed: " + other_weights(parity, subject), *_behind_weights(parity, subject)])
    first = parity.first_divergence
    if first is not None:
        steps = sum(not step.passed for step in parity.steps) - 1
        checks = sum(not row.passed for row in parity.rows)
        others = [plural(steps, "more step")] if steps else []
        others += [plural(checks, "check") + " of the whole network"] if checks else []
        too = f"; {listed(others)} {'fails' if steps + checks == 1 else 'fail'} too" if others else ""
        return f"parity failed at {by_step(first)} ({first.span}): {first.reason}{too}"
    row = parity.first_failure
    if row is None:
        return "parity is not proven: nothing was checked"
    if row.case in UNTRIED:
        first_fault, more = "".join(f" {fault}" for fault in row.faults[:1]), ", and more" if row.faults[1:] else ""
        return f"parity failed: {row.reason}{first_fault}{more}"
    batch = f", batch {row.batch}" if row.batch is not None else ""
    return f"parity failed on {row.case}{batch}: {row.reason}"


def with_notes(parity: Parity) -> list[str]:
    """The verdict, and behind it what the reader must know to weigh it, a line each."""
    return [verdict(parity), *(f"note: {note}" for note in parity.notes)]


def by_step(row: StepRow, joint: str | None = None) -> str:
    """``conv1``; of steps that the file computes as one ``conv1 and bn1``; of many ``conv1 to fc1 (15 steps)``.

    Args:
        joint: a separator of the names in place of "and".
    """
    if len(row.steps) > FEW:
        return f"{row.steps[0]} to {row.name} ({len(row.steps)} steps)"
    return listed(row.steps) if joint is None else joint.join(row.steps)


def other_weights(parity: Parity, subject: ProofSubject | None) -> str:
    """How many tensors have other numbers than they should; empty where none has."""
    tensors = parity.wrong_tensors
    if not tensors:
        return ""
    what = f"those of {subject.weights}" if subject and subject.weights else "the given ones"
    if len(tensors) == 1:
        differing = f"{tensors[0].path}: {tensors[0].detail}"
    else:
        differing = f"{len(tensors):,} of {plural(len(parity.tensors), 'tensor')} differ"
    return f"the weights are not {what}: {differing}"


def claim(subject: ProofSubject | None) -> str:
    """The origin of the weights in the file's metadata, where it differs from the required one; else empty."""
    if subject is None or subject.claimed in ("", subject.weights):
        return ""
    return f"the file says of itself: {subject.claimed}"


def of_step(parity: Parity, row: StepRow) -> list[TensorRow]:
    """The step's own tensors that have other numbers in the file."""
    return [tensor for tensor in parity.wrong_tensors if any(tensor.path.startswith(f"{s}.") for s in row.steps)]


def _success(parity: Parity) -> str:
    how = f"parity proven on {parity.provider}"
    if parity.tolerance is not None:
        limits = f"atol {parity.tolerance.atol:g} and rtol {parity.tolerance.rtol:g}"
        how = f"parity within {limits} on {parity.provider}, which were given: the derived bounds have judged nothing"
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


def failed(parity: Parity) -> ParityError:
    """The error for a proof that did not hold."""
    return ParityError(verdict(parity), parity, advice="nothing was written; specc verify shows every check")


def failed_import(parity: Parity, misread: Misreading | None) -> ParityError:
    """The error for a spec that is not the file it was imported from: a rule of specc has misread that."""
    if misread is None:
        why = "nothing was written. The fault is in specc and not in the file: please report it, with the file"
        if any(row.case == "loading" and not row.passed for row in parity.rows):
            why = "nothing was written: of a file that ONNX Runtime does not run nothing can be proven"
        return ParityError(verdict(parity), parity, advice=why)
    return _misread(parity, misread, "the file", "nothing was written; please report it, with the file")


def failed_module(parity: Parity, misread: Misreading | None) -> ParityError:
    """As `failed_import`, of a module of PyTorch: one that its program is not may choose by a size."""
    if misread is None:
        why = "where the module's code chooses by a size, give the number that it is made for"
        return ParityError(verdict(parity), parity, advice=f"nothing was written; {why}")
    return _misread(parity, misread, "the module", "nothing was written; please report it, with the module's code")


def _misread(parity: Parity, misread: Misreading, title: str, advice: str) -> ParityError:
    """Where a rule is at fault, and how far the two are apart."""
    became = f"the step {misread.step}, {misread.layer}" if misread.step else f"{misread.layer} as it is"
    together = f" with {_named(misread.others)}" if misread.others else ""
    faults = (f"{misread.origin}{together}", f"has become {became}: {_apart(misread, title)}")
    said = f"specc has read {title} wrongly: this is a bug of specc, and no fault of {title}"
    return ParityError(said, parity, faults, f"{advice}. The proof says: {verdict(parity)}")


def _named(origins: tuple[str, ...]) -> str:
    more = f" and {len(origins) - FEW} more" if len(origins) > FEW else ""
    return f"{', '.join(origins[:FEW])}{more}" if more else listed(origins)


def _apart(misread: Misreading, title: str) -> str:
    if misread.shapes is not None:
        theirs, ours = (f"[{', '.join(map(str, shape))}]" for shape in misread.shapes)
        return f"its value has the shape {ours}, and that of {title} {theirs}"
    if isinf(misread.difference):
        return f"a number of its value is infinite or NaN where that of {title} is not, or the other way round"
    return f"its value is {number(misread.difference)} off, where the largest number is {number(misread.size)}"


# ---- numbers, runs, tensors and the first divergence, as tables and pages have them -----------------


def number(value: float | None) -> str:
    """Three digits; nothing where nothing was measured."""
    if value is None:
        return ""
    if isinf(value):
        return "inf"
    return f"{value:.3g}" if isfinite(value) else "NaN"


def step_table(parity: Parity) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The header and a row of cells for each step, but for how it went; its file is named where there are several."""
    is_one_file = len({step.span.source.name for step in parity.steps}) == 1
    header = ("step", "layer", "line" if is_one_file else "place", "judged as", "runs", "ONNX", "PyTorch")
    rows: list[tuple[str, ...]] = []
    for step in parity.steps:
        line, column = step.span.position
        place = f"{line}:{column}" if is_one_file else str(step.span)
        errors = number(step.error_onnx), number(step.error_torch)
        rows.append((by_step(step, " + "), step.layer, place, step.rule, str(step.runs), *errors))
    return header, rows


CHECK_HEADER = ("case", "batch", "optimised", "ONNX", "PyTorch", "allowed")


def check_cells(row: Row) -> tuple[str, ...]:
    """The cells of a check of the whole network below `CHECK_HEADER`."""
    batch = "" if row.batch is None else str(row.batch)
    optimised = "" if row.optimised is None else "yes" if row.optimised else "no"
    return (row.case, batch, optimised, *map(number, (row.error_onnx, row.error_torch, row.bound)))


def result(row: Row | StepRow) -> str:
    return "ok" if row.passed else "failed"


def run(row: Row | StepRow) -> str:
    """``normal, batch 2, graph optimisation off``"""
    parts = [row.case] if row.case else []
    parts += [f"batch {row.batch}"] if row.batch is not None else []
    parts += [f"graph optimisation {'on' if row.optimised else 'off'}"] if row.optimised is not None else []
    return ", ".join(parts)


def tensors(parity: Parity) -> str:
    """``10 tensors: 8 equal to the bit, 2 folded into others``"""
    counts = Counter[str](tensor.status for tensor in parity.tensors)
    if counts["same"] == len(parity.tensors):
        return f"{plural(len(parity.tensors), 'tensor')}, all {_STATUS['same']}"
    parts = listed(f"{counts[status]:,} {words}" for status, words in _STATUS.items() if counts[status])
    return f"{plural(len(parity.tensors), 'tensor')}: {parts}"


def not_same(parity: Parity) -> list[TensorRow]:
    return [tensor for tensor in parity.tensors if tensor.status != "same"]


def providers(parity: Parity) -> Iterator[tuple[str, str]]:
    """(execution provider, its nodes in words), those with the most nodes first."""
    placed: dict[str, list[str]] = {}
    for node, provider in parity.assignment:
        placed.setdefault(provider, []).append(node)
    if len(placed) == 1:
        yield next(iter(placed)), f"all {plural(len(parity.assignment), 'node')} of the optimised model"
        return
    for provider, nodes in sorted(placed.items(), key=lambda item: (-len(item[1]), item[0])):
        yield provider, f"{plural(len(nodes), 'node')}: {shortened(nodes)}"


def shortened(names: list[str]) -> str:
    """A few names, and how many more there are; a name that comes several times in a row once, with its number."""
    runs = [(name, len(list(run))) for name, run in groupby(names)]
    return some([f"{count} x {name}" if count > 1 else name for name, count in runs], SEVERAL)


def identification(subject: ProofSubject) -> Iterator[tuple[str, str]]:
    """(name, value): which file it was, by its bytes, and what its weights had to be."""
    for file in subject.files:
        yield "file", str(file)
        yield "SHA-256", file.sha256
    if subject.weights:
        yield "weights", subject.weights


def cause(parity: Parity, subject: ProofSubject) -> list[str]:
    """Other weights: what differs first, and what is known of it; nothing where all are right, or may differ."""
    if not parity.wrong_tensors or parity.tolerance is not None:
        return []
    others = (f"{tensor.path}: {tensor.detail}" for tensor in parity.wrong_tensors[:SEVERAL])
    notes = [claim(subject)] if claim(subject) else []
    notes += others if len(parity.wrong_tensors) > 1 else []
    more = len(parity.wrong_tensors) - SEVERAL
    notes += [f"and {plural(more, 'more tensor')}"] if more > 0 else []
    return [other_weights(parity, subject), *notes]


def divergence(parity: Parity) -> Uncoded | None:
    """The first step that differs from the spec, at its place in the spec; None where none does."""
    row = parity.first_divergence
    if row is None:
        return None
    if row.error_onnx is None:
        amount = row.reason
    elif row.is_exact:
        amount = "not equal to the bit"
    elif row.error_onnx < JUST_BEYOND:
        amount = "just beyond what is allowed"
    else:
        amount = f"{number(row.error_onnx)} times as far from the truth as is allowed"
    repro = "--repro DIR writes this step alone: its model, inputs, expected outputs, and a script that shows it"
    other = ": other weights" if of_step(parity, row) else ""
    return Uncoded(
        visible(f"the file's {by_step(row)} {'is' if len(row.steps) == 1 else 'are'} not the spec's{other}"),
        Label(row.span, visible(amount)),
        notes=tuple(map(visible, _notes(parity, row))),
        advice=(repro,) if parity.reproduction else (),
    )


def _notes(parity: Parity, row: StepRow) -> Iterator[str]:
    if row.error_onnx is not None:
        yield row.reason
        yield f"measured: {run(row)}; {plural(row.runs, 'run')} of this step, on PyTorch's own inputs to it"
        if row.is_exact:
            rule = "nothing: the step only moves, picks or compares numbers, so its result is PyTorch's to the bit"
        else:
            rule = f"what rounding can do to it, {row.rule}: {row.why}"
        yield f"allowed: {rule}"
    if row.error_torch is not None and not row.is_exact:
        yield f"PyTorch's own float32 result is at {number(row.error_torch)} of what is allowed"
    if row.nodes:
        yield f"in the file: {shortened(list(row.nodes))}"
    yield from (f"{tensor.path}: {tensor.detail}" for tensor in of_step(parity, row))
    before = parity.steps.index(row)
    after = sum(not step.passed for step in parity.steps) - 1
    hold = f"the {plural(before, 'step')} before it hold{'s' if before == 1 else ''}"
    fail = f"{plural(after, 'step')} behind it fail{'s' if after == 1 else ''} too" if after else "all behind it hold"
    around = hold if before else "it is the first step"
    yield around if row is parity.steps[-1] else f"{around}; {fail}"
