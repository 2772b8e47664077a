"""What ONNX's nodes are in the language; their numbers are held against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper, numpy_helper

from tests.importing.onnx_files import agrees, body, draw, model, node, refusal, spec_of


def test_convolution_and_what_follows_it() -> None:
    proto = model(
        [
            node("Conv", "x features.0.weight features.0.bias", "a", pads=[1, 1, 1, 1], strides=[2, 2]),
            node("Relu", "a", "b"),
            node("MaxPool", "b", "c", kernel_shape=[2, 2], strides=[2, 2]),
            node("Flatten", "c", "d"),
            node("Gemm", "d fc.weight fc.bias", "y", transB=1),
        ],
        ["N", 3, 8, 8],
        {
            "features.0.weight": draw(4, 3, 3, 3),
            "features.0.bias": draw(4),
            "fc.weight": draw(5, 16),
            "fc.bias": draw(5),
        },
    )
    spec = agrees(proto)
    assert spec.renamed == {}
    assert set(spec.tensors) == {"features.0.weight", "features.0.bias", "fc.weight", "fc.bias"}
    expected = "features: { 0: conv(4, 3, stride=2, padding=1) -> relu } -> maxpool(2) flatten -> fc: fc(5)"
    assert body(proto) == expected


def test_equal_numbers_that_are_stored_once_name_nobody_else() -> None:
    """As exporters do for layers that nobody has trained: all are called as the last one."""
    ones, zeros = "b.norm.weight", "b.norm.bias"
    read = f"{ones} {zeros} {zeros} {ones}"
    proto = model(
        [
            node("Conv", f"x conv.weight {zeros}", "a", name="/conv/Conv"),
            node("BatchNormalization", f"a {read}", "c", name="/a/norm/BatchNormalization"),
            node("Relu", "c", "d"),
            node("BatchNormalization", f"d {read}", "y", name="/b/norm/BatchNormalization"),
        ],
        ["N", 3, 8, 8],
        {"conv.weight": draw(4, 3, 3, 3), ones: np.ones(4, np.float32), zeros: np.zeros(4, np.float32)},
    )
    assert body(proto) == "conv: conv(4, 3) a: { norm: bn -> relu } -> b: { norm: bn }"


@pytest.mark.parametrize(
    ("nodes", "tensors", "expected"),
    [
        ([node("Sigmoid", "x", "s"), node("Mul", "x s", "y")], {}, "silu"),
        ([node("HardSigmoid", "x", "s", alpha=1 / 6), node("Mul", "s x", "y")], {}, "hardswish"),
        ([node("Clip", "x zero six", "y")], {"zero": 0.0, "six": 6.0}, "relu6"),
        ([node("Clip", "x zero", "y")], {"zero": 0.0}, "relu"),
        (
            [
                node("Div", "x root", "a"),
                node("Erf", "a", "b"),
                node("Add", "b one", "c"),
                node("Mul", "x c", "d"),
                node("Mul", "d half", "y"),
            ],
            {"root": np.sqrt(2.0), "one": 1.0, "half": 0.5},
            "gelu",
        ),
        (
            [
                node("Add", "x three", "a"),
                node("Clip", "a zero six", "b"),
                node("Mul", "x b", "c"),
                node("Div", "c six", "y"),
            ],
            {"three": 3.0, "zero": 0.0, "six": 6.0},
            "hardswish",
        ),
        ([node("ReduceMean", "x axes", "y")], {"axes": np.array([2, 3])}, "globalavgpool"),
        ([node("ReduceMean", "x axes", "y", keepdims=0)], {"axes": np.array([2, 3])}, "globalavgpool -> flatten"),
        ([node("ReduceMean", "x axes", "y")], {"axes": np.array([1])}, "mean(1, keepdim=true)"),
        ([node("Mul", "x k", "a"), node("Add", "a k", "y")], {"k": 0.5}, "affine(0.5, offset=0.5)"),
        ([node("Mul", "x onnx::k", "y")], {"onnx::k": 1 / 255}, "affine(1 / 255)"),
        ([node("Add", "x x", "a"), node("Sub", "a x", "y")], {}, "sub { | add { | _ | _ } | _ }"),
        ([node("GlobalAveragePool", "x", "a"), node("Mul", "x a", "y")], {}, "mul { | _ | globalavgpool }"),
        (
            [node("GlobalAveragePool", "x", "a"), node("Add", "x a", "y")],
            {},
            "add { | _ | globalavgpool -> expand(x) }",
        ),
        ([node("Transpose", "x", "a", perm=[0, 2, 3, 1]), node("Transpose", "a", "b", perm=[0, 3, 1, 2]),
          node("Relu", "b", "y")], {}, "relu"),
        ([node("Split", "x", "a b", axis=1, num_outputs=2), node("Concat", "b a", "y", axis=1)], {},
         "concat { | slice(2, 4) | slice(0, 2) }"),
        ([node("Identity", "x", "a"), node("Cast", "a", "b", to=1), node("Relu", "b", "y")], {}, "relu"),
        ([node("Pad", "x pads", "a"), node("Conv", "a w", "y")], {"pads": np.array([0, 0, 0, 1, 0, 0, 1, 2]),
          "w": draw(2, 4, 3, 3)}, "conv1: conv(2, 3, padding=[[0, 1], [1, 2]], bias=false)"),
        ([node("Conv", "x w", "a", auto_pad="SAME_UPPER", strides=[2, 2]), node("Relu", "a", "y")],
         {"w": draw(2, 4, 3, 3)}, 'conv(2, 3, stride=2, padding="same_upper", bias=false) -> relu'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_patterns(nodes: list[object], tensors: dict[str, object], expected: str) -> None:
    proto = model(nodes, ["N", 4, 6, 8], tensors)  # type: ignore[arg-type]
    agrees(proto)
    assert body(proto).replace("conv1: ", "") == expected.replace("conv1: ", "")


def test_channels_last() -> None:
    """As tf2onnx writes Keras: values have their channels at the end, and each convolution turns them."""
    to_first, to_last = [0, 3, 1, 2], [0, 2, 3, 1]
    proto = model(
        [
            node("Transpose", "x", "a", perm=to_first),
            node("Conv", "a w1", "b", auto_pad="SAME_UPPER", strides=[2, 2]),
            node("Transpose", "b", "c", perm=to_last),
            node("Add", "c b1", "d"),
            node("Relu", "d", "e"),
            node("Pad", "e pads", "f"),
            node("Transpose", "f", "g", perm=to_first),
            node("Conv", "g w2", "h"),
            node("Transpose", "h", "i", perm=to_last),
            node("Sigmoid", "i", "j"),
            node("Mul", "i j", "k"),
            node("Concat", "k e", "l", axis=3),
            node("ReduceMean", "l axes", "m", keepdims=0),
            node("MatMul", "m w3", "n"),
            node("Add", "n b3", "y"),
        ],
        ["N", 8, 8, 3],
        {
            "w1": draw(4, 3, 3, 3),
            "b1": draw(4),
            "pads": np.array([0, 1, 1, 0, 0, 1, 1, 0]),
            "w2": draw(4, 4, 3, 3),
            "axes": np.array([1, 2]),
            "w3": draw(8, 5),
            "b3": draw(5),
        },
    )
    agrees(proto)
    kinds = [step.op.kind for step in spec_of(proto).graph.nodes]
    assert sorted(kinds) == sorted("permute conv relu conv silu concat globalavgpool flatten fc".split())


def test_shape_chains_are_sizes() -> None:
    """x.view(x.size(0), -1), as it is exported: Shape, Gather, Unsqueeze, Concat."""
    proto = model(
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "n"),
            node("Unsqueeze", "n first", "u"),
            node("Concat", "u rest", "t", axis=0),
            node("Reshape", "x t", "y"),
        ],
        ["batch", 4, 6, 8],
        {"zero": np.array(0), "first": np.array([0]), "rest": np.array([-1])},
    )
    agrees(proto)
    assert spec_of(proto).text.startswith("model Net : (x: [batch, 4, 6, 8])")
    assert body(proto) == "flatten"


def test_conditions_on_sizes_are_found() -> None:
    proto = model(
        [
            node("MaxPool", "x", "a", kernel_shape=[2, 2], strides=[2, 2]),
            node("ConvTranspose", "a w", "b", strides=[2, 2]),
            node("Add", "x b", "y"),
        ],
        ["N", 3, "height", "width"],
        {"w": draw(3, 3, 2, 2)},
    )
    agrees(proto, size=8)
    assert "where height % 2 == 0, width % 2 == 0 {" in spec_of(proto).text


def test_open_sizes_have_names_of_their_own() -> None:
    """Of two inputs whose sizes are open nothing says that they are alike, until a sum needs it."""
    shape = ["N", 3, None, None]
    apart = [node("GlobalAveragePool", "x", "a"), node("GlobalMaxPool", "z", "b"), node("Add", "a b", "y")]
    text = agrees(model(apart, {"x": shape, "z": shape})).text
    assert text.startswith("model Net : (x: [N, 3, H, W], z: [N, 3, H_2, W_2]) ->")
    together = spec_of(model([node("Add", "x z", "y")], {"x": shape, "z": shape})).text
    assert together.startswith("model Net : (x: [N, 3, H, W], z: [N, 3, H, W]) ->")


def test_every_node_at_fault_is_named() -> None:
    nodes = [
        node("NonZero", "x", "a"),
        node("Softmax", "x", "b", axis=0),
        node("Relu", "x", "c"),
        node("Fancy", "c", "d", domain="com.example"),
        node("Relu", "a", "y"),
    ]
    said = refusal(model(nodes, ["N", 4]))
    assert "of 3 nodes" in said
    assert "node 0 a_node (NonZero): specc imports no NonZero" in said
    assert "node 1 b_node (Softmax): softmax" in said
    assert "node 3 d_node (Fancy): specc imports no Fancy of com.example" in said


@pytest.mark.parametrize("kind", ["Relu", "Conv", "MaxPool", "BatchNormalization", "Gemm", "Softmax"])
def test_no_attribute_is_ignored(kind: str) -> None:
    """One that ONNX does not have, or not yet, in front of every rule."""
    shape, tensors, inputs = ["N", 4, 6, 6], {}, "x"
    options: dict[str, object] = {}
    if kind == "Conv":
        tensors, inputs = {"w": draw(2, 4, 3, 3)}, "x w"
    if kind == "MaxPool":
        options = {"kernel_shape": [2, 2]}
    if kind == "BatchNormalization":
        tensors, inputs = {name: np.abs(draw(4)) for name in "sbmv"}, "x s b m v"
    if kind == "Gemm":
        shape, tensors, inputs = ["N", 4], {"w": draw(4, 4)}, "x w"
    assert spec_of(model([node(kind, inputs, "y", **options)], shape, tensors))
    said = refusal(model([node(kind, inputs, "y", **options, novelty=3)], shape, tensors))
    assert f"node 0 y_node ({kind}): its attribute novelty would be ignored" in said


def test_a_flag_is_one_or_none() -> None:
    """Runtimes differ in what they take a 2 for."""
    proto = model([node("ReduceMean", "x axes", "y", keepdims=2)], ["N", 4, 3], {"axes": np.array([2])})
    assert "its attribute keepdims is 2, and ONNX knows 0 and 1" in refusal(proto)


def test_no_input_is_ignored() -> None:
    said = refusal(model([node("Relu", "x k", "y")], ["N", 4], {"k": 1.0}))
    assert "its input 1 would be ignored" in said


def test_training_is_refused() -> None:
    tensors = {name: np.abs(draw(4)) for name in "sbmv"}
    nodes = [node("BatchNormalization", "x s b m v", "y m2 v2", training_mode=1)]
    assert "training_mode = 1 is not supported" in refusal(model(nodes, ["N", 4, 3, 3], tensors))
    tensors = {"ratio": 0.5, "mode": np.array(True)}
    assert "at random" in refusal(model([node("Dropout", "x ratio mode", "y")], ["N", 4], tensors))


def test_two_tensors_of_one_name() -> None:
    proto = model([node("Add", "x k", "y")], ["N", 4], {"k": 1.0})
    proto.graph.initializer.append(numpy_helper.from_array(np.float32(2), "k"))
    assert "two initializers called k" in refusal(proto)


def test_cycles() -> None:
    said = refusal(model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")], ["N", 4]))
    assert "node 0 a_node (Add): it reads b, which nothing before it gives" in said


def test_nodes_in_another_order() -> None:
    """ONNX Runtime takes them as they come, and so are they read: the first that can be is."""
    nodes = [node("Add", "b c", "y"), node("Relu", "a", "b"), node("Tanh", "a", "c"), node("Conv", "x w", "a")]
    proto = model(nodes, ["N", 3, 8, 8], {"w": draw(4, 3, 3, 3)})
    assert body(proto) == "conv(4, 3, bias=false) -> add { | relu | tanh }"
    agrees(proto)
    nodes = [node("Relu", "b", "y"), node("Add", "x c", "b"), node("Tanh", "b", "c")]
    said = refusal(model(nodes, ["N", 4]))
    assert "node 0 y_node (Relu): it reads b, which nothing before it gives" in said


def test_bytes_are_cast() -> None:
    proto = model([node("Cast", "x", "a", to=1), node("Relu", "a", "y")], ["N", 3, 4, 4])
    proto.graph.input[0].type.tensor_type.elem_type = 2
    assert "x: uint8 [N, 3, 4, 4]" in agrees(proto).text
    raw = model([node("Relu", "x", "y")], ["N", 3, 4, 4])
    raw.graph.input[0].type.tensor_type.elem_type = 2
    assert "computes with the bytes of x" in refusal(raw)


def test_functions_are_opened() -> None:
    proto = model([node("act", "x", "y", domain="local")], ["N", 4])
    inner = [helper.make_node("Sigmoid", ["i"], ["s"]), helper.make_node("Mul", ["i", "s"], ["o"])]
    opsets = [helper.make_opsetid("", 18)]
    proto.functions.append(helper.make_function("local", "act", ["i"], ["o"], inner, opsets))
    agrees(proto)
    assert body(proto) == "silu"
