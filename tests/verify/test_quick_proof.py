"""What the quick proof runs, what it leaves to another step, and that a fault is found wherever it lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from specc.ir.op import Parameter
from specc.onnxfile import OnnxFile, weights_of
from specc.verify import Parity, proof_settings, reference, step_cases, step_proof, verify
from specc.verify.cases import KINDS, full_plan, quick_plan
from specc.verify.parity import one_thread
from specc.verify.result import Level
from specc.weights import Initialised, Randomised, Weights
from specc.weights.tensors import Array
from tests.verify.mutants import KINDS as MUTANTS
from tests.verify.mutants import Draft, mutants
from tests.verify.networks import chain, emitted, graph_of
from tests.verify.specimens import SMALL

WEIGHTS = Randomised(0)
TWINS = (
    "stem: conv(6, 3, padding=1) -> relu -> a: conv(6, 3, padding=1) -> b: conv(6, 3, padding=1) -> flatten -> fc(3)"
)
IMAGE = "[N, 3, 40, 32]"


def proven(model: onnx.ModelProto, steps: str = TWINS, image: str = IMAGE, weights: Weights = WEIGHTS) -> Parity:
    return verify(chain(image, steps), model.SerializeToString(), weights, level="quick", stress=False)


def twins() -> onnx.ModelProto:
    return emitted(chain(IMAGE, TWINS), WEIGHTS)


def node(model: onnx.ModelProto, step: str) -> onnx.NodeProto:
    return next(each for each in model.graph.node if step in each.output)


def test_a_step_like_another_runs_on_normal_numbers_with_its_own_weights() -> None:
    parity = proven(twins())
    assert parity.passed
    rows = {row.name: row for row in parity.steps}
    assert {name: row.like for name, row in rows.items() if row.like} == {"b": "a"}
    assert [rows[name].runs for name in ("stem", "a", "b", "flatten1")] == [14, 14, 2, 14], (
        "seven kinds, with graph optimisation and without; normal numbers and negated ones without"
    )
    assert {name for name, row in rows.items() if row.in_part} == {"stem", "relu1", "a", "b"}
    settings = dict(parity.settings)
    assert settings["proof"] == "quick"
    assert settings["steps"] == "5 tried on normal, spikes, zeros, x 1e3, x 1e-6, mean 1000 and negated numbers"
    assert settings["steps alike"].startswith("1 computed like one of these")
    assert settings["places"].startswith("4 steps")


def test_the_full_proof_runs_every_step_on_every_case() -> None:
    graph = chain(IMAGE, TWINS)
    parity = verify(graph, twins().SerializeToString(), WEIGHTS, level="full", stress=False)
    assert parity.passed
    assert {row.runs for row in parity.steps} == {2 * len(full_plan(graph).steps)}
    assert not any(row.like or row.in_part for row in parity.steps)
    assert dict(parity.settings)["proof"] == "full"


def test_a_step_that_is_computed_otherwise_is_like_none() -> None:
    """The second of two equal steps is wrong: in its attributes, in its nodes, in its constants."""
    model = twins()
    pads = next(a for a in node(model, "b").attribute if a.name == "pads")
    pads.ints[:] = [2, 1, 0, 1]
    parity = proven(model)
    assert parity.first_divergence is not None
    assert (parity.first_divergence.name, parity.first_divergence.like) == ("b", "")

    model = twins()
    node(model, "b").output[0] = "b/before"
    place = next(i for i, each in enumerate(model.graph.node) if "b/before" in each.output)
    model.graph.node.insert(place + 1, onnx.helper.make_node("Mul", ["b/before", "factor"], ["b"]))
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1.001), "factor"))
    parity = proven(model)
    assert parity.first_divergence is not None
    assert parity.first_divergence.name == "b"


def test_a_constant_of_one_of_two_equal_steps_is_looked_at() -> None:
    steps = "conv(4, 3) -> a: affine(2.0, 0.5) -> conv1x1: conv(4, 1) -> b: affine(2.0, 0.5) -> flatten -> fc(2)"
    model = emitted(chain(IMAGE, steps), WEIGHTS)
    assert {row.name: row.like for row in proven(model, steps).steps}["b"] == "a"
    stored = next(tensor for tensor in model.graph.initializer if tensor.name == node(model, "b").input[1])
    stored.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(stored) + np.float32(1), stored.name))
    parity = proven(model, steps)
    assert parity.first_divergence is not None
    assert parity.first_divergence.name == "b"


def test_other_weights_of_a_step_like_another_are_seen() -> None:
    model = twins()
    stored = next(tensor for tensor in model.graph.initializer if tensor.name == "b.weight")
    stored.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(stored) * np.float32(1.001), stored.name))
    parity = proven(model)
    assert [row.path for row in parity.wrong_tensors] == ["b.weight"]
    assert [row.name for row in parity.steps if not row.passed] == ["b"]


@pytest.mark.parametrize(("batch", "stacked"), [("N", True), ("4", False)])
def test_kinds_run_at_once_where_the_batch_may_be_as_large(batch: str, stacked: bool) -> None:
    graph = chain(f"[{batch}, 3, 12, 9]", "conv(4, 3) -> bn -> relu -> flatten -> fc(5)")
    plan = quick_plan(graph)
    kinds, made = {kind.name for kind in KINDS}, {case.name for case in plan.kinds}
    assert {case.name for feed in plan.network for case in feed.cases} == kinds
    assert {case.name for feed in plan.steps for case in feed.cases} | made == kinds | {"negated"}
    assert plan.at_once is stacked
    assert {len(feed.cases) for feed in plan.network} == ({1, 6} if stacked else {1})
    parity = verify(graph, emitted(graph, WEIGHTS).SerializeToString(), WEIGHTS)
    assert parity.passed, parity
    assert {row.runs for row in parity.steps} == {14}
    one = 1 if stacked else 4
    assert {row.batch for row in parity.rows if row.batch} == ({one, 6 * one} if stacked else {one})


def test_many_numbers_are_tried_one_kind_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is found where they are tried at once: errors, cases, and the inputs that show a fault."""
    steps = "conv(4, 3) -> groupnorm(2) -> last: hardswish -> softmax -> flatten"
    right, wrong = (emitted(chain(IMAGE, steps), WEIGHTS) for _ in range(2))
    last, limit = node(wrong, "last"), numpy_helper.from_array(np.float32(500), "limit")
    last.output[0] = "open"
    wrong.graph.initializer.append(limit)
    behind = list(wrong.graph.node).index(last) + 1
    wrong.graph.node.insert(behind, onnx.helper.make_node("Min", ["open", "limit"], ["last"]))
    together, fault = proven(right, steps), proven(wrong, steps)
    for settings in ({"LARGE_VALUE": 0}, {"LARGE_VALUE": 0, "MANY": 0}):
        for name, value in settings.items():
            monkeypatch.setattr(step_proof, name, value)
        parity, failed = proven(right, steps), proven(wrong, steps)
        assert parity.passed
        rows, others = ([(row.runs, row.case, row.optimised) for row in each.steps] for each in (parity, together))
        assert rows == others
        errors = ([row.error_onnx for row in each.steps] for each in (parity, together))
        np.testing.assert_allclose(*errors, rtol=1e-6)
        found, there = ((each.first_divergence or each.steps[0]) for each in (failed, fault))
        assert (found.name, found.reason, found.case) == ("last", there.reason, there.case)
        assert failed.reproduction is not None
        (fed,) = failed.reproduction.inputs.values()
        assert failed.reproduction.exact.shape == failed.reproduction.allowed.shape == fed.shape


def test_a_large_network_is_followed_on_fewer_kinds_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specc.verify.cases.AFFORDABLE", 1)
    graph = chain(IMAGE, TWINS)
    for most, kinds in ((10**9, ["normal", "spikes"]), (1, ["normal"])):
        monkeypatch.setattr("specc.verify.cases.TWICE", most)
        parity = proven(twins())
        assert parity.passed
        assert [*dict.fromkeys(row.case for row in parity.rows if row.error_onnx is not None)] == kinds
        assert f"a large network: from end to end on {' and '.join(kinds)} numbers alone" in parity.notes
        assert {row.runs for row in parity.steps if not row.like} == {14}, "every kind reaches the steps"
    assert {case.name for feed in quick_plan(graph).steps for case in feed.cases} == {"normal", "spikes"}


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often PyTorch runs a module and ONNX Runtime makes a session."""
    counted: Counter[str] = Counter()
    for module in (reference, step_cases, step_proof):
        run = module.run_module
        monkeypatch.setattr(module, "run_module", lambda *a, run=run, **k: (counted.update(passes=1), run(*a, **k))[1])
    opened = proof_settings.open_session
    monkeypatch.setattr(
        proof_settings, "open_session", lambda *a, **k: (counted.update(sessions=1), opened(*a, **k))[1]
    )
    return counted


def test_a_node_that_reads_far_is_seen() -> None:
    """A tap 30 places away reads padding alone in an excerpt: such a piece is tried on the whole."""
    image, steps = "[N, 3, 64, 64]", "stem: conv(6, 3, padding=1) -> relu -> globalavgpool -> flatten -> fc(3)"
    model = emitted(chain(image, steps), WEIGHTS)
    relu = node(model, "relu1")
    taps = np.zeros((6, 1, 3, 3), np.float32)
    taps[:, :, 0, 0] = 1e-7
    model.graph.initializer.append(numpy_helper.from_array(taps, "far"))
    place = list(model.graph.node).index(relu)
    relu.output[0] = "near"
    far = onnx.helper.make_node("Conv", ["stem", "far"], ["distant"], dilations=[30, 30], pads=[30] * 4, group=6)
    model.graph.node.insert(place + 1, far)
    model.graph.node.insert(place + 2, onnx.helper.make_node("Add", ["near", "distant"], ["relu1"]))
    parity = proven(model, steps, image)
    assert parity.first_divergence is not None
    assert parity.first_divergence.name == "relu1"


def test_places_that_nothing_reaches_are_tried() -> None:
    """Those between the windows of a transposed convolution whose stride is larger than its kernel."""
    steps = "up: convtranspose(4, 2, stride=3)"
    model = emitted(chain(IMAGE, steps), WEIGHTS)
    parity = proven(model, steps)
    assert parity.passed
    assert [row.in_part for row in parity.steps] == [True]
    bias = next(each for each in model.graph.initializer if each.name == "up.bias")
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(0.01), "up.bias"))
    assert (proven(model, steps).first_divergence or parity.steps[0]).passed is False


def test_equal_nodes_that_hold_the_numbers_of_one_step_alone() -> None:
    """Two steps whose slopes differ, both computed with that of the first."""
    steps = "conv(4, 1) -> affine(1.0, 30.0) -> a: prelu -> affine(1.0, 30.0) -> b: prelu -> flatten -> fc(3)"
    image = "[N, 3, 12, 12]"
    given = {"a.weight": 0.25, "b.weight": 0.5}

    class Slopes(Randomised):
        def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
            return iter([np.full(1, given[path], np.float32)]) if path in given else super().chunks(path, parameter)

    weights = Slopes(0)
    model = emitted(chain(image, steps), weights)
    for step in given:
        prelu = node(model, step.partition(".")[0])
        prelu.op_type = "LeakyRelu"
        del prelu.input[1:]
        prelu.attribute.append(onnx.helper.make_attribute("alpha", 0.25))
    parity = proven(model, steps, image, weights)
    assert parity.first_divergence is not None
    assert (parity.first_divergence.name, parity.first_divergence.like) == ("b", "")


def test_a_limit_is_seen_behind_numbers_of_either_sign() -> None:
    steps, image = "first: relu -> conv(4, 3) -> relu -> globalavgpool -> flatten -> fc(3)", "[N, 1, 64, 64]"
    graph = chain(image, steps)
    for seed in range(3):
        model = emitted(graph, WEIGHTS)
        relu = node(model, "first")
        relu.output[0] = "open"
        place = list(model.graph.node).index(relu)
        model.graph.initializer.append(numpy_helper.from_array(np.float32(1e4), "limit"))
        model.graph.node.insert(place + 1, onnx.helper.make_node("Min", ["open", "limit"], ["first"]))
        parity = verify(graph, model.SerializeToString(), WEIGHTS, level="quick", stress=False, seed=seed)
        assert parity.first_divergence is not None
        assert parity.first_divergence.name == "first"


@pytest.mark.parametrize(("weights", "passes_over_steps"), [(Initialised(0), 1), (None, 2)])
def test_numbers_from_a_file_are_tried_at_every_step(weights: Weights | None, passes_over_steps: int) -> None:
    """Drawn ones are as good as random ones; those of a file may be of any size."""
    graph = chain(IMAGE, "conv(4, 3) -> bn -> relu -> flatten -> fc(3)")
    file = OnnxFile(emitted(graph, Initialised(0)).SerializeToString())
    parity = verify(graph, file, weights or weights_of(file, graph))
    assert parity.passed
    assert {row.runs for row in parity.steps} == {14 * passes_over_steps}


def test_costs_grow_with_the_different_steps(passes: Counter[str]) -> None:
    """Ten more equal blocks of two steps: for each step one session more, and PyTorch twice and once in float64."""
    costs = []
    for depth in (2, 12):
        passes.clear()
        graph = graph_of(f"model A : {IMAGE} {{\n  conv(6, 3, padding=1) -> relu\n"
                         f"  repeat {depth} {{ conv(6, 3, padding=1) -> relu }}\n  flatten -> fc(2)\n}}\n")  # fmt: skip
        assert verify(graph, emitted(graph, WEIGHTS).SerializeToString(), WEIGHTS, stress=False).passed
        costs.append(dict(passes))
    assert costs[1]["sessions"] - costs[0]["sessions"] == 20
    assert costs[1]["passes"] - costs[0]["passes"] <= 20 * 4


def test_steps_are_proven_once_where_every_tensor_is_known(passes: Counter[str]) -> None:
    """Fresh batch norms are proven with random statistics; with the weights as they are, the whole is enough."""
    graph = chain(IMAGE, "conv(4, 3) -> bn -> relu -> flatten -> fc(3)")
    model = emitted(graph, Initialised(0)).SerializeToString()
    parity = verify(graph, model, Initialised(0))
    assert parity.passed
    assert {row.case.partition(" · ")[0] for row in parity.steps} == {"randomised state"}
    assert {row.runs for row in parity.steps} == {14}
    assert any(not row.case.startswith("randomised") for row in parity.rows if row.error_onnx is not None)
    assert passes["sessions"] == 2 * 2 + 2 * len(parity.steps)


def test_a_fault_in_fresh_weights_names_its_step() -> None:
    graph = chain(IMAGE, "conv(4, 3) -> bn -> relu -> flatten -> fc(3)")
    model = emitted(graph, Initialised(0))
    node(model, "relu1").op_type = "Abs"
    parity = verify(graph, model.SerializeToString(), Initialised(0))
    assert parity.first_divergence is not None
    assert parity.first_divergence.name == "relu1"
    assert not parity.first_divergence.case.startswith("randomised")


def test_numbers_that_never_reach_a_step_show_what_it_is() -> None:
    """Behind a ReLU a leaky one has no slope to show; a file whose steps are ours has it all the same."""
    steps = "conv(4, 3) -> relu -> leaky: leakyrelu(0.2) -> flatten -> fc(2)"
    model = emitted(chain(IMAGE, steps), WEIGHTS)
    node(model, "leaky").attribute[0].f = 0.3
    parity = proven(model, steps)
    assert parity.first_divergence is not None
    assert (parity.first_divergence.name, parity.first_divergence.case) == ("leaky", "negated")


def test_a_file_from_elsewhere_may_leave_out_what_changes_nothing() -> None:
    steps = "conv(4, 3) -> first: relu -> second: relu -> flatten -> fc(2)"
    graph = chain(IMAGE, steps)
    model = emitted(graph, WEIGHTS)
    following = next(each for each in model.graph.node if "second" in each.input)
    following.input[0] = "first"
    model.graph.node.remove(node(model, "second"))
    parity = proven(model, steps)
    assert parity.passed, parity
    assert parity.notes[0].startswith("found by their values")


def test_values_are_told_apart_by_numbers_of_one_size() -> None:
    """Beside spikes, 0.5 x + 0.1 and 0.5 x are nearly one value: a renamed file is aligned on normal numbers."""
    graph = graph_of(SMALL["scales"])
    model = emitted(graph, WEIGHTS)
    renamed, *_ = mutants(Draft(model, graph), MUTANTS["inner values and nodes renamed"])
    parity = verify(graph, renamed.model.SerializeToString(), WEIGHTS, stress=False)
    assert parity.passed, parity.first_divergence


@pytest.mark.parametrize(("level", "stress"), [("quick", None), ("full", None), ("quick", False)])
def test_progress_is_of_the_whole(level: Level, stress: bool | None) -> None:
    """From the first word to the last it only grows, towards one number, and comes near to it."""
    graph = chain(IMAGE, "conv(4, 3) -> bn -> relu -> flatten -> fc(3)")
    model = emitted(graph, Initialised(0)).SerializeToString()
    told: list[tuple[str, int, int]] = []
    verify(graph, model, Initialised(0), level=level, stress=stress, progress=lambda *part: told.append(part))
    (first, *_), *others = told
    assert first == "loading PyTorch and onnxruntime"
    done = [each for _, each, _ in others]
    (total,) = {of for _, _, of in others}
    assert done == sorted(done)
    assert 0.95 * total <= done[-1] < total


def test_threads_are_as_before() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
