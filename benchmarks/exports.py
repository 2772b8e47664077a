"""Networks to compile and to export: what specc is asked for, and what PyTorch's exporters are.

PyTorch exports the module that specc emits, with the same names and the same open sizes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import ROOT, cost
from specc.elaborate import check_file
from specc.ir.graph import Graph
from specc.ir.size import Dim, Size
from specc.source import Source
from specc.syntax import parse
from specc.verify.cases import sizes_tried

SPECC = (sys.executable, "-m", "specc")
PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Network:
    """A network by the file of its spec and, where that has several, its name."""

    path: str
    model: str = ""

    @property
    def arguments(self) -> list[str]:
        """As the command takes it."""
        return [self.path, "--model", self.model] if self.model else [self.path]

    @property
    def graph(self) -> Graph:
        checked = check_file(parse(Source(self.path, (ROOT / self.path).read_text("utf-8"))))
        return next(each.graph for each in checked if self.model in ("", each.graph.name))

    def compile(self, file: Path, *options: str) -> list[str]:
        """The command that compiles it."""
        return [*SPECC, "compile", *self.arguments, "-o", str(file), *options]


def write_module(network: Network, folder: Path, sizes: Mapping[str, int] | None = None) -> Path:
    """Write the network's module into the folder, and what `benchmarks/peers/torch_export.py` must know of it.

    Args:
        sizes: at which its open sizes are traced; the first that a proof would try if left out.
    """
    cost(network.compile(folder / "network.py", "--no-verify"))
    graph = network.graph
    at = graph.at(dict(sizes or sizes_tried(graph)[0]))
    facts = {
        "folder": str(folder),
        "module": "network",
        "name": graph.name,
        "inputs": [
            {"name": port.name, "shape": [2, *fixed.type.sample], "sizes": [*map(_open, port.type.shape)]}
            for port, fixed in zip(graph.inputs, at.inputs, strict=True)
        ],
        "outputs": [port.name for port, _ in graph.outputs],
    }
    file = folder / "facts.json"
    file.write_text(json.dumps(facts), encoding="utf-8")
    return file


def _open(size: Dim) -> str | None:
    return str(size) if isinstance(size, Size) else None


def export(facts: Path, file: Path, way: str, *options: str) -> list[str]:
    """The command that exports a module which `write_module` has written: ``dynamo`` or ``script``."""
    return [sys.executable, str(PEERS / "torch_export.py"), str(facts), str(file), way, *options]
