"""`specc show`: the table of a network."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from specc.analyses import Costs, StepCost
from specc.ir.graph import Block, Node
from specc.report import text
from specc.report.text import count, field, memory, scaled

WIDEST = 10_000
"""Columns of what goes to no screen."""
LEAST_LAYER = 12
"""Characters that are always left of what a step is."""
_GAP = 2
_DESCRIBE = ("step", "layer", "output")
_COLUMNS = ("step", "layer", "output", "params", "MACs", "memory", "sees")


class _Row(NamedTuple):
    step: str
    layer: str
    output: str
    params: str
    macs: str
    memory: str
    sees: str


def show(costs: Costs, console: Console, depth: int | None = None) -> None:
    """Print the table and the sums. Costs are of one sample; memory is that of each step's float32 result.

    Args:
        depth: how deep blocks are opened; those at this depth are a row each. None: every step is.
    """
    console.print(Text(f"{costs.graph.name} : {text.interface(costs.graph)}", style="bold"), soft_wrap=True)
    every = list(_Rows(costs).down_to(depth))
    columns = _filled(every)
    rows = _fitted(every, columns, console.width)
    # A number that is cut is another number: the screen may break a line, and rich may not crop it.
    screen, console.width = console.width, max(console.width, _width(rows, columns))
    console.print(_table(rows, columns))
    console.width = screen
    for line in _sums(costs):
        console.print(Text(line), soft_wrap=True)


def summary(costs: Costs) -> str:
    """The same as plain text, as wide as it needs to be."""
    written = io.StringIO()
    show(costs, Console(file=written, width=WIDEST, no_color=True))
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


def compare(networks: list[Costs], console: Console) -> None:
    """Networks side by side, a row each."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("model", no_wrap=True)
    for name in ("params", "MACs", "memory", "sees", "depth"):
        table.add_column(name, justify="right", no_wrap=True)
    for costs in networks:
        sizes = memory(costs.activation_memory), field(costs.receptive_field), str(costs.depth)
        table.add_row(Text(costs.graph.name), count(costs.params), scaled(costs.macs), *sizes)
    console.print(table)


def console_for() -> Console:
    """Standard output; as wide as any table where nobody's screen would break it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDEST
    return console


def _filled(rows: list[_Row]) -> tuple[int, ...]:
    """The columns that say something: without weights there are no params, at symbolic sizes no costs."""
    cells = list(zip(*rows, strict=True))
    return tuple(i for i, name in enumerate(_COLUMNS) if name in _DESCRIBE or not {*cells[i]} <= {"", "-"})


def _fitted(rows: list[_Row], columns: tuple[int, ...], width: int) -> list[_Row]:
    """The rows with what describes the steps cut to what the numbers leave of the width."""
    wide = max((len(row.layer) for row in rows), default=0)
    room = max(wide - max(0, _width(rows, columns) - width), LEAST_LAYER)
    return [row._replace(layer=text.cut(row.layer, room)) for row in rows]


def _width(rows: list[_Row], columns: tuple[int, ...]) -> int:
    """Of the whole table; behind its last column is no gap."""
    return sum(max(len(row[i]) for row in (_COLUMNS, *rows)) + _GAP for i in columns) - _GAP


def _table(rows: list[_Row], columns: tuple[int, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for name in (_COLUMNS[i] for i in columns):
        table.add_column(name, justify="left" if name in _DESCRIBE else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(row[i]) for i in columns))
    return table


class _Rows:
    """The rows of one network."""

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self._steps = {step.node.name: step for step in costs.steps}

    def down_to(self, depth: int | None) -> Iterator[_Row]:
        graph = self._costs.graph
        return map(self._row, graph.nodes if depth is None else _opened(graph.members, depth))

    def _row(self, member: Node | Block) -> _Row:
        return self._block(member) if isinstance(member, Block) else self._step(member)

    def _step(self, node: Node) -> _Row:
        step = self._steps[node.name]
        macs = "" if step.macs == 0 else scaled(step.macs)
        numbers = macs, memory(step.activation_memory), field(step.receptive_field)
        return _Row(node.name, text.step(node.op), str(node.type), _params([step]), *numbers)

    def _block(self, block: Block) -> _Row:
        inside = [self._steps[node.name] for node in block.nodes]
        last = self._steps[block.output]
        macs, results = (_sum(getattr(step, what) for step in inside) for what in ("macs", "activation_memory"))
        numbers = "" if macs == 0 else scaled(macs), memory(results), field(last.receptive_field)
        return _Row(block.name, text.block(block), str(last.node.type), _params(inside), *numbers)


def _params(steps: list[StepCost]) -> str:
    """Tensors that an earlier step has too are counted there."""
    own = sum(step.params for step in steps)
    if own:
        return count(own)
    return "shared" if any(_has_parameters(step.node) for step in steps) else ""


def _opened(members: tuple[Node | Block, ...], depth: int) -> Iterator[Node | Block]:
    """Steps and blocks at most ``depth`` deep, the blocks above that opened."""
    for member in members:
        if isinstance(member, Block) and depth > 1:
            yield from _opened(member.members, depth - 1)
        else:
            yield member


def _has_parameters(node: Node) -> bool:
    return any(not parameter.buffer for parameter in node.parameters)


def _sum(numbers: Iterator[int | None]) -> int | None:
    known = list(numbers)
    return None if None in known else sum(number for number in known if number is not None)


def _sums(costs: Costs) -> list[str]:
    frozen = costs.params - costs.trainable_params
    return [
        "",
        f"parameters         {count(costs.params)}" + (f", {count(frozen)} of them frozen" if frozen else ""),
        f"weights            {memory(4 * costs.params)} as float32",
        *([] if costs.macs is None else _at_these_sizes(costs, costs.macs)),
        f"depth              {costs.depth} (convolutions and fully connected layers on the longest path)",
        *(["", text.ask_at_sizes(costs.graph)] if costs.graph.symbols else []),
    ]


def _at_these_sizes(costs: Costs, macs: int) -> list[str]:
    exact = f" ({count(macs)})" if scaled(macs) != count(macs) else ""
    return [
        f"MACs               {scaled(macs)} a sample{exact}",
        f"activation memory  {memory(costs.activation_memory)} a sample, at most {memory(costs.peak_memory)} at once",
        f"receptive field    {field(costs.receptive_field)}",
    ]
