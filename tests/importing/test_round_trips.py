"""Whole networks as flat lists, and back: the zoo, random specs, and five networks by both of PyTorch's exporters."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from torch import nn

from benchmarks.imported_lines import exported
from specc.diagnostics import SpecError
from specc.elaborate import Imports, check_file
from specc.filesystem import DISK
from specc.importing.structure import comparison, structured
from specc.ir.graph import Graph
from specc.source import Source
from specc.syntax import parse, read
from tests.importing.flattening import flattened
from tests.importing.published import NETWORKS
from tests.verify.specimens import random_specs

EXAMPLES = Path(__file__).parents[2] / "examples"
SPECS = sorted([*EXAMPLES.glob("*.cnn"), *EXAMPLES.glob("zoo/*.cnn")])
RENAMED = {"nonlocal.cnn"}
"""In which a label in a block is called like a size of the model's contract, and cannot be in the model."""

pytestmark = pytest.mark.imported


def comes_back(graph: Graph, *, names: bool = True) -> None:
    """All structure is found, and it is the same network; with the same names where the list has them."""
    for with_paths in (True, False):
        spec = structured(flattened(graph, with_paths=with_paths))
        assert spec.structure == "loops"
        comparison.paired(graph, spec.graph)
        if with_paths and names:
            assert dict(spec.graph.state) == dict(graph.state)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_examples(path: Path) -> None:
    for checked in check_file(parse(read(str(path))), Imports(DISK)):
        comes_back(checked.graph, names=path.name not in RENAMED)


@pytest.mark.parametrize("seed", range(4))
def test_random_specs(seed: int) -> None:
    count = 0
    for text in islice(random_specs(seed), 60):
        try:
            (checked,) = check_file(parse(Source("random.cnn", text)))
        except SpecError:
            continue  # one of three does not fit together
        comes_back(checked.graph)
        count += 1
    assert count > 30


@pytest.mark.parametrize("exporter", ["dynamo", "script"])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_exported_networks(network: type[nn.Module], exporter: str, tmp_path: Path) -> None:
    """As few lines as a person writes, also without names; the parameters' names are the module's, where they are."""
    export = exported(network, tmp_path / "net.onnx", dynamo=exporter == "dynamo")
    spec = export.spec
    assert not spec.renamed
    weights = {name for name, _ in spec.graph.state if name.endswith(".weight")}
    assert weights <= network().state_dict().keys()
    for one in (spec, export.nameless):
        assert one.structure == "loops"
        assert one.text.count("\n") <= NETWORKS[network]
    assert len(export.nameless.graph.nodes) == len(spec.graph.nodes)
