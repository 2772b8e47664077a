"""The proof for people, on a terminal or in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click
from rich.cells import cell_len

from specc.diagnostics.words import visible
from specc.report.parity import UNTRIED, cell, verdict
from specc.report.proof import choice, words
from specc.report.proof.subject import Subject
from specc.report.snippets import Style, render
from specc.report.text import cut
from specc.verify.result import Parity, Row, StepRow

LEAST = 12
"""Characters that are left at least of a cell that describes."""
_GAP = 2
_CUT = {"layer", "judged as", "case", "step"}
"""The columns that are cut to the width of the screen: what describes, never a number."""
_LONG = " error"
"""Left out at the end of a column's name where the screen is narrow."""


def full(parity: Parity, subject: Subject, style: Style, everything: bool) -> str:
    """Every part that there is, the verdict last: the end is what a person sees first."""
    parts = (
        [_painted(visible(subject.title), style, bold=True)],
        _steps(parity, style, everything),
        _whole(parity, style, everything),
        _facts(parity, subject, everything),
        _cause(parity, subject, style),
        _first(parity, style),
        [_painted(visible(verdict(parity, subject)), style, fg="green" if parity.passed else "red", bold=True)],
    )
    return "\n\n".join("\n".join(part) for part in map(list, parts) if part)


def _steps(parity: Parity, style: Style, everything: bool) -> Iterator[str]:
    if not parity.steps:
        return
    shown, holding, failing = choice.steps(parity.steps, everything)
    files = words.files(parity)
    place = "line" if files == 1 else "place"
    header = ("step", "layer", place, "judged as", "runs", "ONNX error", "PyTorch error", "")
    yield "each step of the file by itself, on PyTorch's own inputs to it"
    yield words.UNIT
    yield from _table(header, [_step(row, files) for row in shown], "<<<<>>><", style)
    yield from _rest(holding, failing, "step")
    yield from _reasons((cell(row), row.reason) for row in shown)


def _step(row: StepRow, files: int) -> tuple[str, ...]:
    errors = words.number(row.error_onnx), words.number(row.error_torch)
    result = "not run" if row.passed and row.error_onnx is None else _result(row)
    return (cell(row), row.layer, words.place(row, files), row.rule, str(row.runs), *errors, result)


def _whole(parity: Parity, style: Style, everything: bool) -> Iterator[str]:
    shown, holding, failing = choice.checks(parity.rows, everything)
    header = ("case", "batch", "optimised", "ONNX error", "PyTorch error", "allowed", "")
    yield "the whole network, from input to output"
    yield words.WHOLE
    yield from _table(header, [_check(row) for row in shown], "<<<>>><", style)
    yield from _rest(holding, failing, "check")
    yield from _reasons((words.run(row), row.reason) for row in _unsaid(shown) if row.case not in UNTRIED)
    yield from map(visible, words.untried(parity))


def _unsaid(rows: Sequence[Row]) -> list[Row]:
    """Those of which the table does not say all: the first that fails, and every one that no bound was held against."""
    first = next((row for row in rows if not row.passed), None)
    return [row for row in rows if row is first or row.bound is None]


def _check(row: Row) -> tuple[str, ...]:
    errors = map(words.number, (row.error_onnx, row.error_torch, row.bound))
    batch = "" if row.batch is None else str(row.batch)
    return (row.case, batch, words.optimised(row), *errors, _result(row))


def _result(row: Row | StepRow) -> str:
    return "ok" if row.passed else "failed"


def _reasons(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Below the table, where they have room: why rows fail, or what is to be said of them."""
    yield from (f"{visible(name)}: {visible(reason)}" for name, reason in rows if reason)


def _rest(holding: int, failing: int, what: str) -> Iterator[str]:
    """How many rows are left out."""
    counts = [f"{number:,} more that {verb}" for number, verb in ((failing, "fail"), (holding, "hold")) if number]
    if counts:
        yield f"... {' and '.join(counts)}: --all shows every {what}"


def _facts(parity: Parity, subject: Subject, everything: bool) -> Iterator[str]:
    """The file, weights, providers and settings; then the notes."""
    facts = [*words.evidence(subject), *_tensors(parity, everything)]
    facts += (("nodes", ": ".join(found)) for found in words.providers(parity))
    facts += parity.settings
    width = max((cell_len(visible(name)) for name, _ in facts), default=0) + _GAP
    yield from (f"{_padded(visible(name), width, '<')}{visible(value)}" for name, value in facts)
    yield from (visible(f"note: {note}") for note in parity.notes)


def _tensors(parity: Parity, everything: bool) -> Iterator[tuple[str, str]]:
    if parity.tensors:
        yield "tensors", words.tensors(parity)
    shown, holding, failing = choice.tensors(words.not_same(parity), everything)
    yield from (("", f"{tensor.path}: {tensor.status}, {tensor.detail}") for tensor in shown)
    yield from (("", line) for line in _rest(holding, failing, "tensor"))


def _cause(parity: Parity, subject: Subject, style: Style) -> Iterator[str]:
    lines = words.cause(parity, subject)
    if lines:
        error = _painted("error", style, fg="red", bold=True)
        yield error + _painted(f": {visible(lines[0])}", style, bold=True)
        yield from (f"  = note: {visible(line)}" for line in lines[1:])


def _first(parity: Parity, style: Style) -> Iterator[str]:
    found = words.divergence(parity)
    if found is not None:
        yield render([found], color=style.color, unicode=style.unicode, width=style.width)


def _fitted(table: Sequence[Sequence[str]], width: int | None) -> Sequence[Sequence[str]]:
    """The table, its header first, with cells that describe cut to what the numbers leave of the screen."""
    if width is None or _excess(table, width) <= 0:
        return table
    table = [tuple(name.removesuffix(_LONG) for name in table[0]), *table[1:]]
    for place in sorted(range(len(table[0])), key=lambda place: -_widths(table)[place]):
        if table[0][place] in _CUT and _excess(table, width) > 0:
            room = max(LEAST, _widths(table)[place] - _excess(table, width))
            table = [(*row[:place], cut(row[place], room), *row[place + 1 :]) for row in table]
    return table


def _excess(table: Sequence[Sequence[str]], width: int) -> int:
    """Columns by which the table is wider than the screen."""
    last = max(cell_len(row[-1]) for row in table)
    return sum(_widths(table)) + _GAP * (len(table[0]) - 1) + last - width


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Of every column in display columns; of the last one, which nothing follows, none."""
    *columns, _ = zip(*rows, strict=True)
    return [*(max(cell_len(visible(cell)) for cell in column) for column in columns), 0]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], sides: str, style: Style) -> Iterator[str]:
    """Columns side by side, each to its side; the last one says how it went, and is coloured."""
    header, *rows = _fitted([header, *rows], style.width)
    widths = _widths([header, *rows])
    yield _painted(_line(header, widths, sides), style, dim=True)
    for row in rows:
        *cells, result = row
        color = {"ok": "green", "failed": "red"}.get(result, "yellow")
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
