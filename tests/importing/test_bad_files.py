"""Files that are no networks, or none that can be said: what is told of them, and that nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from specc.diagnostics import UsageError
from specc.importing import import_onnx
from specc.options import ProofOptions
from specc.report.proof_wording import failed_import as failed
from tests.importing.onnx_files import draw, model, node, refusal, spec_of


def told(data: bytes, folder: Path) -> str:
    """What is said of a file that cannot be imported; nothing else lies in its folder then."""
    source = folder / "net.onnx"
    source.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        import_onnx(source, folder / "net.cnn", folder / "net.safetensors", ProofOptions(), failed)
    assert [path.name for path in folder.iterdir()] == ["net.onnx"]
    return "\n".join(caught.value.lines)


def simple() -> ModelProto:
    return model([node("Conv", "x w", "y")], ["N", 3, 6, 6], {"w": draw(2, 3, 3, 3)})


def test_no_file_of_onnx(tmp_path: Path) -> None:
    assert "is no ONNX file" in told(b"PK\x03\x04 something else", tmp_path)


def test_cut_short(tmp_path: Path) -> None:
    data = simple().SerializeToString()
    assert "is no ONNX file, or is cut short" in told(data[: len(data) // 2], tmp_path)


@pytest.mark.parametrize(
    ("location", "said"), [("weights.bin", "which is not beside it"), ("../../etc/passwd", "leads out of the folder")]
)
def test_external_data(location: str, said: str, tmp_path: Path) -> None:
    proto = simple()
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    assert said in told(proto.SerializeToString(), tmp_path)


def test_an_opset_that_is_not_there_yet(tmp_path: Path) -> None:
    proto = simple()
    proto.opset_import[0].version = 999
    newest = onnx.defs.onnx_opset_version()
    assert f"is written in opset 999, and the newest that is known here is {newest}" in told(
        proto.SerializeToString(), tmp_path
    )


@pytest.mark.parametrize("number", [np.nan, -np.inf])
def test_weights_that_are_no_numbers(number: float, tmp_path: Path) -> None:
    weights = draw(2, 3, 3, 3)
    weights[1, 2, 0, 0] = number
    proto = model([node("Conv", "x w", "y", pads=[1, 1, 1, 1])], ["N", 3, 6, 6], {"w": weights})
    said = told(proto.SerializeToString(), tmp_path)
    assert "conv1.weight is NaN or infinite at 1 place, first at [1, 2, 0, 0]" in said


def test_control_flow(tmp_path: Path) -> None:
    branch = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["o"])], "b", [], [helper.make_empty_tensor_value_info("o")]
    )
    proto = model([node("If", "c", "y", then_branch=branch, else_branch=branch)], ["N", 4], {"c": np.array(True)})
    assert "node 0 y_node (If): specc imports no If" in told(proto.SerializeToString(), tmp_path)


def test_random_and_quantised_nodes(tmp_path: Path) -> None:
    proto = model(
        [
            node("RandomNormalLike", "x", "r"),
            node("QuantizeLinear", "x s z", "q"),
            node("Add", "x r", "y"),
        ],
        ["N", 4],
        {"s": 0.1, "z": np.array(0, np.uint8)},
    )
    said = told(proto.SerializeToString(), tmp_path)
    assert "of 2 nodes" in said
    assert "specc imports no RandomNormalLike" in said
    assert "specc imports no QuantizeLinear" in said


def test_weights_that_are_computed(tmp_path: Path) -> None:
    proto = model([node("Conv", "x w", "y")], {"x": ["N", 3, 6, 6], "w": [2, 3, 3, 3]})
    assert "its input 1 is computed while the network runs" in told(proto.SerializeToString(), tmp_path)


def test_constants_beyond_bounds() -> None:
    proto = model(
        [node("ConstantOfShape", "n", "c"), node("Add", "x c", "y")], ["N", 4], {"n": np.array([2**20, 2**20])}
    )
    assert "it makes a constant of 1,099,511,627,776 elements" in refusal(proto)


def test_too_many_nodes() -> None:
    proto = model([node("Relu", "x", "y")], ["N", 4])
    proto.graph.node.extend([proto.graph.node[0]] * 50_001)
    assert "has 50,002 nodes, and specc imports 50,000 at most" in refusal(proto)


def test_names_that_are_none() -> None:
    """Those of exporters, of TensorFlow, and words of the language."""
    proto = model(
        [
            node("Conv", "x /layer1/0/conv/w:0", "/layer1/0/conv/Conv_output_0"),
            node("Relu", "/layer1/0/conv/Conv_output_0", "where"),
        ],
        {"x": ["batch-size", 3, "in", "the width"]},
        {"/layer1/0/conv/w:0": draw(2, 3, 1, 1)},
        outputs=["where"],
    )
    text = spec_of(proto).text
    assert text.startswith("model Net : (x: [batch_size, 3, in_, the_width]) -> (where_: ")


def test_a_long_list_of_faults_is_cut() -> None:
    nodes = [node("NonZero", "x", f"a{place}") for place in range(60)]
    said = refusal(model([*nodes, node("Relu", "x", "y")], ["N", 4])).splitlines()
    assert len(said) == 42
    assert said[-1] == "and 20 more"


def test_what_cannot_be_written_beside(tmp_path: Path) -> None:
    """Neither the spec nor the weights, where one of them cannot be."""
    source = tmp_path / "net.onnx"
    onnx.save(simple(), source)
    (tmp_path / "net.safetensors").mkdir()
    with pytest.raises(UsageError):
        import_onnx(source, tmp_path / "net.cnn", tmp_path / "net.safetensors", None, failed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.onnx", "net.safetensors"]


def test_half_precision(tmp_path: Path) -> None:
    """Not bad, but other than the language: the same network in float32, which is said."""
    proto = simple()
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    weight = draw(2, 3, 3, 3).astype(np.float16)
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
    onnx.save(proto, tmp_path / "net.onnx")
    done = import_onnx(
        tmp_path / "net.onnx", tmp_path / "net.cnn", tmp_path / "net.safetensors", ProofOptions(), failed
    )
    assert done.parity is not None
    assert done.parity.passed
    assert any("float16" in note for note in done.network.notes)
    (saved,) = load_file(tmp_path / "net.safetensors").values()
    assert np.array_equal(saved, weight.astype(np.float32))


def test_outputs_by_names_that_no_input_has(tmp_path: Path) -> None:
    """PyTorch's older exporter gives one name to sizes that differ, where it has not worked them out."""
    proto = model([node("Relu", "x", "y")], ["N", 3, 4, 5])
    del proto.graph.output[:]
    said = ["Relu_dim_0", 3, "Relu_dim_0", "Relu_dim_3"]
    proto.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, said))
    source = tmp_path / "net.onnx"
    onnx.save(proto, source)
    imported = import_onnx(source, tmp_path / "net.cnn", tmp_path / "net.safetensors", ProofOptions(), failed)
    assert imported.parity is not None
    assert imported.parity.passed


def test_half_precision_inside(tmp_path: Path) -> None:
    """What converters write that keep the types of inputs and outputs."""
    weight = draw(2, 3, 3, 3).astype(np.float16)
    nodes = [
        node("Cast", "x", "a", to=TensorProto.FLOAT16),
        node("Conv", "a conv.weight", "b"),
        node("Cast", "b", "y", to=TensorProto.FLOAT),
    ]
    proto = model(nodes, ["N", 3, 6, 6])
    proto.graph.initializer.append(numpy_helper.from_array(weight, "conv.weight"))
    source = tmp_path / "net.onnx"
    onnx.save(proto, source)
    done = import_onnx(source, tmp_path / "net.cnn", tmp_path / "net.safetensors", ProofOptions(), failed)
    assert any("float16" in note for note in done.network.notes)
    np.testing.assert_array_equal(load_file(tmp_path / "net.safetensors")["conv.weight"], weight.astype(np.float32))


def test_values_that_are_called_as_sizes_are(tmp_path: Path) -> None:
    """An input ``N`` of N samples, and an output with the name of its height."""
    proto = model([node("Conv", "N w", "a"), node("Relu", "a", "H")], {"N": ["N", 3, "H", 6]}, {"w": draw(2, 3, 1, 1)},
                  outputs=["H"])  # fmt: skip
    source = tmp_path / "net.onnx"
    onnx.save(proto, source)
    done = import_onnx(source, tmp_path / "net.cnn", tmp_path / "net.safetensors", ProofOptions(), failed)
    assert done.spec.text.startswith("model Net : (N_2: [N, 3, H, 6]) -> (H_2: [N, 2, H, 6])")


@pytest.mark.parametrize(
    ("shape", "header", "said"),
    [
        (["-1", 3, "-1", "1"], "(x: [N, 3, H, W])", 'calls a size "-1", which is a name there and no number'),
        (["dynamic", 3, "dynamic", "dynamic"], "(x: [N, 3, H, W])", 'calls the batch and other sizes "dynamic"'),
        ([-1, 3, -1, 8], "(x: [N, 3, H, 8])", "the file has sizes of -1, which are none"),
        (["unk__7", "unk__8", "unk__9", 3], "(x: [N, H, W, 3])", ""),
    ],
    ids=["numbers", "one name", "below 0", "counted"],
)
def test_sizes_by_names_that_say_nothing(shape: list[int | str], header: str, said: str, tmp_path: Path) -> None:
    turned = [node("Transpose", "x", "first", perm=[0, 3, 1, 2])] if shape[-1] == 3 else []
    proto = model([*turned, node("Conv", f"{'first' if turned else 'x'} w", "y")], shape, {"w": draw(2, 3, 1, 1)})
    source = tmp_path / "net.onnx"
    onnx.save(proto, source)
    done = import_onnx(source, tmp_path / "net.cnn", tmp_path / "net.safetensors", ProofOptions(), failed)
    assert header in done.spec.text
    assert any(said in note for note in done.network.notes) if said else not done.network.notes


@pytest.mark.parametrize(
    ("proto", "said"),
    [
        (model([node("Relu", "x", "y")], [0, 3, 4, 4]), "and a size is at least 1"),
        (model([node("Reshape", "x s", "y")], [2, 3, 4], {"s": np.array([6, 4])}), "output y: it has rows of all"),
        (model([node("Relu", "x", "y")], {"x": ["N", 4], "z": ["N", 3]}), "input z: nothing reads it; onnxslim"),
        (model([node("ReorderInput", "x", "y", domain="com.microsoft.nchwc")], ["N", 4]), "laid out for one processor"),
        (model([node("DynamicQuantizeLinear", "x", "y s z")], ["N", 4]), "the file that this one was quantised from"),
    ],
)  # fmt: skip
def test_what_to_do_instead(proto: ModelProto, said: str) -> None:
    assert said in refusal(proto)
