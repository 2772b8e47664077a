"""The check itself is checked: broken models that must be caught, and the right one that must pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from specc.ir.graph import Graph
from specc.verify import verify, weights_of
from specc.weights import Initialised, Randomised, Weights
from tests.verify.networks import NETWORK, emitted, graph_of

Mutation = Callable[[onnx.ModelProto], None]


def node(model: onnx.ModelProto, output: str) -> onnx.NodeProto:
    return next(n for n in model.graph.node if output in n.output)


def attribute(step: str, name: str, value: object) -> Mutation:
    def mutate(model: onnx.ModelProto) -> None:
        target = node(model, step)
        (old,) = (a for a in target.attribute if a.name == name)
        assert helper.get_attribute_value(old) != value, "the mutant is no mutant"
        target.attribute.remove(old)
        target.attribute.append(helper.make_attribute(name, value))

    return mutate


def inputs(step: str, *order: int) -> Mutation:
    def mutate(model: onnx.ModelProto) -> None:
        target = node(model, step)
        target.input[:] = [target.input[i] for i in order]

    return mutate


def stored(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Mutation:
    def mutate(model: onnx.ModelProto) -> None:
        (old,) = (t for t in model.graph.initializer if t.name == name)
        value = numpy_helper.to_array(old)
        new = change(value.copy())
        assert not np.array_equal(new, value), "the mutant is no mutant"
        old.CopyFrom(numpy_helper.from_array(new, name))

    return mutate


def after(step: str, op_type: str, **attributes: object) -> Mutation:
    """Another node behind a step."""

    def mutate(model: onnx.ModelProto) -> None:
        target = node(model, step)
        target.output[0] = "before"
        model.graph.node.insert(
            list(model.graph.node).index(target) + 1, helper.make_node(op_type, ["before"], [step], **attributes)
        )

    return mutate


def replaced(step: str, op_type: str, **attributes: object) -> Mutation:
    def mutate(model: onnx.ModelProto) -> None:
        target = node(model, step)
        assert target.op_type != op_type
        target.CopyFrom(helper.make_node(op_type, target.input[:1], target.output, **attributes))

    return mutate


def half(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).astype(np.float32)


def with_nan(values: np.ndarray) -> np.ndarray:
    values.reshape(-1)[0] = np.nan
    return values


def nudged(values: np.ndarray) -> np.ndarray:
    """One weight of many, off by a hundredth."""
    values.reshape(-1)[np.abs(values).argmax()] *= 1.01
    return values


def every_weight_in_half(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(half(numpy_helper.to_array(tensor)), tensor.name))


def doubled(model: onnx.ModelProto) -> None:
    tensor = model.graph.output[0].type.tensor_type
    tensor.elem_type = onnx.TensorProto.DOUBLE
    after("output", "Cast", to=onnx.TensorProto.DOUBLE)(model)


def output_renamed(model: onnx.ModelProto) -> None:
    node(model, "output").output[0] = model.graph.output[0].name = "logits"


def input_renamed(model: onnx.ModelProto) -> None:
    for step in model.graph.node:
        step.input[:] = ["x" if name == "input" else name for name in step.input]
    model.graph.input[0].name = "x"


def batch_of_one(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1


def batch_renamed(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def batch_fixed_inside(model: onnx.ModelProto) -> None:
    """The interface keeps its promise of any batch, a reshape within does not."""
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 336], np.int64), "shape"))
    node(model, "flatten1").CopyFrom(helper.make_node("Reshape", ["layernorm1", "shape"], ["flatten1"]))


def second_output(model: onnx.ModelProto) -> None:
    extra = helper.make_tensor_value_info("fc3", onnx.TensorProto.FLOAT, ["N", 5])
    model.graph.output.append(extra)


MUTANTS: dict[str, Mutation] = {
    "batchnorm eps 1e-3": attribute("bn1", "epsilon", 1e-3),
    "instancenorm eps 1e-3": attribute("instancenorm1", "epsilon", 1e-3),
    "instancenorm eps 1e-6": attribute("instancenorm1", "epsilon", 1e-6),
    "layernorm eps 1e-6": attribute("layernorm1", "epsilon", 1e-6),
    "layernorm over two axes": attribute("layernorm1", "axis", -2),
    "leaky slope 0.02": attribute("leakyrelu1", "alpha", 0.02),
    "padding on the other side": attribute("conv1", "pads", [1, 1, 0, 0]),
    "padding of height and width swapped": attribute("conv1", "pads", [0, 1, 1, 0]),
    "shuffle DCR for CRD": attribute("pixelshuffle1", "mode", "DCR"),
    "max pool moved by one": attribute("maxpool1", "pads", [0, 0, 2, 2]),
    "concat over the other axis": attribute("concat1", "axis", 2),
    "concat in the other order": inputs("concat1", 1, 0),
    "softmax over the batch": attribute("output", "axis", 0),
    "square weight not transposed": attribute("fc2", "transB", 0),
    "square weight transposed": stored("fc2.weight", lambda w: w.T),
    "running mean and variance swapped": inputs("bn1", 0, 1, 2, 4, 3),
    "scale and shift swapped": inputs("bn1", 0, 2, 1, 3, 4),
    "conv bias dropped": inputs("conv1", 0, 1),
    "fc bias dropped": inputs("fc3", 0, 1),
    "kernel upside down": stored("conv1.weight", lambda w: w[:, :, ::-1]),
    "kernel axes swapped": stored("in1.weight", lambda w: w.transpose(0, 1, 3, 2)),
    "filters and channels swapped": stored("in2.weight", lambda w: w.transpose(1, 0, 2, 3)),
    "one weight rounded to half": stored("fc1.weight", half),
    "all weights rounded to half": every_weight_in_half,
    "one weight off by a hundredth": stored("conv2.weight", nudged),
    "one bias off by a hundredth": stored("fc1.bias", nudged),
    "one slope of prelu off by a hundredth": stored("prelu1.weight", nudged),
    "NaN in a weight": stored("conv1.weight", with_nan),
    "another relu": after("maxpool1", "Relu"),
    "relu for leakyrelu": replaced("leakyrelu1", "Relu"),
    "sigmoid for tanh": replaced("tanh1", "Sigmoid"),
    "softmax for logsoftmax": replaced("output", "Softmax", axis=1),
    "relu left out": replaced("relu1", "Identity"),
    "output rounded": after("output", "Round"),
    "output in double": doubled,
    "output renamed": output_renamed,
    "input renamed": input_renamed,
    "batch fixed to 1": batch_of_one,
    "batch renamed": batch_renamed,
    "batch fixed inside": batch_fixed_inside,
    "one output too many": second_output,
}

SPEC_MUTANTS = {
    "the other gelu": ("gelu", 'gelu(approximate="tanh")'),
    "padding not counted": ("padding=1)\n  conv2", "padding=1, count_include_pad=false)\n  conv2"),
    "average for max": ("maxpool(3, stride=2, padding=1)", "avgpool(3, stride=2, padding=1)"),
    "silu for gelu": ("gelu", "silu"),
    "elu slope": ("-> elu", "-> elu(0.99)"),
    "lrn size": ("lrn(3)", "lrn(5)"),
    "lrn alpha not divided by size": ("lrn(3)", "lrn(3, alpha=0.0003)"),
    "padding replicated": ("bias=false", 'bias=false, padding_mode="replicate"'),
    "groupnorm for instancenorm": ("instancenorm", "groupnorm(2)"),
}  # fmt: skip

WEIGHTS = Randomised(3)


def test_unbroken_model_passes_at_every_scale() -> None:
    graph = graph_of(NETWORK)
    parity = verify(graph, emitted(graph, WEIGHTS).SerializeToString(), WEIGHTS)
    assert parity.first_failure is None
    measured = [row for row in parity.rows if row.error_onnx is not None]
    assert {(row.case, row.batch) for row in measured} == {
        ("normal", 1), ("normal", 2), ("normal", 7), ("zeros", 1), ("x 1e3", 1), ("x 1e-6", 1), ("mean 1000", 1),
        ("spikes", 1),
    }  # fmt: skip
    assert {row.optimised for row in measured} == {False, True}
    assert len(measured) == 16
    assert any(row.error_onnx and row.error_torch for row in measured)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str) -> None:
    graph = graph_of(NETWORK)
    model = emitted(graph, WEIGHTS)
    MUTANTS[name](model)
    parity = verify(graph, model.SerializeToString(), WEIGHTS)
    assert not parity.passed
    assert parity.first_failure is not None
    assert parity.first_failure.reason


@pytest.mark.parametrize("name", SPEC_MUTANTS)
def test_model_of_another_spec_is_caught(name: str) -> None:
    old, new = SPEC_MUTANTS[name]
    assert NETWORK.count(old) >= 1
    graph, other = graph_of(NETWORK), graph_of(NETWORK.replace(old, new, 1))
    parity = verify(graph, emitted(other, WEIGHTS).SerializeToString(), WEIGHTS)
    assert not parity.passed


SHALLOW = """
model Shallow : [N, 2, 9, 7] {
  conv(4, 3, padding=1) -> bn1: bn -> leakyrelu -> avgpool(2)
}
"""
SLIGHT = {
    "batchnorm eps 1e-6": attribute("bn1", "epsilon", 1e-6),
    "leaky slope 0.01001": attribute("leakyrelu1", "alpha", 0.01001),
}
"""Faults of a few millionths, which many layers behind them would drown."""


@pytest.mark.parametrize("name", SLIGHT)
@pytest.mark.parametrize("weights", [Randomised(1), Initialised(0)], ids=["randomised", "initialised"])
def test_slight_mutant_is_caught(name: str, weights: Weights) -> None:
    graph = graph_of(SHALLOW)
    model = emitted(graph, weights)
    assert verify(graph, model.SerializeToString(), weights, stress=False).passed
    SLIGHT[name](model)
    assert not verify(graph, model.SerializeToString(), weights, stress=False).passed


def test_wrong_weights_are_caught() -> None:
    graph = graph_of(NETWORK)
    assert not verify(graph, emitted(graph, Randomised(4)).SerializeToString(), WEIGHTS).passed


SMALL = """
model Small : [N, 2, 9, 7] {
  conv(4, 3, padding=1, bias=false) -> bn1: bn -> relu -> conv2: conv(4, 1)
}
"""


RESIDUAL = """
model Residual : [N, 2, 9, 7] {
  add { | _ | conv(2, 3, padding=1, bias=false) -> gelu -> conv(2, 1, bias=false) -> scale(init=1e-6) }
}
"""
ZEROED = """
model Zeroed : [N, 2, 9, 7] {
  conv(2, 3) -> tanh -> OFF
}
"""


def erf_to_tanh(model: onnx.ModelProto) -> None:
    (target,) = (n for n in model.graph.node if n.op_type == "Erf")
    target.op_type = "Tanh"


HIDDEN: dict[str, tuple[str, Mutation]] = {
    "scale and variance swapped": (SMALL, inputs("bn1", 0, 4, 2, 3, 1)),
    "shift and mean swapped": (SMALL, inputs("bn1", 0, 1, 3, 2, 4)),
    "gelu behind a tiny scale": (RESIDUAL, erf_to_tanh),
    "tanh behind a scale of zero": (
        ZEROED.replace("OFF", "conv(2, 1) -> scale(init=0.0)"),
        replaced("tanh1", "Sigmoid"),
    ),
    "tanh behind zero weights": (
        ZEROED.replace("OFF", 'conv(2, 1, init="zeros", bias=false)'),
        replaced("tanh1", "Sigmoid"),
    ),
    "tanh behind zeros in the spec": (
        ZEROED.replace("OFF", "conv(1, 1, weight=[[[[0]], [[0]]]], bias=false)"),
        replaced("tanh1", "Sigmoid"),
    ),
}
"""Faults of the given file that cannot be seen while scales and variances are 1, others 0 or tiny."""


def hidden(name: str) -> tuple[Graph, onnx.ModelProto, onnx.ModelProto]:
    """The network, its right file and its faulty one."""
    spec, mutate = HIDDEN[name]
    graph = graph_of(spec)
    right, wrong = emitted(graph, Initialised(0)), emitted(graph, Initialised(0))
    mutate(wrong)
    return graph, right, wrong


@pytest.mark.parametrize("name", HIDDEN)
def test_stress_pass_shows_what_initial_state_hides(name: str) -> None:
    graph, right, wrong = hidden(name)
    assert verify(graph, right.SerializeToString(), Initialised(0)).first_failure is None
    without = verify(graph, wrong.SerializeToString(), Initialised(0), stress=False)
    parity = verify(graph, wrong.SerializeToString(), Initialised(0))
    assert without.passed, "the fault is not hidden, so this shows nothing"
    assert parity.first_failure is not None
    assert parity.first_failure.case.startswith("randomised state · ")


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize("name", HIDDEN)
def test_stress_pass_shows_what_the_files_own_weights_hide(name: str, external: bool, tmp_path: Path) -> None:
    graph, right, wrong = hidden(name)
    file = tmp_path / "net.onnx"
    options = {"save_as_external_data": True, "location": "w.data", "size_threshold": 0} if external else {}
    onnx.save(right, file, **options)
    assert verify(graph, file, weights_of(file, graph)).first_failure is None
    (tmp_path / "w.data").unlink(missing_ok=True)
    onnx.save(wrong, file, **options)
    parity = verify(graph, file, weights_of(file, graph))
    assert parity.first_failure is not None
    assert parity.first_failure.case.startswith("randomised state · ")


CLIPPED = """
model Clipped : [N, 3, 32, 30] {
  conv(4, 3) -> instancenorm -> relu -> conv(2, 3)
}
"""


@pytest.mark.parametrize("weights", [Randomised(0), Initialised(0), Initialised(1)], ids=repr)
def test_threshold_behind_a_norm_is_reached(weights: Weights) -> None:
    """A norm makes inputs of every scale alike; only spikes exceed 6 behind it."""
    graph = graph_of(CLIPPED)
    model = emitted(graph, weights)
    assert verify(graph, model.SerializeToString(), weights).first_failure is None
    model.graph.initializer.extend(
        [numpy_helper.from_array(np.array(limit, np.float32), f"limit{limit}") for limit in (0, 6)]
    )
    target = node(model, "relu1")
    target.CopyFrom(helper.make_node("Clip", [target.input[0], "limit0", "limit6"], ["relu1"]))
    parity = verify(graph, model.SerializeToString(), weights)
    assert not parity.passed
    assert {row.case.removeprefix("randomised state · ") for row in parity.rows if not row.passed} == {"spikes"}
