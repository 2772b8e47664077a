"""The weights inside an ONNX file: found, checked and handed out; or refused with every reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from specc.diagnostics import ParityError, UsageError
from specc.ir.graph import Graph
from specc.onnxfile import file
from specc.verify import verify, weights_of
from specc.weights import Initialised, Randomised, tensor
from tests.verify.networks import NETWORK, chain, emitted, graph_of

EDGES = chain("[N, 1, 4, 4]", "conv(1, 2, weight=[[1, -1], [0.1, 0]], frozen=true)")


def saved(model: onnx.ModelProto, folder: Path, **options: object) -> Path:
    path = folder / "net.onnx"
    onnx.save(model, path, **options)
    return path


def initializer(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(t for t in model.graph.initializer if t.name == name)


def refusal(graph: Graph, model: onnx.ModelProto, folder: Path) -> str:
    with pytest.raises(ParityError) as caught:
        weights_of(saved(model, folder), graph)
    assert caught.value.parity is None
    return str(caught.value)


@pytest.mark.parametrize("options", [{}, {"save_as_external_data": True, "location": "w.data", "size_threshold": 512}])
def test_gives_back_what_was_written(options: dict[str, object], tmp_path: Path) -> None:
    graph = graph_of(NETWORK)
    path = saved(emitted(graph, Randomised(7)), tmp_path, **options)
    weights = weights_of(path, graph)
    for name, parameter in graph.state:
        assert np.array_equal(tensor(weights, name, parameter), tensor(Randomised(7), name, parameter)), name
    assert verify(graph, path, weights).passed


def test_prelu_is_stored_in_another_shape(tmp_path: Path) -> None:
    graph = chain("[N, 3, 4, 5]", "prelu(3)")
    model = emitted(graph, Randomised(0))
    assert list(initializer(model, "prelu1.weight").dims) == [3, 1, 1]
    weights = weights_of(saved(model, tmp_path), graph)
    ((path, parameter),) = graph.state
    assert tensor(weights, path, parameter).shape == (3,)


def test_a_tensor_that_is_in_memory_comes_as_it_is(tmp_path: Path) -> None:
    graph = chain("[N, 7]", "fc(5)")
    weights = weights_of(saved(emitted(graph, Initialised(0)), tmp_path), graph)
    path, parameter = graph.state[0]
    (piece,) = weights.chunks(path, parameter)
    assert np.array_equal(piece.reshape(5, 7), tensor(Initialised(0), path, parameter))


def test_all_faults_in_one_message(tmp_path: Path) -> None:
    graph = graph_of(NETWORK)
    model = emitted(graph, Initialised(0))
    model.graph.initializer.remove(initializer(model, "conv1.bias"))
    for name, value in (
        ("fc1.bias", np.zeros(23, np.float32)),
        ("fc2.bias", np.zeros(24)),
        ("fc3.bias", np.full(5, np.nan, np.float32)),
    ):
        initializer(model, name).CopyFrom(numpy_helper.from_array(value, name))
    lines = refusal(graph, model, tmp_path).splitlines()
    assert lines[0].endswith("net.onnx do not fit the spec:")
    assert [line.strip() for line in lines[1:-1]] == [
        "conv1.bias is missing",
        "fc1.bias has shape (23,), the spec's has (24,)",
        "fc2.bias is float64, not float32",
        "fc3.bias holds NaN or infinity",
    ]
    assert "with --weights FILE or --seed N" in lines[-1]


def test_long_lists_are_cut(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(file, "SHOWN", 5)
    graph = graph_of(NETWORK)
    other = emitted(chain("[N, 3]", "relu"), Initialised(0))
    missing = sum(not parameter.integer for _, parameter in graph.state)
    assert refusal(graph, other, tmp_path).splitlines()[-2].strip() == f"and {missing - 5} more"


def test_constant_of_the_spec_must_be_the_files(tmp_path: Path) -> None:
    model = emitted(EDGES, Initialised(0))
    weights_of(saved(model, tmp_path), EDGES)
    name = "conv1.weight"
    initializer(model, name).CopyFrom(numpy_helper.from_array(np.array([[[[1, -1], [0.1001, 0]]]], np.float32), name))
    message = refusal(EDGES, model, tmp_path)
    assert "conv1.weight is not the constant that the spec gives" in message
    assert "--weights" not in message, "nothing is missing"


def test_missing_external_data(tmp_path: Path) -> None:
    graph = chain("[N, 70]", "fc(50)")
    path = saved(
        emitted(graph, Initialised(0)), tmp_path, save_as_external_data=True, location="w.data", size_threshold=512
    )
    (tmp_path / "w.data").write_bytes(b"short")
    with pytest.raises(UsageError, match=r"fc1\.weight cannot be read"):
        weights_of(path, graph)
    (tmp_path / "w.data").unlink()
    with pytest.raises(UsageError, match=r"fc1\.weight cannot be read"):
        weights_of(path, graph)


def test_external_data_stays_in_its_folder(tmp_path: Path) -> None:
    """A file from a stranger must not read others."""
    graph = chain("[N, 2]", "fc(1, bias=false)")
    model = emitted(graph, Initialised(0))
    (tmp_path / "secret").write_bytes(bytes(8))
    (tmp_path / "inner").mkdir()
    weight = initializer(model, "fc1.weight")
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.append(onnx.StringStringEntryProto(key="location", value="../secret"))
    path = tmp_path / "inner" / "net.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UsageError, match=r"fc1\.weight: .* in \.\./secret, which leads out of the folder"):
        weights_of(path, graph)


@pytest.mark.parametrize("ending", ["json", "onnxtxt", "textproto", "prototxt", "onnx"])
def test_the_format_is_not_a_matter_of_the_name(ending: str, tmp_path: Path) -> None:
    """onnxruntime reads protobuf whatever the file is called, and so does the proof."""
    graph = chain("[N, 7]", "fc(5)")
    path = tmp_path / f"net.{ending}"
    path.write_bytes(emitted(graph, Initialised(0)).SerializeToString())
    assert verify(graph, path, weights_of(path, graph)).passed
    path.write_text("{}")
    with pytest.raises(UsageError, match=r"net\.\w+ is no ONNX file"):
        weights_of(path, graph)


@pytest.mark.parametrize("number", [57, 99])
def test_unknown_types_of_elements(number: int, tmp_path: Path) -> None:
    """Of a newer ONNX, or damage."""
    graph = chain("[N, 7]", "fc1: fc(5)")
    model = emitted(graph, Initialised(0))
    initializer(model, "fc1.bias").data_type = number
    assert f"fc1.bias is type {number}, not float32" in refusal(graph, model, tmp_path)
    parity = verify(graph, model.SerializeToString(), Initialised(0))
    assert [row.case for row in parity.rows] == ["loading"]
    assert parity.tensors == ()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no model"])
def test_foreign_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is no ONNX file"):
        weights_of(path, EDGES)
