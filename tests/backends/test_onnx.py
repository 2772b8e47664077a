"""The ONNX file: its names, its bytes, its size."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

import specc
from specc.api import Model
from specc.backends import onnx as backend
from specc.backends.onnx import storage
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse
from specc.weights import Initialised

EXAMPLES = Path(__file__).parents[2] / "examples"
OPSETS = range(backend.DEFAULT_OPSET, backend.NEWEST_OPSET + 1)


def network(steps: str, contract: str = "[N, 3, 8, 8]") -> Model:
    (checked,) = check_file(parse(Source("m.cnn", f"model M : {contract} {{ {steps} }}")))
    return Model(checked)


def emitted(model: Model, opset: int = backend.DEFAULT_OPSET) -> onnx.ModelProto:
    file = io.BytesIO()
    backend.write(model.graph, Initialised(0), file, opset=opset)
    return onnx.load_from_string(file.getvalue())


def test_the_names_are_the_specs() -> None:
    proto = emitted(network("conv(4, 3) -> gate: relu -> layer_scale: scale -> bn", "(image: [N, 3, 8, 8])"))
    assert [port.name for port in proto.graph.input] == ["image"]
    assert [port.name for port in proto.graph.output] == ["output"]
    values = {name for node in proto.graph.node for name in node.output}
    assert values == {"conv1", "gate", "layer_scale", "output"}
    assert {t.name for t in proto.graph.initializer} == {
        "conv1.weight", "conv1.bias", "layer_scale/factor", "batchnorm1.weight", "batchnorm1.bias",
        "batchnorm1.running_mean", "batchnorm1.running_var",
    }  # fmt: skip
    assert {v.name for v in proto.graph.value_info} == {"conv1", "gate", "layer_scale"}


def test_the_batch_keeps_its_name() -> None:
    shape = emitted(network("relu", "[Batch, 3, 8, 8]")).graph.output[0].type.tensor_type.shape
    assert [d.dim_param or d.dim_value for d in shape.dim] == ["Batch", 3, 8, 8]
    fixed = emitted(network("relu", "[5, 3]")).graph.input[0].type.tensor_type.shape
    assert [d.dim_value for d in fixed.dim] == [5, 3]


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset_loads_and_computes_the_same(opset: int) -> None:
    model = specc.load(EXAMPLES / "birds.cnn")
    proto = emitted(model, opset)
    onnx.checker.check_model(proto, full_check=True)
    assert proto.opset_import[0].version == opset
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).standard_normal((2, 3, 32, 32), dtype=np.float32)
    (got,) = session.run(None, {"input": image})
    expected = model.to_torch()(torch.from_numpy(image)).detach().numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_default_is_opset_18_and_ir_8() -> None:
    proto = emitted(network("relu"))
    assert (proto.ir_version, proto.opset_import[0].version) == (8, 18)


@pytest.mark.parametrize("opset", [17, 24, 0, -1])
def test_other_opsets_are_refused(opset: int) -> None:
    with pytest.raises(specc.UsageError, match=f"opset {opset} is not supported: choose 18 to 23"):
        emitted(network("relu"), opset)


def test_the_streamed_bytes_are_protobufs_own() -> None:
    """The file, written piece by piece, is what protobuf itself writes of the same message."""
    file = io.BytesIO()
    backend.write(network("conv(4, 3) -> reshape(-1, 4, 36)").graph, Initialised(0), file)
    again = onnx.load_from_string(file.getvalue())
    assert len(again.SerializeToString(deterministic=True)) == len(file.getvalue())
    assert again.ByteSize() == len(file.getvalue())


def test_a_skeleton_is_refused_where_the_network_is_wrong() -> None:
    """The full check that every compile makes is not blind without the weights."""
    assembly = backend.checked(network("conv(4, 3) -> flatten -> fc(5)").graph)
    skeleton = assembly.skeleton()
    skeleton.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 6
    with pytest.raises(onnx.shape_inference.InferenceError):
        onnx.checker.check_model(skeleton, full_check=True)


def test_no_path_and_no_shape_nodes(tmp_path: Path) -> None:
    proto = emitted(specc.load(EXAMPLES / "volume.cnn"))
    assert "Shape" not in {node.op_type for node in proto.graph.node}
    assert str(EXAMPLES).encode() not in proto.SerializeToString()


class TestAboveTwoGigabytes:
    """The same path, with the limit put low."""

    @pytest.fixture(autouse=True)
    def low_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(storage, "PROTOBUF_LIMIT", 10_000)

    def test_the_weights_lie_beside_and_are_proven(self, tmp_path: Path) -> None:
        model = specc.load(EXAMPLES / "birds.cnn")
        parity = model.to_onnx(tmp_path / "birds.onnx", seed=4)
        assert parity is not None
        assert parity.passed
        names = sorted(p.name for p in tmp_path.iterdir())
        assert len(names) == 2
        assert names[0].startswith("birds.")
        assert names[0].endswith(".data")
        onnx.checker.check_model(str(tmp_path / "birds.onnx"), full_check=True)
        whole = onnx.load(tmp_path / "birds.onnx")
        stored = {t.name: onnx.numpy_helper.to_array(t) for t in whole.graph.initializer}
        for path, tensor in model.to_torch(seed=4).state_dict().items():
            if tensor.is_floating_point():
                np.testing.assert_array_equal(stored[path], tensor.numpy())
        assert model.verify(tmp_path / "birds.onnx").passed

    def test_the_same_seed_gives_the_same_files_and_another_leaves_them(self, tmp_path: Path) -> None:
        model = specc.load(EXAMPLES / "birds.cnn")
        model.to_onnx(tmp_path / "birds.onnx", seed=4, verify=False)
        first = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
        model.to_onnx(tmp_path / "birds.onnx", seed=4, verify=False)
        assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == first
        model.to_onnx(tmp_path / "birds.onnx", seed=5, verify=False)
        data = next(name for name in first if name.endswith(".data"))
        assert (tmp_path / data).read_bytes() == first[data]

    def test_a_failed_proof_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from specc.ops.activation import Relu

        monkeypatch.setattr(Relu, "onnx", lambda self, build, values, *inputs: build.node("Abs", *values))
        with pytest.raises(specc.ParityError):
            specc.load(EXAMPLES / "birds.cnn").to_onnx(tmp_path / "birds.onnx")
        assert list(tmp_path.iterdir()) == []
