"""Files whose inputs and outputs have other names are proven as the spec's, step by step too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from specc import Model
from specc.elaborate import check_file
from specc.onnxfile import OnnxFile
from specc.source import Source
from specc.syntax import parse
from specc.verify import Parity
from specc.verify.reproduction import write_reproduction
from specc.weights import Initialised
from tests.verify.networks import emitted

TEXT = """model Two : (a: [N, 3], b: [N, 3]) -> (sum: [N, 2], rest: [N, 2]) {
  sub { | a | b } -> both: tanh
  both -> sum: fc(2)
  concat { | b | both } -> rest: fc(2)
}
"""
(CHECKED,) = check_file(parse(Source("two.cnn", TEXT)))
MODEL = Model(CHECKED)


def renamed(names: dict[str, str]) -> onnx.ModelProto:
    """The file under other names; what stood under one of them already goes on as ``NAME.0``."""
    model = emitted(CHECKED.graph, Initialised(0))
    new = {name: f"{name}.0" for name in names.values() if name not in names} | names
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        value.name = new.get(value.name, value.name)
    return model


# As PyTorch's exporter does it: a value of the network goes by what is the name of an input in the spec.
THEIRS = {"a": "x.1", "b": "x.3", "sum": "21", "rest": "22", "both": "a"}


def judged(tmp_path: Path, model: onnx.ModelProto, rename: dict[str, str]) -> Parity:
    onnx.save(model, tmp_path / "theirs.onnx")
    return MODEL.verify(tmp_path / "theirs.onnx", seed=0, rename=rename)


def test_which_is_which_must_be_said(tmp_path: Path) -> None:
    parity = judged(tmp_path, renamed(THEIRS), {})
    assert [row.case for row in parity.rows] == ["interface", "interface"]
    assert [words in row.reason for row, words in zip(parity.rows, ("x.1 and x.3", "21 and 22"), strict=True)] == [
        True
    ] * 2


def test_with_that_said_it_is_proven_step_by_step(tmp_path: Path) -> None:
    parity = judged(tmp_path, renamed(THEIRS), {"x.1": "a", "21": "sum"})
    assert parity.passed
    assert [row.name for row in parity.steps] == [node.name for node in CHECKED.graph.nodes]
    assert dict(parity.renamed) == {"x.1": "a", "x.3": "b", "21": "sum", "22": "rest"}
    assert 'the file calls the input a "x.1"' in parity.notes


@pytest.mark.parametrize("rename", [{"x.1": "b", "21": "sum"}, {"x.1": "a", "21": "rest"}])
def test_said_wrongly_it_fails(tmp_path: Path, rename: dict[str, str]) -> None:
    assert not judged(tmp_path, renamed(THEIRS), rename).passed


def test_a_step_that_diverges_is_found_and_written(tmp_path: Path) -> None:
    model = renamed(THEIRS)
    (bias,) = (tensor for tensor in model.graph.initializer if tensor.name == "rest.bias")
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(0.5), "rest.bias"))
    parity = judged(tmp_path, model, {"x.3": "b", "22": "rest"})
    assert [row.name for row in parity.steps if not row.passed] == ["rest"]
    assert parity.reproduction is not None
    write_reproduction(tmp_path / "repro", parity.reproduction, parity)
    assert OnnxFile(tmp_path / "repro" / "step.onnx").outputs[0].name == "rest"
