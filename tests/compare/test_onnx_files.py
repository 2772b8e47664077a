"""A spec and the file that is compiled of it are one network, whatever the file says nothing of."""

from __future__ import annotations

from pathlib import Path

import pytest

import specc
from specc.compare.onnx_files import compare_versions, file_version, spec_version
from specc.onnxfile import OnnxFile
from specc.syntax import parse, read
from tests.importing.test_round_trip import EXAMPLES, written

OFTEN = ["edges.cnn", "lenet.cnn", "photos.cnn", "twins.cnn", "volume.cnn"]
MORE = ["convnext", "deeplabv3", "fpn", "googlenet", "mobilenet_v2", "nonlocal", "siamese", "unet_any_size"]
"""With what a file has in other words: initial numbers, single places, another order, dropout, shared steps."""


def same(model: specc.Model) -> None:
    spec, file = spec_version(model.graph), file_version(OnnxFile(written(model)))
    for versions in ((spec, file), (file, spec)):
        difference = compare_versions(*versions)
        assert not difference.changed, difference
        assert difference.networks is not None
        assert difference.networks.graph.proven_same


@pytest.mark.parametrize("name", OFTEN)
def test_examples(name: str) -> None:
    of_each_model(EXAMPLES / name)


@pytest.mark.imported
@pytest.mark.parametrize("name", MORE)
def test_zoo(name: str) -> None:
    of_each_model(EXAMPLES / "zoo" / f"{name}.cnn")


def of_each_model(path: Path) -> None:
    for model in parse(read(str(path))).models:
        same(specc.load(path, model=model.name))
