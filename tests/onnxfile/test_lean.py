"""A large file is parsed without the numbers of its large tensors, and nothing that is asked of it tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, numpy_helper

from specc.diagnostics import UsageError
from specc.onnxfile import OnnxFile
from specc.onnxfile.lean import parse_lean
from specc.verify import verify
from specc.verify.parity import Parity
from specc.weights import Initialised, Randomised
from tests.verify.networks import NETWORK, chain, emitted, graph_of

GRAPH = chain("[N, 2, 6, 5]", "conv1: conv(3, 2) -> bn1: bn -> relu -> flatten -> fc(4)")


@pytest.fixture(autouse=True)
def _every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specc.onnxfile.lean.LARGE_FILE", 1)
    monkeypatch.setattr("specc.onnxfile.lean.LARGE_TENSOR", 40)


def written(folder: Path, content: bytes | ModelProto) -> Path:
    path = folder / "net.onnx"
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return path


def test_every_tensor_is_that_of_the_file(tmp_path: Path) -> None:
    model = emitted(graph_of(NETWORK), Randomised(1))
    model.graph.initializer.extend(  # types that NumPy reads as they lie, and some that it does not
        numpy_helper.from_array(np.arange(60).reshape(3, 20).astype(dtype), f"of {dtype}")
        for dtype in ("float16", "float64", "int64", "int8", "bool", "uint16")
    )
    file = OnnxFile(written(tmp_path, model))
    left = [tensor for tensor in file.stored if tensor.place is not None]
    assert len(left) > 10
    assert sum(len(tensor.proto.raw_data) for tensor in left) == 0
    for tensor, original in zip(file.stored, model.graph.initializer, strict=True):
        assert tensor.whole() == original, tensor.name
        values = numpy_helper.to_array(original)
        assert values.dtype == tensor.values().dtype
        assert np.array_equal(tensor.values(), values), tensor.name


def test_the_rest_of_the_message_is_that_of_the_file(tmp_path: Path) -> None:
    model = emitted(graph_of(NETWORK), Initialised(0), functions=True)
    model.metadata_props.add(key="a", value="b" * 100)
    found = parse_lean(written(tmp_path, model))
    assert found is not None
    message, places = found
    for place in places:
        message.graph.initializer[place].raw_data = model.graph.initializer[place].raw_data
    assert message == model


def proven(model: ModelProto, folder: Path, seed: int = 0) -> Parity:
    return verify(GRAPH, written(folder, model), Initialised(seed))


def test_it_is_judged_as_a_small_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = emitted(GRAPH, Initialised(0))
    lean = proven(model, tmp_path)
    assert lean.passed
    other_weights = proven(model, tmp_path, seed=1)
    assert len(other_weights.wrong_tensors) == 4
    next(node for node in model.graph.node if node.op_type == "Relu").op_type = "Abs"
    wrong = proven(model, tmp_path)
    assert wrong.first_divergence is not None
    assert wrong.first_divergence.name == "relu1"
    monkeypatch.setattr("specc.onnxfile.lean.LARGE_FILE", 2**30)
    right = emitted(GRAPH, Initialised(0))
    assert found(proven(model, tmp_path)) == found(wrong)
    assert found(proven(right, tmp_path, seed=1)) == found(other_weights)
    assert found(proven(right, tmp_path)) == found(lean)


def found(parity: Parity) -> object:
    """But for the numbers of the whole network: packed, ONNX Runtime sums them in another order."""
    return parity.steps, parity.tensors, [(row.case, row.passed, row.batch, row.optimised) for row in parity.rows]


def test_a_file_that_is_cut_short_while_it_is_proven(tmp_path: Path) -> None:
    path = written(tmp_path, emitted(GRAPH, Initialised(0)))

    def shrink(what: str, done: int, of: int) -> None:
        if what == "PyTorch in float64":
            path.write_bytes(path.read_bytes()[:300])

    with pytest.raises(UsageError, match=r"net\.onnx, or a file with its weights, was changed while it was proven"):
        verify(GRAPH, path, Initialised(0), progress=shrink)
    file = OnnxFile(written(tmp_path, emitted(GRAPH, Initialised(0))))
    name = next(tensor.name for tensor in file.stored if tensor.place)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UsageError, match=rf"{name} cannot be read: "):
        file.initializers[name].values()


def test_what_is_no_plain_sequence_of_fields_is_parsed_as_a_whole(tmp_path: Path) -> None:
    model = emitted(GRAPH, Initialised(0))
    content = model.SerializeToString()
    assert parse_lean(written(tmp_path, content)) is not None
    for length in range(0, len(content), 7):
        path = written(tmp_path, content[:length])
        found = parse_lean(path)
        whole = ModelProto()
        try:
            whole.ParseFromString(content[:length])
        except Exception:  # noqa: BLE001 - protobuf's two implementations raise different ones
            assert found is None, length
            continue
        assert found is None or len(found[0].graph.initializer) == len(whole.graph.initializer)
    tensor = model.graph.initializer[0]
    twice = ModelProto()
    twice.CopyFrom(model)
    twice.graph.initializer[0].ClearField("raw_data")
    both = tensor.SerializeToString() + TensorProto(raw_data=tensor.raw_data[::-1]).SerializeToString()
    message = twice.SerializeToString()
    assert parse_lean(written(tmp_path, with_initializer(message, both))) is None
    assert OnnxFile(tmp_path / "net.onnx").stored[-1].whole().raw_data == tensor.raw_data[::-1]


def with_initializer(model: bytes, tensor: bytes) -> bytes:
    """A message to which a graph with one more initializer is added, given as bytes."""
    length = len(tensor)
    graph = b"\x2a" + bytes([length & 127 | 128, length >> 7]) + tensor
    length = len(graph)
    return model + b"\x3a" + bytes([length & 127 | 128, length >> 7]) + graph


def test_a_graph_in_two_parts_is_one(tmp_path: Path) -> None:
    model = emitted(GRAPH, Initialised(0))
    added = numpy_helper.from_array(np.arange(50, dtype=np.float32), "added")
    file = OnnxFile(written(tmp_path, with_initializer(model.SerializeToString(), added.SerializeToString())))
    assert file.stored[-1].place is not None
    assert np.array_equal(file.initializers["added"].values(), np.arange(50))


def test_a_tensor_that_says_it_lies_elsewhere_is_read_there(tmp_path: Path) -> None:
    model = emitted(GRAPH, Initialised(0))
    onnx.save(model, tmp_path / "net.onnx", save_as_external_data=True, location="w.data", size_threshold=0)
    message = onnx.load(tmp_path / "net.onnx", load_external_data=False)
    message.graph.initializer[0].raw_data = b"\1" * 100
    file = OnnxFile(written(tmp_path, message))
    assert file.data_files == {"w.data": len(file.stored)}
    original = emitted(GRAPH, Initialised(0)).graph.initializer[0]
    assert np.array_equal(file.stored[0].values(), numpy_helper.to_array(original))
