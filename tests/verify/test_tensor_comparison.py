"""The tensors of a file against the given ones: hand-made files that hold them in every way, right and wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper

from specc.backends.onnx import write
from specc.backends.torch import torch_module
from specc.diagnostics import UsageError
from specc.ir.graph import Graph
from specc.onnxfile import OnnxFile
from specc.verify import verify
from specc.verify.result import TensorRow
from specc.verify.tensor_comparison import compare_tensors
from specc.weights import Initialised, Randomised, tensor
from tests.verify.networks import chain, emitted, graph_of

WEIGHTS = Randomised(5)

PLAIN = graph_of("""
model Plain : [N, 2, 6, 5] {
  conv1: conv(3, 3)
  prelu1: prelu(3)
  flatten
  fc1: fc(4)
  s: scale
}
""")
LAYERS = {
    "conv": chain("[N, 4, 6, 5]", "conv1: conv(6, 3, groups=2) -> bn1: bn(eps=0.01)"),
    "conv without a bias": chain("[N, 4, 6, 5]", "conv1: conv(6, 3, bias=false) -> bn1: bn"),
    "norm without factors": chain("[N, 4, 6, 5]", "conv1: conv(6, 3) -> bn1: bn(affine=false)"),
    "convtranspose": chain("[N, 4, 6, 5]", "conv1: convtranspose(6, 3, groups=2) -> bn1: bn"),
    "fc": chain("[N, 7]", "conv1: fc(6) -> bn1: bn"),
    "instancenorm with running statistics": chain(
        "[N, 4, 6, 5]", "conv1: conv(6, 3) -> bn1: instancenorm(affine=true, track_running_stats=true)"
    ),
    "scale": chain("[N, 4, 6, 5]", "conv1: conv(6, 3) -> bn1: scale"),
    "scale of a layer without a bias": chain("[N, 4, 6, 5]", "conv1: conv(6, 3, bias=false) -> bn1: scale"),
}
CONVOLUTION = LAYERS["conv"]


def rows(
    graph: Graph, model: onnx.ModelProto, folder: Path = Path(), weights: object = WEIGHTS
) -> dict[str, TensorRow]:
    found = compare_tensors(graph, OnnxFile(folder / "net.onnx", model), weights)
    assert [row.path for row in found] == [path for path, p in graph.state if not p.integer]
    return {row.path: row for row in found}


def statuses(found: dict[str, TensorRow]) -> dict[str, str]:
    return {path: row.status for path, row in found.items() if row.status != "same"}


def initializer(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(t for t in model.graph.initializer if t.name == name)


def replace(model: onnx.ModelProto, name: str, values: np.ndarray, new: str | None = None) -> None:
    """Other numbers for a tensor of the file, under a ``new`` name if there is one, for all who use it."""
    old = initializer(model, name)
    old.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), new or name))
    for node in model.graph.node:
        node.input[:] = [new or name if taken == name else taken for taken in node.input]


def given(graph: Graph, path: str) -> np.ndarray:
    return tensor(WEIGHTS, path, dict(graph.state)[path]).copy()


@pytest.mark.parametrize("functions", [False, True])
@pytest.mark.parametrize("graph", [PLAIN, *LAYERS.values()])
def test_own_files_hold_the_same(graph: Graph, functions: bool, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    with path.open("wb") as file:
        write(graph, WEIGHTS, file, functions=functions)
    found = rows(graph, onnx.load(path))
    assert statuses(found) == {}
    assert {row.detail for row in found.values()} == {""}


def test_tensors_inside_functions_and_constants_are_found() -> None:
    model = emitted(PLAIN, WEIGHTS)
    for name in ("fc1.weight", "conv1.bias"):
        stored = initializer(model, name)
        constant = helper.make_node("Constant", [], [name], value=stored)
        model.graph.node.insert(0, constant)
        model.graph.initializer.remove(stored)
    replace(model, "fc1.bias", given(PLAIN, "fc1.bias"))
    stored = initializer(model, "fc1.bias")
    body = [helper.make_node("Constant", [], ["out"], value_floats=numpy_helper.to_array(stored).tolist())]
    function = helper.make_function("local", "bias", [], ["out"], body, [helper.make_opsetid("", 18)])
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("local", 1))
    model.graph.node.insert(0, helper.make_node("bias", [], ["fc1.bias"], domain="local", name="call"))
    model.graph.initializer.remove(stored)
    assert {path: row.status for path, row in rows(PLAIN, model).items() if row.status == "absent"} == {}


def test_external_data(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    model = emitted(PLAIN, WEIGHTS)
    onnx.save(model, path, save_as_external_data=True, location="w.data", size_threshold=0)
    proto = onnx.load(path, load_external_data=False)
    assert statuses(rows(PLAIN, proto, tmp_path)) == {}
    (tmp_path / "w.data").write_bytes(b"short")
    with pytest.raises(UsageError, match=r"cannot be read"):
        rows(PLAIN, proto, tmp_path)


def test_renamed_and_turned_round() -> None:
    model = emitted(PLAIN, WEIGHTS)
    replace(model, "fc1.weight", given(PLAIN, "fc1.weight").T, "onnx::MatMul_7")
    replace(model, "conv1.weight", given(PLAIN, "conv1.weight").transpose(2, 3, 1, 0))
    replace(model, "prelu1.weight", given(PLAIN, "prelu1.weight"), "slope")
    replace(model, "s/factor", given(PLAIN, "s"), "s")
    found = rows(PLAIN, model)
    assert statuses(found) == dict.fromkeys(("fc1.weight", "conv1.weight", "prelu1.weight"), "reordered")
    assert found["fc1.weight"].detail == "transposed, in the file as onnx::MatMul_7"
    assert found["conv1.weight"].detail == "with its axes in the order 2, 3, 1 and 0"
    assert found["prelu1.weight"].detail == "in the file as slope"


def test_one_tensor_for_two_of_equal_numbers() -> None:
    graph = graph_of("model Two : [N, 3] {\n  a: fc(3) -> b: fc(3)\n}\n")
    values = {path: given(graph, path) for path, _ in graph.state}
    values["b.bias"] = values["a.bias"]
    model = emitted(graph, Fixed(values))
    model.graph.initializer.remove(initializer(model, "b.bias"))
    model.graph.node[-1].input[2] = "a.bias"
    found = rows(graph, model, weights=Fixed(values))
    assert statuses(found) == {"b.bias": "reordered"}
    assert found["b.bias"].detail == "in the file as a.bias"
    assert verify(graph, model.SerializeToString(), Fixed(values), stress=True).passed


class Fixed:
    """Given numbers as `specc.weights.Weights`."""

    def __init__(self, values: dict[str, np.ndarray]) -> None:
        self.values = values

    def chunks(self, path: str, parameter: object) -> list[np.ndarray]:
        return [self.values[path].reshape(-1)]


def off_by_one(values: np.ndarray) -> np.ndarray:
    values.reshape(-1)[4] += 0.25
    return values


def test_changed_numbers_are_named() -> None:
    model = emitted(PLAIN, WEIGHTS)
    values = given(PLAIN, "conv1.weight")
    old, values[2, 1, 0, 1] = values[2, 1, 0, 1], 3.0
    replace(model, "conv1.weight", values)
    found = rows(PLAIN, model)
    assert statuses(found) == {"conv1.weight": "different"}
    assert found["conv1.weight"].detail == (
        f"1 of 54 elements differs, most at [2, 1, 0, 1]: 3 in the file, {float(old):.7g} as given"
    )


@pytest.mark.parametrize("transposed", [False, True])
def test_changed_numbers_under_another_name(transposed: bool) -> None:
    model = emitted(PLAIN, WEIGHTS)
    values = off_by_one(given(PLAIN, "fc1.weight"))
    replace(model, "fc1.weight", values.T if transposed else values, "onnx::MatMul_7")
    found = rows(PLAIN, model)
    assert statuses(found) == {"fc1.weight": "different"}
    assert found["fc1.weight"].detail.startswith("in the file as onnx::MatMul_7: 1 of 144 elements differs")


TWO = graph_of("model Two : [N, 3] {\n  a: fc(3) -> b: fc(3)\n}\n")


def renamed(model: onnx.ModelProto, names: Mapping[str, str]) -> onnx.ModelProto:
    """The same network, its tensors called otherwise."""
    for stored in model.graph.initializer:
        stored.name = names.get(stored.name, stored.name)
    for node in model.graph.node:
        node.input[:] = [names.get(taken, taken) for taken in node.input]
    return model


def test_names_that_mean_other_tensors_in_the_file() -> None:
    """What the spec calls conv1, conv2 and conv3 is conv0, conv1 and conv2 in somebody's module."""
    graph = chain("[N, 2, 6, 5]", "conv1: conv(2, 1) -> conv2: conv(2, 1) -> conv3: conv(3, 1)")
    names = {f"conv{i}.{name}": f"conv{i - 1}.{name}" for i in (1, 2, 3) for name in ("weight", "bias")}
    model = renamed(emitted(graph, WEIGHTS), names)
    found = rows(graph, model)
    assert statuses(found) == dict.fromkeys(names, "reordered")
    assert {path: row.detail for path, row in found.items()} == {p: f"in the file as {n}" for p, n in names.items()}
    assert verify(graph, model.SerializeToString(), WEIGHTS, stress=True).passed


def test_two_names_exchanged() -> None:
    names = {"a.weight": "b.weight", "b.weight": "a.weight", "a.bias": "b.bias", "b.bias": "a.bias"}
    model = renamed(emitted(TWO, WEIGHTS), names)
    assert statuses(rows(TWO, model)) == dict.fromkeys(names, "reordered")
    assert verify(TWO, model.SerializeToString(), WEIGHTS, stress=True).passed


def test_two_tensors_exchanged_fail_in_their_steps() -> None:
    """Both have the numbers of some tensor, and the file computes with the wrong one."""
    model = emitted(TWO, WEIGHTS)
    swapped = given(TWO, "a.weight"), given(TWO, "b.weight")
    replace(model, "b.weight", swapped[0])
    replace(model, "a.weight", swapped[1])
    parity = verify(TWO, model.SerializeToString(), WEIGHTS)
    assert {row.path: row.status for row in parity.tensors}["a.weight"] == "reordered"
    assert not parity.passed
    assert parity.first_divergence is not None
    assert parity.first_divergence.name == "a"


def test_numbers_of_another_tensor_do_not_excuse_the_own() -> None:
    """The ones are in the file, as another norm has them too, and what stands under the own name is nobody's."""
    graph = chain("[N, 4, 6, 5]", "bn1: bn -> relu -> bn2: bn")
    model = emitted(graph, Initialised(0))
    replace(model, "bn1.weight", np.full(4, 1 + 1e-6, np.float32))
    assert statuses(rows(graph, model, weights=Initialised(0))) == {"bn1.weight": "different"}


STEPS = chain("[N, 2, 9, 8]", "conv1: conv(4, 3) -> bn1: bn -> relu -> conv2: conv(4, 3) -> relu -> fc1: linear(3)")


def anonymous(model: onnx.ModelProto) -> onnx.ModelProto:
    return renamed(model, {t.name: f"t{place}" for place, t in enumerate(model.graph.initializer)})


def verdicts(graph: Graph, model: onnx.ModelProto) -> dict[str, str]:
    """Of tensors that are under another name at most, in a file whose steps are called otherwise too."""
    for node in model.graph.node:
        node.input[:] = [name if name in {"input", *tensors(model)} else f"v/{name}" for name in node.input]
        node.output[:] = [name if name == "output" else f"v/{name}" for name in node.output]
    parity = verify(graph, model.SerializeToString(), WEIGHTS, stress=False)
    assert [row for row in parity.rows if not row.passed] == []
    assert parity.passed == ("different" not in {row.status for row in parity.tensors})
    return {row.path: row.status for row in parity.tensors if row.status not in {"same", "reordered"}}


def tensors(model: onnx.ModelProto) -> list[str]:
    return [t.name for t in model.graph.initializer]


@pytest.mark.parametrize("paths", [["conv2.weight"], ["conv2.weight", "conv2.bias"], ["fc1.weight"], ["bn1.bias"]])
def test_a_renamed_tensor_with_all_numbers_a_little_off_is_different(paths: list[str]) -> None:
    """Too little for most steps to show, too much for a tensor."""
    model = emitted(STEPS, WEIGHTS)
    for path in paths:
        replace(model, path, given(STEPS, path) * np.float32(1 + 1e-6))
    assert verdicts(STEPS, anonymous(model)) == dict.fromkeys(paths, "different")


def test_a_little_off_and_transposed() -> None:
    model = emitted(STEPS, WEIGHTS)
    (turned,) = (node for node in model.graph.node if "fc1.weight" in node.input)
    assert turned.op_type == "Transpose"
    (product,) = (node for node in model.graph.node if turned.output[0] in node.input)
    product.input[1] = "fc1.weight"
    model.graph.node.remove(turned)
    replace(model, "fc1.weight", given(STEPS, "fc1.weight").T * np.float32(1 + 1e-6))
    assert verdicts(STEPS, anonymous(model)) == {"fc1.weight": "different"}


def test_what_a_tensor_is_computed_from_is_not_it() -> None:
    """Weight norm as an exporter writes it: direction and length, whose product is the weight but for rounding."""
    graph = chain("[N, 2, 6, 5]", "conv1: conv(3, 3) -> relu")
    model = emitted(graph, WEIGHTS)
    replace(model, "conv1.weight", given(graph, "conv1.weight") * np.float32(1 + 1e-6), "v")
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1 / (1 + 1e-6)), "g"))
    model.graph.node.insert(0, helper.make_node("Mul", ["v", "g"], ["weight"]))
    model.graph.node[1].input[1] = "weight"
    assert verdicts(graph, model) == {"conv1.weight": "absent"}


def test_a_norm_in_two_numbers_is_not_its_factors_changed() -> None:
    """Of ones and zeros, the factor is nearly the weight, and nearly the variance."""
    graph = chain("[N, 4, 6, 5]", "relu -> bn1: bn -> gelu")
    model = emitted(graph, Initialised(0))
    (norm,) = (node for node in model.graph.node if node.op_type == "BatchNormalization")
    factor = np.full((4, 1, 1), 1 / np.sqrt(1 + 1e-5), np.float32)
    model.graph.initializer.append(numpy_helper.from_array(factor, "factor"))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros_like(factor), "shift"))
    model.graph.node.insert(1, helper.make_node("Mul", [norm.input[0], "factor"], ["scaled"]))
    norm.CopyFrom(helper.make_node("Add", ["scaled", "shift"], [norm.output[0]], "bn1"))
    parity = verify(graph, model.SerializeToString(), Initialised(0), stress=False)
    assert parity.passed
    status = {row.path.removeprefix("bn1."): row.status for row in parity.tensors}
    zeros = dict.fromkeys(("bias", "running_mean"), "reordered")
    assert status == dict.fromkeys(("weight", "running_var"), "absent") | zeros


def test_a_tensor_near_another_of_the_spec_is_not_that() -> None:
    values = {path: given(TWO, path) for path, _ in TWO.state}
    values["b.weight"] = values["a.weight"] * np.float32(1.001)
    model = emitted(TWO, Fixed(values))
    replace(model, "b.weight", values["a.weight"] + 1, "other")
    (row,) = (
        row for row in compare_tensors(TWO, OnnxFile(b"", model), Fixed(values), {"a", "b"}) if row.path == "b.weight"
    )
    assert row.status == "absent"
    replace(model, "other", values["a.weight"] * np.float32(1.002))
    (row,) = (
        row for row in compare_tensors(TWO, OnnxFile(b"", model), Fixed(values), {"a", "b"}) if row.path == "b.weight"
    )
    assert row.status == "different"
    assert row.detail.startswith("in the file as other: 9 of 9 elements differ")


def test_a_factor_folded_into_the_step_behind_it_is_no_change() -> None:
    graph = chain("[N, 2, 6, 5]", "relu -> affine(1.0009765625, 0) -> conv1: conv(3, 3)")
    model = emitted(graph, WEIGHTS)
    replace(model, "conv1.weight", given(graph, "conv1.weight") * np.float32(1.0009765625))
    first, last = model.graph.node[0], model.graph.node[-1]
    last.input[0] = first.output[0]
    kept = [node for node in model.graph.node if node.op_type in {"Relu", "Conv"}]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    assert verdicts(graph, anonymous(model)) == {"conv1.weight": "absent"}


def test_a_cycle_of_nodes_ends() -> None:
    model = emitted(TWO, WEIGHTS)
    model.graph.node.append(helper.make_node("Identity", ["x"], ["y"]))
    model.graph.node.append(helper.make_node("Identity", ["y"], ["x"]))
    model.graph.node[0].input[1] = "x"
    assert rows(TWO, model)["a.weight"].status == "absent"


def test_a_function_that_calls_itself_ends() -> None:
    model = emitted(TWO, WEIGHTS)
    body = [helper.make_node("again", ["x"], ["y"], domain="local")]
    model.functions.append(helper.make_function("local", "again", ["x"], ["y"], body, [helper.make_opsetid("", 18)]))
    model.graph.node.insert(0, helper.make_node("again", ["input"], ["z"], domain="local"))
    assert statuses(rows(TWO, model)) == {}


def test_sparse_tensors() -> None:
    """onnxruntime reads them, in either form of their places."""
    graph = chain("[N, 7]", "fc1: fc(4) -> relu")
    values = {path: given(graph, path) for path, _ in graph.state}
    values["fc1.weight"][np.abs(values["fc1.weight"]) < 0.2] = 0
    weights = Fixed(values)
    for linear in (True, False):
        model = emitted(graph, weights)
        model.graph.initializer.remove(initializer(model, "fc1.weight"))
        model.graph.sparse_initializer.append(sparse(values["fc1.weight"], "fc1.weight", linear))
        parity = verify(graph, model.SerializeToString(), weights, stress=True)
        assert parity.passed
        assert {row.status for row in parity.tensors} == {"same"}
    values["fc1.weight"][0, 0] += 1
    assert not verify(graph, model.SerializeToString(), weights, stress=False).passed


def sparse(values: np.ndarray, name: str, linear: bool) -> onnx.SparseTensorProto:
    places = np.flatnonzero(values) if linear else np.argwhere(values)
    numbers = numpy_helper.from_array(values[values != 0], name)
    return helper.make_sparse_tensor(numbers, numpy_helper.from_array(places.astype(np.int64)), values.shape)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("dims", [[2, 3], [-2, 3], [2**40, 3]])
def test_sparse_tensors_of_impossible_sizes_are_refused(dims: list[int], linear: bool) -> None:
    model = emitted(TWO, WEIGHTS)
    tensor = sparse(np.eye(3, dtype=np.float32), "x", linear)
    tensor.dims[:] = dims
    model.graph.sparse_initializer.append(tensor)
    reason = "x cannot be read: |no size is below 0|the sparse tensors up to x take 13,194,139,533,312 bytes"
    with pytest.raises(UsageError, match=reason):
        _ = OnnxFile(model.SerializeToString()).proto


def test_upside_down_is_different() -> None:
    model = emitted(PLAIN, WEIGHTS)
    replace(model, "conv1.weight", given(PLAIN, "conv1.weight")[:, :, ::-1])
    assert statuses(rows(PLAIN, model)) == {"conv1.weight": "different"}


def test_another_shape_and_infinity() -> None:
    model = emitted(PLAIN, WEIGHTS)
    replace(model, "fc1.bias", np.zeros(5, np.float32))
    replace(model, "conv1.bias", np.array([1, np.inf, np.nan], np.float32))
    found = rows(PLAIN, model)
    assert found["fc1.bias"].detail == "has shape [5] in the file, [4] in the spec"
    assert found["conv1.bias"].detail.startswith("3 of 3 elements differ, most at [1]: inf in the file")


def test_a_tensor_that_nothing_uses_counts_for_nothing() -> None:
    """The right one lies about, and the network computes with another."""
    model = emitted(PLAIN, WEIGHTS)
    other = numpy_helper.from_array(np.zeros((4, 36), np.float32), "other")
    model.graph.initializer.append(other)
    for node in model.graph.node:
        node.input[:] = ["other" if taken == "fc1.weight" else taken for taken in node.input]
    found = rows(PLAIN, model)
    assert statuses(found) == {"fc1.weight": "absent"}
    assert found["fc1.weight"].detail == "nothing in the file has these numbers"


@pytest.mark.parametrize(
    ("dtype", "name"), [(np.float16, "float16"), (ml_dtypes.bfloat16, "bfloat16"), (np.float64, "float64")]
)
@pytest.mark.parametrize("new", ["fc1.weight", "renamed"])
def test_other_floating_point_types(dtype: type, name: str, new: str) -> None:
    model = emitted(PLAIN, WEIGHTS)
    replace(model, "fc1.weight", given(PLAIN, "fc1.weight").astype(dtype), new)
    row = rows(PLAIN, model)["fc1.weight"]
    if dtype is np.float64:
        assert (row.status, row.detail.split(",")[0]) == ("reordered", "the same numbers as float64")
    else:
        assert row.status == "different"
        assert row.detail.startswith(f"stored as {name}")


def test_quantised() -> None:
    model = emitted(PLAIN, WEIGHTS)
    replace(model, "fc1.weight", np.ones((4, 36), np.int8), "fc1.weight_quantized")
    row = rows(PLAIN, model)["fc1.weight"]
    assert (row.status, row.detail) == ("different", "quantised to int8 (fc1.weight_quantized)")


def test_traces_of_a_tensor() -> None:
    """What cannot be proven from the tensors alone is a note that says what it may be."""
    model = emitted(PLAIN, WEIGHTS)
    replace(model, "fc1.weight", given(PLAIN, "fc1.weight") * np.float32(0.3), "scaled")
    blocked = np.zeros((8, 2, 3, 3), np.float32)
    blocked[1:4] = given(PLAIN, "conv1.weight")[::-1]
    replace(model, "conv1.weight", blocked, "blocked")
    found = rows(PLAIN, model)
    assert statuses(found) == {"fc1.weight": "absent", "conv1.weight": "absent"}
    assert found["fc1.weight"].detail == "scaled is 0.3 times it: the factor of another step may be folded into it"
    assert found["conv1.weight"].detail == "blocked has its numbers in another order: a layout of ONNX Runtime's own"


def by_pytorch(graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of the two layers as one, found out by asking PyTorch: no formula of ours.

    The pair is linear but for a constant; the answers to zeros and to each weight's unit would be too many, so the
    weight is scaled by what the second layer makes of the first one's output: f(y) = f(0) + factor * y.
    """
    module = torch_module(graph, WEIGHTS).double()
    channels = module.conv1.weight.shape[1] * 2 if isinstance(module.conv1, torch.nn.ConvTranspose2d) else None
    channels = channels or module.conv1.weight.shape[0]
    shape = (1, channels) if isinstance(module.conv1, torch.nn.Linear) else (1, channels, 2, 2)
    behind = module.bn1 if isinstance(module.bn1, torch.nn.Module) else lambda y: y * module.bn1
    with torch.no_grad():
        nothing, unit = behind(torch.zeros(shape).double()), behind(torch.ones(shape).double())
        bias, factor = (v.reshape(channels, -1)[:, 0].numpy() for v in (nothing, unit - nothing))
        weight = module.conv1.weight.numpy()
        own = module.conv1.bias.numpy() if module.conv1.bias is not None else 0
    if isinstance(module.conv1, torch.nn.ConvTranspose2d):
        half = factor.size // 2
        folded = np.concatenate(
            [w * f[:, None, None] for w, f in zip(np.split(weight, 2), (factor[:half], factor[half:]), strict=True)]
        )
    else:
        folded = weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    return folded.astype(np.float32), (bias + own * factor).astype(np.float32)


def folded(graph: Graph, names: tuple[str, str] = ("W", "B")) -> onnx.ModelProto:
    """A file in which the first step is the two of ``graph`` in one."""
    model = emitted(graph, WEIGHTS)
    weight, bias = by_pytorch(graph)
    first, last = model.graph.node[0], model.graph.node[-1]
    first.input[1:] = names
    first.output[:] = last.output
    del model.graph.node[1:]
    del model.graph.initializer[:]
    model.graph.initializer.extend(numpy_helper.from_array(v, n) for v, n in zip((weight, bias), names, strict=True))
    return model


def assert_equal_to_pytorch(graph: Graph, model: onnx.ModelProto) -> None:
    """The file that the test has made is a right one."""
    x = np.random.default_rng(0).standard_normal((2, *graph.inputs[0].type.sample)).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"input": x})
    with torch.no_grad():
        wanted = torch_module(graph, WEIGHTS)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("names", [("W", "B"), ("conv1.weight", "conv1.bias"), ("conv1.weight", "conv1.weight_bias")])
@pytest.mark.parametrize("name", LAYERS)
def test_folded(name: str, names: tuple[str, str]) -> None:
    model = folded(LAYERS[name], names)
    assert_equal_to_pytorch(LAYERS[name], model)
    found = rows(LAYERS[name], model)
    assert {row.status for row in found.values()} == {"folded"}
    assert "into " + names[0] in found["conv1.weight"].detail


def test_folded_matrix_transposed_and_bias_added_apart() -> None:
    graph = LAYERS["fc"]
    model = folded(graph)
    replace(model, "W", numpy_helper.to_array(initializer(model, "W")).T)
    output = model.graph.node[0].output[0]
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("MatMul", ["input", "W"], ["product"]))
    model.graph.node.append(helper.make_node("Add", ["product", "B"], [output]))
    assert {row.status for row in rows(graph, model).values()} == {"folded"}


WRONG_FOLDS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray], dict[str, str]]] = {
    "one weight": ("W", off_by_one, {"conv1.weight": "different"}),
    "one bias": ("B", off_by_one, {"bn1.bias": "different"}),
    "all biases a little": ("B", lambda b: b * np.float32(1 + 1e-5), {"bn1.bias": "different"}),
}


@pytest.mark.parametrize("names", [("W", "B"), ("conv1.weight", "conv1.bias")])
@pytest.mark.parametrize("name", WRONG_FOLDS)
def test_wrong_folds(name: str, names: tuple[str, str]) -> None:
    which, change, expected = WRONG_FOLDS[name]
    model = folded(CONVOLUTION, names)
    place = names["WB".index(which)]
    replace(model, place, change(numpy_helper.to_array(initializer(model, place)).copy()))
    found = rows(CONVOLUTION, model)
    assert {path: status for path, status in statuses(found).items() if status != "folded"} == expected
    (wrong,) = expected
    what = "weight" if which == "W" else "bias"
    assert found[wrong].detail.startswith(f"bn1 is folded into conv1: of the {what} {place}, ")


def test_folded_with_another_eps_is_not_folded() -> None:
    other = chain("[N, 4, 6, 5]", "conv1: conv(6, 3, groups=2) -> bn1: bn(eps=0.011)")
    found = rows(CONVOLUTION, folded(other, ("conv1.weight", "conv1.bias")))
    assert found["conv1.weight"].status == "different"


def test_bias_left_out_where_it_is_not_zero() -> None:
    model = folded(CONVOLUTION)
    del model.graph.node[0].input[2:]
    found = rows(CONVOLUTION, model)
    assert found["bn1.bias"].status == "different"
    assert found["bn1.bias"].detail == "bn1 is folded into conv1: the bias that this gives is not in the file"


def test_no_fold_across_a_value_that_is_used_twice() -> None:
    graph = chain("[N, 4, 6, 5]", "conv1: conv(4, 1) -> add { | bn1: bn | _ }")
    model = emitted(graph, WEIGHTS)
    factor = given(graph, "bn1.weight") / np.sqrt(given(graph, "bn1.running_var") + np.float32(1e-5))
    replace(model, "conv1.weight", given(graph, "conv1.weight") * factor.reshape(-1, 1, 1, 1))
    assert statuses(rows(graph, model)) == {"conv1.weight": "different"}


def test_ones_and_zeros_prove_nothing() -> None:
    """Most of it is what was given, and it may be anybody's: no tensor is put down as changed for that."""
    graph = chain("[N, 4, 6, 5]", "conv1: conv(4, 3) -> relu -> bn1: bn")
    model = emitted(graph, Initialised(0))
    replace(model, "bn1.weight", np.array([1, 1, 1, 7], np.float32), "other")
    assert statuses(rows(graph, model, weights=Initialised(0)))["bn1.weight"] in {"absent", "reordered"}
