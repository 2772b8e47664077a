"""Files that mean something else than they seem to: read as ONNX Runtime runs them, or refused at the node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from specc.importing import import_onnx
from specc.options import ProofOptions
from specc.report.proof_wording import failed_import
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
        ([node("Gather", "x none", "y", axis=1)], "node 0 y_node (Gather): it takes the places [] of axis 1"),
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


def test_over_numbers_to_the_bit(tmp_path: Path) -> None:
    """Times 1/255 is not over 255; times 1/4 is over 4."""
    nodes = [node("Div", "x k", "a"), node("Div", "a two", "b"), node("Conv", "b w", "y")]
    proto = model(nodes, ["N", 3, 4, 4], {"k": 255.0, "two": 4.0, "w": draw(2, 3, 1, 1)})
    source = tmp_path / "net.onnx"
    onnx.save(proto, source)
    done = import_onnx(source, tmp_path / "net.cnn", tmp_path / "net.safetensors", ProofOptions(), failed_import)
    assert "standardize(0, std=255) -> affine(0.25)" in done.spec.text


def test_attention_with_the_batch_behind_for_a_while() -> None:
    """Queries, keys and values of one layer, as vision transformers have them: five axes, taken apart."""
    tensors = {"w": draw(8, 24), "five": np.array([0, 5, 3, 2, 4]), "back": np.array([0, 5, 8])}
    tensors |= {str(place): np.array(place) for place in range(3)} | {"s": 0.5}
    nodes = [
        node("MatMul", "x w", "p"),
        node("Reshape", "p five", "r"),
        node("Transpose", "r", "t", perm=[2, 0, 3, 1, 4]),
        *(node("Gather", f"t {place}", name, axis=0) for place, name in enumerate("qkv")),
        node("Transpose", "k", "kt", perm=[0, 1, 3, 2]),
        node("MatMul", "q kt", "a"),
        node("Mul", "a s", "b"),
        node("Softmax", "b", "c", axis=-1),
        node("MatMul", "c v", "d"),
        node("Transpose", "d", "e", perm=[0, 2, 1, 3]),
        node("Reshape", "e back", "y"),
    ]
    proto = model(nodes, ["N", 5, 8], tensors)
    agrees(proto)
    parts = [f"slice({n}, {n + 1}) -> flatten(end_dim=2)" for n in range(3)]
    assert all(part in body(proto) for part in parts)
    assert "another axis in front of the batch" in refusal(
        model(
            [*nodes[:3], node("Relu", "t", "u"), node("Transpose", "u", "y", perm=[1, 0, 2, 3, 4])],
            ["N", 5, 8],
            tensors,
        )
    )
    assert "moves the batch" in refusal(model([node("Transpose", "x", "y", perm=[1, 0, 2])], ["N", 5, 8]))


def test_heads_joined_with_the_batch() -> None:
    """As PyTorch's exporter turns the keys of an attention."""
    tensors = {"joined": np.array([-1, 5, 6]), "apart": np.array([-1, 2, 6, 5])}
    nodes = [node("Reshape", "x joined", "a"), node("Transpose", "a", "b", perm=[0, 2, 1])]
    proto = model([*nodes, node("Reshape", "b apart", "y")], [3, 2, 5, 6], tensors)
    agrees(proto)
    assert body(proto) == "permute(0, 1, 3, 2)"
    assert "take them apart before" in refusal(model([*nodes, node("Relu", "b", "y")], [3, 2, 5, 6], tensors))


@pytest.mark.parametrize(
    ("equation", "operands", "expected"),
    [
        ("bchw,oc->bohw", "x w", "permute(0, 2, 3, 1) -> linear(5, bias=false) -> permute(0, 3, 1, 2)"),
        ("bchw,wv->bchv", "x v", "linear(3, bias=false)"),
        ("bchw,bchv->bcwv", "x x", "matmul { | permute(0, 1, 3, 2) | _ }"),
    ],
)
def test_sums_over_a_letter(equation: str, operands: str, expected: str) -> None:
    tensors = {"w": draw(5, 4), "v": draw(6, 3)}
    proto = model([node("Einsum", operands, "y", equation=equation)], ["N", 4, 5, 6], tensors)
    agrees(proto)
    assert body(proto) == expected


@pytest.mark.parametrize("equation", ["bchw,oc->bow", "bchw->bcwh", "bchw,bchw->bchw", "bchw,chwo->bo"])
def test_sums_that_are_no_product_of_matrices(equation: str) -> None:
    operands = "x x" if equation.count("bchw") > 1 else "x w" if "," in equation else "x"
    tensors = {"w": draw(5, 4) if "oc" in equation else draw(4, 5, 6, 2)}
    proto = model([node("Einsum", operands, "y", equation=equation)], ["N", 4, 5, 6], tensors)
    assert "node 0 y_node (Einsum): " in refusal(proto)


@pytest.mark.parametrize(
    ("kind", "above", "arms", "expected"),
    [
        ("Greater", "x", "x zero", "relu"),
        ("GreaterOrEqual", "x", "x tenth", "leakyrelu(0.1)"),
        ("Less", "x", "zero x", "relu"),
        ("LessOrEqual", "x", "tenth x", "leakyrelu(0.1)"),
    ],
)
def test_a_choice_at_zero(kind: str, above: str, arms: str, expected: str) -> None:
    nodes = [node("Mul", "x k", "tenth"), node(kind, f"{above} zero", "c"), node("Where", f"c {arms}", "y")]
    proto = model(nodes if "tenth" in arms else nodes[1:], ["N", 3, 4, 4], {"k": 0.1, "zero": 0.0})
    agrees(proto)
    assert body(proto) == expected


def test_channels_backwards_and_large_exponents() -> None:
    """BGR for RGB; and a sum of exponentials that would be infinite by itself."""
    ends = {"start": np.array([-1]), "stop": np.array([-(2**31)]), "axis": np.array([1]), "step": np.array([-1])}
    nodes = [node("Slice", "x start stop axis step", "a"), node("Mul", "a k", "b"),
             node("ReduceLogSumExp", "b axis", "y")]  # fmt: skip
    proto = model(nodes, ["N", 3, 4, 4], ends | {"k": 1000.0})
    agrees(proto, atol=1e-3)
    assert "slice(2, 3) | slice(1, 2) | slice(0, 1)" in body(proto)
    assert "takes away all axes of size 1, the batch too" in refusal(model([node("Squeeze", "x", "y")], ["N", 3, 1, 1]))
