"""What `specc compile` writes is imported as the network that it was written of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import specc
from specc.backends.onnx import checked, write_model
from specc.importing.from_onnx.reading import read_network
from specc.importing.structure import Spec, structured
from specc.ir.graph import Graph
from specc.onnxfile import OnnxFile
from specc.syntax import parse, read

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = ["lenet.cnn", "photos.cnn", "zoo/unet_any_size.cnn"]
OTHER_WORDS = {"zoo/deeplabv3.cnn"}
"""An interpolation of a single place is copied in the file, and is imported as `expand`."""


def written(model: specc.Model) -> bytes:
    """The ONNX file of a model."""
    data = bytearray()
    write_model(checked(model.graph, 18), model.weights(), data.extend)
    return bytes(data)


def imported(data: bytes) -> Spec:
    return structured(read_network(OnnxFile(data)))


def nodes_of(graph: Graph) -> list[tuple[str, list[str]]]:
    """The nodes that a graph is written as, whatever its steps are called."""
    nodes = checked(graph, 18).model.graph.node
    return sorted((node.op_type, sorted(a.SerializeToString().hex() for a in node.attribute)) for node in nodes)


def same_again(model: specc.Model) -> None:
    """Import, compile, import is a fixed point: the same nodes, and the same weights by their names."""
    spec = imported(written(model))
    assert spec.structure != "list"
    again = specc.loads(spec.text)
    assert nodes_of(again.graph) == [node for node in nodes_of(model.graph) if node[0] != "Identity"]
    shapes = {path: parameter.shape for path, parameter in model.graph.state}
    assert sorted(shapes.values()) == sorted(parameter.shape for _, parameter in again.graph.state)
    assert nodes_of(imported(written(again)).graph) == nodes_of(again.graph)


@pytest.mark.parametrize("name", SMALL)
def test_examples(name: str) -> None:
    same_again(specc.load(EXAMPLES / name))


def _networks() -> Iterator[tuple[str, str]]:
    for path in sorted(EXAMPLES.rglob("*.cnn")):
        if str(path.relative_to(EXAMPLES)) not in {*SMALL, *OTHER_WORDS}:
            yield from ((str(path), model.name) for model in parse(read(str(path))).models)


@pytest.mark.imported
@pytest.mark.parametrize(("path", "name"), [*_networks()])
def test_zoo(path: str, name: str) -> None:
    same_again(specc.load(path, model=name))
