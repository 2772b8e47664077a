"""The proof of a network that takes bytes: what it is fed, and that other casts and other inputs are caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from specc.onnxfile import OnnxFile
from specc.verify import verify
from specc.verify.cases import KINDS, cast
from specc.verify.large_layers import widen
from specc.verify.reference import run_module
from specc.verify.signature import compare_signature
from specc.weights import Randomised
from tests.verify.networks import emitted, graph_of

WEIGHTS = Randomised(3)
BYTES = graph_of("""
model Bytes : (image: uint8 [N, 3, H, W], mask: [N, 1, H, W]) -> (y: [N, 4, _, _], small) where H >= 6, W >= 6 {
  image -> standardize([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]) -> conv(4, 3, padding=1) -> relu
  mul { | _ | mask } -> y: conv(4, 1)
  image -> small: maxpool(2)
}
""")


def test_bytes_of_every_kind() -> None:
    """Their range, the numbers among them; the float32 input beside them is drawn as ever."""
    expected = {
        "normal": set(range(256)),
        "zeros": {0},
        "x 1e3": {0, 255},
        "x 1e-6": {0, 1},
        "mean 1000": set(range(250, 256)),
        "spikes": {0, 1, 2, 3, 255},
    }
    drawn = {}
    for kind in KINDS:
        inputs = replace(kind, batch=2, sizes=(("H", 64), ("W", 63))).inputs(BYTES, 0)
        assert inputs["image"].dtype == np.uint8
        assert inputs["mask"].dtype == np.float32
        assert cast(inputs)["image"].dtype == np.float32
        drawn[kind.name] = set(np.unique(inputs["image"]).tolist())
    assert drawn == expected


@pytest.mark.parametrize("level", ["quick", "full"])
def test_right_file_passes_and_the_readers_have_the_cast(level: str) -> None:
    parity = verify(BYTES, emitted(BYTES, WEIGHTS).SerializeToString(), WEIGHTS, level=level)
    assert parity.first_failure is None
    nodes = {row.steps: row.nodes for row in parity.steps}
    assert nodes["standardize1",] == ("Cast", "Sub", "Div")
    assert nodes["small",] == ("Cast", "MaxPool")
    assert not any("Cast" in kinds for steps, kinds in nodes.items() if steps[0] not in ("standardize1", "small"))


def test_wrong_step_on_bytes_is_shown_on_bytes() -> None:
    model = emitted(BYTES, WEIGHTS)
    pool = next(node for node in model.graph.node if node.op_type == "MaxPool")
    pool.CopyFrom(helper.make_node("AveragePool", pool.input, pool.output, kernel_shape=[2, 2], strides=[2, 2]))
    parity = verify(BYTES, model.SerializeToString(), WEIGHTS)
    assert parity.first_divergence is not None
    assert parity.first_divergence.name == "small"
    assert parity.reproduction is not None
    assert [values.dtype for values in parity.reproduction.inputs.values()] == [np.uint8]


def test_values_of_a_file_with_other_names_are_found() -> None:
    model = emitted(BYTES, WEIGHTS)
    ends = {port.name for port in (*model.graph.input, *model.graph.output)}
    tensors = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [name if name in ends | tensors else f"other/{name}" for name in names]
    del model.graph.value_info[:]
    parity = verify(BYTES, model.SerializeToString(), WEIGHTS)
    assert parity.passed
    assert any("found by their values: 5 of 6 steps" in note or "6 of 6" in note for note in parity.notes)


def declared(image: int, mask: int = TensorProto.FLOAT) -> OnnxFile:
    model = emitted(BYTES, WEIGHTS)
    for port, kind in zip(model.graph.input, (image, mask), strict=True):
        port.type.tensor_type.elem_type = kind
    return OnnxFile(b"", model)


def test_another_type_of_an_input_is_refused_by_name() -> None:
    (fault,) = compare_signature(BYTES, declared(TensorProto.FLOAT)).faults
    assert fault == (
        "the file has the input image: float32 [N, 3, H, W], the spec image: uint8 [N, 3, H, W]: "
        "the spec's input takes bytes and casts them itself"
    )
    (fault,) = compare_signature(BYTES, declared(TensorProto.INT8)).faults
    assert fault == "the file has the input image: int8 [N, 3, H, W], the spec image: uint8 [N, 3, H, W]"
    (fault,) = compare_signature(BYTES, declared(TensorProto.UINT8, TensorProto.UINT8)).faults
    assert fault == "the file has the input mask: uint8 [N, 1, H, W], the spec mask: float32 [N, 1, H, W]"
    assert not compare_signature(BYTES, declared(TensorProto.UINT8)).faults


class _First(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2048, 2048)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x.to(self.fc.weight.dtype))


def test_reference_is_in_double_behind_a_large_linear_layer() -> None:
    """Its weights stay in float32, and bytes are cast to their type."""
    module = _First()
    image = np.random.default_rng(0).integers(0, 256, (1, 2048), np.uint8)
    weight, bias = module.fc.weight.detach().numpy(), module.fc.bias.detach().numpy()
    (result,) = run_module(widen(module), {"x": image}, torch.float64)
    assert module.fc.weight.dtype == torch.float32
    assert result.dtype == np.float64
    right = image.astype(np.float64) @ weight.astype(np.float64).T + bias
    np.testing.assert_allclose(result, right, rtol=1e-12)
