"""What `specc compile` writes is imported as the network that it was written of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from onnx import AttributeProto

import specc
from specc.backends.onnx import checked, write_model
from specc.diagnostics import SpecError
from specc.importing.from_onnx.reading import read_network
from specc.importing.structure import Spec, structured
from specc.ir.graph import Graph
from specc.onnxfile import OnnxFile
from specc.syntax import parse, read
from tests.verify.specimens import random_specs

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = ["lenet.cnn", "photos.cnn", "zoo/unet_any_size.cnn"]


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
    attributes = [sorted(a.SerializeToString().hex() for a in node.attribute if not _is_usual(a)) for node in nodes]
    return sorted(zip((node.op_type for node in nodes), attributes, strict=True))


def _is_usual(attribute: AttributeProto) -> bool:
    """Whether it says what is meant without it: files of `adaptivemaxpool` do not say it, and those of `maxpool` do."""
    meant = {"pads": 0, "dilations": 1}.get(attribute.name)
    return meant is not None and all(number == meant for number in attribute.ints)


def same_again(model: specc.Model) -> None:
    """The same nodes, the same weights by their names, and the same text where the import is compiled and imported."""
    spec = imported(written(model))
    assert spec.structure == "loops"
    again = specc.loads(spec.text)
    assert nodes_of(again.graph) == [node for node in nodes_of(model.graph) if node[0] != "Identity"]
    weights = {path: parameter.shape for path, parameter in model.graph.state if not parameter.integer}
    own = {path: parameter.shape for path, parameter in again.graph.state if not parameter.integer}
    assert {spec.renamed.get(path, path): shape for path, shape in own.items()} == weights
    assert imported(written(again)).text == spec.text


@pytest.mark.parametrize("name", SMALL)
def test_examples(name: str) -> None:
    same_again(specc.load(EXAMPLES / name))


def _networks() -> Iterator[tuple[str, str]]:
    for path in sorted(EXAMPLES.rglob("*.cnn")):
        if str(path.relative_to(EXAMPLES)) not in SMALL:
            yield from ((str(path), model.name) for model in parse(read(str(path))).models)


@pytest.mark.imported
@pytest.mark.parametrize(("path", "name"), [*_networks()])
def test_zoo(path: str, name: str) -> None:
    same_again(specc.load(path, model=name))


@pytest.mark.imported
@pytest.mark.parametrize("seed", range(4))
def test_random_specs(seed: int) -> None:
    count = 0
    for text in islice(random_specs(seed), 60):
        try:
            model = specc.loads(text)
        except SpecError:
            continue  # one of three does not fit together
        same_again(model)
        count += 1
    assert count > 30
