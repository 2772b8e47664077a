"""The notation of numbers, sizes, steps, interfaces and tables for people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from specc.diagnostics.words import listed, visible
from specc.elaborate.values import display
from specc.ir.graph import Graph, LayerText, Node, Region
from specc.ir.symbols import USUAL, Symbol, contract_condition
from specc.ir.types import times

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

LONGEST_VALUE = 24
"""Characters of an argument's value that are shown; of a longer list only ``[...]``. ASCII goes anywhere."""
LONGEST_HEADER = 48
"""Characters of a loop's first line that are shown."""
NOTHING = "-"
"""Stands where a number is not known or not claimed."""
WIDEST = 10_000
"""Columns of what goes to no screen."""
LEAST = 12
"""Characters that are always left of a cell that describes."""
_GAP = 2
"""Blanks between the columns of a table."""
_BATCH = 1000
"""Rows that are printed at once: rich takes a hundred times the memory of what it prints."""


def count(number: int) -> str:
    """``81,194``"""
    return f"{number:,}"


def scaled(number: int | None) -> str:
    """``416.5 k``, ``15.47 G``: four digits and a unit, exact below ten thousand."""
    if number is None:
        return NOTHING
    if number < 10_000:
        return count(number)
    thousands = min((len(str(number)) - 1) // 3, 4)
    return f"{number / 1000**thousands:.4g} {' kMGT'[thousands]}"


def memory(size: int | None) -> str:
    """Bytes in binary units: ``22.5 KiB``."""
    if size is None:
        return NOTHING
    units = min((max(size, 1).bit_length() - 1) // 10, 4)
    return f"{size / 1024**units:.4g} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[units]}"


def field(sizes: tuple[int, ...] | None) -> str:
    """A receptive field; ``-`` where none is claimed."""
    return times(sizes) if sizes else NOTHING


def some(names: Sequence[str], most: int) -> str:
    """``conv1, relu1 and 3 more``"""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def cut(text: str, width: int) -> str:
    """``text``, at most ``width`` characters of it."""
    return text if len(text) <= width else f"{text[: max(0, width - 3)]}..."


def step(node: Node) -> str:
    """A step as a call, with the arguments that it really has: ``conv(64, 3, stride=2, bias=false)``."""
    op, fields = node.op, type(node.op).model_fields
    required = [name for name, field in fields.items() if field.is_required() and name not in op.measures]
    if op.variadic and op.variadic not in required and getattr(op, op.variadic) is not None:
        required = [op.variadic, *required]  # reshape((N, 8, -1)), though reshape(like=top) has none
    optional = op.non_default(*(name for name in fields if name not in required))
    values = optional | dict(zip(op.measures, map(LayerText, node.inputs[len(node.reads) :]), strict=False))
    given = [*map(_value, (getattr(op, name) for name in required))]
    return _call(op.kind, [*given, *(f"{name}={_value(value)}" for name, value in values.items())])


def block(of: Region) -> str:
    """A block as a call with the values of its arguments; of a loop its first line."""
    match of.kind:
        case "block":
            return _call(of.title, [f"{name}={_value(value)}" for name, value in of.arguments])
        case "loop":
            header = " ".join(of.span.text.partition("{")[0].split())
            return cut(header, LONGEST_HEADER)
        case "round":
            return f"round of {of.span.text.split(maxsplit=1)[0]}"
    return of.kind


def interface(graph: Graph) -> str:
    """``a [N, 1, H, W], b uint8 [N, 1, H, W] -> score [N, 1] where H % 8 == 0``"""
    inputs = ", ".join(f"{port.name} {port.declaration}" for port in graph.inputs)
    outputs = ", ".join(f"{port.name} {port.type}" for port, _ in graph.outputs)
    allowed = contract_condition(graph.symbols)
    return f"{inputs} -> {outputs}" + (f" where {allowed}" if allowed else "")


def example_sizes(symbols: Iterable[Symbol], usual: int = USUAL) -> dict[str, int]:
    """Sizes that the contract allows: those at ``usual`` or next above it, else the largest."""
    return {symbol.name: symbol.nearest(usual) for symbol in symbols}


def ask_at_sizes(graph: Graph) -> str:
    """How to get the numbers that depend on symbolic sizes."""
    return f"MACs, memory and receptive field depend on {at_sizes(graph)}"


def at_sizes(graph: Graph, usual: int = USUAL) -> str:
    """The symbolic sizes, and the options that give them numbers: those from ``usual`` on."""
    options = " ".join(f"--at {name}={size}" for name, size in example_sizes(graph.symbols, usual).items())
    allowed = contract_condition(graph.symbols)
    within = f", or any other sizes with {allowed}" if allowed else ""
    return f"{listed(symbol.name for symbol in graph.symbols)}: add {options}{within}"


def _call(name: str, arguments: list[str]) -> str:
    return f"{name}({', '.join(arguments)})" if arguments else name


def _value(value: object) -> str:
    text = (str(value) if isinstance(value, LayerText) else display(value)).replace("…", "...")
    return "[...]" if isinstance(value, tuple) and len(text) > LONGEST_VALUE else cut(text, LONGEST_VALUE)


def _cell(cell: Text | str) -> tuple[str, str]:
    """Its text, and its style."""
    return (visible(cell), "") if isinstance(cell, str) else (visible(cell.plain), str(cell.style))


def print_columns(
    console: Console,
    header: Sequence[str],
    rows: Iterable[Sequence[Text | str]],
    *,
    right: Collection[str],
    describing: Collection[str] = (),
) -> None:
    """Print rows below their header; where the screen is narrow words are cut, never a number.

    rich measures and prints the cells, and does not set them: of ten thousand rows its table took 3.5 s of 4.

    Args:
        right: the columns that are set to the right.
        describing: the columns that may be cut to the width of the console, the widest first.
    """
    from rich.cells import cell_len
    from rich.text import Text

    cells = [[(visible(name), "dim") for name in header]]
    cells += ([_cell(cell) for cell in row] for row in rows)
    widths = [max(cell_len(text) for text, _ in column) for column in zip(*cells, strict=True)]
    excess = sum(widths) + _GAP * (len(header) - 1) - console.width
    for place in sorted(range(len(header)), key=lambda place: -widths[place]):
        if header[place] in describing and excess > 0:
            width = max(LEAST, widths[place] - excess)
            for row in cells:
                row[place] = cut(row[place][0], width), row[place][1]
            excess -= widths[place] - width
            widths[place] = width
    lines = Text()
    for number, row in enumerate(cells):
        if number % _BATCH == 0 and number:
            console.print(lines, soft_wrap=True)
            lines = Text()
        blanks = "\n" if number % _BATCH else ""  # those behind the last cell are not printed
        for name, width, (text, style) in zip(header, widths, row, strict=True):
            missing = " " * (width - cell_len(text))
            before, behind = (missing, "") if name in right else ("", missing)
            if text:
                lines.append(blanks + before).append(text, style or None)
                blanks = ""
            else:
                blanks += before
            blanks += behind + " " * _GAP
    # A number that is cut is another number: the screen may break a line, and rich may not crop it.
    console.print(lines, soft_wrap=True)
