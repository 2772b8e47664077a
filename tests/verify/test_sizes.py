"""Contracts with symbolic sizes: tried at several, and files that are right at some sizes only are refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from io import BytesIO

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from specc.backends import torch as backend
from specc.backends.onnx import write
from specc.ir.graph import Graph, Port
from specc.ir.size import symbol
from specc.ir.types import TensorType
from specc.verify import verify, verify_emitted
from specc.verify.cases import allowed, cases, shape_cases, sizes_tried
from specc.weights import Initialised, Randomised
from tests.graphs import N, Net, residual, siamese
from tests.verify.networks import chain

WEIGHTS = Randomised(3)


def plain(*sizes: object, batch: object = N) -> Graph:
    """A convolution over an input with these sizes."""
    net = Net(batch=batch, input=(2, *sizes))
    return net.graph(output=net.step("conv1", "conv", "input", out_channels=3, kernel=3, padding=1))


def emitted(graph: Graph) -> onnx.ModelProto:
    file = BytesIO()
    write(graph, WEIGHTS, file)
    return onnx.load_from_string(file.getvalue())


@pytest.mark.parametrize(
    ("rule", "tried"),
    [
        ({"least": 1}, [(20, 28), (1, 1), (3, 2), (23, 29)]),
        ({"least": 32}, [(33, 34), (32, 32), (34, 33), (36, 35)]),
        ({"modulus": 16}, [(32, 48), (16, 16), (48, 32), (80, 64)]),
        ({"least": 20, "modulus": 4, "residue": 3}, [(27, 31), (23, 23), (31, 27), (39, 35)]),
        ({"least": 3, "most": 6}, [(6, 5), (3, 3), (5, 4), (6, 5)]),
    ],
)
def test_sizes_tried(rule: dict[str, int], tried: list[tuple[int, int]]) -> None:
    """By hand: 20 x 28 or what is allowed above it; the smallest; just above that; just above the first."""
    graph = plain(symbol("H", **rule), symbol("W", **rule))
    assert [tuple(size for _, size in sizes) for sizes in sizes_tried(graph)] == list(dict.fromkeys(tried))


@pytest.mark.parametrize("least", [1, 7])
@pytest.mark.parametrize("most", [None, 12])
@pytest.mark.parametrize(("modulus", "residue"), [(1, 0), (3, 2), (4, 0)])
def test_only_what_the_contract_allows(least: int, most: int | None, modulus: int, residue: int) -> None:
    size = symbol("H", least=least, most=most, modulus=modulus, residue=residue)
    (rule,) = size.symbols
    values = [v for v in range(least, (most or 100) + 1) if v % modulus == residue]
    assert [allowed(rule, wanted) for wanted in range(1, 20)] == [
        next((v for v in values if v >= wanted), values[-1]) for wanted in range(1, 20)
    ]
    assert {sizes[0][1] for sizes in sizes_tried(plain(size))} <= {*values}


def test_fixed_network_is_tried_as_it_is() -> None:
    assert sizes_tried(plain(9, 8)) == ((),)
    assert {case.title for case in cases(plain(9, 8))} == {
        "normal", "zeros", "x 1e3", "x 1e-6", "mean 1000", "spikes"
    }  # fmt: skip


def test_every_kind_of_numbers_at_the_ordinary_size_and_normal_ones_at_the_others() -> None:
    graph = plain(symbol("H"), symbol("W"))
    at = {case.title: case.batch for case in cases(graph)}
    assert [title for title in at if title.endswith("H = 20, W = 28")] == [
        f"{name}, H = 20, W = 28" for name in ("normal", "zeros", "x 1e3", "x 1e-6", "mean 1000", "spikes")
    ]
    assert [title for title in at if not title.endswith("H = 20, W = 28")] == [
        f"normal, H = {h}, W = {w}" for h, w in ((1, 1), (3, 2), (23, 29))
    ]
    shapes = [case.inputs(graph, 0)["input"].shape for case in cases(graph)]
    assert [shape[0] for shape in shapes] == [1, 2, 7, 1, 1, 1, 1, 1, 2, 2, 2]
    assert shapes[-1] == (2, 2, 23, 29)


def test_batch_is_what_the_contract_allows() -> None:
    assert {case.batch for case in cases(plain(9, batch=symbol("N", modulus=4)))} == {4, 8}
    assert {case.batch for case in cases(plain(9, batch=symbol("N", least=2, most=5)))} == {2, 5}


def halvings() -> Graph:
    """Five of them: 20 x 28 would end as a single place."""
    net = Net(input=(2, symbol("H"), symbol("W")))
    x = "input"
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5"):
        x = net.step(name, "conv", x, out_channels=2, kernel=3, stride=2, padding=1)
    return net.graph(output=x)


def test_sizes_are_large_enough_for_what_is_inside() -> None:
    assert dict(sizes_tried(halvings())[0]) == {"H": 65, "W": 91}, "ceil(65/32) = 3"


def test_fault_that_a_single_place_would_hide_is_caught() -> None:
    """Of a padded kernel, one place meets the centre alone."""
    model = emitted(halvings())
    (kernel,) = (t for t in model.graph.initializer if t.name == "conv5.weight")
    values = numpy_helper.to_array(kernel).copy()
    values[0, 0, 0, 0] *= 1.1
    kernel.CopyFrom(numpy_helper.from_array(values, kernel.name))
    parity = verify(halvings(), model.SerializeToString(), WEIGHTS, stress=False)
    failed = {row.case.partition(", ")[2] for row in parity.rows if not row.passed}
    assert "H = 65, W = 91" in failed
    assert not failed & {"H = 1, W = 1", "H = 3, W = 2"}, "these hide it"


def test_cost_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """3 x 2 x 9 multiply-accumulates a place; the smallest size is always tried."""
    graph = plain(symbol("H", least=5), symbol("W", least=5))
    bounds = {200: [(10, 14), (5, 5), (7, 6), (13, 15)], 140: [(10, 14), (5, 5), (7, 6)], 0: [(5, 5)]}
    for places, tried in bounds.items():
        monkeypatch.setattr("specc.verify.cases.LARGE", 54 * places)
        assert [tuple(size for _, size in sizes) for sizes in sizes_tried(graph)] == tried


RIGHT = {"siamese": siamese(symbolic=True), "residual": residual(symbolic=True)}


@pytest.mark.parametrize("functions", [False, True])
@pytest.mark.parametrize("name", RIGHT)
def test_right_file_passes_at_every_size(name: str, functions: bool) -> None:
    parity = verify_emitted(RIGHT[name], Initialised(1), opset=18, functions=functions)
    assert parity.first_failure is None
    tried = [dict(sizes) for sizes in sizes_tried(RIGHT[name])]
    assert len(tried) == 4
    for place, sizes in enumerate(tried):
        title = f"normal, H = {sizes['H']}, W = {sizes['W']}"
        for case in (f"randomised state · {title}", *([] if place else [title])):
            assert {row.optimised for row in parity.rows if row.case == case} == {False, True}
    assert parity.notes == (
        f"H, W: tried at {', '.join('{H} x {W}'.format(**sizes) for sizes in tried)}; "
        "the spec's shapes are proven for every size that the contract allows",
    )


def node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(n for n in model.graph.node if n.name == name)


def with_constant(model: onnx.ModelProto, name: str, values: list[int]) -> str:
    model.graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
    return name


def input_size_baked_in(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 20


def output_size_baked_in(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[3].dim_value = 20


def size_renamed(model: onnx.ModelProto) -> None:
    model.graph.input[1].type.tensor_type.shape.dim[2].dim_param = "height"


def pool_baked_in(model: onnx.ModelProto) -> None:
    """The mean of the whole, as long as the whole is 20 x 28."""
    pool = node(model, "tower.globalavgpool1")
    pool.CopyFrom(
        helper.make_node(
            "AveragePool", ["tower.scale1"], pool.output, name=pool.name, kernel_shape=[20, 28], strides=[9, 9]
        )
    )


def reshape_baked_in(model: onnx.ModelProto) -> None:
    """An interface that takes any size, and a shape within that does not."""
    conv = node(model, "edges")
    shape = with_constant(model, "baked", [0, 1, 20, 28])
    model.graph.node.append(helper.make_node("Reshape", ["before"], [conv.output[0]]))
    model.graph.node[-1].input.append(shape)
    conv.output[0] = "before"


def crop_baked_in(model: onnx.ModelProto) -> None:
    """Right while H is below 32, as the ordinary sizes are."""
    cropped(model, 2, 31)


def cropped(model: onnx.ModelProto, axis: int, size: int) -> None:
    """Right while nothing is larger."""
    conv = node(model, "edges")
    ends = [with_constant(model, name, [value]) for name, value in (("start", 0), ("end", size), ("axis", axis))]
    model.graph.node.append(helper.make_node("Slice", ["before", *ends], [conv.output[0]]))
    conv.output[0] = "before"


MUTANTS: dict[str, Callable[[onnx.ModelProto], None]] = {
    "input size baked in": input_size_baked_in,
    "output size baked in": output_size_baked_in,
    "one of two equal sizes renamed": size_renamed,
    "pool over a size": pool_baked_in,
    "reshape to a size": reshape_baked_in,
    "crop to a size": crop_baked_in,
    "crop to a size that no judged input has": partial(cropped, axis=3, size=100),
    "crop to as many samples as are judged": partial(cropped, axis=0, size=7),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str) -> None:
    graph = siamese(symbolic=True)
    model = emitted(graph)
    MUTANTS[name](model)
    parity = verify(graph, model.SerializeToString(), WEIGHTS, stress=False)
    assert parity.first_failure is not None
    assert parity.first_failure.case != "loading", "the mutant must run somewhere"


def test_fault_at_some_sizes_only_is_shown_there() -> None:
    graph = siamese(symbolic=True)
    model = emitted(graph)
    crop_baked_in(model)
    parity = verify(graph, model.SerializeToString(), WEIGHTS, stress=False)
    failed = {row.case for row in parity.rows if not row.passed}
    assert failed == {"normal, H = 32, W = 30", "shapes, H = 160, W = 224"}
    assert "edge has shape [2, 1, 31, 30], in PyTorch [2, 1, 32, 30]" in str(parity.first_failure)


@pytest.mark.parametrize(
    ("axis", "size", "case", "batch"),
    [(3, 100, "shapes, H = 160, W = 224", 1), (0, 7, "shapes, H = 20, W = 28", 10)],
)
def test_fault_beyond_what_is_judged_is_shown_by_shapes(axis: int, size: int, case: str, batch: int) -> None:
    graph = siamese(symbolic=True)
    model = emitted(graph)
    cropped(model, axis, size)
    parity = verify(graph, model.SerializeToString(), WEIGHTS, stress=False)
    (failed,) = (row for row in parity.rows if not row.passed)
    assert (failed.case, failed.batch, failed.output) == (case, batch, "edge")
    assert "the spec says" in failed.reason


def shapes(graph: Graph) -> list[tuple[int, tuple[int, ...]]]:
    return [(case.batch, tuple(size for _, size in case.sizes)) for case in shape_cases(graph, judged=7)]


def test_sizes_for_shapes_alone() -> None:
    """Eight times the ordinary 20 x 28, 400 at most, and what the contract and the memory allow."""
    assert shapes(plain(9, 8)) == [(11, ())]
    assert shapes(plain(9, 8, batch=2)) == []
    assert shapes(plain(9, 8, batch=symbol("N", most=5))) == [(5, ())]
    assert shapes(plain(symbol("H"), symbol("W"), batch=3)) == [(3, (160, 224))]
    assert shapes(plain(symbol("H", least=300), symbol("W", most=30))) == [(11, (301, 28)), (1, (400, 30))]
    wide = Net(input=(64, symbol("H"), symbol("W")))
    large = wide.graph(output=wide.step("conv1", "conv", "input", out_channels=512, kernel=3, padding=1))
    assert shapes(large) == [(11, (20, 28)), (1, (60, 84))], "295 thousand MACs a place: 6,781 places at most"


def test_symbolic_file_is_no_file_of_a_fixed_contract() -> None:
    fixed, symbolic = plain(9, 8), plain(symbol("H"), symbol("W"))
    assert not verify(fixed, emitted(symbolic).SerializeToString(), WEIGHTS).passed
    assert not verify(symbolic, emitted(fixed).SerializeToString(), WEIGHTS).passed


def test_contract_that_says_another_shape_than_pytorch_gives_fails() -> None:
    """The file says the same wrong thing, and computes what PyTorch computes."""
    net = Net(input=(2, symbol("H", least=9), 8))
    right = net.graph(output=net.step("conv1", "conv", "input", out_channels=3, kernel=3, padding=(0, 1)))
    wrong = Port("output", TensorType(N, (3, symbol("H", least=9), 8)))
    graph = Graph(right.name, right.inputs, ((wrong, "conv1"),), right.members)
    failure = verify(graph, emitted(graph).SerializeToString(), WEIGHTS).first_failure
    assert failure is not None
    assert failure.reason == "output has shape [1, 3, 18, 8] in PyTorch, the spec says [1, 3, 20, 8]"


class Choosy(torch.nn.Module):
    """Takes no image below 9 rows, which the contract allows."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] < 9:
            raise ValueError("too\nsmall")
        return x


def test_size_that_pytorch_refuses_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "torch_module", lambda graph, weights, **how: Choosy())
    graph = plain(symbol("H", least=4), 8)
    failure = verify(graph, emitted(graph).SerializeToString(), WEIGHTS).first_failure
    assert failure is not None
    assert (failure.case, failure.reason) == ("PyTorch", "PyTorch fails on [2, 2, 4, 8]: too small")


def test_channels_that_depend_on_a_size_are_judged() -> None:
    """An output whose axis 1 is the width has another number of channels at every size."""
    net = Net(input=(2, symbol("H"), 5))
    graph = net.graph(output=net.step("permute1", "permute", "input", dims=(0, 2, 1, 3)))
    assert verify_emitted(graph, WEIGHTS, opset=18).first_failure is None


def test_sizes_leave_something_over_for_every_stride() -> None:
    """Half of a half: at 12, 13, 20 and 21 rounding up is rounding down; a size is added at which it is not."""
    graph = chain("[N, 2, L] where L >= 12", "avgpool(2) -> maxpool(2) -> globalavgpool -> flatten")
    lengths = [size for sizes in sizes_tried(graph) for _, size in sizes]
    assert {length // 2 % 2 for length in lengths} == {0, 1}
    model = emitted(graph)
    pool = next(node for node in model.graph.node if node.op_type == "MaxPool")
    pool.attribute.append(helper.make_attribute("ceil_mode", 1))
    parity = verify(graph, model.SerializeToString(), WEIGHTS, stress=False)
    assert parity.first_divergence is not None
    assert parity.first_divergence.name == "maxpool1"


def test_no_sizes_are_added_where_the_contract_leaves_nothing_over() -> None:
    graph = chain("[N, 2, L] where L % 4 == 0", "avgpool(2) -> maxpool(2) -> globalavgpool -> flatten")
    assert len(sizes_tried(graph)) == 4
