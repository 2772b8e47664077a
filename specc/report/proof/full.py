"""The proof for people, on a terminal or in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click
from rich.cells import cell_len

from specc.report.diagnostics import render
from specc.report.formats.style import Style, visible
from specc.report.parity import verdict
from specc.report.proof import choice, words
from specc.report.proof.subject import Subject
from specc.report.text import cut
from specc.verify.result import Parity, Row, StepRow

LEAST_LAYER = 12
"""Characters that are always left of what a step is."""
_GAP = 2
_LAYER = 1
"""The column of the table of steps that is cut to the width of the screen."""


def full(parity: Parity, subject: Subject, style: Style, everything: bool) -> str:
    """Every part that there is, the verdict last: the end is what a person sees first."""
    parts = (
        [_painted(visible(subject.title), style, bold=True)],
        _steps(parity, style, everything),
        _whole(parity, style, everything),
        _facts(parity, everything),
        _first(parity, style),
        [_painted(visible(verdict(parity)), style, fg="green" if parity.passed else "red", bold=True)],
    )
    return "\n\n".join("\n".join(part) for part in map(list, parts) if part)


def _steps(parity: Parity, style: Style, everything: bool) -> Iterator[str]:
    if not parity.steps:
        return
    shown, holding, failing = choice.steps(parity.steps, everything)
    files = words.files(parity)
    place = "line" if files == 1 else "place"
    header = ("step", "layer", place, "judged as", "runs", "ONNX error", "PyTorch error", "")
    rows = [_step(row, files) for row in shown]
    yield f"each step of the file by itself, on PyTorch's own inputs to it: {words.UNIT}"
    yield from _table(header, _fitted(header, rows, style.width), "<<<<>>><", style)
    yield from _rest(holding, failing, "step")


def _step(row: StepRow, files: int) -> tuple[str, ...]:
    errors = words.number(row.error_onnx), words.number(row.error_torch)
    return (" + ".join(row.steps), row.layer, words.place(row, files), row.rule, str(row.runs), *errors, _result(row))


def _whole(parity: Parity, style: Style, everything: bool) -> Iterator[str]:
    shown, holding, failing = choice.checks(parity.rows, everything)
    header = ("case", "batch", "optimised", "ONNX error", "PyTorch error", "allowed", "")
    yield f"the whole network, from input to output: {words.WHOLE}"
    yield from _table(header, [_check(row) for row in shown], "<<<>>><", style)
    yield from _rest(holding, failing, "check")


def _check(row: Row) -> tuple[str, ...]:
    errors = map(words.number, (row.error_onnx, row.error_torch, row.bound))
    batch = "" if row.batch is None else str(row.batch)
    return (row.case, batch, words.optimised(row), *errors, _result(row))


def _result(row: Row | StepRow) -> str:
    if not row.passed:
        return f"failed: {row.reason}"
    return f"ok: {row.reason}" if row.reason else "ok"


def _rest(holding: int, failing: int, what: str) -> Iterator[str]:
    """How many rows are left out."""
    counts = [f"{number:,} more that {verb}" for number, verb in ((failing, "fail"), (holding, "hold")) if number]
    if counts:
        yield f"... {' and '.join(counts)}: --all shows every {what}"


def _facts(parity: Parity, everything: bool) -> Iterator[str]:
    """Weights, providers and settings; then the notes."""
    facts = [*_tensors(parity, everything), *(("nodes", ": ".join(found)) for found in words.providers(parity))]
    facts += parity.settings
    width = max((cell_len(visible(name)) for name, _ in facts), default=0) + _GAP
    yield from (f"{_padded(visible(name), width, '<')}{visible(value)}" for name, value in facts)
    yield from (visible(f"note: {note}") for note in parity.notes)


def _tensors(parity: Parity, everything: bool) -> Iterator[tuple[str, str]]:
    if parity.tensors:
        yield "weights", words.tensors(parity)
    shown, holding, failing = choice.tensors(words.not_same(parity), everything)
    yield from (("", f"{tensor.path}: {tensor.status}, {tensor.detail}") for tensor in shown)
    yield from (("", line) for line in _rest(holding, failing, "tensor"))


def _first(parity: Parity, style: Style) -> Iterator[str]:
    found = words.divergence(parity)
    if found is not None:
        yield render([found], color=style.color, unicode=style.unicode, width=style.width)


def _fitted(header: Sequence[str], rows: list[tuple[str, ...]], width: int | None) -> list[tuple[str, ...]]:
    """The rows with what describes the steps cut to what the other columns leave of the screen."""
    if width is None:
        return rows
    wide = _widths([header, *rows])
    room = max(LEAST_LAYER, wide[_LAYER] - max(0, sum(wide) + _GAP * len(wide) - width))
    return [(*row[:_LAYER], cut(row[_LAYER], room), *row[_LAYER + 1 :]) for row in rows]


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Of every column in display columns; of the last one, which nothing follows, none."""
    *columns, _ = zip(*rows, strict=True)
    return [*(max(cell_len(visible(cell)) for cell in column) for column in columns), 0]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], sides: str, style: Style) -> Iterator[str]:
    """Columns side by side, each to its side; the last one says how it went, and is coloured."""
    widths = _widths([header, *rows])
    yield _painted(_line(header, widths, sides), style, dim=True)
    for row in rows:
        *cells, result = row
        color = "red" if result.startswith("failed") else "green"
        line = _line([*cells, ""], widths, sides, end=False)
        yield f"{line}{_painted(visible(result), style, fg=color)}"


def _line(cells: Sequence[str], widths: Sequence[int], sides: str, end: bool = True) -> str:
    gap = " " * _GAP
    padded = (_padded(visible(cell), width, side) for cell, width, side in zip(cells, widths, sides, strict=True))
    line = gap.join(padded)
    return line.rstrip() if end else line


def _padded(cell: str, width: int, side: str) -> str:
    blanks = " " * max(0, width - cell_len(cell))
    return blanks + cell if side == ">" else cell + blanks


def _painted(
    text: str, style: Style, *, fg: str | None = None, bold: bool | None = None, dim: bool | None = None
) -> str:
    return click.style(text, fg=fg, bold=bold, dim=dim) if style.color else text
