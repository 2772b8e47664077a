"""The table of `specc show` for programs and documents: JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence

from specc.analyses import Costs
from specc.report import notation
from specc.report.costs import DESCRIBING, entries, sums, table
from specc.version import __version__

FORMATS = ("json", "csv", "markdown")
VERSION = 1
"""Of the JSON: it grows where a field goes or changes its meaning. New fields may come at any time."""
CSV_COLUMNS = ("model", "step", "layer", "output", "params", "macs", "memory", "receptive_field")


def written(networks: Sequence[Costs], form: str, depth: int | None) -> str:
    """Every network's table.

    Args:
        form: one of `FORMATS`.
        depth: how deep blocks are opened, as of `specc.report.costs.show`.
    """
    match form:
        case "json":
            return _json(networks, depth)
        case "csv":
            return _csv(networks, depth)
    return "\n".join(_markdown(costs, depth) for costs in networks)


def _json(networks: Sequence[Costs], depth: int | None) -> str:
    """Numbers as they are; null where one depends on symbolic sizes, or no receptive field is claimed."""
    models = [
        {
            "name": costs.graph.name,
            "interface": notation.interface(costs.graph),
            "params": costs.params,
            "trainable_params": costs.trainable_params,
            "macs": costs.macs,
            "activation_memory": costs.activation_memory,
            "peak_memory": costs.peak_memory,
            "receptive_field": costs.receptive_field,
            "depth": costs.depth,
            "steps": [entry._asdict() for entry in entries(costs, depth)],
        }
        for costs in networks
    ]
    return json.dumps({"version": VERSION, "specc": __version__, "models": models}, indent=2)


def _csv(networks: Sequence[Costs], depth: int | None) -> str:
    """Numbers as they are; an empty field where one depends on symbolic sizes, or no receptive field is claimed."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(CSV_COLUMNS)
    for costs in networks:
        for entry in entries(costs, depth):
            sees = "x".join(map(str, entry.receptive_field or ()))
            described = (costs.graph.name, entry.step, entry.layer, entry.output)
            lines.writerow((*described, entry.params, entry.macs, entry.memory, sees))
    return text.getvalue().rstrip("\n")


def _markdown(costs: Costs, depth: int | None) -> str:
    """For people, as on a screen; names and shapes are code, so that nothing in them is markup."""
    header, *rows = table(costs, depth)
    plain = [[*map(code, row[: len(DESCRIBING)]), *row[len(DESCRIBING) :]] for row in rows]
    numbers = [":--" if name in DESCRIBING else "--:" for name in header]
    lines = [f"| {' | '.join(row)} |" for row in (header, numbers, *plain)]
    title = code(f"{costs.graph.name} : {notation.interface(costs.graph)}")
    below = ["```text", *(line for line in sums(costs) if line), "```"]
    return "\n".join([title, "", *lines, "", *below, ""])


def code(text: str) -> str:
    """A code span of a cell: its fence is longer than any in the text (https://spec.commonmark.org/0.31.2/#code-spans)."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}".replace("|", r"\|")
