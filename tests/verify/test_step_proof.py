"""Step by step: right steps pass, the first wrong one is named, in any kind of file."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

import specc
from specc.backends.onnx import write
from specc.diagnostics import UsageError
from specc.ir.graph import Graph
from specc.onnxfile import OnnxFile
from specc.verify import verify
from specc.verify.cases import Feed, cases
from specc.verify.extraction import SubgraphExtractor, SubmodelExtractor
from specc.verify.proof_settings import ProofSettings
from specc.verify.reference import run_module
from specc.verify.result import Parity, Tolerance
from specc.verify.step_alignment import align
from specc.verify.step_cases import FeedValues
from specc.verify.step_proof import StepJudge
from specc.weights import Initialised, Randomised
from tests.verify.networks import NETWORK, chain, emitted, graph_of
from tests.verify.test_sessions import HAS_CUDA

WEIGHTS = Randomised(3)
EXAMPLES = Path(__file__).parents[2] / "examples"

SKIPS = """
block unit(c) {
  add { | _ | conv1: conv(c, 3, padding=1) -> bn: bn -> relu -> conv2: conv(c, 3, padding=1) }
  relu
}
model Skips : [N, 3, 9, 8] -> [N, 5] {
  stem: conv(6, 3, padding=1)
  first: unit(6)
  second: unit(6)
  concat { | _ | conv(4, 1) -> sigmoid }
  globalavgpool -> flatten -> fc(5)
}
"""


def proof(graph: Graph, model: onnx.ModelProto, **options: object) -> Parity:
    return verify(graph, model.SerializeToString(), WEIGHTS, **options)


def failing(parity: Parity) -> list[str]:
    return [row.name for row in parity.steps if not row.passed]


@pytest.mark.parametrize("spec", [NETWORK, SKIPS], ids=["everything", "skips"])
@pytest.mark.parametrize("functions", [False, True], ids=["flat", "functions"])
def test_every_step_of_a_right_file_is_judged_by_itself(spec: str, functions: bool) -> None:
    graph = graph_of(spec)
    parity = verify(graph, _written(graph, functions), WEIGHTS, level="full")
    assert parity.passed, (failing(parity), parity.first_failure)
    assert [row.steps for row in parity.steps] == [(node.name,) for node in graph.nodes]
    assert all(row.runs == 2 * len(cases(graph)) for row in parity.steps)
    assert not parity.notes


def _written(graph: Graph, functions: bool) -> bytes:
    file = BytesIO()
    write(graph, WEIGHTS, file, functions=functions)
    return file.getvalue()


SPECS = [
    ("lenet.cnn", None), ("birds.cnn", None), ("edges.cnn", None), ("timeseries.cnn", None),
    ("twins.cnn", "Convolution"),
    ("volume.cnn", None), ("zoo/squeezenet.cnn", "SqueezeNet1_1"), ("zoo/resnet.cnn", "ResNet18"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "name"), SPECS, ids=lambda value: value)
def test_steps_one_after_another_are_the_module(spec: str, name: str | None) -> None:
    """What the steps are judged by is the network: fed to each other, they give its outputs to the bit."""
    model = specc.load(EXAMPLES / spec, model=name)
    inputs = cases(model.graph)[0].inputs(model.graph, 0)
    values, subgraphs = dict(inputs), SubgraphExtractor(model.graph)
    for node in model.graph.nodes:
        subgraph = subgraphs.extract(node.name, values)
        fed = {value: values[value] for value in subgraph.inputs}
        (values[node.name],) = run_module(subgraph.module(WEIGHTS), fed, torch.float32)
    whole = run_module(model.to_torch(weights=WEIGHTS), inputs, torch.float32)
    for (_, value), result in zip(model.graph.outputs, whole, strict=True):
        np.testing.assert_array_equal(values[value], result)


def maker(model: onnx.ModelProto, value: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if value in node.output)


def other_source(model: onnx.ModelProto) -> None:
    """The skip of the second unit comes from the stem, which has the same shape."""
    add = maker(model, "second.add1")
    assert "first" in add.input[0] or "first" in add.input[1], list(add.input)
    add.input[:] = ["stem" if name.startswith("first") else name for name in add.input]


def other_padding(model: onnx.ModelProto) -> None:
    (pads,) = (a for a in maker(model, "second.conv1").attribute if a.name == "pads")
    pads.ints[:] = [2, 1, 0, 1]


def sigmoid_left_out(model: onnx.ModelProto) -> None:
    maker(model, "sigmoid1").op_type = "Identity"


def one_bit_of_a_weight(model: onnx.ModelProto) -> None:
    (stored,) = (t for t in model.graph.initializer if t.name == "stem.weight")
    values = numpy_helper.to_array(stored).copy()
    values.reshape(-1)[3] = np.nextafter(values.reshape(-1)[3], np.float32(9))
    stored.CopyFrom(numpy_helper.from_array(values, stored.name))


MUTANTS: dict[str, tuple[Callable[[onnx.ModelProto], None], str]] = {
    "skip from elsewhere": (other_source, "second.add1"),
    "padding moved": (other_padding, "second.conv1"),
    "sigmoid left out": (sigmoid_left_out, "sigmoid1"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_first_wrong_step_is_named(name: str) -> None:
    mutate, step = MUTANTS[name]
    graph = graph_of(SKIPS)
    model = emitted(graph, WEIGHTS)
    mutate(model)
    parity = proof(graph, model)
    assert failing(parity) == [step], "no other step is wrong, fed as it should be"
    assert parity.first_divergence is not None
    assert parity.first_divergence.span.text in SKIPS
    assert parity.reproduction is None or parity.reproduction.row is parity.first_divergence


def test_step_that_takes_another_value_is_told_so() -> None:
    graph = graph_of(SKIPS)
    model = emitted(graph, WEIGHTS)
    other_source(model)
    row = proof(graph, model).first_divergence
    assert row is not None
    assert "the file computes second.add1 from stem, second.conv2, the spec from first" in row.reason


def test_bit_of_a_weight_is_seen() -> None:
    """Far below every bound, and not the tensor that was given."""
    graph = graph_of(SKIPS)
    model = emitted(graph, WEIGHTS)
    one_bit_of_a_weight(model)
    parity = proof(graph, model)
    assert not parity.passed
    assert [t.path for t in parity.tensors if t.status == "different"] == ["stem.weight"]


def renamed(model: onnx.ModelProto) -> None:
    """Every inner value under a name that says nothing."""
    kept = {value.name for value in (*model.graph.input, *model.graph.output, *model.graph.initializer)}
    names = {name: f"v{place}" for place, node in enumerate(model.graph.node) for name in node.output}
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) if name not in kept else name for name in node.input]
        node.output[:] = [names[name] if name not in kept else name for name in node.output]
    del model.graph.value_info[:]


@pytest.mark.parametrize("spec", [NETWORK, SKIPS], ids=["everything", "skips"])
def test_steps_are_found_by_value(spec: str) -> None:
    graph = graph_of(spec)
    model = emitted(graph, WEIGHTS)
    renamed(model)
    parity = proof(graph, model)
    assert parity.passed, (failing(parity), parity.first_failure)
    assert [row.steps for row in parity.steps] == [(node.name,) for node in graph.nodes]


@pytest.mark.parametrize("name", ["padding moved", "sigmoid left out"])
def test_wrong_step_is_named_where_names_are_lost(name: str) -> None:
    mutate, step = MUTANTS[name]
    graph = graph_of(SKIPS)
    model = emitted(graph, WEIGHTS)
    mutate(model)
    renamed(model)
    parity = proof(graph, model)
    assert failing(parity) == [step]
    assert [row.steps for row in parity.steps] == [(node.name,) for node in graph.nodes]


def test_two_wrong_steps_are_named_where_names_are_lost() -> None:
    graph = graph_of(SKIPS)
    model = emitted(graph, WEIGHTS)
    other_padding(model)
    maker(model, "first.relu1").op_type = "Abs"
    renamed(model)
    assert failing(proof(graph, model)) == ["first.relu1", "second.conv1"]


def test_wrong_step_that_the_file_has_merged_is_named_where_names_are_lost() -> None:
    """The batch norm is folded into the convolution before it, whose padding is wrong besides."""
    graph = graph_of(SKIPS)
    model = emitted(graph, WEIGHTS)
    folded(model)
    (pads,) = (a for a in maker(model, "first.bn").attribute if a.name == "pads")
    pads.ints[:] = [2, 1, 0, 1]
    renamed(model)
    row = proof(graph, model).first_divergence
    assert row is not None
    assert row.steps == ("first.conv1", "first.bn")


def folded(model: onnx.ModelProto) -> None:
    """The batch norm of the first unit inside the convolution before it, as exporters do."""
    conv, norm = maker(model, "first.conv1"), maker(model, "first.bn")
    stored = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer}
    scale, shift, mean, variance = (stored[name] for name in norm.input[1:])
    factor = scale / np.sqrt(variance + 1e-5)
    weight, bias = stored[conv.input[1]] * factor[:, None, None, None], (stored[conv.input[2]] - mean) * factor + shift
    for name, values in (("folded.weight", weight), ("folded.bias", bias)):
        model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
    conv.input[1:] = ["folded.weight", "folded.bias"]
    conv.output[0] = norm.output[0]
    model.graph.node.remove(norm)
    unused = {"first.conv1.weight", "first.conv1.bias", *norm.input[1:]}
    kept = [t for t in model.graph.initializer if t.name not in unused]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def test_steps_that_the_file_merges_are_judged_as_one() -> None:
    graph = graph_of(SKIPS)
    model = emitted(graph, WEIGHTS)
    folded(model)
    parity = proof(graph, model)
    assert parity.passed, (failing(parity), parity.first_failure, parity.tensors)
    assert [row.steps for row in parity.steps if len(row.steps) > 1] == [("first.conv1", "first.bn")]
    assert {t.path for t in parity.tensors if t.status == "folded"} >= {"first.conv1.weight", "first.bn.weight"}


def test_wrongly_merged_steps_are_caught() -> None:
    graph = graph_of(SKIPS)
    model = emitted(graph, WEIGHTS)
    folded(model)
    (stored,) = (t for t in model.graph.initializer if t.name == "folded.bias")
    stored.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(stored) + np.float32(1e-4), stored.name))
    parity = proof(graph, model)
    row = parity.first_divergence
    assert row is not None
    assert row.steps[:2] == ("first.conv1", "first.bn")


PADDED = "conv(4, 3) -> relu -> conv(4, 1) -> pad(1) -> maxpool(2) -> conv(2, 1)"


def plain_pad(model: onnx.ModelProto) -> None:
    """As others write zeros in front of a max pool: ONNX Runtime folds them into the pool, which pads with -inf."""
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), "pads"))
    pad = maker(model, "pad1")
    pad.input[:] = [pad.input[0], "pads"]


def test_wrong_optimisation_is_traced_to_the_step() -> None:
    graph = chain("[N, 3, 12, 10]", PADDED)
    model = emitted(graph, WEIGHTS)
    plain_pad(model)
    parity = proof(graph, model)
    assert {row.optimised for row in parity.rows if not row.passed} == {True}, "ONNX Runtime is right otherwise"
    assert failing(parity) == ["maxpool1"]
    row = parity.first_divergence
    assert row is not None
    assert row.optimised
    assert "with all steps before it" in row.rule
    assert (row.layer, row.span.text) == ("maxpool(2)", "maxpool(2)")
    assert parity.reproduction is not None
    assert parity.reproduction.row.name == "maxpool1"


def test_tolerance_judges_instead() -> None:
    graph = graph_of(SKIPS)
    model = emitted(graph, WEIGHTS)
    (stored,) = (t for t in model.graph.initializer if t.name == "stem.weight")
    stored.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(stored) * np.float32(1.001), stored.name))
    assert not proof(graph, model).passed
    assert not proof(graph, model, tolerance=Tolerance(rtol=1e-6)).passed
    generous = proof(graph, model, tolerance=Tolerance(atol=1e3, rtol=1e-2))
    assert not generous.steps, "what is allowed of an output says nothing of the steps"
    assert all(row.passed for row in generous.rows)
    assert generous.passed, "the user allows other numbers"


def test_exact_steps_are_compared_bit_by_bit() -> None:
    """A value off by one unit in the last place is within every tolerance, and is not what relu gives."""
    graph = chain("[N, 3, 9, 8]", "conv(4, 3) -> relu")
    model = emitted(graph, WEIGHTS)
    model.graph.initializer.append(numpy_helper.from_array(np.array(1 + 2**-23, np.float32), "nudge"))
    relu = maker(model, "output")
    relu.output[0] = "before"
    model.graph.node.append(helper.make_node("Mul", ["before", "nudge"], ["output"]))
    parity = proof(graph, model)
    assert all(row.passed for row in parity.rows), "the whole is within its bound"
    assert failing(parity) == ["relu1"]


def test_progress_is_told() -> None:
    graph = chain("[N, 3, 9, 8]", "conv(4, 3) -> relu")
    told: list[tuple[str, int, int]] = []
    proof(graph, emitted(graph, WEIGHTS), progress=lambda *parts: told.append(parts))
    assert {what for what, _, _ in told} == {"loading PyTorch and onnxruntime", "PyTorch in float64", "step by step"}
    assert all(0 <= done < of for _, done, of in told)


def test_initial_weights_are_proven_too() -> None:
    graph = graph_of(SKIPS)
    parity = verify(graph, emitted(graph, Initialised(0)).SerializeToString(), Initialised(0), level="full")
    assert parity.passed, (failing(parity), parity.first_failure)
    assert all(row.runs == 4 * len(cases(graph)) for row in parity.steps), "as they are, and randomised"


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_CUDA, reason="ONNX Runtime's CUDA provider does not work on this machine")
@pytest.mark.parametrize("tf32", [False, True], ids=["float32", "TF32"])
@pytest.mark.parametrize("spec", [NETWORK, SKIPS], ids=["everything", "skips"])
def test_steps_are_right_on_cuda(spec: str, tf32: bool) -> None:
    graph = graph_of(spec)
    parity = proof(graph, emitted(graph, WEIGHTS), provider="cuda", tf32=tf32)
    assert parity.passed, (failing(parity), parity.first_failure)
    assert {provider for _, provider in parity.assignment} == {"CUDAExecutionProvider"}
    assert dict(parity.settings)["TF32"] == ("on, with bounds for it" if tf32 else "off")


def test_tf32_is_refused_where_there_is_none() -> None:
    graph = graph_of(SKIPS)
    with pytest.raises(UsageError, match="TF32 is a format of NVIDIA GPUs, and the proof runs on cpu"):
        proof(graph, emitted(graph, WEIGHTS), tf32=True)


class Tf32OnTheCpu(ProofSettings):
    """The bounds of TF32 without the GPU that rounds so."""

    def __post_init__(self) -> None:
        pass


def to_tf32(values: np.ndarray) -> np.ndarray:
    """Ten bits of the fraction are kept, to nearest."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + np.uint32(1 << 12)) & np.uint32(0xFFFFE000)).view(np.float32)


@pytest.mark.parametrize(("tf32", "wrong"), [(False, ["conv1", "output"]), (True, [])])
def test_weights_in_tf32_are_within_the_bounds_of_tf32_alone(tf32: bool, wrong: list[str]) -> None:
    graph = chain("[N, 3, 9, 8]", "conv(4, 3) -> relu -> flatten -> output: fc(5)")
    model = emitted(graph, WEIGHTS)
    for stored in model.graph.initializer:
        if stored.name.endswith("weight"):
            stored.CopyFrom(numpy_helper.from_array(to_tf32(numpy_helper.to_array(stored)), stored.name))
    settings = Tf32OnTheCpu(tf32=tf32)
    extractor = SubmodelExtractor(OnnxFile(model.SerializeToString()))
    values = [FeedValues.of(graph, Feed((case,)), case.inputs(graph, 0)) for case in cases(graph)]
    steps, _ = align(graph, extractor, WEIGHTS, values[0].values, settings)
    judged = StepJudge(extractor, WEIGHTS, settings).judge_all(steps, values)
    assert [step.row.name for step in judged if not step.row.passed] == wrong
