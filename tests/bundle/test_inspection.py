"""A file read back: ours, foreign, of other versions, broken."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

import specc
from specc.backends.onnx import serialization
from specc.bundle.inspection import inspect
from specc.bundle.recheck import recheck
from specc.bundle.sidecar import read_sidecar, sidecar_path
from specc.diagnostics import UsageError
from specc.ir.digest import digest
from specc.report.artifacts import inspection_json, inspection_text
from tests.bundle.compiled import compiled, copied


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("compiled"))


@pytest.fixture
def model(original: Path, tmp_path: Path) -> Path:
    return copied(original, tmp_path)


def foreign() -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Twice", ["x"], ["z"], domain="com.example")],
        "theirs",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, [None, "n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.INT8, None), helper.make_tensor_value_info("z", 1, [])],
        [helper.make_tensor("w", TensorProto.FLOAT, [2, 3], [0.0] * 6)],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 3)]
    model = helper.make_model(graph, producer_name="theirs", producer_version="2", opset_imports=opsets, ir_version=7)
    model.metadata_props.add(key="author", value="somebody")
    return model


def test_ours(model: Path) -> None:
    found = inspect(model)
    assert found.is_ours
    assert found.is_whole
    assert found.sealed is True
    assert found.network == "Digits"
    assert found.opsets == {"ai.onnx": 18}
    assert list(map(str, found.inputs)) == ["input: float32 [N, 1, H, W]"]
    assert list(map(str, found.outputs)) == ["output: float32 [N, 3]"]
    network = specc.load(model.with_name("digits.cnn"))
    assert found.metadata["specc.spec"] == digest(network.graph)
    assert found.size == model.stat().st_size
    assert found.sidecar is not None
    assert found.sidecar.known["parity"] == found.metadata["specc.parity"]
    assert found.external == ()


def test_foreign(tmp_path: Path) -> None:
    onnx.save(foreign(), tmp_path / "theirs.onnx")
    found = inspect(tmp_path / "theirs.onnx")
    assert not found.is_ours
    assert found.is_whole
    assert found.sealed is None
    assert found.sidecar is None
    assert found.opsets == {"ai.onnx": 17, "com.example": 3}
    assert found.producer == "theirs 2"
    assert found.metadata == {"author": "somebody"}
    assert list(map(str, found.inputs)) == ["x: float16 [?, n, 3]"]
    assert list(map(str, found.outputs)) == ["y: int8 of no declared shape", "z: float32 []"]
    assert (found.nodes, found.tensors, found.elements) == (2, 1, 6)


def test_what_is_no_tensor_of_numbers(tmp_path: Path) -> None:
    strings = helper.make_tensor_type_proto(TensorProto.STRING, ["n"])
    floats = helper.make_tensor_type_proto(TensorProto.FLOAT, [2])
    types = {
        "a": strings,
        "b": helper.make_sequence_type_proto(floats),
        "c": helper.make_optional_type_proto(helper.make_sequence_type_proto(strings)),
        "d": helper.make_map_type_proto(TensorProto.INT64, floats),
        "e": helper.make_sparse_tensor_type_proto(TensorProto.FLOAT, [2]),
    }
    inputs = [helper.make_value_info(name, proto) for name, proto in types.items()]
    node = helper.make_node("Identity", ["a"], ["y"])
    graph = helper.make_graph([node], "net", inputs, [helper.make_value_info("y", strings)])
    onnx.save(helper.make_model(graph), tmp_path / "net.onnx")
    assert list(map(str, inspect(tmp_path / "net.onnx").inputs)) == [
        "a: string [n]",
        "b: sequence of float32",
        "c: optional sequence of string",
        "d: map to float32",
        "e: sparse float32",
    ]


def test_functions_and_external_data(tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text("block b { conv(40, 3) -> relu }\nmodel M : [N, 3, 8, 8] { b -> b }")
    specc.load(tmp_path / "net.cnn").to_onnx(tmp_path / "net.onnx", functions=True, verify=False, sidecar=False)
    proto = onnx.load(tmp_path / "net.onnx")
    onnx.save(proto, tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=64)
    found = inspect(tmp_path / "net.onnx")
    assert found.functions
    assert found.nodes > 2
    (part,) = found.external
    assert (part.name, part.tensors, part.size) == ("net.data", 4, (tmp_path / "net.data").stat().st_size)
    assert found.sealed is False
    (tmp_path / "net.data").unlink()
    assert inspect(tmp_path / "net.onnx").external[0].size is None
    assert not inspect(tmp_path / "net.onnx").is_whole


def test_weights_in_a_file_of_their_own_belong_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serialization, "PROTOBUF_LIMIT", 10)
    model = tmp_path / "net.onnx"
    (tmp_path / "net.cnn").write_text("model M : [N, 3, 8, 8] { conv(40, 3) }")
    specc.load(tmp_path / "net.cnn").to_onnx(model)
    found = inspect(model)
    assert found.sidecar is not None
    assert (found.sidecar.fault, found.sealed, found.is_whole) == ("", True, True)
    where = sidecar_path(model)
    assert recheck(model, read_sidecar(where), where).passed
    data = tmp_path / found.external[0].name
    whole = data.read_bytes()
    data.write_bytes(whole[:-1] + b"\x7f")
    assert "are not those of the sidecar" in (inspect(model).sidecar or found.sidecar).fault
    assert not recheck(model, read_sidecar(where), where).checks[0].passed
    data.unlink()
    assert "are not beside the file" in (inspect(model).sidecar or found.sidecar).fault


class TestOtherVersions:
    def test_an_older_specc_without_metadata(self, model: Path) -> None:
        proto = onnx.load(model)
        del proto.metadata_props[:]
        proto.producer_version = "0.0.1"
        onnx.save(proto, model)
        model.with_name("digits.specc.json").unlink()
        found = inspect(model)
        assert found.is_ours
        assert found.producer == "specc 0.0.1"
        assert found.sealed is None
        assert found.is_whole

    def test_a_newer_specc_with_more_metadata(self, tmp_path: Path) -> None:
        proto = foreign()
        for key, value in (("specc.version", "9.0"), ("specc.future", "yes")):
            proto.metadata_props.add(key=key, value=value)
        onnx.save(proto, tmp_path / "new.onnx")
        found = inspect(tmp_path / "new.onnx")
        assert found.is_ours
        assert found.metadata["specc.future"] == "yes"

    def test_a_sidecar_with_more_fields(self, model: Path) -> None:
        where = model.with_name("digits.specc.json")
        value = json.loads(where.read_text())
        where.write_text(json.dumps(value | {"signature": "x"}))
        found = inspect(model).sidecar
        assert found is not None
        assert found.fault == ""
        assert found.notes == ("signature is not known to this specc",)

    def test_a_sidecar_of_a_newer_format(self, model: Path) -> None:
        """What is known is shown, and it says so."""
        where = model.with_name("digits.specc.json")
        value: dict[str, Any] = json.loads(where.read_text())
        value |= {"format": 3, "specc": "9.0", "weights": {"seed": 0}, "golden": []}
        where.write_text(json.dumps(value))
        found = inspect(model).sidecar
        assert found is not None
        assert found.fault == ""
        assert set(found.known) == {"specc", "model", "spec", "parity"}
        assert found.notes == ("format 3 is of a newer specc: only this is known of it",)
        where.write_text(json.dumps(value | {"file": {"digest": "x"}, "verdict": 1}))
        other = inspect(model).sidecar
        assert other is not None
        assert "stands at another place" in other.fault
        assert set(other.known) == {"specc", "model", "spec"}


class TestBadInput:
    def test_a_sidecar_of_another_file(self, model: Path) -> None:
        proto = onnx.load(model)
        proto.graph.doc_string = "touched"
        onnx.save(proto, model)
        found = inspect(model)
        assert found.sidecar is not None
        assert "SHA-256" in found.sidecar.fault
        assert found.sealed is False
        assert not found.is_whole

    def test_a_sidecar_of_another_spec(self, model: Path) -> None:
        where = model.with_name("digits.specc.json")
        value = json.loads(where.read_text())
        where.write_text(json.dumps(value | {"spec": "sha256:" + "0" * 64}))
        found = inspect(model).sidecar
        assert found is not None
        assert found.fault == "the file says that it is of another spec"

    def test_a_damaged_sidecar(self, model: Path) -> None:
        where = model.with_name("digits.specc.json")
        where.write_text(where.read_text()[:-50])
        found = inspect(model)
        assert found.network == "Digits"
        assert found.sidecar is not None
        assert not found.sidecar.is_readable
        assert "cut short" in found.sidecar.fault
        assert not found.is_whole

    @pytest.mark.parametrize("content", [b"", b"not onnx", b"\x08\x08", b"\x00" * 100])
    def test_no_onnx(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.onnx").write_bytes(content)
        with pytest.raises(UsageError, match="is no ONNX file"):
            inspect(tmp_path / "a.onnx")

    def test_every_cut(self, original: Path, tmp_path: Path) -> None:
        """Cut anywhere, a file is refused or no longer as it was."""
        whole, path = original.read_bytes(), tmp_path / "cut.onnx"
        read = 0
        for length in range(0, len(whole), 61):
            path.write_bytes(whole[:length])
            with suppress(UsageError):
                assert inspect(path).sealed is not True
                read += 1
        assert read < len(whole) / 61 / 10

    def test_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be read"):
            inspect(tmp_path / "none.onnx")
        with pytest.raises(UsageError, match="cannot be read"):
            inspect(tmp_path)


def test_nodes_in_training_and_those_that_draw_are_told(tmp_path: Path) -> None:
    statistics = ["scale", "bias", "mean", "var"]
    nodes = [
        helper.make_node("BatchNormalization", ["x", *statistics], ["b", "m", "v"], "bn1", training_mode=1),
        helper.make_node("Dropout", ["b", "", "on"], ["d"], "drop1"),
        helper.make_node("RandomNormalLike", ["d"], ["y"], "noise"),
    ]
    tensors = [helper.make_tensor(name, TensorProto.FLOAT, [3], [1.0] * 3) for name in statistics]
    tensors.append(helper.make_tensor("on", TensorProto.BOOL, [], [True]))
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3])] for name in "xy"]
    opset = helper.make_opsetid("", 18)
    path = tmp_path / "theirs.onnx"
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", *ends, tensors), opset_imports=[opset]), path)
    found = inspect(path)
    lines = inspection_text(found).splitlines()
    assert (
        'training   BatchNormalization "bn1" and Dropout "drop1" work as in training: it is for inference after '
        "model.eval()" in lines
    )
    assert 'random     RandomNormalLike "noise" works at random: no run says what the next one gives' in lines
    nodes = json.loads(inspection_json(found))["unsteady"]
    assert [node["why"] for node in nodes] == ["normalises", "drops", "draws"]
    onnx.save(foreign(), path)
    assert json.loads(inspection_json(inspect(path)))["unsteady"] == []
