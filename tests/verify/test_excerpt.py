"""Excerpts: which steps do the same at every place, asked of PyTorch; and which nodes of a file do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from specc.backends.torch import torch_module
from specc.ir.types import TensorType
from specc.verify.excerpt import around_largest, is_local, reach, smaller
from specc.verify.extraction import Submodel
from specc.weights import Randomised
from tests.twins import graph_of, make

LOCAL: tuple[tuple[str, dict[str, Any]], ...] = (
    ("conv", {"out_channels": 4, "kernel": 3, "padding": 1}),
    ("conv", {"out_channels": 4, "kernel": 7, "stride": 2, "padding": 3}),
    ("conv", {"out_channels": 4, "kernel": (3, 2), "stride": (3, 2), "dilation": 2, "padding": (2, 1)}),
    ("conv", {"out_channels": 4, "kernel": 1, "stride": 4}),
    ("convtranspose", {"out_channels": 4, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1}),
    ("maxpool", {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ("avgpool", {"kernel": (2, 5), "stride": 3, "ceil_mode": True}),
    ("lppool", {"norm_type": 2.0, "kernel": 2}),
    ("batchnorm", {}),
    ("lrn", {"size": 3}),
    ("relu", {}),
    ("gelu", {}),
    ("affine", {"factor": 2.0}),
)
"""Steps that may be tried on an excerpt."""


@pytest.mark.parametrize(("kind", "arguments"), LOCAL)
@pytest.mark.parametrize("places", [(41, 37), (40, 60)])
def test_a_part_shows_what_the_whole_would(kind: str, arguments: dict[str, Any], places: tuple[int, int]) -> None:
    """From either corner, PyTorch's results are those of the whole, as far as the other edge is not read."""
    graph = graph_of(make(kind, **arguments), (6, *places))
    part = smaller(graph.nodes[0])
    assert part is not None
    size = part.input_types[0].spatial
    assert all(n < whole / 1.5 for n, whole in zip(size, places, strict=True)), "it saves something"
    assert size[0] != size[1], "axes that are exchanged look different"
    module = torch_module(graph, Randomised(0))
    x = torch.randn(2, 6, *places, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = module(x)
        for corner in (slice(None, size[0]), slice(None, size[1])), (slice(-size[0], None), slice(-size[1], None)):
            result = module(x[:, :, *corner])
            assert result.shape[2:] == part.type.spatial
            near = tuple(
                slice(None, n // 2) if end.start is None else slice(-(n // 2), None)
                for n, end in zip(result.shape[2:], corner, strict=True)
            )
            assert torch.allclose(result[:, :, *near], whole[:, :, *near], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "samples", "arguments"),
    [
        ("flatten", ((6, 41, 37),), {}),
        ("fc", ((6,),), {"out_features": 3}),
        ("linear", ((6, 41, 37),), {"out_features": 3}),
        ("globalavgpool", ((6, 41, 37),), {}),
        ("adaptiveavgpool", ((6, 40, 60),), {"size": 5}),
        ("upsample", ((6, 41, 37),), {"size": (50, 45)}),
        ("upsample", ((6, 41, 37),), {"scale_factor": 1.7}),
        ("softmax", ((6, 41, 37),), {"dim": 2}),
        ("instancenorm", ((6, 41, 37),), {}),
        ("layernorm", ((6, 41, 37),), {}),
        ("slice", ((6, 41, 37),), {"start": 20, "stop": 40, "dim": 2}),
        ("concat", ((6, 20, 37), (6, 21, 37)), {"dim": 2}),
        ("permute", ((6, 41, 37),), {"dims": (0, 1, 3, 2)}),
        ("reshape", ((6, 41, 37),), {"shape": (-1, 6, 37, 41)}),
        ("conv", ((6, 9, 8),), {"out_channels": 4, "kernel": 3}),
        ("relu", ((6, 8, 17),), {}),
        ("relu", ((6,),), {}),
    ],
)
def test_others_see_the_whole(kind: str, samples: tuple[tuple[int, ...], ...], arguments: dict[str, Any]) -> None:
    assert smaller(graph_of(make(kind, **arguments), *samples).nodes[0]) is None


def test_parts_of_several_values_are_of_the_same_places() -> None:
    """Around the largest number of each sample; an axis of one place has that one."""
    node = smaller(graph_of(make("mul"), (2, 30, 20), (2, 1, 20), (2, 1, 1)).nodes[0])
    assert node is not None
    assert [x.sample for x in node.input_types] == [(2, 8, 9), (2, 1, 9), (2, 1, 1)]
    x = np.zeros((2, 2, 30, 20), np.float32)
    x[0, 1, 12, 19], x[1, 0, 0, 7] = -5, 5
    columns = np.broadcast_to(np.arange(20, dtype=np.float32), (2, 2, 1, 20))
    first, second, third = around_largest([x, columns, np.ones((2, 2, 1, 1), np.float32)], node.input_types)
    assert first[0, 1, 4, 8] == -5
    assert first[1, 0, 0, 4] == 5
    assert second[0, 0, 0].tolist() == [*range(11, 20)]
    assert second[1, 0, 0].tolist() == [*range(3, 12)]
    assert third.shape == (2, 2, 1, 1)


def test_a_value_that_is_not_finite_is_no_largest_number() -> None:
    x = np.zeros((1, 1, 30, 30), np.float32)
    x[0, 0, 3, 3], x[0, 0, 20, 20] = np.nan, 1
    (part,) = around_largest([x], [TensorType(1, (1, 8, 9))])
    assert part.max() == 1


def submodel(*nodes: Any) -> Submodel:
    return Submodel(nodes, ("x",), "y")


def constant(*shape: int) -> Any:
    return numpy_helper.from_array(np.ones(shape, np.float32), "c")


@pytest.mark.parametrize(
    ("node", "local"),
    [
        (helper.make_node("Conv", ["x", "w"], ["y"]), True),
        (helper.make_node("Conv", ["x", "w"], ["y"], domain="com.example"), False),
        (helper.make_node("Mul", ["x", "channels"], ["y"]), True),
        (helper.make_node("Mul", ["x", "one"], ["y"]), True),
        (helper.make_node("Mul", ["x", "columns"], ["y"]), False),
        (helper.make_node("Mul", ["x", "places"], ["y"]), False),
        (helper.make_node("Constant", [], ["y"], value=constant(1, 1, 1)), True),
        (helper.make_node("Constant", [], ["y"], value=constant(1, 7, 1)), False),
        (helper.make_node("Concat", ["x", "x"], ["y"], axis=1), True),
        (helper.make_node("Concat", ["x", "x"], ["y"], axis=2), False),
        (helper.make_node("Concat", ["x", "x"], ["y"], axis=-1), False),
        (helper.make_node("ConvTranspose", ["x", "w"], ["y"], output_shape=[9, 9]), False),
        *((helper.make_node(kind, ["x"], ["y"]), False) for kind in ("Reshape", "Resize", "Slice", "Pad", "Softmax")),
        (helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT), True),
    ],
)
def test_nodes_that_ask_for_sizes_see_the_whole(node: Any, local: bool) -> None:
    tensors = {"w": (4, 6, 3, 3), "channels": (6, 1, 1), "one": (), "columns": (37,), "places": (1, 1, 41, 1)}
    assert is_local(submodel(node), tensors, most=(2, 2)) is local
    other = helper.make_node("Relu", ["x"], ["y"])
    assert is_local(submodel(other, node), tensors, most=(2, 2)) is local, "one node is enough"


@pytest.mark.parametrize(
    ("nodes", "reads"),
    [
        ([helper.make_node("Conv", ["x", "w"], ["y"])], (2, 1)),
        ([helper.make_node("Conv", ["x", "w"], ["y"], dilations=[30, 2])], (60, 2)),
        ([helper.make_node("Conv", ["x", "w"], ["z"]), helper.make_node("Conv", ["z", "w"], ["y"])], (4, 2)),
        ([helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3, 5], strides=[2, 2])], (2, 4)),
        ([helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])], (1, 0)),
    ],
)
def test_nodes_that_read_further_than_the_step_see_the_whole(nodes: list[Any], reads: tuple[int, int]) -> None:
    tensors = {"w": (4, 6, 3, 2)}
    assert is_local(submodel(*nodes), tensors, reads)
    for axis in range(2):
        less = tuple(read - (place == axis) for place, read in enumerate(reads))
        assert not is_local(submodel(*nodes), tensors, less)


def test_a_window_of_unknown_size_sees_the_whole() -> None:
    assert not is_local(submodel(helper.make_node("Conv", ["x", "computed"], ["y"])), {}, most=(9, 9))


def test_a_step_reads_as_far_as_its_window() -> None:
    for kind, arguments, expected in (
        ("conv", {"out_channels": 4, "kernel": 3, "dilation": 2}, (4, 4)),
        ("convtranspose", {"out_channels": 4, "kernel": 2, "stride": 2}, (0, 0)),
        ("convtranspose", {"out_channels": 4, "kernel": 3, "stride": 2}, (1, 1)),
        ("relu", {}, (0, 0)),
        ("globalavgpool", {}, None),
    ):
        assert reach(graph_of(make(kind, **arguments), (6, 41, 37)).nodes[0]) == expected
