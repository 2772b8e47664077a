"""Operators as the oldest and the newest opsets write them, and what ONNX Runtime gives of each.

Up to opset 12 most of what is an input now was an attribute; since then nodes got attributes that opset 18 has not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, helper, numpy_helper

from tests.importing.onnx_files import agrees, draw, model, node, refusal

Case = tuple[list[NodeProto], Mapping[str, Any], str]
"""Nodes, tensors, and a word of the spec."""

MOST = 2**31 - 1
SCALE = {"g": draw(4), "b": draw(4)}
NORM = {**SCALE, "m": draw(4), "v": np.abs(draw(4)) + np.float32(0.1)}
ONE_CHANNEL = draw(4, 1, 1)
CONSTANT = helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(ONE_CHANNEL))


def ints(*numbers: int) -> Any:
    return np.array(numbers, np.int64)


OPSET_7: dict[str, Case] = {
    "bounds as attributes": ([node("Clip", "x", "y", min=0.0, max=6.0)], {}, "relu6"),
    "one bound": ([node("Clip", "x", "y", min=0.0)], {}, "relu"),
    "a norm": ([node("BatchNormalization", "x g b m v", "y", epsilon=1e-3)], NORM, "bn(eps=0.001)"),
    "an instance norm": ([node("InstanceNormalization", "x g b", "y")], SCALE, "instancenorm(affine=true)"),
    "dropout with a mask": ([node("Dropout", "x", "a mask", ratio=0.3), node("Relu", "a", "y")], {}, "relu"),
    "a slice": ([node("Slice", "x", "y", starts=[1, 2], ends=[3, MOST], axes=[1, 3])], {}, "slice(1, 3)"),
    "a slice of all axes": ([node("Slice", "x", "y", starts=[0, 1, 0, 0], ends=[MOST, 3, 8, 8])], {}, "slice(1, 3)"),
    "a split": ([node("Split", "x", "a b", axis=1, split=[1, 3]), node("Concat", "b a", "y", axis=1)], {}, "concat"),
    "a split in halves": ([node("Split", "x", "a b", axis=1), node("Sub", "b a", "y")], {}, "sub"),
    "a squeeze": ([node("GlobalAveragePool", "x", "a"), node("Squeeze", "a", "y", axes=[2, 3])], {}, "globalavgpool"),
    "a pad": ([node("Pad", "x", "y", pads=[0, 0, 1, 1, 0, 0, 2, 2], value=0.0)], {}, "pad([1, 2, 1, 2])"),
    "a pad of what is there": ([node("Pad", "x", "y", pads=[0, 0, 1, 1, 0, 0, 2, 2], mode="reflect")], {}, "reflect"),
    "an upsampling": ([node("Upsample", "x", "y", scales=[1.0, 1.0, 2.0, 2.0])], {}, "upsample(scale_factor=2)"),
    "a mean": ([node("ReduceMean", "x", "y", axes=[2, 3], keepdims=0)], {}, "globalavgpool"),
    "a maximum of an axis": ([node("ReduceMax", "x", "y", axes=[3], keepdims=0)], {}, "amax(3)"),
    "a softmax of the rest": ([node("Flatten", "x", "a"), node("Softmax", "a", "y")], {}, "softmax"),
    "a softmax of the last": ([node("Softmax", "x", "y", axis=3)], {}, "softmax(dim=-1)"),
    "a pool": ([node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1] * 4)], {}, "count_include_pad=false"),
    "a pool that pads by itself": (
        [node("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")], {}, "maxpool(3",
    ),
    "a convolution to a size": (
        [node("ConvTranspose", "x w", "y", strides=[2, 2], output_shape=[16, 16])],
        {"w": draw(4, 3, 3, 3)}, "convtranspose(3, 3, stride=2",
    ),
    "a local response norm": ([node("LRN", "x", "y", size=3, alpha=2e-4, beta=0.7, bias=1.5)], {}, "lrn(3"),
    "a slope": ([node("PRelu", "x s", "y")], {"s": ONE_CHANNEL}, "prelu(4)"),
    "three arms": ([node("Relu", "x", "a"), node("Sum", "x a x", "y")], {}, "add { | _ | relu | _ }"),
    "a mean of arms": ([node("Relu", "x", "a"), node("Tanh", "x", "b"), node("Mean", "a b", "y")], {}, "affine(0.5)"),
    "a product": (
        [node("Flatten", "x", "a"), node("MatMul", "a w", "b"), node("Add", "b c", "y")],
        {"w": draw(256, 5), "c": draw(5)}, "fc(5)",
    ),
    "a Gemm whose bias is a row": (
        [node("Flatten", "x", "a"), node("Gemm", "a w c", "y", transB=1)],
        {"w": draw(5, 256), "c": draw(1, 5)}, "fc(5)",
    ),
    "a constant": ([CONSTANT, node("Mul", "x k", "y")], {}, "affine"),
    "channels shuffled": (
        [node("Reshape", "x s", "a"), node("Transpose", "a", "b", perm=[0, 2, 1, 3, 4]), node("Reshape", "b t", "y")],
        {"s": ints(-1, 2, 2, 8, 8), "t": ints(-1, 4, 8, 8)}, "channelshuffle(2)",
    ),
}  # fmt: skip

OPSET_23: dict[str, Case] = {
    "bounds as inputs": ([node("Clip", "x low high", "y")], {"low": 0.0, "high": 6.0}, "relu6"),
    "a norm": ([node("BatchNormalization", "x g b m v", "y", training_mode=0)], NORM, "bn"),
    "a norm of groups": ([node("GroupNormalization", "x g b", "y", num_groups=2)], SCALE, "groupnorm(2)"),
    "a norm of features": (
        [node("Flatten", "x", "a"), node("LayerNormalization", "a g b", "y")],
        {"g": draw(256), "b": draw(256)}, "layernorm",
    ),
    "a norm by the root mean square": (
        [node("Flatten", "x", "a"), node("RMSNormalization", "a g", "y", epsilon=1e-6)], {"g": draw(256)}, "rmsnorm",
    ),
    "dropout": ([node("Dropout", "x r t", "a"), node("Relu", "a", "y")], {"r": 0.3, "t": np.array(False)}, "relu"),
    "a split by a number": ([node("Split", "x", "a b", axis=1, num_outputs=2), node("Sub", "b a", "y")], {}, "sub"),
    "a pad of axes": ([node("Pad", "x p - a", "y")], {"p": ints(1, 1, 2, 2), "a": ints(2, 3)}, "pad([1, 2, 1, 2])"),
    "a pad around": ([node("Pad", "x p - a", "y", mode="wrap")], {"p": ints(1, 1, 2, 2), "a": ints(2, 3)}, "circular"),
    "a resize of axes": (
        [node("Resize", "x - - s", "y", mode="linear", axes=[2, 3], keep_aspect_ratio_policy="stretch")],
        {"s": ints(16, 16)}, "bilinear",
    ),
    "a cubic resize": (
        [node("Resize", "x - s", "y", mode="cubic", antialias=0)],
        {"s": np.array([1, 1, 2, 2], np.float32)}, "bicubic",
    ),
    "a mean, its axes an input": ([node("ReduceMean", "x a", "y", keepdims=0)], {"a": ints(2, 3)}, "globalavgpool"),
    "a maximum from the end": ([node("ReduceMax", "x a", "y", keepdims=0)], {"a": ints(-1)}, "amax"),
    "a squeeze from the end": (
        [node("GlobalAveragePool", "x", "a"), node("Squeeze", "a s", "y")], {"s": ints(-1, -2)}, "globalavgpool",
    ),
    "a pool with holes": ([node("MaxPool", "x", "y", kernel_shape=[3, 3], dilations=[2, 2])], {}, "dilation=2"),
    "gelu": ([node("Gelu", "x", "y")], {}, "gelu"),
    "gelu by tanh": ([node("Gelu", "x", "y", approximate="tanh")], {}, 'gelu(approximate="tanh")'),
    "hardswish": ([node("HardSwish", "x", "y")], {}, "hardswish"),
    "mish": ([node("Mish", "x", "y")], {}, "mish"),
    "a reshape of no zeros": ([node("Reshape", "x s", "y", allowzero=0)], {"s": ints(0, -1)}, "flatten"),
    "the batch of a shape": (
        [node("Shape", "x", "s", start=0, end=1), node("Concat", "s m", "t", axis=0), node("Reshape", "x t", "y")],
        {"m": ints(-1)}, "flatten",
    ),
    "blocks to places": ([node("DepthToSpace", "x", "y", blocksize=2, mode="CRD")], {}, "pixelshuffle(2)"),
    "a cast of nothing": ([node("Cast", "x", "a", to=1, saturate=1), node("Relu", "a", "y")], {}, "relu"),
}  # fmt: skip

CASES = [(7, name, case) for name, case in OPSET_7.items()] + [(23, name, case) for name, case in OPSET_23.items()]


@pytest.mark.imported
@pytest.mark.parametrize(("opset", "case"), [(o, c) for o, _, c in CASES], ids=[f"{o}, {n}" for o, n, _ in CASES])
def test_operators(opset: int, case: Case) -> None:
    nodes, tensors, word = case
    proto = model(nodes, ["N", 4, 8, 8], tensors, opset=opset)
    proto.ir_version = 3 if opset == 7 else 11
    assert word in agrees(proto).text


@pytest.mark.parametrize("opset", [7, 23])
def test_a_network(opset: int) -> None:
    """The same one, as each writes it."""
    newer = opset == 23
    weights = {"conv.weight": draw(4, 4, 3, 3), "fc.weight": draw(5, 64), "fc.bias": draw(5), **NORM}
    bounds = {"low": 0.0, "high": 6.0} if newer else {}
    nodes = [
        node("Conv", "x conv.weight", "v1", pads=[1] * 4, strides=[2, 2]),
        node("BatchNormalization", "v1 g b m v", "v2"),
        node("Clip", "v2 low high", "v3") if newer else node("Clip", "v2", "v3", min=0.0, max=6.0),
        node("Dropout", "v3", "v4"),
        node("Flatten", "v4", "v5"),
        node("Gemm", "v5 fc.weight fc.bias", "y", transB=1),
    ]
    proto = model(nodes, ["N", 4, 8, 8], weights | bounds, opset=opset)
    proto.ir_version = 3 if opset == 7 else 11
    spec = agrees(proto)
    assert "conv: conv(4, 3, stride=2, padding=1, bias=false) -> bn -> relu6" in " ".join(spec.text.split())


def test_what_older_opsets_mean_otherwise() -> None:
    """A softmax over all axes from one on, and an interpolation that begins at the corner."""
    said = refusal(model([node("Softmax", "x", "y")], ["N", 4, 8, 8], opset=7))
    assert "it is one softmax over the axes [1, 2, 3] of [N, 4, 8, 8] together" in said
    said = refusal(
        model([node("Upsample", "x", "y", scales=[1.0, 1.0, 2.0, 2.0], mode="linear")], ["N", 4, 8, 8], opset=7)
    )
    assert "its linear mode reads other places than any of PyTorch's" in said
