"""Files that draw at random: what they give cannot be proven, however rarely they draw."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from specc.ir.graph import Graph
from specc.onnxfile import NondeterministicNode, OnnxFile
from specc.verify import Parity, verify
from specc.weights import Randomised
from tests.verify.networks import chain, emitted

WEIGHTS = Randomised(5)
GRAPH = chain("[N, 3, 4, 4]", "conv1: conv(4, 3) -> relu")


def judged(graph: Graph, model: onnx.ModelProto) -> Parity:
    return verify(graph, model.SerializeToString(), WEIGHTS, stress=False)


def with_noise(node: onnx.NodeProto) -> onnx.ModelProto:
    """The network, with next to nothing of random numbers added to its input."""
    model = emitted(GRAPH, WEIGHTS)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1e-30), "tiny"))
    model.graph.node[0].input[0] = "noisy"
    model.graph.node.insert(0, node)
    model.graph.node.insert(1, helper.make_node("Mul", ["noise", "tiny"], ["less"]))
    model.graph.node.insert(2, helper.make_node("Add", ["input", "less"], ["noisy"]))
    return model


def varying(model: onnx.ModelProto) -> list[NondeterministicNode]:
    return list(OnnxFile(b"", model).nondeterministic)


DRAWING = {
    "RandomNormalLike": helper.make_node("RandomNormalLike", ["input"], ["noise"], "noise"),
    "RandomUniformLike": helper.make_node("RandomUniformLike", ["input"], ["noise"], "noise"),
    "RandomNormal": helper.make_node("RandomNormal", [], ["noise"], "noise", shape=[3, 4, 4]),
    "RandomUniform": helper.make_node("RandomUniform", [], ["noise"], "noise", shape=[3, 4, 4]),
}


@pytest.mark.parametrize("name", DRAWING)
def test_what_draws_is_refused_by_name(name: str) -> None:
    parity = judged(GRAPH, with_noise(DRAWING[name]))
    assert not parity.passed
    assert [(row.case, row.reason) for row in parity.rows] == [
        ("randomness", f'{name} "noise" draws at random: what it gives cannot be proven. Take it out of the file')
    ]


@pytest.mark.parametrize("operator", ["Bernoulli", "Multinomial"])
def test_other_operators_that_draw(operator: str) -> None:
    node = helper.make_node(operator, ["input"], ["noise"])
    assert varying(with_noise(node)) == [NondeterministicNode(operator, "noise", "draws")]


def dropping(switch: str, value: bool | None = None, *, constant: bool = False) -> onnx.ModelProto:
    """The network behind a Dropout that hardly ever drops anything."""
    model = emitted(GRAPH, WEIGHTS)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1e-30), "ratio"))
    model.graph.node[0].input[0] = "kept"
    model.graph.node.insert(0, helper.make_node("Dropout", ["input", "ratio", switch], ["kept"], "drop1"))
    if value is not None:
        stored = numpy_helper.from_array(np.array(value), switch)
        if constant:
            model.graph.node.insert(0, helper.make_node("Constant", [], [switch], value=stored))
        else:
            model.graph.initializer.append(stored)
    return model


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("value", [False, True])
def test_dropout_draws_in_training(value: bool, constant: bool) -> None:
    parity = judged(GRAPH, dropping("training", value, constant=constant))
    assert parity.passed == (not value)
    if value:
        assert [row.reason for row in parity.rows] == [
            'Dropout "drop1" may drop at random, as in training: export the network after model.eval()'
        ]


def test_dropout_without_a_switch_does_not_draw() -> None:
    assert judged(GRAPH, dropping("")).passed


def test_dropout_whose_switch_is_computed_may_draw() -> None:
    model = dropping("training")
    model.graph.node.insert(0, helper.make_node("Not", ["on"], ["training"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "on"))
    assert not judged(GRAPH, model).passed


def test_inside_of_functions_and_branches() -> None:
    model = with_noise(helper.make_node("noisy", ["input"], ["noise"], "call", domain="local"))
    value = helper.make_tensor_value_info("drawn", TensorProto.FLOAT, None)
    drawn = helper.make_node("RandomNormalLike", ["x"], ["drawn"], "inner")
    still = helper.make_node("Identity", ["x"], ["drawn"])
    branches = [helper.make_graph([node], "branch", [], [value]) for node in (drawn, still)]
    body = [
        helper.make_node("Constant", [], ["never"], value=numpy_helper.from_array(np.array(False))),
        helper.make_node("If", ["never"], ["y"], "if", then_branch=branches[0], else_branch=branches[1]),
    ]
    opset = helper.make_opsetid("", model.opset_import[0].version)
    model.functions.append(helper.make_function("local", "noisy", ["x"], ["y"], body, [opset]))
    model.opset_import.append(helper.make_opsetid("local", 1))
    assert [row.case for row in judged(GRAPH, model).rows] == ["randomness"]
    assert varying(model) == [NondeterministicNode("RandomNormalLike", "inner", "draws")]


def test_a_function_that_nothing_calls_does_not_count() -> None:
    model = emitted(GRAPH, WEIGHTS)
    body = [helper.make_node("RandomNormalLike", ["x"], ["y"])]
    model.functions.append(helper.make_function("local", "noisy", ["x"], ["y"], body, [helper.make_opsetid("", 18)]))
    assert varying(model) == []


NORMAL = chain("[N, 3, 4, 4]", "conv1: conv(4, 3) -> bn1: bn -> relu")


def in_training(graph: Graph) -> onnx.ModelProto:
    """As PyTorch exports it with ``training=TrainingMode.TRAINING``: the new running statistics are results too."""
    model = emitted(graph, WEIGHTS)
    (node,) = (node for node in model.graph.node if node.op_type == "BatchNormalization")
    node.attribute.append(helper.make_attribute("training_mode", 1))
    node.output.extend(["bn1.mean", "bn1.var"])
    return model


def test_batch_norm_normalises_by_the_batch_in_training() -> None:
    """Whether this onnxruntime has training or not."""
    parity = judged(NORMAL, in_training(NORMAL))
    assert [(row.case, row.reason) for row in parity.rows] == [
        (
            "training",
            'BatchNormalization "bn1" normalises by the batch, as in training: export the network after model.eval()',
        )
    ]


def test_batch_norm_in_functions_and_of_old_opsets() -> None:
    model = in_training(NORMAL)
    (node,) = (node for node in model.graph.node if node.op_type == "BatchNormalization")
    del node.attribute[:]
    assert [found.why for found in varying(model)] == ["normalises"]
    del node.output[1:]
    node.attribute.append(helper.make_attribute("training_mode", 0))
    assert varying(model) == []
