"""Columns side by side: rich sets them, and where the screen is narrow what describes is cut, never a number."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from specc.diagnostics.words import visible
from specc.report.notation import cut

WIDEST = 10_000
"""Columns of what goes to no screen."""
LEAST = 12
"""Characters that are always left of a cell that describes."""
_GAP = 2


def print_columns(
    console: Console,
    header: Sequence[str],
    rows: Sequence[Sequence[Text]],
    *,
    right: Collection[str],
    describing: Collection[str] = (),
) -> None:
    """Print rows below their header.

    Args:
        right: the columns that are set to the right.
        describing: the columns that may be cut to the width of the console, the widest first.
    """
    table: list[list[Text]] = [[Text(visible(name)) for name in header]]
    table += [[Text(visible(cell.plain), style=cell.style) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    excess = sum(widths) + _GAP * (len(header) - 1) - console.width
    for place in sorted(range(len(header)), key=lambda place: -widths[place]):
        if header[place] in describing and excess > 0:
            room = max(LEAST, widths[place] - excess)
            for row in table:
                row[place] = Text(cut(row[place].plain, room), style=row[place].style)
            excess -= widths[place] - room
    columns = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for name, title in zip(header, table[0], strict=True):
        columns.add_column(title, justify="right" if name in right else "left", no_wrap=True)
    for row in table[1:]:
        columns.add_row(*row)
    # A number that is cut is another number: the screen may break a line, and rich may not crop it.
    screen, console.width = console.width, console.width + max(0, excess)
    console.print(columns)
    console.width = screen


def _width(cell: Text) -> int:
    return cell_len(cell.plain)
