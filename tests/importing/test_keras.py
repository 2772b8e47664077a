"""Files that tf2onnx has written of networks of Keras: what a person would write, computing what Keras computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from specc.backends.torch import torch_module
from specc.importing.delivery import ImportedWeights
from specc.importing.from_onnx.reading import read_network
from specc.importing.structure import structured
from specc.onnxfile import OnnxFile
from tests.importing.onnx_files import body, draw, model, node

FOLDER = Path(__file__).with_name("keras")
SHAPES = {
    "plain": (16, 12, 3),
    "separable": (16, 12, 3),
    "residual": (15, 13, 3),
    "unet": (16, 16, 1),
    "norms": (15, 13, 1),
    "signal": (40, 2),
    "open_sizes": (20, 20, 3),
}
TEXTS = {
    "plain": """
        permute(0, 3, 1, 2) -> conv2d_1: conv(4, 3, stride=2, padding=[[0, 1], [0, 1]]) -> relu
        batch_normalization_1: bn -> maxpool(2) -> flatten -> dense_1: fc(5) -> softmax
    """,
    "separable": """
        permute(0, 3, 1, 2) -> separable_conv2d_1: conv(3, 3, padding=1, groups=3, bias=false)
        conv(6, 1) -> relu6
        conv(6, 3, stride=2, padding=[[0, 1], [0, 1]], groups=6) -> batch_normalization_2_1: bn
        silu -> globalavgpool -> flatten -> dense_1_1: fc(5)
    """,
    "residual": """
        affine(0.007843138, offset=-1) -> permute(0, 3, 1, 2) -> stem_1: conv(8, 3, padding=1)
        add { | _ | b1_1: conv(8, 3, padding=1) -> batch_normalization_3_1: bn -> leakyrelu(0.3) b2_1: conv(8, 1) }
        relu
        mul { | _ | globalavgpool -> flatten -> dense_2_1: fc(2) -> relu
                    dense_3_1: fc(8) -> sigmoid -> reshape(-1, 8, 1, 1) }
        conv(8, 3, stride=2, padding=[[0, 1], [1, 0]]) -> avgpool(2, ceil_mode=true)
        flatten -> dense_4_1: fc(7) -> elu -> dense_5_1: fc(3)
    """,
    "signal": """
        permute(0, 2, 1) -> conv1d_1: conv(6, 5, stride=2, padding=[[1, 2]]) -> relu
        batch_normalization_4_1: bn -> maxpool(2) -> conv1d_1_2: conv(4, 3, padding=[[2, 0]])
        tanh -> separable_conv1d_1: conv(4, 3, padding=1, groups=4, bias=false)
        separable_conv1d_1_2: conv(4, 1)
        concat { | globalmaxpool -> flatten | globalavgpool -> flatten } -> dense_6_1: fc(3) softmax
    """,
    "norms": """
        permute(0, 3, 1, 2) -> conv2d_5_1: conv(4, 3, stride=2, padding=1) -> relu6
        conv2d_transpose_2_1: convtranspose(4, 3, stride=2, padding=[[0, 1], [0, 1]])
        permute(0, 2, 3, 1) -> layernorm(eps=0.001) -> permute(0, 3, 1, 2)
        slice(1, 15, dim=2) -> slice(1, 13, dim=3) -> groupnorm(2, eps=0.001) -> conv(1, 1)
        relu6 -> affine(1 / 6) -> permute(0, 2, 3, 1)
    """,
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_network_of_keras(name: str) -> None:
    network = read_network(OnnxFile(FOLDER / f"{name}.onnx"))
    spec = structured(network)
    if name in TEXTS:
        assert spec.text.partition("{\n")[2].rpartition("}")[0].split() == TEXTS[name].split()
    x = np.random.default_rng(1).normal(size=(2, *SHAPES[name])).astype(np.float32)
    module = torch_module(spec.graph, ImportedWeights(network, spec)).eval()
    with torch.no_grad():
        result = module(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(result, np.load(FOLDER / "outputs.npz")[name], rtol=1e-5, atol=1e-5)


def test_names_of_tensorflow() -> None:
    text = structured(read_network(OnnxFile(FOLDER / "open_sizes.onnx"))).text
    assert text.startswith("model Open_sizes : (image: [N, H, W, 3]) -> (Identity: [N, 3]) {")


def test_others_keep_what_somebody_has_written() -> None:
    """A factor and a shift of each channel, behind an axis of size 1 that comes and goes."""
    tensors = {"k": draw(4, 1, 1), "s": draw(4, 1, 1), "in": np.array([-1, 4, 1, 6]), "out": np.array([-1, 4, 6])}
    nodes = [
        node("Reshape", "x in", "a"),
        node("Mul", "a k", "b"),
        node("Add", "b s", "c"),
        node("Reshape", "c out", "y"),
    ]
    proto = model(nodes, ["N", 4, 6], tensors)
    assert body(proto).startswith("reshape(-1, 4, 1, 6)")
    proto.producer_name = "tf2onnx"
    assert body(proto) == "bn"
