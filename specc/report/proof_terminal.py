"""The proof for people, on a terminal or in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from typing import TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from specc.diagnostics.words import visible
from specc.report import proof_wording as wording
from specc.report.notation import WIDEST, print_columns
from specc.report.proof_wording import UNTRIED, ProofSubject, used, verdict
from specc.report.snippets import Style, render
from specc.verify.result import Parity

SHORT = 24
"""Rows up to which a table is shown whole."""
CLOSEST = 8
"""Rows of a longer table that hold and are shown: those that came closest to failing."""
FAILING = 16
"""Rows of a longer table that fail and are shown: the first ones."""

_NUMBERS = ("runs", "ONNX", "PyTorch", "allowed")
_DESCRIBING = ("layer", "judged as", "case", "step")
_COLORS = {"ok": "green", "failed": "red"}

R = TypeVar("R")


def full(parity: Parity, subject: ProofSubject, style: Style, everything: bool) -> str:
    """Every part that there is, the verdict last: the end is what a person sees first."""
    parts = [
        [style.paint(visible(subject.title))],
        [*_steps(parity, style, everything)],
        [*_checks(parity, style, everything)],
        [*_facts(parity, subject, everything)],
    ]
    if cause := wording.cause(parity, subject):
        error = style.paint("error", "red") + style.paint(f": {visible(cause[0])}")
        parts.append([error, *(f"  = note: {visible(line)}" for line in cause[1:])])
    if divergence := wording.divergence(parity):
        parts.append([render([divergence], style)])
    parts.append([style.paint(visible(verdict(parity, subject)), "green" if parity.passed else "red")])
    return "\n\n".join("\n".join(part) for part in parts if part)


def _steps(parity: Parity, style: Style, everything: bool) -> Iterator[str]:
    if not parity.steps:
        return
    header, rows = wording.step_table(parity)
    cells = dict(zip(parity.steps, rows, strict=True))
    shown, rest = _excerpt(parity.steps, "step", everything, lambda row: row.passed, used)
    results = ["not run" if row.passed and row.error_onnx is None else wording.result(row) for row in shown]
    yield "each step of the file by itself, on PyTorch's own inputs to it"
    yield wording.UNIT
    yield from _table(header, [cells[row] for row in shown], results, style)
    yield from rest
    yield from _reasons((wording.by_step(row, " + "), row.reason) for row in shown)


def _checks(parity: Parity, style: Style, everything: bool) -> Iterator[str]:
    shown, rest = _excerpt(parity.rows, "check", everything, lambda row: row.passed, used)
    yield "the whole network, from input to output"
    yield wording.WHOLE
    yield from _table(wording.CHECK_HEADER, map(wording.check_cells, shown), map(wording.result, shown), style)
    yield from rest
    # The table has no room for the reason of the first that fails, nor of those that have no bound.
    first = next((row for row in shown if not row.passed), None)
    unclear = [row for row in shown if (row is first or row.bound is None) and row.case not in UNTRIED]
    yield from _reasons((wording.run(row), row.reason) for row in unclear)
    for row in parity.rows:
        if row.case in UNTRIED:
            yield visible(row.reason)
            yield from (f"  {visible(fault)}" for fault in row.faults)


def _excerpt(
    rows: Sequence[R], what: str, everything: bool, passed: Callable[[R], bool], nearness: Callable[[R], float]
) -> tuple[list[R], list[str]]:
    """The rows that a person needs, in their order: those that fail and those that came closest to it; and the rest."""
    if everything or len(rows) <= SHORT:
        return list(rows), []
    failing = [place for place, row in enumerate(rows) if not passed(row)]
    holding = [place for place, row in enumerate(rows) if passed(row)]
    closest = sorted(holding, key=lambda place: -nearness(rows[place]))[:CLOSEST]
    shown = [rows[place] for place in sorted([*failing[:FAILING], *closest])]
    hidden = ((len(failing) - FAILING, "fail"), (len(holding) - len(closest), "hold"))
    counts = [f"{number:,} more that {verb}" for number, verb in hidden if number > 0]
    return shown, [f"... {' and '.join(counts)}: --all shows every {what}"] if counts else []


def _reasons(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The reasons of rows, below the table, where they have room."""
    yield from (f"{visible(name)}: {visible(reason)}" for name, reason in rows if reason)


def _facts(parity: Parity, subject: ProofSubject, everything: bool) -> Iterator[str]:
    """The file, weights, providers and settings; then the notes."""
    facts = [*wording.identification(subject)]
    if parity.tensors:
        facts.append(("tensors", wording.tensors(parity)))
    others = wording.not_same(parity)
    shown, rest = _excerpt(others, "tensor", everything, lambda row: row.status != "different", lambda row: 0.0)
    facts += (("", f"{tensor.path}: {tensor.status}, {tensor.detail}") for tensor in shown)
    facts += (("", line) for line in rest)
    facts += (("nodes", ": ".join(pair)) for pair in wording.providers(parity))
    facts += parity.settings
    width = max((cell_len(visible(name)) for name, _ in facts), default=0) + 2
    for name, value in facts:
        yield f"{visible(name)}{' ' * (width - cell_len(visible(name)))}{visible(value)}"
    yield from (visible(f"note: {note}") for note in parity.notes)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], results: Iterable[str], style: Style) -> Iterator[str]:
    """The lines of a table, and behind each row in colour how it went."""
    file = StringIO()
    console = Console(
        file=file,
        width=style.width or WIDEST,
        force_terminal=style.color,
        color_system="standard" if style.color else None,
        highlight=False,
    )
    cells = (
        [*map(Text, row), Text(result, style=_COLORS.get(result, "yellow"))]
        for row, result in zip(rows, results, strict=True)
    )
    print_columns(console, (*header, ""), cells, right=_NUMBERS, describing=_DESCRIBING)
    yield from file.getvalue().splitlines()
