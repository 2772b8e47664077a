"""Files that have one tensor where the network has several: the right ones pass, whatever they make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto

from specc.ir.op import Parameter
from specc.onnxfile import OnnxFile
from specc.verify import Parity, verify
from specc.verify.stress import randomised
from tests.importing.onnx_files import draw, model, node
from tests.verify.networks import graph_of

Array = np.ndarray[Any, Any]
MATRIX, SQUARE, KERNEL = draw(5, 16), draw(16, 16), draw(4, 3, 3, 3)
TWO = "model Two : (x: [N, 16]) -> (y: [N, 16]) {{ one: fc({}) -> relu -> two: fc(16) }}"
BIASES = {"one.bias": draw(5), "two.bias": draw(16)}


class Given:
    """Weights by their paths."""

    def __init__(self, tensors: Mapping[str, Array]) -> None:
        self._tensors = tensors

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        yield np.ascontiguousarray(self._tensors[path]).reshape(-1)


def both(second: list[NodeProto]) -> list[NodeProto]:
    return [node("Gemm", "x w one.bias", "a", transB=1), node("Relu", "a", "h"), *second]


CASES: dict[str, tuple[str, list[NodeProto], dict[str, Array], dict[str, Array]]] = {
    "and its transpose": (
        TWO.format(5),
        both([node("Gemm", "h w two.bias", "y")]),
        {"w": MATRIX, **BIASES},
        {"one.weight": MATRIX, "two.weight": MATRIX.T, **BIASES},
    ),
    "and its transpose, by a node": (
        TWO.format(5),
        both([node("Transpose", "w", "t", perm=[1, 0]), node("Gemm", "h t two.bias", "y", transB=1)]),
        {"w": MATRIX, **BIASES},
        {"one.weight": MATRIX, "two.weight": MATRIX.T, **BIASES},
    ),
    "and a multiple": (
        TWO.format(5),
        both([node("Gemm", "h w two.bias", "y", alpha=2.0)]),
        {"w": MATRIX, **BIASES},
        {"one.weight": MATRIX, "two.weight": 2 * MATRIX.T, **BIASES},
    ),
    "and some of it": (
        "model Two : (x: [N, 16]) -> (y: [N, 8]) { concat { | one: fc(5) | two: fc(3, bias=false) } }",
        [
            node("Gemm", "x w one.bias", "a", transB=1),
            node("Slice", "w begin end begin", "part"),
            node("Gemm", "x part", "b", transB=1),
            node("Concat", "a b", "y", axis=1),
        ],
        {"w": MATRIX, "one.bias": BIASES["one.bias"], "begin": np.array([0]), "end": np.array([3])},
        {"one.weight": MATRIX, "two.weight": MATRIX[:3], "one.bias": BIASES["one.bias"]},
    ),
    "in both ways of a convolution": (
        "model Two : (x: [N, 3, 8, 8]) -> (y: [N, 3, 8, 8]) {"
        " one: conv(4, 3, bias=false) -> relu -> two: convtranspose(3, 3, bias=false) }",
        [node("Conv", "x w", "a"), node("Relu", "a", "h"), node("ConvTranspose", "h w", "y")],
        {"w": KERNEL},
        {"one.weight": KERNEL, "two.weight": KERNEL},
    ),
}


def proven(name: str, change: Mapping[str, Array] | None = None) -> Parity:
    text, nodes, tensors, weights = CASES[name]
    graph = graph_of(text)
    proto = model(nodes, [None, *(int(size) for size in graph.inputs[0].type.sample)], tensors)
    return verify(graph, declared(proto, graph), Given({**weights, **(change or {})}), stress=True)


def declared(proto: ModelProto, graph: Any) -> bytes:
    """With the shape of its output, which a proof asks for."""
    ((port, _),) = graph.outputs
    shape = proto.graph.output[0].type.tensor_type.shape
    shape.dim.add().dim_param = "N"
    for size in port.type.sample:
        shape.dim.add().dim_value = size
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    return proto.SerializeToString()


@pytest.mark.parametrize("name", CASES)
def test_one_tensor_for_two(name: str) -> None:
    parity = proven(name)
    assert parity.passed, [row.reason for row in (*parity.rows, *parity.steps) if not row.passed]


@pytest.mark.parametrize("name", CASES)
def test_another_number_in_one_of_them(name: str) -> None:
    """The proof is of what both take, all the same."""
    weight = CASES[name][3]["two.weight"].copy()
    weight[(0,) * weight.ndim] += 0.5
    assert not proven(name, {"two.weight": weight}).passed


def test_a_transpose_that_is_none() -> None:
    """Of a square matrix either way fits: which it is, the numbers say."""
    graph = graph_of(TWO.format(16).replace("))", ", bias=false))").replace("fc(16)", "fc(16, bias=false)"))
    right = Given({"one.weight": SQUARE, "two.weight": SQUARE.T})
    for turned, passes in ((0, True), (1, False)):
        nodes = [node("Gemm", "x w", "a", transB=1), node("Relu", "a", "h"), node("Gemm", "h w", "y", transB=turned)]
        proto = declared(model(nodes, ["N", 16], {"w": SQUARE}), graph)
        assert verify(graph, proto, right, stress=True).passed == passes


def test_what_is_of_one_step_alone_is_random_beside_it() -> None:
    text, nodes, tensors, weights = CASES["and its transpose"]
    graph = graph_of(text)
    file = OnnxFile(declared(model(nodes, ["N", 16], tensors), graph))
    with randomised(graph, file, Given(weights), seed=0, as_named=False) as (copy, _, _):
        assert copy is not None
        changed = {name for name, each in copy.initializers.items() if not np.array_equal(each.values(), tensors[name])}
    assert changed == {"one.bias", "two.bias"}
