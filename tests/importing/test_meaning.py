"""Files that mean something else than they seem to: read as ONNX Runtime runs them, or refused at the node."""

from __future__ import annotations

import numpy as np
import pytest

from tests.importing.onnx_files import agrees, body, draw, model, node, refusal


def test_a_row_of_each_sample_is_the_sample() -> None:
    """Features of one channel, as of a signal: what is flattened has two axes, and so has the result."""
    tensors = {"w": draw(5, 12), "b": draw(5)}
    proto = model([node("Flatten", "x", "f"), node("Gemm", "f w b", "y", transB=1)], ["N", 1, 12], tensors)
    agrees(proto)
    assert body(proto) == "flatten -> fc(5)"


def test_lists_of_numbers_keep_their_axes() -> None:
    """A factor of each channel, and then one shift for all that the file writes along the width."""
    tensors = {"onnx::k": np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1), "onnx::s": np.full(3, 0.5)}
    agrees(model([node("Mul", "x onnx::k", "a"), node("Add", "a onnx::s", "y")], ["N", 3, 4, 3], tensors))


def test_constants_that_are_almost_those_of_an_activation() -> None:
    """What is another function stays one."""
    proto = model([node("Elu", "x", "a", alpha=1.6731), node("Mul", "a k", "y")], ["N", 3, 4, 4], {"k": 1.0507})
    agrees(proto, atol=1e-6)
    assert body(proto) == "elu(1.6731) -> affine(1.0507)"


def test_numbers_that_no_operator_takes() -> None:
    for number, kind in ((0.0, "Div"), (np.inf, "Mul"), (np.nan, "Add")):
        said = refusal(model([node(kind, "x k", "y")], ["N", 3, 4, 4], {"k": number}))
        assert f"node 0 y_node ({kind}): it " in said
        assert "that are not finite" in said


def test_values_keep_their_own_names() -> None:
    """Steps that come in the place of others are called like none that is there, or the rest would read them."""
    tensors = {"places": np.array([1]), "all": np.array([2, 3]), "n": 64.0, "m": 63.0, "s": np.array([2, 3, 64])}
    nodes = [
        node("Reshape", "x s", "a"),
        node("Transpose", "a", "b", perm=[0, 2, 1]),
        node("ReduceMax", "b places", "c", keepdims=0),
        node("ReduceMean", "x all", "d"),
        node("Sub", "x d", "e"),
        node("Mul", "e e", "f"),
        node("ReduceMean", "f all", "g", keepdims=0),
        node("Mul", "g n", "h"),
        node("Div", "h m", "i"),
        node("Add", "c i", "y"),
    ]
    agrees(model(nodes, [2, 3, 8, 8], tensors))


def test_attention_as_the_older_exporter_writes_it() -> None:
    """The square root of a size that is a number, among others that are not."""
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s last", "n"),
        node("Cast", "n", "f", to=1),
        node("Sqrt", "f", "r"),
        node("Div", "x r", "y"),
    ]
    agrees(model(nodes, ["N", 5, 8], {"last": np.array(2)}))


def test_groups_at_symbolic_places() -> None:
    """A group norm of the older exporter goes back to the shape of its input, whatever that is."""
    tensors = {"groups": np.array([0, 2, -1]), "one": np.ones(2), "zero": np.zeros(2)}
    tensors = {f"onnx::{name}": numbers for name, numbers in tensors.items()}
    nodes = [
        node("Conv", "x w", "c"),
        node("Reshape", "c onnx::groups", "g"),
        node("InstanceNormalization", "g onnx::one onnx::zero", "n"),
        node("Shape", "c", "s"),
        node("Reshape", "n s", "y"),
    ]
    proto = model(nodes, ["N", 3, "H", "W"], {**tensors, "w": draw(4, 3, 1, 1)})
    agrees(proto)
    assert body(proto) == "conv(4, 1, bias=false) -> groupnorm(2, affine=false)"


def test_soft_shrink_as_the_newer_exporter_writes_it() -> None:
    nodes = [
        node("Abs", "x", "a"),
        node("Greater", "a l", "g"),
        node("Sign", "x", "s"),
        node("Mul", "s l", "m"),
        node("Sub", "x m", "d"),
        node("Mul", "x o", "z"),
        node("Where", "g d z", "y"),
    ]
    proto = model(nodes, ["N", 3, 4, 4], {"l": 0.25, "o": 0.0})
    agrees(proto)
    assert body(proto) == "softshrink(0.25)"


def test_pools_that_count_their_padding_behind() -> None:
    options = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]}
    for counts in (0, 1):
        agrees(model([node("AveragePool", "x", "y", count_include_pad=counts, **options)], ["N", 2, 6, 8]))


def test_sums_of_windows_that_are_cut_off() -> None:
    """A mean times the elements of a whole window is no sum where there are fewer."""
    nodes = [node("AveragePool", "x", "a", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1), node("Mul", "a k", "y")]
    agrees(model(nodes, ["N", 2, 5, 6], {"k": 4.0}))


def _size(*nodes: object) -> list[object]:
    """Nodes that use the height ``h``."""
    return [node("Shape", "x", "s"), node("Gather", "s two", "h"), *nodes]


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        (
            _size(node("Equal", "h big", "q"), node("Where", "q a b", "f"), node("Mul", "x f", "y")),
            "node 2 q_node (Equal): it asks whether H is 32, and some sizes are so and others not",
        ),
        (
            _size(node("Sub", "h big", "d"), node("Div", "d two", "e"), node("Slice", "x e big two", "y")),
            "node 3 e_node (Div): it divides H - 32 by 2",
        ),
        ([node("Mul", "x wide", "y")], "node 0 y_node (Mul): a constant of shape [1, 1, 1, 1, 1] gives"),
        ([node("Max", "x wide", "y")], "node 0 y_node (Max): a constant of shape [1, 1, 1, 1, 1] gives"),
        ([node("Pow", "x wide", "y")], "node 0 y_node (Pow): a constant of shape [1, 1, 1, 1, 1] gives"),
        ([node("Gather", "x none", "y", axis=1)], "node 0 y_node (Gather): its attributes and inputs do not fit"),
        ([node("DepthToSpace", "x", "y", blocksize=0)], "node 0 y_node (DepthToSpace): "),
    ],
    ids=lambda value: "" if isinstance(value, str) else value[-1].op_type,
)
def test_what_is_not_so_of_all_inputs(nodes: list[object], said: str) -> None:
    tensors = {
        "two": np.array(2),
        "big": np.array(32),
        "a": 2.0,
        "b": 3.0,
        "wide": np.full((1, 1, 1, 1, 1), 2.0),
        "none": np.zeros(0, np.int64),
    }
    assert said in refusal(model(nodes, ["N", 3, "H", 8], tensors))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("LpPool", {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}, "a last window has fewer elements"),
        ("MaxPool", {"kernel_shape": [1, 1], "strides": [3, 3], "ceil_mode": 1}, "begins behind the input"),
    ],
)
def test_last_windows_that_are_not_pytorchs(kind: str, options: dict[str, object], said: str) -> None:
    assert said in refusal(model([node(kind, "x", "y", **options)], ["N", 2, 5, 6]))


def test_a_constant_cast_like_another() -> None:
    """1.7 as the whole number that another constant is."""
    nodes = [node("CastLike", "k three", "t"), node("Cast", "t", "f", to=1), node("Mul", "x f", "y")]
    agrees(model(nodes, ["N", 3, 4, 4], {"k": 1.7, "three": np.array(3)}))
