"""`specc show`: the table of a network."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table
from rich.text import Text

from specc.analyses import Costs
from specc.report.text import count, field, memory, scaled

_COLUMNS = ("step", "layer", "output", "params", "MACs", "memory", "sees")


def show(costs: Costs, console: Console) -> None:
    """Print the table and the sums. Costs are of one sample; memory is that of each step's float32 result."""
    graph = costs.graph
    (entry,), ((leave, _),) = graph.inputs, graph.outputs
    console.print(Text(f"{graph.name} : {entry.name} {entry.type} -> {leave.name} {leave.type}", style="bold"))
    console.print(_table(costs))
    for line in _sums(costs):
        console.print(Text(line), soft_wrap=True)


def summary(costs: Costs) -> str:
    """The same as plain text, as wide as it needs to be."""
    text = io.StringIO()
    show(costs, Console(file=text, width=_width(costs), no_color=True))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


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


def console_for(networks: list[Costs]) -> Console:
    """Standard output; never narrower than the tables where nobody's screen would break them."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, *map(_width, networks))
    return console


def _width(costs: Costs) -> int:
    return Console(width=10_000, file=io.StringIO()).measure(_table(costs)).maximum


def _table(costs: Costs) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name in ("step", "layer", "output") else "right", no_wrap=True)
    for step in costs.steps:
        table.add_row(
            step.node.name,
            Text(step.node.span.text.partition("{")[0].strip().replace("\n", " ")),
            Text(str(step.node.type)),
            count(step.params) if step.params else "",
            scaled(step.macs) if step.macs else "",
            memory(step.activation_memory),
            field(step.receptive_field),
        )
    return table


def _sums(costs: Costs) -> list[str]:
    exact = f" ({count(costs.macs)})" if scaled(costs.macs) != count(costs.macs) else ""
    frozen = costs.params - costs.trainable_params
    return [
        "",
        f"parameters         {count(costs.params)}" + (f", {count(frozen)} of them frozen" if frozen else ""),
        f"weights            {memory(4 * costs.params)} as float32",
        f"MACs               {scaled(costs.macs)} a sample{exact}",
        f"activation memory  {memory(costs.activation_memory)} a sample, at most {memory(costs.peak_memory)} at once",
        f"receptive field    {field(costs.receptive_field)}",
        f"depth              {costs.depth} (convolutions and fully connected layers on the longest path)",
    ]
