"""How a proof is told: one line where it holds, every check on request, the reason where it fails."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from specc.verify.result import Parity
from specc.words import plural


def verdict(parity: Parity) -> str:
    """One line; a failure's has the case and the reason."""
    failure = parity.first_failure
    if failure is not None:
        batch = f", batch {failure.batch}" if failure.batch is not None else ""
        return f"parity failed on {failure.case}{batch}: {failure.reason}"
    worst = max((row.error_onnx for row in parity.rows if row.error_onnx is not None), default=0.0)
    theirs = max((row.error_torch for row in parity.rows if row.error_torch is not None), default=0.0)
    return (
        f"parity proven on {parity.provider}: {plural(len(parity.rows), 'check')} against PyTorch in float64; "
        f"largest error {worst:.2f} roundings, PyTorch's own in float32 {theirs:.2f}"
    )


def with_notes(parity: Parity) -> str:
    """The verdict, and behind it what the reader must know to weigh it, a line each."""
    return "\n".join([verdict(parity), *(f"note: {note}" for note in parity.notes)])


def show_parity(parity: Parity, console: Console) -> None:
    """Every check, and what to know of them."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("case", "batch", "optimised"):
        table.add_column(name, no_wrap=True)
    for name in ("ONNX error", "PyTorch error", "allowed"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for row in parity.rows:
        numbers = ("" if n is None else f"{n:.3g}" for n in (row.error_onnx, row.error_torch, row.bound))
        optimised = "" if row.optimised is None else "yes" if row.optimised else "no"
        batch = "" if row.batch is None else str(row.batch)
        result = Text("ok", style="green") if row.passed else Text(f"failed: {row.reason}", style="red")
        table.add_row(Text(row.case), batch, optimised, *numbers, result)
    console.print(table)
    for note in parity.notes:
        console.print(Text(f"note: {note}"), soft_wrap=True)
    if any(row.error_onnx is not None for row in parity.rows):
        console.print(Text("errors against PyTorch in float64, in units of rounding every step to float32"))
