"""Networks with blocks, shared weights, several inputs and outputs: right files pass, broken ones do not."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from specc.backends.onnx import write
from specc.ir.graph import Graph
from specc.verify import parity as module
from specc.verify import verify, verify_emitted, weights_of
from specc.weights import Initialised, Randomised, Weights
from tests.graphs import Net, encoder, residual, siamese

Mutation = Callable[[onnx.ModelProto], None]


WEIGHTS = Randomised(3)


def twins() -> Graph:
    """Two inputs and two outputs of one shape each: easily mistaken for each other."""
    net = Net(left=(2, 6, 5), right=(2, 6, 5))
    x = net.step("first", "conv", "left", out_channels=2, kernel=3, padding=1)
    y = net.step("second", "conv", "right", out_channels=2, kernel=3, padding=1)
    difference = net.step("product", "mul", x, y)
    return net.graph(product=difference, total=net.step("sum", "add", x, "right"))


NETWORKS = {"siamese": siamese(), "residual": residual(), "encoder": encoder(), "twins": twins()}


def emitted(graph: Graph, *, functions: bool = False, weights: Weights = WEIGHTS) -> onnx.ModelProto:
    file = BytesIO()
    write(graph, weights, file, functions=functions)
    return onnx.load_from_string(file.getvalue())


@pytest.mark.parametrize("functions", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_right_file_passes(name: str, functions: bool) -> None:
    parity = verify_emitted(NETWORKS[name], Initialised(1), opset=18, functions=functions)
    assert parity.first_failure is None
    assert {row.optimised for row in parity.rows if row.error_onnx is not None} == {False, True}


@pytest.mark.parametrize("functions", [False, True])
def test_functions_are_in_the_file_that_is_proven(functions: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "verify", lambda graph, file, weights, **options: onnx.load(file))
    assert bool(verify_emitted(residual(), WEIGHTS, opset=18, functions=functions).functions) == functions


@pytest.mark.parametrize("functions", [False, True])
def test_file_is_proven_with_its_own_weights(functions: bool, tmp_path: pytest.TempPathFactory) -> None:
    graph = siamese()
    file = tmp_path / "net.onnx"
    onnx.save(emitted(graph, functions=functions), file)
    parity = verify(graph, file, weights_of(file, graph))
    assert parity.first_failure is None
    assert any(row.case.startswith("randomised state") for row in parity.rows), "shared tensors too are replaced, once"


def body(model: onnx.ModelProto, function: str, op_type: str) -> onnx.NodeProto:
    (found,) = (f for f in model.functions if f.name == function)
    return next(n for n in found.node if n.op_type == op_type)


def call(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(n for n in [*model.graph.node, *(n for f in model.functions for n in f.node)] if n.name == name)


def with_inputs(name: str, *order: int) -> Mutation:
    def mutate(model: onnx.ModelProto) -> None:
        target = call(model, name)
        target.input[:] = [target.input[place] for place in order]

    return mutate


def another_weight(node: str, change: Callable[[np.ndarray], np.ndarray]) -> Mutation:
    """One application of a shared weight gets numbers of its own."""

    def mutate(model: onnx.ModelProto) -> None:
        target = call(model, node)
        (old,) = (t for t in model.graph.initializer if t.name == target.input[1])
        value = numpy_helper.to_array(old)
        assert not np.array_equal(change(value), value), "the mutant is no mutant"
        model.graph.initializer.append(numpy_helper.from_array(change(value).astype(np.float32), "its own"))
        target.input[1] = "its own"

    return mutate


def inputs_swapped(model: onnx.ModelProto) -> None:
    """Inside; the interface is as it was."""
    swapped = {"left": "right", "right": "left", "a": "b", "b": "a"}
    for step in model.graph.node:
        step.input[:] = [swapped.get(value, value) for value in step.input]


def outputs_swapped(model: onnx.ModelProto) -> None:
    swapped = {"product": "total", "total": "product"}
    for step in model.graph.node:
        step.output[:] = [swapped.get(value, value) for value in step.output]


def ports_swapped(which: str) -> Mutation:
    def mutate(model: onnx.ModelProto) -> None:
        ports = getattr(model.graph, which)
        first, second = onnx.ValueInfoProto(), onnx.ValueInfoProto()
        first.CopyFrom(ports[0])
        second.CopyFrom(ports[1])
        ports[0].CopyFrom(second)
        ports[1].CopyFrom(first)

    return mutate


def output_gone(model: onnx.ModelProto) -> None:
    del model.graph.output[1]


def output_repeated(model: onnx.ModelProto) -> None:
    """The second output is the first one once more."""
    call(model, "sum").CopyFrom(helper.make_node("Identity", ["product"], ["total"], name="sum"))


def in_body(function: str, op_type: str, change: Callable[[onnx.NodeProto], None]) -> Mutation:
    return lambda model: change(body(model, function, op_type))


def of_type(op_type: str) -> Callable[[onnx.NodeProto], None]:
    def change(node: onnx.NodeProto) -> None:
        node.op_type = op_type

    return change


def with_float(name: str, value: float) -> Callable[[onnx.NodeProto], None]:
    def change(node: onnx.NodeProto) -> None:
        (attribute,) = (a for a in node.attribute if a.name == name)
        attribute.f = value

    return change


def left_out(node: str) -> Mutation:
    def mutate(model: onnx.ModelProto) -> None:
        target = call(model, node)
        target.CopyFrom(helper.make_node("Identity", target.input[:1], target.output, name=node))

    return mutate


def constant_in_body(model: onnx.ModelProto) -> None:
    scales = body(model, "up", "Constant").attribute[0].t
    scales.CopyFrom(numpy_helper.from_array(np.array([1, 1, 2, 2.2], np.float32)))


MUTANTS: dict[str, tuple[str, bool, Mutation]] = {
    "shared kernel broken in the second use": ("siamese", False, another_weight("tower@2.conv1", lambda w: w * 1.01)),
    "shared kernel broken in the first use": ("siamese", False, another_weight("tower.conv1", lambda w: w[:, :, ::-1])),
    "shared slope broken in the second use": ("siamese", False, another_weight("tower@2.prelu1", lambda w: w + 0.01)),
    "shared factor broken in the second use": ("siamese", False, another_weight("tower@2.scale1", lambda w: w * 0.99)),
    "shared kernel broken in the second call": ("siamese", True, another_weight("tower@2", lambda w: w * 1.01)),
    "towers concatenated the other way round": ("siamese", False, with_inputs("concat1", 1, 0)),
    "images swapped": ("siamese", True, inputs_swapped),
    "inputs swapped inside": ("twins", False, inputs_swapped),
    "outputs swapped inside": ("twins", False, outputs_swapped),
    "inputs in the other order": ("twins", False, ports_swapped("input")),
    "outputs in the other order": ("twins", False, ports_swapped("output")),
    "second output is the first": ("twins", False, output_repeated),
    "one output too few": ("twins", False, output_gone),
    "step for the output of its name": ("siamese", False, left_out("sigmoid1")),
    "another activation in a function": ("residual", True, in_body("basic", "Relu", of_type("Elu"))),
    "eps 1e-3 in a function": ("residual", True, in_body("basic_2", "BatchNormalization", with_float("epsilon", 1e-3))),
    "product for sum in a function": ("residual", True, in_body("basic", "Add", of_type("Mul"))),
    "constant in a function": ("encoder", True, constant_in_body),
    "one call left out": ("residual", True, left_out("1")),
    "weights of a call swapped": ("residual", True, with_inputs("layer1", 0, 1, 3, 2, *range(4, 16))),
    "values of a call swapped": ("encoder", True, with_inputs("up", 1, 0, 2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str) -> None:
    network, functions, mutate = MUTANTS[name]
    graph = NETWORKS[network]
    model = emitted(graph, functions=functions)
    before = model.SerializeToString()
    mutate(model)
    assert model.SerializeToString() != before, "the mutant is no mutant"
    parity = verify(graph, model.SerializeToString(), WEIGHTS, stress=False)
    assert parity.first_failure is not None
    assert parity.first_failure.reason


def test_stress_reaches_into_functions() -> None:
    """While scales and variances are 1, a batch norm with the two exchanged is right."""
    graph = residual()
    model = emitted(graph, functions=True, weights=Initialised(0))
    norm = body(model, "basic", "BatchNormalization")
    norm.input[:] = [norm.input[place] for place in (0, 4, 2, 3, 1)]
    assert verify(graph, model.SerializeToString(), Initialised(0), stress=False).passed
    parity = verify(graph, model.SerializeToString(), Initialised(0))
    assert parity.first_failure is not None
    assert parity.first_failure.case.startswith("randomised state · ")
