"""What every format for people says of a proof: of its numbers, runs, tensors, files, and of the first divergence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from math import isfinite, isinf

from specc.diagnostics import Label
from specc.diagnostics.words import listed, plural, visible
from specc.report.proof.verdict import ProofSubject, by_step, claim, of_step, other_weights
from specc.report.snippets import Uncoded
from specc.verify.result import Parity, Row, StepRow, TensorRow

EXACT = "exact"
"""The rule of steps whose results must be equal to the bit."""

WHOLE = "errors against PyTorch in float64, in units of rounding every step to float32"
"""What the errors of the whole network are counted in."""

JUST_BEYOND = 1.05
"""Below so many times its bound, an error is said to be just beyond it."""

SEVERAL = 6
"""Operators, nodes or tensors that are named in one line; more are counted."""


def number(value: float | None) -> str:
    """Three digits; nothing where nothing was measured."""
    if value is None:
        return ""
    if isinf(value):
        return "inf"
    return f"{value:.3g}" if isfinite(value) else "NaN"


def place(row: StepRow, files: int) -> str:
    """``4:3``; with the file where the steps are from several."""
    line, column = row.span.position
    return f"{line}:{column}" if files == 1 else str(row.span)


def files(parity: Parity) -> int:
    """How many files the steps are from."""
    return len({step.span.source.name for step in parity.steps})


def optimised(row: Row | StepRow) -> str:
    return "" if row.optimised is None else "yes" if row.optimised else "no"


def run(row: Row | StepRow) -> str:
    """``normal, batch 2, graph optimisation off``"""
    parts = [row.case] if row.case else []
    parts += [f"batch {row.batch}"] if row.batch is not None else []
    parts += [f"graph optimisation {'on' if row.optimised else 'off'}"] if row.optimised is not None else []
    return ", ".join(parts)


UNIT = "1 is the bound that the step's arithmetic sets; exact steps are equal to the bit"
"""What an error of 1 is in the table of steps."""


def tensors(parity: Parity) -> str:
    """``10 tensors: 8 equal to the bit, 2 folded into others``"""
    counts = Counter[str](tensor.status for tensor in parity.tensors)
    if counts["same"] == len(parity.tensors):
        return f"{plural(len(parity.tensors), 'tensor')}, all {_STATUS['same']}"
    found = listed(f"{counts[status]:,} {words}" for status, words in _STATUS.items() if counts[status])
    return f"{plural(len(parity.tensors), 'tensor')}: {found}"


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
    shown = [f"{count} x {name}" if count > 1 else name for name, count in runs[:SEVERAL]]
    return ", ".join(shown) + (f" and {len(runs) - SEVERAL} more" if len(runs) > SEVERAL else "")


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
    """The first step that is not what the spec says, at its place in the spec; None where every step holds."""
    row = parity.first_divergence
    if row is None:
        return None
    repro = "--repro DIR writes this step alone: its model, inputs, expected outputs, and a script that shows it"
    other = ": other weights" if of_step(parity, row) else ""
    return Uncoded(
        visible(f"the file's {by_step(row)} {'is' if len(row.steps) == 1 else 'are'} not the spec's{other}"),
        Label(row.span, visible(_amount(row))),
        notes=tuple(map(visible, _notes(parity, row))),
        helps=(repro,) if parity.reproduction else (),
    )


def _amount(row: StepRow) -> str:
    if row.error_onnx is None:
        return row.reason
    if row.rule == EXACT:
        return "not equal to the bit"
    if row.error_onnx < JUST_BEYOND:
        return "just beyond what is allowed"
    return f"{number(row.error_onnx)} times as far from the truth as is allowed"


def _notes(parity: Parity, row: StepRow) -> Iterator[str]:
    if row.error_onnx is not None:
        yield row.reason
        yield f"measured: {run(row)}; {plural(row.runs, 'run')} of this step, on PyTorch's own inputs to it"
        if row.rule == EXACT:
            rule = "nothing: the step only moves, picks or compares numbers, so its result is PyTorch's to the bit"
        else:
            rule = f"what rounding can do to it, {row.rule}: {row.why}"
        yield f"allowed: {rule}"
    if row.error_torch is not None and row.rule != EXACT:
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


_STATUS = {
    "same": "equal to the bit",
    "reordered": "with the same numbers elsewhere or in another order",
    "folded": "folded into others",
    "absent": "not in the file by themselves",
    "different": "different",
}
"""How each status of a tensor is counted."""
